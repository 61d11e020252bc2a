//! The files that carry a node's identity: what they must hold, and whether a
//! given text does. imgbuild writes the same files into the image from here.

mod bridge;
mod identity;
mod ifcfg;
mod networking;
mod shell;
mod ssh;

pub use bridge::{
    BridgeSettings, bridge_differences, bridge_has_address, bridge_ifcfg, port_differences,
    port_ifcfg,
};
pub use identity::{
    HOSTNAME, HOSTS, RESOLV_CONF, absent_hosts, hostname, hosts, hosts_hold, resolv_conf,
    resolv_conf_holds,
};
pub use ifcfg::{ifcfg, ifcfg_differences, ifcfg_path, netmask, renewed_ifcfg, route_path};
pub use networking::{NETWORKING, networking, networking_differences};
pub use shell::{assign, assignments, with_assignments};
pub use ssh::{AUTHORIZED_KEYS, ROOT_KEY, ROOT_SSH, lab_key_line};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{LabHost, Spec};
    use std::net::Ipv4Addr;
    use std::path::Path;
    use std::process::Command;

    fn spec() -> Spec {
        Spec::parse(include_str!("../../examples/controller.spec.toml")).unwrap()
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
        assert_eq!(absent_hosts(&spec, &spaced), Vec::<&LabHost>::new());
        let moved = spaced.replace("192.168.1.12", "192.168.1.13");
        assert_eq!(absent_hosts(&spec, &moved), [&spec.hosts[2]]);
        assert_eq!(absent_hosts(&spec, &spaced.replace("nova01", "#nova01")), [&spec.hosts[1]]);
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

    /// A file that is put right loses nothing else that it says.
    #[test]
    fn a_renewed_ifcfg_keeps_what_is_not_the_specs() {
        let spec = spec();
        let bond = "TYPE=Bond\nBONDING_OPTS=\"mode=1 miimon=100\"\nMTU=9000\nIPV6INIT=yes\n\
                    IPV6ADDR=2001:db8::10/64\nIPADDR=192.168.1.99\nDOMAIN=example.com\n";
        let renewed = renewed_ifcfg(&spec, bond);
        assert_eq!(ifcfg_differences(&spec, &renewed), [""; 0]);
        for line in bond.lines().filter(|l| !l.starts_with("IPADDR=") && !l.starts_with("DOMAIN")) {
            assert!(renewed.lines().any(|l| l == line), "{line} in:\n{renewed}");
        }
        let port = "TYPE=OVSPort\nDEVICETYPE=ovs\nOVS_BRIDGE=br-ex\nMTU=1400\n";
        assert_eq!(renewed_ifcfg(&spec, port), ifcfg(&spec) + "MTU=1400\n");
    }

    /// A real host's file: static, but left to NetworkManager.
    #[test]
    fn a_real_ifcfg_file_is_judged() {
        let shared = std::env::var_os("IMGBUILD_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            Into::into,
        );
        let file = shared.join("corpus/ovs/ifcfg-pairs/queens-host1/ifcfg-em1.before");
        let Ok(text) = std::fs::read_to_string(&file) else {
            // Not `eprintln`: what a test that passes prints is not shown.
            let why = format!("not run: {} is absent\n", file.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), why.as_bytes());
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
