//! `firstboot`, `skipx`, `xconfig`: what a node shows at its start.

use super::model::{InitialSetup, Kickstart};
use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;

/// `firstboot`: Initial Setup, where its package is installed. It is not imgbuild's service of
/// that name.
pub fn firstboot(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let reconfigure = parsed.has("--reconfig");
    let why = match (parsed.has("--enabled") || reconfigure, reconfigure) {
        (false, _) => "Initial Setup does not run (it is not imgbuild's firstboot service)",
        (true, false) => {
            "where the package initial-setup is installed, it asks on the console at the first \
             start"
        }
        (true, true) => {
            "where the package initial-setup is installed, it asks on the console at the first \
             start, for all settings (/etc/reconfigSys)"
        }
    };
    state.kickstart.initial_setup = match (parsed.has("--enabled"), reconfigure) {
        (_, true) => InitialSetup::Reconfigure,
        (true, false) => InitialSetup::Run,
        (false, false) => InitialSetup::Off,
    };
    state.report(item, Fate::Honoured, why);
}

/// `skipx`, which Anaconda carries out after `xconfig`.
pub fn skipx(state: &mut State<'_>, item: &KickstartItem<'_>) {
    state.kickstart.display.skipped = true;
    state.report(item, Fate::Honoured, "nodes start without a graphical login");
}

/// `xconfig`.
pub fn xconfig(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let desktop = parsed.text("--defaultdesktop").filter(|d| !d.is_empty());
    let plain = |d: &String| d.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if let Some(bad) = desktop.as_ref().filter(|d| !plain(d)) {
        let why = format!("--defaultdesktop cannot be `{bad}`: as in GNOME or KDE");
        return state.report(item, Fate::Refused, why);
    }
    let start = parsed.has("--startxonboot");
    let why = match (start, &desktop) {
        (true, None) => "nodes start with a graphical login, if %packages brings one".to_owned(),
        (true, Some(name)) => format!(
            "nodes start with a graphical login, if %packages brings one; {name} is in \
             /etc/sysconfig/desktop"
        ),
        (false, Some(name)) => format!("{name} is in /etc/sysconfig/desktop"),
        (false, None) => "the X server configures itself".to_owned(),
    };
    state.kickstart.display.graphical = start;
    state.kickstart.display.desktop = desktop;
    state.report(item, Fate::Honoured, why);
}

/// Says of `xconfig` that `skipx` counts more.
pub fn note_skipped(kickstart: &mut Kickstart) {
    if !(kickstart.display.graphical && kickstart.display.skipped) {
        return;
    }
    for line in kickstart.report.iter_mut().filter(|l| l.command == "xconfig") {
        line.fate = Fate::Translated;
        line.why = format!("{}; but skipx counts more: they start without", line.why);
    }
}
