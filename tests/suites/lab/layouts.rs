//! Disk layouts of kickstarts: built on the practice medium, judged by the tools of others,
//! five of them booted.

use formats::sparse;
use lab_tests::guest::{Firmware, Guest};
use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Every layout has these and comes from the same installed tree.
const PLATFORM: &str = "part biosboot --fstype=biosboot --size=2\n\
                        part /boot/efi --fstype=efi --size=200\n";
/// The storage commands of the shipped kickstart.
const SHIPPED: &str = "part biosboot  --fstype=biosboot --size=2\n\
                       part /boot/efi --fstype=efi      --size=200\n\
                       part /         --fstype=ext4     --size=4096 --grow --label=root\n";

/// A lab whose controller has a small disk and the tools for every filesystem.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.shorten_menu();
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"12 GiB\"");
    lab.edit("kickstart/controller.ks", "\nchrony\n", "\nchrony\nlvm2\nxfsprogs\n");
    lab.edit("kickstart/controller.ks", SHIPPED, "#STORAGE\n");
    lab
}

/// Builds the controller with these storage commands and returns the directory.
fn build(lab: &Lab, name: &str, storage: &str) -> PathBuf {
    let (directory, arguments) = prepare(lab, name, storage);
    product::build(&arguments);
    directory
}

fn prepare(lab: &Lab, name: &str, storage: &str) -> (PathBuf, Vec<String>) {
    let template =
        fs::read_to_string(lab.directory().join("kickstart/controller.ks")).expect("kickstart");
    let file = format!("kickstart/{name}.ks");
    fs::write(lab.directory().join(&file), template.replace("#STORAGE", storage))
        .expect("kickstart");
    let role =
        fs::read_to_string(lab.directory().join("profiles/controller.toml")).expect("profile");
    let role = role.replace("controller.ks", &format!("{name}.ks"));
    fs::write(lab.directory().join(format!("profiles/{name}.toml")), role).expect("profile");
    let directory = lab.directory().join("out").join(name);
    let mut arguments = lab.arguments(name, &["practice"], &["--format", "qcow2-plain"]);
    let at = arguments.iter().position(|a| a == "--output").expect("--output") + 1;
    arguments[at] = text(&directory);
    (directory, arguments)
}

/// Extents (offset and size) of an image, one after the other, as a sparse file of its own, for
/// tools that want one.
fn carve(raw: &Path, pieces: &[(u64, u64)], to: &Path) -> String {
    const BLOCK: u64 = 1 << 10;
    let from = File::open(raw).expect("image");
    let out = File::create(to).expect("file");
    out.set_len(pieces.iter().map(|(_, size)| size).sum()).expect("size");
    let mut buffer = [0; BLOCK as usize];
    let mut start = 0;
    for (offset, size) in pieces {
        let blocks = sparse::blocks(&from, offset + size, BLOCK).expect("blocks");
        for at in blocks.into_iter().map(|block| block * BLOCK).filter(|at| at >= offset) {
            let part = &mut buffer[..BLOCK.min(offset + size - at) as usize];
            from.read_exact_at(part, at).expect("read");
            out.write_all_at(part, start + at - offset).expect("write");
        }
        start += size;
    }
    text(to)
}

