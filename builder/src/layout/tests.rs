use super::units::MIB;
use super::*;
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::lab::{InstallDisk, LabMachine};
use crate::base::place::Place;
use crate::kickstart;

mod firmware;

const GIB: u64 = 1024 * MIB;
const PLATFORM: &str =
    "part biosboot --fstype=biosboot --size=1\npart /boot/efi --fstype=efi --size=200\n";

fn parsed(text: &str) -> StorageRequest {
    let lines = kickstart::SourceMap::default();
    let text = kickstart::Text::new("test.ks", text, &lines, "");
    kickstart::parse(&text).expect("a kickstart").storage
}

fn machine(disk: u64, memory: u64) -> LabMachine {
    LabMachine {
        cpus: 1,
        memory,
        disk,
        more_disks: Vec::new(),
        boot: None,
        install_disk: InstallDisk::Only,
    }
}

fn arranged(storage: &StorageRequest, disk: u64, memory: u64) -> Layout {
    arrange(storage, &machine(disk, memory)).unwrap().identify("seed")
}

fn refused(storage: &StorageRequest, disk: u64) -> Vec<Diagnostic> {
    arrange(storage, &machine(disk, GIB)).unwrap_err()
}

/// The storage commands after biosboot and /boot/efi, none of which may be refused.
fn storage(text: &str) -> StorageRequest {
    let storage = parsed(&format!("{PLATFORM}{text}"));
    assert_eq!(find_violations(&storage), [], "{text}");
    storage
}

/// MiB of each partition and logical volume, by what it is for.
fn sizes(layout: &Layout) -> Vec<(String, u64)> {
    let name = |d: &Device<'_>| match d.content {
        DeviceContent::BiosBoot => "biosboot".to_owned(),
        DeviceContent::Physical { group, .. } => format!("pv of {group}"),
        DeviceContent::Swap { .. } => "swap".to_owned(),
        DeviceContent::Files(files) => format!("{} {}", files.mount, files.format.as_str()),
    };
    layout.devices().map(|d| (name(&d), d.size / MIB)).collect()
}

fn expect(text: &str, disk: u64, wanted: &[(&str, u64)]) -> Layout {
    let layout = arranged(&storage(text), disk, 6 * GIB);
    let found = sizes(&layout);
    let found: Vec<(&str, u64)> = found.iter().map(|(n, s)| (n.as_str(), *s)).collect();
    assert_eq!(found[..2], [("biosboot", 1), ("/boot/efi vfat", 200)]);
    assert_eq!(found[2..], *wanted, "{text}");
    layout
}

#[test]
fn no_two_partitions_have_one_identifier() {
    let storage = storage("part / --size=4096\npart swap --size=100\npart swap --size=100\n");
    let layout = arranged(&storage, 20 * GIB, GIB);
    let guids: std::collections::BTreeSet<&str> =
        layout.partitions.iter().map(|p| p.guid.as_str()).collect();
    assert_eq!(guids.len(), layout.partitions.len());
}

#[test]
fn partitions_are_aligned_disjoint_and_inside_the_disk() {
    for size in [GIB, 50 * GIB, 100 * GIB + 512] {
        let storage = storage("part / --fstype=ext4 --size=500 --grow\n");
        let layout = arranged(&storage, size, GIB);
        let mut end = 0;
        for p in &layout.partitions {
            assert_eq!(p.offset % MIB, 0);
            assert!(p.offset >= end && p.size > 0);
            end = p.offset + p.size;
        }
        // The backup GPT: 32 sectors of entries and one of header.
        assert!(end + 33 * SECTOR <= size);
        assert!(size - end < 3 * MIB, "what is left belongs to the root filesystem");
    }
}

#[test]
fn partitions_grow_in_proportion_and_swap_is_recommended() {
    let text = "part swap --recommended\npart /home --size=1000 --grow --maxsize=2000\n\
                part /boot --fstype=ext4 --size=512\npart / --size=3000 --grow\n";
    // Swap: a tenth of the disk at most.
    let free = 20 * 1024 - 2 - 201 - 512 - 2048 - 2000;
    expect(
        text,
        20 * GIB,
        &[("/boot ext4", 512), ("swap", 2048), ("/home xfs", 2000), ("/ xfs", free)],
    );
}

#[test]
fn logical_volumes_lie_in_their_group() {
    let text = "part pv.1 --size=1 --grow\nvolgroup vg-x pv.1 --pesize=4096\n\
                logvol / --vgname=vg-x --name=root --size=4000 --fstype=ext4\n\
                logvol /var --vgname=vg-x --name=var --percent=50\n\
                logvol swap --vgname=vg-x --name=swap --size=1022\n";
    // 16180 MiB of extents; 11152 of them free in addition to the sizes asked for and one extent.
    let layout = expect(
        text,
        16 * GIB,
        &[
            ("pv of vg-x", 16 * 1024 - 203),
            ("/ ext4", 4000),
            ("/var xfs", 4 + 5576),
            ("swap", 1024),
        ],
    );
    let pv = &layout.partitions[2];
    let volumes = &layout.groups[0].volumes;
    let root = Piece { offset: pv.offset + MIB, size: volumes[0].size };
    let var = Piece { offset: root.offset + root.size, size: volumes[1].size };
    assert_eq!((&volumes[0].pieces[..], &volumes[1].pieces[..]), (&[root][..], &[var][..]));
    let root = layout.mounted("/").unwrap().0;
    assert_eq!(root.source(), "/dev/mapper/vg--x-root");
    assert_eq!(layout.groups[0].uuid.len(), 38);
}

