//! What the medium itself says about a package: CentOS's file names and links,
//! owners, users, service presets and scriptlets. Debian's maintainer scripts
//! are never run.

mod tables;

use super::generated;
use super::package::{ItemKind, Rpm, RpmItem};
use formats::rpmfile::{Dependency, sense};
use tables::{DIRECTORIES, DRESS, FILES, FIXED, GROUPS, LINKS, PROVIDES, REQUIRES, USERS, User};

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
    rpm.requires.extend(requires.iter().map(|name| Dependency::any(*name, 0)));
    rpm.provides.extend(provides.iter().map(|name| Dependency::any(*name, 0)));
    for package in generated::PACKAGES.iter().filter(|package| package.name == rpm.name) {
        rpm.requires.extend(package.requires.iter().map(|name| Dependency::any(*name, 0)));
    }
    add_users(rpm);
    add_units(rpm);
    add_ldconfig(rpm);
}

fn put(rpm: &mut Rpm, item: RpmItem) {
    rpm.items.retain(|old| old.path != item.path);
    rpm.items.push(item);
}

fn add_files(rpm: &mut Rpm) {
    let name = rpm.name.clone();
    for (_, path, mode, text) in FILES.iter().filter(|row| row.0 == name) {
        put(rpm, RpmItem::config(path, *mode, *text));
    }
    for (_, path, mode, text) in FIXED.iter().filter(|row| row.0 == name) {
        put(rpm, RpmItem::file(path, *mode, *text));
    }
    for (_, path, mode) in DIRECTORIES.iter().filter(|row| row.0 == name) {
        put(rpm, RpmItem::dir(path, *mode));
    }
    for (_, path, target) in LINKS.iter().filter(|row| row.0 == name) {
        put(rpm, RpmItem::link(path, target));
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
            put(rpm, RpmItem::config("/etc/shadow", 0o000, shadow(include_str!("files/passwd"))));
            put(rpm, RpmItem::config("/etc/gshadow", 0o000, gshadow(include_str!("files/group"))));
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
            put(rpm, RpmItem::file("/boot/efi/EFI/centos/BOOTX64.CSV", 0o700, bytes));
        }
        "ca-certificates" => certificates(rpm),
        "openssh-server" => {
            let template = "/usr/share/openssh/sshd_config";
            let text = rpm.items.iter().find(|item| item.path == template);
            if let Some(bytes) = text.and_then(RpmItem::bytes).map(<[u8]>::to_vec) {
                put(rpm, RpmItem::config("/etc/ssh/sshd_config", 0o600, bytes));
            }
        }
        "basesystem" => {
            rpm.requires.push(Dependency::any("setup", sense::SCRIPT_PRE));
        }
        "glibc" => rpm.requires.push(Dependency::any("basesystem", sense::SCRIPT_PRE)),
        "systemd" => {
            rpm.requires.push(Dependency::any("centos-release", sense::SCRIPT_PRE));
            rpm.scripts.post.push_str(include_str!("files/systemd.post"));
        }
        _ => {}
    }
}

fn filesystem(rpm: &mut Rpm) {
    rpm.items.extend(generated::directories().map(|(path, mode)| RpmItem::dir(path, mode)));
    rpm.items.extend(generated::LINKS.iter().map(|(path, target)| RpmItem::link(path, target)));
    rpm.requires.push(Dependency::any("setup", sense::SCRIPT_PRE));
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
    put(rpm, RpmItem::ghost(&format!("/boot/initramfs-{release}.img"), 0o600));
    rpm.provides.push(Dependency::versioned("kernel-uname-r", sense::EQUAL, release.clone()));
    let script = include_str!("files/kernel.posttrans").replace("@RELEASE@", &release);
    rpm.scripts.posttrans.push_str(&script);
    let script = include_str!("files/kernel.postun").replace("@RELEASE@", &release);
    rpm.scripts.postun.push_str(&script);
}

