//! The medium's package groups, under the ids of CentOS 7's comps file.

use std::fmt::Write as _;

struct CompsGroup {
    id: &'static str,
    name: &'static str,
    about: &'static str,
    mandatory: &'static [&'static str],
    default: &'static [&'static str],
    optional: &'static [&'static str],
}

const GROUPS: &[CompsGroup] = &[
    CompsGroup {
        id: "core",
        name: "Core",
        about: "Smallest possible installation.",
        mandatory: &[
            "audit",
            "basesystem",
            "bash",
            "btrfs-progs",
            "coreutils",
            "cronie",
            "curl",
            "dhclient",
            "e2fsprogs",
            "filesystem",
            "glibc",
            "hostname",
            "initscripts",
            "iproute",
            "iptables",
            "iputils",
            "irqbalance",
            "kbd",
            "less",
            "ncurses",
            "openssh-clients",
            "openssh-server",
            "parted",
            "passwd",
            "policycoreutils",
            "procps-ng",
            "rootfiles",
            "rpm",
            "rsyslog",
            "setup",
            "shadow-utils",
            "sudo",
            "systemd",
            "tar",
            "util-linux",
            "vim-minimal",
            "xfsprogs",
            "yum",
        ],
        default: &[],
        optional: &["dracut-network"],
    },
    CompsGroup {
        id: "base",
        name: "Base",
        about: "The basic installation of the practice medium.",
        mandatory: &[
            "acl",
            "ethtool",
            "logrotate",
            "lvm2",
            "net-tools",
            "pciutils",
            "python-setuptools",
            "which",
            "file",
            "dosfstools",
            "parted",
            "xz",
        ],
        default: &["mokutil", "os-prober"],
        optional: &[],
    },
    CompsGroup {
        id: "lab-boot",
        name: "Boot loaders and kernel (lab)",
        about: "What anaconda adds by itself.",
        mandatory: &[
            "kernel",
            "dracut",
            "dracut-network",
            "grub2",
            "grub2-tools",
            "grub2-pc",
            "grub2-pc-modules",
            "grub2-efi-x64",
            "shim-x64",
            "efibootmgr",
        ],
        default: &[],
        optional: &[],
    },
    CompsGroup {
        id: "virtualization-hypervisor",
        name: "Virtualization Hypervisor",
        about: "Smallest possible virtualization host installation.",
        mandatory: &[
            "libvirt-daemon",
            "libvirt-daemon-driver-qemu",
            "libvirt-client",
            "qemu-kvm-ev",
        ],
        default: &["qemu-img-ev"],
        optional: &[],
    },
    CompsGroup {
        id: "network-server",
        name: "Network Infrastructure Server",
        about: "Open vSwitch and time.",
        mandatory: &["openvswitch", "chrony"],
        default: &[],
        optional: &[],
    },
];

/// The groups file.
pub fn text() -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE comps PUBLIC \"-//CentOS//DTD Comps info//EN\" \"comps.dtd\">\n<comps>\n",
    );
    for group in GROUPS {
        let _ = write!(
            out,
            "  <group>\n    <id>{}</id>\n    <name>{}</name>\n    \
             <description>{}</description>\n    <default>{}</default>\n    \
             <uservisible>{}</uservisible>\n    <packagelist>\n",
            group.id,
            group.name,
            group.about,
            group.id == "base",
            group.id != "core"
        );
        let kinds = [
            ("mandatory", group.mandatory),
            ("default", group.default),
            ("optional", group.optional),
        ];
        for (kind, names) in kinds {
            for name in names {
                let _ = writeln!(out, "      <packagereq type=\"{kind}\">{name}</packagereq>");
            }
        }
        out.push_str("    </packagelist>\n  </group>\n");
    }
    out.push_str(
        "  <environment>\n    <id>minimal</id>\n    <name>Minimal Install</name>\n    \
         <description>Basic functionality.</description>\n    \
         <display_order>5</display_order>\n    <grouplist>\n      <groupid>core</groupid>\n    \
         </grouplist>\n    <optionlist>\n      <groupid default=\"false\">base</groupid>\n    \
         </optionlist>\n  </environment>\n</comps>\n",
    );
    out
}

/// Every package a group names.
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| {
        [group.mandatory, group.default, group.optional].into_iter().flatten().copied()
    })
}
