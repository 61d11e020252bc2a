//! What is known of KVM on this host, kept next to the labs in `kvm.json`: a probe takes seconds,
//! and a guest that KVM failed takes longer.

use super::process;
use crate::base::error::{Context, Result};
use crate::base::programs;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why KVM does not work on this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KvmFailure(pub String);

/// Whether KVM works on this host.
pub type Verdict = std::result::Result<(), KvmFailure>;

const FILE: &str = "kvm.json";
const SCHEMA: u32 = 1;

/// What KVM's working depends on. The boot alone would not do: a virtual machine can be moved
/// to another host while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Host {
    /// This boot of the kernel, as it names it: modules and their settings change at the next.
    boot: String,
    /// The kernel's release.
    kernel: String,
    /// The processor's model name.
    processor: String,
    /// QEMU's path and version.
    qemu: String,
}

impl Host {
    fn this(qemu: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpus = read("/proc/cpuinfo");
        let model = cpus.lines().find_map(|l| l.strip_prefix("model name")?.split_once(':'));
        let output = programs::command(qemu).arg("--version").output().map(|o| o.stdout);
        let version = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
        Self {
            boot: process::boot_id(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: model.map(|(_, name)| name.trim().to_owned()).unwrap_or_default(),
            qemu: format!("{}: {}", qemu.display(), version.lines().next().unwrap_or_default()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct VerdictRecord {
    schema: u32,
    host: Host,
    /// Why KVM does not work here; absent where it does.
    failure: Option<String>,
}

/// The file of what is known, for one QEMU on this host.
pub struct Verdicts {
    path: PathBuf,
    host: Host,
}

impl Verdicts {
    /// In the directory of all labs' states, for the QEMU at `qemu`.
    pub fn new(base: &Path, qemu: &Path) -> Self {
        Self { path: base.join(FILE), host: Host::this(qemu) }
    }

    /// What is known: that KVM works, or why it does not. `None` where nothing is, or what is
    /// known is of another host, kernel or QEMU, or cannot be read.
    pub fn read(&self) -> Option<Verdict> {
        let record: VerdictRecord = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        let known = record.schema == SCHEMA && record.host == self.host;
        known.then_some(record.failure.map_or(Ok(()), |why| Err(KvmFailure(why))))
    }

    /// Remembers that KVM works here, or why it does not.
    ///
    /// # Errors
    /// An environment error when it cannot be written.
    pub fn write(&self, verdict: &Verdict) -> Result<()> {
        let what = || format!("cannot write {}", self.path.display());
        let failure = verdict.as_ref().err().map(|failure| failure.0.clone());
        let record = VerdictRecord { schema: SCHEMA, host: self.host.clone(), failure };
        let text = serde_json::to_vec_pretty(&record).or_environment(what)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory).or_environment(what)?;
        file.write_all(&text).or_environment(what)?;
        file.persist(&self.path).or_environment(what)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_of_one_host_kernel_and_qemu() {
        let directory = tempfile::tempdir().unwrap();
        let here = || Verdicts::new(directory.path(), Path::new("qemu-system-x86_64"));
        assert_eq!(here().read(), None);
        here().write(&Err(KvmFailure("it hangs".into()))).unwrap();
        assert_eq!(here().read(), Some(Err(KvmFailure("it hangs".into()))));
        for change in [
            |host: &mut Host| host.boot = "another".into(),
            |host: &mut Host| host.kernel += "-1",
            |host: &mut Host| host.processor += " v2",
            |host: &mut Host| host.qemu += "1",
        ] {
            let mut other = here();
            change(&mut other.host);
            assert_eq!(other.read(), None, "{:?}", other.host);
        }
        here().write(&Ok(())).unwrap();
        assert_eq!(here().read(), Some(Ok(())));
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(here().read(), None, "a damaged file has no verdict");
    }
}
