//! Packages without a Debian counterpart: CentOS's base packages and names
//! that a kickstart asks for.

/// A package made here.
pub struct Package {
    /// RPM name.
    pub name: &'static str,
    /// Version; the release is the practice release.
    pub version: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Names it needs.
    pub requires: &'static [&'static str],
}

/// All of them; `setup` exists too, together with Debian's netbase.
pub const PACKAGES: &[Package] = &[
    Package {
        name: "filesystem",
        version: "3.2",
        summary: "The folders of the practice medium, with /usr merged",
        requires: &[],
    },
    Package {
        name: "basesystem",
        version: "10.0",
        summary: "Installs setup and filesystem before anything else",
        requires: &["setup", "filesystem"],
    },
    Package {
        name: "centos-release",
        version: "7",
        summary: "Says that this is practice media and not CentOS; service presets",
        requires: &[],
    },
    Package {
        name: "rootfiles",
        version: "8.1",
        summary: "The root user's shell files",
        requires: &[],
    },
    Package {
        name: "initscripts",
        version: "9.49.41",
        summary: "The network service, which reads ifcfg files",
        requires: &[
            "bash", "coreutils", "gawk", "grep", "hostname", "iproute", "procps-ng",
            "sysvinit-tools", "systemd", "util-linux",
        ],
    },
    Package {
        name: "passwd",
        version: "0.79",
        summary: "Empty; on the practice medium shadow-utils has the passwd command",
        requires: &["shadow-utils"],
    },
    Package {
        name: "grub2",
        version: "2.06",
        summary: "Empty; needs GRUB for BIOS machines",
        requires: &["grub2-pc"],
    },
    Package {
        name: "grub2-pc",
        version: "2.06",
        summary: "Empty; needs what boots BIOS machines",
        requires: &["grub2-tools", "grub2-pc-modules"],
    },
];

/// The folders that every system has, with their modes.
pub fn folders() -> impl Iterator<Item = (&'static str, u16)> {
    FOLDERS.iter().map(|path| (*path, 0o755)).chain(SPECIAL.iter().copied())
}

const FOLDERS: &[&str] = &[
    "/boot", "/dev", "/etc", "/etc/X11", "/etc/cron.d", "/etc/cron.daily", "/etc/cron.hourly",
    "/etc/cron.monthly", "/etc/cron.weekly", "/etc/default", "/etc/logrotate.d", "/etc/opt",
    "/etc/pam.d", "/etc/pki", "/etc/pki/tls", "/etc/pki/tls/certs", "/etc/pki/rpm-gpg",
    "/etc/profile.d", "/etc/security", "/etc/skel", "/etc/ssl", "/etc/sudoers.d",
    "/etc/sysconfig", "/etc/systemd", "/etc/systemd/system", "/etc/udev", "/etc/udev/rules.d",
    "/etc/xdg", "/etc/modprobe.d", "/etc/modules-load.d", "/etc/sysctl.d", "/etc/tmpfiles.d",
    "/etc/dracut.conf.d", "/etc/yum.repos.d", "/home", "/media", "/mnt", "/opt", "/run", "/srv",
    "/usr", "/usr/bin", "/usr/games", "/usr/include", "/usr/lib", "/usr/lib/dracut",
    "/usr/lib/dracut/modules.d", "/usr/lib/modprobe.d", "/usr/lib/modules",
    "/usr/lib/modules-load.d", "/usr/lib/python3", "/usr/lib/python3/dist-packages",
    "/usr/lib/sysctl.d", "/usr/lib/systemd", "/usr/lib/systemd/system",
    "/usr/lib/systemd/system-generators", "/usr/lib/systemd/user", "/usr/lib/sysusers.d",
    "/usr/lib/tmpfiles.d", "/usr/lib/udev", "/usr/lib/udev/rules.d", "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/local/bin", "/usr/local/etc",
    "/usr/local/lib", "/usr/local/libexec", "/usr/local/sbin", "/usr/local/share", "/usr/sbin",
    "/usr/share", "/usr/share/dbus-1", "/usr/share/dbus-1/system-services",
    "/usr/share/dbus-1/system.d", "/usr/share/misc", "/usr/share/polkit-1",
    "/usr/share/polkit-1/actions", "/usr/share/polkit-1/rules.d", "/usr/share/python3",
    "/usr/src", "/var", "/var/adm", "/var/cache", "/var/db", "/var/empty", "/var/lib", "/var/local",
    "/var/log", "/var/opt", "/var/spool",
];

const SPECIAL: &[(&str, u16)] = &[
    ("/proc", 0o555), ("/sys", 0o555), ("/root", 0o550), ("/tmp", 0o1777), ("/var/tmp", 0o1777),
    ("/var/spool/mail", 0o775),
];

/// The links that merge `/usr`, and EL7's other ones.
pub const LINKS: &[(&str, &str)] = &[
    ("/bin", "usr/bin"), ("/lib", "usr/lib"), ("/lib64", "usr/lib64"), ("/sbin", "usr/sbin"),
    ("/var/run", "../run"), ("/var/lock", "../run/lock"), ("/var/mail", "spool/mail"),
];
