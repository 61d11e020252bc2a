//! A double of the APIs by which a cloud is used: what is made is listed, and gone once it is
//! deleted. What it does not have itself are pages of the double of the node.

use crate::double::{FakeClock, FakeRunner, Node, printed};
use firstboot::host::http::{Method, Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{Host, Interface, Output, Program, Runner};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddrV4;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Where things of a kind are, and what one and several are called.
const KINDS: [(&str, &str, &str); 12] = [
    ("/projects", "project", "projects"),
    ("/users", "user", "users"),
    ("/v2/images", "", "images"),
    ("/v2.0/networks", "network", "networks"),
    ("/v2.0/subnets", "subnet", "subnets"),
    ("/v2.0/routers", "router", "routers"),
    ("/v2.0/ports", "port", "ports"),
    ("/v2.0/security-groups", "security_group", "security_groups"),
    ("/os-keypairs", "keypair", "keypairs"),
    ("/flavors", "flavor", "flavors"),
    ("/servers", "server", "servers"),
    ("/volumes", "volume", "volumes"),
];

/// What is in the cloud, and what is wrong with it.
#[derive(Default)]
pub struct Things {
    made: BTreeMap<&'static str, Vec<Value>>,
    /// What was uploaded.
    file: Vec<u8>,
    count: usize,
    /// Requests (`POST /servers`) that are answered so, in place of being carried out.
    pub refused: BTreeMap<&'static str, (u16, &'static str)>,
    /// What Nova calls the status of a new server.
    pub server: &'static str,
    /// A signal that this process sends itself at this request.
    pub signal_at: Option<&'static str>,
    /// What a shell on a compute is not able to do, by a part of the script.
    pub unable: Option<&'static str>,
}

impl Things {
    /// The names of everything that is there.
    pub fn names(&self) -> Vec<String> {
        let all = self.made.values().flatten();
        all.filter_map(|thing| thing["name"].as_str().map(str::to_owned)).collect()
    }

    /// Puts in a thing, as another one has made it.
    pub fn put(&mut self, path: &'static str, mut thing: Value) -> Value {
        self.count += 1;
        thing["id"] = json!(format!("id-{}", self.count));
        self.made.entry(path).or_default().push(thing.clone());
        thing
    }

