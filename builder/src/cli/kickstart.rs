//! `imgbuild kickstart`.

use super::common::{file_or_stdin, print, working_directory};
use super::select::{IncludeArguments, SpecArguments};
use crate::base::error::{Error, Result};
use crate::spec;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
pub struct KickstartArguments {
    #[command(subcommand)]
    command: KickstartCommand,
}

#[derive(Subcommand)]
enum KickstartCommand {
    /// Prints a kickstart in normal form: included files in their place, each command as it
    /// takes effect, in a fixed order. It means the same.
    Normalize {
        /// The kickstart; `-` is standard input.
        #[arg(value_name = "FILE", value_parser = file_or_stdin)]
        file: PathBuf,
        #[command(flatten)]
        includes: IncludeArguments,
    },
    /// Prints the kickstart of a node, filled in and with the files that it includes.
    /// Password hashes are in it as they are in the kickstart.
    Render(Box<SpecArguments>),
}

pub fn run(a: KickstartArguments) -> Result<()> {
    let directory = working_directory()?;
    match a.command {
        KickstartCommand::Normalize { file, includes } => {
            let read = spec::load_kickstart(&file, &directory, &includes.includes)?;
            let heading = match read.sample {
                true => {
                    "# Names in double braces are filled in with the facts of a sample node; for a \
                     node of the lab:\n# imgbuild kickstart render --profile P --node N\n"
                }
                false => "",
            };
            print(&format!("{heading}{}", read.kickstart.normalized()))
        }
        KickstartCommand::Render(spec) => {
            let spec = spec.load(&directory)??;
            let mut texts = spec.rendered.iter();
            match (texts.next(), texts.next()) {
                (Some((_, text)), None) => print(&text.0),
                _ => {
                    let names: Vec<&str> = spec.rendered.keys().map(String::as_str).collect();
                    let message = "--node is missing: each node has a kickstart of its own";
                    Err(Error::input(message).hint(format!("nodes: {}", names.join(", "))))
                }
            }
        }
    }
}
