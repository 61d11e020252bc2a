//! What the dialect demands beyond single options: combinations within one line of
//! the commands that concern the installed system or only the installer. (Commands
//! that an image refuses anyway are checked by their options alone.)

use super::options::Parsed;
use super::sections::Item;

/// A broken rule: message and what is allowed.
type Broken = (String, &'static str);

/// The first rule that the line breaks.
pub fn broken(item: &Item<'_>, parsed: &Parsed<'_>) -> Option<Broken> {
    match item.words[0].text.as_str() {
        "bootloader" => bootloader(parsed),
        "eula" if !parsed.has("--agreed") => {
            Some(("eula does not agree".into(), "write eula --agreed"))
        }
        "harddrive" => one_of(parsed, &["--partition", "--biospart"]),
        "ignoredisk" => one_of(parsed, &["--drives", "--only-use", "--interactive"]),
        "network" => network(parsed),
        "part" | "partition" => part(parsed),
        "sshpw" if parsed.arguments.is_empty() => {
            Some(("sshpw needs a password".into(), "write it after the options"))
        }
        "timezone" => excluding(parsed, "--nontp", "--ntpservers"),
        "updates" if parsed.arguments.len() > 1 => {
            Some(("updates takes one argument".into(), "write one address or none"))
        }
        "url" => one_of(parsed, &["--url", "--mirrorlist"]),
        _ => None,
    }
}

fn one_of(parsed: &Parsed<'_>, options: &[&str]) -> Option<Broken> {
    match options.iter().filter(|o| parsed.has(o)).count() {
        1 => None,
        _ => Some((format!("exactly one of {} is needed", options.join(", ")), "give one of them")),
    }
}

fn excluding(parsed: &Parsed<'_>, one: &str, other: &str) -> Option<Broken> {
    let both = parsed.has(one) && parsed.has(other);
    both.then(|| (format!("{one} and {other} exclude each other"), "leave one of them out"))
}

fn bootloader(parsed: &Parsed<'_>) -> Option<Broken> {
    let drives = parsed.get("--boot-drive").filter(|v| v.text.contains(','))?;
    Some((format!("--boot-drive does not take `{}`", drives.text), "name one drive"))
}

fn part(parsed: &Parsed<'_>) -> Option<Broken> {
    if parsed.text("--fstype").as_deref() == Some("tmpfs") {
        for option in ["--grow", "--maxsize"] {
            if parsed.has(option) {
                let message = format!("{option} does not go with --fstype=tmpfs");
                return Some((message, "leave it out, or give its size with --fsoptions"));
            }
        }
    }
    if parsed.has("--resize") && !parsed.has("--onpart") {
        let hint = "name the partition with --onpart, and its new --size";
        return Some(("--resize needs a partition that exists".into(), hint));
    }
    excluding(parsed, "--mkfsoptions", "--noformat")
        .or_else(|| excluding(parsed, "--mkfsoptions", "--fsprofile"))
}

fn network(parsed: &Parsed<'_>) -> Option<Broken> {
    if let Some(options) = parsed.get("--bridgeopts") {
        if !parsed.has("--bridgeslaves") {
            return Some((
                "--bridgeopts needs --bridgeslaves".into(),
                "name the bridge's interfaces",
            ));
        }
        let pair =
            |o: &str| o.split_once('=').is_some_and(|(_, v)| !v.is_empty() && !v.contains('='));
        if !options.text.split(',').all(pair) {
            let message = format!("--bridgeopts does not take `{}`", options.text);
            return Some((message, "write key=value, separated by commas"));
        }
    }
    if parsed.has("--bindto") && parsed.has("--vlanid") && !parsed.has("--bondopts") {
        return Some(("--bindto=mac does not go with a VLAN".into(), "leave --bindto out"));
    }
    let name = parsed.text("--interfacename")?;
    let id = match (name.split_once('.'), name.strip_prefix("vlan")) {
        (Some(("vlan", _)), _) => None,
        (Some((_, id)), _) => Some(id),
        (None, Some(id)) => Some(id),
        (None, None) => return None,
    };
    let good = id.and_then(|id| id.parse::<u32>().ok()).is_some_and(|id| id <= 4095);
    let hint = "vlanID or PREFIX.ID, the ID from 0 to 4095 and PREFIX not `vlan`";
    (!good).then(|| (format!("--interfacename does not take `{name}`"), hint))
}
