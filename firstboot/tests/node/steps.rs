//! Each step on a double of a node, healthy and in its unhealthy variants.

use crate::double::{COMPUTE, FakeUnit, Node, plain, printed};
use contract::status::Outcome::{Blocked, Changed, Failed, Unchanged};
use firstboot::host::{Interface, Output};
use firstboot::steps::Step;
use std::os::unix::fs::PermissionsExt;

#[test]
fn identity_puts_each_file_right() {
    for (path, text, word) in [
        ("/etc/hostname", "localhost.localdomain\n", "/etc/hostname"),
        ("/etc/hosts", "127.0.0.1 localhost\n", "/etc/hosts"),
        ("/etc/resolv.conf", "nameserver 192.168.1.254\nsearch example.com\n", "/etc/resolv.conf"),
        (
            "/etc/sysconfig/network-scripts/ifcfg-eth0",
            "DEVICE=eth0\nBOOTPROTO=dhcp\n",
            "ifcfg-eth0",
        ),
    ] {
        let node = Node::plain();
        let right = node.read(path);
        node.write(path, text);
        let state = node.expect(Step::Identity, Changed, &[word]);
        assert_eq!(node.read(path), right);
        assert_eq!(state.attempts, 1);
        node.expect(Step::Identity, Unchanged, &["openstack"]);
    }
}

#[test]
fn identity_sets_the_kernels_host_name() {
    let node = Node::plain();
    node.world.borrow_mut().host_name = "localhost".into();
    node.expect(Step::Identity, Changed, &["host name openstack"]);
    assert_eq!(node.called("sethostname openstack"), 1);
}

#[test]
fn identity_fails_with_a_message_where_a_file_cannot_be_replaced() {
    let node = Node::plain();
    let hosts = node.root.path().join("etc/hosts");
    std::fs::remove_file(&hosts).unwrap();
    std::fs::create_dir_all(hosts.join("full")).unwrap();
    let state = node.run();
    assert_eq!(state.steps[0].outcome, Failed);
    assert!(state.steps[0].message.contains("/etc/hosts"), "{:?}", state.steps[0]);
    // What needs it is not tried, what does not is.
    let outcomes: Vec<_> = state.steps.iter().map(|step| step.outcome).collect();
    let (failed, blocked, fine) = (Failed, Blocked, Unchanged);
    let wanted = [failed, blocked, fine, fine, blocked, blocked, blocked, blocked];
    assert_eq!(outcomes, wanted);
}

#[test]
fn network_waits_for_what_comes_by_itself() {
    let node = Node::plain();
    let healthy = node.world.borrow().interfaces.clone();
    let loopback = Interface { name: "lo".into(), ..Interface::default() };
    node.world.borrow_mut().interfaces = vec![loopback];
    node.world.borrow_mut().at(40, move |world| world.interfaces = healthy);
    let state = node.expect(Step::Network, Unchanged, &["eth0 is up with 192.168.1.10/24"]);
    assert!((40.0..45.0).contains(&state.seconds), "{}", state.seconds);
    let records = node.records.0.lock().unwrap();
    let waits: Vec<&str> = records
        .iter()
        .filter(|fields| fields["FIRSTBOOT_OUTCOME"] == "waiting")
        .map(|fields| fields["MESSAGE"].as_str())
        .collect();
    assert_eq!(
        waits,
        [
            "waiting for interface eth0 to appear (there are: lo); 0 s so far, at most 300 s",
            "waiting for interface eth0 to appear (there are: lo); 30 s so far, at most 300 s"
        ]
    );
}

#[test]
fn network_is_restarted_for_a_missing_address_but_not_while_it_starts() {
    let node = Node::plain();
    let address = node.spec.node.address;
    {
        let mut world = node.world.borrow_mut();
        world.interfaces[0].addresses.clear();
        world.unit("network").active = "activating";
        world.unit("network").start.1 = |world| {
            world.interfaces[0].addresses.push(("192.168.1.10".parse().unwrap(), 24));
        };
        world.at(10, |world| world.unit("network").active = "active");
    }
    node.expect(Step::Network, Changed, &[&address.to_string(), "systemctl restart network"]);
    assert_eq!(node.called("systemctl --no-pager restart"), 1);
    assert!(node.world.borrow().now.as_secs() >= 10);
}

/// On a slow machine network.service ends between the check of the interface and its own.
#[test]
fn network_is_not_restarted_when_it_has_just_finished() {
    let node = Node::plain();
    {
        let mut world = node.world.borrow_mut();
        world.interfaces[0].addresses.clear();
        world.unit("network").shown = |world| {
            world.interfaces[0].addresses = vec![("192.168.1.10".parse().unwrap(), 24)];
        };
    }
    node.expect(Step::Network, Unchanged, &["eth0 is up with 192.168.1.10/24"]);
    assert_eq!(node.called("systemctl --no-pager restart"), 0);
}

