//! `bootloader`.

use super::loader::LoaderPassword;
use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;

/// Options of `bootloader` that mean other boot loaders or none.
const REFUSED: [(&str, &str); 5] = [
    ("--md5pass", "GRUB 2 knows no MD5 passwords: write --iscrypted --password=grub.pbkdf2..."),
    ("--extlinux", "the boot loader is GRUB 2"),
    ("--disabled", "an image without a boot loader does not start"),
    ("--nombr", "an image without a boot loader does not start"),
    ("--default", "which kernel starts is GRUB's rule: the newest"),
];

/// `bootloader`.
pub fn bootloader(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if let Some((option, why)) = REFUSED.into_iter().find(|(option, _)| parsed.has(option)) {
        return state.report(item, Fate::Refused, format!("{option}: {why}"));
    }
    if let Some(value) = parsed.get("--location")
        && let location @ ("none" | "partition") = value.text
    {
        let why = format!("--location={location}: an image starts from its own disk: write mbr");
        return state.refuse(item, value.word.column, why);
    }
    let Ok(password) = read_password(state, item, parsed) else { return };
    let loader = &mut state.kickstart.bootloader;
    loader.append = parsed.text("--append").unwrap_or_default();
    loader.password = password;
    match parsed.get("--timeout").map(|v| (v, v.text.trim().parse::<u32>())) {
        Some((_, Ok(seconds))) => loader.timeout = Some(seconds),
        Some((value, Err(_))) => {
            let column = value.word.column;
            return state.refuse(item, column, "--timeout is out of range: seconds, 0 or more");
        }
        None => loader.timeout = None,
    }
    let mut why = "GRUB 2".to_owned();
    if !state.kickstart.bootloader.append.trim().is_empty() {
        why += ", with these kernel arguments";
    }
    if state.kickstart.bootloader.password.is_some() {
        why += "; entries start without the password, root's, and change only with it";
    }
    let drives = ["--driveorder", "--boot-drive", "--leavebootorder", "--upgrade"];
    match drives.into_iter().find(|o| parsed.has(o)) {
        Some(option) => {
            let why = format!("{why}; {option} means nothing on a new image's one disk");
            state.report(item, Fate::Translated, why);
        }
        None => state.report(item, Fate::Honoured, why),
    }
}

/// `--password`; an error is in the report already.
fn read_password(
    state: &mut State<'_>,
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
) -> Result<Option<LoaderPassword>, ()> {
    let Some(value) = parsed.get("--password") else { return Ok(None) };
    let (text, column) = (value.text, value.word.column);
    let read = match parsed.has("--iscrypted") {
        true => LoaderPassword::from_hash(text),
        false => {
            let message = "the boot loader's password is written in clear";
            let hint = "write its hash: --iscrypted and the output of `grub2-mkpasswd-pbkdf2`";
            state.warning(item.line, column, message, hint);
            LoaderPassword::from_clear(text, &format!("{} boot loader", state.source.salt))
        }
    };
    read.map(Some).map_err(|why| {
        let hint = "`grub2-mkpasswd-pbkdf2` prints one, grub.pbkdf2.sha512...";
        state.refuse(item, column, format!("--password: {why}: {hint}"));
    })
}
