//! Three nodes of a cloud, each with mounts and a network of its own: real Open vSwitch daemons
//! (Debian package openvswitch-switch, datapath in user space), and the built binary's services
//! `peers` and `watch`. Neutron's agents are doubles: `ovs-vsctl` makes what they make, and
//! `openflow-double.py` is the controller of their bridges.

use crate::namespace::{Daemon, isolated, until};
use crate::peer_lab::{Authority, BINARY};
use crate::tunnels::spec;
use contract::peers::places;
use contract::spec::Spec;
use contract::status::Outcome;
use firstboot::host::Host;
use firstboot::state::RunState;
use firstboot::steps::Step;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PACKAGE: &str = "Debian package openvswitch-switch";
const NAMES: [&str; 3] = ["openstack", "nova01", "nova02"];
/// How long a fault may go unnoticed.
const NOTICED: Duration = Duration::from_secs(20);

/// One node.
struct CloudNode {
    spec: Spec,
    /// A process that lives in the node; its namespaces go with it.
    holder: Daemon,
    daemons: BTreeMap<&'static str, Daemon>,
}

impl CloudNode {
    fn start(name: &str, authority: &Authority) -> CloudNode {
        let spec = spec(name);
        sh(&format!(
            "ip netns add {name}
             ip link add to-{name} type veth peer name eth0 netns {name}
             ip link set to-{name} master lan up
             ip -n {name} link set lo up
             ip -n {name} address add {}/24 dev eth0
             ip -n {name} link set eth0 up",
            spec.node.address
        ));
        let mounts = "mount -t tmpfs tmpfs /run
             for place in etc var root; do
                 mkdir -p /run/changes/$place/upper /run/changes/$place/work
                 mount -t overlay overlay /$place -o lowerdir=/$place,upperdir=/run/changes/$place/upper,workdir=/run/changes/$place/work
             done
             mkdir -p /run/openvswitch
             exec sleep infinity";
        let mut holder = Command::new("ip");
        holder.args(["netns", "exec", name, "unshare", "-m", "sh", "-e", "-c", mounts]);
        let holder = Daemon::start(&mut holder, "Debian package iproute2");
        let mut node = CloudNode { spec, holder, daemons: BTreeMap::new() };
        until("the node's mounts", || node.root().join("run/openvswitch").exists());
        node.write_files(authority);
        node.run(
            "ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema",
        );
        let database = "ovsdb-server --remote=punix:/run/openvswitch/db.sock -vconsole:off \
                        --pidfile=/run/openvswitch/ovsdb-server.pid /run/openvswitch/conf.db";
        node.start_daemon("database", database);
        until("the OVS database", || node.root().join("run/openvswitch/db.sock").exists());
        node.run("ovs-vsctl --no-wait init");
        node.start_switch();
        node.start_openflow();
        node
    }

    /// Its files, as this process sees them.
    fn root(&self) -> PathBuf {
        Path::new("/proc").join(self.holder.id().to_string()).join("root")
    }

    fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.root().join(&path[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Spec and keys; on the controller packstack's result; and a run that has ended.
    fn write_files(&self, authority: &Authority) {
        let (certificate, key) = authority.issue(&self.spec.node.name, self.spec.node.address);
        self.write(contract::spec::PATH, &self.spec.to_toml().unwrap(), 0o644);
        self.write(places::CA_FILE, &authority.pem, 0o644);
        self.write(places::CERTIFICATE_FILE, &certificate, 0o644);
        self.write(places::KEY_FILE, &key, 0o600);
        if self.spec.packstack.is_some() {
            let answers = "[general]\nCONFIG_NETWORK_HOSTS=192.168.1.10\n\
                           CONFIG_COMPUTE_HOSTS=192.168.1.11,192.168.1.12\n\
                           CONFIG_NEUTRON_ML2_TYPE_DRIVERS=vxlan\n";
            self.write("/var/lib/firstboot/packstack/answers.txt", answers, 0o600);
            let result = "{\"ended\":\"2026-11-24T02:28:00Z\"}";
            self.write("/var/lib/firstboot/packstack/result.json", result, 0o600);
            self.write("/root/keystonerc_admin", "", 0o600);
        }
        let mut state = RunState::new(&self.spec, &Host::open(Path::new("/")), String::new());
        for step in &mut state.steps {
            let is_tunnels = step.name == Step::Tunnels.name();
            step.outcome = if is_tunnels { Outcome::Skipped } else { Outcome::Unchanged };
        }
        state.save(&Host::open(&self.root())).unwrap();
    }

    /// `command` in the node.
    fn command(&self, command: &str) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["-m", "-n", "-t", &self.holder.id().to_string(), "--"]);
        inside.args(command.split_whitespace());
        inside
    }

