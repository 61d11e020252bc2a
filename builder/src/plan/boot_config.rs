//! The text files of the boot loader and fstab.

use super::quoting::{fstab_field, grub_arguments, shell_value, single_quoted};
use crate::kickstart::LoaderPassword;
use crate::layout::{Device, DeviceContent, DiskLabel, Files, Format, Layout, Tmpfs};

/// An installed kernel with its initramfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
}

/// What the boot loader needs to know in addition to the tree and the layout.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Title of the menu entry.
    pub title: String,
    /// Kernel arguments after `root=… ro`.
    pub arguments: String,
    /// Seconds the menu waits.
    pub timeout: u32,
    /// Time stamp of the files created here, seconds since 1970.
    pub time: i64,
    /// What editing an entry asks for.
    pub password: Option<LoaderPassword>,
}

/// `/etc/fstab`. The ESP is `nofail`: a kernel without vfat still boots.
pub fn fstab(layout: &Layout) -> String {
    let mut text = "# Written by imgbuild. See fstab(5).\n".to_owned();
    for (_, files) in layout.filesystems() {
        let Files { mount, format, uuid, options, .. } = files;
        let usual = match format {
            Format::Efi => "umask=0077,shortname=winnt,nofail",
            _ => "defaults",
        };
        let options = options.as_deref().unwrap_or(usual);
        // dump and fsck as Anaconda has them; XFS checks itself.
        let checks = match (format, mount.as_str()) {
            (Format::Efi, _) => "0 2",
            (Format::Xfs, _) => "0 0",
            (_, "/") => "1 1",
            (..) => "1 2",
        };
        let (mount, options) = (fstab_field(mount), fstab_field(options));
        text += &format!("UUID={uuid} {mount} {} {options} {checks}\n", format.as_str());
    }
    for device in layout.devices() {
        if let DeviceContent::Swap { uuid, options, .. } = device.content {
            let options = fstab_field(options.as_deref().unwrap_or("defaults"));
            text += &format!("UUID={uuid} swap swap {options} 0 0\n");
        }
    }
    for Tmpfs { mount, size_mib, options } in &layout.tmpfs {
        let size = size_mib.map(|mib| format!("size={mib}m"));
        let options: Vec<&str> = options.as_deref().into_iter().chain(size.as_deref()).collect();
        let options = if options.is_empty() { "defaults".into() } else { options.join(",") };
        let (mount, options) = (fstab_field(mount), fstab_field(&options));
        text += &format!("tmpfs {mount} tmpfs {options} 0 0\n");
    }
    text
}

/// Kernel arguments as GRUB reads them: the user's, and the logical volumes that the initramfs
/// has to find, as Anaconda names them (dracut.cmdline(7)).
pub fn arguments(layout: &Layout, own: &str) -> String {
    let early = layout.devices().filter(|d| match d.content {
        DeviceContent::Files(files) => matches!(files.mount.as_str(), "/" | "/usr"),
        DeviceContent::Swap { .. } => true,
        DeviceContent::BiosBoot | DeviceContent::Physical { .. } => false,
    });
    let mut words: Vec<String> = early
        .filter_map(|d| d.volume.map(|(group, name)| format!("rd.lvm.lv={group}/{name}")))
        .collect();
    words.extend((!own.is_empty()).then(|| grub_arguments(own)));
    words.join(" ")
}

/// `/etc/default/grub`, for `grub2-mkconfig` and `grubby` on the node.
pub fn default_grub(arguments: &str, timeout: u32) -> String {
    let arguments = shell_value(arguments);
    format!(
        "GRUB_TIMEOUT={timeout}\nGRUB_DEFAULT=saved\nGRUB_DISABLE_SUBMENU=true\n\
         GRUB_TERMINAL=\"serial console\"\n\
         GRUB_SERIAL_COMMAND=\"serial --unit=0 --speed=115200\"\n\
         GRUB_CMDLINE_LINUX={arguments}\nGRUB_DISABLE_RECOVERY=\"true\"\n"
    )
}

