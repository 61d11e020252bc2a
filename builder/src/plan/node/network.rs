//! Interfaces beyond the lab's own: `ifcfg` files as EL7's initscripts read them
//! (/usr/share/doc/initscripts-*/sysconfig.txt).

use crate::base::lab::LabRoute;
use crate::kickstart::{InterfaceKind, Ipv6, NetworkCommand};
use crate::spec::can_coexist;
use contract::node_files;

/// An `ifcfg` file: keys in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ifcfg {
    keys: Vec<(String, String)>,
}

impl Ifcfg {
    /// Reads a text of plain assignments.
    pub fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|l| l.split_once('='));
        Self { keys: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect() }
    }

    /// Sets a key where it is, or at the end.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        let value = value.to_string();
        match self.keys.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.keys.push((key.to_owned(), value)),
        }
    }

    fn remove(&mut self, key: &str) {
        self.keys.retain(|(k, _)| k != key);
    }

    /// The text. Values with blanks are quoted for the shell.
    pub fn text(&self) -> String {
        self.keys.iter().map(|(key, value)| node_files::assign(key, value)).collect()
    }
}

/// The `ifcfg` files of the kickstart's `network` lines, by interface. That of the lab's
/// interface starts with `own`, whose addresses stay; of two lines for an interface the
/// later one counts.
pub fn files(networks: &[NetworkCommand], lab: &str, own: Ifcfg) -> Vec<(String, Ifcfg)> {
    let mut files = vec![(lab.to_owned(), own)];
    for network in networks.iter().filter(|n| !n.hostname_only) {
        let name = network.interface(lab);
        let mut file = if name == lab { files[0].1.clone() } else { fresh(network, &name) };
        link(network, &mut file);
        put(&mut files, &name, file);
        for (member, file) in members(network, &name) {
            put(&mut files, &member, file);
        }
    }
    files
}

/// The static routes of an interface, in the form of initscripts' `ifup-routes` that names no
/// device: it holds for a bridge that takes over the interface's address as well.
pub fn routes(all: &[LabRoute], interface: &str) -> Option<String> {
    let own = all.iter().filter(|route| route.interface == interface);
    let mut text = String::new();
    for (number, route) in own.enumerate() {
        let (address, mask) = (route.to.address, route.to.netmask());
        text.push_str(&format!("ADDRESS{number}={address}\nNETMASK{number}={mask}\n"));
        text.extend(route.via.map(|via| format!("GATEWAY{number}={via}\n")));
    }
    (!text.is_empty()).then_some(text)
}

/// The files of the interfaces that a device called `master` is made of.
fn members(network: &NetworkCommand, master: &str) -> Vec<(String, Ifcfg)> {
    let member = |name: &String, more: &[(&str, &str)]| {
        let mut file = Ifcfg::default();
        let fixed = [("DEVICE", name.as_str()), ("NAME", name), ("TYPE", "Ethernet")];
        // A port that is not to start would be looked for by itself.
        let at_boot = if network.off_at_boot { "no" } else { "yes" };
        let fixed = fixed.into_iter().chain([("ONBOOT", at_boot), ("BOOTPROTO", "none")]);
        for (key, value) in fixed.chain([("NM_CONTROLLED", "no")]).chain(more.iter().copied()) {
            file.set(key, value);
        }
        (name.clone(), file)
    };
    match &network.kind {
        InterfaceKind::Bond { members, .. } => {
            members.iter().map(|m| member(m, &[("MASTER", master), ("SLAVE", "yes")])).collect()
        }
        InterfaceKind::Bridge { members, .. } => {
            let mut files: Vec<(String, Ifcfg)> =
                members.iter().map(|m| member(m, &[("BRIDGE", master)])).collect();
            // The kernel gives a bridge no MTU above its ports'; those of a bond follow it.
            if let Some(mtu) = network.mtu {
                files.iter_mut().for_each(|(_, file)| file.set("MTU", mtu));
            }
            files
        }
        InterfaceKind::Team { ports, .. } => {
            let port = |(name, config): &(String, String)| {
                let of_team = [("DEVICETYPE", "TeamPort"), ("TEAM_MASTER", master)];
                let (name, mut file) = member(name, &of_team);
                file.remove("TYPE");
                if !config.is_empty() {
                    file.set("TEAM_PORT_CONFIG", config);
                }
                (name, file)
            };
            ports.iter().map(port).collect()
        }
        InterfaceKind::Ethernet | InterfaceKind::Vlan { .. } => Vec::new(),
    }
}

