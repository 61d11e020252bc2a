//! Where profiles and kickstarts are: on disk, or built into the program.

use super::request::Request;
use crate::base::diagnostic::Diagnostic;
use crate::base::files::{STDIN, read_named, read_regular};
use crate::base::home;
use crate::base::place::{Place, line_column};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Files of the reference lab, used where the user has none of their own.
pub const SHIPPED: [(&str, &str); 5] = [
    ("profiles/lab.toml", include_str!("../../../profiles/lab.toml")),
    ("profiles/controller.toml", include_str!("../../../profiles/controller.toml")),
    ("profiles/compute.toml", include_str!("../../../profiles/compute.toml")),
    ("kickstart/controller.ks", include_str!("../../../kickstart/controller.ks")),
    ("kickstart/compute.ks", include_str!("../../../kickstart/compute.ks")),
];

/// Larger input files are mistakes (an ISO given as a profile).
const MAX_BYTES: u64 = 4 << 20;

/// The lab file of those who have no vendor's ISO files: RDO's packages from CentOS' archive.
pub const RDO_LAB: &str = include_str!("../../../profiles/lab-rdo.toml");

/// An input file's text and origin.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// Its name in messages.
    pub name: String,
    /// Its path on disk; of a built-in file, where it would be in the working directory.
    pub path: PathBuf,
    /// Whether it is built into the program.
    pub shipped: bool,
    /// Its text.
    pub text: String,
}

impl InputFile {
    fn shipped(name: &str, directory: &Path) -> Option<Self> {
        let (name, text) = SHIPPED.iter().find(|(n, _)| *n == name)?;
        Some(Self {
            name: format!("<built in>/{name}"),
            path: directory.join(name),
            shipped: true,
            text: (*text).to_owned(),
        })
    }

    fn read(path: &Path, directory: &Path) -> Result<Self, Diagnostic> {
        let name = path.strip_prefix(directory).unwrap_or(path).display().to_string();
        let fail = |why: String| Diagnostic::of_file(&name, format!("cannot read it: {why}"));
        let bytes = if path == Path::new(STDIN) {
            let what = || "cannot read standard input".to_owned();
            read_named(path, MAX_BYTES, what).map_err(|e| fail(e.message))?
        } else {
            let denied = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied;
            read_regular(path, MAX_BYTES).map_err(|e| fail(e.to_string()).denied(denied(&e)))?
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => in_comments(e.as_bytes()).ok_or_else(|| {
                let valid = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]);
                let (line, column) = line_column(&valid, valid.len());
                let message = "this byte is not UTF-8 text";
                Diagnostic::error(Place::new(&name, line, column), message)
                    .hint(format!("convert the file: iconv -f latin1 -t utf-8 {name}"))
            })?,
        };
        Ok(Self { name, path: path.to_path_buf(), shipped: false, text })
    }

    /// The path that `relative`, written in this file, means.
    pub fn resolve(&self, relative: &str, home: Option<&Path>) -> PathBuf {
        if let (Some(rest), Some(home)) = (relative.strip_prefix("~/"), home) {
            return home.join(rest);
        }
        let base = self.path.parent().unwrap_or(Path::new(""));
        normalize_path(&base.join(relative))
    }

    /// The file that `relative`, written in this file, means: of a built-in file
    /// another built-in one, unless the working directory has its own.
    pub fn sibling(&self, relative: &str, request: &Request<'_>) -> Result<Self, Diagnostic> {
        let path = self.resolve(relative, request.home);
        if self.shipped && !path.exists() {
            let directory = lab_directory(request);
            let name = path.strip_prefix(&directory).unwrap_or(&path);
            if let Some(file) = Self::shipped(&name.to_string_lossy(), &directory) {
                return Ok(file);
            }
        }
        Self::read(&path, request.directory)
    }

    /// The file that `relative`, included by this one, means; `None` if there is none
    /// next to it.
    pub fn included(
        &self,
        relative: &str,
        request: &Request<'_>,
    ) -> Result<Option<Self>, Diagnostic> {
        let path = self.resolve(relative, None);
        if !self.shipped && !path.exists() {
            return Ok(None);
        }
        match self.sibling(relative, request) {
            Err(_) if self.shipped => Ok(None),
            found => found.map(Some),
        }
    }
}

