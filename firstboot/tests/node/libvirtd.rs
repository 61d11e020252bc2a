//! The libvirt step against a real libvirtd (Debian packages libvirt-daemon,
//! libvirt-daemon-driver-qemu and libvirt-clients) in namespaces.

use crate::double::{COMPUTE, FakeRunner, Node};
use crate::namespace::{Daemon, isolated};
use crate::real::RealProgram;
use firstboot::host::{Host, SystemClock};
use firstboot::steps::{CheckOutcome, Step};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn a_real_libvirtd_answers_and_one_that_is_not_there_is_waited_for() {
    isolated(|| {
        // Guests of the machine are not the test's.
        for directory in ["/etc/libvirt", "/var/lib/libvirt"] {
            std::fs::create_dir_all(directory).unwrap();
            let status = Command::new("mount").args(["-t", "tmpfs", "tmpfs", directory]).status();
            assert!(status.unwrap().success(), "{directory}");
        }
        let node = Node::new(COMPUTE);
        // The account that guests run as comes with a package whose services stay away.
        for (file, line) in [
            ("/etc/passwd", "libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\n"),
            ("/etc/group", "libvirt-qemu:x:64055:\n"),
        ] {
            let accounts = std::fs::read_to_string(file).unwrap();
            if !accounts.contains("libvirt-qemu:") {
                std::fs::write(file, accounts + line).unwrap();
            }
        }
        let runner = Box::new(RealProgram(FakeRunner(node.world.clone()), "virsh"));
        let host = Host::with(node.root.path(), runner, Box::new(SystemClock::default()));
        let check = || Step::Libvirt.check(&host, &node.spec).unwrap();
        let CheckOutcome::Waiting(what) = check() else { panic!("{:?}", check()) };
        assert!(what.contains("virsh -c qemu:///system list --all` to succeed"), "{what}");

        let mut libvirtd = Command::new("libvirtd");
        let _daemon = Daemon::start(
            libvirtd.stdout(Stdio::null()).stderr(Stdio::null()),
            "Debian package libvirt-daemon",
        );
        let mut found = check();
        for _ in 0..60 {
            if matches!(found, CheckOutcome::Met(_)) {
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
            found = check();
        }
        let CheckOutcome::Met(evidence) = found else { panic!("{found:?}") };
        assert!(evidence.contains("libvirtd answers, 0 guests defined"), "{evidence}");
    });
}
