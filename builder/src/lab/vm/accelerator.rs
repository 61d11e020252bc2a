//! How processors are run: the choice between KVM and emulation, and what it is based on.

use super::options::Accelerator;
use super::probe;
use super::processor::{KVM, TCG};
use super::verdict::{KvmFailure, Verdict, Verdicts};
use super::watch::Failure;
use crate::base::error::{Error, Result};
use crate::base::progress::Progress;
use std::path::{Path, PathBuf};

const HINT: &str = "omit --accelerator to emulate the processor where KVM does not work";

/// Decides between KVM and emulation for one QEMU.
pub struct Chooser {
    qemu: PathBuf,
    wanted: Accelerator,
    verdicts: Verdicts,
}

impl Chooser {
    /// For the QEMU at `qemu`; `base` is the directory of all labs' states.
    pub fn new(qemu: &Path, wanted: Accelerator, base: &Path) -> Self {
        Self { qemu: qemu.to_owned(), wanted, verdicts: Verdicts::new(base, qemu) }
    }

    /// [`KVM`] or [`TCG`], by what the user wants, what is known of this host, or a probe.
    ///
    /// # Errors
    /// An environment error when KVM is wanted and does not work, or the probe cannot be run.
    pub fn choose(&self, progress: &Progress) -> Result<&'static str> {
        match self.wanted {
            Accelerator::Tcg => Ok(TCG),
            Accelerator::Kvm => match probe::run(&self.qemu, KVM, probe::LIMIT)? {
                Ok(()) => Ok(KVM),
                Err(why) => {
                    self.remember(&Err(why.clone()), progress);
                    Err(Error::environment(format!("KVM does not work here: {why}")).hint(HINT))
                }
            },
            Accelerator::Auto => match self.verdicts.read() {
                Some(Ok(())) => Ok(self.announce(&Ok(()), progress)),
                Some(Err(why)) => {
                    progress.note(&format!(
                        "KVM is known not to work here ({why}): the processor is emulated, which \
                         is slow; `--accelerator kvm` tries KVM again"
                    ));
                    Ok(TCG)
                }
                None => self.probe(progress),
            },
        }
    }

    /// Probes, and remembers what comes of it.
    fn probe(&self, progress: &Progress) -> Result<&'static str> {
        let verdict = probe::run(&self.qemu, KVM, probe::LIMIT)?;
        self.remember(&verdict, progress);
        Ok(self.announce(&verdict, progress))
    }

    fn announce(&self, verdict: &Verdict, progress: &Progress) -> &'static str {
        match verdict {
            Ok(()) => {
                progress.note("KVM works here: the machines run at full speed");
                KVM
            }
            Err(why) => {
                progress.note(&format!(
                    "KVM does not work here ({why}): the processor is emulated, which is slow"
                ));
                TCG
            }
        }
    }

    /// A machine could not be started under KVM, which may have worked when that was remembered:
    /// whether a new probe says that it does not, and emulation is allowed.
    ///
    /// # Errors
    /// When the probe cannot be run.
    pub fn must_emulate(&self, progress: &Progress) -> Result<bool> {
        Ok(self.wanted == Accelerator::Auto && self.probe(progress)? == TCG)
    }

    /// KVM failed a machine that was started under it. Remembers that.
    ///
    /// # Errors
    /// An environment error when the user wants KVM and nothing else.
    pub fn failed(&self, failures: &[Failure], progress: &Progress) -> Result<()> {
        let reasons =
            failures.iter().filter_map(|f| Some(format!("{}: {}", f.name, f.why.as_ref()?)));
        let reasons: Vec<String> = reasons.collect();
        let first = reasons.first().cloned().unwrap_or_default();
        self.remember(&Err(KvmFailure(first)), progress);
        let words = reasons.join("; ");
        if self.wanted == Accelerator::Kvm {
            return Err(Error::environment(format!("KVM does not work here: {words}")).hint(
                "`imgbuild up` without --accelerator starts these machines again with an \
                 emulated processor; `imgbuild down` stops them",
            ));
        }
        progress.note(&format!(
            "KVM does not work here: {words}; the processor is emulated from now on, which is slow"
        ));
        Ok(())
    }

    /// Machines got ready under KVM, whatever was known before.
    pub fn succeeded(&self, progress: &Progress) {
        if self.verdicts.read() != Some(Ok(())) {
            self.remember(&Ok(()), progress);
        }
    }

    /// What cannot be remembered will be found out again.
    fn remember(&self, verdict: &Verdict, progress: &Progress) {
        if let Err(e) = self.verdicts.write(verdict) {
            progress.note(&format!("the result of the KVM probe is not stored: {e}"));
        }
    }
}
