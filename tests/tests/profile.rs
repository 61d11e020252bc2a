//! Profiles and kickstarts: the shipped ones give the reference lab, and every kind of
//! bad input gives the messages in `fixtures/profile` (`UPDATE_FIXTURES=1` writes them
//! anew; read the difference).

use builder::format::tree::Content;
use builder::kickstart::Fate;
use builder::node;
use builder::problem::Problems;
use builder::profile::{Format, Request, Source, Spec, load};
use firstboot::spec::Role;
use lab_tests::fixture;
use lab_tests::pykickstart::ksvalidator;
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use tempfile::TempDir;

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn request<'a>(profile: &'a str, directory: &'a Path) -> Request<'a> {
    Request { profile, lab: None, node: None, directory, home: Some(directory) }
}

/// The shipped profile, from the copies within the program.
fn shipped(profile: &str) -> Spec {
    let empty = tempfile::tempdir().unwrap();
    load(&request(profile, empty.path())).unwrap()
}

fn facts() -> node::Facts {
    node::Facts {
        packages: BTreeMap::from([("centos".to_owned(), 3971)]),
        plan: "00".repeat(32),
        practice: false,
    }
}

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
        (&[gateway][..], &[gateway][..])
    );
    assert_eq!(controller.network.subnet.to_string(), "192.168.1.0/24");
    assert_eq!(controller.network.interface, "eth0");
    let machine = |s: &Spec| (s.machine.cpus, s.machine.memory, s.machine.disk >> 30);
    assert_eq!(machine(&controller), (2, 6 << 30, 50));
    assert_eq!(machine(&compute), (2, 9 << 29, 100));
    assert_eq!(controller.repositories.len(), 4);
    assert_eq!(controller.expected_packages, Some(10670));
    assert_eq!(controller.formats, [Format::Qcow2]);
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
    let (found, notes) = spec.available_repositories().unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(&found[0].source, Source::Url(url) if url.contains("7.5.1804")));
    assert_eq!(notes.len(), 3);
    assert!(notes[0].starts_with("repository rhel7-extras is left out: "), "{}", notes[0]);
}

#[test]
fn files_beside_the_user_are_preferred_to_the_built_in_ones() {
    let lab = Lab::new();
    lab.edit("profiles/lab.toml", "openstack-lab", "my-lab");
    assert_eq!(load(&request("compute", lab.path())).unwrap().lab, "my-lab");
    let path = lab.path().join("profiles/compute.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    let by_path = load(&request(path.to_str().unwrap(), elsewhere.path())).unwrap();
    assert_eq!(by_path.lab, "my-lab", "the lab file beside the profile");
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

/// A working folder with the shipped files, to be edited.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["profiles", "kickstart"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            for entry in fs::read_dir(workspace().join(name)).unwrap() {
                let from = entry.unwrap().path();
                fs::copy(&from, folder.path().join(name).join(from.file_name().unwrap())).unwrap();
            }
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The messages for `profile`, with the temporary folder taken out.
    fn problems(&self, request: &Request<'_>) -> Problems {
        load(request).expect_err("this input must be refused")
    }
}

const LAB: &str = "profiles/lab.toml";
const CONTROLLER: &str = "profiles/controller.toml";
const ROLE: &str = "profiles/compute.toml";
const KS: &str = "kickstart/compute.ks";

/// Edits the shipped files, loads `compute`, and compares all messages.
fn refused(name: &str, edits: &[(&str, &str, &str)]) {
    let lab = Lab::new();
    for (file, from, to) in edits {
        lab.edit(file, from, to);
    }
    let text = format!("{}\n", lab.problems(&request("compute", lab.path())));
    let text = text.replace(lab.path().to_str().unwrap(), "$LAB");
    fixture::same(&format!("profile/{name}.txt"), &text);
}