#[test]
fn network_gives_up_in_bounded_time_and_reports_what_exists() {
    let node = Node::plain();
    node.world.borrow_mut().interfaces[0].addresses = vec![("10.0.2.15".parse().unwrap(), 8)];
    let words = ["still wrong after 4 attempts", "eth0 lacks 192.168.1.10/24", "10.0.2.15/8"];
    node.expect(Step::Network, Failed, &words);
    assert_eq!(node.called("systemctl --no-pager restart network.service"), 4);

    let node = Node::plain();
    node.world.borrow_mut().interfaces[0].carrier = false;
    node.expect(Step::Network, Failed, &["timed out after 300 s waiting for a carrier on eth0"]);

    let node = Node::plain();
    node.write("/proc/net/route", "Iface Destination\n");
    node.expect(Step::Network, Failed, &["no default route over eth0"]);
}

#[test]
fn services_are_enabled_started_disabled_and_stopped() {
    let node = Node::plain();
    {
        let mut world = node.world.borrow_mut();
        *world.unit("sshd") = FakeUnit::new("inactive", false);
        world.units.insert("firewalld.service".into(), FakeUnit::new("active", true));
    }
    node.expect(
        Step::Services,
        Changed,
        &["enable sshd", "start sshd", "disable firewalld", "stop firewalld", "4 units run"],
    );
    assert_eq!(node.called("systemctl --no-pager disable NetworkManager"), 0, "it is absent");
    node.expect(Step::Services, Unchanged, &["2 are off or absent"]);
}

#[test]
fn services_wait_for_units_that_are_on_their_way() {
    let node = Node::plain();
    {
        let mut world = node.world.borrow_mut();
        world.unit("sshd").active = "inactive";
        world.unit("sshd").job = true;
        world.unit("openvswitch").active = "activating";
        world.at(20, |world| {
            world.unit("sshd").active = "active";
            world.unit("sshd").job = false;
            world.unit("openvswitch").active = "active";
        });
    }
    node.expect(Step::Services, Unchanged, &[]);
    assert_eq!(node.called("systemctl --no-pager start"), 0);

    let node = Node::plain();
    node.world.borrow_mut().unit("sshd").active = "activating";
    node.expect(
        Step::Services,
        Failed,
        &["timed out after 300 s waiting for sshd, which is activating"],
    );
}

#[test]
fn services_name_absent_and_broken_units() {
    let node = Node::new(COMPUTE);
    node.world.borrow_mut().units.remove("libvirtd.service");
    let state = node.expect(Step::Services, Failed, &["libvirtd (not-found)"]);
    assert!(state.hint.unwrap().contains("install the package"));

    let node = Node::plain();
    node.world.borrow_mut().unit("sshd").active = "failed";
    node.world.borrow_mut().unit("sshd").start.0 = 1;
    node.world.borrow_mut().unit("chronyd").active = "inactive";
    let said = printed(
        0,
        "/etc/ssh/sshd_config line 7: Bad configuration option\n\n\x1b[31mbye\n\x1b[31mbye\n",
    );
    node.world.borrow_mut().answers.insert("journalctl", vec![said]);
    let words = [
        "`systemctl start sshd` failed",
        "exit code 1",
        "sshd.service said: /etc/ssh/sshd_config line 7: Bad configuration option | [31mbye",
    ];
    let state = node.expect(Step::Services, Failed, &words);
    assert_ne!(node.called("journalctl --no-pager -b -o cat -n 50 _SYSTEMD_UNIT=sshd.service"), 0);
    assert!(state.hint.unwrap().contains("journalctl -u sshd"));
    assert_eq!(node.world.borrow_mut().unit("chronyd").active, "active", "others were started");
}

#[test]
fn chrony_waits_for_a_selected_source_and_names_it() {
    let node = Node::plain();
    let waiting = printed(0, "^,?,192.168.1.254,3,6,1,2,0.1,0.1,0.1\n");
    node.world.borrow_mut().answers.get_mut("chronyc").unwrap().insert(0, waiting);
    let words = ["follows 192.168.1.254 (stratum 3)", "offset -0.000012 s"];
    node.expect(Step::Chrony, Unchanged, &words);
}

#[test]
fn chrony_is_configured_and_restarted_once() {
    let node = Node::plain();
    node.write("/etc/chrony.conf", "server 0.centos.pool.ntp.org iburst\nrtcsync\n");
    node.expect(Step::Chrony, Changed, &["/etc/chrony.conf", "systemctl restart chronyd"]);
    assert_eq!(node.read("/etc/chrony.conf"), "server 192.168.1.254 iburst\nrtcsync\n");
    assert_eq!(node.called("systemctl --no-pager restart chronyd"), 1);
}

#[test]
fn chrony_restarts_a_daemon_that_has_not_read_its_configuration() {
    let node = Node::plain();
    let other = printed(0, "^,*,203.0.113.7,2,6,377,2,0.1,0.1,0.1\n");
    node.world.borrow_mut().answers.get_mut("chronyc").unwrap().insert(0, other);
    node.expect(Step::Chrony, Changed, &["systemctl restart chronyd"]);
}

