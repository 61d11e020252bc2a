//! What the medium itself says about a package: CentOS's file names and links,
//! owners, users, service presets and scriptlets. Debian's maintainer scripts
//! are never run.

use super::generated;
use super::package::{Item, Kind, Rpm};
use rpm::Dependency;

/// A system user with its group of the same name and number.
struct User {
    name: &'static str,
    id: u32,
    home: &'static str,
    groups: &'static str,
}

const fn user(name: &'static str, id: u32, home: &'static str, groups: &'static str) -> User {
    User { name, id, home, groups }
}

/// Users by package; numbers are fixed so that images are reproducible.
const USERS: &[(&str, &[User])] = &[
    ("dbus", &[user("messagebus", 81, "/run/dbus", "")]),
    ("openssh-server", &[user("sshd", 74, "/run/sshd", "")]),
    ("chrony", &[user("chrony", 996, "/var/lib/chrony", "")]),
    ("polkit", &[user("polkitd", 999, "/", "")]),
    ("libvirt-daemon", &[user("libvirt-qemu", 107, "/var/lib/libvirt", "kvm")]),
    (
        "systemd",
        &[user("systemd-network", 192, "/", ""), user("systemd-resolve", 193, "/", ""),
          user("systemd-timesync", 995, "/", "")],
    ),
];

/// Groups without a user.
const GROUPS: &[(&str, &[(&str, u32)])] = &[
    ("systemd", &[("input", 989), ("sgx", 988), ("render", 987)]),
    ("crontabs", &[("crontab", 986)]),
    ("libvirt-daemon", &[("libvirt", 985)]),
];

