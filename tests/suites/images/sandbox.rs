//! What a package's scriptlet can reach of the machine that builds: nothing, as root with a
//! user namespace of its own, as root where the kernel has none, and without root. The program
//! that tries is `fixtures/sandbox/escape.c`; it runs where scriptlets run.

use builder::tree::sandbox::{ARGUMENT, MachineContent, MachineFile, Sandbox};
use lab_tests::lab::{Lab, text};
use lab_tests::user::User;
use lab_tests::{old_kernel, oracle, product, rpm_double};
use nix::libc;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Things outside that must not be reached, and a root with the program that tries.
struct Host {
    directory: tempfile::TempDir,
    canary: File,
    port: TcpListener,
    _abstract: UnixListener,
    name: String,
    key: libc::c_long,
    _alone: MutexGuard<'static, ()>,
}

/// One test at a time: the user's keyring and the names of abstract sockets are the process's.
static ALONE: Mutex<()> = Mutex::new(());

impl Host {
    fn new() -> Self {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory =
            tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        let path = directory.path().join("canary");
        fs::write(&path, "canary").expect("canary");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        let canary = File::open(&path).expect("canary");
        let port = TcpListener::bind("127.0.0.1:0").expect("port");
        let name = format!("imgbuild-canary-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("name");
        let _abstract = UnixListener::bind_addr(&address).expect("abstract socket");
        const USER_KEYRING: libc::c_long = -4;
        let [kind, label] = [c"user", c"imgbuild-canary"].map(std::ffi::CStr::as_ptr);
        // SAFETY: all strings live; the lengths are theirs.
        let key =
            unsafe { libc::syscall(libc::SYS_add_key, kind, label, label, 5usize, USER_KEYRING) };
        assert!(key > 0, "root has a keyring");
        Self { directory, canary, port, _abstract, name, key, _alone }
    }

    /// A root that holds nothing but the program.
    fn root(&self, at: &Path) -> PathBuf {
        let root = at.join("root");
        fs::create_dir_all(root.join("tmp")).expect("root");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sandbox/escape.c");
        let program = text(&root.join("escape"));
        oracle::ok("gcc", ["-static", "-no-pie", "-O1", "-o", &program, &text(&source)]);
        root
    }

    fn arguments(&self) -> Vec<String> {
        let disk = fs::metadata(self.directory.path()).expect("directory").dev();
        let port = self.port.local_addr().expect("address").port();
        let canary = self.directory.path().join("canary");
        let path = fs::canonicalize(canary).expect("path");
        vec![
            format!("canary={}", text(&path)),
            format!("major={}", nix::sys::stat::major(disk)),
            format!("minor={}", nix::sys::stat::minor(disk)),
            format!("process={}", std::process::id()),
            format!("port={port}"),
            format!("abstract={}", self.name),
            format!("key={}", self.key),
        ]
    }
}

/// The result of a run: the sandbox's report, the output and the exit code.
struct Attempt {
    report: String,
    output: String,
    code: Option<i32>,
}

/// Runs `imgbuild __sandbox` by `command` as imgbuild itself does, with a descriptor that it
/// should not hand on.
fn run(mut command: Command, sandbox: &Sandbox, canary: &File) -> Attempt {
    let (mut socket, inside) = UnixStream::pair().expect("socket");
    let canary = canary.as_raw_fd();
    command.stdin(OwnedFd::from(inside)).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: two system calls.
    unsafe {
        command.pre_exec(move || {
            libc::setsid();
            if libc::dup2(canary, 77) < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
        });
    }
    let child = command.spawn().expect("imgbuild starts");
    drop(command);
    socket.write_all(&serde_json::to_vec(sandbox).expect("JSON")).expect("specification");
    socket.shutdown(Shutdown::Write).expect("socket");
    let output = child.wait_with_output().expect("imgbuild");
    let mut report = String::new();
    // An older imgbuild reports nothing.
    let _ = socket.read_to_string(&mut report);
    let printed = [output.stdout, output.stderr].concat();
    let output_text = String::from_utf8_lossy(&printed).into_owned();
    Attempt { report, output: output_text, code: output.status.code() }
}

/// Every way out must be contained except those named `open`; prints how many were tried.
#[allow(clippy::print_stderr, reason = "the figure is what a reader wants")]
fn check(attempt: &Attempt, mode: &str) {
    let lines: Vec<&str> = attempt
        .output
        .lines()
        .filter(|l| l.contains("escaped") || l.contains("contained"))
        .collect();
    let escaped: Vec<&&str> = lines.iter().filter(|l| l.contains(" escaped")).collect();
    eprintln!("{mode}: {} of {} ways out succeeded", escaped.len(), lines.len());
    assert_eq!(attempt.code, Some(0), "{mode}: {}", attempt.output);
    assert!(lines.len() >= 59, "{mode}: not all were tried: {}", attempt.output);
    assert!(escaped.is_empty(), "{mode}: {escaped:#?}");
}

/// The program that the tests run, another one to compare with.
fn imgbuild() -> PathBuf {
    std::env::var_os("IMGBUILD_TEST_BINARY").map_or_else(|| product::imgbuild().into(), Into::into)
}

fn root_command() -> Command {
    let mut command = Command::new(imgbuild());
    command.arg(ARGUMENT);
    command
}

/// With another machine in the kernel's files, as `%pre` has it: nothing more is open for that.
fn escape(root: &Path, arguments: Vec<String>) -> Sandbox {
    let disk = root.with_file_name("disk");
    File::create(&disk).and_then(|file| file.set_len(1 << 30)).expect("disk");
    let file = |path: &str, content| MachineFile { path: path.to_owned(), content };
    let text = |text: &str| MachineContent::Text(text.to_owned());
    let machine = vec![
        file("/proc/partitions", text("none")),
        file("/sys/block/vda/size", text("2097152")),
        file("/dev/tty1", MachineContent::Link("null".to_owned())),
        file("/dev/vda", MachineContent::Disk(disk)),
    ];
    let sandbox = Sandbox::new(root, ["/escape".to_owned()].into_iter().chain(arguments));
    Sandbox { machine, ..sandbox }
}

#[test]
fn nothing_gets_out_as_root() {
    let host = Host::new();
    let sandbox = escape(&host.root(host.directory.path()), host.arguments());
    let attempt = run(root_command(), &sandbox, &host.canary);
    check(&attempt, "root, user namespace");
    assert_eq!(attempt.report, r#"{"lacking":null}"#, "the kernel has user namespaces");
    // Owners on the disk are what they are inside.
    let made = fs::metadata(sandbox.root.join("tmp/jail")).expect("made by the program");
    assert_eq!((made.uid(), made.gid()), (0, 0));
}

#[test]
fn nothing_gets_out_as_root_on_an_old_kernel() {
    let host = Host::new();
    let mut sandbox = escape(&host.root(host.directory.path()), host.arguments());
    let kernels: [(fn(&mut Command), _); 2] = [
        (old_kernel::on_linux_5_11, "owners cannot be mapped"),
        (old_kernel::on_linux_3_10, "user namespaces are switched off or used up"),
    ];
    for (old, reason) in kernels {
        let mut command = root_command();
        old(&mut command);
        let attempt = run(command, &sandbox, &host.canary);
        check(&attempt, "root, no user namespace");
        assert!(attempt.report.contains(reason), "{}", attempt.report);
    }
    // Packages with device nodes have the same: rpm makes them, no process can use them.
    sandbox.devices = true;
    let attempt = run(root_command(), &sandbox, &host.canary);
    check(&attempt, "root, packages with devices");
    assert!(attempt.report.contains("device nodes"), "{}", attempt.report);
    let node = fs::symlink_metadata(sandbox.root.join("tmp/node")).expect("the last node");
    assert_eq!(nix::sys::stat::major(node.rdev()), 1);
}

#[test]
fn nothing_gets_out_without_root() {
    let (host, user) = (Host::new(), User::new());
    let root = host.root(&user.path(""));
    oracle::ok("chown", ["-R", &format!("{0}:{0}", user.name()), &text(&root)]);
    fs::copy(imgbuild(), user.path("imgbuild")).expect("imgbuild");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user.name(), "--regid", user.name(), "--init-groups"]);
    // As imgbuild does by itself before it builds.
    command.args(["unshare", "--map-root-user", "--map-auto"]);
    command.arg(user.path("imgbuild")).arg(ARGUMENT);
    let attempt = run(command, &escape(&root, host.arguments()), &host.canary);
    check(&attempt, "without root");
}

