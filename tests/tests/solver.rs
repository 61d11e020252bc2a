//! The solver against yum 3.4.3 and dnf.

use builder::media;
use builder::repo::Catalog;
use builder::solve::{self, Request};
use lab_tests::product;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One row of yum's recorded answers.
struct Recorded {
    id: String,
    conf: String,
    words: Vec<String>,
    code: u8,
}

fn recorded(folder: &Path) -> Vec<Recorded> {
    let text = fs::read_to_string(folder.join("requests.tsv")).expect("requests.tsv");
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            Recorded {
                id: cells[0].to_owned(),
                conf: cells[1].to_owned(),
                words: cells[2].split(' ').map(str::to_owned).collect(),
                code: cells[3].as_bytes()[0] - b'0',
            }
        })
        .collect()
}

/// Repositories of a yum configuration: id and folder.
fn catalog(corpus: &Path, conf: &str) -> Catalog {
    let text = fs::read_to_string(corpus.join("depsolve").join(conf)).expect(conf);
    assert!(!text.contains("exclude"), "{conf}: an exclude this test does not pass on");
    let mut catalog = Catalog::default();
    for line in text.lines() {
        let Some(name) = line.strip_prefix("baseurl=file:///REPOS/") else { continue };
        let folder = corpus.join("repos").join(name);
        let medium = media::open(folder.to_str().expect("UTF-8")).expect(name);
        catalog.add(&medium, Some(name)).unwrap_or_else(|e| panic!("{e}"));
    }
    catalog
}

/// yum's package set and the requirements that it could not meet.
fn answer(folder: &Path, id: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = fs::read_to_string(folder.join("answers").join(format!("{id}.tsv"))).expect(id);
    let mut packages = BTreeSet::new();
    let mut problems = BTreeSet::new();
    for line in text.lines() {
        if let Some(failure) = line.strip_prefix("# resolveDeps rc=1 ") {
            problems.extend(failure.split("; ").map(str::to_owned));
        }
        if line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('\t').collect();
        packages.insert(format!("{} {}", cells[1], cells[2]));
    }
    (packages, problems)
}

/// `[epoch:]name-version-release.arch repository`, as yum writes it.
fn written(catalog: &Catalog, id: solve::Id) -> String {
    let p = &catalog.packages[id];
    let epoch = if p.evr.epoch == 0 { String::new() } else { format!("{}:", p.evr.epoch) };
    let release = p.evr.release.as_deref().unwrap_or_default();
    let repo = &catalog.repos[p.repo].id;
    format!("{epoch}{}-{}-{release}.{} {repo}", p.name, p.evr.version, p.arch)
}

/// `[epoch:]name-…` as our messages write it: `name-[epoch:]…`.
fn renamed(nevra: &str) -> String {
    let Some((epoch, rest)) = nevra.split_once(':') else { return nevra.to_owned() };
    // NAME-VERSION-RELEASE.ARCH
    let parts: Vec<&str> = rest.rsplitn(3, '-').collect();
    format!("{}-{epoch}:{}-{}", parts[2], parts[1], parts[0])
}

/// Whether one of our sentences says what yum says.
fn says(ours: &str, yum: &str) -> bool {
    if let Some((package, requirement)) = yum.split_once(" requires ") {
        let needs = format!(" needs {requirement}");
        let rest = ours.strip_prefix(&renamed(package)).and_then(|r| Some(r.split_once(&needs)?.1));
        return rest.is_some_and(|r| r.starts_with([',', ';']));
    }
    let (one, other) = yum.split_once(" conflicts with ").expect("yum says nothing else");
    ours.starts_with(&format!("{one}-"))
        && ours.contains(" conflicts with ")
        && ours.contains(&format!(", which {} ", renamed(other)))
}

/// Requests in whose answers we differ from yum, and why that has to be.
const DIFFERENCES: [(&str, &str); 2] = [
    // yum passes over a name that no repository has and says that there is nothing to do; an
    // image without what was asked for is a mistake, so we say that there is no such package.
    ("c72--pkg-puppet", "no package `puppet` on the media"),
    ("c72--pkg-rabbitmq-server", "no package `rabbitmq-server` on the media"),
];

#[test]
fn the_same_packages_as_yum() {
    let Some(shared) = product::shared() else { return };
    let corpus = shared.join("corpus/yum");
    let folder = corpus.join("depsolve");
    let requests = recorded(&folder);
    assert_eq!(requests.len(), 30);
    let mut catalogs: BTreeMap<&str, Catalog> = BTreeMap::new();
    let mut report = String::new();
    let mut differing = Vec::new();
    for request in &requests {
        let catalog =
            catalogs.entry(&request.conf).or_insert_with(|| catalog(&corpus, &request.conf));
        let asked = Request { install: request.words.clone(), ..Request::default() };
        let ours = solve::attempt(catalog, &asked).unwrap_or_else(|e| panic!("{e}"));
        let set: BTreeSet<String> = ours.packages.iter().map(|&id| written(catalog, id)).collect();
        let (theirs, mut failures) = answer(&folder, &request.id);
        let mut differ = |text: String| writeln!(report, "{}: {text}", request.id).expect("text");
        set.difference(&theirs).for_each(|only| differ(format!("only ours: {only}")));
        theirs.difference(&set).for_each(|only| differ(format!("only yum's: {only}")));
        if let Some((_, ours_says)) = DIFFERENCES.iter().find(|(id, _)| *id == request.id) {
            assert_eq!(request.code, 0, "{}", request.id);
            assert!(ours.problems.iter().any(|p| p.contains(ours_says)), "{:#?}", ours.problems);
            differing.push(request.id.as_str());
            continue;
        }
        assert_eq!(request.code == 2, failures.is_empty(), "{}", request.id);
        for problem in &ours.problems {
            match failures.iter().find(|f| says(problem, f)).cloned() {
                Some(same) => drop(failures.remove(&same)),
                None => differ(format!("only we say: {problem}")),
            }
        }
        failures.iter().for_each(|f| differ(format!("only yum says: {f}")));
    }
    assert!(report.is_empty(), "{report}");
    assert_eq!(differing, DIFFERENCES.map(|(id, _)| id), "the table of differences is stale");
}
