//! What is known about a failed run of packstack: the telling lines, and the host they are
//! about.

use super::printed::{self, Manifest};
use super::puppet_log;
use crate::host::Host;
use crate::host::followed::plain_lines;
use crate::peers::computes::reach_ssh;
use contract::spec::{LabHost, Spec};
use std::io;
use std::net::Ipv4Addr;

/// So many telling lines are shown, the last ones.
const SHOWN: usize = 5;
/// Of a line this many characters are shown.
const MAX_LINE: usize = 300;
/// Of packstack's own log this many lines are looked at, at most.
const TAIL: usize = 40;
/// What begins a traceback of Python's.
const TRACEBACK: &str = "Traceback (most recent call last)";

/// What is known about a failed run.
pub struct Evidence {
    /// The telling lines: of the error's block, then of puppet's log.
    pub lines: Vec<String>,
    /// The host at fault, where one is.
    pub address: Option<Ipv4Addr>,
    /// The logs that say more, on this node.
    pub logs: Vec<String>,
    /// The last traceback of packstack's own log.
    pub traceback: Vec<String>,
    /// How the ssh port of the host at fault answers now, where the error is about that.
    pub ssh: Option<io::Result<()>>,
    /// The name of the host at fault, of this node if there is none.
    pub name: String,
    /// The name of this node.
    pub node: String,
}

impl Evidence {
    /// Collects what `lines`, printed by packstack, and the logs that they name tell.
    pub fn collect(host: &Host, spec: &Spec, lines: &[String]) -> Evidence {
        let block = printed::find_error_block(lines);
        let setup_log = printed::find_setup_log(lines);
        let setup = setup_log.map(|path| read_end(host, path)).unwrap_or_default();
        let traceback = find_traceback(&setup);
        let manifest = printed::find_failed_manifest(block);
        let puppet_log = printed::find_puppet_log(block);
        let address = find_address(spec, block, manifest.as_ref(), &setup);
        let mut telling = list_telling_lines(block);
        if let Some(path) = puppet_log {
            telling.extend(puppet_log::list_error_lines(&read_end(host, path).join("\n")));
        }
        let mut seen = Vec::new();
        for line in telling {
            if !seen.contains(&line) {
                seen.push(line);
            }
        }
        let name = |address: Ipv4Addr| name_host(spec, address);
        let about_ssh = |_: &Ipv4Addr| seen.iter().any(|line| line.contains("port 22"));
        Evidence {
            address,
            logs: [puppet_log, setup_log].into_iter().flatten().map(str::to_owned).collect(),
            traceback,
            ssh: address.filter(about_ssh).map(|address| reach_ssh(host, address)),
            name: address.map_or_else(|| spec.node.name.clone(), name),
            node: spec.node.name.clone(),
            lines: seen,
        }
    }

    /// The first telling line that holds `word`.
    pub fn find(&self, word: &str) -> Option<&str> {
        self.lines.iter().map(String::as_str).find(|line| line.contains(word))
    }

    /// What is between `before` and `after` in the first telling line that has both; with an
    /// empty `after`, the rest of the line.
    pub fn between(&self, before: &str, after: &str) -> Option<&str> {
        self.list_between(before, after).into_iter().next()
    }

    /// What is between `before` and `after` in each telling line that has both, once each.
    pub fn list_between(&self, before: &str, after: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for line in &self.lines {
            let Some((_, rest)) = line.split_once(before) else { continue };
            let end = if after.is_empty() { Some(rest.len()) } else { rest.find(after) };
            let text = end.map(|end| &rest[..end]);
            found.extend(text.filter(|text| !found.contains(text)));
        }
        found
    }

    /// The last telling lines; of puppet's two on one error, the one on the error.
    pub fn show(&self) -> String {
        let bare = |line: &String| line.trim().trim_start_matches("Error: ").to_owned();
        let repeats = |line: &&String| {
            let mut others = self.lines.iter().filter(|other| other != line);
            line.starts_with("Error: /") && others.any(|other| line.contains(&bare(other)))
        };
        let kept = self.lines.iter().filter(|line| !repeats(line));
        let kept: Vec<String> =
            kept.map(|line| line.trim().chars().take(MAX_LINE).collect()).collect();
        kept[kept.len().saturating_sub(SHOWN)..].join("; ")
    }
}