/// CentOS calls every program of GRUB `grub2-…`.
fn grub_names(rpm: &mut Rpm) {
    let paths: Vec<String> = rpm.items.iter().map(|item| item.path.clone()).collect();
    for path in paths {
        let Some((directory, name)) = path.rsplit_once('/') else { continue };
        if let Some(rest) = name.strip_prefix("grub-").filter(|_| directory.ends_with("bin")) {
            put(rpm, RpmItem::link(&format!("{directory}/grub2-{rest}"), name));
        }
    }
}

/// Puts signed EFI programs where CentOS has them on the EFI system partition.
fn efi_files(rpm: &mut Rpm, places: &[(&str, &str)]) {
    for (name, place) in places {
        let source = rpm.items.iter().find(|item| item.path.ends_with(name));
        let Some(source) = source.cloned() else { continue };
        let path = format!("/boot/efi/EFI/{place}");
        put(rpm, RpmItem { path, mode: 0o700, ..source });
    }
    for directory in ["/boot/efi/EFI", "/boot/efi/EFI/BOOT", "/boot/efi/EFI/centos"] {
        put(rpm, RpmItem::dir(directory, 0o700));
    }
}

/// What update-ca-certificates would write: all certificates in one file.
fn certificates(rpm: &mut Rpm) {
    let mut bundle = Vec::new();
    for item in rpm.items.iter().filter(|item| item.path.ends_with(".crt")) {
        bundle.extend_from_slice(item.bytes().unwrap_or_default());
    }
    put(rpm, RpmItem::file("/etc/ssl/certs/ca-certificates.crt", 0o644, bundle));
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
        script.push_str(&format!("getent group {name} >/dev/null || groupadd -r -g {id} {name}\n"));
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
    rpm.requires.push(Dependency::any("shadow-utils", sense::SCRIPT_PRE));
    rpm.requires.push(Dependency::any("glibc", sense::SCRIPT_PRE));
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
    rpm.requires.push(Dependency::any("systemd", sense::SCRIPT_POST));
}

fn installable(item: &RpmItem) -> Option<String> {
    let name = item.path.strip_prefix("/usr/lib/systemd/system/")?;
    let ItemKind::File(bytes) = &item.kind else { return None };
    let text = String::from_utf8_lossy(bytes);
    let template = name.contains("@.");
    (!name.contains('/') && !template && text.contains("[Install]")).then(|| name.to_string())
}