#[test]
fn too_many_processes_end_the_sandbox() {
    let host = Host::new();
    let sandbox = escape(&host.root(host.directory.path()), vec!["bomb=1".to_owned()]);
    for old in [false, true] {
        let start = Instant::now();
        let mut command = root_command();
        if old {
            old_kernel::on_linux_5_11(&mut command);
        }
        let attempt = run(command, &sandbox, &host.canary);
        assert_eq!(attempt.code, Some(252), "{}", attempt.output);
        assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    }
}

/// A package whose `%post` runs the program and then waits indefinitely, as its last act.
fn hostile_repository(lab: &Lab, host: &Host) -> PathBuf {
    let program = host.root(host.directory.path()).join("escape");
    let arguments = host.arguments().join(" ");
    let spec = format!(
        "Name: hostile\nVersion: 1\nRelease: 1\nSummary: x\nBuildArch: x86_64\nRequires: bash coreutils\n\
         %description\nx\n%install\ninstall -D {} %{{buildroot}}/usr/bin/escape\n\
         %post\n/usr/bin/escape {arguments} </dev/null\nexec sleep 4322\n%files\n/usr/bin/escape\n",
        text(&program)
    );
    let to = lab.directory().join("hostile");
    fs::create_dir(&to).expect("repository");
    rpm_double::repository(&spec, &to);
    to
}

#[test]
fn a_hostile_package_reaches_nothing_and_a_waiting_one_is_ended() {
    let (lab, host) = (Lab::new(), Host::new());
    lab.edit("kickstart/controller.ks", "openvswitch\n", "openvswitch\nhostile\n");
    let repository = text(&hostile_repository(&lab, &host));
    let practice = product::practice();
    let media = ["os", "extras", "osp10"].map(|part| text(&practice.join(part)));
    let mut media: Vec<&str> = media.iter().map(String::as_str).collect();
    media.push(&repository);
    let cache = lab.directory().join("cache");
    let cache_text = text(&cache);
    let more = ["--cache", &cache_text, "--no-gpgcheck", "hostile", "--post-timeout", "60s"];
    let output = product::run(&lab.arguments("controller", &media, &more));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("printed nothing for 60 seconds; `sleep 4322` is running"), "{stderr}");
    assert!(stderr.contains("nothing printed for 30 seconds; `sleep 4322` is running"), "{stderr}");
    let logs = fs::read_dir(cache.join("logs")).expect("logs").flatten();
    let log = logs.map(|l| fs::read_to_string(l.path()).expect("log")).collect::<String>();
    let attempt = Attempt { report: String::new(), output: log, code: Some(0) };
    check(&attempt, "a package's %post");
}
