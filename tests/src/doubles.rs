//! Doubles of packstack and of OpenStack's APIs as a package, for media that have neither.

use crate::lab::{Lab, text};
use crate::machines::Machines;
use crate::oracle;
use std::fs;
use std::path::{Path, PathBuf};

/// A double of packstack, see there.
const PACKSTACK: &str = include_str!("../../firstboot/tests/node/packstack-double");
/// The repository's name.
const REPOSITORY: &str = "doubles";
/// The double of the APIs as a service, which the double of packstack starts.
const UNIT: &str = "[Unit]\n\
    Description=A double of OpenStack's APIs\n\
    [Service]\n\
    ExecStart=/usr/bin/openstack-apis-double 192.168.1.10 openstack nova01 nova02\n\
    [Install]\n\
    WantedBy=multi-user.target\n";
/// The files of the package and where they go.
const FILES: [(&str, &str); 5] = [
    ("packstack-double", "/usr/bin/packstack-double"),
    ("openstack-apis-double", "/usr/bin/openstack-apis-double"),
    ("openstack-apis-double.service", "/usr/lib/systemd/system/openstack-apis-double.service"),
    ("variant", "/variant"),
    ("pace", "/pace"),
];

/// The program as it is, and the same bytes whenever they are made.
const DEFINES: [&str; 7] = [
    "debug_package %{nil}",
    "__os_install_post %{nil}",
    "_build_id_links none",
    "_buildhost localhost",
    "source_date_epoch_from_changelog 1",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
];

/// The reference lab on practice media, each role in an output folder of its own. On the
/// controller, the doubles stand in packstack's and OpenStack's place; `apis` is the program
/// `openstack_apis_double`.
///
/// # Panics
/// When it cannot be built.
pub fn reference_lab(apis: &Path) -> Lab {
    let lab = Lab::new();
    let profile = "profiles/controller.toml";
    lab.edit(profile, "\"openstack-packstack\"", "\"packstack-double\"");
    lab.edit(profile, "# program = ", "program = ");
    without_repositories(&lab);
    let doubles = text(&repository(lab.folder(), apis));
    for (role, media, more) in [
        ("controller", &["practice", &doubles][..], &["--no-gpgcheck", REPOSITORY][..]),
        ("compute", &["practice"], &[]),
    ] {
        let mut arguments = lab.arguments(role, media, more);
        let at = arguments.iter().position(|a| a == "--output").expect("--output") + 1;
        arguments[at] = text(&lab.output().join(role));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Machines::new(&lab).ok(&arguments);
    }
    lab
}

/// Nothing serves the lab's repositories to these nodes: packstack would wait for them.
fn without_repositories(lab: &Lab) {
    let file = "profiles/lab.toml";
    let text = fs::read_to_string(lab.folder().join(file)).expect(file);
    let at = text.find("[[repository]]").expect("repositories");
    lab.edit(file, &text[at..], "");
    lab.edit(file, "packages = 10670", "");
}

/// Makes the repository below `folder`; the same files give the same package.
fn repository(folder: &Path, apis: &Path) -> PathBuf {
    let work = tempfile::tempdir_in(folder).expect("temporary folder");
    let at = |name: &str| work.path().join(name);
    fs::write(at("packstack-double"), PACKSTACK).expect("script");
    fs::copy(apis, at("openstack-apis-double")).expect("program");
    fs::write(at("openstack-apis-double.service"), UNIT).expect("unit");
    fs::write(at("variant"), "success\n").expect("variant");
    fs::write(at("pace"), "3\n").expect("pace");
    fs::write(at("spec"), spec()).expect("spec");
    let folders = ["_topdir", "_sourcedir"].map(|name| format!("{name} {}", text(work.path())));
    let mut arguments = vec!["--quiet", "-bb"];
    for define in folders.iter().map(String::as_str).chain(DEFINES) {
        arguments.extend(["--define", define]);
    }
    let spec = text(&at("spec"));
    arguments.push(&spec);
    oracle::ok("rpmbuild", arguments);
    oracle::ok("createrepo_c", ["--quiet", &text(&at("RPMS"))]);
    let repository = folder.join(REPOSITORY);
    fs::rename(at("RPMS"), &repository).expect("the same filesystem");
    repository
}

/// The package's spec file.
fn spec() -> String {
    let (mut install, mut files) = (String::new(), String::new());
    for (name, path) in FILES {
        let mode = if path.starts_with("/usr/bin/") { "755" } else { "644" };
        install += &format!("install -D -m {mode} %{{_sourcedir}}/{name} %{{buildroot}}{path}\n");
        files += &format!("{path}\n");
    }
    format!(
        "Name: packstack-double\nVersion: 1\nRelease: 1\nSummary: Doubles for tests\n\
         License: Apache-2.0\nRequires: systemd\nAutoReqProv: no\n\
         %description\nDoubles of packstack and of OpenStack's APIs.\n\
         %install\n{install}%files\n{files}\
         %changelog\n* Tue Oct 11 2016 Test <test@lab.example> 1-1\n- Made\n"
    )
}