fn add_ldconfig(rpm: &mut Rpm) {
    let library = |item: &RpmItem| {
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

#[cfg(test)]
mod tests {
    use super::super::convert;
    use super::super::generated::PACKAGES;
    use super::super::package::Scripts;
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn own(name: &str) -> Rpm {
        let package = PACKAGES.iter().find(|package| package.name == name).expect("a package");
        convert::generate(package, 1_600_000_000)
    }

    /// A package of this name with no files but those the tables give it.
    fn bare(name: &str) -> Rpm {
        let mut rpm = own("grub2");
        rpm.name = name.into();
        rpm.requires.clear();
        rpm
    }

    #[test]
    fn chrony_gets_its_user_unit_and_preset() {
        let mut rpm = bare("chrony");
        complete(&mut rpm);
        assert!(rpm.scripts.pre.contains("useradd -r -u 996 -g chrony"), "{}", rpm.scripts.pre);
        assert!(rpm.scripts.post.contains("preset chronyd.service"), "{}", rpm.scripts.post);
        assert!(rpm.scripts.preun.contains("disable --now chronyd.service"));
        assert!(rpm.requires.contains(&Dependency::any("shadow-utils", sense::SCRIPT_PRE)));
        assert!(rpm.requires.contains(&Dependency::any("systemd", sense::SCRIPT_POST)));
        let drift = rpm.items.iter().find(|item| item.path == "/var/lib/chrony").expect("drift");
        assert_eq!((drift.mode, drift.user.as_str()), (0o750, "chrony"));
        let config = rpm.items.iter().find(|item| item.path == "/etc/chrony.conf").expect("file");
        assert!(config.config);
    }

    #[test]
    fn kernel_makes_its_initramfs() {
        let mut rpm = bare("kernel");
        rpm.items = vec![RpmItem::file("/boot/vmlinuz-6.1.0-9-cloud-amd64", 0o644, "MZ")];
        complete(&mut rpm);
        let script = &rpm.scripts.posttrans;
        assert!(script.contains("/boot/initramfs-6.1.0-9-cloud-amd64.img"), "{script}");
        assert!(!script.contains('@'));
        assert!(rpm.items.iter().any(|item| item.kind == ItemKind::Ghost));
        assert!(rpm.provides.iter().any(|provide| provide.name == "kernel-uname-r"));
    }

    #[test]
    fn libraries_run_ldconfig_but_not_before_the_shell() {
        let library = RpmItem::file("/usr/lib/x86_64-linux-gnu/libx.so.1", 0o644, "");
        for (name, post) in [("libx", true), ("ncurses-libs", false)] {
            let mut rpm = bare(name);
            rpm.items = vec![library.clone()];
            complete(&mut rpm);
            assert_eq!(rpm.scripts.post.contains("ldconfig"), post, "{name}");
            assert_eq!(rpm.scripts.posttrans.contains("ldconfig"), !post, "{name}");
        }
    }

    #[test]
    fn efi_programs_lie_where_centos_has_them() {
        let mut rpm = bare("shim-x64");
        let signed =
            |name: &str| RpmItem::file(&format!("/usr/lib/shim/{name}.signed"), 0o644, name);
        rpm.items = ["shimx64.efi", "mmx64.efi", "fbx64.efi"].map(signed).to_vec();
        complete(&mut rpm);
        for path in ["BOOT/BOOTX64.EFI", "centos/shimx64.efi", "centos/BOOTX64.CSV"] {
            let path = format!("/boot/efi/EFI/{path}");
            assert!(rpm.items.iter().any(|item| item.path == path), "{path}");
        }
    }

    #[test]
    fn every_shadow_line_is_for_a_passwd_line() {
        let rpm = {
            let mut rpm = bare("setup");
            complete(&mut rpm);
            rpm
        };
        let lines = |path: &str| {
            let item = rpm.items.iter().find(|item| item.path == path).expect("a file");
            String::from_utf8_lossy(item.bytes().expect("bytes")).lines().count()
        };
        assert_eq!(lines("/etc/passwd"), lines("/etc/shadow"));
        assert_eq!(lines("/etc/group"), lines("/etc/gshadow"));
    }

    /// Every scriptlet and shell file is one for `dash -n` and `bash -n`.
    #[test]
    fn shells_parse_the_scripts() {
        let mut texts: Vec<String> = [
            include_str!("files/init"),
            include_str!("files/udhcpc.sh"),
            include_str!("files/network-ifcfg"),
            include_str!("files/profile"),
        ]
        .map(str::to_string)
        .to_vec();
        for name in ["chrony", "dbus", "systemd", "libvirt-daemon", "kernel"] {
            let mut rpm = bare(name);
            rpm.items = vec![RpmItem::file("/boot/vmlinuz-6.1", 0o644, "")];
            complete(&mut rpm);
            let Scripts { pre, post, preun, postun, posttrans } = rpm.scripts;
            texts.extend([pre, post, preun, postun, posttrans]);
        }
        for shell in ["dash", "bash"] {
            for text in &texts {
                let mut child =
                    Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn().expect(shell);
                let mut pipe = child.stdin.take().expect("pipe");
                pipe.write_all(text.as_bytes()).expect("write");
                drop(pipe);
                assert!(child.wait().expect(shell).success(), "{shell}: {text}");
            }
        }
    }
}
