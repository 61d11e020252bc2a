//! A lab network's namespaces, entered.

use crate::base::error::{Context, Error, Result};
use crate::base::programs;
use crate::lab::vm::process::Process;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The namespaces of a lab network, to run programs in.
pub struct Namespace {
    /// Absent for root, who needs none.
    user: Option<File>,
    network: File,
}

impl Namespace {
    /// Those that the keeper is in.
    ///
    /// # Errors
    /// When the keeper has ended or is another user's.
    pub fn of(keeper: Option<&Process>) -> Result<Self> {
        let keeper = keeper.filter(|k| k.alive()).ok_or_else(|| {
            Error::input("the lab network is not up").hint("`imgbuild up` brings the lab up")
        })?;
        let open = |kind: &str| {
            File::open(format!("/proc/{}/ns/{kind}", keeper.pid))
                .or_environment(|| "cannot enter the lab network".to_owned())
        };
        let root = nix::unistd::geteuid().is_root();
        let user = if root { None } else { Some(open("user")?) };
        Ok(Self { user, network: open("net")? })
    }

    /// Moves this process, which must have one thread, into the namespaces.
    pub(super) fn enter(&self) -> nix::Result<()> {
        if let Some(user) = &self.user {
            setns(user, CloneFlags::CLONE_NEWUSER)?;
        }
        setns(&self.network, CloneFlags::CLONE_NEWNET)
    }

    /// A command that will run inside.
    pub fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = programs::command(program);
        // SAFETY: after the fork there is one thread, and setns is a plain system call.
        unsafe {
            command.pre_exec(move || self.enter().map_err(Into::into));
        }
        command
    }
}