#[test]
fn unknown_keys() {
    refused(
        "unknown-keys",
        &[
            (LAB, "gateway   =", "gatway    ="),
            (LAB, "name = \"openstack-lab\"", "name = \"openstack-lab\"\ncolour = 1"),
            (LAB, "name    = \"nova01\"", "name    = \"nova01\"\nrol = 1"),
            (ROLE, "[machine]", "[machin]"),
            (ROLE, "if-available", "if_available"),
        ],
    );
}

#[test]
fn wrong_types() {
    refused(
        "wrong-types",
        &[
            (LAB, "packages = 10670", "packages = \"many\""),
            (LAB, "dns       = [\"192.168.1.254\"]", "dns       = \"192.168.1.254\""),
            (LAB, "address = \"192.168.1.12\"", "address = 12"),
            (LAB, "required = false", "required = \"no\""),
            (ROLE, "cpus   = 2", "cpus   = 2.5"),
            (ROLE, "[\"qcow2\"]", "[\"qcow\", 3]"),
            (ROLE, "role      = \"compute\"", "role      = [\"compute\"]"),
        ],
    );
}

#[test]
fn bad_values() {
    refused(
        "bad-values",
        &[
            (LAB, "\"192.168.1.0/24\"", "\"192.168.1.7/24\""),
            (LAB, "gateway   = \"192.168.1.254\"", "gateway   = \"192.168.1.256\""),
            (LAB, "\"eth0\"", "\"an interface\""),
            (LAB, "name    = \"nova01\"", "name    = \"Nova_01\"\nmac = \"01:00:5e:00:00:01\""),
            (LAB, "role    = \"controller\"", "role    = \"controler\""),
            (LAB, "baseurl = \"http://192.168.1.254/centos/\"", "baseurl = \"/srv/centos\""),
            (LAB, "id       = \"rhel7-extras\"", "id       = \"rhel7 extras\""),
            (LAB, "folder   = \"rhel-7-server-openstack-10-rpms\"", "folder   = \"../x\""),
            (ROLE, "\"4.5 GiB\"", "\"4.5 gigabytes\""),
            (ROLE, "\"100 GiB\"", "\"100 MiB\""),
            (ROLE, "\"openstack-utils\"", "\"@openstack\""),
            (ROLE, "\"libvirtd\"]", "\"libvirtd\", \"firewalld.service\", \"a b\"]"),
        ],
    );
}

#[test]
fn addresses_and_names_that_collide() {
    refused(
        "collisions",
        &[
            (LAB, "address = \"192.168.1.12\"", "address = \"192.168.1.11\""),
            (LAB, "name    = \"nova02\"", "name    = \"nova01\"\nmac = \"52:54:00:00:00:01\""),
            (
                LAB,
                "name    = \"openstack\"",
                "name    = \"openstack\"\nmac = \"52:54:00:00:00:01\"",
            ),
            (LAB, "id       = \"rhel7-extras\"", "id       = \"centos\""),
            (
                LAB,
                "ntp       = [\"192.168.1.254\"]",
                "ntp       = [\"192.168.1.254\", \"192.168.1.254\"]",
            ),
        ],
    );
}

#[test]
fn addresses_outside_or_reserved() {
    refused(
        "addresses",
        &[
            (LAB, "address = \"192.168.1.10\"", "address = \"192.168.2.10\""),
            (LAB, "address = \"192.168.1.11\"", "address = \"192.168.1.0\""),
            (LAB, "address = \"192.168.1.12\"", "address = \"192.168.1.255\""),
            (LAB, "gateway   = \"192.168.1.254\"", "gateway   = \"10.0.0.1\""),
        ],
    );
}

#[test]
fn the_controller_as_name_server() {
    let four = "dns = [\"192.168.1.10\", \"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\"]";
    refused("dns", &[(LAB, "dns       = [\"192.168.1.254\"]", four)]);
}

#[test]
fn a_broken_lab_does_not_hide_mistakes_of_the_kickstart() {
    refused(
        "all-files",
        &[(LAB, "gateway   =", "#"), (ROLE, "\"4.5 GiB\"", "4"), (KS, "skipx", "skpx")],
    );
}

