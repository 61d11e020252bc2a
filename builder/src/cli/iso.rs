//! `imgbuild iso`.

use super::common::{StateArguments, print};
use super::confirm;
use super::select::SelectArguments;
use super::write::{Consent, open_disk, write};
use crate::base::error::{Error, Result};
use crate::pipeline::{self, BuiltIso, IsoOptions};
use crate::spec::show_size;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Args)]
pub struct IsoArguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Where the install media go, as NODE.iso, or LAB.iso with --together.
    #[arg(long, value_name = "DIR", default_value = "output/iso")]
    output: PathBuf,
    /// Replace older install media of the same names.
    #[arg(long)]
    force: bool,
    /// One medium for all nodes, with a menu in which the local disk is the default.
    #[arg(long)]
    together: bool,
    /// Installing erases the node's disk, whatever is on it. Without this, only an empty disk is
    /// installed on.
    #[arg(long)]
    erase: bool,
    /// Leave the nodes' keys and passwords out; they do not report to each other then.
    #[arg(long)]
    no_secrets: bool,
    /// The volume label; by default the medium's own, which other tools expect.
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Seconds that the boot menu waits for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    menu_timeout: u32,
    /// The static firstboot binary to install; by default the one next to imgbuild.
    #[arg(long, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
    /// Write the medium to this stick, such as /dev/sdb, as well. Everything on it is lost.
    #[arg(long, value_name = "DEVICE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    state: StateArguments,
}

pub fn run(a: IsoArguments) -> Result<()> {
    let mut progress = a.select.progress()?;
    let erase = a.erase
        || (confirm::is_possible()
            && confirm::agrees("May installing from these media erase the nodes' disks?")?);
    let options = IsoOptions {
        select: a.select.select()?,
        output: a.output,
        force: a.force,
        firstboot: a.firstboot,
        state: a.state.directory()?,
        together: a.together,
        erase,
        secrets: !a.no_secrets,
        label: a.label,
        timeout: a.menu_timeout,
    };
    // Held from now on, so that nobody uses it meanwhile.
    let disk = a.write.as_deref().map(|device| open_disk(device, a.consent)).transpose()?;
    let media = pipeline::iso(&options, &mut progress)?;
    print(&summary(&media, disk.is_some()))?;
    match (&disk, media.as_slice()) {
        (None, _) => Ok(()),
        (Some(disk), [only]) => write(&only.path, disk, &mut progress),
        (Some(disk), _) => {
            let device = disk.path.display();
            Err(Error::input(format!("{device} takes one of {} media", media.len()))
                .hint("name one node by --node, make one medium of all by --together, or write each by `imgbuild write ISO DEVICE`"))
        }
    }
}

/// The media with what they do, and what to do with them if that is not done yet.
fn summary(media: &[BuiltIso], is_written: bool) -> String {
    let mut text = String::new();
    for BuiltIso { path, size, private, plan } in media {
        let nodes: Vec<&str> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<32} {:>12}  installs {}",
            path.display(),
            show_size(*size),
            nodes.join(", ")
        );
        if *private {
            let what =
                if plan.secrets { "keys and passwords of its nodes" } else { "password hashes" };
            let _ = writeln!(
                text,
                "  it holds {what}: only you may read it; keep the stick or disc as safe"
            );
        }
    }
    let erase = media.iter().any(|medium| medium.plan.erase);
    let _ = writeln!(
        text,
        "{}",
        match erase {
            true => "installing ERASES the disk that install-disk of the profile chooses",
            false => "installing takes an empty disk only (--erase for others)",
        }
    );
    if let Some(first) = media.first().filter(|_| !is_written) {
        let path = first.path.display();
        let _ = writeln!(text, "next: burn it, or `imgbuild write {path} /dev/sdX` to a stick");
    }
    text
}
