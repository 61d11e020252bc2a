//! The files that are derived from a profile for each node, and what firstboot reads of them.

use crate::shipped::{Lab, facts, request, shipped};
use builder::plan::node;
use builder::spec::load;
use formats::tree::Content;
use lab_tests::fixture;
use lab_tests::product::workspace;
use std::collections::BTreeMap;

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
        let file = files.iter().find(|f| f.path == contract::spec::PATH).unwrap();
        let Content::Bytes(bytes) = &file.content else { panic!("not a file") };
        let read: contract::spec::Spec =
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
        "profiles/controller.toml",
        "# CONFIG_HEAT_INSTALL             = \"y\"",
        "CONFIG_HEAT_INSTALL = \"y\"",
    );
    lab.edit(
        "profiles/controller.toml",
        "# CONFIG_PROVISION_DEMO           = \"y\"",
        "CONFIG_PROVISION_DEMO = \"y\"",
    );
    lab.edit(
        "profiles/controller.toml",
        "compute-on-controller = false",
        "compute-on-controller = true",
    );
    lab.edit("profiles/controller.toml", "# program = \"/usr", "program = \"/usr");
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
}
