//! Public keys for root's `authorized_keys`.

use super::files::InputFile;
use super::reader::At;
use super::request::Request;
use crate::base::diagnostic::Diagnostics;
use crate::base::files::read_regular;
use crate::base::glob;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads the public keys of every file that a pattern matches. A pattern without a
/// match is a warning; a file that holds anything but public keys is an error.
pub fn read_keys(
    patterns: &[At<String>],
    lab: &InputFile,
    request: &Request<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for pattern in patterns {
        let in_home = pattern.value.starts_with("~/");
        if in_home && request.home.is_none() {
            diagnostics.push(pattern.warning("no keys: the home directory is unknown"));
            continue;
        }
        let homes = if in_home { vec![request.home, request.sudo_home] } else { vec![None] };
        let homes = homes.into_iter().filter(|home| home.is_some() == in_home);
        let files: Vec<PathBuf> =
            homes.flat_map(|home| find_files(&lab.resolve(&pattern.value, home))).collect();
        if files.is_empty() {
            diagnostics.push(pattern.warning(format!("no file matches `{}`", pattern.value)));
        }
        for file in files {
            match read_file(&file) {
                Ok(found) => {
                    for key in found {
                        if !keys.contains(&key) {
                            keys.push(key);
                        }
                    }
                }
                Err(why) => diagnostics
                    .push(pattern.error(format!("{}: {why}", file.display())).hint(
                    "public keys only, one a line, as ssh-keygen writes to files that end in .pub",
                )),
            }
        }
    }
    keys
}

/// Files whose path fits `pattern`, sorted; `*` and `?` in the file name only.
fn find_files(pattern: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) =
        (pattern.parent(), pattern.file_name().and_then(|n| n.to_str()))
    else {
        return Vec::new();
    };
    if !name.contains(['*', '?']) {
        return if pattern.is_file() { vec![pattern.to_path_buf()] } else { Vec::new() };
    }
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path());
    let fits = |path: &PathBuf| {
        let file = path.file_name().and_then(|f| f.to_str());
        file.is_some_and(|f| glob::fits(name, f)) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.filter(fits).collect();
    files.sort();
    files
}

const MAX_BYTES: u64 = 1 << 20;

fn read_file(path: &Path) -> Result<Vec<String>, String> {
    let bytes = read_regular(path, MAX_BYTES).map_err(|e| e.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    if text.contains("PRIVATE KEY") {
        return Err("this is a private key".into());
    }
    let mut keys = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !is_public_key(line) {
            return Err(format!("line {} is not a public key", index + 1));
        }
        keys.push(line.to_owned());
    }
    Ok(keys)
}

/// `type base64 comment`, as in sshd(8) without options before the type.
fn is_public_key(line: &str) -> bool {
    let mut parts = line.split_ascii_whitespace();
    let kind = parts.next().unwrap_or("");
    let known = ["ssh-rsa", "ssh-dss", "ssh-ed25519"].contains(&kind)
        || kind.starts_with("ecdsa-sha2-")
        || kind.starts_with("sk-ssh-")
        || kind.starts_with("sk-ecdsa-");
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    known && parts.next().is_some_and(|data| data.starts_with("AAAA") && data.bytes().all(base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys() {
        assert!(is_public_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@host"));
        assert!(!is_public_key("ssh-ed25519"));
        assert!(!is_public_key("hello AAAA"));
        assert!(!is_public_key("ssh-rsa AAAA\"; rm"));
    }
}
