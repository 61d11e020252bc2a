//! `part`, `volgroup`, `logvol`, `autopart`, `reqpart`, `clearpart`: from a line to the
//! values of `layout::request`. Whether the layout can be made is not decided here.

use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use crate::layout::{
    Autopart, AutopartScheme, DiskLabel, FilesystemRequest, GroupRequest, PartitionRequest,
    Reqpart, SizeRequest, Target, TmpfsRequest, VolumeRequest,
};

/// Options that no new image can have, on any storage command.
const REFUSED: [(&str, &str); 5] = [
    ("--noformat", "the image's disk is new: there is nothing to keep; leave the line out"),
    ("--useexisting", "the image's disk is new: there is nothing to reuse; write it without"),
    ("--onpart", "the image's disk is new: there is nothing to reuse; write --size"),
    ("--onbiosdisk", "an image is one disk, without a BIOS number; leave it out"),
    ("--resize", "the image's disk is new: there is nothing to resize; write --size"),
];

/// Boot partitions of other machines than an image is for, by the first argument and by
/// `--fstype`.
const FOREIGN: [&str; 4] = ["prepboot", "PPC PReP Boot", "appleboot", "Apple Bootstrap"];

/// The first option that no image can have, after reporting it.
fn refuse_option(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) -> bool {
    let Some((option, why)) = REFUSED.into_iter().find(|(option, _)| parsed.has(option)) else {
        return false;
    };
    state.report(item, Fate::Refused, format!("{option}: {why}"));
    true
}

/// Notes that the line wants something encrypted, which the layout judges.
fn note_encryption(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if parsed.has("--encrypted") {
        let place = state.place_of(item);
        state.kickstart.storage.encrypted.push(place);
    }
}

/// `part`, `partition`.
pub fn part(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(word) = parsed.arguments.first() else { return };
    if refuse_option(state, item, parsed) {
        return;
    }
    let kind = parsed.text("--fstype").unwrap_or_default();
    if FOREIGN.contains(&word.text.as_str()) || FOREIGN.contains(&kind.as_str()) {
        let why = "it is left out: other machines than an image's start from such a partition";
        return state.report(item, Fate::NotApplicable, why);
    }
    let Some(size) = read_size(state, item, parsed) else { return };
    note_encryption(state, item, parsed);
    if kind == "tmpfs" {
        return tmpfs(state, item, parsed, &size);
    }
    let target = match word.text.as_str() {
        "None" => Target::parse(&kind),
        text => Target::parse(text),
    };
    let disk = parsed.text("--ondisk").map(|d| d.trim_start_matches("/dev/").to_owned());
    let partition = PartitionRequest {
        place: state.place_of(item),
        target,
        size,
        filesystem: read_filesystem(parsed),
        disk,
        as_primary: parsed.has("--asprimary"),
        active: parsed.has("--active"),
    };
    let first = state.kickstart.storage.partitions.iter().find_map(|p| p.disk.clone());
    let why = match (&partition.disk, first) {
        (Some(disk), Some(first)) if *disk != first => Some(format!(
            "the partition is created on the image's one disk, next to those of {first}: there is \
             no {disk}"
        )),
        (Some(_), _) => Some(
            "the partition is created; --ondisk means nothing on an image's one disk".to_owned(),
        ),
        (None, _) => None,
    };
    state.kickstart.storage.partitions.push(partition);
    if let Some(why) = why {
        return state.report(item, Fate::Translated, why);
    }
    match ["--asprimary", "--active"].into_iter().find(|o| parsed.has(o)) {
        Some(option) => {
            let why = format!("the partition is created; on a GPT disk {option} means nothing");
            state.report(item, Fate::Translated, why);
        }
        None => state.report(item, Fate::Honoured, "the partition is created"),
    }
}

/// `part --fstype=tmpfs`.
fn tmpfs(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>, size: &SizeRequest) {
    let Some(word) = parsed.arguments.first() else { return };
    state.kickstart.storage.tmpfs.push(TmpfsRequest {
        place: state.place_of(item),
        target: Target::parse(&word.text),
        size_mib: size.min_mib,
        options: parsed.text("--fsoptions").filter(|options| !options.is_empty()),
    });
    state.report(item, Fate::Honoured, "fstab mounts it in memory");
}

/// `volgroup`.
pub fn volgroup(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some((name, members)) = parsed.arguments.split_first() else { return };
    if refuse_option(state, item, parsed) {
        return;
    }
    let group = GroupRequest {
        place: state.place_of(item),
        name: name.text.clone(),
        members: members.iter().map(|w| w.text.clone()).collect(),
        extent_kib: read_positive(parsed, "--pesize"),
        reserved_mib: read_positive(parsed, "--reserved-space"),
        reserved_percent: read_percent(parsed, "--reserved-percent"),
    };
    state.kickstart.storage.volume_groups.push(group);
    state.report(item, Fate::Honoured, "the volume group is created");
}