#[test]
fn node_with_the_gateways_address_and_second_controller() {
    refused(
        "gateway-address",
        &[
            (LAB, "address = \"192.168.1.12\"", "address = \"192.168.1.254\""),
            (LAB, "role    = \"compute\"", "role    = \"controller\""),
        ],
    );
}

#[test]
fn missing_parts() {
    refused(
        "missing-parts",
        &[
            (LAB, "name = \"openstack-lab\"", ""),
            (LAB, "[network]", "[[repository]]\n[net]"),
            (LAB, "role    = \"compute\"", ""),
            (ROLE, "disk   =", "#"),
            (ROLE, "kickstart =", "#"),
        ],
    );
}

#[test]
fn a_missing_kickstart_and_everything_else_at_once() {
    refused(
        "missing-kickstart",
        &[
            (LAB, "address = \"192.168.1.12\"", "address = \"192.168.1.1x\""),
            (ROLE, "kickstart/compute.ks", "kickstart/nova.ks"),
            (ROLE, "\"100 GiB\"", "\"100\""),
        ],
    );
}

#[test]
fn no_toml_at_all() {
    refused(
        "syntax",
        &[
            (LAB, "name = \"openstack-lab\"", "name = openstack lab"),
            (ROLE, "[machine]", "[machine"),
        ],
    );
}

#[test]
fn a_role_without_nodes() {
    let node = |name: &str, last: u8| {
        format!("name    = \"{name}\"\nrole    = \"compute\"\naddress = \"192.168.1.{last}\"\n\n")
    };
    let (one, two) = (node("nova01", 11), node("nova02", 12));
    refused(
        "no-nodes",
        &[(LAB, &format!("[[node]]\n{one}"), ""), (LAB, &format!("[[node]]\n{two}"), "")],
    );
}

#[test]
fn kickstart_mistakes() {
    refused(
        "kickstart-mistakes",
        &[
            (KS, "skipx", "skip\nsshkey --username=root key"),
            (KS, "lang en_US.UTF-8", "lang"),
            (KS, "keyboard --vckeymap=us", "keyboard --vckeymp=us"),
            (KS, "--timeout=5", "--timeout=soon"),
            (KS, "part biosboot  --fstype=biosboot --size=2", "part biosboot '--fstype=biosboot"),
            (KS, "part /         --fstype=ext4     --size=4096", "part / /x --size=0"),
            (KS, "selinux --permissive", "selinux --permissive=1"),
            (
                KS,
                "-firewalld\n%end",
                "-firewalld\n@\n@core --mandatory\n%end\n%pst\n%post\necho hi\n",
            ),
        ],
    );
}

#[test]
fn kickstart_of_what_images_do_not_have() {
    refused(
        "kickstart-refused",
        &[
            (KS, "firstboot --disable", "firstboot --enable"),
            (KS, "firewall --disabled", "firewall --enabled --port=80:tcp"),
            (KS, "authconfig --enableshadow", "authconfig --enableldap"),
            (
                KS,
                "part /  ",
                "part swap --size=1024\nvolgroup vg pv.1\nraid / --device=0 --level=1 raid.1 raid.2\n%include more.ks\npart /  ",
            ),
            (
                KS,
                "%end",
                "%end\n%post --nochroot\ntrue\n%end\n%addon com_redhat_kdump --enable\n%end",
            ),
        ],
    );
}

#[test]
fn kickstart_against_the_lab() {
    refused(
        "kickstart-contradictions",
        &[
            (KS, "--ip={{ node.address }}", "--ip=192.168.1.99"),
            (KS, "--hostname={{ node.name }}", "--hostname=nova"),
            (KS, "--ntpservers={{ network.ntp | join(\",\") }}", "--ntpservers=pool.ntp.org"),
            (KS, "firewall --disabled", "firewall --enabled"),
            (KS, "rootpw --lock", ""),
            (KS, "--size=200", "--size=20"),
            (KS, "--size=4096", "--size=409600"),
        ],
    );
}

