//! What a build leaves beside the images: `manifest.json`, `packages.txt`, `SHA256SUMS`.

use crate::plan::Plan;
use crate::trust::report::Report;
use serde::Serialize;
use std::fmt::Write;

/// Schema number of `manifest.json`.
pub const SCHEMA: u32 = 1;

/// One image file.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// File name in the output folder.
    pub file: String,
    /// The node it is for.
    pub node: String,
    /// Its size in bytes, as `ls` shows it.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    schema: u32,
    generator: &'static str,
    plan_sha256: String,
    /// Names the installed tree in the cache that the images were made from.
    tree_sha256: String,
    /// Said aloud, so that nobody takes a practice image for CentOS.
    practice_media: bool,
    /// Who vouches for the packages.
    trust: &'a Report,
    plan: &'a Plan,
    files: &'a [Output],
}

/// `manifest.json`.
pub fn manifest(plan: &Plan, trust: &Report, files: &[Output]) -> String {
    let manifest = Manifest {
        schema: SCHEMA,
        generator: concat!("imgbuild ", env!("CARGO_PKG_VERSION")),
        plan_sha256: plan.digest(),
        tree_sha256: plan.tree_digest(),
        practice_media: plan.practice,
        trust,
        plan,
        files,
    };
    let mut text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    text.push('\n');
    text
}

/// `packages.txt`: one NEVRA and its repository a line, sorted.
pub fn packages(plan: &Plan) -> String {
    let mut lines: Vec<String> =
        plan.packages.iter().map(|p| format!("{} {}\n", p.nevra(), p.repo)).collect();
    lines.sort();
    lines.concat()
}

/// `SHA256SUMS` in the form that `sha256sum -c` reads.
pub fn sums(files: &[(String, String)]) -> String {
    files.iter().fold(String::new(), |mut text, (name, digest)| {
        let _ = writeln!(text, "{digest}  {name}");
        text
    })
}
