//! What other DHCP servers need to know, as configuration for them: dnsmasq, ISC's dhcpd.

use super::network::{BIOS_LOADER, IPXE_BIOS_LOADER, NetworkPlan, UEFI_LOADER};
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

/// What a BIOS loads.
fn bios_loader(plan: &NetworkPlan) -> Option<&'static str> {
    [BIOS_LOADER, IPXE_BIOS_LOADER].into_iter().find(|name| plan.has_loader(name))
}

fn joined(addresses: &[Ipv4Addr], with: &str) -> String {
    addresses.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(with)
}

/// dnsmasq's configuration for the tree in `directory`: the DHCP and the TFTP server.
pub fn dnsmasq(plan: &NetworkPlan, directory: &Path) -> String {
    let (segment, subnet) = (&plan.segment, plan.segment.subnet());
    let mut text = format!(
        "# DHCP and TFTP for the nodes of {}, and for nobody else; the HTTP server is\n\
         # another program, at {} with http/ as its top.\n\
         # dnsmasq --no-daemon --conf-file=dnsmasq.conf --interface=INTERFACE\n\
         port=0\nbind-interfaces\n\
         dhcp-range={},static,{}\ndhcp-ignore=tag:!known\n\
         dhcp-option=option:router,{}\ndhcp-option=option:dns-server,{}\n\
         enable-tftp\ntftp-root={}\n\
         dhcp-userclass=set:ipxe,iPXE\n\
         dhcp-match=set:bios,option:client-arch,0\n\
         dhcp-match=set:uefi,option:client-arch,7\n\
         dhcp-match=set:uefi,option:client-arch,9\n\
         dhcp-match=set:http,option:client-arch,16\n",
        plan.lab,
        plan.url(),
        segment.network,
        subnet.netmask(),
        segment.gateway,
        joined(&segment.dns, ","),
        directory.join("tftp").display()
    );
    let server = plan.server.ip();
    // Writing to a String cannot fail.
    if let Some(loader) = bios_loader(plan) {
        let _ = writeln!(text, "dhcp-boot=tag:bios,tag:!ipxe,{loader},,{server}");
    }
    if plan.has_loader(UEFI_LOADER) {
        let _ = writeln!(text, "dhcp-boot=tag:uefi,tag:!ipxe,{UEFI_LOADER},,{server}");
    }
    if let Some(url) = plan.http_loader() {
        let _ = writeln!(text, "dhcp-option-force=tag:http,tag:!ipxe,60,HTTPClient");
        let _ = writeln!(text, "dhcp-boot=tag:http,tag:!ipxe,{url},,{server}");
    }
    for node in &plan.nodes {
        let (name, url) = (&node.install.name, plan.ipxe_url(node));
        let _ = writeln!(text, "dhcp-host={},set:{name},{},{name}", node.mac, node.address);
        let _ = writeln!(text, "dhcp-boot=tag:ipxe,tag:{name},{url},,{server}");
    }
    text
}

/// Configuration for ISC's dhcpd, to be included in the one that there is.
pub fn dhcpd(plan: &NetworkPlan) -> String {
    let (segment, subnet) = (&plan.segment, plan.segment.subnet());
    let mut text = format!(
        "# DHCP for the nodes of {}: include it in dhcpd.conf. tftp/ is the top of the TFTP server at\n\
         # {}, http/ that of the HTTP server at {}.\n\
         option imgbuild-arch code 93 = unsigned integer 16;\n\n\
         subnet {} netmask {} {{\n  option routers {};\n  option domain-name-servers {};\n}}\n",
        plan.lab,
        plan.server.ip(),
        plan.url(),
        segment.network,
        subnet.netmask(),
        segment.gateway,
        joined(&segment.dns, ", ")
    );
    for node in &plan.nodes {
        let mut choices = vec![(
            "exists user-class and option user-class = \"iPXE\"".to_owned(),
            format!("filename \"{}\";", plan.ipxe_url(node)),
        )];
        if plan.has_loader(UEFI_LOADER) {
            choices.push((
                "option imgbuild-arch = 7 or option imgbuild-arch = 9".to_owned(),
                format!("filename \"{UEFI_LOADER}\";"),
            ));
        }
        if let Some(url) = plan.http_loader() {
            choices.push((
                "option imgbuild-arch = 16".to_owned(),
                format!("option vendor-class-identifier \"HTTPClient\"; filename \"{url}\";"),
            ));
        }
        if let Some(loader) = bios_loader(plan) {
            let condition = "option imgbuild-arch = 0".to_owned();
            choices.push((condition, format!("filename \"{loader}\";")));
        }
        let choices: Vec<String> = choices
            .iter()
            .map(|(condition, action)| format!("if {condition} {{\n    {action}\n  }}"))
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\nhost {} {{\n  hardware ethernet {};\n  fixed-address {};\n  next-server {};\n  {}\n}}\n",
            node.install.name,
            node.mac,
            node.address,
            plan.server.ip(),
            choices.join(" els")
        );
    }
    text
}