    fn run(&self, command: &str) -> String {
        let output = self.command(command).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn start_daemon(&mut self, name: &'static str, command: &str) {
        let mut inside = self.command(command);
        // What a failing test prints is its own.
        inside.stderr(Stdio::null());
        self.daemons.insert(name, Daemon::start(&mut inside, PACKAGE));
    }

    /// Ends a daemon as `kill -9` does.
    fn kill(&mut self, name: &str) {
        drop(self.daemons.remove(name).unwrap());
    }

    fn start_switch(&mut self) {
        let switch = "ovs-vswitchd --disable-system -vconsole:off \
                      --pidfile=/run/openvswitch/ovs-vswitchd.pid unix:/run/openvswitch/db.sock";
        self.start_daemon("switch", switch);
        let answers = || self.command("ovs-appctl version").output().unwrap().status.success();
        until("the switch", answers);
    }

    fn start_openflow(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/openflow-double.py");
        self.start_daemon("openflow", &format!("python3 {script}"));
    }

    fn start_services(&mut self) {
        self.start_daemon("peers", &format!("{BINARY} peers --serve"));
        self.start_watch();
    }

    fn start_watch(&mut self) {
        self.start_daemon("watch", &format!("{BINARY} watch"));
    }

    /// As Neutron's agent makes it.
    fn make_bridge(&self, name: &str, patch: &str, peer: &str) {
        self.run(&format!(
            "ovs-vsctl -- --may-exist add-br {name} -- set bridge {name} datapath_type=netdev \
             fail_mode=secure -- set-controller {name} tcp:127.0.0.1:6633 -- --may-exist add-port \
             {name} {patch} -- set interface {patch} type=patch options:peer={peer}"
        ));
    }

    fn make_integration_bridge(&self) {
        self.make_bridge("br-int", "patch-tun", "patch-int");
    }

    fn make_tunnel(&self, other: [u8; 4]) {
        let [a, b, c, d] = other;
        let port = format!("vxlan-{a:02x}{b:02x}{c:02x}{d:02x}");
        self.run(&format!(
            "ovs-vsctl -- --may-exist add-port br-tun {port} -- set interface {port} type=vxlan \
             options:df_default=true options:in_key=flow options:out_key=flow \
             options:local_ip={} options:remote_ip={a}.{b}.{c}.{d}",
            self.spec.node.address
        ));
    }

    /// State and the message of the step `tunnels`, as `firstboot status` prints them.
    fn status(&self) -> (String, String) {
        let output = self.command(&format!("{BINARY} status --json")).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = status["steps"].as_array().unwrap();
        let tunnels = steps.iter().find(|step| step["name"] == "tunnels").unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&status["state"]), text(&tunnels["message"]))
    }
}

fn sh(script: &str) {
    let output = Command::new("sh").args(["-e", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

/// The cloud.
struct Cloud(Vec<CloudNode>);

impl Cloud {
    fn start() -> Cloud {
        sh("ip link add lan type bridge && ip link set lan up");
        let authority = Authority::new();
        let mut cloud = Cloud(NAMES.map(|name| CloudNode::start(name, &authority)).into());
        for node in &cloud.0 {
            node.make_integration_bridge();
            node.make_bridge("br-tun", "patch-int", "patch-tun");
            let own = node.spec.node.address;
            let others = node.spec.hosts.iter().filter(|host| host.address != own);
            others.for_each(|host| node.make_tunnel(host.address.octets()));
        }
        cloud.0.iter_mut().for_each(CloudNode::start_services);
        cloud
    }

    fn node(&mut self, name: &str) -> &mut CloudNode {
        self.0.iter_mut().find(|node| node.spec.node.name == name).unwrap()
    }

    /// Waits until every node is ready, with its tunnels.
    fn wait_for_ready(&self) {
        let is_ready = |node: &CloudNode| {
            let (state, message) = node.status();
            state == "ready" && message.contains(" follow Neutron's agent, vxlan tunnels to ")
        };
        let began = Instant::now();
        while !self.0.iter().all(is_ready) {
            let found: Vec<_> = self.0.iter().map(CloudNode::status).collect();
            assert!(began.elapsed() < Duration::from_secs(60), "{found:#?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the controller and the node `name` itself are not ready because of `fault`.
    fn expect(&self, name: &str, fault: &str) {
        let wanted = format!("{name}: {fault}");
        let began = Instant::now();
        for node in
            self.0.iter().filter(|node| ["openstack", name].contains(&&*node.spec.node.name))
        {
            let mut status = node.status();
            while status.0 == "ready" || !status.1.contains(&wanted) {
                assert!(began.elapsed() < NOTICED, "no `{wanted}` in {status:?}");
                std::thread::sleep(Duration::from_millis(200));
                status = node.status();
            }
        }
    }
}

#[test]
fn the_node_with_a_broken_switch_and_the_controller_are_not_ready() {
    isolated(|| {
        let mut cloud = Cloud::start();
        cloud.wait_for_ready();
        let (_, message) = cloud.node("openstack").status();
        assert!(message.contains("tunnels to nova01, nova02 are there"), "{message}");

        cloud.node("nova02").run("ovs-vsctl del-port br-tun vxlan-c0a8010b");
        cloud.expect("nova02", "no tunnel to nova01 (192.168.1.11)");
        assert_eq!(cloud.node("nova01").status().0, "ready", "its own end is there");
        cloud.node("nova02").make_tunnel([192, 168, 1, 11]);
        cloud.wait_for_ready();

        cloud.node("nova02").kill("switch");
        cloud.expect("nova02", "ovs-vswitchd does not answer");
        cloud.node("nova02").start_switch();
        cloud.wait_for_ready();

        cloud.node("nova01").kill("openflow");
        cloud.expect("nova01", "br-int's controller is not connected");
        cloud.node("nova01").start_openflow();
        cloud.wait_for_ready();

        cloud.node("nova02").run("ovs-vsctl del-br br-int");
        cloud.expect("nova02", "br-int is missing");
        cloud.node("nova02").make_integration_bridge();
        cloud.wait_for_ready();

        // Without its watch a node does not know.
        cloud.node("nova02").kill("watch");
        assert_eq!(cloud.node("nova02").status().0, "failed");
        cloud.node("nova02").start_watch();
        cloud.wait_for_ready();

        // One that hangs, on the controller itself.
        let switch = cloud.node("openstack").daemons["switch"].id();
        sh(&format!("kill -STOP {switch}"));
        cloud.expect("openstack", "ovs-vswitchd does not answer");
        sh(&format!("kill -CONT {switch}"));
        cloud.wait_for_ready();
    });
}
