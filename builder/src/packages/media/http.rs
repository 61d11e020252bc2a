//! http(s) servers as a medium: one repository on one server or on several mirrors of it.

mod address;
mod client;
mod download;
mod pages;
mod proxy;
mod settings;

pub use address::{is_absolute, shown};
pub use download::is_url;
pub use settings::{ProxyChoice, Settings};

use super::keep::{Part, obtain};
use super::medium::{Medium, compare, whole};
use super::network::Network;
use crate::base::error::{Context, Error, Result};
use crate::packages::checksum::{Checksum, Known};
use address::{below, encode};
use client::Client;
use download::{Append, DownloadOutcome, Sink, Validators, Wanted};
use pages::Page;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Largest file without a known checksum that is kept in the cache.
const PAGE_MAX: u64 = 64 << 20;

/// One repository on web servers.
pub struct Http {
    bases: Vec<String>,
    client: Client,
    network: Network,
    /// The server that answered last; it is asked first.
    preferred: AtomicUsize,
    /// repomd.xml as it was when this run first asked: what is read together belongs together.
    repomd: Mutex<Option<Vec<u8>>>,
    /// Checksums of which repomd.xml must have one, if there are any.
    pinned: Vec<Checksum>,
}

/// The one file that a metalink has checksums of.
const REPOMD: &str = "repodata/repomd.xml";

impl Http {
    /// The repository below each of `bases`, at least one.
    pub fn new(bases: Vec<String>, settings: Settings, network: Network) -> Self {
        let client = Client::new(settings);
        let (preferred, repomd) = (AtomicUsize::new(0), Mutex::default());
        Self { bases, client, network, preferred, repomd, pinned: Vec::new() }
    }

    /// The same, whose repomd.xml must have one of these checksums, if there are any.
    #[must_use]
    pub fn pinned(self, checksums: Vec<Checksum>) -> Self {
        Self { pinned: checksums, ..self }
    }

    /// The addresses of `path`, at least one.
    fn urls(&self, path: &str) -> Vec<String> {
        match path {
            "" => self.bases.clone(),
            _ if is_absolute(path) => vec![encode(path)],
            _ => self.bases.iter().map(|base| below(base, path)).collect(),
        }
    }

    /// Downloads by attempts at all servers. This is the only place that uses the network.
    fn fetch(
        &self,
        path: &str,
        limit: u64,
        known: bool,
        at_hand: Option<&Validators>,
        advance: &(dyn Fn(u64) + Sync),
        sink: &mut dyn Sink,
    ) -> Result<DownloadOutcome> {
        let mut urls = self.urls(path);
        if self.network.offline {
            return Err(offline(&urls[0]));
        }
        let first = self.preferred.load(Ordering::Relaxed) % urls.len();
        urls.rotate_left(first);
        let wanted = Wanted { urls: &urls, limit, known, at_hand, advance };
        let outcome = download::fetch(&self.client, &wanted, sink)?;
        if let DownloadOutcome::Fetched(index, _) = &outcome {
            self.preferred.store((first + index) % urls.len(), Ordering::Relaxed);
        }
        Ok(outcome)
    }

    /// A file without a known checksum: what the server has now, or offline what it last had.
    fn page(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let url = self.urls(path).swap_remove(0);
        let kept = pages::load(&self.network.cache, &url)?;
        if self.network.offline {
            let page = kept.ok_or_else(|| offline(&url))?;
            return whole(self, path, page.bytes, limit);
        }
        let mut bytes = Vec::new();
        let at_hand = kept.as_ref().map(|page| &page.validators);
        let limit = limit.min(PAGE_MAX);
        match (self.fetch(path, limit, false, at_hand, &|_| (), &mut bytes)?, kept) {
            (DownloadOutcome::Fetched(_, validators), _) => {
                let page = Page { validators, bytes };
                pages::store(&self.network.cache, &url, &page)?;
                Ok(page.bytes)
            }
            (DownloadOutcome::Unchanged, kept) => {
                Ok(kept.map(|page| page.bytes).unwrap_or_default())
            }
        }
    }

