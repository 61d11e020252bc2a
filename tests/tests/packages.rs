//! Package choice and installed trees, judged by dnf and rpm.

use lab_tests::lab::{Lab, text};
use lab_tests::product;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// `name-version-release.arch` of each package of a plan for `role` from the practice medium.
fn planned(role: &str) -> BTreeSet<String> {
    let profile = text(&product::workspace().join(format!("profiles/{role}.toml")));
    let mut arguments = vec!["plan".to_owned(), "--profile".to_owned(), profile];
    for medium in ["os", "extras", "osp10"] {
        arguments.extend(["--media".to_owned(), text(&product::practice().join(medium))]);
    }
    let output = product::run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).expect("a JSON plan");
    let word = |p: &Value, key: &str| p[key].as_str().expect("text").to_owned();
    let packages = plan["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|p| {
            format!(
                "{}-{}-{}.{}",
                word(p, "name"),
                word(p, "version"),
                word(p, "release"),
                word(p, "arch")
            )
        })
        .collect()
}

/// What dnf would install into an empty root for the same request.
fn by_dnf(request: &[&str]) -> BTreeSet<String> {
    let folder = tempfile::tempdir_in(product::cache_folder()).expect("temporary folder");
    let root = text(&folder.path().join("root"));
    let cache = text(&folder.path().join("cache"));
    let mut dnf = Command::new("dnf");
    dnf.args(["-y", "--disablerepo=*", "--releasever=7", "--nogpgcheck", "--noplugins", "-q"]);
    dnf.args([
        "--setopt=install_weak_deps=0",
        "--setopt=reposdir=/nonexistent",
        "--exclude=NetworkManager,firewalld",
    ]);
    dnf.arg(format!("--installroot={root}")).arg(format!("--setopt=cachedir={cache}"));
    let osp10 = product::practice().join("osp10");
    for (id, place) in [
        ("os", product::practice().join("os")),
        ("extras", product::practice().join("extras")),
        ("osp", osp10.join("rhel-7-server-openstack-10-rpms")),
        ("dev", osp10.join("rhel-7-server-openstack-10-devtools-rpms")),
    ] {
        dnf.arg(format!("--repofrompath={id},file://{}", place.display()))
            .arg(format!("--enablerepo={id}"));
    }
    dnf.args(["--setopt=tsflags=test", "--downloadonly", "install"])
        .args(request)
        .env("LC_ALL", "C");
    let output = dnf.output().expect("dnf starts (Debian package dnf)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    // With --downloadonly the packages of the transaction, and only they, are in the cache or
    // named on the command's table; file:// repositories are used in place, so read the table.
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let known: BTreeSet<&str> = ["x86_64", "noarch", "i686"].into();
    table
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [name, arch, version, _repo, ..] if known.contains(arch) => {
                    let version = version.rsplit(':').next().unwrap_or(version);
                    Some(format!("{name}-{version}.{arch}"))
                }
                _ => None,
            }
        })
        .collect()
}

#[test]
fn dnf_chooses_the_same_packages() {
    const CONTROLLER: &[&str] = &[
        "@core",
        "kernel",
        "dracut",
        "grub2-pc",
        "grub2-pc-modules",
        "grub2-tools",
        "grub2-efi-x64",
        "shim-x64",
        "efibootmgr",
        "chrony",
        "openssh-server",
        "openssh-clients",
        "openvswitch",
        "net-tools",
        "python-setuptools",
        "yum",
    ];
    let ours = planned("controller");
    let theirs = by_dnf(CONTROLLER);
    assert!(theirs.len() > 100, "{theirs:?}");
    let only_ours: Vec<_> = ours.difference(&theirs).collect();
    let only_theirs: Vec<_> = theirs.difference(&ours).collect();
    assert!(
        only_ours.is_empty() && only_theirs.is_empty(),
        "ours: {only_ours:?}\ndnf's: {only_theirs:?}"
    );
}

/// `rpm -Va` by the tree's own rpm. What may differ is each node's own, or filled in at run time.
#[test]
fn rpm_verifies_the_installed_tree() {
    let lab = Lab::new();
    lab.build("controller", &["practice"], &[]);
    let overlay = lab.overlay("openstack");
    let address = std::net::Ipv4Addr::new(192, 168, 1, 10);
    let guest = lab_tests::guest::Guest::start(
        &overlay,
        lab_tests::guest::Firmware::Bios,
        address,
        &lab.key(),
    );
    let verdict = guest.try_ssh("rpm -Va --nodeps");
    let said = String::from_utf8_lossy(&verdict.stdout).into_owned();
    let expected = |line: &str| {
        let path = line.split_whitespace().last().unwrap_or_default();
        // Configuration that imgbuild writes, and what the running system itself changes.
        line.split_whitespace().nth(1) == Some("c")
            || [
                "/run",
                "/var/log",
                "/var/lib",
                "/var/cache",
                "/proc",
                "/sys",
                "/dev",
                "/boot/efi",
                "/boot/grub2",
            ]
            .iter()
            .any(|folder| path.starts_with(folder))
    };
    let unexpected: Vec<&str> = said.lines().filter(|l| !expected(l)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert!(guest.ssh("rpm -qa | wc -l").trim().parse::<u32>().expect("number") > 100);
}
