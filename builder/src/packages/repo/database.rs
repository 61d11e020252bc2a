//! primary and filelists as SQLite databases, for repositories that have no XML. Source: the
//! schema of createrepo_c's `sqlite.c` documentation.

use super::primary::{Compare, Package, Relation, located};
use super::sqlite::{Database, SqliteValue};
use super::unpack::Records;
use crate::base::malformed::Malformed;
use formats::rpmfile::Evr;
use std::collections::HashMap;

/// Reads primary.sqlite; every package gets `repo` as its repository.
///
/// # Errors
/// What is wrong and at which byte.
pub fn packages(bytes: Vec<u8>, repo: usize) -> Result<Vec<Package>, Malformed> {
    let database = Database::open(bytes)?;
    let mut packages = Vec::new();
    let mut records = Records::default();
    let mut keys: HashMap<u64, usize> = HashMap::new();
    let columns = [
        "pkgKey",
        "pkgId",
        "name",
        "arch",
        "version",
        "epoch",
        "release",
        "time_build",
        "rpm_sourcerpm",
        "size_package",
        "size_installed",
        "location_href",
        "checksum_type",
        "location_base",
    ];
    database.rows("packages", &columns, &mut |row| {
        records.add(1)?;
        keys.insert(row[0].number()?, packages.len());
        packages.push(package(row, repo)?);
        Ok(())
    })?;
    let owner = |key: SqliteValue<'_>| {
        let at = keys.get(&key.number()?).copied();
        at.ok_or_else(|| Malformed::from(format!("no package has the key {key:?}")))
    };
    for table in ["provides", "requires", "conflicts", "obsoletes"] {
        let columns = ["pkgKey", "name", "flags", "epoch", "version", "release"];
        database.rows(table, &columns, &mut |row| {
            let package: &mut Package = &mut packages[owner(row[0])?];
            let list = match table {
                "provides" => &mut package.provides,
                "requires" => &mut package.requires,
                "conflicts" => &mut package.conflicts,
                _ => &mut package.obsoletes,
            };
            records.add(1)?;
            list.push(relation(row)?);
            Ok(())
        })?;
    }
    database.rows("files", &["pkgKey", "name"], &mut |row| {
        records.add(1)?;
        packages[owner(row[0])?].files.push(row[1].text()?.to_owned());
        Ok(())
    })?;
    Ok(packages)
}

fn package(row: &[SqliteValue<'_>], repo: usize) -> Result<Package, Malformed> {
    let text = |n: usize| row[n].text().map(str::to_owned);
    let epoch = row[5].text()?;
    let mut package = Package::empty(repo);
    package.name = text(2)?;
    package.arch = text(3)?;
    package.evr = Evr {
        epoch: if epoch.is_empty() { 0 } else { number(epoch)? },
        version: text(4)?,
        release: Some(text(6)?),
    };
    package.built = row[7].number()?.try_into().unwrap_or_default();
    package.source = text(8)?;
    (package.size, package.installed) = (row[9].number()?, row[10].number()?);
    package.location = located(row[13].text()?, row[11].text()?)?;
    package.complete((row[12].text()?, row[1].text()?))
}

fn relation(row: &[SqliteValue<'_>]) -> Result<Relation, Malformed> {
    let name = row[1].text()?.to_owned();
    let Some(compare) = Compare::of_flags(row[2].text()?) else {
        return Ok(Relation { name, version: None });
    };
    let epoch = row[3].text()?;
    let release = row[5].text()?;
    let evr = Evr {
        epoch: if epoch.is_empty() { 0 } else { number(epoch)? },
        version: row[4].text()?.to_owned(),
        release: (!release.is_empty()).then(|| release.to_owned()),
    };
    Ok(Relation { name, version: Some((compare, evr)) })
}

fn number(text: &str) -> Result<u32, Malformed> {
    text.parse().map_err(|_| format!("`{text}` is not a number").into())
}

/// Which packages (by RPM checksum) own the files `wanted`, from filelists.sqlite.
///
/// # Errors
/// What is wrong and at which byte.
pub fn owners(
    bytes: Vec<u8>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<HashMap<String, Vec<String>>, Malformed> {
    let database = Database::open(bytes)?;
    let mut keys: HashMap<u64, String> = HashMap::new();
    database.rows("packages", &["pkgKey", "pkgId"], &mut |row| {
        keys.insert(row[0].number()?, row[1].text()?.to_ascii_lowercase());
        Ok(())
    })?;
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    database.rows("filelist", &["pkgKey", "dirname", "filenames"], &mut |row| {
        let directory = row[1].text()?.trim_end_matches('/');
        // The names of a directory's files are one text, with slashes between.
        for name in row[2].text()?.split('/') {
            let path = format!("{directory}/{name}");
            if wanted(&path) {
                let key = row[0].number()?;
                let package = keys.get(&key).ok_or_else(|| format!("no package {key}"))?;
                found.entry(path).or_default().push(package.clone());
            }
        }
        Ok(())
    })?;
    Ok(found)
}
