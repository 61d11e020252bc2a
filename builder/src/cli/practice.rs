//! `imgbuild practice`.

use super::common::{Common, print};
use crate::base::error::Result;
use crate::packages::media::practice_medium;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct PracticeArguments {
    /// Where the trees and ISOs go.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub fn run(a: PracticeArguments) -> Result<()> {
    let mut progress = a.common.messages.progress()?;
    progress.count_stages(practice::Stage::COUNT);
    let work = a.common.cache()?.join("debs");
    let made = practice_medium::make(&a.output, &work, &mut progress)?;
    let mut text = String::from("Practice media made from Debian packages; this is not CentOS.\n");
    for path in
        [&made.os, &made.extras, &made.osp10, &made.os_iso, &made.extras_iso, &made.osp10_iso]
    {
        text.push_str(&format!("{}\n", path.display()));
    }
    print(&text)
}
