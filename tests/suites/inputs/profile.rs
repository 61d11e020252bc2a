//! The shipped profiles and kickstarts give the reference lab; where they are looked for.

use crate::shipped::{Lab, request, shipped};
use builder::base::diagnostic::Diagnostic;
use builder::base::lab::{ImageFormat, RepositorySource};
use builder::kickstart::Fate;
use builder::plan::node;
use builder::spec::{Request, Spec, available_repositories, load};
use contract::spec::Role;
use lab_tests::product::workspace;
use lab_tests::pykickstart::ksvalidator;
use std::fs;
use std::net::Ipv4Addr;

#[test]
fn shipped_profiles_are_the_reference_lab() {
    let controller = shipped("controller");
    let compute = shipped("compute");
    let names = |spec: &Spec| spec.nodes.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&controller), ["openstack"]);
    assert_eq!(names(&compute), ["nova01", "nova02"]);
    assert_eq!(controller.role, Role::Controller);
    let last: Vec<u8> = controller.all_nodes.iter().map(|n| n.address.octets()[3]).collect();
    assert_eq!(last, [10, 11, 12]);
    let gateway = Ipv4Addr::new(192, 168, 1, 254);
    assert_eq!(controller.network.gateway, gateway);
    assert_eq!(
        (&controller.network.dns[..], &controller.network.ntp[..]),
        (&[gateway][..], &[gateway.into()][..])
    );
    assert_eq!(controller.network.subnet.to_string(), "192.168.1.0/24");
    assert_eq!(controller.network.interface, "eth0");
    let machine = |s: &Spec| (s.machine.cpus, s.machine.memory, s.machine.disk >> 30);
    assert_eq!(machine(&controller), (2, 6 << 30, 50));
    assert_eq!(machine(&compute), (2, 9 << 29, 100));
    assert_eq!(controller.repositories.len(), 4);
    assert_eq!(controller.expected_packages, Some(10670));
    assert_eq!(controller.formats, [ImageFormat::Qcow2]);
    assert_eq!(controller.services.enabled, ["sshd", "chronyd", "network", "openvswitch"]);
    assert_eq!(compute.services.enabled.last().unwrap(), "libvirtd");
    assert_eq!(compute.services.disabled, ["NetworkManager", "firewalld"]);
    for package in ["libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-client", "qemu-kvm"] {
        assert!(compute.kickstart.packages.names.iter().any(|n| n == package), "{package}");
    }
    assert_eq!(compute.kickstart.packages.excluded, ["NetworkManager", "firewalld"]);
    assert!(compute.kickstart.report.iter().all(|line| line.fate != Fate::Refused));
}

#[test]
fn without_vendor_media_only_centos_is_left_with_notes() {
    let spec = shipped("controller");
    let (found, notes) = available_repositories(&spec.repositories).unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(&found[0].source, RepositorySource::Url(url) if url.contains("7.5.1804")));
    assert_eq!(notes.len(), 3);
    assert!(notes[0].starts_with("repository rhel7-extras is left out: "), "{}", notes[0]);
}

