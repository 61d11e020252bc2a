//! What loaders read when a node boots by the network: a file for each loader, that installs the
//! node while it is armed, and starts its local disk at all other times.

use super::network::{NetworkNode, NetworkPlan};
use crate::base::lab::{LabNetwork, LabNode};

/// The medium's kernel and initial RAM disk, on the medium and on the TFTP server.
const KERNEL: &str = "images/pxeboot/vmlinuz";
const INITRD: &str = "images/pxeboot/initrd.img";

/// Arguments for the installer's network, which it needs before it has the kickstart: the lab's
/// own address, so that it depends on no DHCP server.
pub fn network_arguments(network: &LabNetwork, node: &LabNode, mac: &str) -> Vec<String> {
    let LabNetwork { subnet, interface, gateway, dns, .. } = network;
    let LabNode { name, address, .. } = node;
    let mut arguments =
        vec![format!("ip={address}::{gateway}:{}:{name}:{interface}:none", subnet.netmask())];
    arguments.extend(dns.iter().map(|server| format!("nameserver={server}")));
    arguments.push(format!("BOOTIF={}", hardware(mac)));
    arguments
}

/// A hardware address as PXELINUX and GRUB write it: after the type of Ethernet, with hyphens.
fn hardware(mac: &str) -> String {
    format!("01-{}", mac.replace(':', "-"))
}

fn command_line(plan: &NetworkPlan, node: &NetworkNode) -> String {
    let (url, tree) = (plan.url(), &plan.tree.path);
    let (kickstart, own) = (&node.install.kickstart, node.install.arguments.join(" "));
    format!("inst.stage2={url}/{tree} inst.ks={url}/{kickstart} {own}")
}

fn title(plan: &NetworkPlan, node: &NetworkNode) -> String {
    let erases = if plan.erase { " (ERASES ITS DISK)" } else { "" };
    format!("Install {}{erases}", node.install.name)
}

/// The files of a node, by path in the tree.
pub fn boot_files(plan: &NetworkPlan, node: &NetworkNode, armed: bool) -> Vec<(String, String)> {
    let (mac, with_hyphens) = (&node.mac, hardware(&node.mac));
    let armed = armed.then_some(node);
    let mut files = vec![
        (format!("http/boot/{mac}.ipxe"), ipxe(plan, armed)),
        (format!("tftp/EFI/BOOT/grub.cfg-{with_hyphens}"), grub(plan, armed)),
        (format!("tftp/pxelinux.cfg/{with_hyphens}"), pxelinux(plan, armed)),
    ];
    if plan.http_loader().is_some() {
        files.push((format!("http/boot/{mac}.cfg"), grub(plan, armed)));
    }
    files
}

/// The files for machines that are not of the lab: they start their local disks.
pub fn default_boot_files(plan: &NetworkPlan) -> Vec<(String, String)> {
    let mut files = vec![
        ("tftp/EFI/BOOT/grub.cfg".to_owned(), grub(plan, None)),
        ("tftp/pxelinux.cfg/default".to_owned(), pxelinux(plan, None)),
    ];
    if plan.http_loader().is_some() {
        // By HTTP, GRUB looks for no other file.
        let own = "configfile (http,$net_default_server)/boot/$net_default_mac.cfg\n";
        let text = format!("{own}{}", grub(plan, None));
        files.push(("http/EFI/BOOT/grub.cfg".to_owned(), text));
    }
    files
}

fn pxelinux(plan: &NetworkPlan, node: Option<&NetworkNode>) -> String {
    let Some(node) = node else {
        return "default local\nprompt 0\n\nlabel local\n  localboot 0\n".to_owned();
    };
    format!(
        "default install\nprompt 0\n\nlabel install\n  say {}\n  kernel {KERNEL}\n  append initrd={INITRD} {}\n",
        title(plan, node),
        command_line(plan, node)
    )
}

fn grub(plan: &NetworkPlan, node: Option<&NetworkNode>) -> String {
    let Some(node) = node else {
        return "if search --no-floppy --set=disk --file /EFI/centos/shimx64.efi; then\n\
            \tchainloader ($disk)/EFI/centos/shimx64.efi\n\tboot\nfi\nexit\n"
            .to_owned();
    };
    // EL7's GRUB knows no other port; TFTP, by which it was loaded itself, is slower.
    let place = match plan.server.port() {
        80 => format!("(http,{})/{}", plan.server.ip(), plan.tree.path),
        _ => format!("(tftp,{})", plan.server.ip()),
    };
    let (linux, initrd) =
        if plan.linuxefi { ("linuxefi", "initrdefi") } else { ("linux", "initrd") };
    format!(
        "set default=0\nset timeout=0\n\
         menuentry '{}' {{\n\t{linux} {place}/{KERNEL} {}\n\t{initrd} {place}/{INITRD}\n}}\n",
        title(plan, node),
        command_line(plan, node)
    )
}

fn ipxe(plan: &NetworkPlan, node: Option<&NetworkNode>) -> String {
    let Some(node) = node else {
        return "#!ipxe\n# The firmware goes on with its next device.\nexit\n".to_owned();
    };
    let place = format!("{}/{}", plan.url(), plan.tree.path);
    format!(
        "#!ipxe\necho {}\n\
         kernel {place}/{KERNEL} initrd=initrd.img {}\ninitrd --name initrd.img {place}/{INITRD}\nboot\n",
        title(plan, node),
        command_line(plan, node)
    )
}
