//! `imgbuild inspect`.

use super::common::{OutputArguments, json, print};
use crate::base::error::Result;
use crate::provenance::inspect::{self, Description};
use crate::spec::show_size;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Args)]
pub struct InspectArguments {
    /// The image, raw or qcow2.
    image: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(a: InspectArguments) -> Result<()> {
    let description = inspect::inspect(&a.image)?;
    print(&if a.output.json { json(&description) } else { text(&description) })
}

fn text(d: &Description) -> String {
    let mut text = String::new();
    for (number, file) in d.files.iter().enumerate() {
        let word = if number == 0 { "image" } else { "on" };
        let _ = writeln!(text, "{word:<12}{}", file.display());
    }
    let _ = writeln!(text, "{:<12}{}, {} disk, {}", "format", d.format, show_size(d.size), d.guid);
    for p in &d.partitions {
        let uuid = p.uuid.as_deref().unwrap_or_default();
        let filesystem = p.filesystem.unwrap_or("no filesystem");
        let size = show_size(p.size);
        let _ = writeln!(
            text,
            "partition {:<2}{:<22}{size:>12}  {filesystem} {uuid}",
            p.number, p.name
        );
    }
    for v in &d.logical_volumes {
        let uuid = v.uuid.as_deref().unwrap_or_default();
        let filesystem = v.filesystem.unwrap_or("no filesystem");
        let size = show_size(v.size);
        let _ = writeln!(text, "{:<12}{:<22}{size:>12}  {filesystem} {uuid}", "volume", v.name);
    }
    if let Some(system) = &d.system {
        let _ = writeln!(text, "{:<12}{system}", "system");
    }
    for kernel in &d.kernels {
        let _ = writeln!(text, "{:<12}{kernel}", "kernel");
    }
    if let Some(packages) = d.packages {
        let _ = writeln!(text, "{:<12}{packages}", "packages");
    }
    if let Some(n) = &d.node {
        let _ = writeln!(text, "{:<12}{} of {}, {}, {}", "node", n.name, n.lab, n.role, n.address);
        let _ = writeln!(text, "{:<12}{}", "plan", n.plan);
    }
    for note in &d.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
