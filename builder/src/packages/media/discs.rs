//! A repository that is split over several discs. `.discinfo` (Anaconda, pungi) says which disc
//! of which set one is: time stamp, release, architecture, number. The metadata on the first
//! disc has packages of all of them; createrepo's `--split` gives each an
//! `xml:base="media://TIMESTAMP#NUMBER"`.

use super::medium::{Medium, on_disc};
use super::source::Source;
use super::stored::StoredFile;
use crate::base::error::{Error, Result};
use crate::packages::checksum::Known;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Largest `.discinfo`.
const DISCINFO_MAX: u64 = 64 << 10;

/// Which disc of which set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Info {
    /// Time stamp and architecture, the same on every disc of a set.
    set: (String, String),
    number: u32,
}

impl Info {
    /// `None` for a medium that is a whole by itself (no number, or `ALL`, or several).
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let (stamp, _release, arch) = (lines.next()?, lines.next()?, lines.next()?);
        let number = lines.next()?.parse().ok().filter(|n| *n > 0)?;
        Some(Self { set: (stamp.to_owned(), arch.to_owned()), number })
    }

    fn of(medium: &dyn Medium) -> Option<Self> {
        // Over the network nothing is split: that was for discs.
        let bytes = match medium.remote() {
            Some(_) => return None,
            None => medium.read(".discinfo", DISCINFO_MAX).ok()?,
        };
        Self::parse(&String::from_utf8_lossy(&bytes))
    }
}

/// The discs of one set that are at hand.
struct Discs {
    set: (String, String),
    /// By number.
    discs: Vec<(u32, Arc<dyn Medium>)>,
}

/// Makes one source of the discs of each set, at the place of its first one.
///
/// # Errors
/// An input error when two media are the same disc.
pub fn join(sources: Vec<Source>) -> Result<Vec<Source>> {
    let mut joined: Vec<Source> = Vec::new();
    let mut sets: Vec<(usize, Discs)> = Vec::new();
    for source in sources {
        let Some(Info { set, number }) = Info::of(source.medium.as_ref()) else {
            joined.push(source);
            continue;
        };
        match sets.iter_mut().find(|(_, discs)| discs.set == set) {
            Some((_, discs)) => {
                if let Some((_, other)) = discs.discs.iter().find(|(n, _)| *n == number) {
                    return Err(Error::input(format!(
                        "{} and {} are both disc {number} of the set {}",
                        other.location(),
                        source.medium.location(),
                        set.0
                    ))
                    .hint("give each disc once"));
                }
                discs.discs.push((number, source.medium));
            }
            None => {
                let discs = Discs { set, discs: vec![(number, source.medium.clone())] };
                sets.push((joined.len(), discs));
                joined.push(source);
            }
        }
    }
    for (place, mut discs) in sets {
        discs.discs.sort_by_key(|(number, _)| *number);
        joined[place].medium = Arc::new(discs);
    }
    Ok(joined)
}

impl Discs {
    /// The disc that a path names, or else the first that has it, with the path on it.
    fn find<'a>(&self, path: &'a str) -> Result<(&dyn Medium, &'a str)> {
        let (number, inside) = on_disc(path);
        let Some(number) = number else {
            let has = |(_, disc): &&(u32, Arc<dyn Medium>)| disc.has(inside);
            let found = self.discs.iter().find(has).or(self.discs.first());
            return match found {
                Some((_, disc)) => Ok((disc.as_ref(), inside)),
                None => Err(Error::input(format!("{}: it has no disc", self.location()))),
            };
        };
        match self.discs.iter().find(|(n, _)| *n == number) {
            Some((_, disc)) => Ok((disc.as_ref(), inside)),
            None => Err(Error::input(format!(
                "{inside} is on disc {number} of the set {}, which is not among the media ({})",
                self.set.0,
                self.location()
            ))
            .hint(format!("give disc {number} as another --media"))),
        }
    }
}

impl Medium for Discs {
    fn location(&self) -> String {
        let places: Vec<String> = self.discs.iter().map(|(_, disc)| disc.location()).collect();
        places.join(" + ")
    }

    fn name(&self) -> String {
        self.discs.first().map_or_else(|| "media".to_owned(), |(_, disc)| disc.name())
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let (disc, path) = self.find(path)?;
        disc.open(path)
    }

    fn copy(
        &self,
        path: &str,
        known: &Known,
        to: &File,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let (disc, path) = self.find(path)?;
        disc.copy(path, known, to, advance)
    }

    fn has(&self, path: &str) -> bool {
        self.find(path).is_ok_and(|(disc, path)| disc.has(path))
    }

    fn stored(&self, path: &str) -> io::Result<Option<StoredFile>> {
        match self.find(path) {
            Ok((disc, path)) => disc.stored(path),
            Err(_) => Ok(None),
        }
    }

    fn words(&self) -> Vec<String> {
        self.discs.iter().flat_map(|(_, disc)| disc.words()).collect()
    }

    fn disc(&self, path: &str) -> Result<()> {
        self.find(path).map(|_| ())
    }

    fn files(&self, directory: &str) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for (_, disc) in &self.discs {
            found.extend(disc.files(directory)?);
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn repositories(&self) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for (_, disc) in &self.discs {
            for directory in disc.repositories()? {
                if !found.contains(&directory) {
                    found.push(directory);
                }
            }
        }
        let first = self.discs.first().map_or(0, |(number, _)| *number);
        if found.is_empty() && first > 1 {
            return Err(Error::input(format!(
                "{}: disc 1 of the set {}, which has the metadata, is not among the media",
                self.location(),
                self.set.0
            ))
            .hint("give disc 1 as another --media"));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discinfo_says_which_disc() {
        let number = |text: &str| Info::parse(text).map(|info| info.number);
        assert_eq!(number("1332.13\nCentOS 6\nx86_64\n2\n"), Some(2));
        for whole in ["1332.13\n7\nx86_64\n", "1332.13\n7\nx86_64\nALL\n", "1\n7\nx\n1,2\n", ""] {
            assert_eq!(number(whole), None, "{whole}");
        }
    }
}
