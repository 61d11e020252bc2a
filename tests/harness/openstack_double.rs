//! A double of OpenStack's APIs: small servers that answer as those of a healthy cloud do,
//! unless set to answer otherwise.

use contract::time;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// A page's port and path.
pub type Page = (u16, &'static str);
/// Status and body by page.
type Pages = BTreeMap<Page, (u16, String)>;

/// Keystone's tokens, with the catalogue.
pub const TOKENS: Page = (5000, "/v3/auth/tokens");
/// Nova's services.
pub const SERVICES: Page = (8774, "/v2.1/os-services");
/// Nova's hypervisors.
pub const HYPERVISORS: Page = (8774, "/v2.1/os-hypervisors/detail");
/// Glance's images.
pub const IMAGES: Page = (9292, "/v2/images");
/// Neutron's agents.
pub const AGENTS: Page = (9696, "/v2.0/agents");
/// Cinder's services.
pub const VOLUMES: Page = (8776, "/v2/abc/os-services");
/// Horizon's login page.
pub const LOGIN: Page = (80, "/dashboard/auth/login/");
/// Ceilometer's capabilities.
pub const CAPABILITIES: Page = (8777, "/v2/capabilities");
/// Aodh's alarms.
pub const ALARMS: Page = (8042, "/v2/alarms");
/// Gnocchi's storage.
pub const STORAGE: Page = (8041, "/v1/status");
/// Heat's stacks.
pub const STACKS: Page = (8004, "/v1/abc/stacks");
/// The console's page.
pub const CONSOLE: Page = (6080, "/vnc_auto.html");
/// Swift's proxy.
pub const SWIFT: Page = (8080, "/healthcheck");

/// RabbitMQ's port.
const BUS: u16 = 5672;
/// The first bytes of its answer to a client: Connection.Start of AMQP 0-9-1.
const START: &[u8] = b"\x01\0\0\0\0\x01\xf4\0\x0a\0\x0a\0\x09";

/// What stands for the moment of the answer in a page.
const NOW: &str = "{now}";

/// Whose cloud it is.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The address that the APIs give for themselves.
    pub address: Ipv4Addr,
    /// The host of everything but nova-compute.
    pub controller: String,
    /// The hosts of nova-compute and an Open vSwitch agent, as Nova and Neutron call them.
    pub computes: Vec<String>,
}

/// The servers, until the process ends.
#[derive(Clone)]
pub struct Double {
    pages: Arc<Mutex<Pages>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Double {
    /// Starts them on every address of this thread's network.
    ///
    /// # Panics
    /// When a port is taken.
    pub fn start(cloud: &Cloud) -> Self {
        let pages = healthy(cloud);
        let mut ports: Vec<u16> = pages.keys().map(|(port, _)| *port).collect();
        ports.dedup();
        let bus = TcpListener::bind((Ipv4Addr::UNSPECIFIED, BUS)).expect("a free port");
        // The client may be gone.
        std::thread::spawn(move || bus.incoming().flatten().for_each(|s| drop(greet(s))));
        let double = Self { pages: Arc::new(Mutex::new(pages)), asked: Arc::default() };
        for port in ports {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a free port");
            let double = double.clone();
            std::thread::spawn(move || {
                // The client may be gone.
                listener.incoming().flatten().for_each(|stream| drop(double.answer(port, stream)));
            });
        }
        double
    }

    fn answer(&self, port: u16, mut stream: TcpStream) -> std::io::Result<()> {
        let request = whole_request(&stream)?;
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        self.asked.lock().expect("no test panicked").push(request);
        let pages = self.pages();
        let page = pages.iter().find(|((p, known), _)| *p == port && *known == path);
        let missing = (404, "no such page".to_owned());
        let (status, body) = page.map_or(&missing, |(_, page)| page);
        let body = body.replace(NOW, &now());
        let token = if port == TOKENS.0 { "X-Subject-Token: planted-token\r\n" } else { "" };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} X\r\n{token}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no test panicked")
    }

