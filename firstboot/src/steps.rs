//! What firstboot does, step by step. Each step looks at the world ([`Step::check`])
//! and, where something can be done, changes it ([`Step::apply`]); that it was done
//! once is never taken as a sign that it still holds.

pub mod aftercare;
pub mod announce;
pub mod chrony;
pub mod identity;
pub mod libvirt;
pub mod network;
pub mod openvswitch;
pub mod packstack;
pub mod repositories;
pub mod services;
pub mod ssh_keys;
pub mod verify;

use crate::host::{Host, Output, Program};
use contract::spec::{Role, Spec};
use std::fmt;
use std::io;
use std::time::Duration;

/// The steps in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Host name, hosts, resolv.conf, the interface's configuration file.
    Identity,
    /// The interface is up with its address, and the default route is there.
    Network,
    /// Wanted units run and are enabled, unwanted ones are off.
    Services,
    /// Root's ssh keys have the modes that sshd accepts.
    SshKeys,
    /// The repositories answer and are whole.
    Repositories,
    /// The clock follows one of the lab's NTP servers.
    Chrony,
    /// libvirtd answers.
    Libvirt,
    /// Open vSwitch answers, and its bridge carries the node's address.
    OpenVswitch,
    /// packstack has installed OpenStack.
    Packstack,
    /// What packstack left otherwise than the lab needs it.
    Aftercare,
    /// OpenStack's services answer.
    Verify,
    /// All of the above hold: the node is ready.
    Announce,
}

/// What a look at the world shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As wanted; the evidence.
    Met(String),
    /// Not as wanted, and [`Step::apply`] can change it; what is wrong.
    Unmet(String),
    /// Not as wanted, but about to change by itself; what is waited for.
    Waiting(String),
    /// Not as wanted, and nothing here can change it.
    Impossible(Fault),
    /// Not for this node as it is, or cannot be judged in a folder tree; why.
    Skipped(String),
}

/// A failure in words: what and, where known, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong, with the command or the file.
    pub message: String,
    /// What the reader can do.
    pub hint: Option<String>,
}

/// Bounds of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Time in all, waits included.
    pub deadline: Duration,
    /// How often it may be applied.
    pub attempts: u32,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// Runs `program`; that it cannot be started is the fault, how it ends is not.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn of_run(host: &Host, program: &Program) -> Result<Output, Fault> {
        host.runner().run(program).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Fault::new(format!("there is no program `{}` on this node", program.name))
                    .hint(format!("install the package that holds `{}`", program.name))
            }
            _ => Fault::new(format!("`{program}` cannot be run: {error}")),
        })
    }
}

impl Fault {
    /// Runs `program`, which changes something: what it says is noted, and that it fails
    /// is a fault.
    ///
    /// # Errors
    /// When it cannot be started or does not end with exit code 0.
    pub fn of_change(host: &Host, program: &Program) -> Result<(), Fault> {
        let output = Fault::of_noted(host, program)?;
        if output.ok() {
            return Ok(());
        }
        Err(Fault::new(format!("`{program}` failed: {}", output.summary())))
    }

    /// As [`Fault::of_run`]; what the program says is noted.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn of_noted(host: &Host, program: &Program) -> Result<Output, Fault> {
        let output = Fault::of_run(host, program)?;
        for line in output.stdout.lines().chain(output.stderr.lines()) {
            host.note_output(&program.name, line);
        }
        Ok(output)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::new(error.to_string())
    }
}

