//! firstboot asks for puppet and ends it: genuine puppet, ssh, sshd and procps of EL7, puppet
//! started over ssh by the line that packstack 9 starts it with.

use contract::spec::Spec;
use firstboot::host::{Host, Output, Program, Runner, SystemRunner};
use firstboot::services::packstack::puppet::{PuppetReport, ask, ask_over_ssh, stop};
use lab_tests::closed_node::ClosedNode;
use lab_tests::el7_root::El7Root;
use lab_tests::product;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const CONTROLLER: &str = include_str!("../../../firstboot/examples/controller.spec.toml");
/// What packstack needs on a host, besides puppet.
const PACKAGES: [&str; 7] = [
    "bash",
    "coreutils",
    "iproute",
    "openssh-clients",
    "openssh-server",
    "procps-ng",
    "util-linux",
];
/// An sshd that lets root in by its key; then the host is there.
const BOOT: &str = "export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    ip link set lo up
    echo 'root:x:0:0:root:/root:/bin/bash' >/etc/passwd
    echo 'sshd:x:74:74::/var/empty/sshd:/sbin/nologin' >>/etc/passwd
    mkdir -p /root/.ssh /var/empty/sshd; chmod 0700 /root /root/.ssh
    chown root:root /root /var/empty/sshd; chmod 0755 /var/empty/sshd
    ssh-keygen -q -N '' -t rsa -f /root/.ssh/id_rsa; ssh-keygen -A
    cp /root/.ssh/id_rsa.pub /root/.ssh/authorized_keys
    /usr/sbin/sshd -o UsePAM=no -o UseDNS=no
    touch /booted; exec sleep infinity";
/// packstack's line, given to a shell over ssh; the manifest waits for long.
const APPLY: &str = "export HOME=/root
    at=/var/tmp/packstack/030eb1be25234a219542ec2f67651c24
    log=$at/manifests/127.0.0.1_compute.pp
    mkdir -p $at/manifests $at/modules
    echo 'notify { \"begun\": } -> exec { \"/usr/bin/sleep 600\": timeout => 0 }' >$log
    echo \"( flock $at/ps.lock puppet apply  --modulepath $at/modules $log > $log.running \
        2>&1 < /dev/null ; mv $log.running $log.finished ) > /dev/null 2>&1 < /dev/null &\" |
        ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 bash -x";

/// An EL7 host with puppet and sshd, in namespaces of its own.
struct El7Host {
    root: El7Root,
    processes: Child,
    /// The first process in the namespaces, as this machine numbers it.
    first: String,
}

impl El7Host {
    fn boot(shared: &Path) -> El7Host {
        let root = El7Root::with(shared, &PACKAGES);
        for start in ["augeas-", "facter-", "hiera-", "libselinux-", "puppet-4", "ruby"] {
            root.unpack_all(&shared.join("el7/puppet"), start);
        }
        let osp10 = shared.join("el7/osp10/rhel-7-server-openstack-10-rpms/Packages");
        root.unpack_all(&osp10, "libyaml-0");
        let inside = root.command(Path::new("/mnt"), BOOT);
        let mut command = Command::new("unshare");
        command.arg("--net").arg(inside.get_program()).args(inside.get_args());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let processes = command.spawn().expect("unshare");
        wait_until("the host boots", || root.path().join("booted").exists());
        let id = processes.id();
        let first = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("child");
        El7Host { root, processes, first: first.trim().to_owned() }
    }

    /// firstboot's sight of it; programs run inside.
    fn open(&self) -> Host {
        let first = self.first.clone();
        let programs = move |program: &Program| {
            let enter = ["--target", first.as_str(), "--mount", "--net", "--pid", "--root", "--wd"];
            let inside = Program::new("nsenter").args(enter).arg("--").arg(&program.name);
            let words = program.args.iter().map(String::as_str);
            SystemRunner.run(&inside.args(words).time_limit(program.limit))
        };
        ClosedNode { programs, ssh: |_| Ok(()) }.open(self.root.path())
    }
}

impl Drop for El7Host {
    fn drop(&mut self) {
        // With `unshare` all that it started ends.
        let _ = self.processes.kill();
        let _ = self.processes.wait();
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("timed out after 60 s: {what}");
}

#[test]
fn puppet_is_found_and_ended_over_ssh() {
    let Some(shared) = product::shared() else { return };
    let host = El7Host::boot(&shared);
    let node = host.open();
    let spec = Spec::parse(CONTROLLER).expect("spec");
    let there = Ipv4Addr::LOCALHOST;
    let look = || PuppetReport::parse(&ask(&node, &spec, there).expect("an answer"));
    assert_eq!(look(), PuppetReport::default());

    let apply = Program::new("sh").args(["-c", APPLY]);
    let begun: Output = node.run(&apply).expect("sh");
    assert!(begun.ok(), "{begun:?}");
    wait_until("puppet runs the command", || {
        look().notice.is_some_and(|notice| notice.contains("Notify[begun]"))
    });
    let report = look();
    let manifests: Vec<&str> = report.processes.iter().map(|p| p.manifest.as_str()).collect();
    assert_eq!(manifests, ["127.0.0.1_compute.pp"; 2], "flock and puppet");
    let said = report.notice.expect("a notice");
    assert_eq!(said, "/Stage[main]/Main/Notify[begun]/message: defined 'message' as 'begun'");
    let before = ask_over_ssh(&node, there).expect("an answer");
    assert_eq!(ask(&node, &spec, spec.node.address).expect("an answer"), before, "without ssh");

    stop(&node, &spec, there).expect("it ends");
    wait_until("packstack would see its end", || {
        ask(&node, &spec, there).is_ok_and(|text| text.contains(".pp.finished "))
    });
    assert_eq!(look(), PuppetReport::default());
    let left = node.run(&Program::new("pgrep").args(["-a", "sleep"])).expect("pgrep");
    assert!(!left.stdout.contains("600"), "{left:?}");
}