/// Sizes are those of the whole group; a volume is in one piece wherever one has room.
#[test]
fn logical_volumes_span_the_physical_volumes_of_their_group() {
    let text = "part pv.1 --size=1001\npart pv.2 --size=2001\npart pv.3 --size=1 --grow\n\
                volgroup vg pv.1 pv.2 pv.3\n\
                logvol / --vgname=vg --name=root --size=1500 --fstype=ext4\n\
                logvol /var --vgname=vg --name=var --percent=10 --fstype=ext4\n\
                logvol swap --vgname=vg --name=swap --size=600\n\
                logvol /srv --vgname=vg --name=srv --size=1 --grow --fstype=ext4\n";
    // 7185 MiB for pv.3, 1000 + 2000 + 7184 MiB of extents, 8076 of them free.
    let layout = expect(
        text,
        10 * GIB + 150 * MIB,
        &[
            ("pv of vg", 1001),
            ("pv of vg", 2001),
            ("pv of vg", 7185),
            ("/ ext4", 1500),
            ("/var ext4", 4 + 804),
            ("swap", 600),
            ("/srv ext4", 10184 - 1500 - 808 - 600),
        ],
    );
    let pieces = |number: usize| -> Vec<(u64, u64)> {
        let place = |p: &Piece| (p.offset / MIB, p.size / MIB);
        layout.groups[0].volumes[number].pieces.iter().map(place).collect()
    };
    let start = |number: usize| layout.partitions[number].offset / MIB + 1;
    let (one, two, three) = (start(2), start(3), start(4));
    assert_eq!(pieces(0), [(two, 1500)]);
    assert_eq!(pieces(1), [(one, 808)]);
    assert_eq!(pieces(2), [(three, 600)]);
    assert_eq!(pieces(3), [(one + 808, 192), (two + 1500, 500), (three + 600, 6584)]);
}

#[test]
fn autopart_is_anacondas() {
    let own = |text: &str, disk| {
        let storage = parsed(text);
        assert_eq!(find_violations(&storage), []);
        sizes(&arranged(&storage, disk, 6 * GIB))
    };
    let names = |found: &[(String, u64)]| -> Vec<String> {
        found.iter().map(|(name, _)| name.clone()).collect()
    };
    let large = own("autopart\n", 100 * GIB);
    assert_eq!(
        names(&large),
        ["biosboot", "/boot/efi vfat", "/boot xfs", "pv of centos", "/ xfs", "/home xfs", "swap"]
    );
    assert_eq!((large[2].1, large[4].1, large[6].1), (1024, 50 * 1024, 6144));
    let small = own("autopart --type=plain --fstype=ext4\n", 20 * GIB);
    assert_eq!(names(&small), ["biosboot", "/boot/efi vfat", "/boot ext4", "/ ext4", "swap"]);
    assert_eq!(small[4].1, 2048, "a tenth of the disk");
    let platform = own("reqpart --add-boot\npart / --size=1000\n", 20 * GIB);
    assert_eq!(names(&platform), ["biosboot", "/boot/efi vfat", "/boot xfs", "/ xfs"]);
}

#[test]
fn what_does_not_fit_is_said_with_need_and_have() {
    for (text, line, message) in [
        ("part / --size=90000\n", 3, "the partitions need 90203 MiB, the disk has 20480 MiB"),
        (
            "part pv.1 --size=2000\nvolgroup vg pv.1\nlogvol / --vgname=vg --name=r --size=3000\n",
            5,
            "the logical volumes of vg need 3000 MiB, the group has 1996 MiB",
        ),
    ] {
        let errors = refused(&storage(text), 20 * GIB);
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert_eq!((error.place.line, error.message.as_str()), (line, message));
        assert!(error.hint.is_some());
    }
    let small = storage("part / --size=1000\n");
    let error = arranged(&small, 4 * GIB, GIB).check_content(2 * GIB).unwrap_err();
    assert_eq!(error.class, crate::base::error::Class::Input);
    assert!(error.message.contains("need about 2048 MiB"), "{error}");
}