    fn post(&mut self, kind: (&'static str, &str, &str), body: &Value) -> Value {
        let (path, one, _) = kind;
        let mut thing = if one.is_empty() { body.clone() } else { body[one].clone() };
        match path {
            "/servers" => {
                thing["status"] = json!(self.server);
                thing["fault"] = json!({"message": "No valid host was found."});
                thing["addresses"] = json!({"net": [{"addr": "10.254.77.5"}]});
            }
            "/volumes" => thing["status"] = json!("available"),
            "/v2/images" => thing["status"] = json!("active"),
            "/v2.0/ports" => {
                thing["status"] = json!("ACTIVE");
                thing["mac_address"] = json!("fa:16:3e:00:00:01");
            }
            "/os-keypairs" => {
                thing["private_key"] = json!("planted-private-key");
                thing["fingerprint"] = json!("aa:bb");
            }
            "/v2.0/subnets" => self.put_port(json!({"device_owner": "network:dhcp"})),
            _ => {}
        }
        let thing = self.put(path, thing);
        if one.is_empty() { thing } else { json!({one: thing}) }
    }

    fn put_port(&mut self, mut port: Value) {
        port["status"] = json!("ACTIVE");
        port["binding:host_id"] = json!("openstack");
        self.put("/v2.0/ports", port);
    }

    fn set_volumes(&mut self, status: &str) {
        let volumes = self.made.entry("/volumes").or_default();
        volumes.iter_mut().for_each(|volume| volume["status"] = json!(status));
    }

    /// Status and body of the answer; `None` where this is not one of the kinds.
    fn answer(&mut self, method: Method, path: &str, sent: &[u8]) -> Option<(u16, Vec<u8>)> {
        let body: Value = serde_json::from_slice(sent).unwrap_or_default();
        let json = |value: Value| Some((200, value.to_string().into_bytes()));
        let kind = KINDS.iter().find(|(place, ..)| path.starts_with(place))?;
        let rest = path[kind.0.len()..].trim_start_matches('/').to_owned();
        let (id, tail) = rest.split_once('/').unwrap_or((&rest, ""));
        match (method, tail) {
            (Method::Put, "file") => {
                self.file = sent.to_vec();
                Some((204, Vec::new()))
            }
            (Method::Get, "file") => Some((200, self.file.clone())),
            (Method::Post, "action") if body.get("os-getVNCConsole").is_some() => {
                let url = "http://192.168.1.10:6080/vnc_auto.html?token=planted-console-token";
                json(json!({"console": {"url": url}}))
            }
            (Method::Post, "action") => {
                json(json!({"output": "SeaBIOS\nfirstboot-prove: this server has booted\n"}))
            }
            (Method::Post, "os-volume_attachments") => {
                self.set_volumes("in-use");
                json(json!({"volumeAttachment": {}}))
            }
            (Method::Delete, tail) if tail.starts_with("os-volume_attachments") => {
                self.set_volumes("available");
                Some((202, Vec::new()))
            }
            (Method::Put, "add_router_interface") => {
                self.put_port(json!({"device_id": id, "device_owner": "network:router_interface"}));
                json(json!({}))
            }
            (Method::Put, "remove_router_interface") => {
                self.made.entry("/v2.0/ports").or_default().retain(|one| one["device_id"] != id);
                json(json!({}))
            }
            (Method::Put, _) => Some((204, Vec::new())),
            (Method::Post, _) => json(self.post(*kind, &body)),
            (Method::Delete, _) => {
                let key = if kind.0 == "/os-keypairs" { "name" } else { "id" };
                let network = kind.0 == "/v2.0/networks";
                self.made.entry(kind.0).or_default().retain(|one| one[key] != id);
                if network {
                    // Its subnets and the DHCP server's port go with it.
                    self.made.remove("/v2.0/subnets");
                    self.made.remove("/v2.0/ports");
                }
                Some((204, Vec::new()))
            }
            (_, "") if id.is_empty() || id == "detail" => {
                let list: Vec<&Value> = self.made.get(kind.0).into_iter().flatten().collect();
                json(json!({kind.2: list}))
            }
            _ => {
                let thing = self.made.get(kind.0)?.iter().find(|one| one["id"] == id)?;
                json(if kind.1.is_empty() { thing.clone() } else { json!({kind.1: thing}) })
            }
        }
    }
}

/// The double of the node, with the cloud's APIs.
pub struct CloudRunner(FakeRunner, Rc<RefCell<Things>>);

impl CloudRunner {
    /// A host with the cloud `things`.
    pub fn host(node: &Node, things: &Rc<RefCell<Things>>) -> Host {
        let runner = CloudRunner(FakeRunner(node.world.clone()), things.clone());
        Host::with(node.root.path(), Box::new(runner), Box::new(FakeClock(node.world.clone())))
    }
}

impl Runner for CloudRunner {
    fn http(&self, request: &Request) -> io::Result<Response> {
        let (_, path) = request.url.trim_start_matches("http://").split_once('/').unwrap();
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let path = format!("/{}", path.strip_prefix("v3/").unwrap_or(path));
        let line = format!("{} {path}", request.method.as_str());
        let mut things = self.1.borrow_mut();
        if things.signal_at.is_some_and(|at| line.starts_with(at)) {
            things.signal_at = None;
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();
        }
        let refused = things.refused.iter().find(|(start, _)| line.starts_with(**start));
        if let Some((_, (status, body))) = refused {
            if *status == 0 {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
            }
            return Ok(Response {
                status: *status,
                body: body.as_bytes().to_vec(),
                ..Response::default()
            });
        }
        match things.answer(request.method, &path, &request.body) {
            Some((status, body)) => Ok(Response { status, body, ..Response::default() }),
            // Which console it is does not matter to the page.
            None if path == "/vnc_auto.html" => self.0.http(&Request {
                url: request.url.split('?').next().unwrap().to_owned(),
                ..request.clone()
            }),
            None => self.0.http(request),
        }
    }

    fn run(&self, program: &Program) -> io::Result<Output> {
        let Some(script) = program.args.last().filter(|_| program.name == "ssh") else {
            return self.0.run(program);
        };
        let unable = self.1.borrow().unable;
        Ok(if unable.is_some_and(|part| script.contains(part)) {
            Output { code: Some(1), stderr: "no answer\n".to_owned(), ..Output::default() }
        } else if script.contains(" lease ") {
            printed(0, "10.254.77.7/24 10.254.77.1 1450 10.254.77.2\n")
        } else {
            printed(0, "")
        })
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        self.0.spawn(program, log)
    }

    fn reach(&self, to: SocketAddrV4, limit: Duration) -> io::Result<()> {
        self.0.reach(to, limit)
    }

    fn exchange(&self, to: SocketAddrV4, sent: &[u8], length: u64) -> io::Result<Vec<u8>> {
        self.0.exchange(to, sent, length)
    }

    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
        self.0.ovsdb(socket, method, params)
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        self.0.interfaces()
    }

    fn host_name(&self) -> io::Result<String> {
        self.0.host_name()
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        self.0.set_host_name(name)
    }
}
