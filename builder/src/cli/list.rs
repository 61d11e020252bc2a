//! `imgbuild list`.

use super::common::{Common, OUTPUT, StateArguments, json, print};
use crate::base::error::{Error, Result};
use crate::base::files::names_in;
use crate::image::output;
use crate::lab::{secrets, vm};
use crate::packages::cache::{self, CacheKind};
use crate::provenance::manifest::Manifest;
use crate::spec::show_size;
use crate::tree::sandbox::userns;
use clap::Args;
use contract::time::rfc3339;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Schema number of the JSON output.
const SCHEMA: u32 = 1;

#[derive(Args)]
pub struct ListArguments {
    /// Output directory of a build, or the directory of several. May be repeated.
    #[arg(short, long, default_value = OUTPUT, value_name = "DIR")]
    output: Vec<PathBuf>,
    /// Print the list as JSON, with a schema number.
    #[arg(short, long)]
    json: bool,
    #[command(flatten)]
    state: StateArguments,
    #[command(flatten)]
    common: Common,
}

/// Everything there is.
#[derive(Serialize)]
struct Overview {
    schema: u32,
    builds: Vec<Build>,
    labs: Vec<Lab>,
    cache: Cache,
    /// What could not be looked at, and why.
    unread: Vec<String>,
}

#[derive(Serialize)]
struct Build {
    directory: PathBuf,
    lab: String,
    role: String,
    /// When, in UTC (RFC 3339).
    built: String,
    practice: bool,
    plan: String,
    images: Vec<ImageEntry>,
}

#[derive(Serialize)]
struct ImageEntry {
    file: String,
    node: String,
    size: u64,
    /// Whether the file is still there.
    exists: bool,
}

#[derive(Serialize)]
struct Lab {
    name: String,
    /// Whether it has secrets, which its images have too.
    secrets: bool,
    machines: Vec<MachineEntry>,
}

#[derive(Serialize)]
struct MachineEntry {
    node: String,
    state: &'static str,
}

#[derive(Serialize)]
struct Cache {
    directory: PathBuf,
    kinds: Vec<KindEntry>,
}

#[derive(Serialize)]
struct KindEntry {
    kind: &'static str,
    entries: usize,
    bytes: u64,
}

pub fn run(a: ListArguments) -> Result<()> {
    let (root, state) = (a.common.cache()?, a.state.directory()?);
    let mut unread = Vec::new();
    // Trees have owners that only root, or who maps them, can look into.
    if root.join("trees").is_dir()
        && let Err(e) = userns::become_root()
    {
        unread.push(e.message);
    }
    let overview = Overview {
        schema: SCHEMA,
        builds: builds(&a.output, &mut unread),
        labs: labs(&state, &mut unread),
        cache: cache_of(root, &mut unread),
        unread,
    };
    print(&if a.json { json(&overview) } else { text(&overview) })?;
    match overview.unread.as_slice() {
        [] => Ok(()),
        unread => {
            Err(Error::environment(format!("not everything can be read:\n{}", unread.join("\n"))))
        }
    }
}

fn builds(outputs: &[PathBuf], unread: &mut Vec<String>) -> Vec<Build> {
    for output in outputs {
        unread.extend(names_in(output).err().map(|e| e.message));
    }
    let manifests = output::manifests(outputs).unwrap_or_else(|e| {
        unread.push(e.message);
        Vec::new()
    });
    let mut builds = Vec::new();
    for path in manifests {
        match Manifest::read(&path) {
            Ok(manifest) => builds.push(build(&path, manifest)),
            Err(e) => unread.push(e.message),
        }
    }
    builds
}

