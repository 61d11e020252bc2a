//! Arguments by which commands find a profile, its media and what its kickstart includes.

use super::common::{Common, duration, working_directory};
use crate::base::diagnostic::Diagnostics;
use crate::base::error::{Class, Error, Result};
use crate::base::home;
use crate::base::malformed::Malformed;
use crate::base::progress::Progress;
use crate::pipeline::{PreScripts, Select};
use crate::plan::Plan;
use crate::spec::{self, Spec};
use crate::tree::sandbox::userns;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Media that packages come from, and how they are trusted.
#[derive(Args)]
pub struct MediaArguments {
    /// A medium: ISO file, directory, http(s) URL, yum `.repo` file, `mirrorlist=URL`,
    /// `metalink=URL`, or `practice`. May be repeated. Without it, the lab file's sources.
    #[arg(short, long, value_name = "PATH|URL|practice")]
    media: Vec<String>,
    /// Fetch nothing: everything has to come from local media and the cache.
    #[arg(long)]
    offline: bool,
    /// What `$releasever` stands for in `.repo` files; by default 7.
    #[arg(long, hide_short_help = true, value_name = "VERSION")]
    releasever: Option<String>,
    /// A file of public keys that packages may be signed by, in addition to those that the lab file
    /// names or the media bring. May be repeated.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    gpgkey: Vec<PathBuf>,
    /// Install packages of this repository without checking their signatures. May be repeated.
    #[arg(long, hide_short_help = true, value_name = "REPOSITORY")]
    no_gpgcheck: Vec<String>,
}

/// Whether and how the kickstart's scripts run.
#[derive(Args)]
pub struct PreArguments {
    /// Run the kickstart's %pre scripts, where it includes files that are missing: in the sandbox,
    /// without network, with programs from the media and the disks of the profile. ARGUMENTS are
    /// what an installer would be started with, for scripts that read /proc/cmdline.
    #[arg(long, hide_short_help = true, value_name = "ARGUMENTS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub run_pre: Option<String>,
    /// Timeout of one %pre or %post script, and of the installation of packages without output, as
    /// 90s, 30m (the default) or 2h; it is an error that it is exceeded.
    #[arg(long, hide_short_help = true, env = "IMGBUILD_POST_TIMEOUT", value_name = "TIME", value_parser = duration)]
    post_timeout: Option<Duration>,
}

impl PreArguments {
    /// Becomes root in a user namespace where scripts are to run, which has to be before anything
    /// starts a thread.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn prepare(&self) -> Result<()> {
        if self.run_pre.is_some() { userns::become_root() } else { Ok(()) }
    }
}

/// What is to be built from what.
#[derive(Args)]
pub struct SelectArguments {
    /// Role profile: a name (profiles/NAME.toml, or one of those shipped) or a path. May be
    /// repeated; without it, every role of the lab: the profiles next to the lab file.
    #[arg(short, long, value_name = "NAME|FILE")]
    pub profile: Vec<String>,
    /// The lab file; by default `lab.toml` next to the profile, in `profiles` here or in a directory
    /// above, in ~/.config/imgbuild or /etc/imgbuild, or the built-in one.
    #[arg(long = "lab-file", alias = "lab", value_name = "FILE")]
    lab: Option<PathBuf>,
    /// This node only.
    #[arg(short, long, value_name = "NAME")]
    node: Option<String>,
    /// Create without encryption what the kickstart wants encrypted.
    #[arg(long, hide_short_help = true)]
    ignore_encryption: bool,
    /// A kickstart that says otherwise than the lab file (addresses, host name, name and time
    /// servers) or the profile's [services] is an error, and not translated.
    #[arg(long, hide_short_help = true)]
    strict_lab: bool,
    #[command(flatten)]
    media: MediaArguments,
    /// Image formats: raw, qcow2, qcow2-plain, qcow2-zstd, qcow2-overlay, vmdk, vhd, tar; by default the profile's.
    #[arg(long, value_delimiter = ',', value_name = "raw,qcow2,…")]
    format: Vec<String>,
    /// Go on without the packages and groups of the kickstart and the profile that no medium has,
    /// and name them.
    #[arg(long, hide_short_help = true)]
    ignore_missing_packages: bool,
    #[command(flatten)]
    includes: IncludeArguments,
    #[command(flatten)]
    pre: PreArguments,
    #[command(flatten)]
    pub common: Common,
}

impl SelectArguments {
    /// The receiver of messages, once this program may run scripts.
    ///
    /// # Errors
    /// When it may not, or the messages have no place.
    pub fn progress(&self) -> Result<Progress> {
        self.pre.prepare()?;
        self.common.messages.progress()
    }

    /// What a plan names, found where it or these arguments point.
    pub fn of_plan(self, plan: &Plan) -> Result<Select> {
        let mut select =
            Select::of_plan(plan, working_directory()?, self.common.cache()?, self.media.offline);
        match self.profile.as_slice() {
            [] => {}
            [_] => select.profiles = self.profile,
            _ => return Err(Error::input("--profile: a plan is of one role")),
        }
        select.lab = self.lab.or(select.lab);
        select.ignore_encryption |= self.ignore_encryption;
        if !self.media.media.is_empty() {
            select.media = self.media.media;
        }
        if !self.includes.includes.is_empty() {
            select.includes = self.includes.includes;
        }
        select.run_pre = self.pre.run_pre.or(select.run_pre);
        select.script_limit = self.pre.post_timeout;
        select.strict_lab = self.strict_lab;
        select.gpgkeys = self.media.gpgkey;
        select.no_gpgcheck = self.media.no_gpgcheck;
        Ok(select)
    }

