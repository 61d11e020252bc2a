//! The values that the lab gives to keys of the answer file.

use crate::spec::{BRIDGE, Role, Spec};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

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
        ("CONFIG_NEUTRON_ML2_TYPE_DRIVERS", "vxlan".to_owned()),
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
