//! Which Debian packages go in, and which RPM each becomes.

/// The repositories of the practice media, in the order of their needs: a
/// package of one may need packages of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repository {
    /// The counterpart of CentOS7-1804.iso.
    Os,
    /// The counterpart of RHEL7-extras.iso.
    Extras,
    /// `rhel-7-server-openstack-10-rpms` of RHEL7OSP-10.iso.
    OpenStack,
    /// `rhel-7-server-openstack-10-devtools-rpms` of RHEL7OSP-10.iso.
    DevTools,
}

/// Debian packages asked of apt, beside those [`EXTRA`] names; apt adds what they need.
pub const WANTED: &[&str] = &[
    // boot
    "linux-image-cloud-amd64", "dracut", "dracut-network", "kmod", "grub-common", "grub2-common",
    "grub-pc-bin", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed",
    "shim-helpers-amd64-signed", "efibootmgr", "mokutil", "os-prober",
    // the system
    "systemd", "systemd-sysv", "udev", "libpam-systemd", "dbus", "polkitd", "libc6", "libc-bin",
    "bash", "coreutils", "util-linux", "util-linux-extra", "mount", "login", "passwd", "hostname",
    "ncurses-base", "ncurses-bin", "netbase", "sysvinit-utils", "libpam-runtime",
    "libpam-modules", "libnss-myhostname", "tzdata", "ca-certificates", "rpm", "dnf",
    "findutils", "grep", "sed", "gawk", "diffutils", "cpio", "tar", "gzip", "bzip2", "xz-utils",
    "zstd", "less", "vim-tiny", "sudo", "cron", "logrotate", "rsyslog", "debianutils", "file",
    "acl", "attr", "psmisc", "procps", "kbd", "irqbalance", "auditd", "policycoreutils",
    // storage and network
    "e2fsprogs", "xfsprogs", "dosfstools", "btrfs-progs", "lvm2", "parted", "pciutils", "curl",
    "iproute2", "iputils-ping", "iputils-arping", "iptables", "ethtool", "net-tools",
    "isc-dhcp-client", "openssl",
    // what the lab's nodes run
    "chrony", "openssh-server", "openssh-client", "openvswitch-switch", "openvswitch-common",
    "libvirt-daemon", "libvirt-daemon-system", "libvirt-daemon-driver-qemu", "libvirt-clients",
    "qemu-system-x86", "qemu-utils", "python3-setuptools",
];

/// Debian packages whose files make the boot media and that become no RPM.
pub const MEDIA_ONLY: &[&str] = &["busybox-static", "isolinux", "syslinux-common"];

/// Packages of the other repositories.
pub const EXTRA: &[(&str, Repository)] = &[
    ("python3-six", Repository::Extras),
    ("python3-ply", Repository::Extras),
    ("python3-pycparser", Repository::Extras),
    ("sshpass", Repository::Extras),
    ("crudini", Repository::OpenStack),
    ("python3-iniparse", Repository::OpenStack),
    ("python3-pbr", Repository::OpenStack),
    ("python3-pyparsing", Repository::OpenStack),
    ("python3-mock", Repository::DevTools),
    ("python3-extras", Repository::DevTools),
    ("python3-mimeparse", Repository::DevTools),
];

