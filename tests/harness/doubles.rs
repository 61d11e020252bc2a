//! Doubles of packstack and of OpenStack's APIs as a package, for media that have neither.

use crate::lab::{Lab, text};
use crate::machines::Machines;
use crate::rpm_double;
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

/// The reference lab on practice media, without a key of the user's, each role in an output
/// directory of its own. On the
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
    lab.shorten_menu();
    lab.without_key();
    let doubles = text(&repository(lab.directory(), apis));
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

/// Makes the repository below `directory`; the same files give the same package.
fn repository(directory: &Path, apis: &Path) -> PathBuf {
    let work = tempfile::tempdir_in(directory).expect("temporary directory");
    let at = |name: &str| work.path().join(name);
    fs::write(at("packstack-double"), PACKSTACK).expect("script");
    fs::copy(apis, at("openstack-apis-double")).expect("program");
    fs::write(at("openstack-apis-double.service"), UNIT).expect("unit");
    fs::write(at("variant"), "success\n").expect("variant");
    fs::write(at("pace"), "3\n").expect("pace");
    let repository = directory.join(REPOSITORY);
    rpm_double::repository(&spec(work.path()), &repository);
    repository
}

/// The package's spec file; its files are in the directory `from`.
fn spec(from: &Path) -> String {
    let from = text(from);
    let (mut install, mut files) = (String::new(), String::new());
    for (name, path) in FILES {
        let mode = if path.starts_with("/usr/bin/") { "755" } else { "644" };
        install += &format!("install -D -m {mode} {from}/{name} %{{buildroot}}{path}\n");
        files += &format!("{path}\n");
    }
    format!(
        "Name: packstack-double\nVersion: 1\nRelease: 1\nSummary: Doubles for tests\n\
         Requires: systemd\n%description\nDoubles of packstack and of OpenStack's APIs.\n\
         %install\n{install}%files\n{files}"
    )
}