/// Modes, owners and capabilities that Debian's scripts would set.
const DRESS: &[(&str, u16, &str, &str, Option<&str>)] = &[
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
const LINKS: &[(&str, &str, &str)] = &[
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
    ("ca-certificates", "/etc/pki/tls/certs/ca-bundle.crt", "../../../ssl/certs/ca-certificates.crt"),
    ("initscripts", "/etc/sysconfig/network-scripts/ifup", "../../../usr/sbin/ifup"),
    ("initscripts", "/etc/sysconfig/network-scripts/ifdown", "../../../usr/sbin/ifdown"),
    ("qemu-kvm-ev", "/usr/libexec/qemu-kvm", "../bin/qemu-system-x86_64"),
    ("qemu-kvm-ev", "/usr/bin/qemu-kvm", "qemu-system-x86_64"),
];

/// Files made here.
const FILES: &[(&str, &str, u16, &str)] = &[
    ("setup", "/etc/passwd", 0o644, include_str!("files/passwd")),
    ("setup", "/etc/group", 0o644, include_str!("files/group")),
    ("setup", "/etc/profile", 0o644, include_str!("files/profile")),
    ("setup", "/etc/hosts", 0o644, include_str!("files/hosts")),
    ("setup", "/etc/fstab", 0o644, ""),
    ("setup", "/etc/exports", 0o644, ""),
    ("setup", "/etc/motd", 0o644, ""),
    ("setup", "/etc/host.conf", 0o644, "multi on\n"),
    ("setup", "/etc/shells", 0o644, "/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n"),
    ("setup", "/etc/subuid", 0o644, ""),
    ("setup", "/etc/subgid", 0o644, ""),
    ("glibc", "/etc/nsswitch.conf", 0o644, include_str!("files/nsswitch.conf")),
    ("rootfiles", "/root/.bash_profile", 0o644, include_str!("files/bash_profile")),
    ("rootfiles", "/root/.bashrc", 0o644, include_str!("files/bashrc")),
    ("chrony", "/etc/chrony.conf", 0o644, include_str!("files/chrony.conf")),
    ("chrony", "/etc/sysconfig/chronyd", 0o644, "# Command-line options for chronyd\nOPTIONS=\"\"\n"),
    ("openssh-server", "/etc/sysconfig/sshd", 0o640, "OPTIONS=\"\"\n"),
    ("initscripts", "/etc/sysconfig/network", 0o644, ""),
    ("initscripts", "/etc/sysconfig/network-scripts/ifcfg-lo", 0o644, include_str!("files/ifcfg-lo")),
    ("pam", "/etc/pam.d/common-auth", 0o644, include_str!("files/common-auth")),
    ("pam", "/etc/pam.d/common-account", 0o644, include_str!("files/common-account")),
    ("pam", "/etc/pam.d/common-password", 0o644, include_str!("files/common-password")),
    ("pam", "/etc/pam.d/common-session", 0o644, include_str!("files/common-session")),
    ("pam", "/etc/pam.d/common-session-noninteractive", 0o644,
     include_str!("files/common-session-noninteractive")),
    ("rsyslog", "/etc/rsyslog.conf", 0o644, include_str!("files/rsyslog.conf")),
    ("grub2-tools", "/etc/default/grub", 0o644, include_str!("files/grub")),
    ("selinux-policy", "/etc/selinux/config", 0o644, "SELINUX=disabled\n"),
    ("policycoreutils", "/etc/selinux/config", 0o644,
     "# The practice medium has no SELinux policy.\nSELINUX=disabled\nSELINUXTYPE=targeted\n"),
    ("libvirt-daemon", "/etc/sysconfig/libvirtd", 0o644,
     "# Stays up without connections, as on CentOS 7.\nLIBVIRTD_ARGS=\"\"\n"),
    ("centos-release", "/etc/issue", 0o644,
     "imgbuild practice medium (not CentOS)\nKernel \\r on an \\m\n\n"),
    ("centos-release", "/etc/centos-release", 0o644,
     "imgbuild practice medium release 7 (Debian 12 packages, not CentOS)\n"),
    ("systemd", "/etc/locale.conf", 0o644, "LANG=C.UTF-8\n"),
    ("systemd", "/etc/vconsole.conf", 0o644, "KEYMAP=us\n"),
];

/// Files made here that nobody edits.
const FIXED: &[(&str, &str, u16, &str)] = &[
    ("centos-release", "/usr/lib/os-release", 0o644, include_str!("files/os-release")),
    ("centos-release", "/usr/lib/systemd/system-preset/90-default.preset", 0o644,
     include_str!("files/90-default.preset")),
    ("rpm", "/usr/lib/rpm/macros.d/macros.practice", 0o644, include_str!("files/macros.practice")),
    ("chrony", "/usr/lib/systemd/system/chronyd.service", 0o644,
     include_str!("files/chronyd.service")),
    ("cronie", "/usr/lib/systemd/system/crond.service", 0o644, include_str!("files/crond.service")),
    ("openssh-server", "/usr/lib/systemd/system/sshd.service", 0o644,
     include_str!("files/sshd.service")),
    ("openssh-server", "/usr/lib/systemd/system/sshd-keygen.service", 0o644,
     include_str!("files/sshd-keygen.service")),
    ("initscripts", "/usr/lib/systemd/system/network.service", 0o644,
     include_str!("files/network.service")),
    ("initscripts", "/usr/libexec/network-ifcfg", 0o755, include_str!("files/network-ifcfg")),
    ("initscripts", "/usr/sbin/ifup", 0o755, "#!/bin/sh\nexec /usr/libexec/network-ifcfg up \"$@\"\n"),
    ("initscripts", "/usr/sbin/ifdown", 0o755,
     "#!/bin/sh\nexec /usr/libexec/network-ifcfg down \"$@\"\n"),
    ("dracut", "/usr/lib/dracut/dracut.conf.d/90-practice.conf", 0o644,
     include_str!("files/dracut.conf")),
];

/// Folders beside those of the Debian package.
const FOLDERS: &[(&str, &str, u16)] = &[
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
const PROVIDES: &[(&str, &[&str])] = &[
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
const REQUIRES: &[(&str, &[&str])] = &[
    ("setup", &[]),
    ("systemd", &["centos-release", "kmod", "util-linux", "pam"]),
    ("glibc", &["basesystem"]),
    ("util-linux", &["shadow-utils"]),
    ("kernel", &["dracut", "kmod", "coreutils", "zstd"]),
    ("dracut", &["zstd", "systemd", "bash", "grep", "sed", "gawk", "findutils", "cpio", "xz", "gzip"]),
    ("openssh-server", &["openssh-clients"]),
    ("libvirt-daemon", &["polkit", "dbus", "libvirt-libs"]),
    ("openvswitch", &["iproute", "procps-ng", "kmod", "util-linux"]),
    ("initscripts", &["centos-release"]),
    ("grub2-tools", &["coreutils", "grep", "sed", "gawk", "which"]),
    ("grub2-efi-x64", &["grub2-tools", "shim-x64"]),
    ("rpm", &["bash", "coreutils"]),
    ("python-setuptools", &["python3"]),
];

fn of<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(package, _)| *package == name).map(|(_, value)| *value)
}

/// Adds to `rpm` everything the tables above and its own files call for.
pub fn complete(rpm: &mut Rpm) {
    add_files(rpm);
    special(rpm);
    dress(rpm);
    let requires = of(REQUIRES, &rpm.name).unwrap_or(&[]);
    let provides = of(PROVIDES, &rpm.name).unwrap_or(&[]);
    rpm.requires.extend(requires.iter().map(|name| Dependency::any(*name)));
    rpm.provides.extend(provides.iter().map(|name| Dependency::any(*name)));
    for package in generated::PACKAGES.iter().filter(|package| package.name == rpm.name) {
        rpm.requires.extend(package.requires.iter().map(|name| Dependency::any(*name)));
    }
    add_users(rpm);
    add_units(rpm);
    add_ldconfig(rpm);
}

fn put(rpm: &mut Rpm, item: Item) {
    rpm.items.retain(|old| old.path != item.path);
    rpm.items.push(item);
}

fn add_files(rpm: &mut Rpm) {
    let name = rpm.name.clone();
    for (_, path, mode, text) in FILES.iter().filter(|row| row.0 == name) {
        put(rpm, Item::config(path, *mode, *text));
    }
    for (_, path, mode, text) in FIXED.iter().filter(|row| row.0 == name) {
        put(rpm, Item::file(path, *mode, *text));
    }
    for (_, path, mode) in FOLDERS.iter().filter(|row| row.0 == name) {
        put(rpm, Item::dir(path, *mode));
    }
    for (_, path, target) in LINKS.iter().filter(|row| row.0 == name) {
        put(rpm, Item::link(path, target));
    }
}

fn dress(rpm: &mut Rpm) {
    for item in &mut rpm.items {
        let row = DRESS.iter().find(|row| row.0 == item.path);
        if let Some((_, mode, user, group, caps)) = row {
            item.mode = *mode;
            item.user = (*user).into();
            item.group = (*group).into();
            item.caps = *caps;
        }
    }
}

/// What single packages need beyond the tables.
fn special(rpm: &mut Rpm) {
    match rpm.name.as_str() {
        "filesystem" => filesystem(rpm),
        "setup" => {
            put(rpm, Item::config("/etc/shadow", 0o000, shadow(include_str!("files/passwd"))));
            put(rpm, Item::config("/etc/gshadow", 0o000, gshadow(include_str!("files/group"))));
        }
        "kernel" => kernel(rpm),
        "grub2-tools" => grub_names(rpm),
        "grub2-efi-x64" => efi_files(rpm, &[("grubx64.efi.signed", "centos/grubx64.efi")]),
        "shim-x64" => {
            efi_files(
                rpm,
                &[
                    ("shimx64.efi.signed", "centos/shimx64.efi"),
                    ("shimx64.efi.signed", "BOOT/BOOTX64.EFI"),
                    ("mmx64.efi.signed", "centos/mmx64.efi"),
                    ("fbx64.efi.signed", "BOOT/fbx64.efi"),
                ],
            );
            let entry = "shimx64.efi,imgbuild practice medium,,Practice medium boot entry\n";
            let utf16 = std::iter::once(0xfeff).chain(entry.encode_utf16());
            let bytes: Vec<u8> = utf16.flat_map(u16::to_le_bytes).collect();
            put(rpm, Item::file("/boot/efi/EFI/centos/BOOTX64.CSV", 0o700, bytes));
        }
        "ca-certificates" => certificates(rpm),
        "openssh-server" => {
            let template = "/usr/share/openssh/sshd_config";
            let text = rpm.items.iter().find(|item| item.path == template);
            if let Some(bytes) = text.and_then(Item::bytes).map(<[u8]>::to_vec) {
                put(rpm, Item::config("/etc/ssh/sshd_config", 0o600, bytes));
            }
        }
        "basesystem" => {
            rpm.requires.push(Dependency::script_pre("setup"));
        }
        "glibc" => rpm.requires.push(Dependency::script_pre("basesystem")),
        "systemd" => {
            rpm.requires.push(Dependency::script_pre("centos-release"));
            rpm.scripts.post.push_str(include_str!("files/systemd.post"));
        }
        _ => {}
    }
}

fn filesystem(rpm: &mut Rpm) {
    rpm.items.extend(generated::folders().map(|(path, mode)| Item::dir(path, mode)));
    rpm.items.extend(generated::LINKS.iter().map(|(path, target)| Item::link(path, target)));
    rpm.requires.push(Dependency::script_pre("setup"));
}

fn shadow(passwd: &str) -> String {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_string();
    // Locked; the kickstart's rootpw or an image's own settings open it.
    passwd.lines().map(|line| format!("{}:*:18000:0:99999:7:::\n", name(line))).collect()
}

fn gshadow(group: &str) -> String {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_string();
    group.lines().map(|line| format!("{}:::\n", name(line))).collect()
}

fn kernel(rpm: &mut Rpm) {
    let release = rpm.items.iter().find_map(|item| item.path.strip_prefix("/boot/vmlinuz-"));
    let Some(release) = release.map(str::to_string) else { return };
    put(rpm, Item::ghost(&format!("/boot/initramfs-{release}.img"), 0o600));
    rpm.provides.push(Dependency::eq("kernel-uname-r", release.clone()));
    let script = include_str!("files/kernel.posttrans").replace("@RELEASE@", &release);
    rpm.scripts.posttrans.push_str(&script);
    let script = include_str!("files/kernel.postun").replace("@RELEASE@", &release);
    rpm.scripts.postun.push_str(&script);
}

/// CentOS calls every program of GRUB `grub2-…`.
fn grub_names(rpm: &mut Rpm) {
    let paths: Vec<String> = rpm.items.iter().map(|item| item.path.clone()).collect();
    for path in paths {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        if let Some(rest) = name.strip_prefix("grub-").filter(|_| folder.ends_with("bin")) {
            put(rpm, Item::link(&format!("{folder}/grub2-{rest}"), name));
        }
    }
}

/// Puts signed EFI programs where CentOS has them on the EFI system partition.
fn efi_files(rpm: &mut Rpm, places: &[(&str, &str)]) {
    for (name, place) in places {
        let source = rpm.items.iter().find(|item| item.path.ends_with(name));
        let Some(source) = source.cloned() else { continue };
        let path = format!("/boot/efi/EFI/{place}");
        put(rpm, Item { path, mode: 0o700, ..source });
    }
    for folder in ["/boot/efi/EFI", "/boot/efi/EFI/BOOT", "/boot/efi/EFI/centos"] {
        put(rpm, Item::dir(folder, 0o700));
    }
}

/// What update-ca-certificates would write: all certificates in one file.
fn certificates(rpm: &mut Rpm) {
    let mut bundle = Vec::new();
    for item in rpm.items.iter().filter(|item| item.path.ends_with(".crt")) {
        bundle.extend_from_slice(item.bytes().unwrap_or_default());
    }
    put(rpm, Item::file("/etc/ssl/certs/ca-certificates.crt", 0o644, bundle));
}

fn add_users(rpm: &mut Rpm) {
    let groups = of(GROUPS, &rpm.name).unwrap_or(&[]);
    let row = USERS.iter().find(|(package, _)| *package == rpm.name);
    let users = row.map_or(&[][..], |(_, users)| users);
    if groups.is_empty() && users.is_empty() {
        return;
    }
    let mut script = String::new();
    for (name, id) in groups {
        script.push_str(&format!(
            "getent group {name} >/dev/null || groupadd -r -g {id} {name}\n"
        ));
    }
    for User { name, id, home, groups } in users {
        let extra = if groups.is_empty() { String::new() } else { format!(" -G {groups}") };
        script.push_str(&format!(
            "getent group {name} >/dev/null || groupadd -r -g {id} {name}\n\
             getent passwd {name} >/dev/null || \\\n    \
             useradd -r -u {id} -g {name}{extra} -d {home} -M -s /usr/sbin/nologin -c {name} {name}\n"
        ));
    }
    script.push_str("exit 0\n");
    rpm.scripts.pre.push_str(&script);
    rpm.requires.push(Dependency::script_pre("shadow-utils"));
    rpm.requires.push(Dependency::script_pre("glibc"));
}

/// Presets every unit of the package that can be enabled.
fn add_units(rpm: &mut Rpm) {
    let units: Vec<String> = rpm.items.iter().filter_map(installable).collect();
    if units.is_empty() || rpm.name == "systemd" {
        return;
    }
    let units = units.join(" ");
    rpm.scripts.post.push_str(&format!(
        "if [ $1 -eq 1 ] && [ -x /usr/bin/systemctl ]; then\n    \
         systemctl --no-reload preset {units} >/dev/null 2>&1 || :\nfi\n"
    ));
    rpm.scripts.preun.push_str(&format!(
        "if [ $1 -eq 0 ] && [ -x /usr/bin/systemctl ]; then\n    \
         systemctl --no-reload disable --now {units} >/dev/null 2>&1 || :\nfi\n"
    ));
    rpm.requires.push(Dependency::script_post("systemd"));
}

fn installable(item: &Item) -> Option<String> {
    let name = item.path.strip_prefix("/usr/lib/systemd/system/")?;
    let Kind::File(bytes) = &item.kind else { return None };
    let text = String::from_utf8_lossy(bytes);
    let template = name.contains("@.");
    (!name.contains('/') && !template && text.contains("[Install]")).then(|| name.to_string())
}

fn add_ldconfig(rpm: &mut Rpm) {
    let library = |item: &Item| {
        let name = item.path.strip_prefix("/usr/lib/x86_64-linux-gnu/");
        name.is_some_and(|name| !name.contains('/') && name.contains(".so"))
    };
    if !rpm.items.iter().any(library) {
        return;
    }
    // The shell's own libraries are there before the shell is.
    let scripts = &mut rpm.scripts;
    let script = if SHELL_NEEDS.contains(&rpm.name.as_str()) {
        &mut scripts.posttrans
    } else {
        &mut scripts.post
    };
    script.insert_str(0, "/sbin/ldconfig\n");
    if rpm.name != "glibc" {
        scripts.postun.insert_str(0, "/sbin/ldconfig\n");
    }
}

/// Packages that `/bin/sh` itself needs.
const SHELL_NEEDS: &[&str] = &["glibc", "libgcc", "ncurses-libs"];
