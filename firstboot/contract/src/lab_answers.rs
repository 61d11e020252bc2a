//! The values that the lab gives to keys of the answer file.

use crate::spec::{BRIDGE, Role, Spec};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Types of networks. Tenants get vxlan. `flat` is there for the bridge mappings: packstack 9
/// goes through a set of hosts, decides for each whether bridges are made, and keeps only the
/// last decision (neutron_350.py, `create_l2_agent_manifests`). With vxlan alone that is no for
/// computes, so a network host may get none, by the order of the set, which is that of Python
/// 2's hashes of the addresses. With `flat` it is yes for every host. Networks of a provider can
/// be made by it as well.
const TYPE_DRIVERS: &str = "vxlan,flat";

/// The keys that the lab gives a value to, for the controller of `spec`; with
/// `controller_computes` it runs guests as well.
pub fn list_lab_answers(spec: &Spec, controller_computes: bool) -> BTreeMap<String, String> {
    let joined = |addresses: &mut dyn Iterator<Item = Ipv4Addr>| {
        addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(",")
    };
    let ntp: Vec<String> = spec.network.ntp.iter().map(ToString::to_string).collect();
    let with = |role: Role| spec.hosts.iter().filter(move |host| host.role == role);
    let controllers = || with(Role::Controller).map(|host| host.address);
    let computing_controllers = controllers().filter(|_| controller_computes);
    let computes = with(Role::Compute).map(|host| host.address);
    let computes = joined(&mut computing_controllers.chain(computes));
    let interface = &spec.node.interface;
    let bridge = spec.bridge.as_ref().map_or(BRIDGE, |bridge| bridge.name.as_str());
    let mut answers: BTreeMap<String, String> = [
        ("CONFIG_SWIFT_INSTALL", "n".to_owned()),
        ("CONFIG_CEILOMETER_INSTALL", "y".to_owned()),
        ("CONFIG_AODH_INSTALL", "y".to_owned()),
        ("CONFIG_GNOCCHI_INSTALL", "y".to_owned()),
        ("CONFIG_NTP_SERVERS", ntp.join(",")),
        ("CONFIG_NETWORK_HOSTS", joined(&mut controllers())),
        ("CONFIG_NEUTRON_ML2_TYPE_DRIVERS", TYPE_DRIVERS.to_owned()),
        ("CONFIG_NEUTRON_OVS_BRIDGE_MAPPINGS", format!("physnet1:{bridge}")),
        ("CONFIG_NEUTRON_OVS_BRIDGE_IFACES", format!("{bridge}:{interface}")),
        // The demo downloads an image, and a lab has no way out.
        ("CONFIG_PROVISION_DEMO", "n".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if !computes.is_empty() {
        answers.insert("CONFIG_COMPUTE_HOSTS".to_owned(), computes);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::find_violation;
    use crate::spec::LabHost;

    /// packstack 9's decision for one host, as its neutron_350.py makes it.
    fn makes_bridges(host: &str, network_hosts: &[&str], types: &str) -> bool {
        let has = |wanted: &[&str]| types.split(',').any(|one| wanted.contains(&one));
        network_hosts.contains(&host) && has(&["gre", "vxlan", "vlan", "flat"])
            || has(&["vlan", "flat"])
    }

    /// Whatever host packstack decides about last, in any network and with up to 30 computes,
    /// the network host gets its bridge mappings.
    #[test]
    fn bridge_mappings_do_not_depend_on_the_order_of_hosts() {
        let spec = Spec::parse(include_str!("../../examples/controller.spec.toml")).unwrap();
        for (network, computes) in [([192, 168, 1], 2), ([10, 0, 0], 30), ([172, 16, 9], 1)] {
            let [a, b, c] = network;
            let mut spec = spec.clone();
            spec.node.address = Ipv4Addr::new(a, b, c, 10);
            spec.hosts[0].address = spec.node.address;
            spec.hosts.truncate(2);
            let compute = spec.hosts.remove(1);
            spec.hosts.extend((0..computes).map(|number| {
                let address = Ipv4Addr::new(a, b, c, 11 + number);
                LabHost { name: format!("nova{number:02}"), address, ..compute.clone() }
            }));
            let answers = list_lab_answers(&spec, false);
            let listed = |key: &str| answers[key].split(',').collect::<Vec<_>>();
            let network_hosts = listed("CONFIG_NETWORK_HOSTS");
            let all = [network_hosts.clone(), listed("CONFIG_COMPUTE_HOSTS")].concat();
            assert_eq!(all.len(), 1 + usize::from(computes));
            let decided = |types: &str| -> Vec<bool> {
                all.iter().map(|host| makes_bridges(host, &network_hosts, types)).collect()
            };
            let types = &answers["CONFIG_NEUTRON_ML2_TYPE_DRIVERS"];
            assert!(decided(types).into_iter().all(|yes| yes), "{types}");
            // With vxlan alone it depends on who is last.
            assert!(decided("vxlan").contains(&true) && decided("vxlan").contains(&false));
        }
    }

    #[test]
    fn the_labs_own_values_are_legal() {
        let spec = include_str!("../../examples/controller.spec.toml");
        let spec = Spec::parse(spec).unwrap();
        let answers = list_lab_answers(&spec, false);
        for (key, value) in &answers {
            assert_eq!(find_violation(key, value), None, "{key}={value}");
        }
        assert_eq!(answers["CONFIG_COMPUTE_HOSTS"], "192.168.1.11,192.168.1.12");
        assert_eq!(answers["CONFIG_NEUTRON_OVS_BRIDGE_IFACES"], "br-ex:eth0");
        let both = list_lab_answers(&spec, true);
        assert_eq!(both["CONFIG_COMPUTE_HOSTS"], "192.168.1.10,192.168.1.11,192.168.1.12");
    }
}