    /// As the build wants it.
    pub fn select(self) -> Result<Select> {
        Ok(Select {
            directory: working_directory()?,
            cache: self.common.cache()?,
            profiles: self.profile,
            lab: self.lab,
            node: self.node,
            ignore_encryption: self.ignore_encryption,
            includes: self.includes.includes,
            run_pre: self.pre.run_pre,
            script_limit: self.pre.post_timeout,
            strict_lab: self.strict_lab,
            media: self.media.media,
            formats: self.format,
            gpgkeys: self.media.gpgkey,
            no_gpgcheck: self.media.no_gpgcheck,
            ignore_missing_packages: self.ignore_missing_packages,
            offline: self.media.offline,
            releasever: self.media.releasever,
        })
    }
}

/// Files for `%include` lines.
#[derive(Args)]
pub struct IncludeArguments {
    /// The file that a `%include NAME` of the kickstart means, where NAME is a path that only an
    /// installer has. May be repeated.
    #[arg(long = "include", hide_short_help = true, value_name = "NAME=FILE", value_parser = include)]
    pub includes: Vec<(String, PathBuf)>,
}

/// NAME=FILE; the name has no `=`, unless it is an address.
fn include(text: &str) -> Result<(String, PathBuf), Malformed> {
    let parts = match text.contains("://") {
        true => text.rsplit_once('='),
        false => text.split_once('='),
    };
    match parts {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err(format!("`{text}` is not NAME=FILE, as in /tmp/part-include=disk.ks").into()),
    }
}

/// A profile without media.
#[derive(Args)]
pub struct SpecArguments {
    /// Role profile: a name (profiles/NAME.toml, or one of those shipped) or a path.
    #[arg(short, long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// The lab file; by default `lab.toml` next to the profile.
    #[arg(long = "lab-file", alias = "lab", value_name = "FILE")]
    lab: Option<PathBuf>,
    /// This node only.
    #[arg(short, long, value_name = "NAME")]
    node: Option<String>,
    /// Create without encryption what the kickstart wants encrypted.
    #[arg(long, hide_short_help = true)]
    ignore_encryption: bool,
    #[command(flatten)]
    pub includes: IncludeArguments,
    #[command(flatten)]
    pub pre: PreArguments,
    #[command(flatten)]
    media: MediaArguments,
    #[command(flatten)]
    common: Common,
    /// A kickstart that says otherwise than the lab file (addresses, host name, name and time
    /// servers) or the profile's [services] is an error, and not translated.
    #[arg(long, hide_short_help = true)]
    strict_lab: bool,
}

/// Why a profile was not loaded.
#[derive(Default)]
pub struct LoadFailure {
    /// Everything that is wrong.
    pub diagnostics: Diagnostics,
    /// How `%pre` failed, if it did.
    class: Option<Class>,
}

impl From<Diagnostics> for LoadFailure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, class: None }
    }
}

impl From<LoadFailure> for Error {
    fn from(failure: LoadFailure) -> Self {
        let mut error = Self::from(failure.diagnostics);
        error.class = failure.class.unwrap_or(error.class);
        error
    }
}

impl SpecArguments {
    fn select(&self, directory: &Path) -> Result<Select> {
        let MediaArguments { media, offline, releasever, gpgkey, no_gpgcheck } = &self.media;
        Ok(Select {
            run_pre: self.pre.run_pre.clone(),
            script_limit: self.pre.post_timeout,
            media: media.clone(),
            offline: *offline,
            releasever: releasever.clone(),
            gpgkeys: gpgkey.clone(),
            no_gpgcheck: no_gpgcheck.clone(),
            directory: directory.to_owned(),
            cache: self.pre.run_pre.as_ref().map_or(Ok(PathBuf::new()), |_| self.common.cache())?,
            ..Select::default()
        })
    }

    /// Loads the profile, looked up from `directory`; or everything that is wrong with its files.
    ///
    /// # Errors
    /// When it cannot begin: the log, or the cache, has no place.
    pub fn load(&self, directory: &Path) -> Result<std::result::Result<Spec, LoadFailure>> {
        let missing = || Error::input("--profile is missing").hint("give --profile NAME");
        let (home, sudo_home) = (home::own(), home::of_sudo_user());
        self.pre.prepare()?;
        let mut progress = self.common.messages.progress()?;
        let select = self.select(directory)?;
        let pre = PreScripts::new(&select, &mut progress);
        let loaded = spec::load(&spec::Request {
            profile: self.profile.as_deref().ok_or_else(missing)?,
            lab: self.lab.as_deref(),
            node: self.node.as_deref(),
            ignore_encryption: self.ignore_encryption,
            includes: &self.includes.includes,
            pre: pre.runner(),
            strict_lab: self.strict_lab,
            directory,
            config: &home::configurations(),
            home: home.as_deref(),
            sudo_home: sudo_home.as_deref(),
        });
        Ok(loaded.map_err(|diagnostics| LoadFailure { diagnostics, class: pre.failed() }))
    }
}