/// An `ifcfg` file that a script wrote, with `ONBOOT=no`, and why, when its interface cannot come
/// up next to the lab's: EL7's network.service fails as a whole for one that does not.
pub fn leave_down(text: &str, lab: &str) -> Option<(String, String)> {
    let found = node_files::assignments(text);
    let value = |key: &str| found.get(key).map(String::as_str).filter(|value| !value.is_empty());
    if value("ONBOOT").is_some_and(|value| value.eq_ignore_ascii_case("no")) {
        return None;
    }
    let why = match (value("DEVICE"), value("HWADDR")) {
        (Some(device), _) if !can_coexist(device, lab) => {
            format!("no machine has {device} next to {lab}")
        }
        (None, None) => "it names no DEVICE".to_owned(),
        _ => return None,
    };
    let off = [("ONBOOT".to_owned(), "no".to_owned())].into();
    Some((node_files::with_assignments(text, &off), why))
}

fn put(files: &mut Vec<(String, Ifcfg)>, name: &str, file: Ifcfg) {
    match files.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = file,
        None => files.push((name.to_owned(), file)),
    }
}

/// Addresses of an interface that is not the lab's.
fn fresh(network: &NetworkCommand, name: &str) -> Ifcfg {
    let mut file = Ifcfg::default();
    file.set("DEVICE", name);
    file.set("NAME", name);
    file.set("TYPE", "Ethernet");
    let fixed = network.bootproto == "static" || network.no_ipv4;
    file.set("BOOTPROTO", if fixed { "none" } else { network.bootproto.as_str() });
    file.set("ONBOOT", "yes");
    file.set("NM_CONTROLLED", "no");
    if let Some(ip) = network.ip.filter(|_| fixed && !network.no_ipv4) {
        file.set("IPADDR", ip);
        let ones = network.netmask.map(|mask| u32::from(mask).leading_ones());
        let ones = ones.and_then(|n| u8::try_from(n).ok()).unwrap_or(24);
        file.set("PREFIX", ones);
        file.set("NETMASK", node_files::netmask(ones));
        if let Some(gateway) = network.gateway {
            file.set("GATEWAY", gateway);
        }
    }
    // The lab file's name servers are in resolv.conf already.
    for (number, server) in network.nameservers.iter().enumerate() {
        file.set(&format!("DNS{}", number + 1), server);
    }
    file.set("DEFROUTE", if network.no_default_route { "no" } else { "yes" });
    if network.no_dns || !network.nameservers.is_empty() {
        file.set("PEERDNS", "no");
    }
    if network.asks_dhcp() {
        // chronyd asks the lab file's servers alone.
        file.set("PEERNTP", "no");
    }
    file.set("IPV6INIT", if network.ipv6 == Some(Ipv6::Off) { "no" } else { "yes" });
    file
}

/// What a line says of any interface.
fn link(network: &NetworkCommand, file: &mut Ifcfg) {
    if network.off_at_boot {
        file.set("ONBOOT", "no");
    }
    if let Some(mtu) = network.mtu {
        file.set("MTU", mtu);
    }
    if let Some(options) = &network.ethtool {
        file.set("ETHTOOL_OPTS", options);
    }
    ipv6(network, file);
    if network.kind != InterfaceKind::Ethernet {
        // It is the address of the machine's own interface, which this device is made of.
        file.remove("HWADDR");
    }
    match &network.kind {
        InterfaceKind::Ethernet => {}
        InterfaceKind::Bond { options, .. } => {
            file.set("TYPE", "Bond");
            file.set("BONDING_MASTER", "yes");
            if !options.is_empty() {
                file.set("BONDING_OPTS", options.join(" "));
            }
        }
        InterfaceKind::Vlan { id, .. } => {
            file.set("TYPE", "Vlan");
            file.set("VLAN", "yes");
            file.set("VLAN_ID", id);
            if let Some(parent) = &network.device {
                file.set("PHYSDEV", parent);
            }
        }
        InterfaceKind::Bridge { options, .. } => bridge(options, file),
        InterfaceKind::Team { config, .. } => {
            // teamd's own ifup-Team is chosen by this key; TYPE is for initscripts' devices.
            file.remove("TYPE");
            file.set("DEVICETYPE", "Team");
            if !config.is_empty() {
                file.set("TEAM_CONFIG", config);
            }
        }
    }
}

