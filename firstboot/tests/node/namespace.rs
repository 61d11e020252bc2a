//! Namespaces of a test's own thread, so that real daemons can run without
//! touching the machine's files or network.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::process::{Child, Command};
use std::time::Duration;

/// Runs `body` in a thread with its own mounts (an empty /run; an /etc and a /var whose changes
/// end with it) and network (loopback only). What `body` starts lives there too.
pub fn isolated(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
            .expect("namespaces of our own: this test runs as root");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        for directory in ["/etc", "/var"] {
            lay_over(directory);
        }
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.expect("`ip` runs (Debian package iproute2)").success());
        body();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Lays an empty directory over `directory`: daemons find the machine's files, and what they or
/// the test change or create is not on the machine.
fn lay_over(directory: &str) {
    let changes = format!("/run/changes{directory}");
    let (upper, work) = (format!("{changes}/upper"), format!("{changes}/work"));
    for directory in [&upper, &work] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let options = format!("lowerdir={directory},upperdir={upper},workdir={work}");
    let options = Some(options.as_str());
    mount(Some("overlay"), directory, Some("overlay"), MsFlags::empty(), options).unwrap();
}

/// A daemon that ends with the test.
pub struct Daemon(Child);

impl Daemon {
    /// Starts `command`; `package` is the Debian package that holds it.
    pub fn start(command: &mut Command, package: &str) -> Daemon {
        let child = command.spawn();
        Daemon(child.unwrap_or_else(|error| panic!("{command:?} ({package}): {error}")))
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The processor time that it has used (proc(5), stat: utime and stime, in hundredths).
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // After the name, which may hold blanks, comes the third field.
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        let hundredths = fields.map(|field| field.parse::<u64>().unwrap()).sum::<u64>();
        Duration::from_millis(10 * hundredths)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `holds`, at most 60 s.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("timed out after 60 s: {what}");
}
