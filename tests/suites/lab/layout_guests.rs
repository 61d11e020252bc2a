//! Disk layouts of kickstarts, built on the practice medium and booted.

use crate::layouts::{PLATFORM, build, lab};
use lab_tests::guest::{Firmware, Guest};
use lab_tests::lab::text;
use lab_tests::{oracle, product};
use serde_json::Value;
use std::net::Ipv4Addr;

/// Boots a layout, asks the guest, lets `more` ask it, and returns what `inspect` then reports.
fn boot(
    name: &str,
    storage: &str,
    firmware: Firmware,
    mounts: &[(&str, &str, &str)],
    more: impl Fn(&Guest),
) -> Value {
    let lab = lab();
    let directory = build(&lab, name, storage);
    let image = directory.join("openstack.qcow2");
    oracle::ok("qemu-img", ["check", "-q", &text(&image)]);
    let guest = Guest::start(&image, firmware, Ipv4Addr::new(192, 168, 1, 10), &lab.key());
    for (mount, kind, device) in mounts {
        let found = guest.ssh(&format!("findmnt -n -o FSTYPE,SOURCE {mount}"));
        let words: Vec<&str> = found.split_whitespace().collect();
        assert_eq!(words, [*kind, *device], "{mount}: {}", guest.ssh("lsblk -f"));
    }
    let listed = guest.ssh("lsblk -n -o FSTYPE,UUID,MOUNTPOINT");
    let efi = mounts.iter().any(|(mount, ..)| *mount == "/boot/efi");
    assert_eq!(listed.contains("/boot/efi"), efi, "{listed}");
    assert_eq!(guest.ssh("swapon --noheadings --show=NAME | wc -l").trim(), "1");
    let failed = guest.ssh("systemctl list-units --failed --no-legend --plain");
    assert_eq!(failed.trim(), "");
    more(&guest);
    guest.power_off();
    let output = product::run(&["inspect".to_owned(), text(&image), "--json".to_owned()]);
    serde_json::from_slice(&output.stdout).expect("inspect's JSON")
}

#[test]
fn logical_volumes_boot_under_uefi() {
    if !product::may_take_long("one layout more in a guest") {
        return;
    }
    let storage = format!(
        "{PLATFORM}part /boot --fstype=ext4 --size=400\npart pv.1 --size=1000\n\
         part pv.2 --size=5000\npart pv.3 --size=1 --grow\nvolgroup vg pv.1 pv.2 pv.3\n\
         logvol / --vgname=vg --name=root --size=6200 --fstype=ext4\n\
         logvol /var --vgname=vg --name=var --percent=50 --fstype=ext4\n\
         logvol swap --vgname=vg --name=swap --size=512\n"
    );
    let mounts = [
        ("/", "ext4", "/dev/mapper/vg-root"),
        ("/boot", "ext4", "/dev/vda3"),
        ("/boot/efi", "vfat", "/dev/vda2"),
        ("/var", "ext4", "/dev/mapper/vg-var"),
    ];
    let seen = boot("lvmboot", &storage, Firmware::Uefi, &mounts, |guest| {
        let volumes = guest.ssh("lvs --noheadings -o lv_name,vg_name,lv_size --units m");
        let squeezed = volumes.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in ["root vg 6200.00m", "swap vg 512.00m"] {
            assert!(squeezed.contains(line), "{volumes}");
        }
        let volumes = guest.ssh("pvs --noheadings");
        assert!((4..=6).all(|n| volumes.contains(&format!("/dev/vda{n}"))), "{volumes}");
        // No physical volume has room for the whole of it.
        let segments = guest.ssh("lvs --noheadings -o seg_pe_ranges vg/root");
        let segments: Vec<&str> = segments.split_whitespace().collect();
        assert_eq!(segments, ["/dev/vda4:0-248", "/dev/vda5:0-1248", "/dev/vda6:0-51"]);
        // A new volume, and a larger one: the metadata is such that LVM rewrites it.
        guest.ssh("lvcreate -y -L 64m -n more vg && lvextend -L +64m vg/root && vgck vg");
        assert_eq!(
            guest
                .ssh("grep -c . /proc/mdstat 2>/dev/null; test -d /sys/firmware/efi && echo uefi")
                .lines()
                .last(),
            Some("uefi")
        );
    });
    // What LVM itself wrote is read: another segment, another volume.
    let volumes = seen["logical_volumes"].as_array().expect("volumes");
    let size = |name: &str| volumes.iter().find(|v| v["name"] == name).map(|v| v["size"].clone());
    assert_eq!(size("vg/root"), Some((6264u64 << 20).into()), "{seen:#}");
    assert_eq!(size("vg/more"), Some((64u64 << 20).into()), "{seen:#}");
    assert_eq!(seen["node"]["name"], "openstack", "{seen:#}");
}

