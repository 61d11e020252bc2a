//! Files without a known checksum (repomd.xml, mirror lists, keys): kept with what tells their
//! version, so that the server need only say that nothing changed, and so that they are there
//! when there is no network.

use super::download::Validators;
use crate::base::durable;
use crate::base::error::{Context, Result};
use crate::packages::cache::CacheDirectory;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;

/// A file as it was last fetched.
pub struct Page {
    pub validators: Validators,
    pub bytes: Vec<u8>,
}

/// How the line of validators begins, so that a later format is not misread.
const FORMAT: &str = "imgbuild-page-1";

/// The page of `url`, if it was ever fetched.
pub fn load(cache: &CacheDirectory, url: &str) -> Result<Option<Page>> {
    let place = cache.part("pages")?.join(name(url));
    if !cache.use_entry(&place)? {
        return Ok(None);
    }
    let bytes = fs::read(&place).or_environment(|| format!("cannot read {}", place.display()))?;
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Option<Page> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let mut fields = std::str::from_utf8(&bytes[..end]).ok()?.split('\t');
    if fields.next() != Some(FORMAT) {
        return None;
    }
    let mut field = || fields.next().filter(|f| !f.is_empty()).map(str::to_owned);
    let validators = Validators { etag: field(), last_modified: field() };
    Some(Page { validators, bytes: bytes[end + 1..].to_vec() })
}

/// Keeps a page.
pub fn store(cache: &CacheDirectory, url: &str, page: &Page) -> Result<()> {
    if cache.is_read_only() {
        return Ok(());
    }
    let directory = cache.part("pages")?;
    let what = || format!("cannot write to the cache {}", directory.display());
    let field = |f: &Option<String>| f.clone().unwrap_or_default().replace(['\t', '\n'], "");
    let Validators { etag, last_modified } = &page.validators;
    let mut temporary =
        tempfile::NamedTempFile::new_in(cache.part("partial")?).or_environment(what)?;
    writeln!(temporary, "{FORMAT}\t{}\t{}", field(etag), field(last_modified))
        .and_then(|()| temporary.write_all(&page.bytes))
        .and_then(|()| temporary.as_file().sync_all())
        .or_environment(what)?;
    temporary.persist(directory.join(name(url))).or_environment(what)?;
    durable::sync_dir(&directory).or_environment(what)
}

fn name(url: &str) -> String {
    hex::encode(Sha256::digest(url))
}