#[test]
fn kickstart_templates() {
    refused("template-name", &[(KS, "{{ node.address }}", "{{ node.adress }}")]);
    refused("template-syntax", &[(KS, "{{ node.address }}", "{{ node.address }")]);
    refused("template-tree", &[(KS, "%end", "%end\n%post\necho {{ node.name }}\n%end")]);
    refused(
        "template-lines",
        &[
            (
                KS,
                "skipx",
                "{% for n in [1, 2, 3] %}\nskipx\n{% endfor %}\n{% if true -%}\n\n{% endif %}",
            ),
            (KS, "%packages", "lang x y {{ node.role }} z\n%packages"),
        ],
    );
}

#[test]
fn profiles_and_nodes_that_do_not_exist() {
    let lab = Lab::new();
    let mut text = String::new();
    for (profile, node) in
        [("contoller", None), ("compute", Some("openstack")), ("compute", Some("nova3"))]
    {
        let wanted = Request { node, ..request(profile, lab.path()) };
        text += &format!("{}\n", lab.problems(&wanted));
    }
    text += &format!("{}\n", lab.problems(&request("profiles/none.toml", lab.path())));
    fixture::same("profile/not-found.txt", &text);
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
    let text = lab.problems(&request("compute", lab.path())).to_string();
    assert!(text.contains("id_x.pub: this is a private key"), "{text}");
    assert!(shipped("compute").warnings[0].message.starts_with("no file matches"));
}

#[test]
fn a_password_in_clear_is_hashed_warned_about_and_never_shown() {
    let lab = Lab::new();
    lab.edit(KS, "rootpw --lock", "rootpw --plaintext planted-secret");
    let spec = load(&request("compute", lab.path())).unwrap();
    assert!(spec.warnings.iter().any(|w| w.message == "the password of root is written in clear"));
    assert!(!format!("{spec:?}").contains("planted-secret"));
    let shadow =
        node::accounts::shadow("root:*:17000:0:99999:7:::\nbin:*:17000::::::\n", &spec.kickstart);
    let mut lines = shadow.lines();
    assert!(lines.next().unwrap().starts_with("root:$6$"), "{shadow}");
    assert_eq!(lines.next(), Some("bin:*:17000::::::"));
    lab.edit(KS, "--plaintext planted-secret", "--iscrypted planted:secret");
    let text = lab.problems(&request("compute", lab.path())).to_string();
    assert!(text.contains("not a password hash") && !text.contains("planted"), "{text}");
}

#[test]
fn node_files_are_as_written() {
    for profile in ["controller", "compute"] {
        let mut spec = shipped(profile);
        spec.authorized_keys = vec!["ssh-ed25519 AAAA me@desk".into()];
        let mut sets = vec![(profile.to_owned(), node::role_files(&spec, &facts()))];
        for node in &spec.nodes {
            sets.push((node.name.clone(), node::identity_files(&spec, node, &facts()).unwrap()));
        }
        for (name, files) in sets {
            let mut text = String::new();
            for file in files {
                text += &format!("==== {} {:o}\n", file.path, file.mode);
                match file.content {
                    Content::Bytes(b) => text += &String::from_utf8(b).unwrap(),
                    Content::Symlink(target) => {
                        text += &format!("-> {}\n", String::from_utf8(target).unwrap());
                    }
                    other => text += &format!("{other:?}\n"),
                }
            }
            fixture::same(&format!("node/{name}.txt"), &text);
        }
    }
}