/// `/etc/sysconfig/kernel`, by which `new-kernel-pkg` makes a new kernel the default one.
pub const SYSCONFIG_KERNEL: &str = "# Written by imgbuild.\n\
     # UPDATEDEFAULT: whether new-kernel-pkg makes new kernels the default\nUPDATEDEFAULT=yes\n\
     # DEFAULTKERNEL: the kernel package that does so\nDEFAULTKERNEL=kernel\n";

/// What EL7's `/etc/grub.d/01_users` has grub2-mkconfig write: with a password in `user.cfg`
/// next to grub.cfg (`grub2-setpassword` changes it), only root may edit entries.
const USERS: &str = "if [ -f ${prefix}/user.cfg ]; then\n  source ${prefix}/user.cfg\n  \
     if [ -n \"${GRUB2_PASSWORD}\" ]; then\n    set superusers=\"root\"\n    \
     export superusers\n    password_pbkdf2 root ${GRUB2_PASSWORD}\n  fi\nfi\n";

/// `/etc/grub.d/01_users`, for a target whose GRUB has none.
pub fn users_script() -> String {
    format!("#!/bin/sh -e\ncat << \"EOF\"\n{USERS}EOF\n")
}

/// Takes the entry to start from `/boot/grub2/grubenv`, where `grub2-set-default`,
/// `grub2-reboot` and `grubby` put it: the one for the next start only before the saved one.
/// `$root` is the filesystem with /boot, in whose `directory` that is.
fn chosen_entry(directory: &str) -> String {
    let file = format!("($root){directory}/grub2/grubenv");
    format!(
        "if [ -s {file} ]; then\n  load_env -f {file}\nfi\n\
         if [ \"${{next_entry}}\" ]; then\n  set default=\"${{next_entry}}\"\n  set next_entry=\n  \
         save_env -f {file} next_entry\n  set boot_once=true\n\
         else\n  set default=\"${{saved_entry}}\"\nfi\n"
    )
}

/// `/etc/grub.d/02_saved_entry`. What grub2-mkconfig writes looks for grubenv next to the
/// configuration, under UEFI in the EFI system partition. EL7 links `/boot/grub2/grubenv` to
/// that one; for GRUB under BIOS, which follows no link into another filesystem, it is a file.
pub fn saved_entry_script(layout: &Layout) -> String {
    let Some((_, boot, directory)) = layout.boot() else { return String::new() };
    format!(
        "#!/bin/sh -e\n# Written by imgbuild: under UEFI as well, /boot/grub2/grubenv says what \
         starts.\n[ \"$GRUB_DEFAULT\" = saved ] || exit 0\ncat << \"EOF\"\n\
         if [ \"$grub_platform\" = efi ]; then\n\
         search --no-floppy --fs-uuid --set=root {}\n{}fi\nEOF\n",
        boot.uuid,
        chosen_entry(directory)
    )
}

/// `user.cfg` next to grub.cfg.
pub fn user(password: &LoaderPassword) -> String {
    format!("GRUB2_PASSWORD={}\n", password.expose())
}

/// GRUB's modules that find the filesystem with /boot on its device.
pub fn grub_modules(
    layout: &Layout,
    device: &Device<'_>,
    boot: &Files,
) -> impl Iterator<Item = &'static str> {
    let table = match layout.label {
        DiskLabel::Gpt => "part_gpt",
        DiskLabel::Msdos => "part_msdos",
    };
    let filesystem = match boot.format {
        Format::Ext2 | Format::Ext3 | Format::Ext4 => "ext2",
        Format::Xfs => "xfs",
        Format::Efi => "fat",
    };
    [Some(table), device.volume.map(|_| "lvm"), Some(filesystem)].into_iter().flatten()
}

/// The configuration embedded in core.img (GRUB manual, "Embedded configuration").
pub fn early(layout: &Layout) -> String {
    let Some((_, files, directory)) = layout.boot() else { return String::new() };
    format!("search.fs_uuid {} root\nset prefix=($root){directory}/grub2\n", files.uuid)
}