#[test]
fn xfs_with_a_boot_partition_boots_under_bios() {
    if !product::may_take_long("one layout more in a guest") {
        return;
    }
    let storage = format!(
        "{PLATFORM}part /boot --fstype=xfs --size=400\npart / --fstype=xfs --size=3000\n\
         part /home --fstype=ext4 --size=300 --grow --fsoptions=nodev\npart swap --size=512\n"
    );
    let mounts = [
        ("/", "xfs", "/dev/vda4"),
        ("/boot", "xfs", "/dev/vda3"),
        ("/boot/efi", "vfat", "/dev/vda2"),
        ("/home", "ext4", "/dev/vda5"),
    ];
    boot("xfsbios", &storage, Firmware::Bios, &mounts, |guest| {
        assert!(guest.ssh("findmnt -n -o OPTIONS /home").contains("nodev"));
        // What a kernel update does: GRUB's own tool finds everything, and names the same root.
        // The practice medium's tools are Debian's, which look into /boot/grub.
        guest.ssh("ln -s grub2 /boot/grub && grub2-mkconfig -o /boot/grub2/grub.cfg");
        let uuid = guest.ssh("findmnt -n -o UUID /");
        let config = guest.ssh("cat /boot/grub2/grub.cfg");
        assert!(config.contains(&format!("root=UUID={}", uuid.trim())), "{config}");
        assert!(config.contains("/vmlinuz-") && !config.contains("/boot/vmlinuz-"), "{config}");
        guest.ssh("grub2-editenv /boot/grub2/grubenv list | grep saved_entry");
    });
}

/// As Anaconda lays out a BIOS machine: an extended partition, GRUB before the first one.
#[test]
fn an_msdos_label_boots_under_bios() {
    if !product::may_take_long("one layout more in a guest") {
        return;
    }
    let storage = "clearpart --all --disklabel=msdos\npart /boot --fstype=ext2 --size=400\n\
                   part / --fstype=ext3 --size=3000 --grow\npart swap --size=512\n\
                   part '/srv/my data' --fstype=ext4 --size=300\n\
                   part /tmp --fstype=tmpfs --size=64\n";
    let mounts = [
        ("/", "ext3", "/dev/vda2"),
        ("/boot", "ext2", "/dev/vda1"),
        ("'/srv/my data'", "ext4", "/dev/vda5"),
        ("/tmp", "tmpfs", "tmpfs"),
    ];
    boot("msdosboot", storage, Firmware::Bios, &mounts, |guest| {
        assert!(guest.ssh("findmnt -n -o OPTIONS /tmp").contains("size=65536k"));
        assert_eq!(guest.ssh("blkid -p -s PTTYPE -o value /dev/vda").trim(), "dos");
        assert!(guest.ssh("umount /boot && e2fsck -fn /dev/vda1").contains("/dev/vda1"));
    });
}

/// GRUB reads the kernel from a logical volume.
#[test]
fn a_root_volume_without_a_boot_partition_boots_under_bios() {
    let storage = "clearpart --all --disklabel=msdos\npart pv.1 --grow\nvolgroup vg pv.1\n\
                   logvol / --vgname=vg --name=root --size=1 --grow --fstype=ext4\n\
                   logvol swap --vgname=vg --name=swap --recommended\n";
    let mounts = [("/", "ext4", "/dev/mapper/vg-root")];
    boot("lvmonly", storage, Firmware::Bios, &mounts, |_| {});
}

#[test]
fn autopart_boots_under_bios() {
    if !product::may_take_long("one layout more in a guest") {
        return;
    }
    let mounts = [
        ("/", "xfs", "/dev/mapper/centos-root"),
        ("/boot", "xfs", "/dev/vda3"),
        ("/boot/efi", "vfat", "/dev/vda2"),
    ];
    boot("autoboot", "autopart\n", Firmware::Bios, &mounts, |guest| {
        let arguments = guest.ssh("cat /proc/cmdline");
        assert!(arguments.contains("rd.lvm.lv=centos/root"), "{arguments}");
        assert!(guest.ssh("cat /etc/fstab").contains("/ xfs defaults 0 0"));
    });
}
