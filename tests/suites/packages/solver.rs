//! The solver against yum 3.4.3 and dnf.

use builder::packages::media;
use builder::packages::repo::Catalog;
use builder::packages::solve::{self, Request};
use lab_tests::product;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One row of yum's recorded answers.
struct Recorded {
    id: String,
    conf: String,
    words: Vec<String>,
    code: u8,
}

fn recorded(directory: &Path) -> Vec<Recorded> {
    let text = fs::read_to_string(directory.join("requests.tsv")).expect("requests.tsv");
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

/// Repositories of a yum configuration: id and directory.
fn catalog(corpus: &Path, conf: &str) -> Catalog {
    let text = fs::read_to_string(corpus.join("depsolve").join(conf)).expect(conf);
    assert!(!text.contains("exclude"), "{conf}: an exclude this test does not pass on");
    let mut catalog = Catalog::default();
    for line in text.lines() {
        let Some(name) = line.strip_prefix("baseurl=file:///REPOS/") else { continue };
        let directory = corpus.join("repos").join(name);
        let medium = media::open(directory.to_str().expect("UTF-8")).expect(name);
        catalog.add(&medium, Some(name)).unwrap_or_else(|e| panic!("{e}"));
    }
    catalog
}

/// yum's package set and the requirements that it could not meet.
fn answer(directory: &Path, id: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = fs::read_to_string(directory.join("answers").join(format!("{id}.tsv"))).expect(id);
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

/// Whether one of our messages means what yum's does.
fn agrees(ours: &str, yum: &str) -> bool {
    if let Some((package, requirement)) = yum.split_once(" requires ") {
        let needs = format!(" needs {requirement}");
        let rest = ours.strip_prefix(&renamed(package)).and_then(|r| Some(r.split_once(&needs)?.1));
        return rest.is_some_and(|r| r.starts_with([',', ';']));
    }
    let (one, other) = yum.split_once(" conflicts with ").expect("yum prints nothing else");
    ours.starts_with(&format!("{one}-"))
        && ours.contains(" conflicts with ")
        && ours.contains(&format!(", which {} ", renamed(other)))
}

/// Requests in whose answers we differ from yum, and why that has to be.
const DIFFERENCES: [(&str, &str); 2] = [
    // yum ignores a name that no repository has and reports that there is nothing to do; an
    // image without what was asked for is a mistake, so we report that there is no such package.
    ("c72--pkg-puppet", "no package `puppet` on the media"),
    ("c72--pkg-rabbitmq-server", "no package `rabbitmq-server` on the media"),
];

#[test]
fn the_same_packages_as_yum() {
    let Some(shared) = product::shared() else { return };
    let corpus = shared.join("corpus/yum");
    let directory = corpus.join("depsolve");
    let requests = recorded(&directory);
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
        let (theirs, mut failures) = answer(&directory, &request.id);
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
            match failures.iter().find(|f| agrees(problem, f)).cloned() {
                Some(same) => drop(failures.remove(&same)),
                None => differ(format!("only we report: {problem}")),
            }
        }
        failures.iter().for_each(|f| differ(format!("only yum reports: {f}")));
    }
    assert!(report.is_empty(), "{report}");
    assert_eq!(differing, DIFFERENCES.map(|(id, _)| id), "the table of differences is stale");
}

/// Requests to the practice medium: words, and names that must not be used at all. A `-NAME` is
/// a kickstart's; dnf does not have that, so it is given the rest and an exclude.
const PRACTICE_REQUESTS: [(&[&str], &[&str]); 26] = [
    (&["bash"], &[]),
    (&["kernel"], &[]),
    (&["systemd", "rpm"], &[]),
    (&["openvswitch", "chrony"], &[]),
    (&["libvirt-daemon-driver-qemu"], &[]),
    (&["python-setuptools", "net-tools"], &[]),
    (&["grub2-efi-x64", "shim-x64", "efibootmgr"], &[]),
    (&["python-six"], &[]),
    (&["qemu-*"], &[]),
    (&["python-*"], &[]),
    (&["lib[a-c]*"], &[]),
    (&["*-libs", "e2fs*"], &[]),
    (&["@core"], &[]),
    (&["@core", "@base"], &[]),
    (&["@lab-boot"], &[]),
    (&["@virtualization-hypervisor", "@network-server"], &[]),
    (&["@^minimal"], &[]),
    (&["@^minimal", "@base", "kernel", "dracut"], &[]),
    (&["/bin/sh"], &[]),
    (&["/usr/sbin/sshd", "/usr/bin/ssh"], &[]),
    (&["/usr/bin/qemu-img"], &[]),
    (&["bash.x86_64", "filesystem.noarch"], &[]),
    (&["config(openssh-server)"], &[]),
    (&["@core"], &["vim-minimal", "btrfs-progs"]),
    (&["@core", "@base", "lvm2"], &["mokutil", "os-prober"]),
    // Every package that there is.
    (&["*"], &[]),
];

