//! The bridge against real ovsdb-server and ovs-vswitchd (Debian package
//! openvswitch-switch, datapath in user space) in namespaces of our own.

use crate::double::{CONTROLLER, FakeRunner, Node};
use crate::namespace::{Daemon, isolated, until};
use contract::node_files as files;
use firstboot::host::Fault;
use firstboot::host::http::{Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{Clock, Host, Interface, Output, Program, Runner, SystemClock, SystemRunner};
use firstboot::steps::{CheckOutcome, Step};
use serde_json::Value;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What sees each command line.
pub type Hook = Box<dyn FnMut(&str)>;

/// The real network and switch; units from the double. `hook` sees each command line.
pub struct RealNetwork {
    pub rest: FakeRunner,
    pub hook: RefCell<Hook>,
}

impl Runner for RealNetwork {
    fn run(&self, program: &Program) -> io::Result<Output> {
        if program.name == "systemctl" {
            return self.rest.run(program);
        }
        self.hook.borrow_mut()(&program.to_string());
        SystemRunner.run(program)
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        self.rest.spawn(program, log)
    }

    fn reach(&self, to: SocketAddrV4, limit: Duration) -> io::Result<()> {
        SystemRunner.reach(to, limit)
    }

    fn exchange(&self, to: SocketAddrV4, sent: &[u8], length: u64) -> io::Result<Vec<u8>> {
        SystemRunner.exchange(to, sent, length)
    }

    fn http(&self, request: &Request) -> io::Result<Response> {
        self.rest.http(request)
    }

    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
        SystemRunner.ovsdb(socket, method, params)
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        SystemRunner.interfaces()
    }

    fn host_name(&self) -> io::Result<String> {
        self.rest.host_name()
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        self.rest.set_host_name(name)
    }
}

/// Real time with short pauses.
#[derive(Default)]
pub struct Quick(SystemClock);

impl Clock for Quick {
    fn wall(&self) -> Duration {
        self.0.wall()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, time: Duration) {
        self.0.sleep(time.min(Duration::from_millis(200)));
    }
}

