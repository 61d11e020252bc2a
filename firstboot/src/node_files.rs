//! The files that carry a node's identity: what they must hold, and whether a
//! given text does. imgbuild writes the same files into the image from here.

mod bridge;

pub use bridge::{bridge_differences, bridge_ifcfg, port_differences, port_ifcfg};

use crate::spec::Spec;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The host name's file.
pub const HOSTNAME: &str = "/etc/hostname";
/// Names and addresses of the lab.
pub const HOSTS: &str = "/etc/hosts";
/// The resolver's configuration.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The folder of root's ssh keys, mode 0700.
pub const ROOT_SSH: &str = "/root/.ssh";
/// The keys that may log in as root, mode 0600.
pub const AUTHORIZED_KEYS: &str = "/root/.ssh/authorized_keys";
/// The key with which packstack reaches every host, mode 0600.
pub const ROOT_KEY: &str = "/root/.ssh/id_rsa";

/// Whether there is networking at all: without this file network.service of
/// CentOS 7 ends at once with exit code 6.
pub const NETWORKING: &str = "/etc/sysconfig/network";

/// The names of the loopback addresses, as CentOS 7 ships them.
const LOCALHOST: [(&str, [&str; 4]); 2] = [
    ("127.0.0.1", ["localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4"]),
    ("::1", ["localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6"]),
];

/// Where the interface's configuration is.
pub fn ifcfg_path(interface: &str) -> String {
    format!("/etc/sysconfig/network-scripts/ifcfg-{interface}")
}

/// The line of [`AUTHORIZED_KEYS`] for the lab's own key, whose public part is `public`
/// (sshd(8), AUTHORIZED_KEYS FILE FORMAT): it logs in from the `controllers` alone, as packstack
/// does, and does not lead on to other machines. The public part stands in it as it is, as
/// packstack looks for that and adds it where it is not.
pub fn lab_key_line(controllers: &[Ipv4Addr], public: &str) -> String {
    let from: Vec<String> = controllers.iter().map(Ipv4Addr::to_string).collect();
    let from = from.join(",");
    let public = public.trim_end();
    format!("from=\"{from}\",no-agent-forwarding,no-port-forwarding,no-X11-forwarding {public}\n")
}

/// The content of `/etc/hostname`.
pub fn hostname(spec: &Spec) -> String {
    format!("{}\n", spec.node.name)
}

/// The content of `/etc/hosts`: the loopback lines, then every node of the lab.
pub fn hosts(spec: &Spec) -> String {
    let mut text = String::new();
    for line in host_lines(spec) {
        text.push_str(&line.join(" "));
        text.push('\n');
    }
    text
}

/// Whether `text` says the same as [`hosts`]; comments and spacing are free.
pub fn hosts_hold(spec: &Spec, text: &str) -> bool {
    let found = text.lines().map(words).filter(|words| !words.is_empty());
    found.eq(host_lines(spec))
}

fn host_lines(spec: &Spec) -> Vec<Vec<String>> {
    let local = LOCALHOST.iter().map(|(address, names)| {
        let names = names.iter().map(|name| (*name).to_owned());
        std::iter::once((*address).to_owned()).chain(names).collect()
    });
    let nodes = spec.hosts.iter().map(|host| {
        let mut line = vec![host.address.to_string(), host.name.clone()];
        // A fully qualified name is also known by its first label.
        line.extend(host.name.split_once('.').map(|(label, _)| label.to_owned()));
        line
    });
    local.chain(nodes).collect()
}

/// The content of `/etc/resolv.conf`: name servers and nothing else.
pub fn resolv_conf(spec: &Spec) -> String {
    spec.network.dns.iter().map(|server| format!("nameserver {server}\n")).collect()
}

/// Whether `text` says the same as [`resolv_conf`]. A `search` or `domain` line
/// makes it differ: with one, short host names are looked up elsewhere.
pub fn resolv_conf_holds(spec: &Spec, text: &str) -> bool {
    let wanted =
        spec.network.dns.iter().map(|server| vec!["nameserver".to_owned(), server.to_string()]);
    // resolv.conf(5): comments start with `;` or `#` in the first column.
    let found = text
        .lines()
        .filter(|line| !line.starts_with([';', '#']))
        .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter(|words| !words.is_empty());
    found.eq(wanted)
}

fn words(line: &str) -> Vec<String> {
    let content = line.split('#').next().unwrap_or_default();
    content.split_whitespace().map(str::to_owned).collect()
}

