//! Mirror lists as yum has them: lines of URLs, and metalinks (RFC 5854's predecessor 3.0, with
//! the checksums of repomd.xml).

use super::http::is_url;
use super::variables::Variables;
use crate::base::malformed::Malformed;
use crate::base::xml::{self, Token};
use crate::packages::checksum::Checksum;
use formats::digest::DigestKind;

/// Servers that hold the same repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// Base URLs, the best first.
    pub bases: Vec<String>,
    /// Checksums of which repomd.xml must have one, if there are any.
    pub repomd: Vec<Checksum>,
}

/// Reads a list of one URL a line. What is neither http nor https is left out.
///
/// # Errors
/// When no URL is left.
pub fn plain(text: &str, variables: &Variables) -> Result<Mirrors, Malformed> {
    let mut bases: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let line = line.replace("$ARCH", &variables.basearch);
        let base = variables.expand(&line).unwrap_or(line);
        if is_url(&base) && !bases.contains(&base) {
            bases.push(base);
        }
    }
    if bases.is_empty() {
        return Err("the mirror list names no http or https server".into());
    }
    Ok(Mirrors { bases, repomd: Vec::new() })
}

/// Reads a metalink of repomd.xml.
///
/// # Errors
/// What is wrong with the XML, or that it names no server.
pub fn metalink(text: &str) -> Result<Mirrors, Malformed> {
    let mut urls: Vec<(u32, String)> = Vec::new();
    let mut hashes: Vec<Checksum> = Vec::new();
    let (mut preference, mut kind) = (0, String::new());
    xml::parse(text.as_bytes(), |token| {
        match token {
            Token::Start("url", a) => preference = a.get("preference")?.parse().unwrap_or(0),
            Token::End("url", url) => {
                if let Some(base) = url.strip_suffix("repodata/repomd.xml").filter(|b| is_url(b)) {
                    urls.push((preference, base.to_owned()));
                }
            }
            Token::Start("hash", a) => kind = a.get("type")?,
            Token::End("hash", value) => {
                let kind = kind.to_ascii_lowercase();
                // Newer kinds may be listed in addition to those that are known here.
                if DigestKind::named(&kind).is_some() {
                    hashes.push(Checksum::parse(&kind, value).map_err(|e| format!("hash: {e}"))?);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    if urls.is_empty() {
        return Err("the metalink names no http or https server".into());
    }
    urls.sort_by_key(|(preference, _)| std::cmp::Reverse(*preference));
    // Older versions of repomd.xml are listed as well, so there may be several of one kind.
    let best = [DigestKind::Sha512, DigestKind::Sha256, DigestKind::Sha1, DigestKind::Md5]
        .into_iter()
        .find(|kind| hashes.iter().any(|sum| sum.kind() == *kind));
    hashes.retain(|sum| Some(sum.kind()) == best);
    Ok(Mirrors { bases: urls.into_iter().map(|(_, url)| url).collect(), repomd: hashes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_lines() {
        let text = "# a comment\nhttp://a/$releasever/os/$ARCH/\n\nftp://b/\nhttp://a/7/os/x86_64/\nhttps://c/\n";
        let mirrors = plain(text, &Variables::default()).unwrap();
        assert_eq!(mirrors.bases, ["http://a/7/os/x86_64/", "https://c/"]);
        assert!(plain("ftp://b/\n", &Variables::default()).is_err());
    }

    #[test]
    fn metalinks() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?>
            <metalink version="3.0" xmlns="http://www.metalinker.org/"
                xmlns:mm0="http://fedorahosted.org/mirrormanager"><files><file name="repomd.xml">
            <verification><hash type="md5">MD5</hash><hash type="sha256">FIRST</hash>
            <hash type="blake3">0</hash></verification>
            <mm0:alternates><mm0:alternate><verification><hash type="sha256">SECOND</hash>
            </verification></mm0:alternate></mm0:alternates>
            <resources maxconnections="1">
            <url protocol="rsync" preference="100">rsync://a/repodata/repomd.xml</url>
            <url protocol="http" preference="90">http://a/x/repodata/repomd.xml</url>
            <url protocol="https" preference="95">https://b/x/repodata/repomd.xml</url>
            </resources></file></files></metalink>"#;
        let (first, second) = ("A".repeat(64), "b".repeat(64));
        let text = text.replace("MD5", &"0".repeat(32)).replace("FIRST", &first);
        let mirrors = metalink(&text.replace("SECOND", &second)).unwrap();
        assert_eq!(mirrors.bases, ["https://b/x/", "http://a/x/"]);
        assert_eq!(mirrors.repomd.len(), 2);
        assert_eq!(mirrors.repomd[0], Checksum::parse("sha256", &"a".repeat(64)).unwrap());
        let said = metalink(&text.replace("SECOND", "/etc/passwd")).unwrap_err().to_string();
        assert!(said.contains("hash: `/etc/passwd` is not a sha256 checksum"), "{said}");
        assert!(metalink("<metalink/>").is_err() && metalink("<a>").is_err());
    }
}
