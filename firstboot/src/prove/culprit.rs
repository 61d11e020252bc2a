//! Who is to blame for a part that failed: the APIs' own lists of services and agents, once
//! each has had the time for a heartbeat since then.

use super::cloud::Cloud;
use crate::services::openstack::ask_all;
use contract::status::ServiceState;
use std::time::Duration;

/// The longest that the next heartbeat of a service that runs can take: 30 s for Neutron's
/// agents, and the ten of the APIs' clocks.
const LIMIT: Duration = Duration::from_secs(50);
/// Time between two looks.
const POLL: Duration = Duration::from_secs(3);

/// What services are called in lists and errors, and their units.
const UNITS: [(&str, &str); 17] = [
    ("RabbitMQ", "rabbitmq-server"),
    ("nova-compute", "openstack-nova-compute"),
    ("nova-conductor", "openstack-nova-conductor"),
    ("nova-scheduler", "openstack-nova-scheduler"),
    ("nova-consoleauth", "openstack-nova-consoleauth"),
    ("Open vSwitch agent", "neutron-openvswitch-agent"),
    ("DHCP agent", "neutron-dhcp-agent"),
    ("L3 agent", "neutron-l3-agent"),
    ("Metadata agent", "neutron-metadata-agent"),
    ("cinder-volume", "openstack-cinder-volume"),
    ("cinder-scheduler", "openstack-cinder-scheduler"),
    (":9292", "openstack-glance-api"),
    (":8774", "openstack-nova-api"),
    (":9696", "neutron-server"),
    (":8776", "openstack-cinder-api"),
    (":6080", "openstack-nova-novncproxy"),
    (":5000", "httpd"),
];

/// The services that do not work, each with what is wrong; empty where all of them do.
pub(super) fn find(cloud: &Cloud) -> Vec<String> {
    let clock = cloud.host.clock();
    let began = clock.monotonic();
    loop {
        let waited = clock.monotonic().saturating_sub(began);
        let services = ask_all(cloud.host, cloud.spec, cloud.answers, waited);
        let bad: Vec<&ServiceState> = services.iter().filter(|service| !service.ok).collect();
        if bad.is_empty() || waited >= LIMIT || cloud.signals.arrived() {
            return bad.into_iter().map(describe).collect();
        }
        clock.sleep(POLL);
    }
}

fn describe(service: &ServiceState) -> String {
    format!("{}: {}", service.name, service.evidence)
}

/// What to do, from the words about what is wrong.
pub(super) fn find_hint(words: &str) -> String {
    let mut units: Vec<&str> =
        UNITS.iter().filter(|(name, _)| words.contains(name)).map(|(_, unit)| *unit).collect();
    units.dedup();
    if units.is_empty() {
        return "`firstboot status` and the logs below /var/log of the services named".to_owned();
    }
    format!("`systemctl status {}` there, and their logs below /var/log", units.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_the_units() {
        let hint = find_hint("neutron: L3 agent on openstack is not alive");
        assert!(hint.contains("`systemctl status neutron-l3-agent`"), "{hint}");
        let hint = find_hint("http://192.168.1.10:9292/v2/images does not answer");
        assert!(hint.contains("openstack-glance-api"), "{hint}");
    }
}
