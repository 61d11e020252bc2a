//! A double of a running node: its units, interfaces and programs as values.
//! Time passes only when someone sleeps. Programs are answers as values, except those
//! that a test puts below the node's root.

pub use crate::recorder::Recorder;
use crate::remote;
use crate::tree::pages;
pub use crate::tree::{plain, printed, write_files};
use contract::spec::Spec;
use contract::status::{Outcome, StepState};
use firstboot::engine;
use firstboot::host::http::{Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{Clock, Host, Interface, Output, Program, Runner, SystemRunner};
use firstboot::journal::Journal;
use firstboot::state::RunState;
use firstboot::steps::Step;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

pub const CONTROLLER: &str = include_str!("../../examples/controller.spec.toml");
pub const COMPUTE: &str = include_str!("../../examples/compute.spec.toml");

/// Something that happens to the node.
pub type Event = Box<dyn FnOnce(&mut World)>;

/// A unit of the double.
#[derive(Clone)]
pub struct FakeUnit {
    pub load: &'static str,
    pub active: &'static str,
    pub enabled: bool,
    pub job: bool,
    /// Exit code of starting it, and what else starting it does.
    pub start: (i32, fn(&mut World)),
    /// What happens just after it was asked for.
    pub shown: fn(&mut World),
}

impl FakeUnit {
    pub fn new(active: &'static str, enabled: bool) -> FakeUnit {
        FakeUnit { load: "loaded", active, enabled, job: false, start: (0, |_| {}), shown: |_| {} }
    }
}

/// The node's state.
pub struct World {
    pub units: BTreeMap<String, FakeUnit>,
    pub interfaces: Vec<Interface>,
    pub host_name: String,
    /// What a command line that begins so answers, in turn; the last one stays.
    pub answers: BTreeMap<&'static str, Vec<Output>>,
    /// Every command line that was run, and host names set.
    pub calls: Vec<String>,
    /// Bridges of Open vSwitch with their ports; its database can only be read.
    pub bridges: Vec<(String, Vec<String>)>,
    /// The recorded rows of its tables, in place of these bridges.
    pub tables: Option<Value>,
    /// Nodes whose ssh port does not answer.
    pub silent: Vec<Ipv4Addr>,
    /// What servers answer, by address.
    pub pages: BTreeMap<String, Response>,
    /// Where the node's files are.
    pub root: PathBuf,
    /// The node's own address.
    pub own: Ipv4Addr,
    /// Time that passes while someone sleeps a second of the node's time.
    pub second: Duration,
    /// What happens at which time.
    pub events: Vec<(Duration, Event)>,
    pub now: Duration,
}

impl World {
    /// A node on which everything is as `spec` says.
    pub fn healthy(spec: &Spec) -> World {
        let unit = |name: &String| (format!("{name}.service"), FakeUnit::new("active", true));
        let device = |name: &str| Interface {
            name: name.to_owned(),
            up: true,
            carrier: true,
            addresses: Vec::new(),
        };
        let mut interfaces = vec![device(&spec.node.interface)];
        let mut bridges = vec![("br-int".to_owned(), Vec::new())];
        if let Some(bridge) = &spec.bridge {
            interfaces.push(device(&bridge.name));
            bridges.push((bridge.name.clone(), vec![spec.node.interface.clone()]));
        }
        let own = (spec.node.address, spec.network.prefix);
        interfaces.last_mut().unwrap().addresses.push(own);
        let answers = [
            ("chronyc", printed(0, "^,*,192.168.1.254,3,6,377,12,-0.000012,-0.000013,0.000500\n")),
            ("virsh", printed(0, " Id   Name   State\n--------------------\n\n")),
            ("getent ahostsv4 nova01", printed(0, "192.168.1.11 STREAM nova01\n")),
            ("getent ahostsv4 nova02", printed(0, "192.168.1.12 STREAM nova02\n")),
            ("getent ahostsv4 openstack", printed(0, "192.168.1.10 STREAM openstack\n")),
            ("ip", printed(0, "")),
            ("ping", printed(0, "")),
            ("rpm", printed(1, "package is not installed\n")),
            ("ssh", printed(0, "")),
            ("ovs-appctl", printed(0, "ovs-vswitchd (Open vSwitch) 2.5.0\n")),
        ];
        World {
            units: spec.services.enabled.iter().map(unit).collect(),
            interfaces,
            host_name: spec.node.name.clone(),
            answers: answers.into_iter().map(|(name, output)| (name, vec![output])).collect(),
            calls: Vec::new(),
            bridges,
            tables: None,
            silent: Vec::new(),
            pages: pages(spec),
            root: PathBuf::new(),
            own: spec.node.address,
            second: Duration::ZERO,
            events: Vec::new(),
            now: Duration::ZERO,
        }
    }

    pub fn at(&mut self, seconds: u64, event: impl FnOnce(&mut World) + 'static) {
        self.events.push((Duration::from_secs(seconds), Box::new(event)));
    }

    pub fn unit(&mut self, name: &str) -> &mut FakeUnit {
        self.units.get_mut(&format!("{name}.service")).unwrap()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let events = std::mem::take(&mut self.events);
        for (at, event) in events {
            if at <= self.now {
                event(self);
            } else {
                self.events.push((at, event));
            }
        }
    }

    fn systemctl(&mut self, args: &[String]) -> Output {
        let (verb, rest) = (args[1].as_str(), &args[2..]);
        if verb == "show" {
            let names: Vec<&String> = rest.iter().filter(|arg| arg.contains('.')).collect();
            let blocks: Vec<String> = names.iter().map(|name| self.show(name)).collect();
            let units = names.iter().filter_map(|name| self.units.get(*name));
            let effects: Vec<_> = units.map(|unit| unit.shown).collect();
            effects.into_iter().for_each(|effect| effect(self));
            return printed(0, &blocks.join("\n"));
        }
        let name = rest[0].clone();
        let Some(unit) = self.units.get_mut(&name) else {
            let stderr = format!("Failed to {verb} {name}: Unit not found.\n");
            return Output { code: Some(5), stderr, ..Output::default() };
        };
        match verb {
            "is-enabled" => return printed(i32::from(!unit.enabled), ""),
            "enable" => unit.enabled = true,
            "disable" => unit.enabled = false,
            "stop" => unit.active = "inactive",
            "start" | "restart" => {
                let (code, effect) = unit.start;
                unit.active = if code == 0 { "active" } else { "failed" };
                effect(self);
                return printed(code, "");
            }
            other => panic!("the double does not know systemctl {other}"),
        }
        printed(0, "")
    }

    /// What Open vSwitch's database has: each select's rows.
    fn select(&self, operation: &Value) -> Value {
        if let Some(tables) = &self.tables {
            return json!({"rows": tables[operation["table"].as_str().unwrap()]});
        }
        let row = |name: &str| json!({"_uuid": ["uuid", name], "name": name});
        let ids = |names: &mut dyn Iterator<Item = &String>| {
            json!(["set", names.map(|name| json!(["uuid", name])).collect::<Vec<_>>()])
        };
        let rows: Vec<Value> = match operation["table"].as_str().unwrap() {
            "Open_vSwitch" => {
                let bridges = ids(&mut self.bridges.iter().map(|(name, _)| name));
                vec![json!({"bridges": bridges, "ovs_version": "2.5.0", "cur_cfg": 7})]
            }
            "Bridge" => self
                .bridges
                .iter()
                .map(|(name, ports)| {
                    let mut row = row(name);
                    row["ports"] = ids(&mut ports.iter());
                    row["fail_mode"] = json!(["set", []]);
                    row["controller"] = json!(["set", []]);
                    row
                })
                .collect(),
            "Port" => {
                self.bridges.iter().flat_map(|(_, ports)| ports).map(|name| row(name)).collect()
            }
            _ => Vec::new(),
        };
        json!({"rows": rows})
    }

    fn show(&self, name: &str) -> String {
        let absent = FakeUnit { load: "not-found", ..FakeUnit::new("inactive", false) };
        let unit = self.units.get(name).unwrap_or(&absent);
        let job = if unit.job { "Job=42\n" } else { "" };
        let sub = if unit.active == "active" { "running" } else { "dead" };
        format!("LoadState={}\nActiveState={}\nSubState={sub}\n{job}", unit.load, unit.active)
    }
}

/// The double as firstboot sees it.
#[derive(Clone)]
pub struct FakeRunner(pub Rc<RefCell<World>>);

impl FakeRunner {
    /// The program as it is below the node's root, if a test has put it there.
    fn below_root(&self, program: &Program) -> Option<Program> {
        let path = self.0.borrow().root.join(program.name.strip_prefix('/')?);
        let name = path.to_str().unwrap().to_owned();
        path.is_file().then(|| Program { name, ..program.clone() })
    }
}

impl Runner for FakeRunner {
    fn run(&self, program: &Program) -> io::Result<Output> {
        let script = || remote::place_script(&self.0.borrow(), program);
        if let Some(script) = script() {
            self.0.borrow_mut().calls.push(program.to_string());
            return SystemRunner.run(&script);
        }
        if let Some(program) = self.below_root(program) {
            return SystemRunner.run(&program);
        }
        let mut world = self.0.borrow_mut();
        let line = program.to_string();
        world.calls.push(line.clone());
        if program.name == "systemctl" {
            return Ok(world.systemctl(&program.args));
        }
        let answers = world.answers.iter_mut().find(|(start, _)| line.starts_with(**start));
        let Some((_, outputs)) = answers else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        Ok(if outputs.len() > 1 { outputs.remove(0) } else { outputs[0].clone() })
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        let program = self.below_root(program).expect("only a test's own program is started");
        SystemRunner.spawn(&program, log)
    }

    fn reach(&self, to: SocketAddrV4, _: Duration) -> io::Result<()> {
        let silent = self.0.borrow().silent.contains(to.ip());
        if to.port() == 22 && !silent {
            return Ok(());
        }
        Err(io::Error::from(io::ErrorKind::ConnectionRefused))
    }

    fn exchange(&self, to: SocketAddrV4, _: &[u8], _: u64) -> io::Result<Vec<u8>> {
        Ok(self.http(&Request::get(format!("tcp://{to}")))?.body)
    }

    fn http(&self, request: &Request) -> io::Result<Response> {
        let page = self.0.borrow().pages.get(&request.url).cloned();
        page.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))
    }

    fn ovsdb(&self, _: &Path, _: &str, params: &Value) -> io::Result<Value> {
        let world = self.0.borrow();
        if world.units.get("openvswitch.service").is_none_or(|unit| unit.active != "active") {
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        }
        let operations = params.as_array().unwrap()[1..].iter();
        Ok(operations.map(|operation| world.select(operation)).collect())
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        Ok(self.0.borrow().interfaces.clone())
    }

    fn host_name(&self) -> io::Result<String> {
        Ok(self.0.borrow().host_name.clone())
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.calls.push(format!("sethostname {name}"));
        name.clone_into(&mut world.host_name);
        Ok(())
    }
}

