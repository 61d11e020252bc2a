//! The chrony step against real chronyd and chronyc (Debian package chrony) on the
//! loopback interface of a namespace.

use crate::double::{FakeRunner, World, plain, write_files};
use crate::namespace::{Daemon, isolated, until};
use crate::real::RealProgram;
use contract::spec::Spec;
use contract::status::{Outcome, StepState};
use firstboot::engine;
use firstboot::host::{Host, SystemClock};
use firstboot::journal::Journal;
use firstboot::steps::{Bounds, Step};
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

/// chronyd with the configuration file `conf`; `-x`: it never touches the clock.
fn chronyd(conf: &Path) -> Daemon {
    let mut command = Command::new("chronyd");
    command.args(["-x", "-d", "-u", "root", "-f"]).arg(conf);
    Daemon::start(&mut command, "Debian package chrony")
}

/// A node whose NTP server is 127.0.0.1, and how its chrony step ends.
fn chrony_step(directory: &Path, deadline: u64) -> StepState {
    let mut spec = Spec::parse(&plain()).unwrap();
    spec.network.ntp = vec![Ipv4Addr::LOCALHOST.into()];
    write_files(directory, &spec);
    let conf = directory.join("etc/chrony.conf");
    let ours = std::fs::read_to_string(&conf).unwrap();
    assert!(ours.contains("server 127.0.0.1 iburst\n"));
    // The node's own port must not clash with the server's in this one namespace.
    let ours = ours.replace("/var/lib/chrony/drift", "/run/drift").replace("/var/log", "/run");
    std::fs::write(&conf, format!("{ours}port 0\npidfile /run/client.pid\n")).unwrap();
    let _client = chronyd(&conf);
    until("chronyd's command socket", || Path::new("/run/chrony/chronyd.sock").exists());

    let world = Rc::new(RefCell::new(World::healthy(&spec)));
    let runner = Box::new(RealProgram(FakeRunner(world), "chronyc"));
    let host = Host::with(directory, runner, Box::new(SystemClock::default()));
    let bounds = |step: Step| Bounds { deadline: Duration::from_secs(deadline), ..step.bounds() };
    let state =
        engine::run_all(&host, &spec, &Journal::new(Some(&spec), Vec::new()), &bounds).unwrap();
    state.steps.into_iter().find(|step| step.name == "chrony").unwrap()
}

#[test]
fn a_real_source_is_selected() {
    isolated(|| {
        let directory = tempfile::tempdir().unwrap();
        let conf = directory.path().join("server.conf");
        let server = "local stratum 8\nallow 127.0.0.0/8\nbindaddress 127.0.0.1\ncmdport 0\n\
                      bindcmdaddress /\npidfile /run/server.pid\n";
        std::fs::write(&conf, server).unwrap();
        let _server = chronyd(&conf);
        let step = chrony_step(directory.path(), 120);
        assert_eq!(step.outcome, Outcome::Unchanged, "{step:?}");
        assert!(step.message.contains("follows 127.0.0.1 (stratum 8), offset"), "{step:?}");
    });
}

#[test]
fn without_a_server_the_wait_ends_with_the_right_message() {
    isolated(|| {
        let directory = tempfile::tempdir().unwrap();
        let step = chrony_step(directory.path(), 4);
        assert_eq!(step.outcome, Outcome::Failed, "{step:?}");
        let words = "timed out after 4 s waiting for chronyd to select a source \
                     (127.0.0.1 has not answered)";
        assert_eq!(step.message, words);
        assert!(step.hint.unwrap().contains("127.0.0.1 answers NTP"));
    });
}
