//! Waiting until firstboot reports on each node.

use super::console::{self, Readiness};
use super::health::{self, Silence, Stop};
use super::state::{LabDirectory, State, VmNode};
use crate::base::error::{Error, Result};
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use std::time::{Duration, Instant};

/// Interval of the polls.
const TICK: Duration = Duration::from_millis(500);

/// Waiting for some nodes of a lab.
pub struct Watch<'a> {
    lab_directory: &'a LabDirectory,
    timeout: Duration,
    working: Vec<Waiting>,
    /// What is wrong with nodes that are waited for no more.
    bad: Vec<String>,
}

/// A node that is waited for.
struct Waiting {
    name: String,
    since: Instant,
    silence: Silence,
}

/// A machine that KVM failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its node.
    pub name: String,
    /// Why; `None` where its system had not begun when KVM failed another.
    pub why: Option<String>,
}

/// The result of one poll of a node.
enum Look {
    Working(String),
    Ready,
    /// What is wrong, and the console's last line.
    Bad(String, String),
    /// KVM failed it, for this reason.
    Kvm(String),
}

impl<'a> Watch<'a> {
    /// Waits for the nodes called `names`, `timeout` for each since it was started.
    pub fn new(lab_directory: &'a LabDirectory, names: &[&str], timeout: Duration) -> Self {
        let mut this = Self { lab_directory, timeout, working: Vec::new(), bad: Vec::new() };
        names.iter().for_each(|name| this.add(name));
        this
    }

    fn add(&mut self, name: &str) {
        let (name, since, silence) = (name.to_owned(), Instant::now(), Silence::default());
        self.working.push(Waiting { name, since, silence });
    }

    /// The machines of these nodes were started again.
    pub fn restarted(&mut self, failures: &[Failure]) {
        for failure in failures {
            self.working.retain(|waiting| waiting.name != failure.name);
            self.add(&failure.name);
        }
    }

    /// Waits until there is nothing to wait for, or KVM fails a machine: then those that have to
    /// be started again are returned.
    ///
    /// # Errors
    /// An environment error when what runs the machines does not answer.
    pub fn run(&mut self, state: &State, progress: &mut Progress) -> Result<Vec<Failure>> {
        progress.stage("waiting for firstboot", Unit::Steps);
        while !self.working.is_empty() {
            interrupt::check()?;
            let (mut shown, mut failures) = (Vec::new(), Vec::new());
            let mut working = Vec::new();
            for mut waiting in std::mem::take(&mut self.working) {
                let (lab_directory, name) = (self.lab_directory, waiting.name.clone());
                match waiting.look(lab_directory, &state.nodes[&name], self.timeout)? {
                    Look::Working(line) => {
                        shown.push(format!("{name}: {line}"));
                        working.push(waiting);
                    }
                    Look::Kvm(why) => {
                        failures.push(Failure { name, why: Some(why) });
                        working.push(waiting);
                    }
                    Look::Ready => {
                        let address = state.nodes[&name].address;
                        progress.note(&format!("{name} is ready ({address})"));
                    }
                    Look::Bad(problem, line) => {
                        let log = lab_directory.console(&name);
                        let log = log.display();
                        let text =
                            format!("{name}: {problem}; last on its console ({log}): {line}");
                        self.bad.push(text);
                    }
                }
            }
            self.working = working;
            if !failures.is_empty() {
                self.add_doomed(state, &mut failures);
                return Ok(failures);
            }
            progress.at(0, 0, &shown.join("; "));
            std::thread::sleep(TICK);
        }
        Ok(Vec::new())
    }

    /// Where KVM fails one machine, it fails the others whose system has not begun.
    fn add_doomed(&self, state: &State, failures: &mut Vec<Failure>) {
        for Waiting { name, .. } in &self.working {
            let node = &state.nodes[name];
            let report = console::report(&self.lab_directory.console(name), node.log_start, name);
            if !failures.iter().any(|f| f.name == *name) && health::is_unproven(node, &report) {
                failures.push(Failure { name: name.clone(), why: None });
            }
        }
    }

    /// Nothing is waited for any more.
    ///
    /// # Errors
    /// A build error that names every node which is not ready, and what its console showed last.
    pub fn finish(self, progress: &mut Progress) -> Result<()> {
        progress.finish();
        if self.bad.is_empty() {
            return Ok(());
        }
        Err(Error::build(self.bad.join("\n"))
            .hint("the machines stay as they are: see `imgbuild console NODE --log`, `imgbuild ssh NODE firstboot status`"))
    }
}

impl Waiting {
    fn look(
        &mut self,
        lab_directory: &LabDirectory,
        node: &VmNode,
        timeout: Duration,
    ) -> Result<Look> {
        let directory = lab_directory.node(&self.name);
        // Before the console is read: what a machine wrote last counts after its end.
        let health = health::of(node, &directory)?;
        let report =
            console::report(&lab_directory.console(&self.name), node.log_start, &self.name);
        let last = report.last.clone();
        let used = || node.machine.as_ref()?.cpu_time();
        let stop = match report.readiness {
            Readiness::Ready => return Ok(Look::Ready),
            Readiness::Failed => {
                Some(Stop::Machine("firstboot reports that it is not ready".into()))
            }
            Readiness::Working => health
                .stop(node, &directory)
                .or_else(|| self.silence.judge(&node.accelerator, &report, used)),
        };
        Ok(match stop {
            Some(Stop::Accelerator(why)) => Look::Kvm(why),
            Some(Stop::Machine(why)) => Look::Bad(why, last),
            None if self.since.elapsed() > timeout => {
                let seconds = timeout.as_secs();
                Look::Bad(format!("firstboot has not reported after {seconds} s"), last)
            }
            None => Look::Working(last),
        })
    }
}