/// The double's time.
pub struct FakeClock(pub Rc<RefCell<World>>);

impl Clock for FakeClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(1_795_487_280) + self.0.borrow().now
    }

    fn monotonic(&self) -> Duration {
        self.0.borrow().now
    }

    fn sleep(&self, time: Duration) {
        let second = self.0.borrow().second;
        std::thread::sleep(second.mul_f64(time.as_secs_f64()));
        self.0.borrow_mut().pass(time);
    }
}

/// A double of a node with its files in a temporary directory.
pub struct Node {
    pub spec: Spec,
    pub root: tempfile::TempDir,
    pub world: Rc<RefCell<World>>,
    pub records: Recorder,
}

impl Node {
    /// A healthy node of the example spec `text`, its files as imgbuild writes them.
    pub fn new(text: &str) -> Node {
        let spec = Spec::parse(text).unwrap();
        let root = tempfile::tempdir().unwrap();
        write_files(root.path(), &spec);
        let world = World { root: root.path().to_owned(), ..World::healthy(&spec) };
        let world = Rc::new(RefCell::new(world));
        Node { spec, root, world, records: Recorder::default() }
    }

    /// A healthy controller without a bridge and without packstack.
    pub fn plain() -> Node {
        Node::new(&plain())
    }

    pub fn host(&self) -> Host {
        let runner = Box::new(FakeRunner(self.world.clone()));
        Host::with(self.root.path(), runner, Box::new(FakeClock(self.world.clone())))
    }

    pub fn run(&self) -> RunState {
        let journal = Journal::new(Some(&self.spec), vec![Box::new(self.records.clone())]);
        engine::run_all(&self.host(), &self.spec, &journal, &Step::bounds).unwrap()
    }

    /// Runs and returns how one step ended.
    pub fn step(&self, step: Step) -> StepState {
        let state = self.run();
        state.steps.into_iter().find(|state| state.name == step.name()).unwrap()
    }

    /// Asserts the step's outcome and that its message holds each of `words`.
    pub fn expect(&self, step: Step, outcome: Outcome, words: &[&str]) -> StepState {
        let state = self.step(step);
        assert_eq!(state.outcome, outcome, "{state:?}");
        for word in words {
            assert!(state.message.contains(word), "`{word}` is not in `{}`", state.message);
        }
        assert_eq!(state.hint.is_some(), outcome.is_bad(), "{state:?}");
        state
    }

    pub fn called(&self, start: &str) -> usize {
        self.world.borrow().calls.iter().filter(|line| line.starts_with(start)).count()
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.path().join(&path[1..])).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        std::fs::write(self.root.path().join(&path[1..]), text).unwrap();
    }
}
