//! What packstack 9 prints, taken apart: its steps, the manifests it applies, the block of
//! an error, and the logs that it names.

use std::net::Ipv4Addr;

/// What begins the block of an error.
const ERROR: &str = "ERROR :";
/// What follows the block, with the path of packstack's own log.
const SEE_LOG: &str = "Please check log file ";
/// What names packstack's own log at the beginning.
const LOG_AT: &str = "The installation log file is available at: ";
/// What names puppet's log in the block.
const PUPPET_LOG_AT: &str = "You will find full trace in log ";
/// What names the manifest in the block.
const PUPPET_FAILED: &str = "Error appeared during Puppet run: ";
/// What a step or manifest that failed ends with.
const FAILED: &str = "[ ERROR ]";

/// A manifest that packstack applies, `192.168.1.10_controller.pp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its file's name.
    pub name: String,
    /// The host that it is for.
    pub address: Ipv4Addr,
}

impl Manifest {
    /// The manifest of that file name; packstack begins it with the host's address.
    pub fn from_name(name: &str) -> Option<Manifest> {
        let (address, _) = name.strip_suffix(".pp")?.split_once('_')?;
        Some(Manifest { name: name.to_owned(), address: address.parse().ok()? })
    }
}

/// The manifests that are being applied: begun, and not reported as done or failed.
pub fn list_manifests_at_work(lines: &[String]) -> Vec<Manifest> {
    let mut found: Vec<Manifest> = Vec::new();
    for line in lines.iter().map(|line| line.trim()) {
        if let Some(manifest) = line.strip_prefix("Applying ").and_then(Manifest::from_name) {
            found.push(manifest);
        } else if let Some((name, _)) = line.split_once(": ")
            && [FAILED, "[ DONE ]"].iter().any(|end| line.ends_with(end))
        {
            found.retain(|manifest| manifest.name != name);
        }
    }
    found
}

/// The step of packstack's that failed, `Preparing servers`.
pub fn find_failed_step(lines: &[String]) -> Option<&str> {
    let steps = lines.iter().rev().filter_map(|line| line.strip_suffix(FAILED));
    steps.map(str::trim).find(|title| !title.ends_with(".pp:"))
}

/// The block of the last error, without the line that follows it; empty if there is none.
pub fn find_error_block(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| line.starts_with(SEE_LOG));
    let before = &lines[..end.unwrap_or(lines.len())];
    match before.iter().rposition(|line| line.trim_start().starts_with(ERROR)) {
        Some(start) => &before[start..],
        // Its beginning is no longer among the lines that are kept.
        None if end.is_some() => before,
        None => &[],
    }
}

/// Whether packstack itself ended the run, with an error.
pub fn ended_by_itself(lines: &[String]) -> bool {
    lines.iter().any(|line| line.starts_with(SEE_LOG))
}

/// The text of the block's first line.
pub fn strip_error_mark(line: &str) -> &str {
    line.trim_start().strip_prefix(ERROR).unwrap_or(line).trim()
}

/// packstack's own log.
pub fn find_setup_log(lines: &[String]) -> Option<&str> {
    let path = |line: &'_ String| -> Option<usize> {
        [SEE_LOG, LOG_AT].iter().find_map(|mark| Some(line.find(mark)? + mark.len()))
    };
    let (line, start) = lines.iter().rev().find_map(|line| Some((line, path(line)?)))?;
    line[start..].split_whitespace().next()
}

/// The manifest at which puppet failed.
pub fn find_failed_manifest(block: &[String]) -> Option<Manifest> {
    block.iter().find_map(|line| {
        let (_, name) = line.split_once(PUPPET_FAILED)?;
        Manifest::from_name(name.trim())
    })
}

/// Puppet's log, as the block names it.
pub fn find_puppet_log(block: &[String]) -> Option<&str> {
    block.iter().find_map(|line| Some(line.split_once(PUPPET_LOG_AT)?.1.trim()))
}

/// What is not a cause in the block of an error: what a traced script printed as its own
/// lines, what ssh and yum say in any case.
pub fn is_noise(line: &str) -> bool {
    let line = line.trim();
    let starts = [
        "+ ",
        "++ ",
        "Warning: Permanently added",
        "Loaded plugins:",
        "Loading mirror speeds",
        "Determining fastest mirrors",
        "Trying other mirror",
        "You could try ",
        "Wrapped exception:",
        "CRITICAL:yum.main:",
        "No packages marked for update",
        PUPPET_LOG_AT,
    ];
    line.is_empty()
        || line.contains(PUPPET_FAILED)
        || line == "Nothing to do"
        || line.ends_with(" already installed and latest version")
        || starts.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn manifests_end_in_any_order() {
        let mut printed = lines(
            "Applying 192.168.1.10_network.pp\n192.168.1.10_network.pp:      [ DONE ]\n\
             Applying 192.168.1.12_compute.pp\nApplying 192.168.1.11_compute.pp\n\
             Testing if puppet apply is finished: 192.168.1.12_compute.pp",
        );
        let names = |printed: &[String]| -> Vec<String> {
            list_manifests_at_work(printed).into_iter().map(|manifest| manifest.name).collect()
        };
        assert_eq!(names(&printed), ["192.168.1.12_compute.pp", "192.168.1.11_compute.pp"]);
        printed.push("192.168.1.12_compute.pp:      [ DONE ]".to_owned());
        assert_eq!(names(&printed), ["192.168.1.11_compute.pp"]);
        printed.push("192.168.1.11_compute.pp:      [ ERROR ]".to_owned());
        assert_eq!(names(&printed), [""; 0]);
        assert_eq!(find_failed_step(&printed), None);
        printed.push("Pre installing Puppet and discovering hosts' details[ ERROR ]".to_owned());
        let step = "Pre installing Puppet and discovering hosts' details";
        assert_eq!(find_failed_step(&printed), Some(step));
    }

    #[test]
    fn a_block_ends_where_the_log_is_named() {
        let printed = lines(
            "The installation log file is available at: /var/tmp/a/openstack-setup.log\n\
             ERROR : first\n\nERROR : second\nmore\n\
             Please check log file /var/tmp/b/openstack-setup.log for more information\n\
             Additional information:",
        );
        assert_eq!(find_error_block(&printed), ["ERROR : second", "more"]);
        assert_eq!(find_error_block(&printed[2..5]), ["ERROR : second", "more"]);
        assert_eq!(find_error_block(&printed[4..]), ["more"]);
        assert_eq!(find_error_block(&printed[..1]), [""; 0]);
        assert_eq!(find_setup_log(&printed), Some("/var/tmp/b/openstack-setup.log"));
        assert_eq!(find_setup_log(&printed[..3]), Some("/var/tmp/a/openstack-setup.log"));
    }
}
