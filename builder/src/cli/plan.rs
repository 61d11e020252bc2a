//! `imgbuild plan`.

use super::common::{OUTPUT, print};
use super::diff::plan_lines;
use super::select::SelectArguments;
use super::summary;
use crate::base::error::{Error, Result};
use crate::image::output;
use crate::packages::solve::Request;
use crate::pipeline::{self, bare};
use crate::plan::Plan;
use crate::provenance::diff::diff_plans;
use crate::provenance::manifest::Manifest;
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Changes since the last build that are shown.
const SHOWN: usize = 40;

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
    /// Where the last build is, which the plan is compared with.
    #[arg(short, long, value_name = "DIR", default_value = OUTPUT)]
    output: PathBuf,
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
                let text =
                    |plan| summary::plan(plan, a.packages) + &since_last_build(plan, &a.output);
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

/// What the plan changes against the last build of its role below `output`; nothing where there is
/// none.
fn since_last_build(plan: &Plan, output: &Path) -> String {
    let manifests = output::manifests(&[output.to_owned()]).unwrap_or_default();
    let of_role = manifests.iter().find_map(|path| {
        let manifest = Manifest::read(path).ok()?;
        let is_of_role =
            (&manifest.plan.profile, &manifest.plan.lab.name) == (&plan.profile, &plan.lab.name);
        is_of_role.then_some((path, manifest))
    });
    let Some((path, before)) = of_role else { return String::new() };
    let (packages, settings) = diff_plans(&before.plan, plan);
    let lines = plan_lines(&packages, &settings);
    let place = path.parent().unwrap_or(output).display();
    let mut text = format!("\nSince the build in {place}\n");
    for line in lines.iter().take(SHOWN) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {line}");
    }
    let _ = match lines.len() {
        0 if before.plan.digest() == plan.digest() => writeln!(text, "  nothing has changed"),
        0 => writeln!(text, "  no package and no setting has changed, only their sources"),
        count if count > SHOWN => {
            writeln!(
                text,
                "  and {} more: `imgbuild plan --json >plan.json; imgbuild diff {place} plan.json`",
                count - SHOWN
            )
        }
        _ => Ok(()),
    };
    text
}
