//! The signatures of a tree's packages, checked when the packages are fetched and before
//! anything reads them; kept next to the tree that is made of them.

use super::keys::Check;
use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::packages::trust::{self, Covers, Keyring, Refusal, Signature, report};
use crate::plan::{Plan, PlanPackage};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Packages that a message names.
const NAMED: usize = 20;

/// File next to a tree: a signature for each package's SHA-256, where it was checked.
const RECORD: &str = "signatures.json";

/// Signatures by the packages' SHA-256.
pub type Signatures = BTreeMap<String, Signature>;

/// Checks the package files, which are in the packages' order.
///
/// # Errors
/// A verification error that names the packages that are not trusted, and why.
pub fn check(packages: &[PlanPackage], files: &[PathBuf], checks: &[Check]) -> Result<Signatures> {
    let rings = rings(checks);
    let now = now();
    let outcome: Vec<(&PlanPackage, Result<Signature, Refusal>)> = packages
        .par_iter()
        .zip(files)
        .filter_map(|(package, file)| {
            let ring = rings.get(package.repo.as_str())?;
            Some(one(file, ring, now).map(|outcome| (package, outcome)))
        })
        .collect::<Result<_>>()?;
    let mut good = Signatures::new();
    let mut refused = Vec::new();
    for (package, outcome) in outcome {
        match outcome {
            Ok(signature) => drop(good.insert(package.checksum.hex().to_owned(), signature)),
            Err(refusal) => refused.push((package, refusal)),
        }
    }
    match refused.is_empty() {
        true => Ok(good),
        false => Err(not_trusted(&refused, &rings)),
    }
}

fn one(file: &Path, ring: &Keyring, now: i64) -> Result<Result<Signature, Refusal>> {
    interrupt::check()?;
    let bytes = fs::read(file).or_input(|| format!("cannot read {}", file.display()))?;
    Ok(trust::verify(&bytes, ring, now))
}

/// The keys of the repositories that are checked.
fn rings(checks: &[Check]) -> HashMap<&str, &Keyring> {
    checks.iter().filter_map(|c| Some((c.repo.as_str(), c.keys.as_ref().ok()?))).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn not_trusted(refused: &[(&PlanPackage, Refusal)], rings: &HashMap<&str, &Keyring>) -> Error {
    let count = refused.len();
    let mut lines = vec![match count {
        1 => "a package is not trusted:".to_owned(),
        _ => format!("{count} packages are not trusted:"),
    }];
    let named = refused.iter().take(NAMED);
    lines.extend(named.map(|(p, why)| format!("{} of repository {}: {why}", p.nevra(), p.repo)));
    if count > NAMED {
        lines.push(format!("and {} more", count - NAMED));
    }
    let mut repositories: Vec<&str> = refused.iter().map(|(p, _)| p.repo.as_str()).collect();
    repositories.sort_unstable();
    repositories.dedup();
    for id in &repositories {
        let origins = rings.get(id).map(|ring| ring.origins().join(", ")).unwrap_or_default();
        let origins = if origins.is_empty() { "none".to_owned() } else { origins };
        lines.push(format!("keys tried for repository {id}: {origins}"));
    }
    Error::verification(lines.join("\n  ")).hint(hint(refused, &repositories))
}

/// What helps, by what is wrong.
fn hint(refused: &[(&PlanPackage, Refusal)], repositories: &[&str]) -> String {
    let damaged = refused.iter().any(|(_, why)| {
        !matches!(
            why,
            Refusal::Unsigned
                | Refusal::UnknownKey(_)
                | Refusal::Revoked { .. }
                | Refusal::Expired { .. }
        )
    });
    if damaged {
        return "copy the medium again and compare its checksum with the publisher's; do not install \
                from it until it is right"
            .to_owned();
    }
    let off: Vec<String> = repositories.iter().map(|id| format!("--no-gpgcheck {id}")).collect();
    format!(
        "give the publisher's key by --gpgkey FILE or `gpgkey` in the lab file; to install without \
         checking, give {} (or gpgcheck = false in the lab file)",
        off.join(" ")
    )
}

/// Keeps the record of a tree in its directory.
///
/// # Errors
/// An environment error when it cannot be written.
pub fn keep(signatures: &Signatures, directory: &Path) -> Result<()> {
    let what = || format!("cannot write to {}", directory.display());
    let json = serde_json::to_vec(signatures).or_environment(what)?;
    durable::replace(&directory.join(RECORD), &json).or_environment(what)
}

/// The record of a cached tree, if it answers what is asked now: every package that has to be
/// signed was, by a key that still counts.
pub fn kept(packages: &[PlanPackage], checks: &[Check], directory: &Path) -> Option<Signatures> {
    let bytes = fs::read(directory.join(RECORD)).ok()?;
    let signatures: Signatures = serde_json::from_slice(&bytes).ok()?;
    let rings = rings(checks);
    let now = now();
    let answers = |package: &PlanPackage| match rings.get(package.repo.as_str()) {
        None => true,
        Some(ring) => signatures
            .get(package.checksum.hex())
            .is_some_and(|s| ring.keys().any(|key| key.fingerprint == s.key && key.counts(now))),
    };
    packages.iter().all(answers).then_some(signatures)
}

/// What the manifest says.
pub fn report(plan: &Plan, checks: &[Check], signatures: &Signatures) -> report::TrustReport {
    let used = |check: &&Check| plan.packages.iter().any(|p| p.repo == check.repo);
    let repository = |check: &Check| report::Repository {
        id: check.repo.clone(),
        gpgcheck: check.keys.is_ok(),
        unchecked: check.keys.as_ref().err().cloned(),
        keys: check.keys.as_ref().map(report::Key::of).unwrap_or_default(),
    };
    let rings = rings(checks);
    let package = |p: &PlanPackage| report::TrustedPackage {
        nevra: p.nevra(),
        repo: p.repo.clone(),
        signature: rings
            .get(p.repo.as_str())
            .and_then(|_| signatures.get(p.checksum.hex()).cloned()),
    };
    report::TrustReport {
        repositories: checks.iter().filter(used).map(repository).collect(),
        packages: plan.packages.iter().map(package).collect(),
    }
}

/// A warning for each way in which signatures are weak, naming packages.
pub fn weaknesses(report: &report::TrustReport) -> Vec<String> {
    let mut weak: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut by_file = Vec::new();
    for package in &report.packages {
        let Some(signature) = &package.signature else { continue };
        if let Some(why) = &signature.weak {
            weak.entry(why).or_default().push(&package.nevra);
        }
        if signature.covers == Covers::HeaderWithFileDigests {
            by_file.push(package.nevra.as_str());
        }
    }
    let list = |packages: &[&str]| {
        let rest = packages.len().saturating_sub(NAMED);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!("{}{more}", packages[..packages.len() - rest].join(", "))
    };
    let weak = weak.iter().map(|(why, packages)| {
        format!(
            "warning: weak signatures ({why}) of {} packages: {}",
            packages.len(),
            list(packages)
        )
    });
    let by_file = (!by_file.is_empty()).then(|| {
        format!(
            "{} packages have a signed header only; every file was compared with it: {}",
            by_file.len(),
            list(&by_file)
        )
    });
    weak.chain(by_file).collect()
}