#[test]
fn firstboot_reads_what_is_written_for_it() {
    let spec = shipped("compute");
    for node in &spec.nodes {
        let files = node::identity_files(&spec, node, &facts()).unwrap();
        let file = files.iter().find(|f| f.path == firstboot::spec::PATH).unwrap();
        let Content::Bytes(bytes) = &file.content else { panic!("not a file") };
        let read: firstboot::spec::Spec =
            toml::from_str(std::str::from_utf8(bytes).unwrap()).unwrap();
        assert_eq!(read, node::wire_spec(&spec, node, &facts()));
        assert_eq!(read.repositories[0].packages, Some(3971));
    }
}

/// The examples that firstboot's users and tests start from.
#[test]
fn example_specs_are_what_is_written() {
    let facts = node::Facts { packages: BTreeMap::new(), ..facts() };
    for (profile, name) in [("controller", "openstack"), ("compute", "nova01")] {
        let spec = shipped(profile);
        let text = node::wire_spec(&spec, spec.node(name).unwrap(), &facts).to_toml().unwrap();
        let path = format!("firstboot/examples/{profile}.spec.toml");
        fixture::same_file(&workspace().join(path), &text);
    }
}

#[test]
fn answers_for_packstack() {
    let lab = Lab::new();
    lab.edit(
        CONTROLLER,
        "# CONFIG_HEAT_INSTALL             = \"y\"",
        "CONFIG_HEAT_INSTALL = \"y\"",
    );
    lab.edit(
        CONTROLLER,
        "# CONFIG_PROVISION_DEMO           = \"y\"",
        "CONFIG_PROVISION_DEMO = \"y\"",
    );
    lab.edit(CONTROLLER, "compute-on-controller = false", "compute-on-controller = true");
    lab.edit(CONTROLLER, "# program = \"/usr", "program = \"/usr");
    let spec = load(&request("controller", lab.path())).unwrap();
    let packstack = node::wire_spec(&spec, &spec.nodes[0], &facts()).packstack.unwrap();
    assert_eq!(packstack.program.as_deref(), Some("/usr/bin/packstack-double"));
    let answers = packstack.answers;
    for (key, value) in [
        ("CONFIG_HEAT_INSTALL", "y"),
        ("CONFIG_PROVISION_DEMO", "y"),
        ("CONFIG_COMPUTE_HOSTS", "192.168.1.10,192.168.1.11,192.168.1.12"),
        ("CONFIG_NTP_SERVERS", "192.168.1.254"),
    ] {
        assert_eq!(answers[key], value, "{key}");
    }

    lab.edit(
        CONTROLLER,
        "CONFIG_HEAT_INSTALL = \"y\"",
        "CONFIG_HEAT_INSTAL = \"y\"\nCONFIG_X = \"\"",
    );
    lab.edit(
        CONTROLLER,
        "CONFIG_PROVISION_DEMO = \"y\"",
        "CONFIG_PROVISION_DEMO = \"yes\"\nCONFIG_NOVA_DB_PW = \"planted\"",
    );
    lab.edit(
        CONTROLLER,
        "# CONFIG_NEUTRON_ML2_TYPE_DRIVERS = \"vxlan,flat\"",
        "CONFIG_NEUTRON_ML2_TYPE_DRIVERS = \"vxlan, flat\"\nCONFIG_REDIS_PORT = 6379",
    );
    lab.edit(CONTROLLER, "bridge = \"br-ex\"", "bridge = \"a bridge\"");
    lab.edit(CONTROLLER, "program = \"/usr/bin/", "program = \"");
    let text = format!("{}\n", lab.problems(&request("controller", lab.path())));
    assert!(!text.contains("planted"), "{text}");
    fixture::same("profile/answers.txt", &text);
}

/// pykickstart's own checker over every shipped kickstart as each node gets it.
#[test]
fn ksvalidator_accepts_the_rendered_kickstarts() {
    let folder = tempfile::tempdir().unwrap();
    for profile in ["controller", "compute"] {
        for (name, text) in shipped(profile).rendered {
            let path = folder.path().join(format!("{name}.ks"));
            fs::write(&path, text.0).unwrap();
            assert_eq!(ksvalidator(&path), [""; 0], "{name}");
        }
    }
}
