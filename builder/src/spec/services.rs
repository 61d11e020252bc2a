//! `services` and `firewall` against the profile's `[services]`: what the profile names, it
//! decides; the rest is the kickstart's.

use super::authority::Authority;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::Services;
use crate::kickstart::{Fate, Firewall, Kickstart};

/// Makes units and firewall of `kickstart` what the profile leaves of them. With a strict
/// authority, returns every unit that the two have otherwise.
pub fn settle_units(
    authority: &Authority<'_>,
    kickstart: &mut Kickstart,
    file: &str,
) -> Vec<Diagnostic> {
    let role = authority.facts.services;
    let own = kickstart.own_units();
    let overruled = |unit: &&String| {
        (own.enabled.contains(unit) && role.disabled.contains(unit))
            || (own.disabled.contains(unit) && role.enabled.contains(unit))
    };
    // chronyd that starts by default does not contradict the lab file.
    let said = |unit: &&String| *unit != "chronyd" || kickstart.services.names(unit);
    let all = own.enabled.iter().chain(&own.disabled).filter(said);
    let overruled: Vec<String> = all.filter(overruled).cloned().collect();
    report_services(authority, kickstart, &own);
    report_firewall(role, kickstart);
    if !authority.strict {
        return Vec::new();
    }
    let error = |unit: &String| {
        let message = format!("the service {unit} is both enabled and disabled");
        let hint = "look at [services] of the role's profile, and `services` and `firewall` here";
        Diagnostic::of_file(file, message).hint(hint)
    };
    overruled.iter().map(error).collect()
}

/// The words for what becomes of `units`.
fn say(units: &[&String], state: &str) -> Option<String> {
    let names: Vec<&str> = units.iter().map(|u| u.as_str()).collect();
    (!names.is_empty()).then(|| format!("{} {state}", names.join(", ")))
}

fn report_services(authority: &Authority<'_>, kickstart: &mut Kickstart, own: &Services) {
    let role = authority.facts.services;
    // Time servers are the lab file's, and chronyd asks them.
    let chronyd = "chronyd".to_owned();
    let keeps_time = own.disabled.contains(&chronyd) && !role.disabled.contains(&chronyd);
    let given = kickstart.services.clone();
    let twice: Vec<&String> = given.enabled.iter().filter(|u| given.disabled.contains(u)).collect();
    let enabled: Vec<&String> = given
        .disabled
        .iter()
        .filter(|u| role.enabled.contains(u) && !given.enabled.contains(u))
        .collect();
    let disabled: Vec<&String> =
        given.enabled.iter().filter(|u| role.disabled.contains(u)).collect();
    if keeps_time {
        kickstart.services.disabled.retain(|unit| *unit != chronyd);
    }
    let decided = [say(&enabled, "enabled"), say(&disabled, "disabled")];
    let mut parts: Vec<String> = Vec::new();
    let decided: Vec<String> = decided.into_iter().flatten().collect();
    if !decided.is_empty() {
        parts.push(format!("the profile's [services] decides: {}", decided.join(", ")));
    }
    if keeps_time && given.disabled.contains(&chronyd) && !enabled.contains(&&chronyd) {
        parts.push("chronyd is enabled, as the lab file has time servers".to_owned());
    }
    parts.extend(say(&twice, "in both lists: enabled, as the installer enables last"));
    if let (Some(entry), false) = (kickstart.last_entry("services"), parts.is_empty()) {
        let why = format!("the units are enabled and disabled; {}", parts.join("; "));
        kickstart.report_again(entry, Fate::Translated, why);
    }
}

fn report_firewall(role: &Services, kickstart: &mut Kickstart) {
    let starts = kickstart.firewall.as_ref().map(|firewall| firewall.enabled);
    let firewalld = |list: &[String]| list.iter().any(|unit| unit == "firewalld");
    let (firewall, says) = match starts {
        Some(true) if firewalld(&role.disabled) => (Some(Firewall::default()), "does not start"),
        Some(false) if firewalld(&role.enabled) => (None, "starts"),
        _ => return,
    };
    kickstart.firewall = firewall;
    if let Some(entry) = kickstart.last_entry("firewall") {
        let why = format!("the profile's [services] decides: firewalld {says}");
        kickstart.report_again(entry, Fate::Translated, why);
    }
}
