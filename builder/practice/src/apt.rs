//! `apt-get` with a state of its own: it resolves against an empty dpkg status
//! (so the closure is whole) and never touches the machine's.

use crate::error::{Context, Error, Result};
use crate::progress::{Cancel, Progress, Stage};
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// One package apt would download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// The file's name in apt's archive directory, `name_version_arch.deb`.
    pub file: String,
    /// Its size in bytes, as the package list declares it.
    pub size: u64,
}

impl Uri {
    /// The Debian package's name.
    pub fn package(&self) -> &str {
        self.file.split('_').next().unwrap_or(&self.file)
    }
}

/// A private apt root below the work directory.
pub struct Apt {
    root: PathBuf,
}

const HINT: &str = "The practice medium is created on a Debian 12 machine that reaches its package \
mirror; check that `apt-get update` works there.";

impl Apt {
    /// Prepares the directories and the configuration below `root`.
    pub fn new(root: &Path) -> Result<Self> {
        let what = || format!("cannot prepare {}", root.display());
        for dir in ["state/lists/partial", "cache/archives/partial", "none/partial"] {
            fs::create_dir_all(root.join(dir)).or_environment(what)?;
        }
        fs::write(root.join("status"), "").or_environment(what)?;
        let apt = Self { root: root.to_path_buf() };
        fs::write(root.join("apt.conf"), apt.configuration()).or_environment(what)?;
        Ok(apt)
    }