/// Has the gateway's end of the cable write real checksums: the switch in user space takes
/// frames as they are (ioctl SIOCETHTOOL, ETHTOOL_STXCSUM).
const NO_OFFLOAD: &str = "import fcntl, socket, struct, array
value = array.array(\"B\", struct.pack(\"II\", 0x17, 0))
request = struct.pack(\"16sP\", b\"gw0\", value.buffer_info()[0])
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8946, request)";

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-e", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A controller of its own network namespace, whose gateway is in another one.
struct Lab {
    node: Node,
    daemons: Vec<Daemon>,
}

impl Lab {
    fn new() -> Lab {
        let mut spec = contract::spec::Spec::parse(CONTROLLER).unwrap();
        spec.bridge.as_mut().unwrap().datapath = Some("netdev".into());
        let node = Node::new(&spec.to_toml().unwrap());
        // As imgbuild leaves it: the address is the interface's.
        node.write(
            &files::ifcfg_path("eth0"),
            &(files::ifcfg(&spec)
                + "HWADDR=52:54:00:00:00:10\nMTU=1400\nIPV6ADDR=2001:db8::10/64\n"),
        );
        std::fs::remove_file(node.root.path().join(&files::ifcfg_path("br-ex")[1..])).unwrap();
        let root = node.root.path().display();
        sh(&format!(
            "mkdir -p {root}/var/run/openvswitch
             ln -s {root}/var/run/openvswitch /run/openvswitch
             rm {root}/proc/net/route
             mount --bind /proc/thread-self/net {root}/proc/net
             ip netns add gateway
             ip link add eth0 address 52:54:00:00:00:10 type veth peer name gw0 netns gateway
             ip -n gateway address add 192.168.1.254/24 dev gw0
             ip -n gateway link set gw0 up
             ip netns exec gateway python3 -c '{NO_OFFLOAD}'
             ip address add 192.168.1.10/24 dev eth0
             ip address add 10.0.0.2/24 dev eth0
             ip address add 2001:db8::10/64 dev eth0 nodad
             ip link set eth0 up mtu 1400
             ip route add default via 192.168.1.254
             ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema"
        ));
        let mut lab = Lab { node, daemons: Vec::new() };
        lab.start_switch();
        lab
    }

    fn start_switch(&mut self) {
        let package = "Debian package openvswitch-switch";
        let mut server = Command::new("ovsdb-server");
        server.args(["--remote=punix:/run/openvswitch/db.sock", "-vconsole:err"]);
        server.args(["--pidfile=/run/openvswitch/ovsdb-server.pid", "/run/openvswitch/conf.db"]);
        self.daemons.push(Daemon::start(&mut server, package));
        until("the OVS database", || Path::new("/run/openvswitch/db.sock").exists());
        sh("ovs-vsctl --no-wait init");
        let mut switch = Command::new("ovs-vswitchd");
        switch.args(["--disable-system", "-vconsole:err"]);
        switch.args(["--pidfile=/run/openvswitch/ovs-vswitchd.pid"]);
        switch.arg("unix:/run/openvswitch/db.sock");
        self.daemons.push(Daemon::start(&mut switch, package));
        until("the switch", || {
            Command::new("ovs-appctl").arg("version").output().unwrap().status.success()
        });
    }

    /// Ends the daemons and starts them, as a reboot does: devices and flows are gone.
    fn restart_switch(&mut self) {
        self.daemons.drain(..).rev().for_each(drop);
        sh("rm -f /run/openvswitch/*.sock /run/openvswitch/*.pid /run/openvswitch/*.ctl");
        self.start_switch();
        until("br-ex", || sh("ip -o link show").contains(" br-ex: "));
        sh("ip address replace 192.168.1.10/24 dev br-ex
            ip link set br-ex up
            ip route replace default via 192.168.1.254 dev br-ex");
    }

    fn host(&self, hook: impl FnMut(&str) + 'static) -> Host {
        let rest = FakeRunner(self.node.world.clone());
        let runner = RealNetwork { rest, hook: RefCell::new(Box::new(hook)) };
        Host::with(self.node.root.path(), Box::new(runner), Box::new(Quick::default()))
    }

    /// Whether the gateway refuses a connection: packets go there and come back.
    fn gateway_answers() -> bool {
        let gateway = "192.168.1.254:9".parse().unwrap();
        let answer = std::net::TcpStream::connect_timeout(&gateway, Duration::from_secs(3));
        answer.unwrap_err().kind() == io::ErrorKind::ConnectionRefused
    }
}

#[test]
fn the_address_moves_to_the_bridge_and_survives_neutron_by_the_cure() {
    isolated(|| {
        let mut lab = Lab::new();
        lab.node.write(
            &files::route_path("br-ex"),
            "ADDRESS0=10.20.0.0\nNETMASK0=255.255.0.0\nGATEWAY0=192.168.1.253\n",
        );
        sh("ip route add 10.20.0.0/16 via 192.168.1.253");
        let host = lab.host(|_| {});
        let spec = lab.node.spec.clone();
        let check = || Step::OpenVswitch.check(&host, &spec).unwrap();
        let CheckOutcome::Unmet(wrong) = check() else { panic!("{:?}", check()) };
        assert!(wrong.contains("there is no bridge br-ex"), "{wrong}");

        let changes = Step::OpenVswitch.apply(&host, &lab.node.spec).unwrap();
        assert!(changes.contains(&"bridge br-ex".to_owned()), "{changes:?}");
        let CheckOutcome::Met(evidence) = check() else { panic!("{:?}", check()) };
        assert!(evidence.contains("br-ex has 192.168.1.10 and port eth0"), "{evidence}");
        assert!(Lab::gateway_answers());
        // What tools not ours report.
        assert_eq!(sh("ovs-vsctl list-ports br-ex").trim(), "eth0");
        assert_eq!(sh("ovs-vsctl get-fail-mode br-ex").trim(), "standalone");
        assert!(sh("ip -4 -o address show dev br-ex").contains("192.168.1.10/24"));
        assert_eq!(sh("ip -4 -o address show dev eth0").trim(), "");
        assert!(sh("ip route show default").contains("via 192.168.1.254 dev br-ex"));
        assert!(sh("ip route show 10.20.0.0/16").contains("via 192.168.1.253 dev br-ex"));
        assert!(lab.node.read(&files::ifcfg_path("eth0")).contains("HWADDR=52:54:00:00:00:10"));
        // What the interface had goes with the address, the hardware address too.
        assert!(sh("ip -4 -o address show dev br-ex").contains("10.0.0.2/24"));
        assert!(sh("ip -6 -o address show dev br-ex").contains("2001:db8::10/64"));
        assert!(!sh("ip -6 -o address show dev eth0").contains("2001:db8::10"));
        assert!(sh("ip -o link show br-ex").contains("link/ether 52:54:00:00:00:10"));
        assert!(sh("ip -o link show br-ex").contains(" mtu 1400 "));
        let file = lab.node.read(&files::ifcfg_path("br-ex"));
        for line in ["MTU=1400", "MACADDR=52:54:00:00:00:10", "IPV6ADDR=2001:db8::10/64"] {
            assert!(file.lines().any(|l| l == line), "{line} in:\n{file}");
        }

        // As Neutron leaves it: secure, with a controller that does not exist.
        sh("ovs-vsctl set-fail-mode br-ex secure -- set-controller br-ex tcp:127.0.0.1:6633");
        lab.restart_switch();
        assert!(!Lab::gateway_answers(), "without the cure the node is cut off");
        // What ifup-ovs of CentOS 7 does with the file.
        let file = lab.node.root.path().join(&files::ifcfg_path("br-ex")[1..]);
        sh(&format!(
            ". {}; ovs-vsctl -t 10 -- --may-exist add-br \"$DEVICE\" $OVS_OPTIONS -- $OVS_EXTRA",
            file.display()
        ));
        assert!(Lab::gateway_answers(), "with the cure it is not");
        lab.restart_switch();
        assert!(Lab::gateway_answers(), "and stays so");
        assert!(matches!(check(), CheckOutcome::Met(_)), "{:?}", check());
    });
}

/// The files of the lab notes and a bridge that has the address already: nothing moves.
#[test]
fn the_lab_notes_files_are_left_as_they_are() {
    isolated(|| {
        let lab = Lab::new();
        let host = lab.host(|_| {});
        let changes = Step::OpenVswitch.apply(&host, &lab.node.spec).unwrap();
        let moved = "192.168.1.10/24 moved from eth0 to br-ex".to_owned();
        assert!(changes.contains(&moved), "{changes:?}");
        let notes = "ONBOOT=yes\nNM_CONTROLLED=\"no\"\nIPADDR=192.168.1.10\n\
                     NETMASK=255.255.255.0\nGATEWAY=192.168.1.254\nDEVICE=br-ex\nNAME=br-ex\n\
                     DEVICETYPE=ovs\nOVSBOOTPROTO=static\nTYPE=OVSBridge\n";
        let port = "DEVICE=eth0\nNAME=eth0\nDEVICETYPE=ovs\nTYPE=OVSPort\nOVS_BRIDGE=br-ex\n\
                    ONBOOT=yes\nBOOTPROTO=none\n";
        lab.node.write(&files::ifcfg_path("br-ex"), notes);
        lab.node.write(&files::ifcfg_path("eth0"), port);
        // The lab's bridges are the kernel's.
        let mut spec = lab.node.spec.clone();
        spec.bridge.as_mut().unwrap().datapath = None;
        for step in [Step::Identity, Step::OpenVswitch] {
            let outcome = step.check(&host, &spec).unwrap();
            assert!(matches!(outcome, CheckOutcome::Met(_)), "{outcome:?}");
        }
        // What the database lacks is all that is changed.
        let device = lab.node.root.path().join("sys/class/net/eth0");
        std::fs::create_dir_all(&device).unwrap();
        std::fs::write(device.join("address"), "52:54:00:00:00:10\n").unwrap();
        sh("ovs-vsctl remove bridge br-ex other_config hwaddr");
        let outcome = Step::OpenVswitch.check(&host, &spec).unwrap();
        assert!(matches!(outcome, CheckOutcome::Unmet(_)), "{outcome:?}");
        let changes = Step::OpenVswitch.apply(&host, &spec).unwrap();
        assert_eq!(changes, ["hardware address of br-ex"]);
        assert_eq!(lab.node.read(&files::ifcfg_path("br-ex")), notes);
        assert_eq!(lab.node.read(&files::ifcfg_path("eth0")), port);
        assert!(Lab::gateway_answers());
    });
}

/// The interface's file loses the address before the bridge's file gets it, so that a power cut
/// between them leaves no two interfaces with one address.
#[test]
fn no_two_files_hold_the_address_at_any_time() {
    let mut spec = contract::spec::Spec::parse(CONTROLLER).unwrap();
    spec.bridge.as_mut().unwrap().datapath = None;
    let node = Node::new(&spec.to_toml().unwrap());
    let path = |name: &str| node.root.path().join(&files::ifcfg_path(name)[1..]);
    std::fs::remove_file(path("br-ex")).unwrap();
    let host = Host::open(node.root.path());
    Step::Identity.apply(&host, &spec).unwrap();
    assert!(node.read(&files::ifcfg_path("eth0")).contains("IPADDR=192.168.1.10"));
    Step::OpenVswitch.apply(&host, &spec).unwrap();
    let written = |name: &str| std::fs::metadata(path(name)).unwrap().modified().unwrap();
    assert!(written("eth0") <= written("br-ex"));
    assert!(!node.read(&files::ifcfg_path("eth0")).contains("IPADDR"));
    assert!(node.read(&files::ifcfg_path("br-ex")).contains("\nOVSBOOTPROTO=static\n"));
    // What such a power cut leaves: the next run gives the interface its address back first.
    std::fs::remove_file(path("br-ex")).unwrap();
    Step::Identity.apply(&host, &spec).unwrap();
    assert!(node.read(&files::ifcfg_path("eth0")).contains("IPADDR=192.168.1.10"));
}

#[test]
fn everything_is_put_back_when_the_gateway_stops_answering() {
    isolated(|| {
        let lab = Lab::new();
        let before = lab.node.read(&files::ifcfg_path("eth0"));
        let host = lab.host(|line| {
            if line == "ip link set dev br-ex up" {
                sh("ip -n gateway address del 192.168.1.254/24 dev gw0");
            }
        });
        let fault = Step::OpenVswitch.apply(&host, &lab.node.spec).unwrap_err();
        let Fault { message, hint } = fault;
        assert!(message.contains("192.168.1.254 stopped answering"), "{message}");
        assert!(message.ends_with("everything was put back") && hint.is_some(), "{message}");
        assert_eq!(sh("ovs-vsctl list-br").trim(), "");
        assert!(sh("ip -4 -o address show dev eth0").contains("192.168.1.10/24"));
        assert!(sh("ip -4 -o address show dev eth0").contains("10.0.0.2/24"));
        assert!(sh("ip -6 -o address show dev eth0").contains("2001:db8::10/64"));
        assert!(sh("ip route show default").contains("via 192.168.1.254 dev eth0"));
        assert_eq!(lab.node.read(&files::ifcfg_path("eth0")), before);
        assert!(!lab.node.root.path().join(&files::ifcfg_path("br-ex")[1..]).exists());
        sh("ip -n gateway address add 192.168.1.254/24 dev gw0");
        assert!(Lab::gateway_answers());

        // A gateway that is silent from the start: nothing is touched.
        sh("ip -n gateway address del 192.168.1.254/24 dev gw0");
        let fault = Step::OpenVswitch.apply(&lab.host(|_| {}), &lab.node.spec).unwrap_err();
        assert!(fault.message.contains("does not answer") && fault.message.contains("not done"));
        assert_eq!(lab.node.read(&files::ifcfg_path("eth0")), before);
    });
}
