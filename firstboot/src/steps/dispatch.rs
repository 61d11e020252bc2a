//! Which module does a step's work.

use super::outcome::CheckOutcome;
use super::step::Step;
use super::{
    aftercare, announce, chrony, identity, libvirt, network, openvswitch, packstack, repositories,
    services, ssh_keys, tunnels, verify,
};
use crate::host::{Fault, Host};
use contract::node_files::ROOT_SSH;
use contract::spec::Spec;

impl Step {
    /// Checks the node and changes nothing.
    ///
    /// # Errors
    /// When the node cannot be checked; it is then tried again.
    pub fn check(self, host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
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
            Step::Tunnels => tunnels::check(host, spec),
            Step::Verify => verify::check(host, spec),
            Step::Announce => announce::check(host, spec),
        }
    }

    /// Brings the node to the desired state and returns what was changed.
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
            Step::Repositories | Step::Tunnels | Step::Verify | Step::Announce => Ok(Vec::new()),
        }
    }

    /// Ends what the step has under way, when it has no time left.
    pub fn give_up(self, host: &Host, spec: &Spec) {
        if self == Step::Packstack {
            packstack::give_up(host, spec);
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
            Step::Services => "`systemctl --failed` and `journalctl -b` show why".to_owned(),
            Step::Chrony => {
                let servers = chrony::servers(spec);
                format!("see that {servers} answers NTP (UDP port 123) to this network")
            }
            Step::Libvirt => "`journalctl -u libvirtd` shows why".to_owned(),
            Step::OpenVswitch => {
                "`journalctl -u openvswitch` and /var/log/openvswitch show why".to_owned()
            }
            Step::SshKeys => format!("see `ls -la {}`", ROOT_SSH),
            Step::Repositories => {
                "see that the repository server is on and serves what /etc/yum.repos.d names"
                    .to_owned()
            }
            Step::Packstack => "`firstboot logs packstack` shows its output; fix the cause, then \
                                `firstboot retry packstack`"
                .to_owned(),
            Step::Aftercare => "`firstboot logs aftercare` shows why".to_owned(),
            Step::Tunnels => "see `ovs-vsctl show` and `systemctl status openvswitch \
                              neutron-openvswitch-agent` on the node that is named; restarting the \
                              agent makes its bridges and tunnels again"
                .to_owned(),
            Step::Verify => "see the service's log under /var/log on the host that is named, and \
                             `openstack-status`; then `firstboot retry verify`"
                .to_owned(),
            Step::Announce => "`firstboot status` shows what is not as it should be".to_owned(),
        }
    }
}
