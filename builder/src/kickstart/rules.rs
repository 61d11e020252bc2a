//! What the dialect demands beyond single options: combinations within one line, and
//! commands that exclude each other.

mod storage;
mod violation;

use super::options::Parsed;
use super::sections::KickstartItem;
use std::collections::BTreeSet;
use violation::{Violation, check_excluding, check_one_of};

/// What rules look at of the lines before.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The commands.
    pub commands: BTreeSet<&'static str>,
    /// `snapshot --name`.
    pub snapshots: BTreeSet<String>,
}

/// The first rule that the line breaks; `seen` is of the lines before it.
pub fn find_violation(
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
    seen: &Seen,
) -> Option<Violation> {
    let command = item.words[0].text.as_str();
    if let Some(violation) = storage::find_conflict(command, &seen.commands) {
        return Some(violation);
    }
    match command {
        "autopart" => storage::autopart(parsed),
        "bootloader" => bootloader(parsed),
        "btrfs" => storage::btrfs(parsed),
        "device" if parsed.arguments.len() != 1 => {
            Some(("device takes one argument".into(), "the name of a kernel module"))
        }
        "driverdisk" => driverdisk(parsed),
        "eula" if !parsed.has("--agreed") => {
            Some(("eula does not agree".into(), "write eula --agreed"))
        }
        "harddrive" => check_one_of(parsed, &["--partition", "--biospart"]),
        "ignoredisk" => check_one_of(parsed, &["--drives", "--only-use", "--interactive"]),
        "logging" if parsed.filled("--port") && !parsed.filled("--host") => {
            Some(("--port needs --host".into(), "name the host"))
        }
        "logvol" => storage::logvol(parsed),
        "network" => network(parsed),
        "nvdimm" => storage::nvdimm(parsed),
        "ostreesetup" => ostree(parsed),
        "part" | "partition" => storage::part(parsed),
        "raid" => storage::raid(parsed),
        "realm" => realm(parsed, &seen.commands),
        "repo" => repo(parsed),
        "rescue" => check_excluding(parsed, "--nomount", "--romount"),
        "snapshot" => storage::snapshot(parsed, &seen.snapshots),
        "sshpw" if parsed.arguments.is_empty() => {
            Some(("sshpw needs a password".into(), "write it after the options"))
        }
        "timezone" => check_excluding(parsed, "--nontp", "--ntpservers"),
        "updates" if parsed.arguments.len() > 1 => {
            Some(("updates takes one argument".into(), "write one address or none"))
        }
        "volgroup" => storage::volgroup(parsed),
        "url" => check_one_of(parsed, &["--url", "--mirrorlist"]),
        _ => None,
    }
}

fn bootloader(parsed: &Parsed<'_>) -> Option<Violation> {
    let drives = parsed.get("--boot-drive").filter(|v| v.text.contains(','))?;
    Some((format!("--boot-drive does not take `{}`", drives.text), "name one drive"))
}

fn driverdisk(parsed: &Parsed<'_>) -> Option<Violation> {
    if parsed.arguments.len() > 1 {
        return Some(("driverdisk takes one partition".into(), "name one"));
    }
    let options = ["--source", "--biospart"].iter().filter(|o| parsed.filled(o)).count();
    let message = "driverdisk needs exactly one of a partition, --source, --biospart";
    (options + parsed.arguments.len() != 1).then(|| (message.into(), "give one of them"))
}

fn ostree(parsed: &Parsed<'_>) -> Option<Violation> {
    let url = parsed.get("--url")?;
    let known = ["file:", "http:", "https:"].iter().any(|p| url.text.starts_with(p));
    let message = format!("--url does not take `{}`", url.text);
    (!known).then_some((message, "a file:, http: or https: address"))
}

/// `realm join`, whose options are realmd's.
fn realm(parsed: &Parsed<'_>, seen: &BTreeSet<&str>) -> Option<Violation> {
    if seen.contains("realm") {
        return Some(("realm is already given".into(), "a node joins one realm"));
    }
    let mut words = parsed.arguments.iter().map(|w| w.text.as_str());
    match words.next() {
        Some("join") => {}
        Some(other) => {
            return Some((format!("realm has no command `{other}`"), "write realm join"));
        }
        None => return Some(("realm needs a command".into(), "write realm join REALM")),
    }
    let valued = [
        "client-software",
        "server-software",
        "membership-software",
        "one-time-password",
        "computer-ou",
    ];
    let mut words = words.peekable();
    while let Some(option) = words.next_if(|w| w.starts_with("--")) {
        let (name, value) = match option[2..].split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (&option[2..], None),
        };
        let known = |full: &&str| name.len() <= full.len() && full.starts_with(name);
        match (valued.iter().any(&known), known(&"no-password"), value) {
            (true, _, None) if words.next().is_none() => {
                return Some((format!("{option} needs a value"), "write it after `=`"));
            }
            (true, ..) | (_, true, None) => {}
            _ => return Some((format!("realm join does not take `{option}`"), REALM)),
        }
    }
    (words.count() != 1).then(|| ("realm join takes one realm".into(), "name one"))
}

const REALM: &str = "allowed: --client-software= --server-software= --membership-software= \
                     --one-time-password= --no-password --computer-ou=";

fn repo(parsed: &Parsed<'_>) -> Option<Violation> {
    let sources = ["--baseurl", "--mirrorlist"].iter().filter(|o| parsed.filled(o)).count();
    let message = "--baseurl and --mirrorlist exclude each other";
    (sources > 1).then(|| (message.into(), "leave one of them out"))
}

fn network(parsed: &Parsed<'_>) -> Option<Violation> {
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
