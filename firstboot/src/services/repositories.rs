//! yum repositories as the node sees them: how many packages each holds, and which.
//! Read natively over http and from directories; for anything else yum is asked.

use crate::host::Host;
use crate::host::http::Request;
use crate::host::process::Program;
use contract::spec::SpecRepository;
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// repomd.xml is a few kilobytes.
const MAX_INDEX: u64 = 1 << 20;
/// The count is in the first line or two of the package list.
const HEAD: u64 = 64 << 10;
/// The package list of a whole distribution, compressed, is a tenth of this.
const MAX_LIST: u64 = 256 << 20;
/// Unpacked it is some tenfold.
const MAX_XML: u64 = 2 << 30;
/// How long one answer of the server may take, and yum's work.
const LIMIT: Duration = Duration::from_secs(60);

/// Why a repository's content is not known.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Only imgbuild has used it.
    #[error("the node has no address for it")]
    NoAddress,
    /// Its list does not give the number of packages.
    #[error("{0}: its package list does not give the number of packages")]
    NoCount(String),
    /// Its index does not name the list.
    #[error("{0}/repodata/repomd.xml names no package list")]
    NoList(String),
    /// A file of it cannot be read.
    #[error("{url}: {why}")]
    Read {
        /// The file.
        url: String,
        /// Why not.
        why: String,
    },
    /// yum has failed.
    #[error("`{command}`: {why}")]
    Yum {
        /// The command line.
        command: String,
        /// How it ended.
        why: String,
    },
    /// yum does not give the number of packages.
    #[error("yum does not report how many packages {0} holds")]
    NoYumCount(String),
}

impl RepositoryError {
    /// The server that a file could not be read from, and why not.
    fn of_server(&self) -> Option<(&str, &str)> {
        let Self::Read { url, why } = self else { return None };
        let host = url.find("://")? + "://".len();
        let end = url[host..].find('/').map_or(url.len(), |path| host + path);
        (end > host).then(|| (&url[..end], why.as_str()))
    }
}

/// Repositories that were not read, with why. What is the same for several, such as a server that
/// is off, is said once: `one` is the verb for a single repository, `several` for more.
pub fn describe_silent(
    unread: &[(&str, RepositoryError)],
    one: &str,
    several: &str,
) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for (id, why) in unread {
        let server = why.of_server();
        let same = unread.iter().filter(|(_, other)| other.of_server() == server);
        let ids: Vec<&str> = same.map(|(id, _)| *id).collect();
        let text = match server {
            Some((server, reason)) if ids.len() > 1 => {
                format!("{} {several} ({server}: {reason})", ids.join(", "))
            }
            _ => format!("{id} {one} ({why})"),
        };
        if !said.contains(&text) {
            said.push(text);
        }
    }
    said
}

/// How many packages `repository` holds.
///
/// # Errors
/// Why it is not known.
pub fn count_packages(host: &Host, repository: &SpecRepository) -> Result<u64, RepositoryError> {
    let Some(base) = &repository.baseurl else {
        return Err(RepositoryError::NoAddress);
    };
    match fetch_list(host, base, HEAD) {
        Ok(bytes) => {
            let mut head = vec![0; 4096];
            let length = fill(&mut GzDecoder::new(&bytes[..]), &mut head);
            attribute(&String::from_utf8_lossy(&head[..length]), "packages")
                .and_then(|number| number.parse().ok())
                .ok_or_else(|| RepositoryError::NoCount(base.clone()))
        }
        Err(Unread::Other) => count_by_yum(host, &repository.id),
        Err(Unread::Failed(why)) => Err(why),
    }
}

/// Which of `names` the repository holds.
///
/// # Errors
/// Why it is not known.
pub fn find_packages<'a>(
    host: &Host,
    repository: &SpecRepository,
    names: &[&'a str],
) -> Result<BTreeSet<&'a str>, RepositoryError> {
    let Some(base) = &repository.baseurl else { return Ok(BTreeSet::new()) };
    match fetch_list(host, base, MAX_LIST) {
        Ok(bytes) => Ok(names_in(GzDecoder::new(&bytes[..]).take(MAX_XML), names)),
        Err(Unread::Other) => find_by_yum(host, &repository.id, names),
        Err(Unread::Failed(why)) => Err(why),
    }
}

/// Why the package list was not read here.
enum Unread {
    /// It is of a kind that yum can read and this program cannot.
    Other,
    Failed(RepositoryError),
}

/// The beginning of the compressed package list (`primary`) below `base`.
fn fetch_list(host: &Host, base: &str, max_bytes: u64) -> Result<Vec<u8>, Unread> {
    let base = base.trim_end_matches('/');
    let index = fetch(host, &format!("{base}/repodata/repomd.xml"), MAX_INDEX)?;
    let index = String::from_utf8_lossy(&index).into_owned();
    let primary = index.split("<data ").find(|part| attribute(part, "type") == Some("primary"));
    let location = primary.and_then(|part| attribute(part.split("<location").nth(1)?, "href"));
    let Some(location) = location else {
        return Err(Unread::Failed(RepositoryError::NoList(base.to_owned())));
    };
    if !location.ends_with(".gz") {
        return Err(Unread::Other);
    }
    fetch(host, &format!("{base}/{location}"), max_bytes)
}

