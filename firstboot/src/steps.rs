//! What firstboot does, step by step. Each step looks at the world ([`Step::check`])
//! and, where something can be done, changes it ([`Step::apply`]); that it was done
//! once is never taken as a sign that it still holds.

pub mod announce;
pub mod chrony;
pub mod identity;
pub mod libvirt;
pub mod network;
pub mod openvswitch;
pub mod services;

use crate::host::{Host, Output, Program};
use crate::spec::{Role, Spec};
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
    /// The clock follows one of the lab's NTP servers.
    Chrony,
    /// libvirtd answers.
    Libvirt,
    /// Open vSwitch answers.
    OpenVswitch,
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
    /// Cannot be judged in a folder tree; why.
    Skipped(String),
}

/// A failure in words: what and, where known, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong, with the command or the file.
    pub message: String,
    /// What the reader can do.
    pub remedy: Option<String>,
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
    /// A fault without a remedy.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), remedy: None }
    }

    /// Adds what to do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Fault {
        self.remedy = Some(remedy.into());
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
                    .remedy(format!("install the package that holds `{}`", program.name))
            }
            _ => Fault::new(format!("`{program}` cannot be run: {error}")),
        })
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
    pub const ALL: [Step; 7] = [
        Step::Identity,
        Step::Network,
        Step::Services,
        Step::Chrony,
        Step::Libvirt,
        Step::OpenVswitch,
        Step::Announce,
    ];

    /// The name in the journal, the state file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Step::Identity => "identity",
            Step::Network => "network",
            Step::Services => "services",
            Step::Chrony => "chrony",
            Step::Libvirt => "libvirt",
            Step::OpenVswitch => "openvswitch",
            Step::Announce => "announce",
        }
    }

    /// The steps of a node, in order.
    pub fn of(spec: &Spec) -> Vec<Step> {
        Step::ALL.into_iter().filter(|step| step.applies(spec)).collect()
    }

    fn applies(self, spec: &Spec) -> bool {
        match self {
            Step::Libvirt => spec.node.role == Role::Compute,
            Step::OpenVswitch => openvswitch::wanted(spec),
            _ => true,
        }
    }

    /// The steps that must have succeeded before this one makes sense.
    pub fn needs(self) -> &'static [Step] {
        match self {
            Step::Identity | Step::Services => &[],
            Step::Network => &[Step::Identity],
            Step::Chrony => &[Step::Network],
            Step::Libvirt | Step::OpenVswitch => &[Step::Services],
            Step::Announce => &[
                Step::Identity,
                Step::Network,
                Step::Services,
                Step::Chrony,
                Step::Libvirt,
                Step::OpenVswitch,
            ],
        }
    }

    /// How long it may take and how often it is tried.
    pub fn bounds(self) -> Bounds {
        let (seconds, attempts) = match self {
            Step::Identity | Step::Announce => (30, 3),
            // Generous: a node in an emulator boots minutes after its peers.
            Step::Network | Step::Services => (300, 4),
            Step::Chrony => (180, 3),
            Step::Libvirt | Step::OpenVswitch => (120, 3),
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
            Step::Libvirt => libvirt::check(host),
            Step::OpenVswitch => openvswitch::check(host, spec),
            Step::Announce => Ok(announce::check(host, spec)),
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
            Step::Libvirt => libvirt::apply(host),
            Step::OpenVswitch => openvswitch::apply(host, spec),
            Step::Announce => Ok(Vec::new()),
        }
    }

    /// What helps, in general, when this step has failed.
    pub fn remedy(self, spec: &Spec) -> String {
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
            Step::Announce => "`firstboot status` shows what is not as it should be".to_owned(),
        }
    }
}