#[test]
fn files_next_to_the_user_are_preferred_to_the_built_in_ones() {
    let lab = Lab::new();
    lab.edit("profiles/lab.toml", "openstack-lab", "my-lab");
    assert_eq!(load(&request("compute", lab.path())).unwrap().lab, "my-lab");
    let path = lab.path().join("profiles/compute.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    let by_path = load(&request(path.to_str().unwrap(), elsewhere.path())).unwrap();
    assert_eq!(by_path.lab, "my-lab", "the lab file next to the profile");
    let other = Request {
        lab: Some(&workspace().join("profiles/lab.toml")),
        ..request("compute", lab.path())
    };
    assert_eq!(load(&other).unwrap().lab, "openstack-lab");
    fs::remove_file(lab.path().join("kickstart/compute.ks")).unwrap();
    assert!(load(&request("compute", lab.path())).is_err(), "the user's own profile names it");
}

#[test]
fn one_node_of_the_role() {
    let empty = tempfile::tempdir().unwrap();
    let one = Request { node: Some("nova02"), ..request("compute", empty.path()) };
    let spec = load(&one).unwrap();
    assert_eq!(spec.nodes.len(), 1);
    assert!(spec.rendered["nova02"].0.contains("--ip=192.168.1.12 "));
}

#[test]
fn keys_for_root_are_read_and_private_ones_refused() {
    let lab = Lab::new();
    fs::create_dir(lab.path().join(".ssh")).unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKexample me@desk";
    fs::write(lab.path().join(".ssh/id_ed25519.pub"), format!("# mine\n{key}\n")).unwrap();
    fs::write(lab.path().join(".ssh/id_rsa.pub"), format!("{key}\n")).unwrap();
    let spec = load(&request("compute", lab.path())).unwrap();
    assert_eq!(spec.authorized_keys, [key]);
    assert_eq!(spec.warnings, []);
    fs::write(lab.path().join(".ssh/id_x.pub"), "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
    let text = lab.diagnostics(&request("compute", lab.path())).to_string();
    assert!(text.contains("id_x.pub: this is a private key"), "{text}");
    assert!(shipped("compute").warnings[0].message.starts_with("no file matches"));
}

#[test]
fn a_password_in_clear_is_hashed_warned_about_and_never_shown() {
    let lab = Lab::new();
    lab.edit("kickstart/compute.ks", "rootpw --lock", "rootpw --plaintext planted-secret");
    let spec = load(&request("compute", lab.path())).unwrap();
    assert!(spec.warnings.iter().any(|w| w.message == "the password of root is written in clear"));
    assert!(!format!("{spec:?}").contains("planted-secret"));
    let shadow =
        node::accounts::shadow("root:*:17000:0:99999:7:::\nbin:*:17000::::::\n", &spec.kickstart);
    let mut lines = shadow.lines();
    assert!(lines.next().unwrap().starts_with("root:$6$"), "{shadow}");
    assert_eq!(lines.next(), Some("bin:*:17000::::::"));
    lab.edit("kickstart/compute.ks", "--plaintext planted-secret", "--iscrypted planted:secret");
    let text = lab.diagnostics(&request("compute", lab.path())).to_string();
    assert!(text.contains("not a password hash") && !text.contains("planted"), "{text}");
}

/// pykickstart's own checker over every shipped kickstart as each node gets it.
#[test]
fn ksvalidator_accepts_the_rendered_kickstarts() {
    let directory = tempfile::tempdir().unwrap();
    for profile in ["controller", "compute"] {
        for (name, text) in shipped(profile).rendered {
            let path = directory.path().join(format!("{name}.ks"));
            fs::write(&path, text.0).unwrap();
            assert_eq!(ksvalidator(&path), [""; 0], "{name}");
        }
    }
}

/// `directory` was called `folder` once.
#[test]
fn the_old_name_of_a_repositorys_directory_is_accepted_with_a_hint() {
    const NAME: &str = "rhel-7-server-openstack-10-rpms";
    let lab = Lab::new();
    let load_lab = || load(&request("compute", lab.path())).unwrap();
    let is_old_name = |w: &&Diagnostic| w.message == "this is an old name";
    let new = load_lab();
    assert_eq!(new.repositories[2].directory.as_deref(), Some(NAME));
    assert_eq!(new.warnings.iter().filter(is_old_name).count(), 0);
    let (new_key, old_key) = (format!("directory = \"{NAME}\""), format!("folder = \"{NAME}\""));
    lab.edit("profiles/lab.toml", &new_key, &old_key);
    let old = load_lab();
    assert_eq!(old.repositories, new.repositories);
    let warnings: Vec<_> = old.warnings.iter().filter(is_old_name).collect();
    let [warning] = warnings[..] else { panic!("{:?}", old.warnings) };
    assert_eq!(warning.key.as_deref(), Some("repository[2].folder"));
    assert_eq!(warning.hint.as_deref(), Some("write `directory`"));
    lab.edit("profiles/lab.toml", &old_key, &format!("{old_key}\n{new_key}"));
    let text = lab.diagnostics(&request("compute", lab.path())).to_string();
    assert!(text.contains("repository[2].folder: `directory` is given as well"), "{text}");
}

/// The kickstart has a storage line of the same number.
#[test]
fn a_shortcoming_is_in_the_file_that_holds_its_line() {
    let lab = Lab::new();
    let path = lab.path().join("kickstart/compute.ks");
    let text = fs::read_to_string(&path).unwrap();
    let number = text.lines().position(|l| l.starts_with("part biosboot")).unwrap() + 1;
    let efi = text.lines().find(|l| l.starts_with("part /boot/efi")).unwrap();
    fs::write(&path, text.replace(efi, "%include efi.ks")).unwrap();
    let included = format!("{}part /boot/efi --fstype=efi --size=1\n", "\n".repeat(number - 1));
    fs::write(lab.path().join("kickstart/efi.ks"), included).unwrap();
    let shown = lab.diagnostics(&request("compute", lab.path())).to_string();
    let place = format!("kickstart/efi.ks:{number}:1: ");
    assert!(shown.starts_with(&format!("{place}part /boot/efi: 1 MiB is too small")), "{shown}");
}
