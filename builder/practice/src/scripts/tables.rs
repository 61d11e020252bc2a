//! The tables behind [`super::complete`]; what a CentOS package of the name has.

/// A system user with its group of the same name and number.
pub(super) struct User {
    pub name: &'static str,
    pub id: u32,
    pub home: &'static str,
    pub groups: &'static str,
}

const fn user(name: &'static str, id: u32, home: &'static str, groups: &'static str) -> User {
    User { name, id, home, groups }
}

/// Users by package; numbers are fixed so that images are reproducible.
pub(super) const USERS: &[(&str, &[User])] = &[
    ("dbus", &[user("messagebus", 81, "/run/dbus", "")]),
    ("openssh-server", &[user("sshd", 74, "/run/sshd", "")]),
    ("chrony", &[user("chrony", 996, "/var/lib/chrony", "")]),
    ("polkit", &[user("polkitd", 999, "/", "")]),
    ("libvirt-daemon", &[user("libvirt-qemu", 107, "/var/lib/libvirt", "kvm")]),
    (
        "systemd",
        &[
            user("systemd-network", 192, "/", ""),
            user("systemd-resolve", 193, "/", ""),
            user("systemd-timesync", 995, "/", ""),
        ],
    ),
];

/// Groups without a user.
pub(super) const GROUPS: &[(&str, &[(&str, u32)])] = &[
    ("systemd", &[("input", 989), ("sgx", 988), ("render", 987)]),
    ("crontabs", &[("crontab", 986)]),
    ("libvirt-daemon", &[("libvirt", 985)]),
];

/// Modes, owners and capabilities that Debian's scripts would set.
pub(super) const DRESS: &[(&str, u16, &str, &str, Option<&str>)] = &[
    ("/usr/lib/dbus-1.0/dbus-daemon-launch-helper", 0o4754, "root", "messagebus", None),
    ("/usr/lib/polkit-1/polkit-agent-helper-1", 0o4755, "root", "root", None),
    ("/usr/bin/crontab", 0o2755, "root", "crontab", None),
    ("/var/spool/cron/crontabs", 0o1730, "root", "crontab", None),
    ("/usr/bin/ping", 0o755, "root", "root", Some("cap_net_raw=ep")),
    ("/usr/bin/arping", 0o755, "root", "root", Some("cap_net_raw=ep")),
    ("/etc/libvirt/qemu.conf", 0o600, "root", "root", None),
    ("/var/lib/libvirt/qemu", 0o750, "libvirt-qemu", "libvirt-qemu", None),
    ("/var/cache/libvirt/qemu", 0o750, "libvirt-qemu", "libvirt-qemu", None),
    ("/var/lib/chrony", 0o750, "chrony", "chrony", None),
    ("/var/log/chrony", 0o750, "chrony", "chrony", None),
    ("/var/spool/rsyslog", 0o700, "root", "root", None),
    ("/etc/sudoers", 0o440, "root", "root", None),
];

/// Links that Debian makes by update-alternatives, and CentOS's names of programs.
pub(super) const LINKS: &[(&str, &str, &str)] = &[
    ("bash", "/usr/bin/sh", "bash"),
    ("gawk", "/usr/bin/awk", "gawk"),
    ("which", "/usr/bin/which", "which.debianutils"),
    ("vim-minimal", "/usr/bin/vi", "vim.tiny"),
    ("vim-minimal", "/usr/bin/ex", "vim.tiny"),
    ("vim-minimal", "/usr/bin/view", "vim.tiny"),
    ("procps-ng", "/usr/bin/w", "w.procps"),
    ("less", "/usr/bin/pager", "less"),
    ("tar", "/usr/sbin/rmt", "rmt-tar"),
    ("iptables", "/usr/sbin/iptables", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/iptables-save", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/iptables-restore", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/ip6tables", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/ip6tables-save", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/ip6tables-restore", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/ebtables", "xtables-nft-multi"),
    ("iptables", "/usr/sbin/arptables", "xtables-nft-multi"),
    ("openvswitch", "/usr/sbin/ovs-vswitchd", "../lib/openvswitch-switch/ovs-vswitchd"),
    ("cronie", "/usr/sbin/crond", "cron"),
    ("yum", "/usr/bin/yum", "dnf-3"),
    ("yum", "/etc/yum.conf", "dnf/dnf.conf"),
    ("gnupg2", "/usr/bin/gpg2", "gpg"),
    ("systemd", "/usr/lib/systemd/system/default.target", "multi-user.target"),
    ("systemd", "/usr/lib/systemd/system/runlevel3.target", "multi-user.target"),
    ("systemd", "/usr/lib/systemd/system/runlevel5.target", "graphical.target"),
    ("centos-release", "/etc/os-release", "../usr/lib/os-release"),
    ("centos-release", "/etc/redhat-release", "centos-release"),
    ("centos-release", "/etc/system-release", "centos-release"),
    (
        "ca-certificates",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "../../../ssl/certs/ca-certificates.crt",
    ),
    ("initscripts", "/etc/sysconfig/network-scripts/ifup", "../../../usr/sbin/ifup"),
    ("initscripts", "/etc/sysconfig/network-scripts/ifdown", "../../../usr/sbin/ifdown"),
    ("qemu-kvm-ev", "/usr/libexec/qemu-kvm", "../bin/qemu-system-x86_64"),
    ("qemu-kvm-ev", "/usr/bin/qemu-kvm", "qemu-system-x86_64"),
];