/// The disk in the manifest.
fn disk(directory: &Path) -> Value {
    let manifest = fs::read(directory.join("manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("manifest");
    manifest["plan"]["disk"].clone()
}

/// Every partition and logical volume that the manifest names: its extents (offset and size)
/// and its content.
fn devices(directory: &Path) -> Vec<(Vec<(u64, u64)>, Value)> {
    let disk = disk(directory);
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let volumes = list(&disk["groups"]).iter().flat_map(|g| list(&g["volumes"])).collect();
    [list(&disk["partitions"]), volumes]
        .concat()
        .iter()
        .map(|d| {
            let number = |v: &Value, key: &str| v[key].as_u64().expect("a number");
            let place = |v: &Value| (number(v, "offset"), number(v, "size"));
            let pieces = match d["pieces"].as_array() {
                Some(pieces) => pieces.iter().map(place).collect(),
                None => vec![place(d)],
            };
            (pieces, d["content"].clone())
        })
        .collect()
}

/// Everything that tools not ours can check in an image without booting it.
fn judge(directory: &Path) {
    let (image, raw) = (directory.join("openstack.qcow2"), directory.join("raw"));
    oracle::ok("qemu-img", ["check", "-q", &text(&image)]);
    oracle::ok("qemu-img", ["convert", "-O", "raw", &text(&image), &text(&raw)]);
    let (program, option, good) = match disk(directory)["label"].as_str() {
        Some("msdos") => ("sfdisk", "--verify", "No errors detected"),
        _ => ("sgdisk", "-v", "No problems found"),
    };
    let verdict = oracle::ok(program, [option, &text(&raw)]);
    assert!(verdict.contains(good), "{verdict}");
    check_reader(&raw);
    let part = directory.join("part");
    for (pieces, content) in devices(directory) {
        let carved = carve(&raw, &pieces, &part);
        let probe = oracle::run("blkid", ["-p", "-o", "export", &carved]);
        let probe = String::from_utf8_lossy(&probe.stdout).into_owned();
        let uuid = content["uuid"].as_str().unwrap_or_default();
        assert!(probe.contains(&format!("UUID={uuid}")) || uuid.is_empty(), "{content}: {probe}");
        match (content["kind"].as_str(), content["format"].as_str()) {
            (Some("files"), Some("ext2" | "ext3" | "ext4")) => {
                drop(oracle::ok("e2fsck", ["-fn", &carved]))
            }
            (Some("files"), Some("xfs")) => drop(oracle::ok("xfs_repair", ["-n", "-f", &carved])),
            (Some("files"), Some("efi")) => drop(oracle::ok("fsck.fat", ["-n", &carved])),
            (Some("physical"), _) => {
                let printed = oracle::ok("pvck", ["--dump", "metadata", &carved]);
                assert!(printed.contains("extent_count"), "{printed}");
            }
            (Some("swap"), _) => assert!(probe.contains("TYPE=swap"), "{probe}"),
            (Some("bios-boot"), _) => {}
            other => panic!("{other:?}"),
        }
    }
    fs::remove_file(&part).expect("part");
}

/// Our own reader finds every file through partitions and logical volumes; XFS it names.
fn check_reader(raw: &Path) {
    let output = product::run(&["verify".to_owned(), text(raw), "--json".to_owned()]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(report["untouched"], false);
    let unread = report["unread"].as_array().expect("a list");
    assert!(unread.iter().all(|u| u.as_str().is_some_and(|u| u.contains("XFS"))), "{report:#}");
    if unread.is_empty() {
        assert_eq!(report["differences"], Value::Array(Vec::new()));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn twelve_layouts_are_what_other_tools_accept() {
    let lab = lab();
    for (name, storage) in [
        ("plain", "part / --fstype=ext4 --size=3000 --grow --label=root"),
        (
            "boot",
            "part /boot --fstype=ext4 --size=400\npart / --fstype=ext4 --size=3000 --grow\n\
                 part /four --fstype=ext4 --size=1\npart /three --fstype=ext3 --size=8\n\
                 part /two --fstype=ext2 --size=1\npart swap --size=1",
        ),
        ("swap", "part swap --recommended\npart / --fstype=ext4 --size=3000"),
        (
            "var",
            "part / --fstype=ext4 --size=2000\npart /var --fstype=ext4 --size=800 --grow\n\
                 part /home --fstype=ext4 --size=400 --grow --maxsize=900 --fsoptions=nodev,nosuid",
        ),
        ("xfs", "part / --fstype=xfs --size=3000 --grow --label=root"),
        (
            "xfsboot",
            "part /boot --fstype=xfs --size=400\npart / --fstype=xfs --size=3000\n\
                     part swap --size=512 --label=swap",
        ),
        (
            "lvm",
            "part /boot --fstype=ext4 --size=400\npart pv.1 --size=1500\npart pv.2 --size=1600\n\
                 part pv.3 --size=1 --grow --maxsize=4000\nvolgroup vg pv.1 pv.2 pv.3\n\
                 logvol / --vgname=vg --name=root --size=5000 --fstype=ext4\n\
                 logvol swap --vgname=vg --name=swap --size=512\n\
                 logvol /var --vgname=vg --name=var --percent=50 --fstype=ext4",
        ),
        (
            "lvmdata",
            "part / --fstype=ext4 --size=3000\npart pv.1 --size=2000\npart pv.2 --size=500\n\
                     part pv.3 --size=1 --grow\nvolgroup one pv.1 --pesize=1024\n\
                     volgroup two pv.2 pv.3\n\
                     logvol /data --vgname=one --name=data --size=100 --grow --fstype=ext4\n\
                     logvol /var --vgname=two --name=var --size=100 --grow --fstype=xfs",
        ),
    ] {
        let directory = build(&lab, name, &format!("{PLATFORM}{storage}"));
        judge(&directory);
        fs::remove_dir_all(&directory).expect("directory");
    }
    for (name, storage) in [
        ("autopart", "autopart"),
        ("autoplain", "autopart --type=plain --fstype=ext4 --nohome"),
        (
            "msdos",
            "clearpart --all --disklabel=msdos\npart /boot --fstype=ext2 --size=400\n\
             part / --fstype=ext3 --size=3000 --grow\npart swap --size=512\n\
             part /home --fstype=ext4 --size=300\npart /srv --fstype=ext3 --size=300",
        ),
        (
            "lvmalone",
            "clearpart --all --disklabel=msdos\npart pv.1 --grow\nvolgroup vg pv.1\n\
             logvol / --vgname=vg --name=root --size=1 --grow --fstype=ext4",
        ),
    ] {
        let directory = build(&lab, name, storage);
        judge(&directory);
        fs::remove_dir_all(&directory).expect("directory");
    }
}

#[test]
fn layouts_that_cannot_be_made_are_refused_with_their_line() {
    let lab = lab();
    for (name, storage, words) in [
        (
            "small",
            "part / --fstype=ext4 --size=3000\npart /srv --fstype=xfs --size=9",
            "part /srv: 9 MiB is too small",
        ),
        (
            "large",
            "part / --fstype=ext4 --size=30000",
            "the partitions need 30204 MiB, the disk has 12288 MiB",
        ),
        ("disk", "part / --fstype=ext4 --size=300 --onpart=sda1", "nothing to reuse"),
        ("kind", "part / --fstype=reiserfs --size=3000", "reiserfs is not supported in images"),
        ("root", "part /srv --fstype=ext4 --size=3000", "part / is missing"),
    ] {
        let (directory, arguments) = prepare(&lab, name, &format!("{PLATFORM}{storage}"));
        let output = product::run(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {stderr}");
        assert!(stderr.contains(words), "{name}: {stderr}");
        assert!(!directory.exists());
    }
    // All at once, each at its line.
    let storage = "part / --fstype=ext4 --size=30000\npart pv.1 --size=101\nvolgroup vg pv.1\n\
                   logvol /srv --vgname=vg --name=srv --size=200 --fstype=ext4";
    let (_, arguments) = prepare(&lab, "both", &format!("{PLATFORM}{storage}"));
    let stderr = String::from_utf8_lossy(&product::run(&arguments).stderr).into_owned();
    let line = |words: &str| {
        let found =
            stderr.lines().find(|l| l.contains(words)).unwrap_or_else(|| panic!("{stderr}"));
        let place = found.split("both.ks:").nth(1).and_then(|rest| rest.split(':').next());
        place.and_then(|number| number.parse::<u32>().ok()).unwrap_or_else(|| panic!("{stderr}"))
    };
    let partitions = line("the partitions need 30305 MiB, the disk has 12288 MiB");
    assert_eq!(partitions + 2, line("logical volumes of vg need 200 MiB, the group has 100 MiB"));
}

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
