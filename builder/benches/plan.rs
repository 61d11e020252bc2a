//! How long planning takes: reading and solving a repository of 10,000 packages.
//! `cargo bench -p builder` prints the median and the fastest of several runs.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use builder::packages::media;
use builder::packages::repo::Catalog;
use builder::packages::solve::{self, Request};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const PACKAGES: usize = 10_000;
const RUNS: usize = 9;

/// A repository shaped like CentOS 7's: each package has a dozen capabilities and requirements,
/// files, and a library that several others provide too.
fn primary() -> String {
    let mut xml = String::from("<metadata>");
    for n in 0..PACKAGES {
        let _ = write!(
            xml,
            "<package type=\"rpm\"><name>package{n}</name><arch>x86_64</arch>\
             <version epoch=\"0\" ver=\"1.{}\" rel=\"{n}.el7\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{n:064x}</checksum>\
             <summary>One of many packages</summary>\
             <description>A text that nobody reads here, as long as such texts are.</description>\
             <time file=\"1500000000\" build=\"1500000000\"/>\
             <size package=\"100000\" installed=\"300000\" archive=\"310000\"/>\
             <location href=\"Packages/package{n}.rpm\"/><format>\
             <rpm:sourcerpm>source{}-1.0-1.el7.src.rpm</rpm:sourcerpm><rpm:provides>\
             <rpm:entry name=\"package{n}\" flags=\"EQ\" epoch=\"0\" ver=\"1.{}\" rel=\"{n}.el7\"/>",
            n % 9,
            n / 5,
            n % 9
        );
        for k in 0..12 {
            let _ = write!(xml, "<rpm:entry name=\"lib{n}-{k}.so.1()(64bit)\"/>");
        }
        let _ = write!(xml, "<rpm:entry name=\"shared{}\"/></rpm:provides><rpm:requires>", n / 4);
        // A tree of requirements with cross links, so that a few roots pull in thousands.
        for k in 0..12 {
            let other = (n * 3 + k) % PACKAGES;
            let _ = write!(xml, "<rpm:entry name=\"lib{other}-{k}.so.1()(64bit)\"/>");
        }
        let _ = write!(
            xml,
            "<rpm:entry name=\"shared{}\"/><rpm:entry name=\"rpmlib(PayloadIsXz)\" flags=\"LE\" \
             epoch=\"0\" ver=\"5.2\" rel=\"1\"/></rpm:requires><file>/usr/bin/program{n}</file>\
             <file>/etc/program{n}.conf</file></format></package>",
            (n * 7 % PACKAGES) / 4
        );
    }
    xml + "</metadata>"
}

fn repository(directory: &Path) {
    let xml = primary();
    let packed = zstd::encode_all(xml.as_bytes(), 3).expect("zstd");
    let sum = hex::encode(Sha256::digest(&packed));
    let repodata = directory.join("repodata");
    fs::create_dir(&repodata).expect("directory");
    fs::write(repodata.join("primary.xml.zst"), packed).expect("primary");
    let repomd = format!(
        "<repomd><data type=\"primary\"><checksum type=\"sha256\">{sum}</checksum>\
         <location href=\"repodata/primary.xml.zst\"/></data></repomd>"
    );
    fs::write(repodata.join("repomd.xml"), repomd).expect("repomd");
}

fn measure(what: &str, mut run: impl FnMut() -> usize) {
    let mut times: Vec<Duration> = Vec::new();
    let mut result = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        result = run();
        times.push(start.elapsed());
    }
    times.sort();
    println!("{what}: median {:?}, fastest {:?} ({result} packages)", times[RUNS / 2], times[0]);
}

fn main() {
    let directory = tempfile::tempdir().expect("temporary directory");
    repository(directory.path());
    let open = || {
        let medium = media::open(directory.path().to_str().expect("UTF-8")).expect("medium");
        let mut catalog = Catalog::default();
        catalog.add(&medium, None).expect("catalog");
        catalog
    };
    measure("reading", || open().packages.len());
    let catalog = open();
    let few = Request { install: vec!["package9999".to_owned()], ..Request::default() };
    measure("solving", || solve::solve(&catalog, &few).expect("solution").packages.len());
    let all = Request { install: vec!["package*".to_owned()], ..Request::default() };
    measure("solving all", || solve::solve(&catalog, &all).expect("solution").packages.len());
}
