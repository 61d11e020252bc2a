//! `imgbuild clean`.

use super::common::{Common, print, size};
use crate::base::error::{Error, Result};
use crate::packages::cache::{self, CacheDirectory, CacheKind, Removal, Selection};
use crate::spec::show_size;
use crate::tree::sandbox::userns;
use clap::Args;
use contract::time::rfc3339;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Schema number of the JSON output.
const SCHEMA: u32 = 2;

#[derive(Args)]
pub struct CleanArguments {
    /// Remove everything that no running build uses, the practice medium too. What killed builds
    /// left in the cache is always removed.
    #[arg(long)]
    all: bool,
    /// Remove installed trees.
    #[arg(long)]
    trees: bool,
    /// Remove packages and what was downloaded of packages.
    #[arg(long)]
    packages: bool,
    /// Remove repository metadata.
    #[arg(long)]
    metadata: bool,
    /// Remove the practice medium and the Debian packages that it is created from.
    #[arg(long)]
    practice: bool,
    /// Remove logs of builds that failed.
    #[arg(long)]
    logs: bool,
    /// Keep at most this much of what was used last, as in "10 GiB". By default nothing of the
    /// kinds that are named; without a kind, what a build leaves (IMGBUILD_CACHE_SIZE, else 30
    /// GiB).
    #[arg(long, value_name = "SIZE", value_parser = size)]
    keep: Option<u64>,
    /// Only show what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object.
    #[arg(short, long)]
    json: bool,
    #[arg(long, env = "IMGBUILD_CACHE_SIZE", hide = true, value_parser = size)]
    cache_size: Option<u64>,
    #[command(flatten)]
    common: Common,
}

impl CleanArguments {
    fn selection(&self) -> Selection {
        let named = [
            (self.trees, CacheKind::Trees),
            (self.packages, CacheKind::Packages),
            (self.metadata, CacheKind::Metadata),
            (self.practice, CacheKind::Practice),
            (self.logs, CacheKind::Logs),
        ];
        let named: Vec<CacheKind> =
            named.into_iter().filter(|(is, _)| *is).map(|(_, k)| k).collect();
        let (kinds, keep) = if self.all {
            (CacheKind::ALL.to_vec(), 0)
        } else if named.is_empty() {
            (CacheKind::AUTOMATIC.to_vec(), self.cache_size.unwrap_or(cache::DEFAULT_LIMIT))
        } else {
            (named, 0)
        };
        Selection { kinds, keep: self.keep.unwrap_or(keep), unused_since: None }
    }
}

pub fn run(a: CleanArguments) -> Result<()> {
    let directory = CacheDirectory::new(a.common.cache()?);
    // Only root may remove files of other owners, which trees have.
    if directory.root().join("trees").is_dir() {
        userns::become_root()?;
    }
    let selection = a.selection();
    let removals = cache::clean(&directory, &selection, a.dry_run)?;
    print(&match a.json {
        true => to_json(directory.root(), &selection, a.dry_run, &removals),
        false => to_text(directory.root(), a.dry_run, &removals, SystemTime::now()),
    })?;
    let failed = removals.iter().filter(|r| r.failed).count();
    match failed {
        0 => Ok(()),
        _ => Err(Error::environment(format!(
            "{failed} entries of the cache {} cannot be removed",
            directory.root().display()
        ))
        .hint("run it as the user whose cache this is, or as root; --cache DIR names another")),
    }
}

fn sum(removals: &[Removal], wanted: impl Fn(&Removal) -> bool) -> (usize, u64) {
    let chosen = removals.iter().filter(|r| wanted(r));
    chosen.fold((0, 0), |(count, bytes), r| (count + 1, bytes + r.entry.bytes))
}

fn to_json(root: &Path, selection: &Selection, dry_run: bool, removals: &[Removal]) -> String {
    let entry = |r: &Removal| {
        let used = r.entry.used.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "kind": r.entry.kind.as_str(),
            "path": r.entry.path.strip_prefix(root).unwrap_or(&r.entry.path),
            "bytes": r.entry.bytes,
            "used": rfc3339(used),
            "removed": r.removed,
            "kept": r.kept,
        })
    };
    let document = json!({
        "schema": SCHEMA,
        "cache": root,
        "dry_run": dry_run,
        "keep": selection.keep,
        "freed": sum(removals, |r| r.removed).1,
        "left": sum(removals, |r| !r.removed).1,
        "entries": removals.iter().map(entry).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// One line for each large thing, one for all small ones of a kind, one for all together.
fn to_text(root: &Path, dry_run: bool, removals: &[Removal], now: SystemTime) -> String {
    let verb = if dry_run { "would remove" } else { "removed" };
    let mut text = String::new();
    for kind in CacheKind::ALL {
        let of_kind = |r: &&Removal| r.entry.kind == kind;
        let large = matches!(kind, CacheKind::Trees | CacheKind::Practice | CacheKind::Leftovers);
        for r in removals.iter().filter(of_kind).filter(|r| r.removed && large) {
            text.push_str(&format!(
                "{verb} {}: {}, last used {}\n",
                r.entry.path.strip_prefix(root).unwrap_or(&r.entry.path).display(),
                show_size(r.entry.bytes),
                ago(now.duration_since(r.entry.used).unwrap_or_default())
            ));
        }
        let (count, bytes) = sum(removals, |r| of_kind(&r) && r.removed);
        if count > 0 && !large {
            text.push_str(&format!("{verb} {count} of {}: {}\n", kind.as_str(), show_size(bytes)));
        }
    }
    for r in removals {
        if let Some(why) = &r.kept {
            text.push_str(&format!("kept {}: {why}\n", r.entry.path.display()));
        }
    }
    let ((_, freed), (_, left)) = (sum(removals, |r| r.removed), sum(removals, |r| !r.removed));
    let freed = format!("{} {}", show_size(freed), if dry_run { "would be free" } else { "freed" });
    text + &format!(
        "{freed}, {} left of what was looked at in {}\n",
        show_size(left),
        root.display()
    )
}

fn ago(time: Duration) -> String {
    match time.as_secs() {
        s if s >= 2 * 86_400 => format!("{} days ago", s / 86_400),
        s if s >= 2 * 3600 => format!("{} hours ago", s / 3600),
        s if s >= 120 => format!("{} minutes ago", s / 60),
        _ => "just now".to_owned(),
    }
}
