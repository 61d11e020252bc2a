//! An unprivileged user of the test's own, with the subordinate ids that `useradd` gives.

use crate::lab::text;
use crate::{oracle, product};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The user; removed with all files when dropped.
pub struct User {
    name: String,
    home: tempfile::TempDir,
}

impl User {
    /// Makes it, with `imgbuild` and `firstboot` in its home.
    ///
    /// # Panics
    /// Without root, or when `useradd` fails.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("imgbuild-{}-{number}", std::process::id());
        let home = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
        let path = text(home.path());
        oracle::ok("useradd", ["--no-create-home", "--home-dir", &path, &name]);
        let user = Self { name, home };
        for program in ["imgbuild", "firstboot"] {
            let from = product::imgbuild().with_file_name(program);
            fs::copy(from, user.path(program)).expect(program);
        }
        oracle::ok("chown", ["-R", &format!("{0}:{0}", user.name), &path]);
        user
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file in its home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Gives it the secrets of the labs that root builds.
    ///
    /// # Panics
    /// When there are none.
    pub fn share_secrets(&self) {
        let to = text(&self.path("state"));
        oracle::ok("cp", ["-rT", &text(&product::state()), &to]);
        oracle::ok("chown", ["-R", &format!("{0}:{0}", self.name), &to]);
    }

    /// The user's `imgbuild` with the user's own cache, in an environment unlike root's.
    pub fn imgbuild(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &self.name, "--regid", &self.name, "--init-groups"]);
        command.args(["sh", "-c", "umask 077; exec \"$@\"", "sh"]).arg(self.path("imgbuild"));
        command.current_dir(self.home.path()).env("HOME", self.home.path());
        command.env("IMGBUILD_CACHE", self.path("cache")).env("IMGBUILD_STATE", self.path("state"));
        command.envs([("TZ", "Asia/Tokyo"), ("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8")]);
        command
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.name).output();
    }
}
