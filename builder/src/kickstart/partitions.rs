//! `part`, `volgroup`, `logvol`, `autopart`, `reqpart`, `clearpart`: from a line to the
//! values of `layout::request`. Whether the layout can be made is not decided here.

use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use crate::layout::{
    Autopart, AutopartScheme, FilesystemRequest, GroupRequest, PartitionRequest, Reqpart,
    SizeRequest, Target, VolumeRequest,
};

/// Options that no new image can have, on any storage command.
const REFUSED: [(&str, &str); 9] = [
    ("--noformat", "the image's disk is new: there is nothing to keep"),
    ("--useexisting", "the image's disk is new: there is nothing to reuse"),
    ("--onpart", "the image's disk is new: there is nothing to reuse"),
    ("--onbiosdisk", "an image is one disk, without a BIOS number"),
    ("--resize", "the image's disk is new: there is nothing to resize"),
    ("--encrypted", "an encrypted filesystem would ask for its passphrase at every start"),
    ("--thinpool", "thin pools are not supported in images: write plain logical volumes"),
    ("--poolname", "thin pools are not supported in images: write plain logical volumes"),
    ("--thin", "thin volumes are not supported in images: write plain logical volumes"),
];

/// The first option that no image can have, after reporting it.
fn refuse_option(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) -> bool {
    let Some((option, why)) = REFUSED.into_iter().find(|(option, _)| parsed.has(option)) else {
        return false;
    };
    state.report(item, Fate::Refused, format!("{option}: {why}"));
    true
}

/// `part`, `partition`.
pub fn part(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(word) = parsed.arguments.first() else { return };
    if refuse_option(state, item, parsed) {
        return;
    }
    let Some(size) = read_size(state, item, parsed) else { return };
    let disk = parsed.text("--ondisk").map(|d| d.trim_start_matches("/dev/").to_owned());
    let partition = PartitionRequest {
        place: state.place_of(item),
        target: Target::parse(&word.text),
        size,
        filesystem: read_filesystem(parsed),
        disk,
        as_primary: parsed.has("--asprimary"),
        active: parsed.has("--active"),
    };
    state.kickstart.storage.partitions.push(partition);
    match ["--asprimary", "--ondisk", "--active"].into_iter().find(|o| parsed.has(o)) {
        Some(option) => {
            let why = format!(
                "the partition is created; {option} means nothing on an image's one GPT disk"
            );
            state.report(item, Fate::Translated, why);
        }
        None => state.report(item, Fate::Honoured, "the partition is created"),
    }
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
    let Some(size) = read_size(state, item, parsed) else { return };
    let volume = VolumeRequest {
        place: state.place_of(item),
        target: Target::parse(&word.text),
        group: parsed.text("--vgname").unwrap_or_default(),
        name: parsed.text("--name").unwrap_or_default(),
        size,
        filesystem: read_filesystem(parsed),
    };
    state.kickstart.storage.logical_volumes.push(volume);
    state.report(item, Fate::Honoured, "the logical volume is created");
}

/// `autopart`.
pub fn autopart(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if refuse_option(state, item, parsed) {
        return;
    }
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
    state.report(item, Fate::Translated, "Anaconda's own layout, for the image's one disk");
}

/// `reqpart`.
pub fn reqpart(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let reqpart = Reqpart { place: state.place_of(item), boot: parsed.has("--add-boot") };
    state.kickstart.storage.reqpart = Some(reqpart);
    state.report(item, Fate::Translated, "a BIOS boot partition and an EFI system partition");
}

/// `clearpart`: on a new disk only its label matters.
pub fn clearpart(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if let Some(label) = parsed.get("--disklabel")
        && !["", "gpt"].contains(&label.text)
    {
        let why = format!(
            "--disklabel={}: one image starts under BIOS and under UEFI, which takes GPT: write \
             gpt, or leave it out",
            label.text
        );
        return state.refuse(item, label.word.column, why);
    }
    state.report(item, Fate::NotApplicable, "the image's disk is new and empty; its label is GPT");
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
        let fits = |n: i64| (1..=MAX_MIB).contains(&n);
        if parsed.integer(option).is_some_and(|n| !fits(n)) {
            let given = parsed.text(option).unwrap_or_default();
            let why = format!("{option}={given} is out of range: in MiB, from 1 to {MAX_MIB}");
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
        recommended: parsed.has("--recommended"),
        hibernation: parsed.has("--hibernation"),
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
