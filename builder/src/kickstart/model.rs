//! A kickstart's meaning, as values.

use super::document::Document;
use super::interface::{InterfaceKind, NetworkCommand};
use super::loader::LoaderPassword;
use super::password::PasswordHash;
use super::report::Line;
use super::selection::Packages;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::Services;
use crate::base::place::Place;
use crate::layout::{self, StorageRequest};

/// A kickstart's meaning for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kickstart {
    /// `lang`: a locale such as `en_US.UTF-8`.
    pub lang: Option<String>,
    /// `keyboard`: the console keymap.
    pub keymap: Option<String>,
    /// `timezone`.
    pub timezone: Option<Timezone>,
    /// `rootpw`.
    pub root: Option<Login>,
    /// `group`, in order.
    pub groups: Vec<NewGroup>,
    /// `user`, in order.
    pub users: Vec<User>,
    /// `selinux`.
    pub selinux: Option<Selinux>,
    /// `firewall`.
    pub firewall: Option<Firewall>,
    /// `repo --install`, in order.
    pub repos: Vec<Repo>,
    /// `services`.
    pub services: Services,
    /// `network`, in order.
    pub networks: Vec<NetworkCommand>,
    /// `bootloader`.
    pub bootloader: Bootloader,
    /// `part`, `volgroup`, `logvol`, `autopart`, `reqpart`, `clearpart`.
    pub storage: StorageRequest,
    /// `%packages`.
    pub packages: Packages,
    /// `%post`, in order.
    pub post: Vec<Script>,
    /// The whole file in normal form.
    pub document: Document,
    /// What became of each command and section, in the order of lines.
    pub report: Vec<Line>,
    /// Allowed, but worth a note.
    pub warnings: Vec<Diagnostic>,
}

/// `timezone`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timezone {
    /// Where its command is.
    pub place: Place,
    /// A name below /usr/share/zoneinfo.
    pub zone: String,
    /// Whether the hardware clock keeps UTC.
    pub utc: bool,
    /// `--ntpservers`.
    pub ntp_servers: Vec<String>,
}

/// How an account logs in with a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// crypt(3) hash; absent means no password was given.
    pub hash: Option<PasswordHash>,
    /// Whether the password is locked.
    pub locked: bool,
}

/// `group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Name.
    pub name: String,
    /// Number; the next free one if absent.
    pub gid: Option<u32>,
}

/// `user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Supplementary groups.
    pub groups: Vec<String>,
    /// Home directory; `/home/NAME` if absent.
    pub home: Option<String>,
    /// Shell; `/bin/bash` if absent.
    pub shell: Option<String>,
    /// Number; the next free one if absent.
    pub uid: Option<u32>,
    /// Number of the user's own group; the next free one if absent.
    pub gid: Option<u32>,
    /// Full name.
    pub gecos: String,
    /// Password.
    pub login: Login,
}

/// `selinux`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selinux {
    /// Policy enforced.
    Enforcing,
    /// Violations only logged.
    Permissive,
    /// Off.
    Disabled,
}

impl Selinux {
    /// The value in /etc/selinux/config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforcing => "enforcing",
            Self::Permissive => "permissive",
            Self::Disabled => "disabled",
        }
    }
}

/// `firewall`: whether firewalld runs, and what its zones let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Whether it runs.
    pub enabled: bool,
    /// Services of the public zone, sorted.
    pub services: Vec<String>,
    /// Ports (`80`, `5900-5999`) and protocols of the public zone.
    pub ports: Vec<(String, String)>,
    /// Interfaces of the trusted zone.
    pub trusted: Vec<String>,
}

/// `repo --install`: a yum repository that the installed system knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repo {
    /// `--name`.
    pub name: String,
    /// `--baseurl`.
    pub baseurl: Option<String>,
    /// `--mirrorlist`.
    pub mirrorlist: Option<String>,
    /// `--cost`.
    pub cost: Option<i64>,
    /// `--excludepkgs`.
    pub excluded: Vec<String>,
    /// `--includepkgs`.
    pub included: Vec<String>,
    /// `--proxy`.
    pub proxy: Option<String>,
    /// `--noverifyssl`.
    pub unverified: bool,
}

/// `bootloader`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bootloader {
    /// `--append`: kernel arguments.
    pub append: String,
    /// `--timeout`: seconds the menu waits.
    pub timeout: Option<u32>,
    /// `--password`: without it nobody changes an entry, or opens GRUB's command line.
    pub password: Option<LoaderPassword>,
}

/// A `%post` script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Where its header is.
    pub place: Place,
    /// `--interpreter`, `/bin/sh` if absent.
    pub interpreter: String,
    /// `--erroronfail`: a failure stops the build.
    pub error_on_fail: bool,
    /// `--log`: a file on the target that receives the output.
    pub log: Option<String>,
    /// The text between header and `%end`.
    pub body: String,
    /// Whether it is the `authconfig` command, not a section.
    pub authconfig: bool,
}

impl Kickstart {
    /// Whether both make the same installed system, `network` lines aside.
    pub fn same_tree(&self, other: &Self) -> bool {
        let comparable = |k: &Self| {
            let mut timezone = k.timezone.clone();
            // Its place does not change the system. The lines of storage commands do: a swap area's
            // UUID derives from its own (`layout::identify`).
            timezone.iter_mut().for_each(|t| t.place = Place::default());
            Self {
                timezone,
                storage: k.storage.with_lines_only(),
                networks: Vec::new(),
                document: Document::default(),
                report: Vec::new(),
                warnings: Vec::new(),
                ..k.clone()
            }
        };
        comparable(self) == comparable(other)
    }

    /// Packages that its commands need in addition to `%packages`, for one node; Anaconda adds the
    /// same.
    pub fn required_packages(&self) -> Vec<&'static str> {
        let mut needs = layout::required_packages(&self.storage);
        let team = self.networks.iter().any(|n| matches!(n.kind, InterfaceKind::Team { .. }));
        let firewall = self.firewall.as_ref().is_some_and(|f| f.enabled);
        let authconfig = self.post.iter().any(|s| s.authconfig);
        for (needed, name) in [(team, "teamd"), (firewall, "firewalld"), (authconfig, "authconfig")]
        {
            needs.extend(needed.then_some(name));
        }
        needs
    }

    /// The role's units together with `services` and `firewall` of the kickstart.
    pub fn merge_units(&self, role: &Services) -> Services {
        let mut units = role.clone();
        let firewalld = "firewalld".to_owned();
        let (on, off) = match self.firewall.as_ref().map(|f| f.enabled) {
            Some(true) => (Some(&firewalld), None),
            Some(false) => (None, Some(&firewalld)),
            None => (None, None),
        };
        for (list, new) in [
            (&mut units.enabled, self.services.enabled.iter().chain(on)),
            (&mut units.disabled, self.services.disabled.iter().chain(off)),
        ] {
            for unit in new {
                if !list.contains(unit) {
                    list.push(unit.clone());
                }
            }
        }
        units
    }
}
