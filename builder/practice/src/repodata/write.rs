//! Writes a repository's metadata: the packages' elements in files, and repomd that lists these.

use super::record::{PackageRecord, record};
use crate::error::{Context, Result};
use crate::progress::Cancel;
use flate2::{Compression, write::GzEncoder};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Reads every package of `directory`/Packages and writes `directory`/repodata.
pub fn write(
    directory: &Path,
    comps: Option<&str>,
    cancel: Cancel<'_>,
) -> Result<Vec<PackageRecord>> {
    let packages = directory.join("Packages");
    let what = || format!("cannot write the metadata of {}", directory.display());
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&packages).or_build(what)? {
        names.push(entry.or_build(what)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let records: Vec<PackageRecord> = names
        .par_iter()
        .map(|name| {
            cancel.check()?;
            record(&packages.join(name), &format!("Packages/{name}"))
        })
        .collect::<Result<_>>()?;
    let time = records.iter().map(|record| record.build_time).max().unwrap_or(0);
    let count = records.len();
    let repodata = directory.join("repodata");
    fs::create_dir_all(&repodata).or_build(what)?;
    let mut repomd = Repomd { directory: &repodata, time, body: String::new() };
    for (kind, root, namespace) in [
        ("primary", "metadata", "http://linux.duke.edu/metadata/common"),
        ("filelists", "filelists", "http://linux.duke.edu/metadata/filelists"),
        ("other", "otherdata", "http://linux.duke.edu/metadata/other"),
    ] {
        let rpm = " xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"";
        let rpm = if kind == "primary" { rpm } else { "" };
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"{namespace}\"{rpm} packages=\"{count}\">\n"
        );
        for record in &records {
            text.push_str(match kind {
                "primary" => &record.primary,
                "filelists" => &record.filelists,
                _ => &record.other,
            });
        }
        let _ = writeln!(text, "</{root}>");
        repomd.add(kind, &format!("{kind}.xml.gz"), text.as_bytes(), true).or_build(what)?;
    }
    if let Some(comps) = comps {
        repomd.add("group", "c7-x86_64-comps.xml", comps.as_bytes(), false).or_build(what)?;
        repomd.add("group_gz", "c7-x86_64-comps.xml.gz", comps.as_bytes(), true).or_build(what)?;
    }
    repomd.finish().or_build(what)?;
    Ok(records)
}

struct Repomd<'a> {
    directory: &'a Path,
    time: u64,
    body: String,
}

impl Repomd<'_> {
    fn add(&mut self, kind: &str, name: &str, open: &[u8], packed: bool) -> std::io::Result<()> {
        let bytes = if packed {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            encoder.write_all(open)?;
            encoder.finish()?
        } else {
            open.to_vec()
        };
        let digest = hex::encode(Sha256::digest(&bytes));
        fs::write(self.directory.join(format!("{digest}-{name}")), &bytes)?;
        let _ = write!(
            self.body,
            "  <data type=\"{kind}\">\n    <checksum type=\"sha256\">{digest}</checksum>\n"
        );
        if packed {
            let open_digest = hex::encode(Sha256::digest(open));
            let _ = writeln!(
                self.body,
                "    <open-checksum type=\"sha256\">{open_digest}</open-checksum>"
            );
        }
        let _ = write!(
            self.body,
            "    <location href=\"repodata/{digest}-{name}\"/>\n    \
             <timestamp>{}</timestamp>\n    <size>{}</size>\n",
            self.time,
            bytes.len()
        );
        if packed {
            let _ = writeln!(self.body, "    <open-size>{}</open-size>", open.len());
        }
        self.body.push_str("  </data>\n");
        Ok(())
    }

    fn finish(self) -> std::io::Result<()> {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  \
             <revision>{}</revision>\n{}</repomd>\n",
            self.time, self.body
        );
        fs::write(self.directory.join("repomd.xml"), text)
    }
}
