//! `firstboot check`: the seven things that a node must have before OpenStack can be
//! installed, each with what was found and what to do about it. Nothing is changed.

use crate::host::{Fault, Host, Program};
use crate::services::repositories::{describe_silent, find_packages};
use crate::services::systemd;
use crate::steps::{self, CheckOutcome, Step};
use contract::node_files as files;
use contract::spec::{LabHost, Role, Spec};
use serde::Serialize;
use std::net::SocketAddrV4;
use std::time::Duration;

/// DNS's port.
const DNS: u16 = 53;
/// How long a name server on this node may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// One of the seven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnvironmentCheck {
    /// Its name.
    pub check: &'static str,
    /// Whether all is well.
    pub ok: bool,
    /// What was found.
    pub evidence: String,
    /// What to do; empty when all is well.
    #[serde(rename = "remedy")]
    pub hint: String,
}

/// What was found, or what is wrong and what to do about it.
type Finding = Result<String, (String, String)>;

/// Checks all seven.
pub fn check_environment(host: &Host, spec: &Spec) -> Vec<EnvironmentCheck> {
    type CheckFn = fn(&Host, &Spec) -> Finding;
    let checks: [(&str, CheckFn); 7] = [
        ("no firewalld and NetworkManager", check_managers),
        ("static address", check_address),
        ("names and reachability", check_names),
        ("repositories", check_repositories),
        ("packages", check_packages),
        ("time", check_time),
        ("name servers", check_resolver),
    ];
    let findings = checks.map(|(check, find)| match find(host, spec) {
        Ok(evidence) => EnvironmentCheck { check, ok: true, evidence, hint: String::new() },
        Err((evidence, hint)) => EnvironmentCheck { check, ok: false, evidence, hint },
    });
    findings.map(|one| EnvironmentCheck { evidence: host.redact(&one.evidence), ..one }).into()
}

/// `wrong` as one finding, `good` where nothing is.
fn finding(wrong: &[String], good: String, hint: &str) -> Finding {
    if wrong.is_empty() { Ok(good) } else { Err((wrong.join("; "), hint.to_owned())) }
}

fn describe_fault(fault: Fault) -> (String, String) {
    let hint = fault.hint.unwrap_or_else(|| "`journalctl -b` may show why".to_owned());
    (fault.message, hint)
}

fn describe_unread(error: &std::io::Error) -> (String, String) {
    (error.to_string(), "run this as root".to_owned())
}

/// Whether this is a running node; if not, the finding for that.
fn require_running(host: &Host, what: &str) -> Result<(), (String, String)> {
    let text =
        (format!("{what}: only a running node can show this"), "run it on the node".to_owned());
    if host.live() { Ok(()) } else { Err(text) }
}

fn check_managers(host: &Host, _: &Spec) -> Finding {
    let mut wrong = Vec::new();
    for unit in ["firewalld", "NetworkManager"] {
        if host.live() {
            let state = systemd::show_one(host, unit).map_err(describe_fault)?;
            let enabled = state.present()
                && state.load != "masked"
                && systemd::enabled(host, unit).map_err(describe_fault)?;
            if state.running() || enabled {
                let enabled = if enabled { ", enabled" } else { "" };
                wrong.push(format!("{unit} is {}{enabled}", state.state()));
            }
        } else {
            let link = format!("/etc/systemd/system/multi-user.target.wants/{unit}.service");
            if host.path(&link).is_ok_and(|path| path.symlink_metadata().is_ok()) {
                wrong.push(format!("{unit} is enabled"));
            }
        }
    }
    let good = "neither runs or is enabled".to_owned();
    finding(&wrong, good, "`systemctl disable --now firewalld NetworkManager`")
}

fn check_address(host: &Host, spec: &Spec) -> Finding {
    let (own, prefix) = (spec.node.address, spec.network.prefix);
    let hint = "`firstboot retry identity`, then `firstboot retry network`";
    let wrong = steps::identity::wrong_ifcfg(host, spec).map_err(describe_fault)?;
    let mut wrong: Vec<String> = wrong.into_iter().collect();
    if host.live() {
        match Step::Network.check(host, spec).map_err(describe_fault)? {
            CheckOutcome::Met(evidence) if wrong.is_empty() => {
                return Ok(format!("{evidence}; static"));
            }
            CheckOutcome::Met(_) | CheckOutcome::Skipped(_) => {}
            CheckOutcome::Unmet(what) | CheckOutcome::Waiting(what) => wrong.push(what),
            CheckOutcome::Failed(fault) | CheckOutcome::Impossible(fault) => {
                wrong.push(fault.message);
            }
        }
    }
    finding(&wrong, format!("{own}/{prefix} is in the ifcfg file, static"), hint)
}

