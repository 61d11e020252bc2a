//! Fetching from servers that misbehave, in a network namespace of the test's own.

use builder::base::error::{Class, Error};
use builder::packages::cache::CacheDirectory;
use builder::packages::checksum::{Checksum, Known};
use builder::packages::media::http::{Http, ProxyChoice, Settings};
use builder::packages::media::{Medium, Network, keep};
use formats::digest::DigestKind;
use lab_tests::lab::text;
use lab_tests::namespace::Namespace;
use lab_tests::oracle;
use lab_tests::server_double::{Fault, ServerDouble};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A directory with `x.rpm` of 300 kB, a server of it, and a cache.
struct Lab {
    namespace: Namespace,
    directory: tempfile::TempDir,
    cache: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n * n % 251) as u8).collect();
        fs::write(directory.path().join("x.rpm"), &bytes).expect("file");
        let cache = tempfile::tempdir().expect("temporary directory");
        Self { namespace: Namespace::new(), directory, cache, bytes }
    }

    fn server(&self) -> ServerDouble {
        ServerDouble::start(&self.namespace, self.directory.path())
    }

    fn known(&self) -> Known {
        let checksum = Checksum::of(DigestKind::Sha256, &self.bytes);
        Known { checksum, size: self.bytes.len() as u64 }
    }

    fn network(&self) -> Network {
        Network { cache: Arc::new(CacheDirectory::new(self.cache.path())), offline: false }
    }

    /// Fetches `x.rpm` from the first of `urls` that gives it, and checks what came.
    fn fetch(&self, urls: &[&str], settings: Settings) -> Result<(), Error> {
        self.fetch_path(urls, "x.rpm", settings)
    }

    fn fetch_path(&self, urls: &[&str], path: &str, settings: Settings) -> Result<(), Error> {
        let bases = urls.iter().map(|url| (*url).to_owned()).collect();
        let came = AtomicU64::new(0);
        let place = self.namespace.run(|| {
            let network = self.network();
            let http = Http::new(bases, settings, network.clone());
            let advance = |bytes: u64| {
                came.fetch_add(bytes, Ordering::Relaxed);
            };
            let part = keep::Part::Packages;
            keep::obtain(&network.cache, part, &http, path, &self.known(), &advance)
        })?;
        assert!(fs::read(place).expect("file") == self.bytes);
        assert_eq!(self.left(), 0, "nothing is left of a download that is done");
        assert!(came.into_inner() <= self.bytes.len() as u64, "progress is never more than all");
        Ok(())
    }

    /// Where the cache has it.
    fn cached(&self) -> PathBuf {
        let name = self.known().checksum.file_name(".rpm");
        self.cache.path().join("packages").join(name)
    }

    /// How many partial downloads are in the cache.
    fn left(&self) -> usize {
        fs::read_dir(self.cache.path().join("partial")).expect("directory").count()
    }
}

fn quick() -> Settings {
    Settings {
        proxy: ProxyChoice::None,
        timeout: Duration::from_secs(1),
        attempts: 3,
        ..Settings::default()
    }
}

fn ranges(server: &ServerDouble) -> Vec<Option<String>> {
    server.requests("x.rpm").iter().map(|r| r.headers.get("range").cloned()).collect()
}

#[test]
fn a_lost_connection_is_gone_on_with() {
    let lab = Lab::new();
    let server = lab.server();
    // More often than there are attempts: each brings something new.
    for _ in 0..4 {
        server.fault("x.rpm", Fault::Cut(50_000));
    }
    lab.fetch(&[&server.url], quick()).expect("fetched");
    let part = |from: u32| Some(format!("bytes={from}-"));
    assert_eq!(ranges(&server), [None, part(50_000), part(100_000), part(150_000), part(200_000)]);
    assert!(server.requests("x.rpm")[1].headers.contains_key("if-range"));
    // It is in the cache now.
    lab.fetch(&[&server.url], quick()).expect("cached");
    assert_eq!(ranges(&server).len(), 5);
}

