//! Commands about the installed system: language, accounts, network, services.

use super::options::{self, Parsed, Value};
use super::parse::State;
use super::password::PasswordHash;
use super::report::Fate;
use super::sections::Item;
use super::{Login, Network, NewGroup, Selinux, Timezone, User};
use std::net::Ipv4Addr;

/// `auth`, `authconfig`: only what EL7 does without it.
pub fn authconfig(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    const DEFAULTS: [&str; 4] =
        ["--enableshadow", "--useshadow", "--passalgo=sha512", "--updateall"];
    let mut words = parsed.arguments.iter().map(|w| w.text.as_str());
    match words.find(|w| !DEFAULTS.contains(w)) {
        None => {
            state.report(item, Fate::Honoured, "shadow passwords with SHA-512 are EL7's default")
        }
        Some(word) => {
            let why = format!(
                "{word}: only shadow passwords with SHA-512 are set up; run authconfig in %post"
            );
            state.report(item, Fate::Refused, why);
        }
    }
}

/// `lang`.
pub fn lang(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let Some(word) = parsed.arguments.first() else { return };
    if !word.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@-".contains(&b))
        || word.text.is_empty()
    {
        let message = format!("`{}` is not a locale", word.text);
        return state.problem(item.line, word.column, message, "as in en_US.UTF-8");
    }
    state.kickstart.lang = Some(word.text.clone());
    match parsed.has("--addsupport") {
        true => {
            let why =
                "the system's language; --addsupport is met: packages keep all their languages";
            state.report(item, Fate::Translated, why);
        }
        false => state.report(item, Fate::Honoured, "the system's language"),
    }
}

/// `keyboard`.
pub fn keyboard(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let at = item.words[0].column;
    if let Some(extra) = parsed.arguments.get(1) {
        let hint = "keyboard takes one argument";
        return state.problem(item.line, extra.column, "one argument too many", hint);
    }
    let layouts = parsed.list("--xlayouts");
    let plain = parsed.arguments.first().map(|w| w.text.clone());
    let Some(map) = parsed.text("--vckeymap").or(plain).or_else(|| layouts.first().cloned()) else {
        let hint = "write keyboard --vckeymap=us, or keyboard us";
        return state.problem(item.line, at, "keyboard names no layout", hint);
    };
    // An X layout may carry a variant: `cz (qwerty)`.
    let map = map.split([' ', '(']).next().unwrap_or("").to_owned();
    if map.is_empty() || !map.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return state.problem(item.line, at, "this is not a keymap", "as in us or de-latin1");
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
pub fn timezone(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let at = item.words[0].column;
    if let Some(extra) = parsed.arguments.get(1) {
        let hint = "timezone takes one argument";
        return state.problem(item.line, extra.column, "one argument too many", hint);
    }
    if item.words.len() == 1 {
        return state.problem(
            item.line,
            at,
            "timezone says nothing",
            "as in timezone Etc/UTC --utc",
        );
    }
    if parsed.has("--nontp") {
        let why = "--nontp: OpenStack's nodes must agree on the time; leave it out";
        return state.report(item, Fate::Refused, why);
    }
    let zone = parsed.arguments.first().map_or_else(|| "Etc/UTC".to_owned(), |w| w.text.clone());
    let part_ok = |part: &str| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"_+-".contains(&b);
        !part.is_empty() && part.bytes().all(ok)
    };
    if !zone.split('/').all(part_ok) {
        let column = parsed.arguments.first().map_or(at, |w| w.column);
        let hint = "a name below /usr/share/zoneinfo, as in Europe/Prague";
        return state.problem(item.line, column, format!("`{zone}` is not a time zone"), hint);
    }
    let ntp_servers = parsed.list("--ntpservers");
    state.kickstart.timezone = Some(Timezone { zone, utc: parsed.has("--utc"), ntp_servers });
    state.report(item, Fate::Honoured, "the time zone and chrony's servers");
}