    /// Heads and bodies of the requests it got.
    ///
    /// # Panics
    /// When a server panicked.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panicked").clone()
    }

    /// Answers `page` with a status and a body while `ask` runs.
    ///
    /// # Panics
    /// When there is no such page.
    pub fn with<T>(&self, page: Page, answer: (u16, Value), ask: impl FnOnce() -> T) -> T {
        let text = answer.1.as_str().map_or_else(|| answer.1.to_string(), str::to_owned);
        let old = self.pages().insert(page, (answer.0, text)).expect("an existing page");
        let found = ask();
        self.pages().insert(page, old);
        found
    }

    /// As [`Double::with`]: `change` changes the healthy answer.
    ///
    /// # Panics
    /// When that is not JSON.
    pub fn changed<T>(
        &self,
        page: Page,
        change: impl FnOnce(&mut Value),
        ask: impl FnOnce() -> T,
    ) -> T {
        let mut value = serde_json::from_str(&self.pages()[&page].1).expect("JSON");
        change(&mut value);
        self.with(page, (200, value), ask)
    }
}

/// Begins a connection of AMQP, and no more.
fn greet(mut stream: TcpStream) -> std::io::Result<()> {
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    stream.write_all(START)
}

/// Head and body: a connection that is closed with a part of them unread is reset, and the
/// client may lose the answer.
fn whole_request(stream: &TcpStream) -> std::io::Result<String> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while stream.read_line(&mut request)? > "\r\n".len() {}
    let head = request.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    stream.take(length).read_to_string(&mut request)?;
    Ok(request)
}

/// As Nova writes it: UTC, with microseconds and no zone.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.000000", time::rfc3339(now).trim_end_matches('Z'))
}

fn healthy(cloud: &Cloud) -> Pages {
    let page = |value: Value| (200, value.to_string());
    let controller = cloud.controller.as_str();
    let computes = || cloud.computes.iter().map(String::as_str);
    let service = |binary: &str, host: &str| json!({"binary": binary, "host": host, "status": "enabled", "state": "up", "updated_at": NOW});
    let nova = ["nova-conductor", "nova-scheduler", "nova-consoleauth"];
    let nova = nova.iter().map(|binary| service(binary, controller));
    let nova: Vec<Value> =
        nova.chain(computes().map(|host| service("nova-compute", host))).collect();
    let hypervisors: Vec<Value> = computes()
        .map(|name| json!({"hypervisor_hostname": name, "state": "up", "status": "enabled"}))
        .collect();
    let agent = |kind: &str, host: &str| json!({"agent_type": kind, "host": host, "alive": true, "admin_state_up": true, "heartbeat_timestamp": NOW});
    let bridges = std::iter::once(controller).chain(computes());
    let bridges = bridges.map(|host| agent("Open vSwitch agent", host));
    let others = ["DHCP agent", "L3 agent", "Metadata agent"].map(|kind| agent(kind, controller));
    let agents: Vec<Value> = bridges.chain(others).collect();
    let cinder = [
        service("cinder-scheduler", controller),
        service("cinder-volume", &format!("{controller}@lvm")),
    ];
    BTreeMap::from([
        (TOKENS, (201, json!({"token": {"catalog": catalog(cloud.address)}}).to_string())),
        (SERVICES, page(json!({"services": nova}))),
        (HYPERVISORS, page(json!({"hypervisors": hypervisors}))),
        (IMAGES, page(json!({"images": []}))),
        (AGENTS, page(json!({"agents": agents}))),
        (VOLUMES, page(json!({"services": cinder}))),
        (LOGIN, (200, "<input name=csrfmiddlewaretoken><input type=password>".to_owned())),
        (CAPABILITIES, page(json!({"api": {"meters:query:simple": true}}))),
        (ALARMS, page(json!([]))),
        (STORAGE, page(json!({"storage": {"summary": {"metrics": 2, "measures": 5}}}))),
        (STACKS, page(json!({"stacks": []}))),
        (CONSOLE, (200, "<title>noVNC</title>".to_owned())),
        (SWIFT, (200, "OK".to_owned())),
    ])
}

/// Keystone's catalogue: some addresses have the version in them and some have not.
fn catalog(address: Ipv4Addr) -> Value {
    let endpoint = |kind: &str, url: &str| {
        let url = format!("http://{address}{url}");
        json!({"type": kind, "endpoints": [
            {"interface": "internal", "url": "http://192.0.2.1/"}, {"interface": "public", "url": url}]})
    };
    json!([
        endpoint("identity", ":5000/v3"),
        endpoint("compute", ":8774/v2.1"),
        endpoint("image", ":9292"),
        endpoint("network", ":9696/"),
        endpoint("volumev2", ":8776/v2/abc"),
        endpoint("metering", ":8777"),
        endpoint("alarming", ":8042"),
        endpoint("metric", ":8041"),
        endpoint("orchestration", ":8004/v1/abc"),
    ])
}