/// The text, where only lines that are comments are not UTF-8.
fn in_comments(bytes: &[u8]) -> Option<String> {
    let readable = |line: &[u8]| {
        line.trim_ascii_start().starts_with(b"#") || std::str::from_utf8(line).is_ok()
    };
    let all = bytes.split(|b| *b == b'\n').all(readable);
    all.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// A file by its path.
pub fn read_path(path: &Path, request: &Request<'_>) -> Result<InputFile, Diagnostic> {
    InputFile::read(&normalize_path(&request.directory.join(path)), request.directory)
}

/// Removes `.` and `directory/..` from a path by its text, so that messages show it short.
fn normalize_path(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(normal.components().next_back(), Some(Component::Normal(_))) =>
            {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// The directory of the user's lab: the first that has `profiles/` with the lab file or a
/// profile, of the working directory, those above it, and those of the configuration. The working
/// directory where none has. Above it only those count that nobody else can write to: what is in a
/// lab's files runs in the images.
fn lab_directory(request: &Request<'_>) -> PathBuf {
    let profile = Some(request.profile).filter(|name| !name.contains('/'));
    let names: Vec<PathBuf> = ["lab", "controller", "compute"]
        .into_iter()
        .chain(profile)
        .map(|name| Path::new("profiles").join(format!("{name}.toml")))
        .collect();
    let has_lab = |place: &PathBuf| names.iter().any(|name| place.join(name).is_file());
    let is_safe =
        |place: &Path| place == request.directory || home::is_own(&place.join("profiles"));
    let above = request.directory.ancestors().filter(|place| is_safe(place)).map(Path::to_owned);
    let found = above.chain(request.config.iter().cloned()).find(has_lab);
    found.unwrap_or_else(|| request.directory.to_owned())
}

/// Finds the role profile: a path, or a name looked up in `profiles` of the lab's directory and
/// then among the built-in ones.
pub fn find_role(request: &Request<'_>) -> Result<InputFile, Diagnostic> {
    let profile = request.profile;
    if profile.contains('/') || profile.ends_with(".toml") {
        return read_path(Path::new(profile), request);
    }
    let name = format!("profiles/{profile}.toml");
    let directory = lab_directory(request);
    let path = directory.join(&name);
    if path.exists() {
        return InputFile::read(&path, request.directory);
    }
    if profile != "lab"
        && let Some(file) = InputFile::shipped(&name, &directory)
    {
        return Ok(file);
    }
    Err(Diagnostic::of_file("", format!("there is no profile `{profile}`")).key("--profile").hint(
        format!("known: {}; or give the path of a .toml file", known_profiles(request).join(", ")),
    ))
}

/// Names of the profiles that [`find_role`] finds.
fn known_profiles(request: &Request<'_>) -> Vec<String> {
    let mut names = vec!["controller".to_owned(), "compute".to_owned()];
    for entry in
        fs::read_dir(lab_directory(request).join("profiles")).into_iter().flatten().flatten()
    {
        let file = entry.file_name();
        let Some(name) = file.to_str().and_then(|f| f.strip_suffix(".toml")) else { continue };
        if name != "lab" && !name.starts_with("lab-") {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Finds the lab file: as asked, next to the role profile, in the lab's directory, or built in.
pub fn find_lab(request: &Request<'_>, role: Option<&InputFile>) -> Result<InputFile, Diagnostic> {
    if let Some(path) = request.lab {
        return read_path(path, request);
    }
    let sibling = role.filter(|r| !r.shipped).map(|r| r.resolve("lab.toml", None));
    let directory = lab_directory(request);
    let local = directory.join("profiles/lab.toml");
    for path in sibling.into_iter().chain([local]) {
        if path.exists() {
            return InputFile::read(&path, request.directory);
        }
    }
    InputFile::shipped("profiles/lab.toml", &directory)
        .ok_or_else(|| Diagnostic::of_file("profiles/lab.toml", "not found"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_lab_is_found_above_and_in_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        fs::create_dir_all(place("lab/a/b")).unwrap();
        let config = [place("config")];
        let found = |profile: &str| {
            let inside = place("lab/a/b");
            let request = Request { config: &config, ..Request::new(profile, &inside) };
            lab_directory(&request)
        };
        assert_eq!(found("compute"), place("lab/a/b"), "there is none");
        for (name, file) in [("config", "lab.toml"), ("lab", "other.toml")] {
            fs::create_dir_all(place(name).join("profiles")).unwrap();
            fs::write(place(name).join("profiles").join(file), "").unwrap();
        }
        assert_eq!(found("compute"), place("config"));
        assert_eq!(found("other"), place("lab"));
        fs::write(place("lab/profiles/lab.toml"), "").unwrap();
        assert_eq!(found("compute"), place("lab"), "what is nearer comes first");
        let writable = fs::Permissions::from_mode(0o777);
        fs::set_permissions(place("lab/profiles"), writable).unwrap();
        assert_eq!(found("compute"), place("config"), "others can write there");
    }

    #[test]
    fn normalizing_works_on_the_text() {
        assert_eq!(
            normalize_path(Path::new("profiles/../kickstart/./a.ks")),
            Path::new("kickstart/a.ks")
        );
        assert_eq!(normalize_path(Path::new("../a/../b")), Path::new("../b"));
        assert_eq!(normalize_path(Path::new("/a/../../b")), Path::new("/../b"));
    }
}
