//! A lab of the test's own: the shipped profiles and kickstarts with a fresh ssh key,
//! and the images made from them.

use crate::{oracle, product};
use std::fs;
use std::path::{Path, PathBuf};

/// The directory of a lab; removed when dropped.
pub struct Lab {
    directory: tempfile::TempDir,
}

impl Lab {
    /// Copies the shipped files and bakes in a new key.
    ///
    /// # Panics
    /// When the files cannot be copied or changed.
    pub fn new() -> Self {
        let directory =
            tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
        for part in ["profiles", "kickstart"] {
            let to = directory.path().join(part);
            fs::create_dir(&to).expect("directory");
            for file in fs::read_dir(product::workspace().join(part)).expect(part) {
                let file = file.expect("entry").path();
                fs::copy(&file, to.join(file.file_name().expect("name"))).expect("copy");
            }
        }
        let lab = Self { directory };
        oracle::ok(
            "ssh-keygen",
            ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "test", "-f", &text(&lab.key())],
        );
        let public = format!("[{:?}]", text(&lab.key().with_extension("pub")));
        lab.edit("profiles/lab.toml", "[\"~/.ssh/id_*.pub\"]", &public);
        lab
    }

    /// Replaces text of one of the lab's files.
    ///
    /// # Panics
    /// When the file does not have it.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.directory.path().join(file);
        let old = fs::read_to_string(&path).expect(file);
        assert!(old.contains(from), "{file} has no {from}");
        fs::write(path, old.replace(from, to)).expect(file);
    }

    /// Without a key of the user's: imgbuild makes one for the lab.
    ///
    /// # Panics
    /// When the lab file does not have the key.
    pub fn without_key(&self) {
        let public = format!("[{:?}]", text(&self.key().with_extension("pub")));
        self.edit("profiles/lab.toml", &public, "[]");
    }

    /// Lets the boot loader wait for one second only: emulated, its menu keeps a core busy.
    ///
    /// # Panics
    /// When a kickstart does not have it.
    pub fn shorten_menu(&self) {
        for role in ["controller", "compute"] {
            self.edit(&format!("kickstart/{role}.ks"), "--timeout=5", "--timeout=1");
        }
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where images go.
    pub fn output(&self) -> PathBuf {
        self.directory.path().join("output")
    }

    /// Root's private key on the nodes.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    /// Arguments of `imgbuild --profile ROLE` with `media`, into [`Lab::output`].
    pub fn arguments(&self, role: &str, media: &[&str], more: &[&str]) -> Vec<String> {
        let mut arguments = vec![
            "--profile".to_owned(),
            text(&self.directory.path().join(format!("profiles/{role}.toml"))),
            "--output".to_owned(),
            text(&self.output()),
            "--progress".to_owned(),
            "plain".to_owned(),
        ];
        for medium in media {
            arguments.extend(["--media".to_owned(), (*medium).to_owned()]);
        }
        arguments.extend(more.iter().map(|m| (*m).to_owned()));
        arguments
    }

    /// Builds and returns imgbuild's messages.
    ///
    /// # Panics
    /// When it fails.
    pub fn build(&self, role: &str, media: &[&str], more: &[&str]) -> String {
        product::build(&self.arguments(role, media, more))
    }

    /// A throw-away overlay on a node's image, so that a guest does not change it.
    ///
    /// # Panics
    /// When qemu-img fails.
    pub fn overlay(&self, node: &str) -> PathBuf {
        let overlay = self.directory.path().join(format!("{node}-overlay.qcow2"));
        let base = text(&self.output().join(format!("{node}.qcow2")));
        oracle::ok(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &base, &text(&overlay)],
        );
        overlay
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// A path as text.
///
/// # Panics
/// When it is not UTF-8, which no path of the tests is.
pub fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8 path").to_owned()
}
