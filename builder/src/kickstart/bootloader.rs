//! `bootloader`.

use super::loader::LoaderPassword;
use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;

/// Options of `bootloader` that mean other boot loaders or none, and what an image has.
const TRANSLATED: [(&str, &str); 8] = [
    ("--extlinux", "--extlinux: it is GRUB 2 all the same"),
    ("--disabled", "--disabled: it is installed all the same, as an image starts by it"),
    ("--nombr", "--nombr: it is installed all the same, as an image starts by it"),
    ("--default", "--default: GRUB starts the newest kernel"),
    ("--upgrade", "--upgrade means nothing in a new image"),
    ("--driveorder", "--driveorder means nothing on a new image's one disk"),
    ("--boot-drive", "--boot-drive means nothing on a new image's one disk"),
    ("--leavebootorder", "--leavebootorder means nothing in an image"),
];

/// `bootloader`.
pub fn bootloader(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if parsed.has("--md5pass") {
        let why = "--md5pass: GRUB 2 knows no MD5 passwords: write --iscrypted \
                   --password=grub.pbkdf2...";
        return state.report(item, Fate::Refused, why);
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
    let translated = find_translated(parsed);
    let fate = if translated.is_empty() { Fate::Honoured } else { Fate::Translated };
    for reason in translated {
        why = format!("{why}; {reason}");
    }
    state.report(item, fate, why);
}

/// What an image has in the place of what the line asks for.
fn find_translated(parsed: &Parsed<'_>) -> Vec<String> {
    let given = TRANSLATED.into_iter().filter(|(option, _)| parsed.has(option));
    let mut reasons: Vec<String> = given.map(|(_, why)| why.to_owned()).collect();
    if let Some(location @ ("none" | "partition")) = parsed.get("--location").map(|v| v.text) {
        reasons.push(format!(
            "--location={location}: it is in the disk's first sector, where an image starts"
        ));
    }
    reasons
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
