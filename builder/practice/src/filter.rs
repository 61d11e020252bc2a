//! Which files of a Debian package go into its RPM, and under which path:
//! no documentation or translations, one merged `/usr`, EL7's unit names.

/// Trees that no RPM has.
const DROPPED_TREES: &[&str] = &[
    "/usr/share/doc",
    "/usr/share/doc-base",
    "/usr/share/man",
    "/usr/share/info",
    "/usr/share/locale",
    "/usr/share/lintian",
    "/usr/share/bug",
    "/usr/share/gettext",
    "/usr/share/initramfs-tools",
    "/etc/initramfs-tools",
    "/usr/share/menu",
    "/usr/share/pixmaps",
    "/usr/share/applications",
    "/usr/share/apport",
    "/usr/share/reportbug",
    "/usr/share/metainfo",
    "/usr/share/bash-completion",
    "/usr/share/zsh",
    "/usr/share/fish",
    "/usr/share/polkit-1/its",
    "/usr/share/icons",
    "/usr/share/systemtap",
    "/usr/share/augeas",
    "/usr/share/pkgconfig",
    "/usr/lib/x86_64-linux-gnu/pkgconfig",
    "/usr/share/libvirt/test-screenshot",
    "/usr/share/i18n/locales",
    "/usr/share/calendar",
    "/usr/share/gdb",
    "/usr/share/debconf",
    "/usr/lib/pcp",
    "/etc/init.d",
    "/etc/init",
    "/etc/rc0.d",
    "/etc/rc1.d",
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc4.d",
    "/etc/rc5.d",
    "/etc/rc6.d",
    "/etc/rcS.d",
    "/etc/apparmor.d",
    "/etc/apt",
    "/etc/dpkg",
    "/etc/insserv.conf.d",
    "/etc/logcheck",
    "/etc/ufw",
    "/etc/ppp",
    "/etc/NetworkManager",
    "/usr/lib/NetworkManager",
    "/etc/network",
    "/etc/dhcp/dhclient-exit-hooks.d",
    "/usr/lib/firewalld",
    "/usr/share/qemu/trace-events-all",
    "/usr/share/perl5",
    "/usr/share/perl",
    "/usr/lib/rpm/platform",
    "/usr/share/vim/vim90/doc",
    "/usr/share/vim/vim90/lang",
    "/usr/share/consolefonts",
    "/usr/share/consoletrans",
    "/run",
    "/var/run",
    "/var/lock",
    "/lib/udev/hwdb.d",
    "/usr/lib/python3.11/test",
    "/usr/share/python3/runtime.d",
    "/usr/share/dbus-1/interfaces",
    "/usr/share/gir-1.0",
    "/etc/kernel",
    "/usr/lib/kernel/install.d",
    "/usr/lib/modules-load.d/fwupd.conf",
    "/etc/grub.d/30_uefi-firmware",
    "/usr/lib/systemd/system/sudo.service",
    "/usr/lib/systemd/system/cron.service",
    "/usr/lib/systemd/system/ssh.service",
    "/usr/lib/systemd/system/ssh.socket",
    "/usr/lib/systemd/system/ssh@.service",
    "/usr/lib/systemd/system/rescue-ssh.target",
    "/usr/lib/systemd/system/chrony.service",
    "/usr/lib/systemd/system/runlevel*",
    "/usr/lib/systemd/system/default.target",
    "/usr/lib/systemd/system/dpkg-db-backup.service",
    "/usr/lib/systemd/system-preset",
    "/usr/lib/systemd/system/multi-user.target.wants/getty.target",
    "/etc/chrony",
    "/etc/issue",
    "/etc/motd",
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/securetty",
    "/etc/rsyslog.conf",
    "/etc/cron.daily/dpkg",
    "/etc/cron.daily/apt-compat",
    "/boot/efi",
    "/usr/lib/sysusers.d/basic.conf",
    "/usr/lib/sysctl.d/pid-max.conf",
    "/usr/share/gnupg/distsigkey.gpg",
    "/usr/lib/systemd/system/e2scrub_reap.service",
    "/usr/lib/systemd/system/e2scrub_all.service",
    "/usr/lib/systemd/system/e2scrub_all.timer",
    "/etc/cron.d/e2scrub_all",
    "/usr/lib/x86_64-linux-gnu/tc/q_atm.so",
    "/etc/dracut.conf.d/11-ifcfg.conf",
    "/lib/systemd/network/80-ethernet.network.example",
];

/// Kernel modules without use in a guest or on a lab server.
const DROPPED_MODULES: &[&str] = &[
    "drivers/gpu",
    "drivers/media",
    "sound",
    "drivers/infiniband",
    "drivers/net/ethernet/mellanox",
    "drivers/staging",
    "drivers/isdn",
    "drivers/bluetooth",
    "drivers/target",
    "drivers/block/drbd",
    "fs/smb",
    "fs/ksmbd",
    "fs/nfsd",
    "fs/ceph",
    "fs/ocfs2",
    "fs/gfs2",
    "fs/dlm",
    "fs/btrfs/tests",
    "net/ceph",
    "net/tipc",
    "net/smc",
    "net/rds",
    "net/bluetooth",
    "net/wireless",
    "net/mac80211",
    "net/can",
    "net/sctp",
    "net/sunrpc/xprtrdma",
    "drivers/hv",
    "drivers/xen",
    "drivers/net/ethernet/amazon",
];