impl Step {
    /// Every step, in order.
    pub const ALL: &'static [Step] = &[
        Step::Identity,
        Step::Network,
        Step::Services,
        Step::SshKeys,
        Step::Repositories,
        Step::Chrony,
        Step::Libvirt,
        Step::OpenVswitch,
        Step::Packstack,
        Step::Aftercare,
        Step::Verify,
        Step::Announce,
    ];

    /// The name in the journal, the state file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Step::Identity => "identity",
            Step::Network => "network",
            Step::Services => "services",
            Step::SshKeys => "ssh-keys",
            Step::Repositories => "repositories",
            Step::Chrony => "chrony",
            Step::Libvirt => "libvirt",
            Step::OpenVswitch => "openvswitch",
            Step::Packstack => "packstack",
            Step::Aftercare => "aftercare",
            Step::Verify => "verify",
            Step::Announce => "announce",
        }
    }

    /// The step of that name.
    pub fn named(name: &str) -> Option<Step> {
        Step::ALL.iter().copied().find(|step| step.name() == name)
    }

    /// The steps of a node, in order.
    pub fn of(spec: &Spec) -> Vec<Step> {
        Step::ALL.iter().copied().filter(|step| step.applies(spec)).collect()
    }

    fn applies(self, spec: &Spec) -> bool {
        match self {
            Step::Libvirt => spec.node.role == Role::Compute,
            Step::OpenVswitch => openvswitch::wanted(spec),
            Step::Repositories => !spec.repositories.is_empty(),
            Step::Packstack | Step::Aftercare | Step::Verify => spec.packstack.is_some(),
            _ => true,
        }
    }

    /// The steps that must have succeeded before this one makes sense.
    pub fn needs(self) -> &'static [Step] {
        match self {
            Step::Identity | Step::Services | Step::SshKeys => &[],
            Step::Network => &[Step::Identity],
            Step::Chrony | Step::Repositories => &[Step::Network],
            Step::Libvirt => &[Step::Services],
            Step::OpenVswitch => &[Step::Network, Step::Services],
            Step::Packstack => &[
                Step::Network,
                Step::Services,
                Step::SshKeys,
                Step::Repositories,
                Step::Chrony,
                Step::OpenVswitch,
            ],
            Step::Aftercare => &[Step::Packstack],
            Step::Verify => &[Step::Packstack, Step::Aftercare],
            Step::Announce => Step::ALL.split_last().map_or(&[], |(_, before)| before),
        }
    }

    /// How long it may take and how often it is tried.
    pub fn bounds(self) -> Bounds {
        let (seconds, attempts) = match self {
            Step::Identity | Step::Announce => (30, 3),
            // Generous: a node in an emulator boots minutes after its peers.
            Step::Network | Step::Services => (300, 4),
            Step::Chrony => (180, 3),
            Step::SshKeys => (30, 3),
            Step::Repositories => (120, 3),
            Step::Libvirt | Step::OpenVswitch => (120, 3),
            // Hours on a slow machine; a second run mends what a lost mirror broke.
            Step::Packstack => (4 * 3600, 2),
            Step::Aftercare => (120, 3),
            Step::Verify => (600, 1),
        };
        Bounds { deadline: Duration::from_secs(seconds), attempts }
    }

    /// Looks at the world and changes nothing.
    ///
    /// # Errors
    /// When the world cannot be looked at; it is then tried again.
    pub fn check(self, host: &Host, spec: &Spec) -> Result<State, Fault> {
        match self {
            Step::Identity => identity::check(host, spec),
            Step::Network => network::check(host, spec),
            Step::Services => services::check(host, spec),
            Step::Chrony => chrony::check(host, spec),
            Step::SshKeys => ssh_keys::check(host),
            Step::Repositories => Ok(repositories::check(host, spec)),
            Step::Libvirt => libvirt::check(host),
            Step::OpenVswitch => openvswitch::check(host, spec),
            Step::Packstack => packstack::check(host, spec),
            Step::Aftercare => aftercare::check(host, spec),
            Step::Verify => verify::check(host, spec),
            Step::Announce => announce::check(host, spec),
        }
    }

    /// Makes the world as wanted and says what was changed.
    ///
    /// # Errors
    /// When a change fails; what was changed before it stays.
    pub fn apply(self, host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
        match self {
            Step::Identity => identity::apply(host, spec),
            Step::Network => network::apply(host),
            Step::Services => services::apply(host, spec),
            Step::Chrony => chrony::apply(host, spec),
            Step::SshKeys => ssh_keys::apply(host),
            Step::Libvirt => libvirt::apply(host),
            Step::OpenVswitch => openvswitch::apply(host, spec),
            Step::Packstack => packstack::apply(host, spec),
            Step::Aftercare => aftercare::apply(host, spec),
            Step::Repositories | Step::Verify | Step::Announce => Ok(Vec::new()),
        }
    }

    /// Ends what the step has under way, when it has no time left.
    pub fn give_up(self, host: &Host) {
        if self == Step::Packstack {
            packstack::give_up(host);
        }
    }

    /// What helps, in general, when this step has failed.
    pub fn hint(self, spec: &Spec) -> String {
        match self {
            Step::Identity => "see whether the root file system is full or read-only".to_owned(),
            Step::Network => format!(
                "see `ip address show {}`, `ip route` and `journalctl -u network`; the virtual \
                 machine's network must be {}/{}",
                spec.node.interface, spec.network.gateway, spec.network.prefix
            ),
            Step::Services => "`systemctl --failed` and `journalctl -b` tell why".to_owned(),
            Step::Chrony => {
                let servers = chrony::servers(spec);
                format!("see that {servers} answers NTP (UDP port 123) to this network")
            }
            Step::Libvirt => "`journalctl -u libvirtd` tells why".to_owned(),
            Step::OpenVswitch => {
                "`journalctl -u openvswitch` and /var/log/openvswitch tell why".to_owned()
            }
            Step::SshKeys => format!("see `ls -la {}`", contract::node_files::ROOT_SSH),
            Step::Repositories => {
                "see that the repository server is on and serves what /etc/yum.repos.d names"
                    .to_owned()
            }
            Step::Packstack => "`firstboot logs packstack` shows what it said; mend that, then \
                                `firstboot retry packstack`"
                .to_owned(),
            Step::Aftercare => "`firstboot logs aftercare` tells why".to_owned(),
            Step::Verify => "see the service's log under /var/log on the host that is named, and \
                             `openstack-status`; then `firstboot retry verify`"
                .to_owned(),
            Step::Announce => "`firstboot status` shows what is not as it should be".to_owned(),
        }
    }
}
