//! What a disk starts under: its label and its boot partitions.

use super::*;
use crate::base::lab::BootMode;

fn arranged_for(text: &str, boot: Option<BootMode>, disk: u64) -> Result<Layout, Vec<Diagnostic>> {
    let machine = LabMachine { boot, ..machine(disk, GIB) };
    Ok(arrange(&parsed(text), &machine)?.identify("seed"))
}

/// Boot partitions are there where the firmware reads them; a BIOS machine has Anaconda's label.
#[test]
fn the_disk_starts_under_the_firmware_that_is_asked_for() {
    use BootMode::{Bios, Both, Uefi};
    const ROOT: &str = "part / --fstype=ext4 --size=1000\n";
    const EFI: &str = "part /boot/efi --fstype=xfs --size=50\n";
    const BIOS: &str = "part biosboot --fstype=biosboot --size=2\n";
    const MSDOS: &str = "clearpart --all --disklabel=msdos\n";
    const GPT: &str = "clearpart --all --disklabel=gpt\n";
    for (lines, boot, label, names) in [
        (vec![], None, "gpt", &["biosboot", "/boot/efi vfat", "/ ext4"][..]),
        (vec![BIOS], None, "gpt", &["biosboot", "/boot/efi vfat", "/ ext4"]),
        (vec![EFI], Some(Both), "gpt", &["biosboot", "/boot/efi vfat", "/ ext4"]),
        (vec![MSDOS], None, "msdos", &["/ ext4"]),
        (vec![MSDOS, BIOS], None, "msdos", &["/ ext4"]),
        (vec![MSDOS, EFI], None, "msdos", &["/boot/efi vfat", "/ ext4"]),
        (vec![MSDOS], Some(Both), "msdos", &["/boot/efi vfat", "/ ext4"]),
        (vec![], Some(Bios), "msdos", &["/ ext4"]),
        (vec![GPT, EFI], Some(Bios), "gpt", &["biosboot", "/ ext4"]),
        (vec![BIOS], Some(Bios), "gpt", &["biosboot", "/ ext4"]),
        (vec![BIOS], Some(Uefi), "gpt", &["/boot/efi vfat", "/ ext4"]),
        (vec!["reqpart\n"], Some(Uefi), "gpt", &["/boot/efi vfat", "/ ext4"]),
    ] {
        let text = format!("{}{ROOT}", lines.concat());
        let layout = arranged_for(&text, boot, 20 * GIB).unwrap();
        assert_eq!(layout.label.as_str(), label, "{text} {boot:?}");
        let found = sizes(&layout);
        assert_eq!(found.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), names, "{text}");
        assert_eq!(layout.has_uefi(), names.contains(&"/boot/efi vfat"), "{text}");
        assert_eq!(layout.has_bios(), boot != Some(Uefi), "{text}");
    }
    let layout = arranged_for(ROOT, Some(Bios), 3 << 40).unwrap();
    assert_eq!(layout.label, DiskLabel::Gpt, "an msdos label ends before that");
    let errors = arranged_for(&format!("{MSDOS}{ROOT}"), None, 3 << 40).unwrap_err();
    assert!(errors[0].message.contains("ends at 2097152 MiB"), "{errors:?}");
    let plain =
        arranged_for("autopart --type=plain --fstype=ext4\n", Some(Bios), 20 * GIB).unwrap();
    let found = sizes(&plain);
    assert_eq!(
        found.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        ["/boot ext4", "/ ext4", "swap"]
    );
}

/// What is added or left out is said once, and settles it.
#[test]
fn what_the_firmware_changes_is_noted() {
    let notes = |text: &str, boot| {
        let mut storage = StorageRequest { boot, ..parsed(text) };
        let notes = settle_boot(&mut storage, Some(20 * GIB), "x.ks");
        assert_eq!(settle_boot(&mut storage, Some(20 * GIB), "x.ks"), [], "{text}");
        let show = |n: StorageNote| {
            format!("{}{} {}", n.place, if n.added { "+" } else { "-" }, n.command)
        };
        notes.into_iter().map(show).collect::<Vec<_>>()
    };
    let bios = Some(BootMode::Bios);
    assert_eq!(notes("part / --size=999\n", None), ["x.ks+ part biosboot", "x.ks+ part /boot/efi"]);
    assert_eq!(
        notes("part /boot/efi --size=50\npart / --size=9\n", bios),
        ["test.ks:1:1- part /boot/efi"]
    );
    assert_eq!(notes("reqpart\npart / --size=999\n", None), [""; 0]);
    assert_eq!(notes("autopart\n", None), [""; 0]);
    assert_eq!(notes("zerombr\n", None), ["x.ks+ autopart"]);
}

/// As blivet numbers them: the fourth primary partition is the extended one.
#[test]
fn an_msdos_label_has_logical_partitions_from_the_fourth_on() {
    let text = |count: u32, primary: &[u32]| -> String {
        let line = |n: u32| {
            let primary = if primary.contains(&n) { " --asprimary" } else { "" };
            format!("part /{n} --fstype=ext4 --size={n}00{primary}\n")
        };
        format!(
            "part / --fstype=ext4 --size=1 --grow\n{}",
            (2..=count).map(line).collect::<String>()
        )
    };
    let bios = Some(BootMode::Bios);
    let numbers = |layout: &Layout| -> Vec<(u32, String)> {
        let mount = |p: &Partition| {
            layout
                .filesystems()
                .iter()
                .find(|(d, _)| d.pieces[0].offset == p.offset)
                .unwrap()
                .1
                .mount
                .clone()
        };
        let disk = &layout.disks()[0];
        layout.numbered(disk).into_iter().map(|(n, p)| (n, mount(p))).collect()
    };
    for (count, primary, expected) in [
        (3, &[][..], &[(1, "/"), (2, "/2"), (3, "/3")][..]),
        (4, &[], &[(1, "/"), (2, "/2"), (3, "/3"), (5, "/4")]),
        (4, &[2, 3, 4], &[(1, "/2"), (2, "/3"), (3, "/4"), (5, "/")]),
        (6, &[6], &[(1, "/6"), (2, "/"), (3, "/2"), (5, "/3"), (6, "/4"), (7, "/5")]),
    ] {
        let layout = arranged_for(&text(count, primary), bios, 20 * GIB).unwrap();
        let found = numbers(&layout);
        let found: Vec<(u32, &str)> = found.iter().map(|(n, m)| (*n, m.as_str())).collect();
        assert_eq!(found, expected);
        let active: Vec<&str> =
            layout.partitions.iter().filter(|p| p.active).map(|p| p.name.as_str()).collect();
        assert_eq!(active, ["root"]);
        let mut end = MIB;
        for p in &layout.partitions {
            end += if p.logical { MIB } else { 0 };
            assert_eq!(p.offset, end, "{p:?}");
            end += p.size;
        }
        assert_eq!(end, 20 * GIB, "the root filesystem takes what is left");
    }
    let four = "part / --size=999 --asprimary\npart /2 --size=100 --asprimary\n\
                part /3 --size=100 --asprimary\npart /4 --size=100 --asprimary\n";
    let layout = arranged_for(four, bios, 20 * GIB).unwrap();
    assert!(layout.partitions.iter().all(|p| !p.logical));
    let errors = arranged_for(&format!("{four}part /5 --size=100\n"), bios, 20 * GIB).unwrap_err();
    assert!(errors[0].message.contains("four primary partitions"), "{errors:?}");
}
