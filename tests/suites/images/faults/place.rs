//! Where a test builds, how a build is started and killed, and what must not be left of it.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use nix::sys::prctl;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// The only image that a build makes here.
pub const IMAGE: &str = "openstack.qcow2";
/// What a whole build leaves in its output directory.
const OUTPUTS: [&str; 9] = [
    "SHA256SUMS",
    "build.log",
    "manifest.json",
    "openstack-lab-network.xml",
    "openstack.mtree.zst",
    IMAGE,
    "openstack.xml",
    "packages.txt",
    "sbom.spdx.json",
];
/// Those that others may read.
const PUBLIC: [&str; 6] = [
    "SHA256SUMS",
    "manifest.json",
    "openstack-lab-network.xml",
    "openstack.xml",
    "packages.txt",
    "sbom.spdx.json",
];

/// A lab with a state of its own; its builds take most of a machine, so there is one at a time.
pub struct Place {
    pub lab: Lab,
    pub cache: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    /// With a warm cache or an empty one. The warm one is of these tests alone, as they look at
    /// what is left in it, and is kept between runs as the cache of all tests is.
    pub fn new(warm: bool) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        product::practice();
        let lab = Lab::new();
        lab.edit("profiles/controller.toml", "50 GiB", "5 GiB");
        // Others may pass, so that what they may not read is closed by imgbuild.
        fs::set_permissions(lab.directory(), fs::Permissions::from_mode(0o755)).expect("mode");
        let (kept, own) = (product::cache().join("faults"), lab.directory().join("cache"));
        let place = Self { lab, cache: if warm { kept } else { own }, _turn: turn };
        static WARM: Once = Once::new();
        if warm {
            WARM.call_once(|| drop(place.build("warm", &[])));
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.lab.directory().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The arguments of a build into the directory `output` of the place.
    pub fn arguments(&self, output: &str, more: &[&str]) -> Vec<String> {
        let media = ["os", "extras", "osp10"].map(|part| text(&product::practice().join(part)));
        let media: Vec<&str> = media.iter().map(String::as_str).collect();
        let format = [&["--format", "qcow2-plain"], more].concat();
        let mut arguments = self.lab.arguments("controller", &media, &format);
        let at = arguments.iter().position(|a| a == "--output").expect("output");
        arguments[at + 1] = text(&self.path(output));
        arguments
    }

    /// `script` in a mount namespace and with a name of its own; `$@` is imgbuild with arguments.
    pub fn script(&self, script: &str, arguments: &[String]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(product::imgbuild());
        command.args(arguments).current_dir(product::workspace());
        command.env("IMGBUILD_CACHE", &self.cache).env("IMGBUILD_STATE", self.state());
        command.env("FAULTS", self.lab.directory()).env("CACHE", &self.cache);
        command
    }

    /// A build under the umask `umask`, started.
    pub fn start(&self, umask: &str, output: &str, more: &[&str]) -> Child {
        let script = format!("umask {umask}; exec \"$@\"");
        let mut command = self.script(&script, &self.arguments(output, more));
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a shell")
    }

    /// A build that must succeed; the SHA-256 of its image.
    pub fn build(&self, output: &str, more: &[&str]) -> String {
        let child = self.start("022", output, more);
        self.finish(child, output)
    }

    /// The SHA-256 of the image of a build that must succeed, and have left nothing else.
    pub fn finish(&self, child: Child, output: &str) -> String {
        ended(&child.wait_with_output().expect("a build"), 0, &[]);
        let directory = self.path(output);
        let mut names: Vec<String> = names(&directory);
        names.sort();
        assert_eq!(names, OUTPUTS, "{}", directory.display());
        oracle::ok(
            "sh",
            ["-c", &format!("cd {} && sha256sum --quiet -c SHA256SUMS", text(&directory))],
        );
        self.assert_clean();
        let sums = fs::read_to_string(directory.join("SHA256SUMS")).expect("sums");
        let line = sums.lines().find(|line| line.ends_with(IMAGE)).expect("the image's sum");
        line[..64].to_owned()
    }

    /// That no trace of a killed build is in cache and state.
    pub fn assert_clean(&self) {
        let mut left = Vec::new();
        for (directory, prefix) in [
            (self.cache.clone(), "rebuild-"),
            (self.cache.join("trees"), "partial-"),
            (self.cache.join("trees"), "removing-"),
            (self.cache.join("logs"), "running-"),
            (self.cache.join("running"), ""),
            (self.state().join("openstack-lab"), "."),
            (self.state().join("openstack-lab/secrets"), "."),
        ] {
            let found = names(&directory).into_iter().filter(|name| name.starts_with(prefix));
            left.extend(found.map(|name| directory.join(name)));
        }
        assert_eq!(left, Vec::<PathBuf>::new(), "left over");
    }

    /// That the outputs of a whole build have exactly these modes.
    pub fn assert_modes(&self, output: &str, directory_mode: u32, public: u32) {
        let mode = |path: &Path| fs::metadata(path).expect("metadata").mode() & 0o7777;
        let directory = self.path(output);
        assert_eq!(mode(&directory), directory_mode, "{}", directory.display());
        for name in OUTPUTS {
            let expected = if PUBLIC.contains(&name) { public } else { 0o600 };
            assert_eq!(mode(&directory.join(name)), expected, "{name}");
        }
        let lab = self.state().join("openstack-lab");
        for private in [self.state(), lab.clone(), lab.join("secrets"), self.cache.join("trees")] {
            assert_eq!(mode(&private), 0o700, "{}", private.display());
        }
        let open = oracle::ok("find", [&text(&self.state()), "-perm", "/077"]);
        assert_eq!(open, "", "open to others");
    }
}

/// The names in a directory, which need not exist.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

/// That a program ended with `code` and printed every one of `words`.
pub fn ended(output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` in:\n{stderr}");
    }
}

/// A build that is to be killed. The shell that started it becomes the parent of what it leaves
/// running, and has no other children.
pub struct Doomed {
    keeper: Child,
    build: Pid,
}

impl Doomed {
    /// A build under the most open umask, started.
    pub fn start(place: &Place, output: &str, more: &[&str]) -> Self {
        let script = "umask 000; \"$@\" & echo $!; read -r _";
        let mut command = place.script(script, &place.arguments(output, more));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // SAFETY: prctl(2) is safe between fork and exec, and its effect outlives exec.
        unsafe { command.pre_exec(|| prctl::set_child_subreaper(true).map_err(Into::into)) };
        let mut keeper = command.spawn().expect("a shell");
        let mut line = String::new();
        let output = keeper.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a process id");
        let build = Pid::from_raw(line.trim().parse().expect("a process id"));
        Self { keeper, build }
    }

    /// Kills it with SIGKILL: within seconds nothing of it runs, and nothing stays mounted.
    pub fn kill(mut self, after: Duration, place: &Place) {
        std::thread::sleep(after);
        // It may have ended before.
        let _ = signal::kill(self.build, Signal::SIGKILL);
        let start = Instant::now();
        while !self.running().is_empty() {
            let left = self.running();
            assert!(start.elapsed() < Duration::from_secs(20), "still running: {left:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        // The build's mount namespace is the shell's.
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", self.keeper.id()));
        let mounts = mounts.expect("mountinfo");
        for directory in [place.lab.directory(), &place.cache] {
            assert!(!mounts.contains(&text(directory)), "{mounts}");
        }
        drop(self.keeper.stdin.take());
        self.keeper.wait().expect("a shell");
    }

    /// What runs of the build: the shell's children that have not ended.
    fn running(&self) -> Vec<String> {
        let keeper = self.keeper.id().to_string();
        let stats = names(Path::new("/proc")).into_iter().filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // After the name, which may hold anything: state, parent.
            let mut fields = stat.rsplit_once(") ")?.1.split(' ');
            let (state, parent) = (fields.next()?, fields.next()?);
            (parent == keeper && state != "Z").then_some(stat)
        });
        stats.collect()
    }
}

/// Random numbers by xorshift, from a seed that is printed.
pub struct Random(u64);

impl Random {
    #[allow(clippy::print_stderr, reason = "a failed run is repeated by its seed")]
    pub fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let given = std::env::var("IMGBUILD_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(now.map_or(1, |time| u64::from(time.subsec_nanos())));
        eprintln!("IMGBUILD_TEST_SEED={seed}");
        Self(seed | 1 << 40)
    }

    /// A part of `whole`.
    pub fn part(&mut self, whole: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        whole.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// How many random points: more where time does not matter.
pub fn points(short: usize) -> usize {
    if product::is_long() { 12 } else { short }
}
