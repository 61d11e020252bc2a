//! Recorded runs of packstack 9.0.3, trimmed → what firstboot makes of them: the host, the
//! cause and the hint, or that the run succeeded. The cases `puppet-4-*` have a recorded log of
//! puppet 4.6.2 and around it what packstack prints of such a log, composed by its own rules.
//! `ssh` says which hosts' ssh ports do not answer afterwards, and how.

use contract::spec::Spec;
use firstboot::host::followed::plain_lines;
use firstboot::host::{Note, Program};
use firstboot::services::packstack::failure::{explain, is_success};
use lab_tests::cases;
use lab_tests::closed_node::ClosedNode;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::path::Path;

/// The node on which packstack ran.
const CONTROLLER: &str = include_str!("../../../firstboot/examples/controller.spec.toml");
/// A password that packstack printed in some of the runs.
const PRINTED: &str = "647da8b3fa055875";

/// How a host's ssh port answers by the text of `ssh`.
fn reach(ssh: &str, address: Ipv4Addr) -> io::Result<()> {
    let line = ssh.lines().find_map(|line| line.strip_prefix(&address.to_string()));
    match line.map(str::trim) {
        None => Ok(()),
        Some("refused") => Err(io::Error::from(ErrorKind::ConnectionRefused)),
        Some(_) => Err(io::Error::from(ErrorKind::TimedOut)),
    }
}

fn show(case: &Path) -> String {
    let spec = Spec::parse(CONTROLLER).expect("spec");
    let ssh = fs::read_to_string(case.join("ssh")).unwrap_or_default();
    let programs = |_: &Program| Err(io::Error::from(ErrorKind::NotFound));
    let host = ClosedNode { programs, ssh: move |to| reach(&ssh, to) }.open(case);
    let lines = plain_lines(&fs::read(case.join("stdout")).expect("stdout"));
    let exit = fs::read_to_string(case.join("exit")).expect("exit");
    // The shell's 137 is a SIGKILL, after which there is no exit code.
    let code = exit.trim().parse().ok().filter(|code| *code != 137);
    if is_success(&lines, code) {
        return "OpenStack is installed\n".to_owned();
    }
    let fault = explain(&host, &spec, &lines, code);
    let hint = fault.hint.expect("a hint");
    let mut text = format!("{}\nhint: {hint}\njournal:\n", fault.message);
    for note in host.take_notes() {
        let Note::Output { program, line } = note else { panic!("{note:?}") };
        text += &format!("  {program}: {line}\n");
    }
    assert!(!text.contains(PRINTED), "{text}");
    text
}

/// `UPDATE_EXPECTED=1` rewrites what is shown; read the difference.
#[test]
fn recorded_runs_of_packstack_are_explained() {
    cases::check("packstack", show);
}
