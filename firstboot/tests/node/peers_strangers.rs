//! A stranger on the lab network, with one address or with two hundred, opens connections to
//! a node's service and sends nothing, or a byte now and then. The lab's nodes and the user's
//! machine are answered all the same.

use crate::namespace::{isolated, until};
use crate::peer_lab::{Authority, BINARY, LabNode, addresses, spec};
use contract::peers::places::OPERATOR;
use contract::peers::tls::Pki;
use contract::peers::{client, wire};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A node answers the lab in this time, whatever strangers do.
const LIMIT: Duration = Duration::from_secs(2);
/// Questions of each asker.
const QUESTIONS: usize = 3;
/// The beginning of a ClientHello of 512 bytes (RFC 8446, 5.1).
const HELLO: [u8; 6] = [0x16, 3, 1, 2, 0, 1];

/// Connections of strangers; what the node closes is opened again a second later.
struct Strangers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Strangers {
    /// `count` connections to `at` from as many of `addresses` addresses in turn.
    fn start(at: SocketAddr, count: usize, addresses: usize) -> Strangers {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                for index in 0..count {
                    tokio::spawn(stranger(at, index, addresses));
                }
                while !stopped.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        });
        Strangers { stop, thread: Some(thread) }
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the thread must not become an abort here.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Keeps one connection open; each third sends a byte of a handshake now and then.
async fn stranger(at: SocketAddr, index: usize, addresses: usize) {
    let from = Ipv4Addr::from(0x0a09_c801 + (index % addresses) as u32);
    loop {
        if let Ok(mut stream) = connect(at, from).await {
            let mut byte = [0];
            if index.is_multiple_of(3) {
                for sent in HELLO.iter().chain([0u8; 500].iter()) {
                    if stream.write_all(&[*sent]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
            let _ = stream.read(&mut byte).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn connect(at: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(at).await
}

/// From now on what connects to `at` comes from `from`.
fn come_from(from: &str, at: SocketAddr) {
    let at = at.ip().to_string();
    let route = ["route", "replace", "table", "local", "local", &at, "dev", "lo", "src", from];
    assert!(Command::new("ip").args(route).status().unwrap().success());
}

/// Lets this process have some thousand files open.
fn many_files() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(8192.min(hard)), hard).unwrap();
}

/// How long each answer took; a question that was not answered in time is none.
fn ask(node: &LabNode, pki: &Pki, from: &str) -> Vec<Option<Duration>> {
    come_from(from, node.at());
    let one = |_| {
        let (asked, name) = (Instant::now(), &node.spec.node.name);
        let answer = client::ask_once(pki, node.at(), name, wire::STATE, LIMIT);
        std::thread::sleep(Duration::from_millis(500));
        answer.ok().map(|_| asked.elapsed() - Duration::from_millis(500))
    };
    (0..QUESTIONS).map(one).collect()
}

#[test]
fn strangers_who_send_nothing_silence_nobody() {
    isolated(|| {
        many_files();
        addresses();
        let authority = Authority::new();
        let node = LabNode::start(&authority, spec(0, 3));
        let askers = [
            ("10.9.0.2", authority.pki("node1")),
            ("10.9.255.254", authority.pki(OPERATOR)),
            ("10.9.0.3", authority.pki("node2")),
        ];
        let mut late = Vec::new();
        for (count, from) in [(256, 1), (1000, 1), (1500, 1), (1500, 200)] {
            let strangers = Strangers::start(node.at(), count, from);
            std::thread::sleep(Duration::from_secs(1));
            for (address, pki) in &askers {
                let times = ask(&node, pki, address);
                let slowest = times.iter().flatten().max().copied().unwrap_or_default();
                let answered = times.iter().flatten().count();
                let message = format!(
                    "{count} idle connections of {from} strangers: {address} was answered \
                     {answered} of {QUESTIONS} times, after {slowest:?} at most"
                );
                eprintln!("{message}");
                if answered < QUESTIONS {
                    late.push(message);
                }
            }
            drop(strangers);
        }
        assert_eq!(late, Vec::<String>::new());
        let refused = || node.ask("peers").0["refused"]["too-many"].as_u64();
        until("it is counted", || refused() > Some(0));
        let records = node.records();
        assert!(records.contains("too-many: "), "{records}");
    });
}

#[test]
fn without_descriptors_the_lab_is_answered() {
    isolated(|| {
        many_files();
        addresses();
        let authority = Authority::new();
        let mut node = LabNode::start(&authority, spec(0, 2));
        node.stop();
        // Debian package util-linux.
        let mut command = Command::new("prlimit");
        command.args(["--nofile=40:40", BINARY]);
        let service = node.serving(command);
        let strangers = Strangers::start(node.at(), 300, 200);
        std::thread::sleep(Duration::from_secs(1));
        let before = service.processor_time();
        let times = ask(&node, &authority.pki("node1"), "10.9.0.2");
        let used = service.processor_time() - before;
        drop(strangers);
        assert!(times.iter().all(Option::is_some), "{times:?}");
        assert!(used < Duration::from_secs(1), "{used:?} of processor time");
    });
}
