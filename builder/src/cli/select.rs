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

/// What profiles are read with, and media that packages come from.
#[derive(Args)]
pub struct InputArguments {
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
    #[command(flatten)]
    pub includes: IncludeArguments,
    #[command(flatten)]
    pub pre: PreArguments,
    #[command(flatten)]
    common: Common,
}

impl InputArguments {
    /// The receiver of messages, once this program may run scripts.
    ///
    /// # Errors
    /// When it may not, or the messages have no place.
    pub fn progress(&self) -> Result<Progress> {
        self.pre.prepare()?;
        self.common.messages.progress()
    }

    /// As the build wants it.
    fn select(&self, directory: PathBuf, cache: PathBuf) -> Select {
        let MediaArguments { media, offline, releasever, gpgkey, no_gpgcheck } = &self.media;
        Select {
            directory,
            cache,
            lab: self.lab.clone(),
            node: self.node.clone(),
            ignore_encryption: self.ignore_encryption,
            includes: self.includes.includes.clone(),
            run_pre: self.pre.run_pre.clone(),
            script_limit: self.pre.post_timeout,
            strict_lab: self.strict_lab,
            media: media.clone(),
            gpgkeys: gpgkey.clone(),
            no_gpgcheck: no_gpgcheck.clone(),
            offline: *offline,
            releasever: releasever.clone(),
            ..Select::default()
        }
    }
}

/// What is to be built from what.
#[derive(Args)]
pub struct SelectArguments {
    /// Role profile: a name (profiles/NAME.toml, or one of those shipped) or a path. May be
    /// repeated; without it, every role of the lab: the profiles next to the lab file.
    #[arg(short, long, value_name = "NAME|FILE")]
    pub profile: Vec<String>,
    #[command(flatten)]
    inputs: InputArguments,
    /// Image formats: raw, qcow2, qcow2-plain, qcow2-zstd, qcow2-overlay, vmdk, vhd, tar; by default the profile's.
    #[arg(long, value_delimiter = ',', value_name = "raw,qcow2,…")]
    format: Vec<String>,
    /// Go on without the packages and groups of the kickstart and the profile that no medium has,
    /// and name them.
    #[arg(long, hide_short_help = true)]
    ignore_missing_packages: bool,
}

impl SelectArguments {
    /// See [`InputArguments::progress`].
    ///
    /// # Errors
    /// As there.
    pub fn progress(&self) -> Result<Progress> {
        self.inputs.progress()
    }

    /// What a plan names, found where it or these arguments point.
    ///
    /// # Errors
    /// An input error when they are of several roles; an environment error without a cache.
    pub fn of_plan(self, plan: &Plan) -> Result<Select> {
        let (profiles, given) = (self.profile.clone(), self.select()?);
        let mut select = Select::of_plan(plan, given.directory, given.cache, given.offline);
        match profiles.as_slice() {
            [] => {}
            [_] => select.profiles = profiles,
            _ => return Err(Error::input("--profile: a plan is of one role")),
        }
        select.lab = given.lab.or(select.lab);
        select.ignore_encryption |= given.ignore_encryption;
        if !given.media.is_empty() {
            select.media = given.media;
        }
        if !given.includes.is_empty() {
            select.includes = given.includes;
        }
        select.run_pre = given.run_pre.or(select.run_pre);
        select.script_limit = given.script_limit;
        select.strict_lab = given.strict_lab;
        select.gpgkeys = given.gpgkeys;
        select.no_gpgcheck = given.no_gpgcheck;
        Ok(select)
    }

    /// As the build wants it.
    ///
    /// # Errors
    /// An environment error without a cache.
    pub fn select(self) -> Result<Select> {
        Ok(Select {
            profiles: self.profile,
            formats: self.format,
            ignore_missing_packages: self.ignore_missing_packages,
            ..self.inputs.select(working_directory()?, self.inputs.common.cache()?)
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
    #[command(flatten)]
    pub inputs: InputArguments,
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
    /// Loads the profile, looked up from `directory`; or everything that is wrong with its files.
    ///
    /// # Errors
    /// When it cannot begin: the log, or the cache, has no place.
    pub fn load(&self, directory: &Path) -> Result<std::result::Result<Spec, LoadFailure>> {
        let missing = || Error::input("--profile is missing").hint("give --profile NAME");
        let (home, sudo_home) = (home::own(), home::of_sudo_user());
        let mut progress = self.inputs.progress()?;
        let InputArguments { pre, common, .. } = &self.inputs;
        // Nothing else of it needs the cache.
        let cache = pre.run_pre.as_ref().map_or(Ok(PathBuf::new()), |_| common.cache())?;
        let select = self.inputs.select(directory.to_owned(), cache);
        let pre = PreScripts::new(&select, &mut progress);
        let loaded = spec::load(&spec::Request {
            profile: self.profile.as_deref().ok_or_else(missing)?,
            lab: select.lab.as_deref(),
            node: select.node.as_deref(),
            ignore_encryption: select.ignore_encryption,
            includes: &select.includes,
            pre: pre.runner(),
            strict_lab: select.strict_lab,
            directory,
            config: &home::configurations(),
            home: home.as_deref(),
            sudo_home: sudo_home.as_deref(),
        });
        Ok(loaded.map_err(|diagnostics| LoadFailure { diagnostics, class: pre.failed() }))
    }
}
