//! A lab of nodes that exchange their status: keys made on the spot, node trees,
//! and the built binary's service on each, in the test's own network namespace.

use crate::double::COMPUTE;
use crate::namespace::{Daemon, until};
use crate::tree::files_below;
use contract::peers::client::TlsSession;
use contract::peers::places::{self, PORT};
use contract::peers::tls::Pki;
use contract::peers::wire::{ANNOUNCE, Announcement, Refused};
use contract::spec::{LabHost, Role, Spec};
use contract::status::CloudState;
use contract::status::{Outcome, Readiness};
use firstboot::state::RunState;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub const BINARY: &str = env!("CARGO_BIN_EXE_firstboot");

/// A CA as imgbuild makes one.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(1975, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    params
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = params("the lab's CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key of `name` (PEM).
    pub fn issue(&self, name: &str, address: Ipv4Addr) -> (String, String) {
        let mut params = params(name);
        params.subject_alt_names = vec![
            SanType::DnsName(name.try_into().unwrap()),
            SanType::IpAddress(IpAddr::V4(address)),
        ];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// TLS as `name` speaks it.
    pub fn pki(&self, name: &str) -> Pki {
        let (certificate, key) = self.issue(name, Ipv4Addr::LOCALHOST);
        Pki::from_pem(&self.pem, &certificate, &key, None).unwrap()
    }
}

/// The spec of the `index`th of `count` nodes; the first is the controller.
pub fn spec(index: u16, count: u16) -> Spec {
    let mut spec = Spec::parse(COMPUTE).unwrap();
    let host = |index: u16| LabHost {
        name: format!("node{index}"),
        address: Ipv4Addr::from(0x0a09_0001 + u32::from(index)),
        role: if index == 0 { Role::Controller } else { Role::Compute },
    };
    let own = host(index);
    (spec.node.name, spec.node.role, spec.node.address) = (own.name, own.role, own.address);
    (spec.network.prefix, spec.network.gateway) = (16, Ipv4Addr::new(10, 9, 255, 254));
    if index == 0 {
        let controller = Spec::parse(crate::double::CONTROLLER).unwrap();
        spec.packstack = controller.packstack;
    }
    spec.hosts = (0..count).map(host).collect();
    spec
}

/// Gives the namespace every address of the lab.
pub fn addresses() {
    let command = ["address", "add", "10.9.0.1/16", "dev", "lo"];
    assert!(Command::new("ip").args(command).status().unwrap().success());
}

/// A node: a tree with its files, and its service.
pub struct LabNode {
    pub spec: Spec,
    pub root: tempfile::TempDir,
    pub boot_id: String,
    service: Option<Daemon>,
}

impl LabNode {
    /// A node of `authority`'s lab, switched on.
    pub fn start(authority: &Authority, spec: Spec) -> LabNode {
        let root = tempfile::tempdir().unwrap();
        let boot_id = format!("boot-of-{}", spec.node.name);
        let mut node = LabNode { root, boot_id, service: None, spec };
        let name = &node.spec.node.name;
        let (certificate, key) = authority.issue(name, node.spec.node.address);
        node.write(contract::spec::PATH, &node.spec.to_toml().unwrap(), 0o644);
        node.write(places::CA_FILE, &authority.pem, 0o644);
        node.write(places::CERTIFICATE_FILE, &certificate, 0o644);
        node.write(places::KEY_FILE, &key, 0o600);
        let pki = node.path(places::PKI);
        std::fs::set_permissions(pki, std::fs::Permissions::from_mode(0o700)).unwrap();
        node.write("/proc/sys/kernel/random/boot_id", &format!("{}\n", node.boot_id), 0o444);
        node.uptime(1000);
        node.serve();
        node
    }

    pub fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(&path[1..])
    }

    pub fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // In one step: the service reads it while it is written.
        firstboot::host::files::write_atomic(&path, text.as_bytes(), mode).unwrap();
    }

    /// Sets the time since the kernel's start, the clock that the service goes by.
    pub fn uptime(&self, seconds: u32) {
        self.write("/proc/uptime", &format!("{seconds}.00 1.00\n"), 0o444);
    }

    /// (Re)starts the service, the old one killed as by a power cut.
    pub fn serve(&mut self) {
        self.service = None;
        self.service = Some(self.serving(Command::new(BINARY)));
    }

    /// The service, which `command` starts with more words.
    pub fn serving(&self, mut command: Command) -> Daemon {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log()).unwrap();
        command.args(["peers", "--serve", "--root"]).arg(self.root.path()).stderr(log);
        let service = Daemon::start(&mut command, "firstboot");
        let at = self.at();
        until("the service listens", || std::net::TcpStream::connect(at).is_ok());
        service
    }

    pub fn stop(&mut self) {
        self.service = None;
    }

    fn log(&self) -> std::path::PathBuf {
        self.root.path().join("journal")
    }

    /// The records so far, as lines.
    pub fn records(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    pub fn at(&self) -> SocketAddr {
        (self.spec.node.address, PORT).into()
    }

    /// Writes the state file of a node whose steps all have `outcome`.
    pub fn state(&self, outcome: Outcome) {
        let host = firstboot::host::Host::open(self.root.path());
        let mut state = RunState::new(&self.spec, &host, String::new());
        for step in &mut state.steps {
            step.outcome = outcome;
        }
        state.save(&host).unwrap();
    }

    /// What `firstboot ARGS --json` prints, and its exit code.
    pub fn ask(&self, command: &str) -> (Value, i32) {
        let mut run = Command::new(BINARY);
        let output = run.args([command, "--json", "--root"]).arg(self.root.path()).output();
        let output = output.unwrap();
        let value = serde_json::from_slice(&output.stdout);
        let value = value.unwrap_or_else(|_| panic!("{output:?}"));
        (value, output.status.code().unwrap())
    }

    /// What this node shows of another one.
    pub fn peer(&self, name: &str) -> Value {
        let (shown, _) = self.ask("peers");
        let peers = shown["peers"].as_array().unwrap();
        peers.iter().find(|peer| peer["node"] == name).unwrap().clone()
    }

    /// Its status as text.
    pub fn text(&self, command: &str) -> String {
        let root = self.root.path();
        let output = Command::new(BINARY).args([command, "--root"]).arg(root).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// An announcement of `node`, ready at its first breath.
pub fn announcement(node: &str, boot_id: &str, seq: u64) -> Announcement {
    Announcement {
        node: node.to_owned(),
        boot_id: boot_id.to_owned(),
        seq,
        session: String::new(),
        image: "0".repeat(64),
        state: Readiness::Ready,
        steps: Vec::new(),
        step: "announce".to_owned(),
        for_seconds: 3.0,
        cloud: None::<CloudState>,
        switch: None,
    }
}

/// Sends `announcement` to `node` in a session of its own with `pki`; the reason of a refusal.
pub async fn announce(
    pki: &Pki,
    node: &LabNode,
    announcement: &Announcement,
) -> Result<(), String> {
    let session = open(pki, node).await?;
    let announcement = Announcement { session: session.id.clone(), ..announcement.clone() };
    post(session, serde_json::to_vec(&announcement).unwrap()).await
}

/// A session with `node`.
pub async fn open(pki: &Pki, node: &LabNode) -> Result<TlsSession, String> {
    let name = &node.spec.node.name;
    TlsSession::open(pki, node.at(), name).await.map_err(|error| error.to_string())
}

/// Posts `body` as an announcement; the reason of a refusal.
pub async fn post(session: TlsSession, body: Vec<u8>) -> Result<(), String> {
    let answer = session.ask(ANNOUNCE, Some(body)).await;
    let (status, body) = answer.map_err(|error| error.to_string())?;
    match serde_json::from_slice::<Refused>(&body) {
        Ok(refused) => Err(refused.reason),
        Err(_) if status.as_u16() == 204 => Ok(()),
        Err(_) => Err(format!("{status}: {body:?}")),
    }
}

/// Runs what talks to nodes.
pub fn talk<T>(talking: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(talking)
}

/// Whether `text` is in a file below `root` that others than its owner may read.
pub fn open_to_others(root: &Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut files = files_below(root);
    files.retain(|(path, meta)| {
        meta.permissions().mode() & 0o077 != 0
            && String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text)
    });
    files.into_iter().map(|(path, _)| path).collect()
}
