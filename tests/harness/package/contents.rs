//! What every package holds, and where.

use super::error::PackageError;
use super::{LICENCE, MAINTAINER};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// A file of a package; all are root's.
#[derive(Debug)]
pub struct PackageFile {
    /// Its absolute path.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its bytes; `None` for a directory of the package's own.
    pub bytes: Option<Vec<u8>>,
}

/// Directories of the workspace whose files profiles and kickstarts of a user's own begin with.
const EXAMPLES: [&str; 2] = ["profiles", "kickstart"];

/// Where shells look for completions: bash, zsh of EL and of Debian, fish.
const COMPLETIONS: [(&str, &str); 4] = [
    ("bash", "/usr/share/bash-completion/completions/imgbuild"),
    ("zsh", "/usr/share/zsh/site-functions/_imgbuild"),
    ("zsh", "/usr/share/zsh/vendor-completions/_imgbuild"),
    ("fish", "/usr/share/fish/vendor_completions.d/imgbuild.fish"),
];

/// All files, in ascending order of their paths.
pub(super) fn files(workspace: &Path, programs: &Path) -> Result<Vec<PackageFile>, PackageError> {
    let mut files = Vec::new();
    let mut add = |path: String, mode, bytes| files.push(PackageFile { path, mode, bytes });
    for name in ["imgbuild", "firstboot"] {
        // imgbuild looks for firstboot next to itself.
        add(format!("/usr/bin/{name}"), 0o755, Some(program(&programs.join(name))?));
    }
    for (path, bytes) in made_by(&programs.join("imgbuild"))? {
        add(path, 0o644, Some(bytes));
    }
    add("/usr/share/imgbuild".to_owned(), 0o755, None);
    for directory in EXAMPLES {
        let to = format!("/usr/share/imgbuild/{directory}");
        for (name, bytes) in files_in(&workspace.join(directory))? {
            add(format!("{to}/{name}"), 0o644, Some(bytes));
        }
        add(to, 0o755, None);
    }
    let documents = "/usr/share/doc/imgbuild";
    add(documents.to_owned(), 0o755, None);
    let readme = read(&workspace.join("README.md"))?;
    add(format!("{documents}/README.md"), 0o644, Some(readme));
    let copyright = copyright(&read(&workspace.join("builder/LICENSE"))?);
    add(format!("{documents}/copyright"), 0o644, Some(copyright));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// What imgbuild makes itself: completions, and manual pages, compressed as every `man` reads them.
fn made_by(imgbuild: &Path) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
    let mut files = Vec::new();
    for (shell, path) in COMPLETIONS {
        files.push((path.to_owned(), output(imgbuild, &["completion", shell])?));
    }
    let directory = tempfile::tempdir()?;
    output(imgbuild, &["man", "--output", &directory.path().to_string_lossy()])?;
    for (name, page) in files_in(directory.path())? {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::default());
        compressed.write_all(&page)?;
        files.push((format!("/usr/share/man/man1/{name}.gz"), compressed.finish()?));
    }
    Ok(files)
}

/// The standard output of a program that must succeed.
fn output(program: &Path, arguments: &[&str]) -> Result<Vec<u8>, PackageError> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(PackageError::at(program))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let what = format!("{} ended with {}: {said}", arguments.join(" "), output.status);
        return Err(PackageError::File(program.to_owned(), io::Error::other(what)));
    }
    Ok(output.stdout)
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    fs::read(path).map_err(PackageError::at(path))
}

/// The files of a directory, with their names.
fn files_in(directory: &Path) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
    let entries = fs::read_dir(directory).map_err(PackageError::at(directory))?;
    entries
        .map(|entry| {
            let path = entry.map_err(PackageError::at(directory))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, read(&path)?))
        })
        .collect()
}

/// A program's bytes, when it runs without any library.
fn program(path: &Path) -> Result<Vec<u8>, PackageError> {
    let bytes = read(path)?;
    // The loader of dynamic programs is named in full near the beginning (PT_INTERP, ELF
    // specification).
    let loader = b"/ld-linux-x86-64.so";
    match bytes
        .iter()
        .take(4096)
        .copied()
        .collect::<Vec<_>>()
        .windows(loader.len())
        .any(|w| w == loader)
    {
        true => Err(PackageError::Dynamic(path.to_owned())),
        false => Ok(bytes),
    }
}

/// Debian's machine-readable copyright file (DEP 5), with the licence's text.
fn copyright(licence: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(licence);
    let indented = text.lines().map(|line| match line.trim_end() {
        "" => " .\n".to_owned(),
        line => format!(" {line}\n"),
    });
    let head = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Contact: {MAINTAINER}\n\nFiles: *\nCopyright: imgbuild developers\n\
         License: {LICENCE}\n"
    );
    (head + &indented.collect::<String>()).into_bytes()
}
