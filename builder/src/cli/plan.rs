//! `imgbuild plan`.

use super::common::print;
use super::select::SelectArguments;
use super::summary;
use crate::base::error::{Error, Result};
use crate::packages::solve::Request;
use crate::pipeline::{self, bare};
use clap::Args;

#[derive(Args)]
pub struct PlanArguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Without a profile: choose these packages from the media. NAME, NAME.ARCH, NEVRA, @GROUP,
    /// @^ENVIRONMENT, /PATH, a capability or a glob; `@GROUP --nodefaults`, `@GROUP --optional`
    /// and -NAME as in a kickstart. May be repeated.
    #[arg(
        long,
        value_name = "WORD",
        allow_hyphen_values = true,
        requires = "media",
        conflicts_with_all = ["profile", "lab", "node", "format", "ignore_missing_packages"]
    )]
    install: Vec<String>,
    /// With --install: packages that are not to be used at all (names or globs). May be repeated.
    #[arg(long, value_name = "NAME", requires = "install")]
    exclude: Vec<String>,
    /// List the packages, too.
    #[arg(long)]
    packages: bool,
    /// The whole plan as JSON.
    #[arg(short, long)]
    json: bool,
}

pub fn run(a: PlanArguments) -> Result<()> {
    let mut progress = a.select.progress()?;
    if a.install.is_empty() {
        let plans = pipeline::plan(&a.select.select()?, &mut progress)?;
        return match (a.json, plans.as_slice()) {
            (true, [plan]) => print(&format!("{}\n", plan.to_json())),
            (true, _) => {
                Err(Error::input("a plan as JSON is of one role")
                    .hint("name the role by --profile"))
            }
            (false, plans) => {
                let text = |plan| summary::plan(plan, a.packages);
                print(&plans.iter().map(text).collect::<Vec<_>>().join("\n"))
            }
        };
    }
    let request = Request::of_words(&a.install, &a.exclude);
    let selection = bare::choose(&a.select.select()?, &request, &mut progress)?;
    // Maps with non-string keys are what JSON cannot hold; there are none here.
    let json = || serde_json::to_string_pretty(&selection).unwrap_or_default() + "\n";
    print(&if a.json { json() } else { summary::selection(&selection) })
}
