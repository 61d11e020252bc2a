//! Headers, file lists, scriptlets, triggers and dependencies as EL7's own rpm prints them, and
//! of all EL7 packages at hand as Debian's rpm does.

use builder::packages::repo::package_file;
use formats::rpmfile::{Dependency, RpmPackage, When};
use lab_tests::lab::text;
use lab_tests::{oracle, product};
use std::fs;
use std::path::{Path, PathBuf};

/// What EL7's rpm printed of a package; `None` where it had nothing to print.
fn expected(shared: &Path, package: &Path, kind: &str) -> Option<String> {
    let stem = package.file_stem().expect("name").to_string_lossy();
    let plain = shared.join(format!("corpus/rpm/expected/{stem}.{kind}"));
    let packed = plain.with_file_name(format!("{stem}.{kind}.gz"));
    match packed.exists() {
        true => Some(oracle::ok("gzip", ["-dc", &text(&packed)])),
        false => fs::read_to_string(plain).ok(),
    }
}

/// Lines after the heading of a table, split at tabs.
fn rows(table: &str) -> Vec<Vec<String>> {
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    table.lines().skip(1).map(row).collect()
}

fn corpus(shared: &Path) -> Vec<(PathBuf, RpmPackage)> {
    let directory = shared.join("corpus/rpm/packages");
    let mut packages: Vec<(PathBuf, RpmPackage)> = fs::read_dir(directory)
        .expect("packages")
        .map(|entry| entry.expect("entry").path())
        .map(|path| (path.clone(), package_file::open(&path).expect("a package").package))
        .collect();
    packages.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(packages.len(), 16);
    packages
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn file_lists() {
    let Some(shared) = product::shared() else { return };
    for (path, package) in corpus(&shared) {
        let table = expected(&shared, &path, "files.tsv").expect("every package has files");
        let ours: Vec<Vec<String>> = package
            .files
            .iter()
            .map(|f| {
                vec![
                    string(&f.path),
                    format!("{:o}", f.mode),
                    f.user.clone(),
                    f.group.clone(),
                    f.size.to_string(),
                    f.mtime.to_string(),
                    f.digest.clone(),
                    string(&f.target),
                    f.flags.to_string(),
                    f.verify.to_string(),
                    f.rdev.to_string(),
                    f.inode.to_string(),
                    f.device.to_string(),
                    f.color.to_string(),
                    f.language.clone(),
                ]
            })
            .collect();
        assert_eq!(ours, rows(&table), "{}", path.display());
        let capabilities: Vec<String> = package
            .files
            .iter()
            .filter(|f| !f.capabilities.is_empty())
            .map(|f| format!("{}\t{}", string(&f.path), f.capabilities))
            .collect();
        let printed = expected(&shared, &path, "filecaps.txt").unwrap_or_default();
        assert_eq!(capabilities, printed.lines().collect::<Vec<_>>(), "{}", path.display());
    }
}

#[test]
fn dependencies() {
    let Some(shared) = product::shared() else { return };
    for (path, package) in corpus(&shared) {
        let lists = [
            ("requires", &package.requires),
            ("provides", &package.provides),
            ("conflicts", &package.conflicts),
            ("obsoletes", &package.obsoletes),
        ];
        for (kind, ours) in lists {
            let row = |d: &Dependency| {
                let flags = d.flags.to_string();
                vec![d.name.clone(), d.relation().to_owned(), d.version.clone(), flags]
            };
            let ours: Vec<Vec<String>> = ours.iter().map(row).collect();
            let table = expected(&shared, &path, &format!("{kind}.tsv"));
            // EL7's rpm pads the list of a package without any with one empty line.
            let theirs = table.as_deref().map(rows).unwrap_or_default();
            assert_eq!(ours, theirs, "{kind} of {}", path.display());
        }
    }
}

fn script(heading: &str, program: &str, body: Option<&str>) -> String {
    match body {
        Some(body) => format!("{heading} scriptlet (using {program}):\n{body}\n"),
        None => format!("{heading} program: {program}\n"),
    }
}

#[test]
fn scriptlets_and_triggers() {
    let Some(shared) = product::shared() else { return };
    for (path, package) in corpus(&shared) {
        let name = |when| match when {
            When::Pretrans => "pretrans",
            When::Pre => "preinstall",
            When::Post => "postinstall",
            When::Preun => "preuninstall",
            When::Postun => "postuninstall",
            When::Posttrans => "posttrans",
            When::Verify => "verify",
        };
        let scripts: String = package
            .scriptlets
            .iter()
            .map(|s| script(name(s.when), &s.program.join(" "), s.text.as_deref()))
            .collect();
        let printed = expected(&shared, &path, "scripts.txt").unwrap_or_default();
        assert_eq!(scripts, printed, "scriptlets of {}", path.display());
        let triggers: String = package
            .triggers
            .iter()
            .map(|t| {
                let kind = match t.on[0].flags & 0x2070000 {
                    0x10000 => "triggerin",
                    0x20000 => "triggerun",
                    0x40000 => "triggerpostun",
                    _ => "triggerprein",
                };
                let on = |d: &Dependency| format!("{} {} {}", d.name, d.relation(), d.version);
                let on: Vec<String> = t.on.iter().map(|d| on(d).trim().to_owned()).collect();
                let heading =
                    format!("{kind} scriptlet (using {}) -- {}", t.program, on.join(", "));
                format!("{heading}\n{}\n", t.text)
            })
            .collect();
        let printed = expected(&shared, &path, "triggers.txt").unwrap_or_default();
        assert_eq!(triggers, printed, "triggers of {}", path.display());
    }
}

#[test]
fn facts() {
    let Some(shared) = product::shared() else { return };
    for (path, package) in corpus(&shared) {
        let info = expected(&shared, &path, "info.txt").expect("info");
        let (facts, description) = info.split_once("Description :\n").expect("a description");
        assert_eq!(package.description.trim_end(), description.trim_end(), "{}", path.display());
        let date = oracle::ok(
            "date",
            ["-u", "-d", &format!("@{}", package.build_time), "+%a %b %e %H:%M:%S %Y"],
        );
        for line in facts.lines() {
            let (key, value) = line.split_once(": ").expect("a fact");
            let ours = match key.trim() {
                "Name" => package.name.clone(),
                "Epoch" => package.epoch.map(|e| e.to_string()).unwrap_or_default(),
                "Version" => package.version.clone(),
                "Release" => package.release.clone(),
                "Architecture" => package.arch.clone(),
                "Group" => package.group.clone(),
                "Size" => package.size.to_string(),
                "License" => package.license.clone(),
                "Source RPM" => package.source.clone(),
                "Build Date" => date.trim().to_owned(),
                "Build Host" => package.build_host.clone(),
                "Packager" => package.packager.clone(),
                "Vendor" => package.vendor.clone(),
                "URL" => package.url.clone(),
                "Summary" => package.summary.clone(),
                // Not the package's own, or in a test of their own.
                "Install Date" | "Signature" | "Relocations" => continue,
                other => panic!("{other}"),
            };
            assert_eq!(ours, value, "{key} of {}", path.display());
        }
        assert_eq!(facts.contains("Epoch"), package.epoch.is_some());
    }
}

/// One line for each fact of a package, in a form that `rpm --qf` can print.
const QUERY: &str = "P|%{NAME}|%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{BUILDTIME}|%{SIZE}|%{SOURCERPM}|%{LICENSE}\\n\
    [F|%{FILENAMES}|%{FILEMODES}|%{FILEUSERNAME}|%{FILEGROUPNAME}|%{FILESIZES}|%{FILEMTIMES}|%{FILEDIGESTS}|%{FILELINKTOS}|%{FILEFLAGS}|%{FILEVERIFYFLAGS}|%{FILERDEVS}|%{FILEINODES}\\n]\
    [R|%{REQUIRENAME}|%{REQUIREFLAGS}|%{REQUIREVERSION}\\n]\
    [P|%{PROVIDENAME}|%{PROVIDEFLAGS}|%{PROVIDEVERSION}\\n]\
    [C|%{CONFLICTNAME}|%{CONFLICTFLAGS}|%{CONFLICTVERSION}\\n]\
    [O|%{OBSOLETENAME}|%{OBSOLETEFLAGS}|%{OBSOLETEVERSION}\\n]\
    [T|%{TRIGGERNAME}|%{TRIGGERFLAGS}|%{TRIGGERVERSION}\\n]\
    [t|%{TRIGGERSCRIPTS}\\n]\
    %|PREIN?{S|%{PREINPROG}|%{PREIN}\\n}|%|POSTIN?{S|%{POSTINPROG}|%{POSTIN}\\n}|\
    %|PREUN?{S|%{PREUNPROG}|%{PREUN}\\n}|%|POSTUN?{S|%{POSTUNPROG}|%{POSTUN}\\n}|\
    %|PRETRANS?{S|%{PRETRANSPROG}|%{PRETRANS}\\n}|%|POSTTRANS?{S|%{POSTTRANSPROG}|%{POSTTRANS}\\n}|\
    %|VERIFYSCRIPT?{S|%{VERIFYSCRIPTPROG}|%{VERIFYSCRIPT}\\n}|";

/// The same of our reading.
fn as_queried(package: &RpmPackage) -> String {
    let p = package;
    let epoch = p.epoch.map_or_else(|| "(none)".to_owned(), |e| e.to_string());
    let mut text = format!(
        "P|{}|{epoch}|{}|{}|{}|{}|{}|{}|{}\n",
        p.name, p.version, p.release, p.arch, p.build_time, p.size, p.source, p.license
    );
    for f in &p.files {
        text.push_str(&format!(
            "F|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}\n",
            string(&f.path),
            f.mode,
            f.user,
            f.group,
            f.size,
            f.mtime,
            f.digest,
            string(&f.target),
            f.flags,
            f.verify,
            f.rdev,
            f.inode
        ));
    }
    let on: Vec<Dependency> = p.triggers.iter().flat_map(|t| t.on.clone()).collect();
    for (kind, list) in [
        ('R', &p.requires),
        ('P', &p.provides),
        ('C', &p.conflicts),
        ('O', &p.obsoletes),
        ('T', &on),
    ] {
        for d in list {
            text.push_str(&format!("{kind}|{}|{}|{}\n", d.name, d.flags, d.version));
        }
    }
    p.triggers.iter().for_each(|t| text.push_str(&format!("t|{}\n", t.text)));
    let order = [
        When::Pre,
        When::Post,
        When::Preun,
        When::Postun,
        When::Pretrans,
        When::Posttrans,
        When::Verify,
    ];
    for when in order {
        // rpm's format asks for the text; a program alone is not printed.
        for s in p.scriptlets.iter().filter(|s| s.when == when) {
            if let Some(body) = &s.text {
                text.push_str(&format!("S|{}|{body}\n", s.program[0]));
            }
        }
    }
    text
}

#[test]
fn all_el7_packages_as_debians_rpm_reads_them() {
    let Some(shared) = product::shared() else { return };
    let directories = [
        "media/Packages",
        "extras",
        "osp10/rhel-7-server-openstack-10-rpms",
        "osp10/rhel-7-server-openstack-10-devtools-rpms",
    ];
    let mut count = 0;
    for directory in directories {
        let directory = shared.join("el7").join(directory);
        let found = oracle::ok("find", [text(&directory), "-name".into(), "*.rpm".into()]);
        let mut paths: Vec<&str> = found.lines().collect();
        paths.sort_unstable();
        for path in paths {
            let printed = oracle::run("rpm", ["-qp", "--nosignature", "--qf", QUERY, path]);
            let ours = as_queried(&package_file::open(Path::new(path)).expect(path).package);
            let printed = string(&printed.stdout);
            let differing = ours.lines().zip(printed.lines()).find(|(a, b)| a != b);
            assert!(ours == printed, "{path}: (ours, rpm's) {differing:?}");
            count += 1;
        }
    }
    assert_eq!(count, 315 + 11 + 74 + 12);
}