/// `logvol`.
pub fn logvol(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(word) = parsed.arguments.first() else { return };
    if refuse_option(state, item, parsed) {
        return;
    }
    if parsed.has("--thinpool") {
        let why = "it is left out: its volumes are linear ones of the group";
        return state.report(item, Fate::Translated, why);
    }
    let Some(size) = read_size(state, item, parsed) else { return };
    note_encryption(state, item, parsed);
    let volume = VolumeRequest {
        place: state.place_of(item),
        target: Target::parse(&word.text),
        group: parsed.text("--vgname").unwrap_or_default(),
        name: parsed.text("--name").unwrap_or_default(),
        size,
        filesystem: read_filesystem(parsed),
    };
    state.kickstart.storage.logical_volumes.push(volume);
    match parsed.has("--thin") || parsed.filled("--poolname") {
        true => {
            let why = "the logical volume is created linear, with all of its size from the start";
            state.report(item, Fate::Translated, why);
        }
        false => state.report(item, Fate::Honoured, "the logical volume is created"),
    }
}

/// `autopart`.
pub fn autopart(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if refuse_option(state, item, parsed) {
        return;
    }
    note_encryption(state, item, parsed);
    let kinds = parsed.options.iter().rev();
    let scheme = kinds.filter_map(|(name, value)| match *name {
        "--nolvm" => Some(AutopartScheme::Plain),
        "--type" => Some(match value.text.to_ascii_lowercase().as_str() {
            "btrfs" => AutopartScheme::Btrfs,
            "thinp" => AutopartScheme::ThinLvm,
            "lvm" => AutopartScheme::Lvm,
            _ => AutopartScheme::Plain,
        }),
        _ => None,
    });
    state.kickstart.storage.autopart = Some(Autopart {
        place: state.place_of(item),
        scheme: scheme.into_iter().next().unwrap_or_default(),
        kind: parsed.text("--fstype"),
        no_home: parsed.has("--nohome"),
    });
    let mut why = "Anaconda's own layout, for the image's one disk".to_owned();
    if state
        .kickstart
        .storage
        .autopart
        .as_ref()
        .is_some_and(|a| a.scheme == AutopartScheme::ThinLvm)
    {
        why += "; its logical volumes are linear, with all of their size from the start";
    }
    state.report(item, Fate::Translated, why);
}

/// `reqpart`.
pub fn reqpart(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let reqpart = Reqpart { place: state.place_of(item), boot: parsed.has("--add-boot") };
    state.kickstart.storage.reqpart = Some(reqpart);
    state.report(item, Fate::Translated, "the partitions that the image starts from");
}

/// `clearpart`: on a new disk only its label matters.
pub fn clearpart(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    state.kickstart.storage.label = None;
    let Some(label) = parsed.get("--disklabel").filter(|label| !label.text.is_empty()) else {
        return state.report(item, Fate::NotApplicable, "the image's disk is new and empty");
    };
    state.kickstart.storage.label = DiskLabel::parse(label.text);
    match state.kickstart.storage.label {
        Some(label) => {
            let why = format!("the new disk's label is {}", label.as_str());
            state.report(item, Fate::Honoured, why);
        }
        None => {
            let why = format!("--disklabel={}: write gpt or msdos, or leave it out", label.text);
            state.refuse(item, label.word.column, why);
        }
    }
}

/// Sizes in range, or `None` after the line was refused.
fn read_size(
    state: &mut State<'_>,
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
) -> Option<SizeRequest> {
    /// 16 TiB: the end of ext4 without `64bit`, and of what EL7 takes.
    const MAX_MIB: i64 = 16 << 20;
    for option in ["--size", "--maxsize"] {
        // As Anaconda takes it, 0 is none.
        let fits = |n: i64| (0..=MAX_MIB).contains(&n);
        if parsed.integer(option).is_some_and(|n| !fits(n)) {
            let given = parsed.text(option).unwrap_or_default();
            let why = format!("{option}={given} is out of range: in MiB, up to {MAX_MIB}");
            state.report(item, Fate::Refused, why);
            return None;
        }
    }
    let (min_mib, max_mib) = (read_positive(parsed, "--size"), read_positive(parsed, "--maxsize"));
    if let (Some(min), Some(max)) = (min_mib, max_mib)
        && max < min
    {
        state.report(item, Fate::Refused, format!("--maxsize={max} is less than --size={min}"));
        return None;
    }
    // Swap gets what its purpose needs, whatever else is said of its size.
    let (recommended, hibernation) = (parsed.has("--recommended"), parsed.has("--hibernation"));
    let is_swap = parsed.arguments.first().is_some_and(|word| word.text == "swap");
    if is_swap && (recommended || hibernation) {
        return Some(SizeRequest { recommended, hibernation, ..SizeRequest::default() });
    }
    let given = parsed.has("--percent");
    let percent = read_percent(parsed, "--percent");
    if given && percent.is_none() {
        state.report(item, Fate::Refused, "--percent is out of range: from 1 to 100");
        return None;
    }
    Some(SizeRequest {
        min_mib,
        max_mib,
        percent,
        grow: parsed.has("--grow"),
        ..SizeRequest::default()
    })
}

fn read_positive(parsed: &Parsed<'_>, option: &str) -> Option<u64> {
    parsed.integer(option).and_then(|n| n.try_into().ok()).filter(|n| *n > 0)
}

fn read_percent(parsed: &Parsed<'_>, option: &str) -> Option<u8> {
    read_positive(parsed, option).and_then(|n| n.try_into().ok()).filter(|n| *n <= 100)
}

fn read_filesystem(parsed: &Parsed<'_>) -> FilesystemRequest {
    FilesystemRequest {
        kind: parsed.text("--fstype"),
        label: parsed.text("--label"),
        options: parsed.text("--fsoptions"),
        mkfs: parsed.text("--mkfsoptions"),
        profile: parsed.text("--fsprofile"),
    }
}
