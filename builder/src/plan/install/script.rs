//! The generated scripts of a kickstart.

use super::source::InstallSource;
use crate::base::lab::InstallDisk;
use crate::kickstart::DISK;

/// Where the chosen disk's commands are put for the kickstart to include.
pub const STORAGE_FILE: &str = "/tmp/imgbuild-disk.ks";
const LOG: &str = "/mnt/sysimage/root/imgbuild-install.log";

/// A rule as its name and value in scripts and for people.
pub fn rule(disk: &InstallDisk) -> (&'static str, String) {
    match disk {
        InstallDisk::Only => ("only", String::new()),
        InstallDisk::Link(path) => ("link", path.clone()),
        InstallDisk::Serial(serial) => ("serial", serial.clone()),
        InstallDisk::Wwn(wwn) => ("wwn", wwn.clone()),
        InstallDisk::Model(model) => ("model", model.clone()),
        InstallDisk::MinSize(bytes) => ("min-size", bytes.to_string()),
        InstallDisk::Largest => ("largest", String::new()),
        InstallDisk::Smallest => ("smallest", String::new()),
    }
}

/// `%pre`: chooses the disk and writes the storage commands.
pub fn choose_disk(
    node: &str,
    source: &InstallSource,
    disk: &InstallDisk,
    erase: bool,
    storage: &str,
) -> String {
    let (rule, value) = rule(disk);
    let body = include_str!("choose-disk.sh")
        .replace("@NODE@", node)
        .replace("@MEDIUM@", if matches!(source, InstallSource::Medium) { "1" } else { "0" })
        .replace("@RULE@", rule)
        .replace("@VALUE@", &value)
        .replace("@ERASE@", if erase { "1" } else { "0" })
        .replace("@STORAGE@", &storage.replace(DISK, "@DISK@"));
    format!("%pre --interpreter=/bin/bash --erroronfail --log=/tmp/imgbuild-disk.log\n{body}%end\n")
}

/// `%post --nochroot`: goes where the node's files are, or fetches them, checks those that are given
/// with their SHA-256, and goes on with `then`.
pub fn put_files(
    node: &str,
    source: &InstallSource,
    files: &[(String, String)],
    then: &str,
) -> String {
    let sums: String = files.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect();
    let body = match source {
        InstallSource::Medium => include_str!("put-files.sh").to_owned(),
        InstallSource::Server(server) => {
            include_str!("fetch-files.sh").replace("@URL@", &server.files_url())
        }
    };
    let body = body.replace("@NODE@", node).replace("@SUMS@", &sums);
    format!(
        "%post --nochroot --interpreter=/bin/bash --erroronfail --log={LOG}\n{body}{then}%end\n"
    )
}

/// Unpacks an archive into the system.
pub fn unpack(path: &str) -> String {
    format!(
        "tar --extract --gzip --numeric-owner --same-permissions --file={path} --directory=/mnt/sysimage\n"
    )
}

/// Installs firstboot.
pub fn install_firstboot(place: &str) -> String {
    format!("install -D -m 755 firstboot /mnt/sysimage{place}\n")
}

/// Switches the distribution's own repositories off, as `disable_repositories` does for images.
pub fn disable_repositories() -> &'static str {
    "for file in /mnt/sysimage/etc/yum.repos.d/*.repo; do\n    \
     [ ! -f \"$file\" ] || sed -i -e '/^[[:space:]]*enabled[[:space:]]*=/Id' \
     -e '/^\\[main]/!s/^\\[.*/&\\nenabled=0/' \"$file\"\ndone\n"
}

/// `%post`: labels and units, in the installed system.
pub fn settle(paths: &[String], enable: &[String], disable: &[String]) -> String {
    let mut body = String::from("set -eu\n");
    for (verb, on, units) in [("enable", "on", enable), ("disable", "off", disable)] {
        for unit in units {
            // An init script is a unit to systemctl, but not everywhere.
            let fallback = if on == "on" { format!("chkconfig {unit} on") } else { ":".to_owned() };
            body.push_str(&format!("systemctl {verb} {unit} 2>/dev/null || {fallback}\n"));
        }
    }
    body.push_str("if [ -x /usr/sbin/restorecon ]; then\n    restorecon -R");
    paths.iter().for_each(|path| body.push_str(&format!(" \\\n        '{path}'")));
    body.push_str(" || echo 'not all labels could be set'\nfi\n");
    format!(
        "%post --interpreter=/bin/bash --erroronfail --log=/root/imgbuild-settle.log\n{body}%end\n"
    )
}
