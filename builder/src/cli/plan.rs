//! `imgbuild plan`.

use super::common::{SelectArguments, print};
use crate::build;
use crate::error::Result;
use crate::progress::Progress;
use clap::Args;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    select: SelectArguments,
}

pub fn run(a: Arguments) -> Result<()> {
    let mut progress = Progress::new(a.select.common.progress);
    let plan = build::plan(&a.select.select()?, &mut progress)?;
    print(&format!("{}\n", plan.to_json()))
}