/// Each of these would go on for hours.
#[test]
fn servers_that_are_too_slow_to_go_on_with() {
    let lab = Lab::new();
    let server = lab.server();
    for _ in 0..3 {
        server.fault("x.rpm", Fault::Trickle(Duration::from_millis(20)));
    }
    let error = lab.fetch(&[&server.url], quick()).expect_err("a byte in 20 ms");
    assert_eq!(error.class, Class::Environment, "{error}");
    assert!(error.message.contains("less than 1000 bytes a second"), "{error}");
    assert_eq!(ranges(&server).len(), 3);
    // What they brought is gone on with by a better one.
    assert_eq!(lab.left(), 1);
    lab.fetch(&[&server.url], quick()).expect("fetched");

    fs::remove_file(lab.cached()).expect("cached");
    let server = lab.server();
    for _ in 0..20 {
        server.fault("x.rpm", Fault::Cut(1));
    }
    let error = lab.fetch(&[&server.url], quick()).expect_err("a byte an attempt");
    assert!(error.message.contains("(3 attempts)"), "{error}");
    assert_eq!(ranges(&server).len(), 3);

    // A client that accepts slowness waits.
    let server = lab.server();
    fs::write(lab.directory.path().join("list"), "slow\n").expect("file");
    server.fault("list", Fault::Trickle(Duration::from_millis(500)));
    let patient = Settings { least_rate: 0, ..quick() };
    let read = lab
        .namespace
        .run(|| Http::new(vec![server.url.clone()], patient, lab.network()).read("list", 1000));
    assert_eq!(read.expect("slow"), b"slow\n");
}

#[test]
fn busy_silent_and_stubborn_servers() {
    let lab = Lab::new();
    let server = lab.server();
    server.fault("x.rpm", Fault::Status(503, ""));
    server.fault("x.rpm", Fault::Status(429, "Retry-After: 1\r\n"));
    server.fault("x.rpm", Fault::Stall(100_000));
    server.fault("x.rpm", Fault::NoRange);
    lab.fetch(&[&server.url], quick()).expect("fetched");
    assert_eq!(ranges(&server)[2..], [None, Some("bytes=100000-".to_owned())]);
}

#[test]
fn a_file_that_changes_half_way_is_begun_again() {
    let lab = Lab::new();
    let server = lab.server();
    let old = vec![1; lab.bytes.len()];
    fs::write(lab.directory.path().join("x.rpm"), old).expect("file");
    server.fault("x.rpm", Fault::Cut(120_000));
    server.fault("x.rpm", Fault::Status(503, ""));
    std::thread::scope(|scope| {
        let fetch = scope.spawn(|| lab.fetch(&[&server.url], quick()));
        while server.requests("x.rpm").len() < 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::write(lab.directory.path().join("x.rpm"), &lab.bytes).expect("file");
        fetch.join().expect("thread").expect("fetched");
    });
    // What an earlier run left of another version is noticed by its checksum.
    let name = lab.known().checksum.file_name("");
    fs::remove_file(lab.cached()).expect("cached");
    fs::write(lab.cache.path().join("partial").join(name), vec![9; 70_000]).expect("part");
    lab.fetch(&[&server.url], quick()).expect("fetched");
    let last = ranges(&server).split_off(3);
    assert_eq!(last, [Some("bytes=70000-".to_owned()), None]);
}

#[test]
fn a_final_answer_ends_it_and_nothing_wrong_is_kept() {
    let lab = Lab::new();
    let server = lab.server();
    server.fault("x.rpm", Fault::Status(404, ""));
    let error = lab.fetch(&[&server.url], quick()).expect_err("404");
    assert_eq!((error.class, ranges(&server).len()), (Class::Input, 1));
    assert!(error.message.contains("/x.rpm: the server answered 404"), "{error}");
    for _ in 0..3 {
        server.fault("x.rpm", Fault::Status(500, ""));
    }
    let error = lab.fetch(&[&server.url], quick()).expect_err("500");
    assert_eq!((error.class, ranges(&server).len()), (Class::Environment, 4));
    assert!(error.message.contains("(3 attempts)"), "{error}");
    let mut wrong = lab.bytes.clone();
    wrong[1000] ^= 1;
    for _ in 0..2 {
        server.fault("x.rpm", Fault::Other(wrong.clone()));
    }
    let error = lab.fetch(&[&server.url], quick()).expect_err("changed");
    assert_eq!(error.class, Class::Verification);
    assert!(error.message.contains("damaged or was changed"), "{error}");
    server.fault("x.rpm", Fault::Other([&lab.bytes[..], b"more"].concat()));
    assert!(lab.fetch(&[&server.url], quick()).is_err(), "longer than declared");
    assert!(!lab.cached().exists());
    assert_eq!(lab.left(), 0);
}