/// QEMU's loadable parts for sound, graphics and the like.
const QEMU_MODULES: &[&str] = &["audio-", "chardev-", "hw-", "ui-"];

/// A Debian path's place in the RPM, `None` where it has none. `/bin`, `/lib`,
/// `/lib64` and `/sbin` are links into `/usr` on the medium, as on CentOS 7.
pub fn place(path: &str) -> Option<String> {
    let path = merged(path);
    if path.is_empty() || dropped(&path) {
        return None;
    }
    Some(renamed(path))
}

fn merged(path: &str) -> String {
    for top in ["bin", "sbin", "lib64", "lib"] {
        let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(top));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            return format!("/usr/{top}{rest}");
        }
    }
    path.to_string()
}

fn dropped(path: &str) -> bool {
    let below = |tree: &str, path: &str| match tree.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => {
            path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    };
    if DROPPED_TREES.iter().any(|tree| below(&merged(tree), path)) {
        return true;
    }
    if let Some((_, module)) = path.split_once("/kernel/").filter(|_| path.contains("/modules/")) {
        return DROPPED_MODULES.iter().any(|tree| below(tree, module));
    }
    if let Some(module) = path.strip_prefix("/usr/lib/x86_64-linux-gnu/qemu/") {
        return QEMU_MODULES.iter().any(|start| module.starts_with(start));
    }
    path.ends_with(".la") || path.contains("/__pycache__") || path.ends_with("/.placeholder")
}

/// Debian's names that CentOS calls otherwise.
const RENAMES: &[(&str, &str)] = &[
    (
        "/usr/lib/systemd/system/openvswitch-switch.service",
        "/usr/lib/systemd/system/openvswitch.service",
    ),
    ("/etc/default/openvswitch-switch", "/etc/sysconfig/openvswitch"),
    ("/etc/default/libvirtd", "/etc/sysconfig/libvirtd"),
    ("/etc/default/virtlogd", "/etc/sysconfig/virtlogd"),
    ("/etc/default/virtlockd", "/etc/sysconfig/virtlockd"),
    ("/etc/default/libvirt-guests", "/etc/sysconfig/libvirt-guests"),
    ("/etc/default/irqbalance", "/etc/sysconfig/irqbalance"),
    ("/etc/default/auditd", "/etc/sysconfig/auditd"),
    ("/etc/bash.bashrc", "/etc/bashrc"),
];

fn renamed(path: String) -> String {
    match RENAMES.iter().find(|(from, _)| *from == path) {
        Some((_, to)) => (*to).to_string(),
        None => path,
    }
}

/// The text of a unit or script with Debian's names replaced by those of [`place`].
pub fn rewritten(path: &str, bytes: Vec<u8>) -> Vec<u8> {
    let unit = path.starts_with("/usr/lib/systemd/system/");
    if !unit && !path.starts_with("/usr/share/openvswitch/scripts/") {
        return bytes;
    }
    let Ok(mut text) = String::from_utf8(bytes.clone()) else { return bytes };
    let words = [
        ("openvswitch-switch.service", "openvswitch.service"),
        ("ssh.service", "sshd.service"),
        ("chrony.service", "chronyd.service"),
    ];
    for (from, to) in RENAMES.iter().chain(&words) {
        text = replace_word(&text, from, to);
    }
    text.into_bytes()
}

/// Replaces `from` where no letter or digit stands before it.
fn replace_word(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let inside = rest[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        out.push_str(&rest[..at]);
        out.push_str(if inside { from } else { to });
        rest = &rest[at + from.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_usr() {
        assert_eq!(place("/bin/ls").as_deref(), Some("/usr/bin/ls"));
        assert_eq!(
            place("/lib64/ld-linux-x86-64.so.2").as_deref(),
            Some("/usr/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(place("/library/x").as_deref(), Some("/library/x"));
        assert_eq!(place(""), None);
    }

    #[test]
    fn drops_and_renames() {
        for path in [
            "/usr/share/man/man1/ls.1.gz",
            "/etc/init.d/ssh",
            "/lib/udev/hwdb.d/a.hwdb",
            "/usr/share/locale",
            "/lib/modules/6.1/kernel/drivers/gpu/drm/drm.ko",
            "/usr/lib/x86_64-linux-gnu/qemu/ui-spice-core.so",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
        for path in [
            "/usr/share/mandb",
            "/usr/lib/modules/6.1/kernel/net/openvswitch/a.ko",
            "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so",
        ] {
            assert_eq!(place(path).as_deref(), Some(path));
        }
        assert_eq!(
            place("/lib/systemd/system/openvswitch-switch.service").as_deref(),
            Some("/usr/lib/systemd/system/openvswitch.service")
        );
    }

    #[test]
    fn rewrites_units() {
        let unit = b"PartOf=openvswitch-switch.service\nAfter=ssh.service sshd.service\n".to_vec();
        let text = rewritten("/usr/lib/systemd/system/x.service", unit);
        assert_eq!(text, b"PartOf=openvswitch.service\nAfter=sshd.service sshd.service\n");
        assert_eq!(rewritten("/usr/bin/x", b"ssh.service".to_vec()), b"ssh.service");
    }
}