/// The netmask of a prefix length of 0 to 32 bits.
pub fn netmask(prefix: u8) -> Ipv4Addr {
    let host_bits = 32 - u32::from(prefix.min(32));
    Ipv4Addr::from(u32::MAX.checked_shl(host_bits).unwrap_or(0))
}

/// The content of the interface's `ifcfg` file: the static address of the spec.
pub fn ifcfg(spec: &Spec) -> String {
    let (node, network) = (&spec.node, &spec.network);
    format!(
        "DEVICE={interface}\nNAME={interface}\nTYPE=Ethernet\nBOOTPROTO=none\nONBOOT=yes\n\
         NM_CONTROLLED=no\nIPADDR={address}\nPREFIX={prefix}\nNETMASK={mask}\nGATEWAY={gateway}\n\
         DEFROUTE=yes\nPEERDNS=no\nIPV6INIT=no\n",
        interface = node.interface,
        address = node.address,
        prefix = network.prefix,
        mask = netmask(network.prefix),
        gateway = network.gateway,
    )
}

/// The content of `/etc/sysconfig/network`.
pub fn networking() -> String {
    "NETWORKING=yes\nNOZEROCONF=yes\n".to_owned()
}

/// What in the text of `/etc/sysconfig/network` is not as wanted; empty if it will
/// do. A host name or gateway there would go before the node's own.
pub fn networking_differences(spec: &Spec, text: &str) -> Vec<&'static str> {
    let found = assignments(text);
    let unless = |key: &str, wanted: &str| found.get(key).is_none_or(|value| value == wanted);
    let checks = [
        ("NETWORKING", found.get("NETWORKING").is_some_and(|value| value == "yes")),
        ("HOSTNAME", unless("HOSTNAME", &spec.node.name)),
        ("GATEWAY", unless("GATEWAY", &spec.network.gateway.to_string())),
    ];
    checks.iter().filter(|(_, holds)| !holds).map(|(key, _)| *key).collect()
}

/// What in the `ifcfg` text `text` is not as the spec wants it, in words; empty if
/// it will do. Keys that do not matter here are free.
pub fn ifcfg_differences(spec: &Spec, text: &str) -> Vec<String> {
    let found = assignments(text);
    let get = |key: &str| found.get(key).map_or("", String::as_str);
    let is = |key: &str, wanted: &[&str]| wanted.contains(&get(key).to_ascii_lowercase().as_str());
    let (node, network) = (&spec.node, &spec.network);
    let (prefix, mask) = (network.prefix.to_string(), netmask(network.prefix).to_string());
    // initscripts take PREFIX before NETMASK.
    let width =
        if get("PREFIX").is_empty() { is("NETMASK", &[&mask]) } else { is("PREFIX", &[&prefix]) };
    let checks = [
        ("DEVICE", get("DEVICE") == node.interface),
        ("BOOTPROTO", is("BOOTPROTO", &["none", "static"])),
        ("ONBOOT", is("ONBOOT", &["yes"])),
        ("IPADDR", is("IPADDR", &[&node.address.to_string()])),
        ("PREFIX/NETMASK", width),
        ("GATEWAY", is("GATEWAY", &[&network.gateway.to_string()])),
        ("NM_CONTROLLED", is("NM_CONTROLLED", &["no"])),
        // With it, ifup puts a search line into resolv.conf.
        ("DOMAIN", get("DOMAIN").is_empty()),
    ];
    let wrong = checks.iter().filter(|(_, holds)| !holds);
    wrong.map(|(key, _)| (*key).to_owned()).collect()
}

/// The shell assignments of an `ifcfg` file; the last of a key counts.
pub fn assignments(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = key.strip_prefix("export ").unwrap_or(key);
            found.insert(key.to_owned(), unquoted(value));
        }
    }
    found
}

