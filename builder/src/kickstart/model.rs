//! A kickstart's meaning, as values.

use super::document::Document;
use super::interface::{InterfaceKind, NetworkCommand};
use super::loader::LoaderPassword;
use super::password::PasswordHash;
use super::report::{Fate, Line};
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
    /// `sshkey`, in order.
    pub ssh_keys: Vec<SshKey>,
    /// `selinux`.
    pub selinux: Option<Selinux>,
    /// `firewall`.
    pub firewall: Option<Firewall>,
    /// `url`: where Anaconda installs from.
    pub url: Option<Repo>,
    /// `repo` with an address, in order.
    pub repos: Vec<Repo>,
    /// `services`.
    pub services: Services,
    /// `network`, in order.
    pub networks: Vec<NetworkCommand>,
    /// `bootloader`.
    pub bootloader: Bootloader,
    /// `%addon com_redhat_kdump`.
    pub kdump: Option<Kdump>,
    /// `firstboot`.
    pub initial_setup: InitialSetup,
    /// `xconfig` and `skipx`.
    pub display: Display,
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
    /// `--nontp`.
    pub no_ntp: bool,
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

/// `sshkey`: a public key that an account accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    /// Where its command is.
    pub place: Place,
    /// The account.
    pub user: String,
    /// The line of `authorized_keys`.
    pub key: String,
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

/// `url` or `repo`: a yum repository that packages are installed from, or that the installed
/// system knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo {
    /// Where its command is.
    pub place: Place,
    /// `--name`; `url` has none.
    pub name: String,
    /// `--baseurl`, `--url`.
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
    /// `--install`: the installed system knows it.
    pub installed: bool,
}

impl Repo {
    /// Whether its address is one that images can be built from: a web server's.
    pub fn is_remote(&self) -> bool {
        let remote = |address: &String| {
            let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            scheme.is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str()))
        };
        // As Anaconda has it, the base URL comes first.
        self.baseurl.as_ref().or(self.mirrorlist.as_ref()).is_some_and(remote)
    }
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

/// `%addon com_redhat_kdump`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kdump {
    /// Whether kernel crashes are dumped.
    pub enabled: bool,
    /// `--reserve-mb` as `crashkernel=` takes it.
    pub reserved: String,
}

/// `firstboot`: what becomes of Initial Setup, where it is installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialSetup {
    /// It does not run; so it is without the command, as after every automated installation.
    #[default]
    Off,
    /// It runs at the first start.
    Run,
    /// It runs, and asks for what is configured as well.
    Reconfigure,
}

/// `xconfig` and `skipx`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Display {
    /// `xconfig --startxonboot`.
    pub graphical: bool,
    /// `skipx`.
    pub skipped: bool,
    /// `xconfig --defaultdesktop`.
    pub desktop: Option<String>,
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
    /// `--nochroot`: it runs outside the installed tree, which is at /mnt/sysimage.
    pub nochroot: bool,
    /// `--log`: a file that receives the output, on the target or where the script runs.
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
            let mut ssh_keys = k.ssh_keys.clone();
            ssh_keys.iter_mut().for_each(|key| key.place = Place::default());
            Self {
                timezone,
                ssh_keys,
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
        // chronyd asks the lab file's time servers.
        let mut needs = vec!["chrony"];
        needs.extend(layout::required_packages(&self.storage));
        let team = self.networks.iter().any(|n| matches!(n.kind, InterfaceKind::Team { .. }));
        let firewall = self.firewall.as_ref().is_some_and(|f| f.enabled);
        let authconfig = self.post.iter().any(|s| s.authconfig);
        let kdump = self.kdump.as_ref().is_some_and(|k| k.enabled);
        for (needed, name) in [
            (team, "teamd"),
            (firewall, "firewalld"),
            (authconfig, "authconfig"),
            (kdump, "kexec-tools"),
        ] {
            needs.extend(needed.then_some(name));
        }
        needs
    }

    /// Adds kernel arguments that no line asks for, and says `why` in the report.
    pub fn add_arguments(&mut self, file: &str, arguments: &str, why: &str) {
        let append = &self.bootloader.append;
        self.bootloader.append = format!("{append} {arguments}").trim().to_owned();
        self.report_added(file, "bootloader", &format!("--append=\"{arguments}\": {why}"));
    }

    /// Says in the report what becomes of a line after all.
    pub fn report_again(&mut self, entry: usize, fate: Fate, why: String) {
        if let Some(line) = self.report.get_mut(entry) {
            (line.fate, line.why) = (fate, why);
        }
    }

    /// The report's last entry about `command`, unless it is refused.
    pub fn last_entry(&self, command: &str) -> Option<usize> {
        let of_command = |l: &Line| l.command == command && l.fate != Fate::Refused;
        self.report.iter().rposition(of_command)
    }

    /// Notes in the report what no line asks for and a system needs.
    pub fn report_added(&mut self, file: &str, command: &str, why: &str) {
        let (place, command, why) = (Place::of_file(file), command.to_owned(), why.to_owned());
        self.report.push(Line { place, command, fate: Fate::Added, why });
    }
}