/// How an interface gets its IPv6 addresses.
fn ipv6(network: &NetworkCommand, file: &mut Ifcfg) {
    match network.ipv6 {
        None | Some(Ipv6::Off) => {}
        Some(Ipv6::Automatic) => {
            file.set("IPV6INIT", "yes");
            file.set("IPV6_AUTOCONF", "yes");
        }
        Some(Ipv6::Dhcp) => {
            file.set("IPV6INIT", "yes");
            file.set("IPV6_AUTOCONF", "no");
            file.set("DHCPV6C", "yes");
        }
        Some(Ipv6::Static(address, prefix)) => {
            file.set("IPV6INIT", "yes");
            file.set("IPV6_AUTOCONF", "no");
            file.set("IPV6ADDR", format!("{address}/{prefix}"));
        }
    }
    if let Some(gateway) = network.ipv6_gateway {
        file.set("IPV6_DEFAULTGW", gateway);
    }
}

/// NetworkManager's names of bridge options, as initscripts spell them.
fn bridge(options: &[String], file: &mut Ifcfg) {
    file.set("TYPE", "Bridge");
    let mut rest = Vec::new();
    for (key, value) in options.iter().filter_map(|o| o.split_once('=')) {
        match key {
            "stp" => file.set("STP", value),
            "forward-delay" => file.set("DELAY", value),
            other => rest.push(format!("{}={value}", other.replace('-', "_"))),
        }
    }
    if !rest.is_empty() {
        file.set("BRIDGING_OPTS", rest.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kickstart::{Fate, SourceMap, Text, parse};

    fn written(text: &str) -> Vec<(String, String)> {
        let kickstart = parse(&Text::new("ks", text, &SourceMap::default(), "lab")).unwrap();
        assert!(kickstart.report.iter().all(|l| l.fate != Fate::Refused), "{kickstart:?}");
        let own = Ifcfg::parse("DEVICE=eth0\nIPADDR=192.0.2.1\nIPV6INIT=no\n");
        let files = files(&kickstart.networks, "eth0", own);
        files.into_iter().map(|(name, file)| (name, file.text())).collect()
    }

    #[test]
    fn what_a_script_wrote_for_an_absent_interface_stays_down() {
        let left = |text: &str| leave_down(text, "eth0");
        let (text, why) = left("ZONE=external").unwrap();
        assert_eq!(
            (text.as_str(), why.as_str()),
            ("ZONE=external\nONBOOT=no\n", "it names no DEVICE")
        );
        let (text, why) = left("DEVICE=\"enp0s3\"\nONBOOT=yes\n").unwrap();
        assert_eq!(text, "DEVICE=\"enp0s3\"\nONBOOT=no\n");
        assert_eq!(why, "no machine has enp0s3 next to eth0");
        for fine in [
            "DEVICE=eth1\nONBOOT=yes\n",
            "DEVICE=enp0s3\nONBOOT='no'\n",
            "HWADDR=52:54:00:00:00:01\n",
            "DEVICE=bond0\n",
        ] {
            assert_eq!(left(fine), None, "{fine}");
        }
    }

    #[test]
    fn the_labs_interface_keeps_its_address_and_gets_the_rest() {
        let text = "network --bootproto=static --ip=192.0.2.1 --netmask=255.255.255.0 --mtu=9000 --ipv6=2001:db8::1/64 \
                    --ethtool=\"autoneg off\"";
        let file = "DEVICE=eth0\nIPADDR=192.0.2.1\nIPV6INIT=yes\nMTU=9000\n\
                    ETHTOOL_OPTS=\"autoneg off\"\nIPV6_AUTOCONF=no\nIPV6ADDR=2001:db8::1/64\n";
        assert_eq!(written(text), [("eth0".to_owned(), file.to_owned())]);
    }

    #[test]
    fn more_interfaces_have_files_of_their_own() {
        let text = "network --device=eth1 --bootproto=static --ip=10.0.0.2 --netmask=255.255.0.0 \
                    --nodefroute --nameserver=10.0.0.1 --noipv6\n\
                    network --device=eth2 --onboot=no\n";
        let files = written(text);
        assert_eq!(
            files[1].1,
            "DEVICE=eth1\nNAME=eth1\nTYPE=Ethernet\nBOOTPROTO=none\nONBOOT=yes\nNM_CONTROLLED=no\n\
             IPADDR=10.0.0.2\nPREFIX=16\nNETMASK=255.255.0.0\nDNS1=10.0.0.1\nDEFROUTE=no\n\
             PEERDNS=no\nIPV6INIT=no\n"
        );
        assert!(files[2].1.contains("BOOTPROTO=dhcp\nONBOOT=no\n"), "{}", files[2].1);
    }

    /// The address is the VLAN's; Anaconda gives the bond under it none.
    #[test]
    fn a_vlan_over_a_bond_is_one_line() {
        let text = "network --device=bond0 --bootproto=dhcp --bondslaves=eth1,eth2 --vlanid=20 \
                    --bondopts=mode=active-backup --mtu=9000";
        let files = written(text);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["eth0", "bond0", "eth1", "eth2", "bond0.20"]);
        for (number, line) in [
            (1, "BOOTPROTO=none"),
            (1, "IPV6INIT=no"),
            (1, "BONDING_OPTS=mode=active-backup"),
            (1, "MTU=9000"),
            (2, "MASTER=bond0"),
            (4, "BOOTPROTO=dhcp"),
            (4, "PEERNTP=no"),
            (4, "PHYSDEV=bond0"),
            (4, "VLAN_ID=20"),
        ] {
            let text = &files[number].1;
            assert!(text.lines().any(|l| l == line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn bonds_vlans_and_bridges() {
        let text = "network --device=bond0 --bondslaves=eth1,eth2 \
                    --bondopts=mode=active-backup,miimon=100\n\
                    network --device=bond0 --vlanid=171 --bootproto=static --ip=10.1.0.2 \
                    --netmask=255.255.255.0\n\
                    network --device=eth3 --vlanid=5 --interfacename=vlan5 --noipv4\n\
                    network --device=br0 --bridgeslaves=eth4 --bridgeopts=stp=yes,hello-time=2 \
                    --mtu=9000\n";
        let files = written(text);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["eth0", "bond0", "eth1", "eth2", "bond0.171", "vlan5", "br0", "eth4"]);
        let has = |name: &str, lines: &[&str]| {
            let text = &files.iter().find(|(n, _)| n == name).unwrap().1;
            for line in lines {
                assert!(text.lines().any(|l| l == *line), "{line} is missing in:\n{text}");
            }
        };
        has("bond0", &["TYPE=Bond", "BONDING_MASTER=yes"]);
        has("bond0", &["BONDING_OPTS=\"mode=active-backup miimon=100\""]);
        has("eth1", &["MASTER=bond0", "SLAVE=yes", "BOOTPROTO=none"]);
        has("bond0.171", &["VLAN=yes", "PHYSDEV=bond0", "VLAN_ID=171", "PREFIX=24"]);
        has("vlan5", &["DEVICE=vlan5", "PHYSDEV=eth3", "BOOTPROTO=none"]);
        has("br0", &["TYPE=Bridge", "STP=yes", "BRIDGING_OPTS=hello_time=2"]);
        has("eth4", &["BRIDGE=br0", "MTU=9000"]);
    }
}