/// One shell word: quotes removed, ended by a blank outside of quotes. Expansions
/// stay as they are, so that they compare unequal to whatever is wanted.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut quote = None;
    for c in text.chars() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            None if c.is_whitespace() => break,
            _ => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    fn spec() -> Spec {
        Spec::parse(include_str!("../examples/controller.spec.toml")).unwrap()
    }

    #[test]
    fn the_files_hold_what_they_are_made_from() {
        let spec = spec();
        assert_eq!(hostname(&spec), "openstack\n");
        assert_eq!(
            hosts(&spec),
            "127.0.0.1 localhost localhost.localdomain localhost4 localhost4.localdomain4\n\
             ::1 localhost localhost.localdomain localhost6 localhost6.localdomain6\n\
             192.168.1.10 openstack\n192.168.1.11 nova01\n192.168.1.12 nova02\n"
        );
        assert_eq!(resolv_conf(&spec), "nameserver 192.168.1.254\n");
        assert!(hosts_hold(&spec, &hosts(&spec)));
        assert!(resolv_conf_holds(&spec, &resolv_conf(&spec)));
        assert_eq!(ifcfg_differences(&spec, &ifcfg(&spec)), [""; 0]);
    }

    #[test]
    fn spacing_and_comments_are_free_and_nothing_else_is() {
        let spec = spec();
        let spaced = format!("# lab\n\n{}", hosts(&spec).replace(' ', "\t  "));
        assert!(hosts_hold(&spec, &spaced));
        assert!(!hosts_hold(&spec, &format!("{spaced}192.168.1.99 ghost\n")));
        assert!(!hosts_hold(&spec, &spaced.replace("nova02", "nova02 nova2")));
        assert!(resolv_conf_holds(&spec, "; by hand\nnameserver   192.168.1.254"));
        for bad in [
            "",
            "nameserver 192.168.1.254\nsearch example.com\n",
            "nameserver 192.168.1.254\ndomain example.com\n",
            "nameserver 192.168.1.254\nnameserver 192.168.1.10\n",
            "#nameserver 192.168.1.254\n",
        ] {
            assert!(!resolv_conf_holds(&spec, bad), "{bad:?}");
        }
    }

    #[test]
    fn a_qualified_name_brings_its_short_one() {
        let mut spec = spec();
        spec.hosts[0].name = "openstack.lab.example".into();
        assert!(hosts(&spec).contains("192.168.1.10 openstack.lab.example openstack\n"));
    }

    #[test]
    fn networking_is_on_and_names_no_one_else() {
        let spec = spec();
        assert_eq!(networking_differences(&spec, &networking()), [""; 0]);
        assert_eq!(networking_differences(&spec, "# Created by anaconda\n"), ["NETWORKING"]);
        let other = "NETWORKING=yes\nHOSTNAME=localhost\nGATEWAY=10.0.0.1\n";
        assert_eq!(networking_differences(&spec, other), ["HOSTNAME", "GATEWAY"]);
    }

    #[test]
    fn ifcfg_is_read_as_the_shell_reads_it() {
        let spec = spec();
        let quoted = "DEVICE='eth0'\nBOOTPROTO=\"static\" # by hand\nONBOOT=\"yes\"\n\
                      IPADDR=192.168.1.99\nIPADDR=192.168.1.10\nNETMASK=255.255.255.0\n\
                      GATEWAY=192.168.1.254\nNM_CONTROLLED=no\n#DOMAIN=x\n";
        assert_eq!(ifcfg_differences(&spec, quoted), [""; 0]);
        let shell = Command::new("sh")
            .args(["-c", &format!("{quoted}\necho $DEVICE $BOOTPROTO $ONBOOT $IPADDR")])
            .output()
            .unwrap();
        assert_eq!(shell.stdout, b"eth0 static yes 192.168.1.10\n");
        let dhcp = quoted.replace("\"static\"", "dhcp").replace("255.255.255.0", "255.255.0.0");
        assert_eq!(ifcfg_differences(&spec, &dhcp), ["BOOTPROTO", "PREFIX/NETMASK"]);
        let wide = format!("{quoted}PREFIX=16\nDOMAIN=example.com\n");
        assert_eq!(ifcfg_differences(&spec, &wide), ["PREFIX/NETMASK", "DOMAIN"]);
    }

    /// A real host's file: static, but left to NetworkManager.
    #[test]
    fn a_real_ifcfg_file_is_judged() {
        let shared = std::env::var_os("IMGBUILD_SHARED")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), Into::into);
        let file = shared.join("corpus/ovs/ifcfg-pairs/queens-host1/ifcfg-em1.before");
        let Ok(text) = std::fs::read_to_string(&file) else {
            eprintln!("{} is absent: not checked", file.display());
            return;
        };
        let mut spec = spec();
        spec.node.interface = "em1".into();
        spec.node.address = Ipv4Addr::new(10, 0, 2, 21);
        spec.network.gateway = Ipv4Addr::new(10, 0, 2, 1);
        assert_eq!(ifcfg_differences(&spec, &text), ["NM_CONTROLLED"]);
    }

    #[test]
    fn netmasks() {
        assert_eq!(netmask(24), Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(netmask(0), Ipv4Addr::UNSPECIFIED);
        assert_eq!(netmask(32), Ipv4Addr::BROADCAST);
    }
}