    /// repomd.xml, from a server whose one is as the metalink says; asked for once.
    fn repomd(&self, limit: u64) -> Result<Vec<u8>> {
        let mut kept = self.repomd.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = kept.as_ref() {
            return Ok(bytes.clone());
        }
        let fits = |bytes: &[u8]| {
            self.pinned.is_empty()
                || self.pinned.iter().any(|sum| Checksum::of(sum.kind(), bytes) == *sum)
        };
        for _ in 0..self.bases.len() {
            let bytes = self.page(REPOMD, limit)?;
            if fits(&bytes) {
                *kept = Some(bytes.clone());
                return Ok(bytes);
            }
            self.preferred.fetch_add(1, Ordering::Relaxed);
        }
        Err(Error::verification(format!(
            "{}: no mirror has the {REPOMD} that the metalink describes",
            self.location()
        ))
        .hint("the mirrors may be behind the metalink; try again later"))
    }
}

/// The text at a URL: a mirror list, a `.repo` file, a key.
///
/// # Errors
/// As for any fetch.
pub fn page(url: &str, limit: u64, settings: Settings, network: &Network) -> Result<Vec<u8>> {
    Http::new(vec![url.to_owned()], settings, network.clone()).page("", limit)
}

fn offline(url: &str) -> Error {
    Error::environment(format!(
        "{} is not in the cache, and --offline forbids to fetch it",
        shown(url)
    ))
    .hint("run the command once without --offline, or give ISO files or directories as --media")
}

impl Medium for Http {
    fn location(&self) -> String {
        shown(&self.bases[0])
    }

    fn name(&self) -> String {
        shown(&self.bases[0]).trim_end_matches('/').rsplit('/').next().unwrap_or("media").to_owned()
    }

    /// By fetching it, as a page: who asks reads it next, perhaps offline.
    fn has(&self, path: &str) -> bool {
        self.page(path, PAGE_MAX).is_ok()
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        if path == REPOMD { self.repomd(limit) } else { self.page(path, limit) }
    }

    fn read_known(&self, path: &str, known: &Known) -> Result<Vec<u8>> {
        let place = obtain(&self.network.cache, Part::Metadata, self, path, known, &|_| ())?;
        std::fs::read(&place).or_environment(|| format!("cannot read {}", place.display()))
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        self.network.cache.require_writable(path)?;
        let directory = self.network.cache.part("partial")?;
        let what = || format!("cannot write to the cache {}", directory.display());
        let mut file = tempfile::tempfile_in(&directory).or_environment(what)?;
        let mut sink = Append::new(&file).or_environment(what)?;
        self.fetch(path, u64::MAX, false, None, &|_| (), &mut sink)?;
        file.seek(SeekFrom::Start(0)).or_environment(what)?;
        Ok(Box::new(file))
    }

    fn copy(
        &self,
        path: &str,
        known: &Known,
        to: &File,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let what = || "cannot write to the cache".to_owned();
        // What came in parts, at different times or from different servers, may not fit
        // together; what came in one piece and is wrong is wrong at that server.
        let mut wrong = Ok(());
        // What comes again counts once.
        let told = AtomicU64::new(0);
        for _ in 0..=self.bases.len() {
            let mut sink = Append::new(to).or_environment(what)?;
            let came = AtomicU64::new(0);
            let once = |bytes: u64| {
                let now = came.fetch_add(bytes, Ordering::Relaxed) + bytes;
                advance(now.saturating_sub(told.fetch_max(now, Ordering::Relaxed)));
            };
            self.fetch(path, known.size, true, None, &once, &mut sink)?;
            let found = known.checksum_of(to)?;
            wrong = compare(self, path, known, &found);
            if wrong.is_ok() {
                break;
            }
            sink.restart().or_environment(what)?;
            self.preferred.fetch_add(1, Ordering::Relaxed);
        }
        wrong
    }

    fn resumes(&self) -> bool {
        true
    }

    fn remote(&self) -> Option<&Network> {
        Some(&self.network)
    }

    fn repositories(&self) -> Result<Vec<String>> {
        // A web server need not list directories: the URL is to be the repository's own.
        self.repomd(PAGE_MAX).map(|_| vec![String::new()])
    }
}