/// Debian packages left out, and with them whatever depends on them: Debian's
/// own packaging tools, Perl, sound and graphics, and what only scripts of
/// Debian's maintainers use. Names ending in `*` stand for all that begin so.
const LEFT_OUT: &[&str] = &[
    "adduser", "base-files", "base-passwd", "dash", "debconf", "debconf-2.0", "dpkg", "ucf",
    "cdebconf", "init-system-helpers", "sensible-utils", "usrmerge", "usr-is-merged", "lsb-base",
    "runit-helper", "linux-base", "linux-image-cloud-amd64", "gcc-12-base", "sgml-base",
    "xml-core", "shim-unsigned", "shim-signed-common", "libterm-readline-*", "perl", "perl-*",
    "perlapi-*", "libperl5.36", "libfile-find-rule-perl", "libnumber-compare-perl",
    "libtext-glob-perl", "libperl*", "gnupg", "gnupg-l10n", "gnupg-utils", "dirmngr",
    "gpg-wks-client", "gpg-wks-server", "gpgsm", "pinentry-curses", "libksba8", "iso-codes",
    "libgstreamer*", "libspice-server1", "liborc-0.4-0", "libopus0", "libsndio7.0", "libasound2*",
    "libbrlapi0.8", "libcacard0", "libpcsclite1", "libepoxy0", "libgbm1", "libdrm*",
    "libwayland-server0", "libusbredirparser1", "mime-support", "media-types",
    "libvirt-daemon-config-network", "libvirt-daemon-config-nwfilter", "logsave", "debugedit",
    "dbus-session-bus-common", "vim-runtime", "e2fsprogs-l10n", "python3-openvswitch",
    "python3-sortedcontainers", "python3-netifaces", "uuid-runtime",
    "cron-daemon",
];