/// `selinux`.
pub fn selinux(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
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

/// `firewall`.
pub fn firewall(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let details =
        ["--port", "--trust", "--service", "--ftp", "--http", "--smtp", "--remove-service"];
    if parsed.has("--disabled") {
        state.kickstart.firewall = Some(false);
        return state.report(item, Fate::Honoured, "firewalld does not start");
    }
    if let Some(option) = details.into_iter().find(|o| parsed.has(o)) {
        let why = format!(
            "{option}: rules are not written into images: use firewall-offline-cmd in %post"
        );
        return state.report(item, Fate::Refused, why);
    }
    state.kickstart.firewall = Some(true);
    state.report(item, Fate::Honoured, "firewalld starts with its default rules, which let ssh in");
}

/// `services`.
pub fn services(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let (enabled, disabled) = (parsed.list("--enabled"), parsed.list("--disabled"));
    let at = item.words[0].column;
    if enabled.is_empty()
        && disabled.is_empty()
        && parsed.options.iter().all(|(_, v)| v.text.is_empty())
    {
        let hint = "write --enabled= or --disabled= and names";
        return state.problem(item.line, at, "services names none", hint);
    }
    let short = |list: Vec<String>| -> Vec<String> {
        list.iter().map(|u| u.strip_suffix(".service").unwrap_or(u).to_owned()).collect()
    };
    let (enabled, disabled) = (short(enabled), short(disabled));
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.@:".contains(&b);
    if let Some(bad) = enabled.iter().chain(&disabled).find(|u| u.is_empty() || !u.bytes().all(ok))
    {
        let hint = "names of units or init scripts, separated by commas without blanks";
        return state.problem(item.line, at, format!("`{bad}` is not a service"), hint);
    }
    state.kickstart.services.enabled.extend(enabled);
    state.kickstart.services.disabled.extend(disabled);
    state.report(item, Fate::Honoured, "the units are enabled and disabled");
}

/// `rootpw`.
pub fn rootpw(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let password = parsed.arguments.first();
    if password.is_none_or(|w| w.text.is_empty()) && !parsed.has("--lock") {
        let hint = "write a password, or --lock";
        return state.problem(item.line, item.words[0].column, "rootpw needs a password", hint);
    }
    let given = password.map(|w| (w.text.as_str(), w.column));
    if let Some(login) = login(state, item, parsed, given, "root") {
        state.kickstart.root = Some(login);
        state.report(item, Fate::Honoured, "root's entry in /etc/shadow");
    }
}

/// The login of an account; `None` after a problem.
fn login(
    state: &mut State<'_>,
    item: &Item<'_>,
    parsed: &Parsed<'_>,
    password: Option<(&str, usize)>,
    name: &str,
) -> Option<Login> {
    let locked = parsed.has("--lock");
    let Some((password, column)) = password.filter(|(p, _)| !p.is_empty()) else {
        return Some(Login { hash: None, locked });
    };
    // Of --iscrypted and --plaintext the last one counts.
    let kind = parsed
        .options
        .iter()
        .rev()
        .map(|(n, _)| *n)
        .find(|n| ["--iscrypted", "--plaintext"].contains(n));
    let hash = match kind {
        Some("--iscrypted") => PasswordHash::from_hash(password),
        _ => {
            let message = format!("the password of {name} is written in clear");
            let hint = "write its hash: --iscrypted and the output of `openssl passwd -6`";
            state.warning(item.line, column, message, hint);
            PasswordHash::from_clear(password, &format!("{} {name}", state.source.salt))
        }
    };
    match hash {
        Ok(hash) => {
            if !hash.is_usable() {
                let message =
                    format!("no password matches this hash: {name} cannot log in with one");
                state.warning(item.line, column, message, "to mean that, write --lock");
            }
            Some(Login { hash: Some(hash), locked })
        }
        Err(why) => {
            let hint = "`openssl passwd -6` prints one; in kickstarts put it in single quotes";
            state.problem(item.line, column, why, hint);
            None
        }
    }
}

/// `group`.
pub fn group(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let Some(name) = account_name(state, item, parsed) else { return };
    let Some(gid) = id(state, item, parsed, "--gid") else { return };
    state.kickstart.groups.push(NewGroup { name, gid });
    state.report(item, Fate::Honoured, "the group is made");
}

/// `user`.
pub fn user(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let Some(name) = account_name(state, item, parsed) else { return };
    let (Some(uid), Some(gid)) =
        (id(state, item, parsed, "--uid"), id(state, item, parsed, "--gid"))
    else {
        return;
    };
    for option in ["--homedir", "--shell", "--gecos"] {
        let Some(value) = parsed.get(option) else { continue };
        let path_ok = option == "--gecos" || value.text.starts_with('/');
        if !path_ok || value.text.contains([':', '\n']) || value.text.split('/').any(|p| p == "..")
        {
            let message = format!("{option} does not take `{}`", value.text);
            let hint = "an absolute path without `:` (--gecos: text without `:`)";
            return state.problem(item.line, value.word.column, message, hint);
        }
    }
    let password = parsed.get("--password").map(|v| (v.text, v.word.column));
    let Some(login) = login(state, item, parsed, password, &name) else { return };
    state.kickstart.users.push(User {
        name,
        // `--groups` may give a number: `wheel,disk(6)`.
        groups: parsed.list("--groups"),
        home: parsed.text("--homedir"),
        shell: parsed.text("--shell"),
        uid,
        gid,
        gecos: parsed.text("--gecos").unwrap_or_default(),
        login,
    });
    state.report(item, Fate::Honoured, "the account is made");
}

/// `--name` as useradd and groupadd take it.
fn account_name(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) -> Option<String> {
    let Value { text, word } = parsed.get("--name")?;
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && text.len() <= 32 && text.bytes().all(ok) {
        return Some((*text).to_owned());
    }
    let hint = "letters, digits, `_`, `-`, `.`; a letter first; 32 at most";
    state.problem(item.line, word.column, format!("`{text}` is not an account's name"), hint);
    None
}

/// A user or group number: `Some(None)` when not given, `None` after a problem.
fn id(
    state: &mut State<'_>,
    item: &Item<'_>,
    parsed: &Parsed<'_>,
    option: &str,
) -> Option<Option<u32>> {
    let Some(value) = parsed.get(option) else { return Some(None) };
    match value.text.trim().parse::<u32>() {
        Ok(number) if (1..u32::MAX - 1).contains(&number) => Some(Some(number)),
        _ => {
            let message = format!("{option}={} is out of range", value.text);
            state.problem(item.line, value.word.column, message, "from 1 to 4294967293");
            None
        }
    }
}

/// Options of `network` beyond one interface with a static IPv4 address.
const NETWORK_REFUSED: [&str; 20] = [
    "--bindto",
    "--interfacename",
    "--dhcpclass",
    "--essid",
    "--ethtool",
    "--mtu",
    "--wepkey",
    "--noipv4",
    "--ipv6",
    "--nodefroute",
    "--nodns",
    "--wpakey",
    "--bondslaves",
    "--bondopts",
    "--vlanid",
    "--ipv6gateway",
    "--teamslaves",
    "--teamconfig",
    "--bridgeslaves",
    "--bridgeopts",
];

/// `network`.
pub fn network(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    if let Some(option) = NETWORK_REFUSED.into_iter().find(|o| parsed.has(o)) {
        let why = format!(
            "{option}: a node has one interface with a static IPv4 address, from the lab file"
        );
        return state.report(item, Fate::Refused, why);
    }
    if parsed.get("--onboot").is_some_and(|v| options::boolean(v.text) == Some(false)) {
        let why = "--onboot=no: a node without its network reaches nobody";
        return state.report(item, Fate::Refused, why);
    }
    let names: Vec<&str> = parsed.options.iter().map(|(n, _)| *n).collect();
    let mut network = Network {
        line: state.line(item),
        device: parsed.text("--device"),
        bootproto: parsed.text("--bootproto").unwrap_or_else(|| "dhcp".into()),
        hostname: parsed.text("--hostname"),
        hostname_only: names == ["--hostname"],
        ..Network::default()
    };
    let mut wrong = false;
    for (option, slot) in [
        ("--ip", &mut network.ip),
        ("--netmask", &mut network.netmask),
        ("--gateway", &mut network.gateway),
    ] {
        let Some(value) = parsed.get(option) else { continue };
        *slot = address(state, item, option, value.text, value);
        wrong |= slot.is_none();
    }
    if let Some(value) = parsed.get("--nameserver") {
        for text in value.text.split(',').filter(|t| !t.is_empty()) {
            match address(state, item, "--nameserver", text.trim(), value) {
                Some(address) => network.nameservers.push(address),
                None => wrong = true,
            }
        }
    }
    if !wrong {
        state.kickstart.networks.push(network);
        let why = "the lab file has the same facts; the interface's files are written from there";
        state.report(item, Fate::Honoured, why);
    }
}

fn address(
    state: &mut State<'_>,
    item: &Item<'_>,
    option: &str,
    text: &str,
    value: &Value<'_>,
) -> Option<Ipv4Addr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let message = format!("{option} does not take `{text}`");
        state.problem(item.line, value.word.column, message, "an IPv4 address, as in 192.168.1.10");
    }
    parsed
}
