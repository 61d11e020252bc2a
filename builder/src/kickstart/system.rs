//! Commands about the installed system: language, time, security, services.

use super::model::{Firewall, Repo, Script, Selinux, Timezone};
use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use crate::base::lab::Services;

/// `auth`, `authconfig`: what EL7 does without it, else authconfig itself, as in Anaconda.
pub fn authconfig(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    const DEFAULTS: [&str; 5] =
        ["--enableshadow", "--useshadow", "--passalgo=sha512", "--updateall", "--kickstart"];
    state.kickstart.post.retain(|script| !script.authconfig);
    let words = parsed.arguments.iter().map(|w| w.text.as_str());
    let rest: Vec<&str> = words.filter(|w| !DEFAULTS.contains(w)).collect();
    if rest.is_empty() {
        let why = "shadow passwords with SHA-512 are EL7's default";
        return state.report(item, Fate::Honoured, why);
    }
    let quoted: Vec<String> = parsed.arguments.iter().map(|w| quote_for_shell(&w.text)).collect();
    let script = Script {
        place: state.place_of(item),
        interpreter: "/bin/sh".into(),
        error_on_fail: true,
        nochroot: false,
        log: None,
        body: format!("exec /usr/sbin/authconfig --update --nostart {}\n", quoted.join(" ")),
        authconfig: true,
    };
    // Anaconda runs it before any %post.
    state.kickstart.post.insert(0, script);
    let why = "authconfig runs inside the image while it is built, before %post; its package is \
               installed";
    state.report(item, Fate::Translated, why);
}

/// The word for sh(1).
fn quote_for_shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// `lang`.
pub fn lang(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(word) = parsed.arguments.first() else { return };
    if !word.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@-".contains(&b))
        || word.text.is_empty()
    {
        let why = format!("`{}` is not a locale, as en_US.UTF-8 is", word.text);
        return state.refuse(item, word.column, why);
    }
    state.kickstart.lang = Some(word.text.clone());
    match parsed.has("--addsupport") {
        true => {
            let why = "the system's language; --addsupport is met: packages keep all their languages, \
                 or those of %packages --instLangs";
            state.report(item, Fate::Translated, why);
        }
        false => state.report(item, Fate::Honoured, "the system's language"),
    }
}

/// `keyboard`.
pub fn keyboard(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let at = item.words[0].column;
    if let Some(extra) = parsed.arguments.get(1) {
        let hint = "keyboard takes one argument";
        return state.error(item.line, extra.column, "one argument too many", hint);
    }
    let layouts = parsed.list("--xlayouts");
    let plain = parsed.arguments.first().map(|w| w.text.clone());
    let Some(map) = parsed.text("--vckeymap").or(plain).or_else(|| layouts.first().cloned()) else {
        let hint = "write keyboard --vckeymap=us, or keyboard us";
        return state.error(item.line, at, "keyboard names no layout", hint);
    };
    // An X layout may carry a variant: `cz (qwerty)`.
    let map = map.split([' ', '(']).next().unwrap_or("").to_owned();
    if map.is_empty() || !map.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return state.refuse(item, at, "this is not a keymap, as us or de-latin1 is");
    }
    state.kickstart.keymap = Some(map);
    match layouts.is_empty() {
        true => state.report(item, Fate::Honoured, "the console's keymap"),
        false => {
            let why = "the console's keymap; X layouts mean nothing without a graphical login";
            state.report(item, Fate::Translated, why);
        }
    }
}