/// Debian packages and the RPM they become, several to one; a package not named
/// here keeps its name. The RPM takes its version from the first one named.
const RENAMED: &[(&str, &[&str])] = &[
    ("kernel", &["linux-image-*-cloud-amd64"]),
    ("dracut", &["dracut", "dracut-core"]),
    ("grub2-tools", &["grub-common", "grub2-common"]),
    ("grub2-pc-modules", &["grub-pc-bin"]),
    ("grub2-efi-x64-modules", &["grub-efi-amd64-bin"]),
    ("grub2-efi-x64", &["grub-efi-amd64-signed"]),
    ("shim-x64", &["shim-signed", "shim-helpers-amd64-signed"]),
    (
        "systemd",
        &["systemd", "systemd-sysv", "udev", "libpam-systemd", "libsystemd-shared",
          "libnss-myhostname"],
    ),
    ("systemd-libs", &["libsystemd0", "libudev1"]),
    (
        "dbus",
        &["dbus", "dbus-bin", "dbus-daemon", "dbus-system-bus-common"],
    ),
    ("dbus-libs", &["libdbus-1-3"]),
    ("polkit", &["polkitd", "libpolkit-agent-1-0", "libpolkit-gobject-1-0"]),
    ("glibc", &["libc6", "libc-bin"]),
    ("libgcc", &["libgcc-s1"]),
    ("libstdc++", &["libstdc++6"]),
    ("util-linux", &["util-linux", "util-linux-extra", "mount"]),
    ("shadow-utils", &["passwd", "login"]),
    ("which", &["debianutils"]),
    ("pam", &["libpam-runtime", "libpam-modules", "libpam-modules-bin", "libpam0g"]),
    ("ncurses", &["ncurses-bin"]),
    ("ncurses-libs", &["libtinfo6", "libncursesw6"]),
    ("rpm", &["rpm", "rpm-common", "rpm2cpio"]),
    ("rpm-libs", &["librpm9", "librpmio9"]),
    ("rpm-build-libs", &["librpmbuild9", "librpmsign9"]),
    ("rpm-python", &["python3-rpm"]),
    ("yum", &["dnf", "dnf-data", "python3-dnf"]),
    ("findutils", &["findutils"]),
    ("xz", &["xz-utils"]),
    ("xz-libs", &["liblzma5"]),
    ("zlib", &["zlib1g"]),
    ("bzip2-libs", &["libbz2-1.0"]),
    ("vim-minimal", &["vim-tiny", "vim-common"]),
    ("cronie", &["cron"]),
    ("crontabs", &["cron-daemon-common"]),
    ("file-libs", &["libmagic1", "libmagic-mgc"]),
    ("procps-ng", &["procps", "libproc2-0"]),
    ("sysvinit-tools", &["sysvinit-utils"]),
    ("audit", &["auditd"]),
    ("audit-libs", &["libaudit1", "libaudit-common", "libauparse0"]),
    ("iproute", &["iproute2"]),
    ("iputils", &["iputils-ping", "iputils-arping"]),
    ("dhclient", &["isc-dhcp-client"]),
    ("openssh-clients", &["openssh-client"]),
    ("openssh-server", &["openssh-server", "openssh-sftp-server"]),
    ("openssl-libs", &["libssl3"]),
    ("openvswitch", &["openvswitch-switch", "openvswitch-common"]),
    (
        "libvirt-daemon",
        &["libvirt-daemon-system", "libvirt-daemon-system-systemd", "libvirt-daemon"],
    ),
    ("libvirt-client", &["libvirt-clients"]),
    ("libvirt-libs", &["libvirt0"]),
    (
        "qemu-kvm-ev",
        &["qemu-system-x86", "qemu-system-common", "qemu-system-data"],
    ),
    ("qemu-img-ev", &["qemu-utils"]),
    ("seabios-bin", &["seabios"]),
    ("python-setuptools", &["python3-setuptools", "python3-pkg-resources"]),
    ("python3", &["python3", "python3-minimal", "python3.11", "python3.11-minimal"]),
    (
        "python3-libs",
        &["libpython3.11-stdlib", "libpython3.11-minimal", "libpython3.11",
          "libpython3-stdlib"],
    ),
    ("setup", &["netbase"]),
    ("lvm2", &["lvm2"]),
    ("lvm2-libs", &["liblvm2cmd2.03"]),
    ("device-mapper", &["dmsetup"]),
    ("device-mapper-libs", &["libdevmapper1.02.1"]),
    ("device-mapper-event", &["dmeventd"]),
    ("device-mapper-event-libs", &["libdevmapper-event1.02.1"]),
    ("e2fsprogs-libs", &["libext2fs2"]),
    ("libcom_err", &["libcom-err2"]),
    ("libss", &["libss2"]),
    ("libblkid", &["libblkid1"]),
    ("libmount", &["libmount1"]),
    ("libuuid", &["libuuid1"]),
    ("libsmartcols", &["libsmartcols1"]),
    ("libfdisk", &["libfdisk1"]),
    ("libacl", &["libacl1"]),
    ("libattr", &["libattr1"]),
    ("libcap", &["libcap2", "libcap2-bin"]),
    ("libcap-ng", &["libcap-ng0"]),
    ("libselinux", &["libselinux1"]),
    ("libselinux-utils", &["selinux-utils"]),
    ("libsemanage", &["libsemanage2", "libsemanage-common"]),
    ("libsepol", &["libsepol2"]),
    ("libseccomp", &["libseccomp2"]),
    ("libcurl", &["libcurl4"]),
    ("libxml2", &["libxml2"]),
    ("libffi", &["libffi8"]),
    ("libgcrypt", &["libgcrypt20"]),
    ("libgpg-error", &["libgpg-error0"]),
    ("libdb", &["libdb5.3"]),
    ("libaio", &["libaio1"]),
    ("libmnl", &["libmnl0"]),
    ("libidn2", &["libidn2-0"]),
    ("libtasn1", &["libtasn1-6"]),
    ("libunistring", &["libunistring2"]),
    ("libusbx", &["libusb-1.0-0"]),
    ("libpcap", &["libpcap0.8"]),
    ("libnl3", &["libnl-3-200", "libnl-route-3-200"]),
    ("glib2", &["libglib2.0-0"]),
    ("gmp", &["libgmp10"]),
    ("gnutls", &["libgnutls30"]),
    ("nettle", &["libnettle8", "libhogweed6"]),
    ("p11-kit", &["libp11-kit0"]),
    ("krb5-libs", &["libgssapi-krb5-2", "libkrb5-3", "libkrb5support0", "libk5crypto3"]),
    ("keyutils-libs", &["libkeyutils1"]),
    ("kmod-libs", &["libkmod2"]),
    ("sqlite-libs", &["libsqlite3-0"]),
    ("expat", &["libexpat1"]),
    ("elfutils-libelf", &["libelf1"]),
    ("elfutils-libs", &["libdw1"]),
    ("popt", &["libpopt0"]),
    ("pcre2", &["libpcre2-8-0"]),
    ("readline", &["libreadline8", "readline-common"]),
    ("lz4-libs", &["liblz4-1"]),
    ("lzo", &["liblzo2-2"]),
    ("libzstd", &["libzstd1"]),
    ("numactl-libs", &["libnuma1"]),
    ("efivar-libs", &["libefivar1", "libefiboot1"]),
    ("openldap", &["libldap-2.5-0"]),
    ("cyrus-sasl-lib", &["libsasl2-2", "libsasl2-modules-db"]),
    ("nss", &["libnss3"]),
    ("nspr", &["libnspr4"]),
    ("pciutils", &["pciutils"]),
    ("pciutils-libs", &["libpci3"]),
    ("hwdata", &["pci.ids"]),
    ("iptables-libs", &["libxtables12", "libip4tc2", "libip6tc2"]),
    ("gnupg2", &["gpg", "gpg-agent", "gpgconf"]),
    ("gpgme", &["libgpgme11"]),
    ("libestr", &["libestr0"]),
    ("libfastjson", &["libfastjson4"]),
    ("json-c", &["libjson-c5"]),
    ("python-six", &["python3-six"]),
    ("python-ply", &["python3-ply"]),
    ("python-pycparser", &["python3-pycparser"]),
    ("python-iniparse", &["python3-iniparse"]),
    ("python-pbr", &["python3-pbr"]),
    ("pyparsing", &["python3-pyparsing"]),
    ("python2-mock", &["python3-mock"]),
    ("python-extras", &["python3-extras"]),
    ("python-mimeparse", &["python3-mimeparse"]),
];

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// Whether the Debian package (or virtual package) has no place on the medium.
pub fn left_out(debian: &str) -> bool {
    LEFT_OUT.iter().any(|pattern| matches(pattern, debian))
}