/// Files created here.
pub(super) const FILES: &[(&str, &str, u16, &str)] = &[
    ("setup", "/etc/passwd", 0o644, include_str!("../files/passwd")),
    ("setup", "/etc/group", 0o644, include_str!("../files/group")),
    ("setup", "/etc/profile", 0o644, include_str!("../files/profile")),
    ("setup", "/etc/hosts", 0o644, include_str!("../files/hosts")),
    ("setup", "/etc/fstab", 0o644, ""),
    ("setup", "/etc/exports", 0o644, ""),
    ("setup", "/etc/motd", 0o644, ""),
    ("setup", "/etc/host.conf", 0o644, "multi on\n"),
    ("setup", "/etc/shells", 0o644, "/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n"),
    ("setup", "/etc/subuid", 0o644, ""),
    ("setup", "/etc/subgid", 0o644, ""),
    ("glibc", "/etc/nsswitch.conf", 0o644, include_str!("../files/nsswitch.conf")),
    ("rootfiles", "/root/.bash_profile", 0o644, include_str!("../files/bash_profile")),
    ("rootfiles", "/root/.bashrc", 0o644, include_str!("../files/bashrc")),
    ("chrony", "/etc/chrony.conf", 0o644, include_str!("../files/chrony.conf")),
    (
        "chrony",
        "/etc/sysconfig/chronyd",
        0o644,
        "# Command-line options for chronyd\nOPTIONS=\"\"\n",
    ),
    ("openssh-server", "/etc/sysconfig/sshd", 0o640, "OPTIONS=\"\"\n"),
    ("initscripts", "/etc/sysconfig/network", 0o644, ""),
    (
        "initscripts",
        "/etc/sysconfig/network-scripts/ifcfg-lo",
        0o644,
        include_str!("../files/ifcfg-lo"),
    ),
    ("pam", "/etc/pam.d/common-auth", 0o644, include_str!("../files/common-auth")),
    ("pam", "/etc/pam.d/common-account", 0o644, include_str!("../files/common-account")),
    ("pam", "/etc/pam.d/common-password", 0o644, include_str!("../files/common-password")),
    ("pam", "/etc/pam.d/common-session", 0o644, include_str!("../files/common-session")),
    (
        "pam",
        "/etc/pam.d/common-session-noninteractive",
        0o644,
        include_str!("../files/common-session-noninteractive"),
    ),
    ("rsyslog", "/etc/rsyslog.conf", 0o644, include_str!("../files/rsyslog.conf")),
    ("grub2-tools", "/etc/default/grub", 0o644, include_str!("../files/grub")),
    ("selinux-policy", "/etc/selinux/config", 0o644, "SELINUX=disabled\n"),
    (
        "policycoreutils",
        "/etc/selinux/config",
        0o644,
        "# The practice medium has no SELinux policy.\nSELINUX=disabled\nSELINUXTYPE=targeted\n",
    ),
    (
        "libvirt-daemon",
        "/etc/sysconfig/libvirtd",
        0o644,
        "# Stays up without connections, as on CentOS 7.\nLIBVIRTD_ARGS=\"\"\n",
    ),
    (
        "centos-release",
        "/etc/issue",
        0o644,
        "imgbuild practice medium (not CentOS)\nKernel \\r on an \\m\n\n",
    ),
    (
        "centos-release",
        "/etc/centos-release",
        0o644,
        "imgbuild practice medium release 7 (Debian 12 packages, not CentOS)\n",
    ),
    ("systemd", "/etc/locale.conf", 0o644, "LANG=C.UTF-8\n"),
    ("systemd", "/etc/vconsole.conf", 0o644, "KEYMAP=us\n"),
];

