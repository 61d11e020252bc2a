//! A web server's repository, served from the cache: what a node asks for is fetched once, checked
//! against the repository's own checksums, and kept. A package that a build has fetched is there
//! already.

use crate::base::error::{Class, Context, Result};
use crate::packages::checksum::Known;
use crate::packages::media::http::{Http, Settings};
use crate::packages::media::keep::{Part, obtain};
use crate::packages::media::{Medium, Network, StoredFile, is_absolute};
use crate::packages::repo::repomd::{self, MAX_METADATA, MAX_REPOMD};
use crate::packages::repo::{Catalog, Repo};
use formats::iso9660::Extent;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

/// The file that names all others.
const INDEX: &str = "repodata/repomd.xml";
/// How often a server is asked; who waits for the answer asks again by itself.
const ATTEMPTS: u32 = 2;

/// A repository whose files are fetched when they are asked for. As a medium it has the
/// repository at its root.
pub(super) struct FetchedRepository {
    /// The server, asked for what is not in the cache.
    server: Http,
    network: Network,
    repo: Repo,
    /// repomd.xml as it was when the files were read from it.
    index: File,
    /// When that was: since then each path has the same content. The cache's files have the times
    /// of their last use.
    opened: SystemTime,
    /// Everything else that the repository has, by its path there.
    files: HashMap<String, (Part, Known)>,
}

/// What a repository has, as its metadata say.
struct Contents {
    repo: Repo,
    index: Vec<u8>,
    files: HashMap<String, (Part, Known)>,
}

impl FetchedRepository {
    /// The one at `url`, in a directory there. Where the server does not answer, it is as it was
    /// when it last did.
    ///
    /// # Errors
    /// An input error when there is none or it is damaged; an environment error when the server does
    /// not answer and never did.
    pub(super) fn open(url: &str, directory: &str, network: &Network) -> Result<Self> {
        let settings = Settings { attempts: ATTEMPTS, ..Settings::default() };
        let server = |network: Network| Http::new(vec![url.to_owned()], settings.clone(), network);
        let offline = Network { offline: true, ..network.clone() };
        let contents =
            read(server(network.clone()), directory).or_else(|error| match error.class {
                Class::Environment => read(server(offline), directory).map_err(|_| error),
                _ => Err(error),
            });
        let Contents { repo, index: bytes, files } = contents?;
        let what = || "cannot keep repomd.xml".to_owned();
        let mut index = tempfile::tempfile().or_environment(what)?;
        index.write_all(&bytes).or_environment(what)?;
        let (server, network) = (server(network.clone()), network.clone());
        Ok(Self { server, network, repo, index, opened: SystemTime::now(), files })
    }

    /// All of a file.
    fn whole(&self, file: File) -> io::Result<StoredFile> {
        let extents = vec![Extent { offset: 0, size: file.metadata()?.len() }];
        Ok(StoredFile { file, extents, modified: self.opened })
    }
}

/// Reads the metadata of the repository in a directory of a server.
fn read(server: Http, directory: &str) -> Result<Contents> {
    let server: Arc<dyn Medium> = Arc::new(server);
    let mut catalog = Catalog::default();
    catalog.add_repository(&server, directory, server.name())?;
    let repo = catalog.repos.swap_remove(0);
    // The very bytes that the rest was read by.
    let index = server.read(&repo.path(INDEX), MAX_REPOMD)?;
    let metadata = repomd::parse(&index).or_input(|| format!("{}: {INDEX}", repo.place()))?;
    let metadata = metadata.into_iter().filter_map(|data| {
        let known = Known { checksum: data.checksum.ok()?, size: MAX_METADATA };
        Some((data.location, (Part::Metadata, known)))
    });
    let packages = catalog.packages.into_iter().filter(|package| !is_absolute(&package.location));
    let packages = packages.map(|package| {
        let known = Known { checksum: package.checksum, size: package.size };
        (package.location, (Part::Packages, known))
    });
    let files = packages.chain(metadata).collect();
    Ok(Contents { repo, index, files })
}

impl Medium for FetchedRepository {
    fn location(&self) -> String {
        self.server.location()
    }

    fn name(&self) -> String {
        self.server.name()
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        self.server.open(&self.repo.path(path))
    }

    fn repositories(&self) -> Result<Vec<String>> {
        Ok(vec![String::new()])
    }

    /// An error says in its kind that it is the other server's.
    fn stored(&self, path: &str) -> io::Result<Option<StoredFile>> {
        if path == INDEX {
            return self.whole(self.index.try_clone()?).map(Some);
        }
        let Some((part, known)) = self.files.get(path) else { return Ok(None) };
        let (cache, path) = (&self.network.cache, self.repo.path(path));
        let place = obtain(cache, *part, &self.server, &path, known, &|_| ())
            .map_err(|e| io::Error::new(io::ErrorKind::NetworkUnreachable, e.message))?;
        self.whole(File::open(place)?).map(Some)
    }
}
