//! A kickstart becomes what the node gets: the lab file and the profile decide, whatever it says
//! of what is theirs. A line that says otherwise is translated, and the report says what it said
//! and what the node gets; with `--strict-lab` it is an error.

use super::authority::Authority;
use super::interfaces::settle_interfaces;
use super::services::settle_units;
use crate::base::diagnostic::Diagnostic;
use crate::kickstart::{Fate, Kickstart, Login};

/// Makes `kickstart` what the node gets.
///
/// Returns what it may not say: with `strict` everything that the lab file has otherwise,
/// and in any case addresses and interfaces that cannot be together.
pub fn settle_kickstart(
    authority: &Authority<'_>,
    kickstart: &mut Kickstart,
    file: &str,
) -> Vec<Diagnostic> {
    let mut errors = settle_interfaces(authority, kickstart, file);
    errors.extend(settle_time(authority, kickstart));
    errors.extend(settle_units(authority, kickstart, file));
    settle_packages(kickstart);
    let append = &kickstart.bootloader.append;
    if !append.split_whitespace().any(|word| word.starts_with("console=")) {
        let why = "the system's messages go to the serial console as well, where `imgbuild up` \
                   follows the node";
        kickstart.add_arguments(file, "console=tty0 console=ttyS0,115200n8", why);
    }
    if kickstart.root.is_none() {
        kickstart.root = Some(Login { hash: None, locked: true });
        let why = "no line sets root's password: it is locked, and root logs in with the ssh \
                   keys of the lab file";
        kickstart.report_added(file, "rootpw", why);
    }
    errors
}

/// `timezone --ntpservers` and `--nontp`.
fn settle_time(authority: &Authority<'_>, kickstart: &mut Kickstart) -> Option<Diagnostic> {
    let entry = kickstart.last_entry("timezone")?;
    let timezone = kickstart.timezone.as_mut()?;
    let lab: Vec<String> = authority.facts.network.ntp.iter().map(ToString::to_string).collect();
    let (said, lab) = (timezone.ntp_servers.join(","), lab.join(","));
    let is_off = authority.facts.services.disabled.iter().any(|unit| unit == "chronyd");
    let (option, is) = match (timezone.no_ntp, said.is_empty() || said == lab) {
        (true, _) if is_off => {
            let why = "the time zone; chronyd does not start".to_owned();
            kickstart.report_again(entry, Fate::Honoured, why);
            return None;
        }
        (false, true) => {
            let why = format!("the time zone; chronyd's servers are the lab file's, {lab}");
            kickstart.report_again(entry, Fate::Honoured, why);
            return None;
        }
        (true, _) => ("--nontp".to_owned(), "--nontp is given".to_owned()),
        (false, false) => (format!("--ntpservers={said}"), format!("--ntpservers is {said}")),
    };
    (timezone.no_ntp, timezone.ntp_servers) = (false, Vec::new());
    let hint = "the lab file decides: use {{ network.ntp | join(\",\") }}, or change it there";
    let message = format!("timezone {is}, the lab file has {lab}");
    let error = Diagnostic::error(timezone.place.clone(), message).hint(hint);
    let why =
        format!("the time zone; the lab file decides: chronyd's servers are {lab}, not {option}");
    kickstart.report_again(entry, Fate::Translated, why);
    authority.strict.then_some(error)
}

/// `-chrony` does not count, as the lab file has time servers; what else a command needs and
/// `%packages` excludes is left out, and the report says so.
fn settle_packages(kickstart: &mut Kickstart) {
    let needed = kickstart.required_packages();
    let Some(entry) = kickstart.last_entry("%packages") else { return };
    let excluded = &mut kickstart.packages.excluded;
    let mut said = Vec::new();
    if excluded.iter().any(|name| name == "chrony") {
        excluded.retain(|name| name != "chrony");
        said.push("chrony is installed, as the lab file has time servers".to_owned());
    }
    let left_out: Vec<&str> =
        needed.into_iter().filter(|name| excluded.iter().any(|e| e == name)).collect();
    if !left_out.is_empty() {
        said.push(format!("without {}, which another command needs", left_out.join(", ")));
    }
    if !said.is_empty() {
        let line = &kickstart.report[entry];
        let why = format!("{}; {}", line.why, said.join("; "));
        kickstart.report_again(entry, Fate::Translated, why);
    }
}
