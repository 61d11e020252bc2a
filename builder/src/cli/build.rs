//! `imgbuild [build]`.

use super::common::SelectArguments;
use crate::build::{self, Options};
use crate::error::Result;
use crate::progress::Progress;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Where the images go.
    #[arg(long, default_value = "output", value_name = "DIR")]
    output: PathBuf,
    /// Replace files that are already there.
    #[arg(long)]
    force: bool,
    /// The static firstboot binary to install; by default the one beside imgbuild.
    #[arg(long, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
}

pub fn run(a: Arguments) -> Result<()> {
    let mut progress = Progress::new(a.select.common.progress);
    let options = Options {
        output: a.output,
        force: a.force,
        firstboot: a.firstboot,
        select: a.select.select()?,
    };
    build::build(&options, &mut progress)
}
