//! Recorded runs of packstack 9.0.3, trimmed → what firstboot makes of them: the host, the
//! cause and the hint, or that the run succeeded. The cases `puppet-4-*` have a recorded log of
//! puppet 4.6.2 and around it what packstack prints of such a log, composed by its own rules.
//! `ssh` says which hosts' ssh ports do not answer afterwards, and how.

use contract::spec::Spec;
use firstboot::host::followed::plain_lines;
use firstboot::host::http::{Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{
    DirectoryRunner, Host, Interface, Note, Output, Program, Runner, SystemClock,
};
use firstboot::services::packstack::failure::{explain, is_success};
use lab_tests::cases;
use serde_json::Value;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

/// The node on which packstack ran.
const CONTROLLER: &str = include_str!("../../../firstboot/examples/controller.spec.toml");
/// A password that packstack printed in some of the runs.
const PRINTED: &str = "647da8b3fa055875";

/// A double of the network: which ssh ports do not answer, by the text of `ssh`.
struct SshPorts(String);

impl Runner for SshPorts {
    fn reach(&self, to: SocketAddrV4, _: Duration) -> io::Result<()> {
        let address = to.ip().to_string();
        let line = self.0.lines().find_map(|line| line.strip_prefix(&address));
        match line.map(str::trim) {
            None => Ok(()),
            Some("refused") => Err(io::Error::from(ErrorKind::ConnectionRefused)),
            Some(_) => Err(io::Error::from(ErrorKind::TimedOut)),
        }
    }

    fn run(&self, program: &Program) -> io::Result<Output> {
        DirectoryRunner.run(program)
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        DirectoryRunner.spawn(program, log)
    }

    fn http(&self, request: &Request) -> io::Result<Response> {
        DirectoryRunner.http(request)
    }

    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
        DirectoryRunner.ovsdb(socket, method, params)
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        DirectoryRunner.interfaces()
    }

    fn host_name(&self) -> io::Result<String> {
        DirectoryRunner.host_name()
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        DirectoryRunner.set_host_name(name)
    }
}

fn show(case: &Path) -> String {
    let spec = Spec::parse(CONTROLLER).expect("spec");
    let ssh = fs::read_to_string(case.join("ssh")).unwrap_or_default();
    let host = Host::with(case, Box::new(SshPorts(ssh)), Box::new(SystemClock::default()));
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