/// Files created here that nobody edits.
pub(super) const FIXED: &[(&str, &str, u16, &str)] = &[
    ("centos-release", "/usr/lib/os-release", 0o644, include_str!("../files/os-release")),
    (
        "centos-release",
        "/usr/lib/systemd/system-preset/90-default.preset",
        0o644,
        include_str!("../files/90-default.preset"),
    ),
    (
        "rpm",
        "/usr/lib/rpm/macros.d/macros.practice",
        0o644,
        include_str!("../files/macros.practice"),
    ),
    (
        "chrony",
        "/usr/lib/systemd/system/chronyd.service",
        0o644,
        include_str!("../files/chronyd.service"),
    ),
    (
        "cronie",
        "/usr/lib/systemd/system/crond.service",
        0o644,
        include_str!("../files/crond.service"),
    ),
    (
        "openssh-server",
        "/usr/lib/systemd/system/sshd.service",
        0o644,
        include_str!("../files/sshd.service"),
    ),
    (
        "openssh-server",
        "/usr/lib/systemd/system/sshd-keygen.service",
        0o644,
        include_str!("../files/sshd-keygen.service"),
    ),
    (
        "initscripts",
        "/usr/lib/systemd/system/network.service",
        0o644,
        include_str!("../files/network.service"),
    ),
    ("initscripts", "/usr/libexec/network-ifcfg", 0o755, include_str!("../files/network-ifcfg")),
    (
        "initscripts",
        "/usr/sbin/ifup",
        0o755,
        "#!/bin/sh\nexec /usr/libexec/network-ifcfg up \"$@\"\n",
    ),
    (
        "initscripts",
        "/usr/sbin/ifdown",
        0o755,
        "#!/bin/sh\nexec /usr/libexec/network-ifcfg down \"$@\"\n",
    ),
    (
        "dracut",
        "/usr/lib/dracut/dracut.conf.d/90-practice.conf",
        0o644,
        include_str!("../files/dracut.conf"),
    ),
    // Logical volumes are found in the initramfs where there is lvm2.
    ("lvm2", "/usr/lib/dracut/dracut.conf.d/91-lvm.conf", 0o644, "dracutmodules+=\" dm lvm \"\n"),
];

/// Directories in addition to those of the Debian package.
pub(super) const DIRECTORIES: &[(&str, &str, u16)] = &[
    ("initscripts", "/etc/sysconfig/network-scripts", 0o755),
    ("rpm", "/var/lib/rpm", 0o755),
    ("shim-x64", "/boot/efi", 0o700),
    ("grub2-tools", "/boot/grub2", 0o700),
    ("systemd", "/var/log/journal", 0o2755),
    ("yum", "/etc/yum", 0o755),
    ("chrony", "/var/lib/chrony", 0o750),
    ("chrony", "/var/log/chrony", 0o750),
];

/// Names that CentOS's package of this name offers too.
pub(super) const PROVIDES: &[(&str, &[&str])] = &[
    ("glibc", &["rtld(GNU_HASH)", "glibc-common", "/sbin/ldconfig"]),
    ("bash", &["/bin/sh", "/bin/bash"]),
    ("systemd", &["systemd-sysv", "udev"]),
    ("yum", &["dnf"]),
    ("kernel", &["kernel-core", "kernel-modules"]),
    ("centos-release", &["system-release", "redhat-release"]),
    ("grub2-tools", &["grub2-common", "grub2-tools-extra", "grub2-tools-minimal"]),
    ("qemu-kvm-ev", &["qemu-kvm", "qemu-kvm-common-ev"]),
    ("qemu-img-ev", &["qemu-img"]),
    ("libvirt-client", &["libvirt-bash-completion"]),
    ("initscripts", &["network-scripts"]),
    ("vim-minimal", &["vi"]),
    ("cronie", &["cronie-anacron"]),
];

/// Needs that no Debian dependency states.
pub(super) const REQUIRES: &[(&str, &[&str])] = &[
    ("setup", &[]),
    ("systemd", &["centos-release", "kmod", "util-linux", "pam"]),
    ("glibc", &["basesystem"]),
    ("util-linux", &["shadow-utils"]),
    ("kernel", &["dracut", "kmod", "coreutils", "zstd"]),
    (
        "dracut",
        &["zstd", "systemd", "bash", "grep", "sed", "gawk", "findutils", "cpio", "xz", "gzip"],
    ),
    ("openssh-server", &["openssh-clients"]),
    ("libvirt-daemon", &["polkit", "dbus", "libvirt-libs"]),
    ("openvswitch", &["iproute", "procps-ng", "kmod", "util-linux"]),
    ("initscripts", &["centos-release"]),
    ("grub2-tools", &["coreutils", "grep", "sed", "gawk", "which"]),
    ("grub2-efi-x64", &["grub2-tools", "shim-x64"]),
    ("rpm", &["bash", "coreutils"]),
    ("python-setuptools", &["python3"]),
];