#[test]
fn chrony_reports_at_the_deadline_what_was_asked_and_answered() {
    for (answer, words) in [
        ("^,?,192.168.1.254,0,6,0,4294967295,0,0,0\n", "192.168.1.254 has not answered"),
        ("^,?,192.168.1.254,3,6,7,3,0,0,0\n", "answered 3 of the last 8 polls"),
        ("^,x,192.168.1.254,3,6,377,3,9,9,0\n", "disagrees with the other sources"),
    ] {
        let node = Node::plain();
        node.world.borrow_mut().answers.insert("chronyc", vec![printed(0, answer)]);
        let wait = "timed out after 180 s waiting for chronyd to select a source";
        let state = node.expect(Step::Chrony, Failed, &[wait, words]);
        assert!((180.0..182.0).contains(&state.seconds));
        assert!(state.hint.unwrap().contains("192.168.1.254 answers NTP"));
    }
}

#[test]
fn chrony_distinguishes_a_dead_daemon_from_a_mute_one() {
    let dead = printed(1, "506 Cannot talk to daemon\n");
    let node = Node::plain();
    node.world.borrow_mut().answers.insert("chronyc", vec![dead.clone()]);
    node.expect(Step::Chrony, Failed, &["chronyd to answer chronyc", "506 Cannot talk to daemon"]);

    // It dies after the services step has seen it alive.
    let node = Node::plain();
    let spec = node.spec.clone();
    node.world.borrow_mut().answers.get_mut("chronyc").unwrap().insert(0, dead);
    node.world.borrow_mut().unit("chronyd").active = "failed";
    let found = Step::Chrony.check(&node.host(), &spec);
    assert_eq!(found, Ok(firstboot::steps::CheckOutcome::Unmet("chronyd is failed (dead)".into())));
}

#[test]
fn chrony_asks_an_old_chronyc_for_its_table() {
    let node = Node::plain();
    let usage = Output { code: Some(1), stderr: "Unrecognized option -c".into(), ..printed(1, "") };
    let table = "210 Number of sources = 1\nMS Name/IP address\n=====\n\
                 ^* 192.168.1.254   3   6   377    12   +14us[  +14us] +/-   81us\n";
    node.world.borrow_mut().answers.insert("chronyc", vec![usage, printed(0, table)]);
    node.expect(Step::Chrony, Unchanged, &["offset +0.000014 s"]);
}

#[test]
fn a_missing_program_is_a_failure_with_a_hint() {
    let node = Node::plain();
    node.world.borrow_mut().answers.remove("chronyc");
    let state = node.expect(Step::Chrony, Failed, &["there is no program `chronyc`"]);
    assert!(state.hint.unwrap().contains("install"));
}

#[test]
fn libvirt_is_for_computes_and_must_answer() {
    let controller = Node::plain().run();
    assert!(controller.steps.iter().all(|step| step.name != "libvirt"));

    let node = Node::new(COMPUTE);
    node.expect(Step::Libvirt, Unchanged, &["libvirtd answers, 0 guests"]);
    assert_eq!(node.called("virsh -c qemu:///system list --all"), 1);

    let refused = "error: failed to connect to the hypervisor\n";
    let refused = Output { stderr: refused.into(), ..printed(1, "") };
    node.world.borrow_mut().answers.insert("virsh", vec![refused]);
    node.expect(
        Step::Libvirt,
        Failed,
        &["timed out after 120 s", "failed to connect to the hypervisor"],
    );
}

#[test]
fn open_vswitch_must_answer_where_it_is_wanted() {
    let node = Node::plain();
    node.expect(Step::OpenVswitch, Unchanged, &["2.5.0 answers", "bridges: br-int"]);
    let mute = Output { stderr: "cannot connect to ovs-vswitchd.pid".into(), ..printed(1, "") };
    node.world.borrow_mut().answers.insert("ovs-appctl", vec![mute]);
    node.expect(Step::OpenVswitch, Failed, &["ovs-vswitchd to answer"]);

    let without = Node::new(&plain().replace(", \"openvswitch\"", ""));
    assert!(without.run().steps.iter().all(|step| step.name != "openvswitch"));
}

/// packstack makes root's ssh files stricter than imgbuild does; sshd accepts both.
#[test]
fn stricter_modes_of_ssh_files_stay() {
    let node = Node::plain();
    let set = |path: &str, mode: u32| {
        let path = node.root.path().join(&path[1..]);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::create_dir_all(node.root.path().join("root/.ssh")).unwrap();
    node.write("/root/.ssh/authorized_keys", "ssh-rsa AAAA root@openstack\n");
    for (directory, keys, outcome) in [
        (0o500, 0o400, Unchanged),
        (0o700, 0o600, Unchanged),
        (0o500, 0o440, Changed),
        (0o755, 0o400, Changed),
        (0o600, 0o600, Changed),
        (0o700, 0o200, Changed),
    ] {
        set("/root/.ssh/authorized_keys", keys);
        set("/root/.ssh", directory);
        let state = node.step(Step::SshKeys);
        assert_eq!(state.outcome, outcome, "{directory:o} {keys:o}: {state:?}");
        assert!(state.message.starts_with("1 key may log in as root"), "{state:?}");
    }
}
