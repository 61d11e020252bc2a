//! What each command that an image honours means.

use super::model::Script;
use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use super::{accounts, bootloader, network, partitions, system};

/// Takes a command or section into the kickstart and reports what becomes of it.
pub fn apply(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    match item.words[0].text.as_str() {
        "auth" | "authconfig" => system::authconfig(state, item, parsed),
        "autopart" => partitions::autopart(state, item, parsed),
        "bootloader" => bootloader::bootloader(state, item, parsed),
        "clearpart" => partitions::clearpart(state, item, parsed),
        "eula" => state.report(item, Fate::NotApplicable, "nothing asks for the licence on a node"),
        "firewall" => system::firewall(state, item, parsed),
        "firstboot" => firstboot(state, item, parsed),
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
        "skipx" => state.report(item, Fate::Honoured, "nodes start without a graphical login"),
        "timezone" => system::timezone(state, item, parsed),
        "user" => accounts::user(state, item, parsed),
        "volgroup" => partitions::volgroup(state, item, parsed),
        "%addon" => addon(state, item),
        "%post" => post(state, item, parsed),
        // The dialect's table and this list are compared by a test.
        other => {
            state.report(item, Fate::Refused, format!("{other} is not carried out in an image"))
        }
    }
}

fn firstboot(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if parsed.has("--enabled") || parsed.has("--reconfig") {
        let why = "nobody sits before a node to answer Initial Setup: write firstboot --disable";
        return state.report(item, Fate::Refused, why);
    }
    let why = "Initial Setup does not run (it is not imgbuild's firstboot service)";
    state.report(item, Fate::Honoured, why);
}

fn addon(state: &mut State<'_>, item: &KickstartItem<'_>) {
    let words: Vec<&str> = item.words.iter().skip(1).map(|w| w.text.as_str()).collect();
    if words.contains(&"--disable") || words.contains(&"--disabled") {
        let why = "an add-on that is off changes nothing";
        return state.report(item, Fate::NotApplicable, why);
    }
    let name = words.first().copied().unwrap_or("without a name");
    if name == "com_redhat_kdump" {
        let why = "this add-on runs in Anaconda only: for kdump write crashkernel=auto to \
                   bootloader --append, kexec-tools to %packages and kdump to services --enabled";
        return state.report(item, Fate::Refused, why);
    }
    let why =
        format!("the add-on {name} runs in Anaconda only: do its work in %packages and %post");
    state.report(item, Fate::Refused, why);
}

/// What becomes of a %post.
const POST: &str = "runs inside the image while it is built, once for all nodes of a role, without \
                    network and running services. Host name and ifcfg files are written for \
                    each node after it: it does not see them, where Anaconda's would";

/// The first word of a script's line by which it asks for, or changes, what differs between
/// nodes.
fn find_node_word(line: &str) -> Option<&'static str> {
    const WORDS: [&str; 7] =
        ["hostnamectl", "HOSTNAME", "/etc/hostname", "ifcfg-", "hostname", "uname -n", "nmcli"];
    let text = line.trim_start();
    WORDS.into_iter().find(|word| !text.starts_with('#') && text.contains(word))
}

fn post(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let lines = item.body.iter().flatten();
    for (number, line) in lines.clone().filter(|(_, l)| l.trim_start().starts_with("%include")) {
        state.refuse_inclusion(*number, 1, line);
    }
    if parsed.has("--nochroot") {
        let why = "there is no installer around the image: run it within, without --nochroot";
        return state.report(item, Fate::Refused, why);
    }
    let body: String = lines.clone().map(|(_, line)| format!("{line}\n")).collect();
    if body.trim().is_empty() {
        return state.report(item, Fate::Honoured, "it is empty");
    }
    state.report(item, Fate::Translated, POST);
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
    let place = state.place_of(item);
    state.kickstart.post.push(Script {
        place,
        interpreter: parsed.text("--interpreter").unwrap_or_else(|| "/bin/sh".into()),
        error_on_fail: parsed.has("--erroronfail"),
        log: parsed.text("--log"),
        body,
        authconfig: false,
    });
}
