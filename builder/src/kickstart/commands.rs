//! What each command that an image honours means.

use super::model::SshKey;
use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use super::{accounts, addon, bootloader, first_start, network, partitions, system};
use contract::node_files;

/// Takes a command or section into the kickstart and reports what becomes of it.
pub fn apply(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    match item.words[0].text.as_str() {
        "auth" | "authconfig" => system::authconfig(state, item, parsed),
        "autopart" => partitions::autopart(state, item, parsed),
        "bootloader" => bootloader::bootloader(state, item, parsed),
        "clearpart" => partitions::clearpart(state, item, parsed),
        "eula" => state.report(item, Fate::NotApplicable, "nothing asks for the licence on a node"),
        "firewall" => system::firewall(state, item, parsed),
        "firstboot" => first_start::firstboot(state, item, parsed),
        "group" => accounts::group(state, item, parsed),
        "install" => {
            state.report(item, Fate::Honoured, "an image is always a new installation");
        }
        "keyboard" => system::keyboard(state, item, parsed),
        "lang" => system::lang(state, item, parsed),
        "logvol" => partitions::logvol(state, item, parsed),
        "network" => network::network(state, item, parsed),
        "part" | "partition" => partitions::part(state, item, parsed),
        "repo" => system::repo(state, item, parsed),
        "reqpart" => partitions::reqpart(state, item, parsed),
        "rootpw" => accounts::rootpw(state, item, parsed),
        "selinux" => system::selinux(state, item, parsed),
        "services" => system::services(state, item, parsed),
        "skipx" => first_start::skipx(state, item),
        "sshkey" => sshkey(state, item, parsed),
        "timezone" => system::timezone(state, item, parsed),
        "url" => system::url(state, item, parsed),
        "user" => accounts::user(state, item, parsed),
        "volgroup" => partitions::volgroup(state, item, parsed),
        "xconfig" => first_start::xconfig(state, item, parsed),
        "%addon" => addon::addon(state, item),
        "%post" => post(state, item, parsed),
        // The dialect's table and this list are compared by a test.
        other => {
            state.report(item, Fate::Refused, format!("{other} is not carried out in an image"))
        }
    }
}

fn sshkey(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(word) = parsed.arguments.first() else { return };
    let (user, key) = (parsed.text("--username").unwrap_or_default(), word.text.trim());
    let place = state.place_of(item);
    let why = format!("the key is in authorized_keys of {user}");
    state.kickstart.ssh_keys.push(SshKey { place, user, key: key.to_owned() });
    state.report(item, Fate::Honoured, why);
}

/// What becomes of a %post.
const POST: &str = "runs inside the image while it is built, once for all nodes of a role, without \
                    network and running services. Host name and ifcfg files are written for \
                    each node after it: it does not see them, where Anaconda's would";

/// What becomes of a %post --nochroot.
const OUTSIDE: &str = "runs while the image is built, with the installed tree at /mnt/sysimage and \
                       the first local medium at /run/install/repo, once for all nodes of a role, \
                       without network and devices; what %pre left in /tmp is not there. Host name \
                       and ifcfg files are written for each node after it";

/// The first word of a script's line by which it asks for, or changes, what differs between
/// nodes.
fn find_node_word(line: &str) -> Option<&'static str> {
    const WORDS: [&str; 7] =
        ["hostnamectl", "HOSTNAME", "/etc/hostname", "ifcfg-", "hostname", "uname -n", "nmcli"];
    let text = line.trim_start();
    WORDS.into_iter().find(|word| !text.starts_with('#') && text.contains(word))
}

/// Warns of each file that the script writes and that is written again for each node after it.
fn warn_of_lost(state: &mut State<'_>, item: &KickstartItem<'_>) {
    const WRITING: [&str; 9] =
        [">", "tee ", "sed -i", "sed --in-place", "cp ", "mv ", "rm ", "ln ", "install "];
    let names = |line: &str, path: &str| {
        line.match_indices(path).any(|(at, _)| {
            let next = line[at + path.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
        })
    };
    for path in [node_files::HOSTS, node_files::RESOLV_CONF, node_files::NETWORKING] {
        let written = item.body.iter().flatten().find(|(_, line)| {
            let line = line.trim_start();
            !line.starts_with('#') && names(line, path) && WRITING.iter().any(|w| line.contains(w))
        });
        if let Some((number, _)) = written {
            let message = format!(
                "%post changes {path}, which imgbuild writes for each node after it: what it \
                 writes is not in the images"
            );
            let hint = "name hosts and servers in the lab file; what else is to be there, a unit \
                        has to add when the node starts";
            state.warning(*number, 1, message, hint);
        }
    }
}

fn post(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let lines = item.body.iter().flatten();
    for (number, line) in lines.clone().filter(|(_, l)| l.trim_start().starts_with("%include")) {
        state.refuse_inclusion(*number, 1, line);
    }
    let body: String = lines.clone().map(|(_, line)| format!("{line}\n")).collect();
    if body.trim().is_empty() {
        return state.report(item, Fate::Honoured, "it is empty");
    }
    let why = if parsed.has("--nochroot") { OUTSIDE } else { POST };
    state.report(item, Fate::Translated, why);
    if let Some((number, word)) =
        lines.clone().find_map(|(n, line)| Some((*n, find_node_word(line)?)))
    {
        let message = format!(
            "%post runs once for all nodes of a role, but this line is about one: `{word}`"
        );
        let hint = "host name, addresses and interfaces come from the lab file and `network`; \
                    what else a node needs by its name, a unit has to do when the node starts";
        state.warning(number, 1, message, hint);
    }
    warn_of_lost(state, item);
    let script = state.script(item, parsed);
    state.kickstart.post.push(script);
}
