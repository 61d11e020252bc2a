//! A proof from its first line to its last.

use super::cloud::{Cloud, PREFIX};
use super::line::{Proved, Verdict};
use super::signals::Signals;
use super::{
    cleanup, console, culprit, dashboard, identity, image, measure, network, ports, servers, volume,
};
use crate::host::{Fault, Host};
use crate::services::answer_file::AnswerFile;
use crate::services::openstack::session::{Login, Session};
use crate::services::openstack::{keystone, list_computes};
use contract::proof::{Line, LineOutcome};
use contract::spec::Spec;
use std::time::Duration;

/// What is wanted of a proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What was made stays.
    pub keep: bool,
    /// Nothing is made; what earlier proofs have left is removed.
    pub remove: bool,
}

/// Proves the cloud of the answer file; each line goes to `report` when it is known. Whether
/// no line failed.
pub fn prove(
    host: &Host,
    spec: &Spec,
    answers: &AnswerFile,
    options: Options,
    report: &mut dyn FnMut(&Line),
) -> bool {
    let began = host.clock().monotonic();
    let opened = Signals::keep().map_err(|error| error.to_string()).and_then(|signals| {
        let admin = Session::open(host, &keystone(spec), &Login::admin(answers)?)?;
        Ok((signals, admin))
    });
    let (signals, admin) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            let seconds = (host.clock().monotonic() - began).as_secs_f64();
            let hint = Some(culprit::find_hint(&why));
            let (what, outcome) = ("keystone".to_owned(), LineOutcome::Failed);
            let evidence = host.redact(&why);
            report(&Line { what, outcome, seconds, evidence, hint });
            return false;
        }
    };
    let computes = list_computes(spec, answers);
    let cloud = Cloud {
        host,
        spec,
        answers,
        computes,
        signals,
        run: format!("{PREFIX}{:x}-{}", host.clock().wall().as_secs(), std::process::id()),
        admin,
        project: None,
        image: None,
        net: None,
        flavor: None,
        servers: Vec::new(),
    };
    let mut proof = Proof { cloud, report, failed: false, culprits: Vec::new() };
    proof.run(options);
    !proof.failed
}

/// A proof under way.
struct Proof<'a, 'b> {
    cloud: Cloud<'a>,
    report: &'b mut dyn FnMut(&Line),
    failed: bool,
    /// What was found to be wrong with the services when a part failed.
    culprits: Vec<String>,
}

impl Proof<'_, '_> {
    fn run(&mut self, options: Options) {
        self.prove_line("leftovers", |cloud| remove_leftovers(cloud));
        if options.remove {
            return;
        }
        self.prove_line("project", identity::prove);
        self.prove_line("image", image::prove);
        self.prove_line("network", network::prove_network);
        self.prove_line("router", network::prove_router);
        self.prove_line("ports on the computes", ports::prove);
        self.prove_line("key pair and flavour", servers::prove_sizes);
        for compute in self.cloud.computes.clone() {
            let what = format!("server on {}", compute.name);
            self.prove_line(&what, |cloud| servers::prove_server(cloud, &compute));
        }
        self.prove_line("console", console::prove);
        self.prove_line("volume", volume::prove);
        self.prove_line("measure", measure::prove);
        self.prove_line("horizon", dashboard::prove);
        let interrupted = self.cloud.signals.arrived();
        if interrupted {
            let why = Fault::new("ended by a signal before everything was proven");
            self.tell("the proof", Duration::ZERO, Err(why.hint("start it again")));
        }
        if options.keep && !interrupted {
            let text = format!(
                "everything named {} stays; `firstboot prove --remove`, or the next proof, \
                 removes it",
                self.cloud.run
            );
            self.tell("clean-up", Duration::ZERO, Ok(Verdict::Skipped(text)));
        } else {
            self.clean_up();
        }
    }

    /// Proves one part, unless a signal has ended the proof.
    fn prove_line(&mut self, what: &str, part: impl FnOnce(&mut Cloud) -> Proved) {
        if self.cloud.signals.arrived() {
            return;
        }
        let began = self.cloud.host.clock().monotonic();
        let mut proved = part(&mut self.cloud);
        let took = self.cloud.host.clock().monotonic() - began;
        if let Err(fault) = &mut proved
            && !self.cloud.signals.arrived()
        {
            self.blame(fault);
        }
        self.tell(what, took, proved);
    }

    /// Adds to a fault which services do not work, and what to do.
    fn blame(&mut self, fault: &mut Fault) {
        if self.culprits.is_empty() {
            self.culprits = culprit::find(&self.cloud);
        }
        let own = fault.message.clone();
        for culprit in &self.culprits {
            fault.message += &format!("; {culprit}");
        }
        if fault.hint.is_none() || !self.culprits.is_empty() {
            // The services' lists know better than an error that is only their effect.
            let words = if self.culprits.is_empty() { own } else { self.culprits.join("; ") };
            fault.hint = Some(culprit::find_hint(&words));
        }
    }

    fn tell(&mut self, what: &str, took: Duration, proved: Proved) {
        let (outcome, evidence, hint) = match proved {
            Ok(Verdict::Proven(evidence)) => (LineOutcome::Ok, evidence, None),
            Ok(Verdict::Skipped(why)) => (LineOutcome::Skipped, why, None),
            Err(fault) => (LineOutcome::Failed, fault.message, fault.hint),
        };
        self.failed |= outcome == LineOutcome::Failed;
        let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
        let (what, evidence) = (what.to_owned(), self.cloud.host.redact(&evidence));
        (self.report)(&Line { what, outcome, seconds, evidence, hint });
    }

    /// Removes what this proof made, whatever came before.
    fn clean_up(&mut self) {
        let began = self.cloud.host.clock().monotonic();
        ports::remove(&self.cloud);
        let removed = cleanup::remove(&self.cloud, &self.cloud.run);
        let took = self.cloud.host.clock().monotonic() - began;
        let proved = match removed {
            Ok(removed) if removed.is_empty() => Ok(Verdict::Skipped("nothing was made".into())),
            Ok(removed) => Ok(Verdict::Proven(format!("removed {removed}"))),
            Err(left) => Err(Fault::new(left).hint(
                "once the services work, `firstboot prove --remove` removes it, as does the \
                 next proof",
            )),
        };
        self.tell("clean-up", took, proved);
    }
}

/// Removes what earlier proofs have left.
fn remove_leftovers(cloud: &Cloud) -> Proved {
    ports::remove(cloud);
    let removed = cleanup::remove(cloud, PREFIX)?;
    if removed.is_empty() {
        return Ok(Verdict::Skipped("an earlier proof has left nothing".to_owned()));
    }
    Ok(Verdict::Proven(format!("removed of an earlier proof: {removed}")))
}