/// The practice medium's repositories: id and directory.
fn practice_repositories() -> Vec<(String, PathBuf)> {
    let practice = product::practice();
    let osp10 = practice.join("osp10");
    let mut all: Vec<(String, PathBuf)> =
        ["os", "extras"].map(|name| (name.to_owned(), practice.join(name))).to_vec();
    for name in ["rhel-7-server-openstack-10-devtools-rpms", "rhel-7-server-openstack-10-rpms"] {
        all.push((name.to_owned(), osp10.join(name)));
    }
    all
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// `name-epoch:version-release.arch repository`, as the dnf oracle writes it.
fn with_epoch(catalog: &Catalog, id: solve::Id) -> String {
    let p = &catalog.packages[id];
    let release = p.evr.release.as_deref().unwrap_or_default();
    let repo = &catalog.repos[p.repo].id;
    format!("{}-{}:{}-{release}.{} {repo}", p.name, p.evr.epoch, p.evr.version, p.arch)
}

/// dnf's answers, as sets of packages.
fn dnf(repositories: &[(String, PathBuf)], requests: &[Request]) -> Vec<BTreeSet<String>> {
    let lines: String = requests
        .iter()
        .map(|r| {
            let exclude: Vec<&String> = r.exclude.iter().chain(&r.deselect).collect();
            serde_json::json!({ "install": r.install, "exclude": exclude }).to_string() + "\n"
        })
        .collect();
    let mut input = tempfile::tempfile().expect("temporary file");
    input.write_all(lines.as_bytes()).expect("requests");
    input.rewind().expect("rewind");
    let script = product::workspace().join("tests/oracles/dnf_set.py");
    let output = Command::new("/usr/bin/python3")
        .arg(script)
        .args(repositories.iter().map(|(id, directory)| format!("{id}={}", directory.display())))
        .stdin(input)
        .output()
        .expect("Debian packages dnf and python3");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<BTreeSet<String>> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{stderr}")))
        .collect();
    assert_eq!(answers.len(), requests.len(), "{stderr}");
    answers
}

#[test]
fn the_same_packages_as_dnf_on_the_practice_medium() {
    let repositories = practice_repositories();
    let mut catalog = Catalog::default();
    for (id, directory) in &repositories {
        let medium = media::open(directory.to_str().expect("UTF-8")).expect("practice medium");
        catalog.add(&medium, Some(id)).unwrap_or_else(|e| panic!("{e}"));
    }
    let kernel = catalog.packages.iter().find(|p| p.name == "kernel").expect("kernel").nevra();
    let mut requests: Vec<Request> = PRACTICE_REQUESTS
        .iter()
        .map(|(install, exclude)| Request {
            install: strings(install),
            exclude: strings(exclude),
            ..Request::default()
        })
        .collect();
    requests.push(Request { install: vec![kernel], ..Request::default() });
    // The shipped kickstarts' own requests.
    for role in ["controller", "compute"] {
        let text = fs::read_to_string(product::workspace().join(format!("kickstart/{role}.ks")));
        let text = text.expect("kickstart");
        let section = text.split("%packages\n").nth(1).and_then(|s| s.split("%end").next());
        let words: Vec<String> = section
            .expect("%packages")
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .map(str::to_owned)
            .collect();
        requests.push(Request::of_words(&words, &[]));
    }
    let mut report = String::new();
    for (request, theirs) in requests.iter().zip(dnf(&repositories, &requests)) {
        let ours = solve::solve(&catalog, request).unwrap_or_else(|e| panic!("{request:?}: {e}"));
        let ours: BTreeSet<String> =
            ours.packages.iter().map(|&id| with_epoch(&catalog, id)).collect();
        for (who, only) in [("ours", ours.difference(&theirs)), ("dnf's", theirs.difference(&ours))]
        {
            only.for_each(|p| {
                writeln!(report, "{:?}: only {who}: {p}", request.install).expect("text");
            });
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// Runs `imgbuild plan` with the practice medium's directories.
fn plan(words: &[&str]) -> Output {
    let practice = product::practice();
    let os = practice.join("os");
    let mut arguments = strings(&["plan", "--progress", "none", "--media"]);
    arguments.push(os.to_string_lossy().into_owned());
    arguments.extend(strings(words));
    product::run(&arguments)
}

#[test]
fn a_bare_request_on_the_command_line() {
    let output = plan(&["--install", "@core", "--install", "-vim-minimal", "--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = json["packages"].as_array().expect("packages");
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    assert!(names.contains(&"bash") && !names.contains(&"vim-minimal"), "{names:?}");
    for package in packages {
        for key in ["name", "version", "release", "arch", "repo", "sha256"] {
            assert!(package[key].as_str().is_some_and(|text| !text.is_empty()), "{package:#}");
        }
        assert!(package["epoch"].is_u64() && package["size"].as_u64() > Some(0), "{package:#}");
    }
    let file = packages.iter().find(|p| p["name"] == "bash").expect("bash");
    let path = product::practice().join("os").join(file["location"].as_str().expect("location"));
    let sum = lab_tests::oracle::ok("sha256sum", [path.to_str().expect("UTF-8")]);
    assert!(sum.starts_with(file["sha256"].as_str().expect("sha256")), "{sum}");

    let text = plan(&["--install", "bash"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("\nos: ") && text.contains("  bash-5"), "{text}");
}

#[test]
fn a_bare_request_that_cannot_be() {
    for (words, expected) in [
        (&["--install", "bsh"][..], "no package `bsh` on the media; did you mean `bash`?"),
        (&["--install", "@cor"], "no group `@cor` on the media; did you mean `core`?"),
        (&["--install", "@^minimum"], "no environment `minimum` on the media"),
        (&["--install", "openssh-server", "--exclude", "glibc"], "needs"),
        (&["--install", "bash", "--profile", "controller"], "cannot be used with"),
        (&["--exclude", "bash"], "--install"),
    ] {
        let output = plan(words);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
        assert!(stderr.contains(expected), "{words:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}