    fn configuration(&self) -> String {
        let root = self.root.display();
        format!(
            "Dir::State \"{root}/state\";\n\
             Dir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\";\n\
             APT::Sandbox::User \"\";\n\
             APT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\n\
             APT::Install-Recommends \"false\";\n\
             APT::Install-Suggests \"false\";\n\
             APT::Update::Pre-Invoke {{}};\n\
             APT::Update::Post-Invoke {{}};\n\
             APT::Update::Post-Invoke-Success {{}};\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
             Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled \"false\";\n\
             Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n"
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        command
    }

    /// Fetches the package lists of the machine's configured sources.
    pub fn update(&self, cancel: Cancel<'_>) -> Result<()> {
        let mut command = self.command();
        command.args(["-q", "update"]);
        run(&mut command, cancel, &mut || {}).map(drop)
    }

    /// Everything that installing `packages` on an empty system would download.
    pub fn closure(&self, packages: &[&str], cancel: Cancel<'_>) -> Result<Vec<Uri>> {
        let mut command = self.command();
        // apt-get does not name what its archive directory holds already.
        let none = format!("Dir::Cache::archives={}", self.root.join("none").display());
        command.args(["-qq", "-o", &none, "--print-uris", "install"]).args(packages);
        let text = run(&mut command, cancel, &mut || {})?;
        let uris: Vec<Uri> = text.lines().filter_map(parse_uri).collect();
        if uris.is_empty() {
            return Err(Error::environment("apt-get names no package to download").hint(HINT));
        }
        Ok(uris)
    }

    /// Downloads what is missing of `wanted` and gives the files in the same order.
    pub fn download(
        &self,
        wanted: &[Uri],
        progress: Progress<'_>,
        cancel: Cancel<'_>,
    ) -> Result<Vec<PathBuf>> {
        let archives = self.root.join("cache/archives");
        let path = |uri: &Uri| archives.join(&uri.file);
        let have = |uri: &Uri| size_of(&path(uri)) == uri.size;
        let total: u64 = wanted.iter().map(|uri| uri.size).sum();
        let missing: Vec<&Uri> = wanted.iter().filter(|uri| !have(uri)).collect();
        let there = total - missing.iter().map(|uri| uri.size).sum::<u64>();
        progress(Stage::Download, there, total);
        for uri in &missing {
            // A file of another size is a leftover that apt-get would keep.
            let _ = fs::remove_file(path(uri));
        }
        if !missing.is_empty() {
            let mut command = self.command();
            command.current_dir(&archives).args(["-qq", "download"]);
            command.args(missing.iter().map(|uri| exact(uri)));
            run(&mut command, cancel, &mut || {
                let done: u64 = missing.iter().map(|uri| size_of(&path(uri)).min(uri.size)).sum();
                progress(Stage::Download, there + done, total);
            })?;
        }
        progress(Stage::Download, total, total);
        match wanted.iter().find(|uri| !have(uri)) {
            Some(uri) => {
                let message = format!("apt-get download left no complete {}", uri.file);
                Err(Error::environment(message).hint(HINT))
            }
            None => Ok(wanted.iter().map(path).collect()),
        }
    }
}

/// `name=version` of a file name, whose version has its colon escaped.
fn exact(uri: &Uri) -> String {
    let mut parts = uri.file.splitn(3, '_');
    let name = parts.next().unwrap_or_default();
    let version = parts.next().unwrap_or_default().replace("%3a", ":");
    format!("{name}={version}")
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// A line of `--print-uris`: `'uri' file size digest`.
fn parse_uri(line: &str) -> Option<Uri> {
    let mut words = line.split_whitespace().skip(1);
    let file = words.next()?.to_string();
    let size = words.next()?.parse().ok()?;
    (file.ends_with(".deb") && !file.contains('/')).then_some(Uri { file, size })
}

/// Kills the process when unwinding leaves it running.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `command` to its end, calling `tick` about five times a second; gives
/// its standard output.
fn run(command: &mut Command, cancel: Cancel<'_>, tick: &mut dyn FnMut()) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    // A terminal's Ctrl-C reaches us alone; the Drop guard stops the child.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(
        command
            .spawn()
            .map_err(|e| Error::environment(format!("cannot run {name}: {e}")).hint(HINT))?,
    );
    let stdout = drain(child.0.stdout.take());
    let stderr = drain(child.0.stderr.take());
    let status = loop {
        cancel.check()?;
        if let Some(status) = child.0.try_wait().or_environment(|| format!("waiting for {name}"))? {
            break status;
        }
        tick();
        std::thread::sleep(Duration::from_millis(200));
    };
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    if !status.success() {
        let lines: Vec<&str> = stderr.lines().collect();
        let tail = lines[lines.len().saturating_sub(6)..].join("\n  ");
        let message = format!("{name} failed ({status}):\n  {tail}");
        return Err(Error::environment(message).hint(HINT));
    }
    Ok(stdout)
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use crate::progress::tests::NEVER;

    #[test]
    fn reads_apts_uri_lines() {
        let line = "'http://h/pool/s/ssh_9.2p1-2_amd64.deb' openssh-server_1%3a9.2p1-2_amd64.deb \
                    456 MD5Sum:0";
        let uri = parse_uri(line).expect("a deb");
        assert_eq!(uri, Uri { file: "openssh-server_1%3a9.2p1-2_amd64.deb".into(), size: 456 });
        assert_eq!(uri.package(), "openssh-server");
        assert_eq!(exact(&uri), "openssh-server=1:9.2p1-2");
        assert_eq!(parse_uri("'u' ../evil.deb 1 x"), None);
        assert_eq!(parse_uri("'u' name.deb many x"), None);
        assert_eq!(parse_uri(""), None);
    }

    #[test]
    fn failing_command_is_an_environment_error_with_its_stderr() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo mirror is gone >&2; exit 100"]);
        let error = run(&mut command, NEVER, &mut || {}).expect_err("exit 100");
        assert_eq!(error.cause, Cause::Environment);
        assert!(error.message.contains("mirror is gone"), "{error}");
    }

    #[test]
    fn a_cancelled_command_is_stopped() {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let error = run(&mut command, Cancel(&|| true), &mut || {}).expect_err("cancelled");
        assert_eq!(error.cause, Cause::Cancelled);
    }

    #[test]
    fn missing_apt_is_an_environment_error() {
        let error = run(&mut Command::new("apt-get-that-is-absent"), NEVER, &mut || {});
        let error = error.expect_err("no such program");
        assert_eq!(error.cause, Cause::Environment);
        assert!(error.hint.is_some());
    }
}