#[test]
fn mirrors_replace_each_other() {
    let lab = Lab::new();
    let (first, second) = (lab.server(), lab.server());
    // Nothing listens there.
    let nobody = "http://127.0.0.1:9";
    first.fault("x.rpm", Fault::Cut(100_000));
    lab.fetch(&[nobody, &first.url, &second.url], quick()).expect("fetched");
    assert_eq!(ranges(&second), [Some("bytes=100000-".to_owned())]);
    let mut wrong = lab.bytes.clone();
    wrong[1000] ^= 1;
    fs::remove_file(lab.cached()).expect("cached");
    first.fault("x.rpm", Fault::Other(wrong));
    lab.fetch(&[&first.url, &second.url], quick()).expect("fetched from the other one");
    let error = lab.namespace.run(|| {
        let http = Http::new(vec![nobody.into(), first.url.clone()], quick(), lab.network());
        http.read("nothing", 1000).expect_err("nowhere")
    });
    assert!(error.message.contains("127.0.0.1:9/nothing"), "{error}");
    assert!(error.message.contains("/nothing: the server answered 404"), "{error}");
}

#[test]
fn redirections_are_followed_within_reason() {
    let lab = Lab::new();
    let server = lab.server();
    server.fault("old/x.rpm", Fault::Status(302, "Location: ../x.rpm\r\n"));
    fs::create_dir(lab.directory.path().join("old")).expect("directory");
    lab.fetch(&[&format!("{}/old", server.url)], quick()).expect("fetched");
    for _ in 0..20 {
        server.fault("loop", Fault::Status(301, "Location: loop\r\n"));
    }
    let error = lab.namespace.run(|| {
        let http = Http::new(vec![server.url.clone()], quick(), lab.network());
        http.read("loop", 1000).expect_err("a loop")
    });
    assert!(error.message.contains("redirected more than 10 times"), "{error}");
}

/// A plus sign is a blank to some servers, the query of a signed address goes with every
/// request and into no message, and a package may be on another server (`xml:base`).
#[test]
fn addresses_are_what_the_server_takes() {
    let lab = Lab::new();
    let server = lab.server();
    let directory = lab.directory.path();
    fs::create_dir(directory.join("os")).expect("directory");
    fs::rename(directory.join("x.rpm"), directory.join("os/libstdc++ 4.rpm")).expect("renamed");
    let signed = format!("{}/os/?token=abc", server.url);
    let path = "libstdc++ 4.rpm";
    lab.fetch_path(&[&signed], path, quick()).expect("fetched");
    let asked = &server.requests("")[0].target;
    assert!(asked.ends_with("/os/libstdc%2B%2B%204.rpm?token=abc"), "{asked}");

    fs::remove_file(lab.cached()).expect("removed");
    let error = lab.fetch_path(&[&signed], "none.rpm", quick()).expect_err("no such file");
    assert!(error.message.contains("/os/none.rpm: "), "{error}");
    assert!(!error.message.contains("abc"), "{error}");

    let elsewhere = format!("{}/os/{path}", server.url);
    lab.fetch_path(&["http://127.0.0.1:1"], &elsewhere, quick()).expect("fetched");
}

