//! What `--media` and the lab file name, opened: media with what is configured about them.

use super::http::{Http, ProxyChoice, Settings, is_url, page, shown};
use super::medium::Medium;
use super::network::Network;
use super::policy::Policy;
use super::repofile::{self, Section};
use super::variables::Variables;
use super::{local, mirrors};
use crate::base::error::{Context, Error, Result};
use crate::base::files::read_named;
use crate::base::place::Place;
use std::path::Path;
use std::sync::Arc;

/// Largest `.repo` file or mirror list.
const LIST_MAX: u64 = 8 << 20;

/// A medium, or one repository of it, to build from.
#[derive(Clone)]
pub struct Source {
    /// Where the packages are.
    pub medium: Arc<dyn Medium>,
    /// The repository's id, when something names it.
    pub id: Option<String>,
    /// The directory of the one repository that is meant; `None` for all that the medium has.
    pub directory: Option<String>,
    /// What its configuration says.
    pub policy: Policy,
    /// Whether it may be left out when it cannot be read (`skip_if_unavailable`).
    pub optional: bool,
    /// The line of a kickstart that names it.
    pub place: Option<Place>,
}

impl Source {
    /// All repositories of a medium about which nothing is configured.
    pub fn plain(medium: Arc<dyn Medium>) -> Self {
        Self {
            medium,
            id: None,
            directory: None,
            policy: Policy::default(),
            optional: false,
            place: None,
        }
    }
}

/// Opens what the user names.
#[derive(Clone)]
pub struct Access {
    /// The way to the network and the cache before it.
    pub network: Network,
    /// What `$releasever` and the like stand for in `.repo` files.
    pub variables: Variables,
}

impl Access {
    /// The media of one word: a directory, an ISO file, a URL, a `.repo` file, `mirrorlist=` or
    /// `metalink=` with a URL or file. `notes` hears what is left out and why.
    ///
    /// # Errors
    /// An input error when it does not exist or is none of these, or the error of fetching.
    pub fn open(&self, word: &str, notes: &mut Vec<String>) -> Result<Vec<Source>> {
        for (key, metalink) in [("mirrorlist=", false), ("metalink=", true)] {
            if let Some(list) = word.strip_prefix(key) {
                let list = self.variables.expand(list).or_input(|| word.to_owned())?;
                let medium = self.mirrored(&list, metalink, Settings::default())?;
                return Ok(vec![Source::plain(medium)]);
            }
        }
        if word.ends_with(".repo") {
            let text = self.text(word, &Settings::default())?;
            return self
                .repositories(&repofile::parse(&shown(word), &text, &self.variables)?, notes);
        }
        if is_url(word) {
            return Ok(vec![Source::plain(self.http(vec![word.to_owned()], Settings::default()))]);
        }
        Ok(vec![Source::plain(local::open(word)?)])
    }

    fn http(&self, bases: Vec<String>, settings: Settings) -> Arc<dyn Medium> {
        Arc::new(Http::new(bases, settings, self.network.clone()))
    }

    /// The enabled repositories of a `.repo` file.
    fn repositories(
        &self,
        file: &repofile::RepoFile,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Source>> {
        notes.extend(file.warnings.iter().map(|w| format!("warning: {w}")));
        let mut sources = Vec::new();
        for section in &file.sections {
            if !section.enabled {
                notes.push(format!(
                    "{}:{}: repository {} is left out: enabled=0",
                    file.name, section.line, section.id
                ));
                continue;
            }
            match self.configured(section) {
                Ok(source) => sources.push(source),
                Err(e) if section.optional && !crate::base::interrupt::requested() => {
                    notes.push(format!(
                        "repository {} is left out (skip_if_unavailable): {}",
                        section.id, e.message
                    ))
                }
                Err(mut e) => {
                    e.message = format!(
                        "{}:{}: repository {}: {}",
                        file.name, section.line, section.id, e.message
                    );
                    return Err(e);
                }
            }
        }
        if sources.is_empty() {
            return Err(Error::input(format!("{}: no repository to build from", file.name))
                .hint("set enabled=1 in the section of the repository that is meant"));
        }
        Ok(sources)
    }

    /// The repository that a section describes.
    ///
    /// # Errors
    /// An input error when it has no address or none that can be read, or the error of fetching
    /// its list of mirrors.
    pub fn configured(&self, section: &Section) -> Result<Source> {
        Ok(Source {
            medium: self.section(section)?,
            id: Some(section.id.clone()),
            directory: Some(String::new()),
            policy: section.policy.clone(),
            optional: section.optional,
            place: None,
        })
    }

    /// The medium of one section: its base URLs before its mirror list, as yum has it.
    fn section(&self, section: &Section) -> Result<Arc<dyn Medium>> {
        let (urls, local): (Vec<String>, Vec<String>) =
            section.baseurls.iter().cloned().partition(|base| is_url(base));
        if let Some(path) =
            local.iter().find(|path| urls.is_empty() || Path::new(bare(path)).exists())
        {
            return local::open(path);
        }
        if !urls.is_empty() {
            return Ok(self.http(urls, section.settings.clone()));
        }
        let (list, metalink) = match (&section.metalink, &section.mirrorlist) {
            (Some(list), _) => (list, true),
            (None, Some(list)) => (list, false),
            (None, None) => return Err(Error::input("neither baseurl, mirrorlist nor metalink")),
        };
        self.mirrored(list, metalink, section.settings.clone())
    }

    fn mirrored(&self, list: &str, metalink: bool, settings: Settings) -> Result<Arc<dyn Medium>> {
        let text = self.text(list, &settings)?;
        let mirrors = if metalink || text.trim_start().starts_with('<') {
            mirrors::metalink(&text)
        } else {
            mirrors::plain(&text, &self.variables)
        };
        let mirrors = mirrors.or_input(|| shown(list))?;
        let http = Http::new(mirrors.bases, settings, self.network.clone());
        Ok(Arc::new(http.pinned(mirrors.repomd)))
    }

    /// The text of a file or URL.
    fn text(&self, place: &str, settings: &Settings) -> Result<String> {
        let bytes = if is_url(place) {
            page(place, LIST_MAX, settings.clone(), &self.network)?
        } else {
            let what = || format!("cannot read {}", bare(place));
            read_named(Path::new(bare(place)), LIST_MAX, what)?
        };
        String::from_utf8(bytes).or_input(|| format!("{} is not text", shown(place)))
    }
}

fn bare(place: &str) -> &str {
    place.strip_prefix("file://").unwrap_or(place)
}

impl ProxyChoice {
    /// By yum's `proxy`, `proxy_username` and `proxy_password`.
    pub fn from_options(
        proxy: Option<&str>,
        login: Option<(&str, &str)>,
    ) -> Result<Self, &'static str> {
        let Some(proxy) = proxy else { return Ok(Self::Environment) };
        if matches!(proxy, "_none_" | "none" | "") {
            return Ok(Self::None);
        }
        let whole =
            if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
        if !is_url(&whole) {
            return Err("not an http:// or https:// address of a proxy");
        }
        Ok(Self::Url(match (login, whole.split_once("://")) {
            (Some((user, password)), Some((scheme, rest))) if !rest.contains('@') => {
                format!("{scheme}://{}:{}@{rest}", percent(user), percent(password))
            }
            _ => whole,
        }))
    }
}

/// Everything but letters and digits percent-encoded.
fn percent(text: &str) -> String {
    let one = |b: u8| {
        if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
    };
    text.bytes().map(one).collect()
}
