//! What is to be loaded.

use super::pre::PreRunner;
use std::path::{Path, PathBuf};

/// What the user asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `--profile`: a name, looked up in `profiles` of the lab's directory and among the built-in ones,
    /// or a path (it has a slash or ends in `.toml`).
    pub profile: &'a str,
    /// `--lab-file`: the lab file; otherwise `lab.toml` next to the profile, in
    /// `profiles` of the lab's directory, or built in.
    pub lab: Option<&'a Path>,
    /// `--node`: one node of the role in place of all.
    pub node: Option<&'a str>,
    /// `--ignore-encryption`: what a kickstart wants encrypted is created without it.
    pub ignore_encryption: bool,
    /// `--include`: paths as `%include` writes them, and the files that they stand for.
    pub includes: &'a [(String, PathBuf)],
    /// `--run-pre`: what runs `%pre` scripts, for the files that they write and others include.
    pub pre: Option<&'a dyn PreRunner>,
    /// `--strict-lab`: whether a kickstart that says otherwise than the lab file is refused, and
    /// not translated.
    pub strict_lab: bool,
    /// The working directory.
    pub directory: &'a Path,
    /// Directories of the user's and the machine's configuration, in which the lab is looked for
    /// after the working directory and those above it.
    pub config: &'a [PathBuf],
    /// The user's home, for `~`.
    pub home: Option<&'a Path>,
    /// Under sudo, the home of the user who called it: their ssh keys are the user's too.
    pub sudo_home: Option<&'a Path>,
}

impl<'a> Request<'a> {
    /// This profile, with nothing else asked for and no home, seen from `directory`.
    pub fn new(profile: &'a str, directory: &'a Path) -> Self {
        Self {
            profile,
            lab: None,
            node: None,
            ignore_encryption: false,
            includes: &[],
            pre: None,
            strict_lab: false,
            directory,
            config: &[],
            home: None,
            sudo_home: None,
        }
    }
}
