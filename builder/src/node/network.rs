//! Host names and the lab network, as initscripts' network service reads them.

use crate::profile::{Node, Spec};

/// /etc/hosts: the machine itself and every node of the lab. The machine's own name
/// means its lab address, not the loopback, which OpenStack's services need.
pub fn hosts(spec: &Spec) -> String {
    let mut text = String::from(
        "127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4\n\
         ::1         localhost localhost.localdomain localhost6 localhost6.localdomain6\n",
    );
    for node in &spec.all_nodes {
        let address = node.address.to_string();
        text.push_str(&format!("{address:<15} {}", node.name));
        if let Some((short, _)) = node.name.split_once('.') {
            text.push_str(&format!(" {short}"));
        }
        text.push('\n');
    }
    text
}

/// /etc/resolv.conf: name servers and no `search` line, which would make names of
/// the lab depend on an outside domain.
pub fn resolv_conf(spec: &Spec) -> String {
    spec.network.dns.iter().map(|server| format!("nameserver {server}\n")).collect()
}

/// /etc/sysconfig/network.
pub fn sysconfig(spec: &Spec, node: &Node) -> String {
    format!(
        "NETWORKING=yes\nHOSTNAME={}\nGATEWAY={}\nNOZEROCONF=yes\n",
        node.name, spec.network.gateway
    )
}

/// ifcfg of the lab interface. `PEERDNS=no`: resolv.conf is ours.
pub fn ifcfg(spec: &Spec, node: &Node) -> String {
    let network = &spec.network;
    let mut text = format!(
        "DEVICE={interface}\n\
         NAME={interface}\n\
         TYPE=Ethernet\n\
         ONBOOT=yes\n\
         NM_CONTROLLED=no\n\
         BOOTPROTO=none\n\
         IPADDR={address}\n\
         PREFIX={prefix}\n\
         NETMASK={netmask}\n\
         GATEWAY={gateway}\n\
         DEFROUTE=yes\n\
         PEERDNS=no\n\
         IPV6INIT=no\n",
        interface = network.interface,
        address = node.address,
        prefix = network.subnet.prefix,
        netmask = network.subnet.netmask(),
        gateway = network.gateway,
    );
    if let Some(mac) = &node.mac {
        text.push_str(&format!("HWADDR={}\n", mac.to_ascii_uppercase()));
    }
    text
}
