//! `imgbuild inspect`.

use super::common::{OutputArguments, json, print};
use crate::base::error::Result;
use crate::base::interrupt;
use crate::base::progress::Unit;
use crate::provenance::inspect::{self, Description, InspectedDisk};
use crate::provenance::install_iso::{self, IsoDescription};
use crate::spec::show_size;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Args)]
pub struct InspectArguments {
    /// The image, raw or qcow2, or an ISO file.
    image: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(a: InspectArguments) -> Result<()> {
    if install_iso::is_iso(&a.image) {
        let mut progress = a.output.messages.progress()?;
        progress.stage("reading the ISO file", Unit::Bytes);
        let description = install_iso::inspect(&a.image, &mut |done, total| {
            progress.at(done, total, "");
            !interrupt::requested()
        })?;
        progress.finish();
        return print(&if a.output.json { json(&description) } else { iso_text(&description) });
    }
    let description = inspect::inspect(&a.image)?;
    print(&if a.output.json { json(&description) } else { text(&description) })
}

fn text(d: &Description) -> String {
    let mut text = String::new();
    for (number, file) in d.files.iter().enumerate() {
        let word = if number == 0 { "image" } else { "on" };
        let _ = writeln!(text, "{word:<12}{}", file.display());
    }
    let size = show_size(d.size);
    let Description { format, sector, guid, .. } = d;
    let _ =
        writeln!(text, "{:<12}{format}, {size} disk, sectors of {sector} bytes, {guid}", "format");
    for disk in &d.further_disks {
        let InspectedDisk { name, size, guid } = disk;
        let _ = writeln!(text, "{:<12}{name}, {}, {guid}", "disk", show_size(*size));
    }
    for p in &d.partitions {
        let uuid = p.uuid.as_deref().unwrap_or_default();
        let filesystem = p.filesystem.unwrap_or("no filesystem");
        let size = show_size(p.size);
        let _ = writeln!(
            text,
            "partition {:<2}{:<22}{size:>12}  {filesystem} {uuid}{}",
            p.number,
            p.name,
            p.disk.as_ref().map_or_else(String::new, |disk| format!(" on {disk}"))
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

fn iso_text(d: &IsoDescription) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key:<12}{value}");
    };
    line("image", &d.file.display().to_string());
    line("format", &format!("iso, {}, label `{}`", show_size(d.size), d.label));
    let cd = if d.cd.is_empty() { "nothing".to_owned() } else { d.cd.join(", ") };
    line("as a CD", &cd);
    d.partitions.iter().for_each(|partition| line("as a disk", partition));
    if d.partitions.is_empty() {
        line("as a disk", "nothing");
    }
    line("media sum", d.media_sum);
    let Some(plan) = &d.install else { return text };
    line("lab", &plan.lab);
    for node in &plan.nodes {
        line("installs", &format!("{}, {}; disk: {}", node.name, node.role, node.disk));
    }
    line(
        "erases",
        if plan.erase { "whatever is on the disk" } else { "nothing: an empty disk only" },
    );
    for added in &plan.repositories {
        line("repository", &format!("{}, {} packages", added.id, added.packages));
    }
    let secrets = match (plan.secrets, d.readable_by_others) {
        (true, true) => "keys and passwords of its nodes, and OTHERS MAY READ THE FILE",
        (true, false) => "keys and passwords of its nodes",
        (false, _) => "none of the lab's",
    };
    line("secrets", secrets);
    text
}