/// The end of the log `path`; nothing if it cannot be read, as it says only more.
fn read_end(host: &Host, path: &str) -> Vec<String> {
    let text = host.read_end(path).ok().flatten().unwrap_or_default();
    plain_lines(text.as_bytes())
}

/// The last traceback of packstack's log `lines`.
fn find_traceback(lines: &[String]) -> Vec<String> {
    let Some(start) = lines.iter().rposition(|line| line.contains(TRACEBACK)) else {
        return Vec::new();
    };
    // It is written before packstack tidies up on every host.
    let rest = lines[start..].iter().take_while(|line| !line.contains("::INFO::"));
    let found: Vec<String> = rest.cloned().collect();
    found[found.len().saturating_sub(TAIL)..].to_vec()
}

/// The host that a run's error is about: the manifest's, the one that ssh has just met, the
/// one that the block names, or the one on which packstack ran its last script.
fn find_address(
    spec: &Spec,
    block: &[String],
    manifest: Option<&Manifest>,
    setup: &[String],
) -> Option<Ipv4Addr> {
    let met = || {
        let line = block.iter().rfind(|line| line.contains("Warning: Permanently added"))?;
        line.split('\'').nth(1)?.parse().ok()
    };
    let named = |sign: &str| {
        let named = |line: &String| {
            let at = |host: &&LabHost| find_whole(line, &format!("{sign}{}", host.address));
            let hosts = spec.hosts.iter().filter(|host| at(host).is_some());
            hosts.min_by_key(at).map(|host| host.address)
        };
        block.iter().find_map(named)
    };
    let last_script = || {
        let remote = block.first()?.contains("Failed to run remote script");
        // What it runs after its error tidies up, on every host.
        let error = setup.iter().rposition(|line| line.contains(TRACEBACK));
        let before = &setup[..error.unwrap_or(setup.len())];
        let line = before.iter().rfind(|line| line.ends_with("] Executing script:"));
        let (_, rest) = line.filter(|_| remote)?.split_once(":: [")?;
        let place = rest.split(']').next()?;
        Some(place.parse().unwrap_or(spec.node.address))
    };
    let of_manifest = manifest.map(|manifest| manifest.address);
    // "nova01 (192.168.1.11)" says more than the name of a manifest.
    let named = || named("(").or_else(|| named(""));
    of_manifest.or_else(met).or_else(named).or_else(last_script)
}

/// Where the address `text` is in `line`; 192.168.1.1 is not in 192.168.1.10.
fn find_whole(line: &str, text: &str) -> Option<usize> {
    let ends = |at: usize| !line[at + text.len()..].starts_with(|c: char| c.is_ascii_digit());
    line.match_indices(text).map(|(at, _)| at).find(|at| ends(*at))
}

/// The lines of an error's block that tell its cause.
fn list_telling_lines(block: &[String]) -> Vec<String> {
    let remote = "Failed to run remote script, stdout:";
    let strip = |line: &String| {
        let line = printed::strip_error_mark(line);
        let line = line.strip_prefix(remote).unwrap_or(line).trim_start();
        line.strip_prefix("stderr:").unwrap_or(line).trim().to_owned()
    };
    block.iter().map(strip).filter(|line| !printed::is_noise(line)).collect()
}

/// The host at `address` as the lab calls it; its address if it is not one of the lab's.
pub fn name_host(spec: &Spec, address: Ipv4Addr) -> String {
    let known = spec.hosts.iter().find(|host| host.address == address);
    known.map_or_else(|| address.to_string(), |host| host.name.clone())
}

/// The host at `address` with its name in the lab.
pub fn describe_host(spec: &Spec, address: Ipv4Addr) -> String {
    match spec.hosts.iter().find(|host| host.address == address) {
        Some(host) => format!("{} ({address})", host.name),
        None => address.to_string(),
    }
}
