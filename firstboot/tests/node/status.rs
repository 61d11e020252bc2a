//! `firstboot status` for people: one screen, whatever is wrong.

use contract::status::{CloudState, Outcome, Readiness, ServiceState, StepState};
use firstboot::report::Status;

const AT_WORK: &str = "\
openstack (controller): working
  identity     unchanged     12.3 s  identity is as it should be, in words …
  network      unchanged     12.3 s  network is as it should be, in words …
  services     unchanged     12.3 s  services is as it should be, in words …
  ssh-keys     unchanged     12.3 s  ssh-keys is as it should be, in words …
  repositories unchanged     12.3 s  repositories is as it should be, in …
  chrony       unchanged     12.3 s  chrony is as it should be, in words that …
  openvswitch  unchanged     12.3 s  openvswitch is as it should be, in words …
  packstack    working       12.3 s  step packstack begins
  3 steps      pending               aftercare, verify, announce
OpenStack is not up yet
";

const FAILED: &str = "\
openstack (controller): failed
  9 steps      done                  identity, network, services, ssh-keys,
                                     repositories, chrony, openvswitch,
                                     packstack, aftercare
  verify       failed        12.3 s  timed out after 600 s waiting for
                                     OpenStack to work (nova: nova-compute on
                                     nova02 is down; glance, cinder,
                                     ceilometer, aodh, gnocchi: not asked, as …
                                     hint: see the service's log under /var/log
                                     on the host that is named; then `firstboot
                                     retry verify`
  announce     blocked               not tried: it needs step verify, which
                                     failed
  2 services   answer                keystone, rabbitmq
  nova         FAILS                 nova-compute on nova02 is down
  5 services   FAIL                  glance, cinder, ceilometer, aodh, gnocchi:
                                     not asked, as Keystone gave no token:
                                     http://192.168.1.10:5000/v3/auth/tokens …
  neutron      FAILS                 L3 agent on openstack is not alive
OpenStack does not work as it should
";

/// A controller whose steps are met up to `last`, which has this outcome and message.
fn status(last: &str, outcome: Outcome, message: &str) -> Status {
    let names = [
        "identity",
        "network",
        "services",
        "ssh-keys",
        "repositories",
        "chrony",
        "openvswitch",
        "packstack",
        "aftercare",
        "verify",
        "announce",
    ];
    let at = names.iter().position(|name| *name == last).unwrap();
    let step = |(index, name): (usize, &&str)| {
        StepState {
        outcome: match index {
            index if index < at => Outcome::Unchanged,
            index if index == at => outcome,
            _ if outcome == Outcome::Failed => Outcome::Blocked,
            _ => Outcome::Pending,
        },
        message: match index {
            index if index < at => format!("{name} is as it should be, in words that are too long for one line"),
            index if index == at => message.to_owned(),
            _ if outcome == Outcome::Failed => format!("not tried: it needs step {last}, which failed"),
            _ => String::new(),
        },
        hint: (index == at && outcome == Outcome::Failed)
            .then(|| "see the service's log under /var/log on the host that is named; then `firstboot retry verify`".to_owned()),
        seconds: 12.34,
        ..StepState::pending(name)
    }
    };
    Status {
        node: "openstack".to_owned(),
        role: "controller".to_owned(),
        state: if outcome == Outcome::Failed { Readiness::Failed } else { Readiness::Working },
        steps: names.iter().enumerate().map(step).collect(),
        peers: Vec::new(),
        services: Vec::new(),
        cloud: Some(CloudState::Working),
        note: None,
    }
}

fn service(name: &str, ok: bool, evidence: &str) -> ServiceState {
    ServiceState { name: name.to_owned(), ok, evidence: evidence.to_owned() }
}

/// `text`, which fits a screen of 80 columns and 24 lines.
fn screen(status: &Status) -> String {
    let text = status.to_text(Some(80));
    assert!(text.lines().count() <= 24, "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
    text
}

#[test]
fn a_step_at_work_has_the_others_next_to_it() {
    let text = screen(&status("packstack", Outcome::Working, "step packstack begins"));
    assert_eq!(text, AT_WORK);
}

#[test]
fn equal_faults_are_one() {
    let mut status = status(
        "verify",
        Outcome::Failed,
        "timed out after 600 s waiting for OpenStack to work (nova: nova-compute on nova02 is down; \
         glance, cinder, ceilometer, aodh, gnocchi: not asked, as Keystone gave no token: \
         http://192.168.1.10:5000/v3/auth/tokens does not answer: Connection refused; neutron: L3 \
         agent on openstack is not alive)",
    );
    status.cloud = Some(CloudState::Failed);
    let refused = "not asked, as Keystone gave no token: \
                   http://192.168.1.10:5000/v3/auth/tokens does not answer: Connection refused";
    status.services = vec![
        service("keystone", true, "gives admin a token"),
        service("rabbitmq", true, "begins a connection"),
        service("nova", false, "nova-compute on nova02 is down"),
        service("glance", false, refused),
        service("neutron", false, "L3 agent on openstack is not alive"),
        service("cinder", false, refused),
        service("ceilometer", false, refused),
        service("aodh", false, refused),
        service("gnocchi", false, refused),
    ];
    assert_eq!(screen(&status), FAILED);
    let long = status.to_text(None);
    assert!(long.contains("L3 agent on openstack is not alive)\n"), "{long}");
}