fn check_names(host: &Host, spec: &Spec) -> Finding {
    let text =
        host.read(files::HOSTS).map_err(|error| describe_unread(&error))?.unwrap_or_default();
    let mut wrong = Vec::new();
    let absent = files::absent_hosts(spec, &text);
    for node in &spec.hosts {
        if absent.contains(&node) {
            wrong.push(format!("{} lacks {} as {}", files::HOSTS, node.name, node.address));
        } else if host.live() {
            wrong.extend(find_unreachable(host, node).map_err(describe_fault)?);
        }
    }
    let (all, how) =
        (spec.hosts.len(), if host.live() { "resolve and answer" } else { "are in /etc/hosts" });
    let hint = "`firstboot retry identity` writes /etc/hosts; a node that does not answer may \
                  be off, or its network differs";
    finding(&wrong, format!("all {all} nodes {how}"), hint)
}

/// What is wrong with a name as the node's programs resolve it, and with its host.
fn find_unreachable(host: &Host, one: &LabHost) -> Result<Option<String>, Fault> {
    let (name, address) = (&one.name, one.address.to_string());
    let answer = host.run(&Program::new("getent").args(["ahostsv4", name]))?;
    let resolved = answer.stdout.split_whitespace().next().unwrap_or("nothing");
    if resolved != address {
        return Ok(Some(format!("{name} resolves to {resolved} in place of {address}")));
    }
    let ping = Program::new("ping").args(["-n", "-c", "1", "-W", "2", &address]);
    let answers = match host.runner().run(&ping) {
        Ok(output) => output.ok(),
        // A small system may have no ping.
        Err(_) => steps::network::answer(host, one.address)? > steps::network::Answer::None,
    };
    Ok((!answers).then(|| format!("{name} ({address}) does not answer a ping")))
}

fn check_repositories(host: &Host, spec: &Spec) -> Finding {
    let findings = steps::repositories::inspect_repositories(host, spec);
    let hint = "see that the repository server is on and serves what /etc/yum.repos.d names; \
                  then `yum clean all`";
    finding(&findings.bad, findings.good.join(", "), hint)
}

fn check_packages(host: &Host, spec: &Spec) -> Finding {
    let needed = &spec.packages.needed;
    let mut missing: Vec<&str> = Vec::new();
    for name in needed {
        let installed = host.live() && {
            let program = Program::new("rpm").args(["-q", "--whatprovides", name]);
            host.run(&program).map_err(describe_fault)?.ok()
        };
        if !installed {
            missing.push(name);
        }
    }
    let installed = needed.len() - missing.len();
    let mut unread = Vec::new();
    for repository in &spec.repositories {
        if missing.is_empty() {
            break;
        }
        match find_packages(host, repository, &missing) {
            Ok(found) => missing.retain(|name| !found.contains(name)),
            Err(why) => unread.push((repository.id.as_str(), why)),
        }
    }
    let available = needed.len() - missing.len() - installed;
    let mut wrong: Vec<String> = Vec::new();
    if !missing.is_empty() {
        wrong.push(format!("neither installed nor in a repository: {}", missing.join(", ")));
        wrong.extend(describe_silent(&unread, "cannot be read", "cannot be read"));
    }
    let good = format!("{} needed: {installed} installed, {available} available", needed.len());
    finding(&wrong, good, "fix the repository that holds them; see `yum list available`")
}

fn check_time(host: &Host, spec: &Spec) -> Finding {
    require_running(host, "the clock")?;
    let fault = |fault: Fault| {
        let hint = fault.hint.clone().unwrap_or_else(|| Step::Chrony.hint(spec));
        (fault.message, hint)
    };
    match Step::Chrony.check(host, spec).map_err(fault)? {
        CheckOutcome::Met(evidence) => Ok(evidence),
        CheckOutcome::Waiting(what) => {
            Err((format!("waiting for {what}"), Step::Chrony.hint(spec)))
        }
        CheckOutcome::Unmet(what) | CheckOutcome::Skipped(what) => {
            Err((what, "`firstboot retry chrony`".to_owned()))
        }
        CheckOutcome::Failed(failed) | CheckOutcome::Impossible(failed) => Err(fault(failed)),
    }
}

fn check_resolver(host: &Host, spec: &Spec) -> Finding {
    let text =
        host.read(files::RESOLV_CONF).map_err(|error| describe_unread(&error))?.unwrap_or_default();
    let mut wrong = Vec::new();
    let mut servers = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with([';', '#'])) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [word @ ("search" | "domain"), ..] => {
                wrong.push(format!("{} has a `{word}` line", files::RESOLV_CONF));
            }
            ["nameserver", server, ..] => servers.push(server.to_owned()),
            _ => {}
        }
    }
    if servers.is_empty() {
        wrong.push(format!("{} names no name server", files::RESOLV_CONF));
    }
    for one in spec.hosts.iter().filter(|one| one.role == Role::Controller) {
        if servers.contains(&one.address.to_string()) {
            wrong.push(format!("{} is the controller, which runs no name server", one.address));
        }
    }
    if host.live() && spec.node.role == Role::Controller {
        let address = SocketAddrV4::new(spec.node.address, DNS);
        if host.runner().reach(address, LIMIT).is_ok() {
            wrong.push(format!("a name server answers on this node ({address})"));
        }
    }
    let good = format!("{}, no search line", servers.join(", "));
    let hint = "`firstboot retry identity` writes /etc/resolv.conf; a name server on the \
                  controller has to be stopped and disabled (`ss -lntp` names it)";
    finding(&wrong, good, hint)
}