/// A `grub.cfg` in the form that `grubby` edits when a kernel package is updated.
/// `loader` and `initrd` are the command pair of the firmware, such as `linuxefi`, `initrdefi`.
/// A signed GRUB that is not EL7's may have a prefix of its own: what lies next to the
/// configuration (user.cfg) is found nevertheless.
pub fn grub(
    layout: &Layout,
    settings: &Settings,
    kernel: &Kernel,
    loader: &str,
    initrd: &str,
) -> String {
    let Some((device, boot, directory)) = layout.boot() else { return String::new() };
    let root = layout.mounted("/").map(|(device, _)| device.source()).unwrap_or_default();
    let Settings { title, timeout, .. } = settings;
    let arguments = arguments(layout, &settings.arguments);
    let (release, uuid) = (&kernel.release, &boot.uuid);
    let modules: String =
        grub_modules(layout, &device, boot).map(|m| format!("\tinsmod {m}\n")).collect();
    let chosen = chosen_entry(directory);
    let entry = single_quoted(&format!("{title} ({release})"));
    format!(
        "# Written by imgbuild; grub2-mkconfig replaces it, grubby edits it.\n\
         if [ ! -f $prefix/grub.cfg ]; then\n  set prefix=$config_directory\nfi\n\
         set timeout={timeout}\n\
         if serial --unit=0 --speed=115200; then\n\
         \tterminal_input serial console\n\tterminal_output serial console\nfi\n\
         search --no-floppy --fs-uuid --set=root {uuid}\n{chosen}\
         ### BEGIN /etc/grub.d/01_users ###\n{USERS}### END /etc/grub.d/01_users ###\n\
         menuentry {entry} --class os --unrestricted {{\n\
         \tinsmod gzio\n{modules}\
         \tsearch --no-floppy --fs-uuid --set=root {uuid}\n\
         \t{loader} {directory}/vmlinuz-{release} root={root} ro {arguments}\n\
         \t{initrd} {directory}/initramfs-{release}.img\n}}\n"
    )
}