fn build(path: &Path, manifest: Manifest) -> Build {
    let modified = fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(UNIX_EPOCH);
    let image = |file: &crate::provenance::manifest::Output| ImageEntry {
        file: file.file.clone(),
        node: file.node.clone(),
        size: file.size,
        exists: path.with_file_name(&file.file).exists(),
    };
    let images = manifest.files.iter().filter(|file| file.is_image());
    Build {
        directory: path.parent().unwrap_or(Path::new("/")).to_owned(),
        lab: manifest.plan.lab.name.clone(),
        role: manifest.plan.profile.clone(),
        built: rfc3339(modified.duration_since(UNIX_EPOCH).unwrap_or_default()),
        practice: manifest.plan.practice,
        plan: manifest.plan.digest(),
        images: images.map(image).collect(),
    }
}

fn labs(state: &Path, unread: &mut Vec<String>) -> Vec<Lab> {
    let with_secrets = secrets::labs(state).unwrap_or_else(|e| {
        unread.push(e.message);
        Vec::new()
    });
    // An unreadable directory is reported once.
    let with_machines = vm::labs(state).unwrap_or_default();
    let names: BTreeSet<&String> = with_secrets.iter().chain(&with_machines).collect();
    let mut labs = Vec::new();
    for name in names {
        let mut machines = Vec::new();
        if with_machines.contains(name) {
            match vm::status(state, Some(name), &[]) {
                Ok(status) => machines.extend(
                    status
                        .iter()
                        .flat_map(|lab| &lab.nodes)
                        .map(|node| MachineEntry { node: node.name.clone(), state: node.word() }),
                ),
                Err(e) => unread.push(format!("lab {name}: {}", e.message)),
            }
        }
        labs.push(Lab { name: name.clone(), secrets: with_secrets.contains(name), machines });
    }
    labs
}

fn cache_of(root: PathBuf, unread: &mut Vec<String>) -> Cache {
    let entries = match names_in(&root) {
        Ok(names) if names.is_empty() => Ok(Vec::new()),
        Ok(_) => cache::survey(&root),
        Err(e) => Err(e),
    };
    let entries = entries.unwrap_or_else(|e| {
        unread.push(e.message);
        Vec::new()
    });
    let mut kinds = Vec::new();
    for kind in CacheKind::ALL {
        let own: Vec<u64> = entries.iter().filter(|e| e.kind == kind).map(|e| e.bytes).collect();
        if !own.is_empty() {
            kinds.push(KindEntry {
                kind: kind.as_str(),
                entries: own.len(),
                bytes: own.iter().sum(),
            });
        }
    }
    Cache { directory: root, kinds }
}

fn text(overview: &Overview) -> String {
    let mut text = String::from("Builds\n");
    for build in &overview.builds {
        let practice = if build.practice { ", PRACTICE media" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {}: {} of {}, built {}{practice}",
            build.directory.display(),
            build.role,
            build.lab,
            build.built
        );
        for image in &build.images {
            let gone = if image.exists { "" } else { "  (gone)" };
            let _ = writeln!(text, "    {:<28} {:>10}{gone}", image.file, show_size(image.size));
        }
    }
    none(&mut text, overview.builds.is_empty(), "`imgbuild` makes one");
    text.push_str("Labs\n");
    for lab in &overview.labs {
        let machines: Vec<String> =
            lab.machines.iter().map(|m| format!("{} {}", m.node, m.state)).collect();
        let machines = if machines.is_empty() { "no machines".into() } else { machines.join(", ") };
        let _ = writeln!(text, "  {}: {machines}", lab.name);
    }
    none(&mut text, overview.labs.is_empty(), "the first build creates its lab's secrets");
    let _ = writeln!(text, "Cache {}", overview.cache.directory.display());
    for kind in &overview.cache.kinds {
        let _ =
            writeln!(text, "  {:<12} {:>6} {:>12}", kind.kind, kind.entries, show_size(kind.bytes));
    }
    none(&mut text, overview.cache.kinds.is_empty(), "builds fill it");
    text
}

fn none(text: &mut String, is_empty: bool, what: &str) {
    if is_empty {
        let _ = writeln!(text, "  none; {what}");
    }
}
