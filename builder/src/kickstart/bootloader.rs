//! `bootloader`.

use super::options::Parsed;
use super::parse::State;
use super::report::Fate;
use super::sections::Item;

/// Options of `bootloader` that mean other boot loaders or other disks.
const BOOTLOADER_REFUSED: [(&str, &str); 7] = [
    ("--password", "a GRUB password is not set in images"),
    ("--iscrypted", "a GRUB password is not set in images"),
    ("--md5pass", "a GRUB password is not set in images"),
    ("--extlinux", "the boot loader is GRUB 2"),
    ("--disabled", "an image without a boot loader does not start"),
    ("--nombr", "an image without a boot loader does not start"),
    ("--default", "which kernel starts is GRUB's rule: the newest"),
];

/// `bootloader`.
pub fn bootloader(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    if let Some((_, why)) = BOOTLOADER_REFUSED.into_iter().find(|(option, _)| parsed.has(option)) {
        return state.report(item, Fate::Refused, why);
    }
    if let Some(location @ ("none" | "partition")) = parsed.get("--location").map(|v| v.text) {
        let why = format!("--location={location}: an image starts from its own disk: write mbr");
        return state.report(item, Fate::Refused, why);
    }
    let loader = &mut state.kickstart.bootloader;
    loader.append = parsed.text("--append").unwrap_or_default();
    match parsed.get("--timeout").map(|v| (v, v.text.trim().parse::<u32>())) {
        Some((_, Ok(seconds))) => loader.timeout = Some(seconds),
        Some((value, Err(_))) => {
            let column = value.word.column;
            return state.refuse(item, column, "--timeout is out of range: seconds, 0 or more");
        }
        None => loader.timeout = None,
    }
    let why = "GRUB 2 for BIOS and for UEFI, with these kernel arguments";
    let drives = ["--driveorder", "--boot-drive", "--leavebootorder", "--upgrade"];
    match drives.into_iter().find(|o| parsed.has(o)) {
        Some(option) => {
            let why = format!("{why}; {option} means nothing on a new image's one disk");
            state.report(item, Fate::Translated, why);
        }
        None => state.report(item, Fate::Honoured, why),
    }
}