/// `timezone`.
pub fn timezone(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let at = item.words[0].column;
    if let Some(extra) = parsed.arguments.get(1) {
        let hint = "timezone takes one argument";
        return state.error(item.line, extra.column, "one argument too many", hint);
    }
    if item.words.len() == 1 {
        return state.error(
            item.line,
            at,
            "timezone has no argument",
            "as in timezone Etc/UTC --utc",
        );
    }
    let zone = parsed.arguments.first().map_or_else(|| "Etc/UTC".to_owned(), |w| w.text.clone());
    let part_ok = |part: &str| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"_+-".contains(&b);
        !part.is_empty() && part.bytes().all(ok)
    };
    if !zone.split('/').all(part_ok) {
        let column = parsed.arguments.first().map_or(at, |w| w.column);
        let why = format!("`{zone}` is not a name below /usr/share/zoneinfo, as Europe/Prague is");
        return state.refuse(item, column, why);
    }
    let ntp_servers = parsed.list("--ntpservers");
    let (place, utc) = (state.place_of(item), parsed.has("--utc"));
    let no_ntp = parsed.has("--nontp");
    let (fate, why) = match (no_ntp, ntp_servers.is_empty()) {
        (true, _) => {
            let why = "the time zone; --nontp does not count, as chronyd asks the lab file's \
                       time servers";
            (Fate::Translated, why)
        }
        (_, false) => (Fate::Translated, "the time zone; chronyd's servers are the lab file's"),
        (_, true) => (Fate::Honoured, "the time zone; chronyd's servers are the lab file's"),
    };
    state.kickstart.timezone = Some(Timezone { place, zone, utc, ntp_servers, no_ntp });
    state.report(item, fate, why);
}

/// `selinux`.
pub fn selinux(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let modes = [
        ("--enforcing", Selinux::Enforcing),
        ("--permissive", Selinux::Permissive),
        ("--disabled", Selinux::Disabled),
    ];
    let last = parsed.options.last().map(|(name, _)| *name);
    state.kickstart.selinux =
        modes.into_iter().find(|(o, _)| Some(*o) == last).map(|(_, mode)| mode);
    state.report(item, Fate::Honoured, "the mode in /etc/selinux/config");
}

/// `firewall`: as Anaconda's firewall-offline-cmd leaves firewalld's default zone.
pub fn firewall(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let on = parsed.options.iter().rev().find_map(|(name, _)| match *name {
        "--disabled" => Some(false),
        "--enabled" => Some(true),
        _ => None,
    });
    if on == Some(false) {
        state.kickstart.firewall = Some(Firewall::default());
        return state.report(item, Fate::Honoured, "firewalld does not start");
    }
    let mut services = parsed.list("--service");
    let old = [("--ftp", "ftp"), ("--http", "http"), ("--smtp", "smtp"), ("--ssh", "ssh")];
    services.extend(old.iter().filter(|(o, _)| parsed.has(o)).map(|(_, s)| (*s).to_owned()));
    let removed = parsed.list("--remove-service");
    for service in ["ssh", "dhcpv6-client"] {
        services.push(service.to_owned());
    }
    services.retain(|s| !removed.contains(s));
    services.sort_unstable();
    services.dedup();
    let mut ports = Vec::new();
    for text in parsed.list("--port") {
        match parse_port(&text) {
            Some(port) => ports.push(port),
            None => {
                let column = parsed.get("--port").map_or(1, |v| v.word.column);
                let why = format!("--port cannot be `{text}`: write NUMBER:tcp, NUMBER:udp");
                return state.refuse(item, column, why);
            }
        }
    }
    let trusted = parsed.list("--trust");
    let word = |s: &String| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        !s.is_empty() && s.bytes().all(ok)
    };
    if let Some(bad) = services.iter().chain(&trusted).find(|s| !word(s)) {
        let why = format!("`{bad}` is neither a service nor an interface of firewalld");
        return state.refuse(item, item.words[0].column, why);
    }
    let ports_named = ports.iter().map(|(port, protocol)| format!("{port}/{protocol}"));
    let open: Vec<String> = services.iter().cloned().chain(ports_named).collect();
    let open = if open.is_empty() { "nothing".to_owned() } else { open.join(", ") };
    let why = format!("firewalld is installed and starts; its public zone lets in {open}");
    state.kickstart.firewall = Some(Firewall { enabled: true, services, ports, trusted });
    state.report(item, Fate::Honoured, why);
}