/// GRUB's environment block: exactly 1024 bytes, filled with `#` (GRUB manual, "Environment
/// block"). The first entry is what starts until another one is saved.
pub fn environment() -> String {
    format!("{:#<1024}", "# GRUB Environment Block\nsaved_entry=0\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::lab::{InstallDisk, LabMachine};
    use crate::kickstart;
    use crate::layout::arrange;

    fn layout(text: &str) -> Layout {
        let lines = kickstart::SourceMap::default();
        let text = kickstart::Text::new("test.ks", text, &lines, "");
        let storage = kickstart::parse(&text).unwrap().storage;
        let machine = LabMachine {
            cpus: 1,
            memory: 1 << 30,
            disk: 20 << 30,
            more_disks: Vec::new(),
            boot: None,
            install_disk: InstallDisk::Only,
        };
        arrange(&storage, &machine).unwrap().identify("seed")
    }

    #[test]
    fn files_follow_the_layout() {
        let layout = layout(
            "reqpart\npart /boot --size=500\npart pv.1 --size=1 --grow\nvolgroup vg pv.1\n\
             logvol / --vgname=vg --name=root --size=3000 --fstype=ext4\n\
             logvol /srv --vgname=vg --name=srv --size=100 --fsoptions=nodev,noatime\n\
             logvol swap --vgname=vg --name=swap --size=512\n",
        );
        let uuid = |mount: &str| layout.mounted(mount).unwrap().1.uuid.clone();
        let fstab = fstab(&layout);
        for line in [
            format!("UUID={} / ext4 defaults 1 1", uuid("/")),
            format!("UUID={} /boot xfs defaults 0 0", uuid("/boot")),
            format!("UUID={} /srv xfs nodev,noatime 0 0", uuid("/srv")),
        ] {
            assert!(fstab.lines().any(|l| l == line), "{line}: {fstab}");
        }
        assert!(fstab.lines().last().unwrap().ends_with(" swap swap defaults 0 0"), "{fstab}");
        let given = arguments(&layout, "quiet");
        assert_eq!(given, "rd.lvm.lv=vg/root rd.lvm.lv=vg/swap quiet");
        assert_eq!(
            early(&layout),
            format!("search.fs_uuid {} root\nset prefix=($root)/grub2\n", uuid("/boot"))
        );
        let settings = Settings {
            title: "T".into(),
            arguments: "quiet".into(),
            timeout: 1,
            time: 0,
            password: None,
        };
        let kernel = Kernel { release: "3.10".into() };
        let grub = grub(&layout, &settings, &kernel, "linux", "initrd");
        let wanted = format!("linux /vmlinuz-3.10 root=/dev/mapper/vg-root ro {given}\n");
        assert!(grub.contains(&wanted) && grub.contains("insmod xfs"), "{grub}");
        // One place has the default entry, for every GRUB and for what grub2-mkconfig writes.
        let chosen = "load_env -f ($root)/grub2/grubenv\n";
        assert!(grub.contains(chosen) && saved_entry_script(&layout).contains(chosen), "{grub}");
    }

    fn oracle(program: &str, script: &str) -> String {
        let mut child = std::process::Command::new(program)
            .args(if program == "sh" { &["-s"][..] } else { &[] })
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect(program);
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// GRUB's own checker, the shell and findmnt read what is written.
    #[test]
    fn odd_characters_stay_what_they_are() {
        let layout = layout(
            "reqpart\npart pv.1 --grow\nvolgroup vg pv.1\n\
             logvol / --vgname=vg --name=root --size=3000 --fstype=ext4\n\
             logvol '/srv/my \"data\\#é' --vgname=vg --name=srv --size=100 --fsoptions='x=a b'\n\
             part '/var/scratch pad' --fstype=tmpfs --size=64 --fsoptions=nodev,noexec\n\
             part /tmp --fstype=tmpfs\n",
        );
        let fstab = fstab(&layout);
        let lines: Vec<&str> =
            fstab.lines().filter_map(|l| l.split_once(' ').map(|w| w.1)).collect();
        assert!(lines.contains(&"/srv/my\\040\"data\\134#é xfs x=a\\040b 0 0"), "{fstab}");
        assert!(fstab.contains("tmpfs /var/scratch\\040pad tmpfs nodev,noexec,size=64m 0 0\n"));
        assert!(fstab.contains("tmpfs /tmp tmpfs defaults 0 0\n"), "{fstab}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &fstab).unwrap();
        let findmnt = |mount: &str| {
            let output = std::process::Command::new("findmnt")
                .arg("--tab-file")
                .arg(file.path())
                .args(["--noheadings", "--raw", "-o", "OPTIONS", mount])
                .output()
                .expect("findmnt");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(findmnt("/srv/my \"data\\#é"), "x=a\\x20b");
        assert_eq!(findmnt("/var/scratch pad"), "nodev,noexec,size=64m");
        for given in [
            "net.ifnames=0 memmap=2G$4G",
            "console=ttyS0 dyndbg=\"file foo.c +p\" c=`id`",
            "a='b c' d\\e ;f &g |h <i> {j} #k",
        ] {
            let settings = Settings {
                title: "It's 7".into(),
                arguments: given.into(),
                timeout: 1,
                time: 0,
                password: None,
            };
            let kernel = Kernel { release: "3.10".into() };
            let config = grub(&layout, &settings, &kernel, "linux", "initrd");
            oracle("grub-script-check", &config);
            let words = arguments(&layout, given);
            assert!(config.contains(&format!(" ro {words}\n")), "{config}");
            // What grub2-mkconfig copies into its own `linux` line.
            let defaults = default_grub(&words, 1);
            let read = oracle("sh", &format!("{defaults}printf %s \"$GRUB_CMDLINE_LINUX\""));
            assert_eq!(read, words);
        }
    }

    #[test]
    fn the_environment_block_has_its_size() {
        assert_eq!(environment().len(), 1024);
        assert!(environment().starts_with("# GRUB Environment Block\nsaved_entry=0\n#"));
    }
}