/// The first `max_bytes` bytes of `url`.
fn fetch(host: &Host, url: &str, max_bytes: u64) -> Result<Vec<u8>, Unread> {
    let failed = |error: &dyn std::fmt::Display| {
        let (url, why) = (url.to_owned(), error.to_string());
        Unread::Failed(RepositoryError::Read { url, why })
    };
    if let Some(path) = url.strip_prefix("file://") {
        let path = host.path(path).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        // A named pipe would be waited for.
        let open = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
        let file = open.map_err(|error| failed(&error))?;
        if !file.metadata().is_ok_and(|meta| meta.is_file()) {
            return Err(failed(&"it is not a regular file"));
        }
        file.take(max_bytes).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        return Ok(bytes);
    }
    if !host.live() {
        return Err(failed(&"only a running node can ask it"));
    }
    if !url.starts_with("http://") {
        return Err(Unread::Other);
    }
    let request = Request { max_bytes, limit: LIMIT, ..Request::get(url) };
    match host.runner().http(&request) {
        Ok(response) if response.status == 200 => Ok(response.body),
        Ok(response) => Err(failed(&format!("HTTP status {}", response.status))),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Err(Unread::Other),
        Err(error) => Err(failed(&error)),
    }
}

/// Fills `buffer` as far as there is something to read; how far.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> usize {
    let mut length = 0;
    while let Ok(read @ 1..) = reader.read(&mut buffer[length..]) {
        length += read;
    }
    length
}

/// The first value of an attribute in XML text.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// Which of `names` are in `<name>` elements; read in pieces.
fn names_in<'a>(mut reader: impl Read, names: &[&'a str]) -> BTreeSet<&'a str> {
    const OPEN: &str = "<name>";
    let mut found = BTreeSet::new();
    let mut text: Vec<u8> = Vec::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        let length = fill(&mut reader, &mut piece);
        text.extend_from_slice(&piece[..length]);
        let whole = String::from_utf8_lossy(&text);
        for part in whole.split(OPEN).skip(1) {
            let name = part.split('<').next().unwrap_or_default();
            found.extend(names.iter().copied().filter(|wanted| *wanted == name));
        }
        if length < piece.len() || found.len() == names.len() {
            return found;
        }
        // A name may go over the edge of two pieces; none is longer than this.
        let keep = text.len().saturating_sub(512);
        text.drain(..keep);
    }
}

fn run_yum(host: &Host, args: &[&str]) -> Result<String, RepositoryError> {
    let program = Program::new("yum").args(args.iter().copied()).time_limit(LIMIT);
    let failed = |why: String| RepositoryError::Yum { command: program.to_string(), why };
    let output = host.runner().run(&program).map_err(|error| failed(error.to_string()))?;
    if output.ok() { Ok(output.stdout) } else { Err(failed(output.summary())) }
}

fn count_by_yum(host: &Host, id: &str) -> Result<u64, RepositoryError> {
    let enable = format!("--enablerepo={id}");
    let text = run_yum(host, &["-v", "--disablerepo=*", &enable, "repolist"])?;
    yum_count(&text).ok_or_else(|| RepositoryError::NoYumCount(id.to_owned()))
}

/// The number in yum's or dnf's `Repo-pkgs : 3,971`.
fn yum_count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("Repo-pkgs"))?;
    line.split_once(':')?.1.trim().replace(',', "").parse().ok()
}

fn find_by_yum<'a>(
    host: &Host,
    id: &str,
    names: &[&'a str],
) -> Result<BTreeSet<&'a str>, RepositoryError> {
    let enable = format!("--enablerepo={id}");
    let mut args = vec!["-q", "--disablerepo=*", &enable, "list", "available"];
    args.extend(names);
    // Exit code 1: none of them is available.
    let text = run_yum(host, &args).unwrap_or_default();
    let listed = |name: &&&str| {
        text.lines().any(|line| line.strip_prefix(**name).is_some_and(|rest| rest.starts_with('.')))
    };
    Ok(names.iter().filter(listed).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_over_the_edges_of_pieces() {
        let mut xml = String::from("<metadata packages=\"40000\">");
        for number in 0..40_000 {
            xml += &format!("<package><name>package-{number}</name></package>");
        }
        let wanted = ["package-0", "package-39999", "package-4", "package", "name"];
        let found = names_in(xml.as_bytes(), &wanted);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["package-0", "package-39999", "package-4"]
        );
        for shift in 0..20 {
            let text = format!("{}<name>a</name>", "x".repeat((256 << 10) - shift));
            assert!(names_in(text.as_bytes(), &["a"]).contains("a"), "{shift}");
        }
    }

    #[test]
    fn yum_and_dnf_report_their_count() {
        assert_eq!(yum_count("Repo-id      : centos\nRepo-pkgs    : 9,911\n"), Some(9911));
        assert_eq!(yum_count("Repo-pkgs          : 11\n"), Some(11));
        assert_eq!(yum_count("repolist: 0\n"), None);
    }
}