/// `NUMBER`, `FROM-TO` or a name, and `:tcp` or `:udp` (tcp if absent), for firewalld.
fn parse_port(text: &str) -> Option<(String, String)> {
    let (port, protocol) = text.split_once(':').unwrap_or((text, "tcp"));
    let number = |n: &str| n.parse::<u16>().is_ok_and(|n| n > 0);
    let good = match port.split_once('-') {
        Some((from, to)) => number(from) && number(to),
        None => number(port),
    };
    let known = ["tcp", "udp", "sctp", "dccp"].contains(&protocol);
    (good && known).then(|| (port.to_owned(), protocol.to_owned()))
}

/// Where packages come from when a kickstart's address does not say.
const ELSEWHERE: &str = "packages come from --media or the lab file's repositories, and what they \
                         lack is reported when an image is planned";

/// `url`: packages come from there, unless the command line names media.
pub fn url(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let url = repository(state, item, parsed, "--url");
    if !url.is_remote() {
        return state.report(item, Fate::NotApplicable, ELSEWHERE);
    }
    state.kickstart.url = Some(url);
    let why = "packages come from this address unless --media is given, and not from the lab \
               file's sources";
    state.report(item, Fate::Honoured, why);
}

/// `repo`: packages come from there as well, unless the command line names media; with
/// `--install` the node has it too.
pub fn repo(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let repo = repository(state, item, parsed, "--baseurl");
    let from = match repo.is_remote() {
        true => "packages come from this address as well unless --media is given",
        false => ELSEWHERE,
    };
    let lines = |text: &str| text.contains(['\n', '[', ']', '/']) || text.is_empty();
    let is_known = parsed.filled("--baseurl") || parsed.filled("--mirrorlist");
    if repo.installed && (lines(&repo.name) || !is_known) {
        let why = "--install needs a --name without brackets and slashes, and --baseurl or \
                   --mirrorlist";
        return state.refuse(item, item.words[0].column, why);
    }
    let (fate, why) = match (repo.installed, repo.is_remote()) {
        (true, _) => (Fate::Translated, format!("its file is in /etc/yum.repos.d; {from}")),
        (false, true) => (Fate::Honoured, from.to_owned()),
        (false, false) => return state.report(item, Fate::NotApplicable, from),
    };
    state.kickstart.repos.push(repo);
    state.report(item, fate, why);
}

/// The repository of a `url` or `repo`, whose address is the option `address`.
fn repository(
    state: &State<'_>,
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
    address: &str,
) -> Repo {
    Repo {
        place: state.place_of(item),
        name: parsed.text("--name").unwrap_or_default(),
        baseurl: parsed.text(address).filter(|text| !text.is_empty()),
        mirrorlist: parsed.text("--mirrorlist").filter(|text| !text.is_empty()),
        cost: parsed.integer("--cost"),
        excluded: parsed.list("--excludepkgs"),
        included: parsed.list("--includepkgs"),
        proxy: parsed.text("--proxy"),
        unverified: parsed.has("--noverifyssl"),
        installed: parsed.has("--install"),
    }
}

/// `services`.
pub fn services(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let (enabled, disabled) = (parsed.list("--enabled"), parsed.list("--disabled"));
    let at = item.words[0].column;
    if enabled.is_empty()
        && disabled.is_empty()
        && parsed.options.iter().all(|(_, v)| v.text.is_empty())
    {
        let hint = "write --enabled= or --disabled= and names";
        return state.error(item.line, at, "services names none", hint);
    }
    let short = |list: Vec<String>| -> Vec<String> {
        list.iter().map(|u| u.strip_suffix(".service").unwrap_or(u).to_owned()).collect()
    };
    let (enabled, disabled) = (short(enabled), short(disabled));
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.@:".contains(&b);
    if let Some(bad) = enabled.iter().chain(&disabled).find(|u| u.is_empty() || !u.bytes().all(ok))
    {
        let why = format!(
            "`{bad}` is not a service: names of units or init scripts, separated by commas"
        );
        return state.refuse(item, at, why);
    }
    state.kickstart.services = Services { enabled, disabled };
    state.report(item, Fate::Honoured, "the units are enabled and disabled");
}
