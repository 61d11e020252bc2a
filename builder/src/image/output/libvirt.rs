//! libvirt's XML for the lab's network and each node's machine
//! (https://libvirt.org/formatdomain.html, https://libvirt.org/formatnetwork.html).

use crate::layout::disk_name;
use crate::plan::Lab;
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Where libvirt's default storage pool is: the files of the output directory are meant to be
/// copied there, or the path to be changed.
pub const POOL: &str = "/var/lib/libvirt/images";

/// A node's machine.
#[derive(Clone, Copy, Debug)]
pub struct Domain<'a> {
    /// Whose machine it is: the directory of the lab's state where `imgbuild up` makes it, empty in
    /// a description for manual use.
    pub owner: &'a str,
    /// The lab's name, which is also its network's.
    pub lab: &'a str,
    /// Node name.
    pub node: &'a str,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// Hardware address.
    pub mac: &'a str,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The disks' files.
    pub images: &'a [PathBuf],
    /// Their format in QEMU's terms.
    pub format: &'a str,
    /// Whether libvirt gives the disk to the account that QEMU runs as.
    pub relabel: bool,
    /// Whether the processor is emulated.
    pub emulated: bool,
    /// Whether UEFI starts the boot loader, in place of BIOS.
    pub uefi: bool,
    /// A file that what the serial console shows is added to.
    pub log: Option<&'a Path>,
}

impl Domain<'_> {
    /// Its UUID.
    pub fn uuid(&self) -> String {
        uuid(&format!("{}{}/{}", self.owner, self.lab, self.node))
    }

    /// Its description.
    pub fn xml(&self) -> String {
        let (lab, name) = (escape(self.lab), escape(self.node));
        let uuid = self.uuid();
        let Self { address, mac, cpus, .. } = self;
        let memory = self.memory >> 10;
        let (kind, cpu) =
            if self.emulated { ("qemu", "maximum") } else { ("kvm", "host-passthrough") };
        let (firmware, secure, machine) = match self.uefi {
            // Secure boot would refuse what no vendor has signed.
            true => (
                " firmware='efi'",
                "    <firmware>\n      <feature enabled='no' name='secure-boot'/>\n    </firmware>\n",
                "q35",
            ),
            false => ("", "", "pc"),
        };
        let disks: String =
            self.images.iter().enumerate().map(|(index, image)| self.disk(index, image)).collect();
        let log = self.log.map_or_else(String::new, |log| {
            format!("\n      <log file='{}' append='on'/>", escape(&log.to_string_lossy()))
        });
        format!(
            "<domain type='{kind}'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n  \
             <title>{name} ({address}) of {lab}</title>\n  \
             <memory unit='KiB'>{memory}</memory>\n  <vcpu>{cpus}</vcpu>\n  \
             <os{firmware}>\n    <type arch='x86_64' machine='{machine}'>hvm</type>\n{secure}    \
             <boot dev='hd'/>\n  </os>\n  <features>\n    <acpi/>\n    <apic/>\n  </features>\n  \
             <cpu mode='{cpu}'/>\n  <clock offset='utc'/>\n  \
             <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n  \
             <on_crash>destroy</on_crash>\n  <devices>\n    \
             {disks}\
             <interface type='network'>\n      <mac address='{mac}'/>\n      \
             <source network='{lab}'/>\n      <model type='virtio'/>\n    </interface>\n    \
             <serial type='pty'>{log}\n      <target port='0'/>\n    </serial>\n    \
             <console type='pty'>\n      <target type='serial' port='0'/>\n    </console>\n    \
             <rng model='virtio'>\n      <backend model='random'>/dev/urandom</backend>\n    </rng>\n  \
             </devices>\n</domain>\n"
        )
    }

    /// One of its disks, up to where the next device begins.
    fn disk(&self, index: usize, image: &Path) -> String {
        let (image, name, format) =
            (escape(&image.to_string_lossy()), disk_name(index), self.format);
        let source = match self.relabel {
            true => format!("<source file='{image}'/>"),
            false => format!(
                "<source file='{image}'>\n        <seclabel model='dac' relabel='no'/>\n      </source>"
            ),
        };
        format!(
            "<disk type='file' device='disk'>\n      <driver name='qemu' type='{format}'/>\n      \
             {source}\n      <target dev='{name}' bus='virtio'/>\n    </disk>\n    "
        )
    }
}

/// UUID of the lab's network; for `owner` see [`Domain`].
pub fn network_uuid(owner: &str, lab: &Lab) -> String {
    uuid(&format!("{owner}network {}", lab.name))
}

/// The lab's network: the host is its gateway and name server, and knows these nodes by name.
/// Nodes have fixed addresses; there is no DHCP.
pub fn network<'a>(
    owner: &str,
    lab: &Lab,
    nodes: impl IntoIterator<Item = (&'a str, Ipv4Addr)>,
) -> String {
    let name = escape(&lab.name);
    let mask = u32::MAX.checked_shl(32 - u32::from(lab.prefix)).unwrap_or(0);
    let hosts: String = nodes
        .into_iter()
        .map(|(name, address)| {
            let name = escape(name);
            format!("    <host ip='{address}'>\n      <hostname>{name}</hostname>\n    </host>\n")
        })
        .collect();
    format!(
        "<network>\n  <name>{name}</name>\n  <uuid>{}</uuid>\n  <forward mode='nat'/>\n  \
         <dns>\n{hosts}  </dns>\n  <ip address='{}' netmask='{}'/>\n</network>\n",
        network_uuid(owner, lab),
        lab.gateway,
        Ipv4Addr::from(mask)
    )
}

/// A UUID of version 8 derived from a name, so that a machine keeps it.
fn uuid(name: &str) -> String {
    let digest = Sha256::digest(format!("imgbuild libvirt {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
