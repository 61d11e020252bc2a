//! `imgbuild [build]`.

use super::common::{SelectArguments, StateArguments, duration, size};
use crate::base::error::Result;
use crate::base::progress::Progress;
use crate::pipeline::{self, BuildOptions};
use crate::plan::Plan;
use crate::tree::sandbox::userns;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub struct BuildImagesArguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Replay this plan (`imgbuild plan`'s output, or a build's manifest.json) bit by bit. Inputs and
    /// media are looked for where the plan found them, or where --profile, --lab and --media point.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node", "format"])]
    plan: Option<PathBuf>,
    /// Where the images go.
    #[arg(long, default_value = "output", value_name = "DIR")]
    output: PathBuf,
    /// Replace files that already exist.
    #[arg(long)]
    force: bool,
    /// After a build the cache keeps at most this much of what was used last, and what this build
    /// used.
    #[arg(long, env = "IMGBUILD_CACHE_SIZE", value_name = "SIZE", default_value = "30 GiB", value_parser = size)]
    cache_size: u64,
    /// Timeout of one %post script, and of the installation of packages without output, as 90s,
    /// 30m (the default) or 2h; a build fails when it is exceeded.
    #[arg(long, env = "IMGBUILD_POST_TIMEOUT", value_name = "TIME", value_parser = duration)]
    post_timeout: Option<Duration>,
    /// The static firstboot binary to install; by default the one next to imgbuild.
    #[arg(long, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
    #[command(flatten)]
    state: StateArguments,
}

pub fn run(a: BuildImagesArguments) -> Result<()> {
    // Before anything starts a thread.
    userns::become_root()?;
    let mut progress = Progress::new(a.select.common.progress);
    let plan = a.plan.as_deref().map(Plan::read).transpose()?;
    let options = BuildOptions {
        output: a.output,
        force: a.force,
        firstboot: a.firstboot,
        state: a.state.directory()?,
        cache_limit: a.cache_size,
        post_limit: a.post_timeout.unwrap_or(pipeline::POST_LIMIT),
        select: match &plan {
            Some(plan) => a.select.of_plan(plan)?,
            None => a.select.select()?,
        },
        plan,
    };
    pipeline::build(&options, &mut progress)
}
