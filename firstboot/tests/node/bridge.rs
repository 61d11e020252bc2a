//! The bridge against real ovsdb-server and ovs-vswitchd (Debian package
//! openvswitch-switch, datapath in user space) in namespaces of our own, and the OVS
//! databases of real hosts.

use crate::double::{CONTROLLER, FakeRunner, Node};
use crate::namespace::{Daemon, isolated, until};
use contract::node_files as files;
use firstboot::host::Fault;
use firstboot::host::http::{Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{Clock, Host, Interface, Output, Program, Runner, SystemClock, SystemRunner};
use firstboot::services::{ovs, ovsdb};
use firstboot::steps::{CheckOutcome, Step};
use serde_json::Value;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What sees each command line.
type Hook = Box<dyn FnMut(&str)>;

/// The real network and switch; units from the double. `hook` sees each command line.
struct RealNetwork {
    rest: FakeRunner,
    hook: RefCell<Hook>,
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
struct Quick(SystemClock);

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

/// Bridges, ports and interfaces with what else `ovs-vsctl show` prints, one a line.
fn shown(switch: &ovs::Switch) -> Vec<String> {
    let mut lines = vec![format!("{:?}", switch.managers)];
    for bridge in &switch.bridges {
        let name = &bridge.name;
        lines.push(format!("{name} {:?} {:?}", bridge.fail_mode, bridge.controllers));
        for port in &bridge.ports {
            for interface in &port.interfaces {
                lines.push(format!(
                    "{name} {} {:?} {} {} {:?}",
                    port.name, port.tag, interface.name, interface.kind, interface.options
                ));
            }
        }
    }
    lines.sort();
    lines
}

/// A connection, which is down as long as nothing else is said of it.
fn connection(target: String) -> ovs::Connection {
    ovs::Connection { target, is_connected: false }
}

/// The same out of `ovs-vsctl show`'s text.
fn parsed(text: &str) -> ovs::Switch {
    let mut switch = ovs::Switch::default();
    for line in text.lines() {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let rest = rest.trim_matches('"').to_owned();
        let bridge = switch.bridges.last_mut();
        match (word, bridge) {
            ("Bridge", _) => {
                switch.bridges.push(ovs::Bridge { name: rest, ..ovs::Bridge::default() });
            }
            ("Manager", None) => switch.managers.push(connection(rest)),
            ("Controller", Some(bridge)) => bridge.controllers.push(connection(rest)),
            ("is_connected:", None) => switch.managers.last_mut().unwrap().is_connected = true,
            ("is_connected:", Some(bridge)) => {
                bridge.controllers.last_mut().unwrap().is_connected = true;
            }
            ("fail_mode:", Some(bridge)) => bridge.fail_mode = Some(rest),
            ("Port", Some(bridge)) => {
                bridge.ports.push(ovs::Port { name: rest, ..ovs::Port::default() });
            }
            ("tag:", Some(bridge)) => bridge.ports.last_mut().unwrap().tag = rest.parse().ok(),
            ("Interface", Some(bridge)) => {
                let interface = ovs::Interface { name: rest, ..ovs::Interface::default() };
                bridge.ports.last_mut().unwrap().interfaces.push(interface);
            }
            (word, Some(bridge)) if word == "type:" || word == "options:" => {
                let port = bridge.ports.last_mut().unwrap();
                let interface = port.interfaces.last_mut().unwrap();
                if word == "type:" {
                    interface.kind = rest;
                } else {
                    let pairs = rest.trim_matches(['{', '}']).split(", ");
                    let pairs = pairs.filter_map(|pair| pair.split_once('='));
                    interface.options = pairs
                        .map(|(k, v)| (k.to_owned(), v.trim_matches('"').to_owned()))
                        .collect();
                }
            }
            ("ovs_version:", _) => switch.version = Some(rest),
            _ => {}
        }
    }
    switch
}

/// Real hosts' databases: read here they give what ovs-vsctl printed of them.
#[test]
fn real_databases_are_read_as_ovs_vsctl_reads_them() {
    let shared = std::env::var_os("IMGBUILD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let Ok(hosts) = std::fs::read_dir(shared.join("corpus/ovs")) else {
        // Not `eprintln`: what a test that passes prints is not shown.
        let why = format!("not run: {} is absent\n", shared.display());
        let _ = io::Write::write_all(&mut io::stderr(), why.as_bytes());
        return;
    };
    let databases =
        hosts.map(|host| host.unwrap().path()).filter(|path| path.join("conf.db").exists());
    let mut read = 0;
    for directory in databases {
        let node = Node::plain();
        let run = node.root.path().join("var/run/openvswitch");
        std::fs::create_dir_all(&run).unwrap();
        let file = run.join("conf.db");
        std::fs::write(&file, std::fs::read(directory.join("conf.db")).unwrap()).unwrap();
        let mut server = Command::new("ovsdb-server");
        server.arg(format!("--remote=punix:{}", run.join("db.sock").display()));
        server
            .arg(format!("--unixctl={}", run.join("ctl").display()))
            .args(["-vconsole:err"])
            .arg(&file);
        let _server = Daemon::start(&mut server, "Debian package openvswitch-switch");
        until("the OVS database", || run.join("db.sock").exists());
        let rest = FakeRunner(node.world.clone());
        let runner = RealNetwork { rest, hook: RefCell::new(Box::new(|_| {})) };
        let host = Host::with(node.root.path(), Box::new(runner), Box::new(Quick::default()));
        let text = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let switch = ovs::read_switch(&host).unwrap();
        let printed = parsed(&text("show.txt"));
        assert_eq!(shown(&switch), shown(&printed), "{}", directory.display());
        assert_eq!(switch.version, printed.version);
        for table in ["Open_vSwitch", "Bridge", "Port", "Interface", "Controller", "Manager"] {
            let list: Value = serde_json::from_str(&text(&format!("list-{table}.json"))).unwrap();
            let headings: Vec<&str> = list["headings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_str().unwrap())
                .collect();
            let [rows] = ovsdb::rows(&host, [(table, &headings[..])]).unwrap();
            let mut ours: Vec<String> = rows
                .iter()
                .map(|row| {
                    Value::from_iter(headings.iter().map(|name| row[*name].clone())).to_string()
                })
                .collect();
            let mut theirs: Vec<String> =
                list["data"].as_array().unwrap().iter().map(Value::to_string).collect();
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs, "{table} of {}", directory.display());
        }
        read += 1;
    }
    assert!(read >= 3, "only {read} databases");
}