/// Partitions and every group whose size is known; `two` would have what is left over.
#[test]
fn everything_that_does_not_fit_is_said_at_once() {
    let text = "part / --size=90000\npart pv.1 --size=101\npart pv.2 --size=1 --grow\n\
                part pv.3 --size=201\nvolgroup one pv.1\nvolgroup two pv.2\nvolgroup three pv.3\n\
                logvol /a --vgname=one --name=a --size=200\n\
                logvol /b --vgname=two --name=b --size=200\n\
                logvol /c --vgname=three --name=c --size=200\n\
                logvol /d --vgname=three --name=d --size=300\n";
    let small = storage(text);
    let errors = refused(&small, 20 * GIB);
    let found: Vec<_> = errors.iter().map(|f| (f.place.line, f.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (6, "the partitions need 90506 MiB, the disk has 20480 MiB"),
            (10, "the logical volumes of one need 200 MiB, the group has 100 MiB"),
            (13, "the logical volumes of three need 500 MiB, the group has 200 MiB"),
        ]
    );
    let shown = Diagnostics(errors).to_string();
    assert!(shown.contains("test.ks:10:1: the logical volumes of one"), "{shown}");
    let errors = refused(&small, 200 * GIB);
    assert_eq!(errors.iter().map(|f| f.place.line).collect::<Vec<_>>(), [10, 13]);
}

#[test]
fn what_no_image_can_hold_is_refused_at_its_line() {
    for (text, line, message) in [
        ("part / --fstype=btrfs --size=1000\n", 3, "btrfs is not supported in images"),
        ("part / --size=1000\npart / --size=1000\n", 4, "/ already exists, at line 3"),
        ("part /etc --size=100\n", 3, "/etc belongs to the root filesystem"),
        ("part pv.1 --size=100\nvolgroup vg pv.2\n", 4, "pv.2 does not exist"),
        ("part pv.1 --size=100\nvolgroup vg pv.2\n", 3, "pv.1 is in no volume group"),
        (
            "logvol / --vgname=no --name=root --size=1000\n",
            3,
            "the volume group `no` does not exist",
        ),
        (
            "part pv.1 --size=100\nvolgroup vg pv.1\nlogvol /a --vgname=vg --name=a --percent=60\n\
             logvol /b --vgname=vg --name=b --percent=50\n",
            6,
            "--percent adds up to 110 in vg",
        ),
        ("part /x --size=9 --label=much-too-long-a-name\n", 3, "has more than 12 bytes"),
        (
            "part pv.1 --size=100\nvolgroup vg pv.1\nlogvol /boot --vgname=vg --name=b --size=99\n",
            5,
            "/boot cannot be a logical volume",
        ),
    ] {
        let found = find_violations(&parsed(&format!("{PLATFORM}{text}")));
        let hit = found.iter().any(|d| d.place.line == line && d.message.contains(message));
        assert!(hit, "{text}: {found:?}");
    }
}

/// What counts is what they are when all have grown; a partition without a size has blivet's.
#[test]
fn small_sizes_grow() {
    let free = 20 * 1024 - 2 - 201;
    expect("part / --fstype=ext4 --size=1 --grow\n", 20 * GIB, &[("/ ext4", free)]);
    expect("part / --fstype=ext4 --size=300 --maxsize=900\n", 20 * GIB, &[("/ ext4", 300)]);
    let text = "part pv.1 --grow\nvolgroup vg pv.1\nlogvol / --vgname=vg --name=r --size=1 --grow\n\
                logvol swap --vgname=vg --name=s --recommended --size=9 --grow\n";
    expect(text, 20 * GIB, &[("pv of vg", free), ("/ xfs", free - 1 - 2048), ("swap", 2048)]);
    expect("part / --fstype=xfs --asprimary\n", 20 * GIB, &[("/ xfs", 500)]);
    for (text, message) in [
        ("part / --size=1 --grow --maxsize=100\n", "part /: 100 MiB is too small"),
        ("part / --size=900\npart /boot --size=9\n", "part /boot: 9 MiB is too small"),
        (
            "part pv.1 --grow\nvolgroup vg pv.1\nlogvol / --vgname=vg --name=r --size=9\n",
            "part /: 12 MiB is too small",
        ),
    ] {
        let errors = refused(&storage(text), 20 * GIB);
        assert_eq!(errors.iter().map(|e| &e.message).collect::<Vec<_>>(), [message], "{text}");
    }
}

#[test]
fn identifiers_follow_the_seed() {
    let storage = storage("part / --size=500\n");
    let of = |seed| arrange(&storage, &machine(GIB, GIB)).unwrap().identify(seed);
    let (a, b) = (of("a"), of("b"));
    assert_eq!(a, of("a"));
    let root = |layout: &Layout| layout.mounted("/").unwrap().1.uuid.clone();
    assert_ne!(root(&a), root(&b));
    assert_eq!(uuid_bytes(&root(&a)).unwrap()[6] >> 4, 8);
}

/// Two files may have a swap line of the same number.
#[test]
fn swap_areas_at_equal_lines_of_two_files_differ() {
    let mut storage = parsed("autopart --type=plain\n");
    storage.autopart = None;
    let swap = |file: &str| {
        let mut one = parsed("part swap --size=100\n").partitions.remove(0);
        one.place = Place::new(file, 1, 1);
        one
    };
    storage.partitions = vec![swap("main.ks"), swap("disk.ks")];
    let layout = arranged(&storage, GIB, GIB);
    let uuid = |n: usize| match &layout.partitions[2 + n].content {
        DeviceContent::Swap { uuid, .. } => uuid.clone(),
        other => panic!("{other:?}"),
    };
    assert_ne!(uuid(0), uuid(1));
}
