//! Causes that puppet, the shell or packstack itself report.

use super::cause::Cause;
use crate::services::packstack::evidence::Evidence;
use std::path::Path;

/// A file system is full.
pub fn find_full_disk(evidence: &Evidence) -> Option<Cause> {
    let line = evidence.find("No space left on device")?;
    let path = line.split_once("No space left on device - ").map(|(_, rest)| rest);
    let path = path.and_then(|rest| rest.split_whitespace().next());
    // It names the file that was to be written.
    let directory = path.and_then(|path| Path::new(path).parent());
    let place = directory.map(|at| format!(" in {}", at.display())).unwrap_or_default();
    let hint = format!("make room on {}: `df -h` there", evidence.name);
    Some(Cause::new(format!("there is no space left{place}"), hint))
}

/// A service does not start.
pub fn find_failed_service(evidence: &Evidence) -> Option<Cause> {
    let unit = evidence
        .between("Could not start Service[", "]")
        .or_else(|| evidence.between("/Service[", "]/ensure: change from stopped to running"))?;
    let hint = format!(
        "`systemctl status {unit}` and `journalctl -u {unit}` on {} show why",
        evidence.name
    );
    Some(Cause::new(format!("the service {unit} does not start"), hint))
}

/// A command took longer than puppet allows.
pub fn find_slow_command(evidence: &Evidence) -> Option<Cause> {
    evidence.find("Command exceeded timeout")?;
    let command = evidence.between("/Exec[", "]").unwrap_or("a command");
    let hint = format!("see what {} waits for: its load, its disk, its database", evidence.name);
    Some(Cause::new(format!("`{command}` ran longer than puppet allows"), hint))
}

/// A command failed.
pub fn find_failed_command(evidence: &Evidence) -> Option<Cause> {
    let command = evidence.between("/Exec[", "]/returns: change from notrun to ")?;
    let printed = evidence.between("]/returns: ", "").filter(|text| !text.starts_with("change "));
    let printed = printed.map(|text| format!(": {text}")).unwrap_or_default();
    let hint = format!(
        "the log of what `{command}` belongs to, in /var/log on {}, says more",
        evidence.name
    );
    Some(Cause::new(format!("`{command}` failed{printed}"), hint))
}

/// Puppet does not take the manifest.
pub fn find_wrong_manifest(evidence: &Evidence) -> Option<Cause> {
    let words = [
        "Could not find class ",
        "Could not parse for environment ",
        "Duplicate declaration: ",
        "Evaluation Error: ",
        "Syntax error at ",
        "Could not find resource ",
        "Invalid parameter ",
        "Could not autoload",
    ];
    words.iter().find_map(|word| evidence.find(word))?;
    let what = "the manifest itself is wrong: a fault of packstack or its puppet modules, not of \
                the lab";
    let hint = "`rpm -q openstack-packstack openstack-puppet-modules puppet`: they must be of one \
                release";
    Some(Cause::new(what, hint))
}

/// A program is not there.
pub fn find_missing_program(evidence: &Evidence) -> Option<Cause> {
    let name = &evidence.name;
    if let Some(why) = evidence.between("failed to execute puppet: ", "") {
        let what = format!("puppet cannot be executed ({why})");
        return Some(Cause::new(what, format!("`yum install puppet` on {name}")));
    }
    let line = evidence.find(": command not found")?;
    let program = line.rsplit(": ").nth(1)?.trim();
    let hint = match program {
        // rpm has been asked for yum-utils just before.
        "yum-config-manager" => format!("`yum reinstall yum-utils` on {name}"),
        _ => format!("install the package that holds {program} on {name}"),
    };
    Some(Cause::new(format!("it has no program {program}"), hint))
}

/// packstack itself broke: an exception that is not one of its own.
pub fn find_exception(evidence: &Evidence) -> Option<Cause> {
    let is_frame = |line: &&String| line.trim_start().starts_with("File \"");
    let function = evidence.traceback.iter().rfind(is_frame)?.rsplit_once(", in ")?.1;
    let after = evidence.traceback.iter().rposition(|line| is_frame(&line))?;
    let mut rest = evidence.traceback[after + 1..].iter();
    let kind = rest.find(|line| !line.starts_with(' '))?.split(':').next()?;
    let own = ["ScriptRuntimeError", "PuppetError", "Exception", "ParamValidationError"];
    if evidence.address.is_some() || own.contains(&kind) {
        return None;
    }
    let what = format!("packstack itself broke ({kind} in {function}); no node is at fault");
    Some(Cause::new(what, "the traceback at the end of its log shows where"))
}
