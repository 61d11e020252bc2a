//! The steps of a node: their names, order, needs and bounds.

use contract::spec::{Role, Spec};
use std::time::Duration;

/// The steps in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Host name, hosts, resolv.conf, the interface's configuration file.
    Identity,
    /// The interface is up with its address, and the default route exists.
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
    /// Settings of packstack's that do not suit the lab are corrected.
    Aftercare,
    /// The switches of all nodes have their tunnels to each other.
    Tunnels,
    /// OpenStack's services answer.
    Verify,
    /// All of the above hold: the node is ready.
    Announce,
}

/// Bounds of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Time in all, waits included.
    pub deadline: Duration,
    /// How often it may be applied.
    pub attempts: u32,
}

/// Units that start Open vSwitch: CentOS's (SysV or native) and Debian's.
pub(super) const SWITCH_UNITS: [&str; 4] =
    ["openvswitch", "openvswitch-switch", "ovs-vswitchd", "ovsdb-server"];

/// The unit of Open vSwitch that the spec's services name.
pub(super) fn find_switch_unit(spec: &Spec) -> Option<&str> {
    let bare = |unit: &str| unit.strip_suffix(".service").unwrap_or(unit).to_owned();
    let known = |unit: &&String| SWITCH_UNITS.contains(&bare(unit).as_str());
    spec.services.enabled.iter().find(known).map(String::as_str)
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
        Step::Tunnels,
        Step::Verify,
        Step::Announce,
    ];
    /// The steps that begin with OpenStack: a compute, which is ready before, has them to do
    /// once the controller announces that it is installed.
    pub const OF_CLOUD: &'static [Step] = &[Step::Aftercare, Step::Tunnels];

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
            Step::Tunnels => "tunnels",
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
            Step::OpenVswitch => find_switch_unit(spec).is_some(),
            Step::Repositories => !spec.repositories.is_empty(),
            Step::Packstack | Step::Verify => spec.packstack.is_some(),
            Step::Aftercare | Step::Tunnels => {
                spec.packstack.is_some() || spec.node.role == Role::Compute
            }
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
            Step::Tunnels => &[Step::OpenVswitch, Step::Packstack],
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
            // Hours on a slow machine; a second run fixes what a lost mirror broke.
            Step::Packstack => (4 * 3600, 2),
            Step::Aftercare => (120, 3),
            // The other nodes may boot minutes after this one.
            Step::Tunnels | Step::Verify => (600, 1),
        };
        Bounds { deadline: Duration::from_secs(seconds), attempts }
    }
}