#[test]
fn what_has_no_checksum_is_asked_for_again_only_whether_it_changed() {
    let lab = Lab::new();
    let server = lab.server();
    let read = || {
        lab.namespace
            .run(|| Http::new(vec![server.url.clone()], quick(), lab.network()).read("list", 1000))
    };
    fs::write(lab.directory.path().join("list"), "one").expect("file");
    assert_eq!(read().expect("fetched"), b"one");
    assert_eq!(read().expect("unchanged"), b"one");
    assert!(server.requests("list")[1].headers.contains_key("if-none-match"));
    fs::write(lab.directory.path().join("list"), "two").expect("file");
    assert_eq!(read().expect("changed"), b"two");
}

#[test]
fn proxies_by_setting() {
    let lab = Lab::new();
    let (proxy, target) = (lab.server(), lab.server());
    let through = |url: &str| Settings { proxy: ProxyChoice::Url(url.to_owned()), ..quick() };
    // The name of the target is nothing that could be resolved here.
    let with_login = proxy.url.replace("http://", "http://me:secret@");
    lab.fetch(&["http://mirror.invalid/"], through(&with_login)).expect("through the proxy");
    let asked = &proxy.requests("x.rpm")[0];
    assert_eq!(asked.target, "http://mirror.invalid/x.rpm");
    assert_eq!(asked.headers["host"], "mirror.invalid");
    // `printf me:secret | base64`
    assert_eq!(asked.headers["proxy-authorization"], "Basic bWU6c2VjcmV0");
    // The target's user and password reach the target, and no message.
    let base = target.url.replace("http://", "http://user:word@");
    target.fault("nothing", Fault::Status(403, ""));
    let error = lab.namespace.run(|| {
        let http = Http::new(vec![base], quick(), lab.network());
        http.read("nothing", 10).expect_err("refused")
    });
    assert_eq!(target.requests("nothing")[0].headers["authorization"], "Basic dXNlcjp3b3Jk");
    assert!(!error.to_string().contains("word"), "{error}");
}

/// Python's own server with TLS, and a certificate of its own for localhost.
struct Secure {
    child: Child,
    certificate: PathBuf,
    url: String,
}

impl Secure {
    fn start(lab: &Lab, directory: &Path) -> Self {
        let path = |name: &str| text(&directory.join(name));
        let (key, certificate) = (path("key.pem"), path("certificate.pem"));
        oracle::ok(
            "openssl",
            [
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
                &key,
                "-out",
                &certificate,
            ],
        );
        let script = "import http.server, ssl, sys, functools
h = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
s = http.server.ThreadingHTTPServer(('127.0.0.1', 4443), h)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[2], sys.argv[3])
s.socket = c.wrap_socket(s.socket, server_side=True)
print('ready', flush=True)
s.serve_forever()";
        let mut command: Command = lab.namespace.command("python3");
        command.args(["-c", script, &text(lab.directory.path()), &certificate, &key]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
        let mut child = command.spawn().expect("python3 starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("output");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("line");
        assert_eq!(line, "ready\n");
        Self { child, certificate: certificate.into(), url: "https://127.0.0.1:4443".into() }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn https_with_certificates_and_through_a_tunnel() {
    let lab = Lab::new();
    let directory = tempfile::tempdir().expect("temporary directory");
    let secure = Secure::start(&lab, directory.path());
    let error =
        lab.fetch(&[&secure.url], Settings { attempts: 1, ..quick() }).expect_err("unknown");
    assert!(error.message.to_lowercase().contains("certificate"), "{error}");
    let trusting = Settings { authorities: Some(secure.certificate.clone()), ..quick() };
    lab.fetch(&[&secure.url], trusting.clone()).expect("fetched");
    fs::remove_file(lab.cached()).expect("cached");
    let proxy = lab.server();
    let tunnelled = Settings { proxy: ProxyChoice::Url(proxy.url.clone()), ..trusting };
    lab.fetch(&[&secure.url], tunnelled).expect("through the tunnel");
    assert_eq!(proxy.requests(":4443")[0].method, "CONNECT");
    fs::remove_file(lab.cached()).expect("cached");
    lab.fetch(&[&secure.url], Settings { verify: false, ..quick() }).expect("sslverify=0");
}
