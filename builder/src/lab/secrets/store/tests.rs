use super::super::names::{SSH_PRIVATE, SSH_PUBLIC};
use super::*;
use contract::peers::places::OPERATOR;
use std::os::unix::fs::PermissionsExt;

fn nodes(address: [u8; 4]) -> Vec<LabNode> {
    let node = |name: &str, role, address: [u8; 4]| LabNode {
        name: name.into(),
        role,
        address: address.into(),
        mac: None,
    };
    vec![
        node("openstack", Role::Controller, [192, 168, 1, 10]),
        node("nova01", Role::Compute, address),
    ]
}

#[test]
fn what_is_there_is_used_again() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path(), "lab").unwrap();
    let (first, made) = store.of_nodes(&nodes([192, 168, 1, 11]), false).unwrap();
    assert!(made);
    let (second, made) = store.of_nodes(&nodes([192, 168, 1, 11]), false).unwrap();
    assert!(!made && first == second);
    assert!(first["openstack"].ssh_private.is_some());
    assert!(first["nova01"].ssh_private.is_none() && first["nova01"].admin_password.is_none());

    // Another address: another certificate for the same key, and nobody else is touched.
    let (moved, _) = store.of_nodes(&nodes([192, 168, 1, 12]), false).unwrap();
    let (old, new) = (&first["nova01"].identity, &moved["nova01"].identity);
    assert!(old.key == new.key && old.certificate != new.certificate);
    assert_eq!(first["openstack"], moved["openstack"]);
    assert_eq!(store.files.names().unwrap().iter().filter(|n| n.contains("nova01@")).count(), 1);
}

#[test]
fn a_key_whose_public_part_is_gone_is_kept() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path(), "lab").unwrap();
    let nodes = nodes([192, 168, 1, 11]);
    store.of_nodes(&nodes, false).unwrap();
    for (public, private) in [(CA_CERTIFICATE, CA_KEY), (SSH_PUBLIC, SSH_PRIVATE)] {
        let (kept, key) =
            (store.files.read(public).unwrap().unwrap(), store.files.read(private).unwrap());
        store.files.remove(public).unwrap();
        let error = store.of_nodes(&nodes, false).unwrap_err().to_string();
        assert!(error.contains(private) && error.contains(public), "{error}");
        assert_eq!(store.files.read(private).unwrap(), key);
        store.files.write(public, &kept).unwrap();
    }
    store.files.remove(SSH_PUBLIC).unwrap();
    store.rotate(&["ssh".into()]).unwrap();
    // Cut off before the private part was written: nothing is lost, both are created.
    store.files.remove(SSH_PRIVATE).unwrap();
    store.of_nodes(&nodes, false).unwrap();
}

#[test]
fn nobody_else_may_read_them() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path(), "lab").unwrap();
    store.of_nodes(&nodes([192, 168, 1, 11]), false).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.files.0), 0o700);
    for name in store.files.names().unwrap() {
        assert_eq!(mode(&store.files.path(&name)), 0o600, "{name}");
    }
}

#[test]
fn what_a_killed_rotation_left_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let lab = state.path().join("lab");
    let first =
        Store::open(state.path(), "lab").unwrap().of_nodes(&nodes([10; 4]), false).unwrap().0;
    fs::create_dir(lab.join(".secrets-dead")).unwrap();
    fs::write(lab.join("secrets/.tmpdead"), "half a key").unwrap();
    fs::set_permissions(lab.join("secrets"), fs::Permissions::from_mode(0o755)).unwrap();
    let again = Store::open(state.path(), "lab").unwrap();
    assert!(!lab.join(".secrets-dead").exists() && !lab.join("secrets/.tmpdead").exists());
    assert_eq!(fs::metadata(lab.join("secrets")).unwrap().permissions().mode() & 0o777, 0o700);
    drop(again);
    // Cut off between the steps of an exchange: the old secrets come back.
    fs::create_dir(lab.join(".secrets-new")).unwrap();
    fs::rename(lab.join("secrets"), lab.join(".secrets-old")).unwrap();
    let store = Store::open(state.path(), "lab").unwrap();
    assert_eq!(store.of_nodes(&nodes([10; 4]), false).unwrap(), (first, false));
    assert_eq!(fs::read_dir(&lab).unwrap().count(), 2);
}

#[test]
fn rotation_replaces_what_is_named() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path(), "lab").unwrap();
    let nodes = nodes([192, 168, 1, 11]);
    let (first, _) = store.of_nodes(&nodes, false).unwrap();
    let rotate = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        store.rotate(&names).unwrap();
        store.of_nodes(&nodes, false).unwrap().0
    };
    let second = rotate(&["nova01"]);
    assert_ne!(first["nova01"].identity.key, second["nova01"].identity.key);
    assert_eq!(first["openstack"].identity, second["openstack"].identity);
    // All nodes are to know the new key, and the old one no more.
    let known = |all: &BTreeMap<String, NodeSecrets>, node: &str| -> BTreeMap<String, String> {
        let text = all[node].fingerprints.text();
        text.lines().filter_map(|l| l.split_once("  ")).map(|(d, n)| (n.into(), d.into())).collect()
    };
    let (before, after) = (known(&first, "openstack"), known(&second, "openstack"));
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    assert_eq!(names, ["nova01", "openstack", OPERATOR]);
    let changed: Vec<&str> =
        names.iter().copied().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(changed, ["nova01"]);
    assert_eq!(known(&second, "nova01"), after);
    assert_eq!(store.operator().unwrap().2, second["nova01"].fingerprints);

    let third = rotate(&["ca"]);
    assert_ne!(third["nova01"].ca, second["nova01"].ca);
    assert_ne!(third["openstack"].identity.certificate, first["openstack"].identity.certificate);
    assert_eq!(third["openstack"].admin_password, first["openstack"].admin_password);

    let last = rotate(&[]);
    assert_ne!(last["openstack"].admin_password, first["openstack"].admin_password);
    assert_ne!(last["openstack"].ssh_public, first["openstack"].ssh_public);
    assert_eq!(fs::read_dir(state.path().join("lab")).unwrap().count(), 2);

    let error = store.rotate(&["nova09".into()]).unwrap_err().to_string();
    assert!(error.contains("nova09") && error.contains("nova01"), "{error}");
}

/// The administrator's password may be one of the user's own, if all readers take it as it is.
#[test]
fn a_password_that_is_read_otherwise_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path(), "lab").unwrap();
    let lab = nodes([192, 168, 1, 10]);
    let path = Store::directory(state.path(), "lab").join(ADMIN_PASSWORD);
    fs::write(&path, "planted pw\n").unwrap();
    let error = store.of_nodes(&lab, false).unwrap_err().to_string();
    assert!(error.contains("` ` (character 8) is not allowed"), "{error}");
    assert!(!error.contains("planted"), "{error}");
    fs::write(&path, "planted-pw\n").unwrap();
    let secrets = store.of_nodes(&lab, false).unwrap().0;
    assert_eq!(secrets["openstack"].admin_password, Some(Secret("planted-pw".to_owned())));
}
