//! `imgbuild completion`, `imgbuild man`.

use super::common::print;
use crate::base::error::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::path::PathBuf;

#[derive(Args)]
pub struct CompletionArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub fn completion(a: &CompletionArguments, mut command: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(a.shell, &mut command, "imgbuild", &mut script);
    print(&String::from_utf8_lossy(&script))
}

#[derive(Args)]
pub struct ManArguments {
    /// Write imgbuild(1) and a page for each command into this directory, in place of imgbuild(1)
    /// to standard output.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn man(a: &ManArguments, command: Command) -> Result<()> {
    let Some(directory) = &a.output else {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(command).render(&mut page);
        written.or_build(|| "cannot make the manual page".to_owned())?;
        return print(&String::from_utf8_lossy(&page));
    };
    let what = || format!("cannot write to {}", directory.display());
    fs::create_dir_all(directory).or_environment(what)?;
    clap_mangen::generate_to(command, directory).or_environment(what)
}
