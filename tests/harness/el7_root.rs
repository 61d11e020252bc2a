//! A root with EL7's own programs, made from the genuine packages of the shared test data.

use crate::lab::text;
use crate::{oracle, product};
use std::path::Path;
use std::process::Command;

/// The root; removed when dropped.
pub struct El7Root {
    directory: tempfile::TempDir,
}

impl El7Root {
    /// EL7's bash, coreutils and rpm with all that they need.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(shared: &Path) -> Self {
        El7Root::with(shared, &["bash", "coreutils", "rpm"])
    }

    /// `packages` with all that they need, chosen by imgbuild. They are unpacked, not installed:
    /// rpm's database is empty. `shared` is the directory of shared test data.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn with(shared: &Path, packages: &[&str]) -> Self {
        let media = shared.join("el7/media");
        let directory =
            tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
        let medium = text(&media);
        let mut arguments = vec!["plan", "--media", &medium];
        arguments.extend(packages.iter().flat_map(|package| ["--install", package]));
        let chosen = product::run(&arguments);
        assert!(chosen.status.success(), "{}", String::from_utf8_lossy(&chosen.stderr));
        let root = Self { directory };
        let files: Vec<String> = String::from_utf8_lossy(&chosen.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
            .filter_map(file_name)
            .map(|name| text(&media.join("Packages").join(name)))
            .collect();
        // The others' files go through its links.
        let (first, others): (Vec<String>, Vec<String>) =
            files.into_iter().partition(|file| file.contains("/filesystem-"));
        root.unpack(first.into_iter().chain(others));
        root
    }

    /// Unpacks every package of `directory` over it whose file's name begins with `start`.
    ///
    /// # Panics
    /// When that fails.
    pub fn unpack_all(&self, directory: &Path, start: &str) {
        let entries = std::fs::read_dir(directory).expect("packages");
        let files = entries.map(|entry| entry.expect("package").path());
        let chosen = files.filter(|file| {
            let name = text(file.file_name().expect("a name").as_ref());
            name.starts_with(start) && name.ends_with(".rpm")
        });
        self.unpack(chosen.map(|file| text(&file)));
    }

    fn unpack(&self, files: impl Iterator<Item = String>) {
        let unpack = "for package; do bsdtar -xPf \"$package\" -C \"$0\"; done".to_owned();
        let words = ["-euc".to_owned(), unpack, text(self.path())];
        oracle::ok("sh", words.into_iter().chain(files));
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A command that has EL7's bash run `script`, whose arguments are added to it, with this root
    /// as `/`. The directory `shown` is in it where it is outside.
    pub fn command(&self, shown: &Path, script: &str) -> Command {
        // A mount of its own, as root of a chroot may make no other its root otherwise.
        let enter = "shown=$1 script=$2; shift 2; mount --bind \"$0\" \"$0\"
            mkdir -p \"$0$shown\" \"$0/proc\" \"$0/dev\" \"$0/sys\" \"$0/tmp\"
            mount -t proc proc \"$0/proc\"
            for place in /dev /sys \"$shown\"; do mount --rbind \"$place\" \"$0$place\"; done
            exec chroot \"$0\" /bin/bash -euc \"$script\" bash \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", enter]);
        command.arg(self.path()).arg(shown).arg(script);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

/// The file of the package `NAME-[EPOCH:]VERSION-RELEASE.ARCH`.
fn file_name(package: &str) -> Option<String> {
    let (rest, release) = package.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    Some(format!("{name}-{version}-{release}.rpm"))
}
