//! A kickstart for an installer that we start: we say where it installs from, and a script chooses
//! the disk.

use super::document::{Document, Statement};
use super::model::Kickstart;
use super::write::{STORAGE, packages_section};

/// Stands in the storage commands for the name of the disk.
pub const DISK: &str = "@IMGBUILD_DISK@";
/// Commands that say where packages come from; we decide.
const METHODS: [&str; 5] = ["cdrom", "harddrive", "liveimg", "nfs", "url"];
/// Commands that say how the installer looks; nobody answers it.
const DISPLAYS: [&str; 3] = ["cmdline", "graphical", "text"];
/// Commands that say what follows the installation: a machine that starts from the medium again would
/// install again, so it is powered off.
const ENDINGS: [&str; 4] = ["halt", "poweroff", "reboot", "shutdown"];
/// Commands about disks whose place ours take: they choose disks, or say what is erased.
const CHOICES: [&str; 3] = ["clearpart", "ignoredisk", "zerombr"];

/// Options of commands about disks that say what is encrypted, and how.
const ENCRYPTION: [&str; 5] =
    ["--backuppassphrase", "--cipher", "--encrypted", "--escrowcert", "--passphrase"];

/// A kickstart in parts, each of whole lines in normal form.
pub struct InstallerText {
    /// Commands but those about disks.
    pub commands: String,
    /// Commands about disks, with [`DISK`] for the one disk.
    pub storage: String,
    /// `%packages`.
    pub packages: String,
    /// All other sections, in the file's order.
    pub sections: String,
}

impl Kickstart {
    /// The kickstart for an installer whose packages come from where the command `method` says.
    /// Without a `rootpw` root's password is locked, as in images; `added` are lines of storage
    /// commands that the file lacks.
    pub fn for_installer(&self, method: &str, added: &str) -> InstallerText {
        let document = &self.document;
        let is_storage = |s: &&Statement| STORAGE.contains(&s.name) && !s.name.starts_with('%');
        let (storage, mut commands): (Vec<&Statement>, Vec<&Statement>) =
            document.statements.iter().partition(is_storage);
        let replaced = [&METHODS[..], &DISPLAYS, &ENDINGS].concat();
        commands.retain(|s| !replaced.contains(&s.name));
        let has_root = commands.iter().any(|s| s.name == "rootpw");
        let written =
            |statements: Vec<Statement>| Document { statements, ..Document::default() }.to_string();
        let mut text = format!("{method}\ncmdline\npoweroff\n");
        text.push_str(if has_root { "" } else { "rootpw --lock\n" });
        text.push_str(&written(commands.into_iter().cloned().collect()));
        let label = storage.iter().filter(|s| s.name == "clearpart");
        let label = label.flat_map(|s| &s.options).find(|(name, _)| *name == "--disklabel");
        let label = label.and_then(|(_, value)| value.as_deref());
        let label = label.map_or_else(String::new, |label| format!(" --disklabel={label}"));
        let disks = storage.into_iter().filter(|s| !CHOICES.contains(&s.name)).map(on_disk);
        let storage = format!(
            "zerombr\nclearpart --all --drives={DISK} --initlabel{label}\n{added}{}",
            written(disks.collect())
        );
        let sections = document.sections.iter().map(|section| format!("\n{section}")).collect();
        let packages = document.packages.as_ref().map(|header| packages_section(self, header));
        let packages = packages.unwrap_or_default();
        InstallerText { commands: text, storage, packages, sections }
    }
}

/// The command for the one disk, without encryption: a kickstart that asks for some is only taken
/// with `--ignore-encryption`, and what is installed is as an image.
fn on_disk(statement: &Statement) -> Statement {
    let mut statement = statement.clone();
    statement.options.retain(|(name, _)| !ENCRYPTION.contains(name));
    match statement.name {
        "bootloader" => {
            statement.options.retain(|(name, _)| *name != "--driveorder");
            statement.set("--boot-drive", Some(DISK));
        }
        "part" => statement.set("--ondisk", Some(DISK)),
        _ => {}
    }
    statement
}

#[cfg(test)]
mod tests {
    use crate::kickstart::{SourceMap, Text, parse};

    #[test]
    fn the_disk_is_left_open_and_the_medium_is_the_source() {
        let text = "text\nurl --url=http://x/\nignoredisk --only-use=sdb\nclearpart --linux \
            --disklabel=gpt\nbootloader --append=quiet\npart / --size=4096 --ondisk=sdb\n\
            lang en_US.UTF-8\nreboot\n%packages\n@core\n%end\n%post\ntrue\n%end\n";
        let lines = SourceMap::default();
        let kickstart = parse(&Text::new("ks", text, &lines, "lab")).unwrap();
        let parts = kickstart.for_installer("cdrom", "reqpart\n");
        assert_eq!(parts.commands, "cdrom\ncmdline\npoweroff\nrootpw --lock\nlang en_US.UTF-8\n");
        assert_eq!(
            parts.storage,
            "zerombr\nclearpart --all --drives=@IMGBUILD_DISK@ --initlabel --disklabel=gpt\n\
             reqpart\nbootloader --append=quiet --location=mbr --boot-drive=@IMGBUILD_DISK@\n\
             part / --ondisk=@IMGBUILD_DISK@ --size=4096\n"
        );
        assert_eq!(parts.packages, "%packages\n@core\n%end\n");
        assert_eq!(parts.sections, "\n%post\ntrue\n%end\n");
    }

    #[test]
    fn what_is_installed_is_not_encrypted_either() {
        let storage = |text: &str| {
            let lines = SourceMap::default();
            let kickstart = parse(&Text::new("ks", text, &lines, "lab")).unwrap();
            kickstart.for_installer("cdrom", "").storage
        };
        for text in [
            "autopart --encrypted --passphrase=secret --escrowcert=http://h/c --backuppassphrase\n",
            "part / --size=9 --encrypted --passphrase=secret\n",
            "part pv.1 --size=9 --encrypted --passphrase=secret --cipher=x\nvolgroup v pv.1\n\
             logvol / --vgname=v --name=r --size=9 --encrypted --passphrase=secret\n",
        ] {
            let storage = storage(text);
            let found = ["secret", "crypt", "escrow", "backup", "cipher"];
            assert!(found.iter().all(|word| !storage.contains(word)), "{storage}");
        }
    }
}
