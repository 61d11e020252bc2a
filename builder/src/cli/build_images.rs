//! `imgbuild [build]`.

use super::common::{OUTPUT, StateArguments, file_or_stdin, print, size};
use super::select::SelectArguments;
use crate::base::error::Result;
use crate::pipeline::{self, BuildOptions, BuiltRole, Destination};
use crate::plan::Plan;
use crate::spec::show_size;
use crate::tree::sandbox::userns;
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct BuildImagesArguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Replay this plan (`imgbuild plan`'s output, or a build's manifest.json) bit by bit. Inputs and
    /// media are looked for where the plan found them, or where --profile, --lab-file and --media point.
    /// `-` is standard input.
    #[arg(long, value_name = "FILE", value_parser = file_or_stdin, conflicts_with_all = ["node", "format"])]
    plan: Option<PathBuf>,
    /// Where the images go: of one --profile into DIR itself, else into DIR/ROLE; by default
    /// output/ROLE.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace the files of an older build of the same nodes.
    #[arg(short = 'f', long)]
    force: bool,
    /// Put the SHA-256 of whole raw images into SHA256SUMS and manifest.json too, zeros included,
    /// which takes long for large disks; without it, that of their block maps.
    #[arg(long, hide_short_help = true)]
    full_sums: bool,
    /// After a build the cache keeps at most this much of what was used last, and what this build
    /// used.
    #[arg(long, hide_short_help = true, env = "IMGBUILD_CACHE_SIZE", value_name = "SIZE", default_value = "30 GiB", value_parser = size)]
    cache_size: u64,
    /// The static firstboot binary to install; by default the one next to imgbuild.
    #[arg(long, hide_short_help = true, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
    #[command(flatten)]
    state: StateArguments,
}

pub fn run(a: BuildImagesArguments) -> Result<()> {
    // Before anything starts a thread.
    userns::become_root()?;
    let mut progress = a.select.progress()?;
    let plan = a.plan.as_deref().map(Plan::read).transpose()?;
    let one = plan.is_some() || a.select.profile.len() == 1;
    let output = match (a.output, one) {
        (Some(directory), true) => Destination::Directory(directory),
        (directory, _) => Destination::Below(directory.unwrap_or_else(|| OUTPUT.into())),
    };
    let options = BuildOptions {
        output,
        force: a.force,
        full_sums: a.full_sums,
        firstboot: a.firstboot,
        state: a.state.directory()?,
        cache_limit: a.cache_size,
        select: match &plan {
            Some(plan) => a.select.of_plan(plan)?,
            None => a.select.select()?,
        },
        plan,
    };
    let started = Instant::now();
    let built = pipeline::build(&options, &mut progress)?;
    if built.iter().any(|role| role.practice) {
        progress.warn("these are PRACTICE images, made from Debian packages; they are not CentOS");
    }
    for (image, size) in built.iter().flat_map(|role| &role.images) {
        progress.artifact(image, *size);
    }
    print(&summary(&built, started.elapsed(), &options.output))
}

/// The images with their sizes and what each role took, and what to do next.
fn summary(built: &[BuiltRole], time: Duration, output: &Destination) -> String {
    let mut text = String::new();
    for role in built {
        for (index, (image, size)) in role.images.iter().enumerate() {
            let time = if index == 0 { shown_time(role.time) } else { String::new() };
            let (image, size) = (image.display().to_string(), show_size(*size));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", format!("{image:<44} {size:>12}  {time}").trim_end());
        }
    }
    let _ = writeln!(text, "built in {}", shown_time(time));
    let (Destination::Directory(directory) | Destination::Below(directory)) = output;
    let place = match directory == Path::new(OUTPUT) {
        true => String::new(),
        false => format!(" --output {}", directory.display()),
    };
    let is_disk = |(image, _): &(PathBuf, u64)| image.extension().is_some_and(|e| e != "gz");
    if built.iter().any(|role| role.images.iter().any(is_disk)) {
        let _ = writeln!(text, "next: imgbuild up{place}");
    }
    text
}

fn shown_time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