/// The RPM a Debian package becomes, and its place among those that become it.
pub fn rpm_name(debian: &str) -> (String, usize) {
    for (rpm, parts) in RENAMED {
        if let Some(place) = parts.iter().position(|pattern| matches(pattern, debian)) {
            return ((*rpm).to_string(), place);
        }
    }
    (debian.to_string(), 0)
}

/// Where a Debian package's RPM goes.
pub fn repository(debian: &str) -> Repository {
    let named = EXTRA.iter().find(|(name, _)| *name == debian);
    named.map_or(Repository::Os, |(_, repository)| *repository)
}

/// Everything asked of apt.
pub fn asked() -> Vec<&'static str> {
    let extra = EXTRA.iter().map(|(name, _)| *name);
    WANTED.iter().chain(MEDIA_ONLY).copied().chain(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn maps_names() {
        assert_eq!(rpm_name("linux-image-6.1.0-56-cloud-amd64").0, "kernel");
        assert_eq!(rpm_name("openssh-sftp-server"), ("openssh-server".into(), 1));
        assert_eq!(rpm_name("chrony"), ("chrony".into(), 0));
        assert!(left_out("linux-image-cloud-amd64"), "the empty package that names the kernel");
        assert!(left_out("perl-base") && left_out("libgstreamer1.0-0"));
        assert!(!left_out("procps"));
    }

    #[test]
    fn no_debian_package_has_two_places() {
        let mut seen = BTreeSet::new();
        for (_, parts) in RENAMED {
            for part in *parts {
                assert!(seen.insert(part), "{part} is named twice");
            }
        }
        for name in asked() {
            let kernel = name.starts_with("linux-image");
            assert!(kernel || !left_out(name), "{name} is both wanted and left out");
        }
    }
}
