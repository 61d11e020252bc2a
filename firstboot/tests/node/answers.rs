//! `firstboot answers` as a user runs it.

use crate::double::{COMPUTE, CONTROLLER};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const GENERATED: &str = "[general]\r\n\r\n# Swift? ['y', 'n']\r\nCONFIG_SWIFT_INSTALL=y\r\n\
                         CONFIG_KEYSTONE_ADMIN_PW=0123456789abcdef\r\nCONFIG_UNKNOWN=kept";
const PASSWORD: &str = "etc/firstboot/keystone-admin-password";

fn put(root: &Path, name: &str, text: &str, mode: u32) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn answers(root: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(["answers", "--spec", "spec.toml", "--in", "generated", "--out", "out", "--root"])
        .arg(root)
        .current_dir(root)
        .output()
        .unwrap()
}

#[test]
fn the_specs_keys_are_set_and_the_password_comes_from_its_file() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "spec.toml", CONTROLLER, 0o644);
    put(root.path(), "generated", GENERATED, 0o644);
    let without = answers(root.path());
    assert!(without.status.success(), "{without:?}");
    let stdout = String::from_utf8(without.stdout).unwrap();
    assert!(stdout.contains("CONFIG_SWIFT_INSTALL\n") && stdout.contains("stays as generated"));
    let out = root.path().join("out");
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&out).unwrap();
    let start = GENERATED.replace("SWIFT_INSTALL=y", "SWIFT_INSTALL=n");
    assert!(text.starts_with(&start), "{text}");
    assert!(text.ends_with("CONFIG_PROVISION_DEMO=n"), "no line end, as before: {text}");

    let indented = GENERATED.replace("CONFIG_UNKNOWN", "  CONFIG_UNKNOWN");
    put(root.path(), "generated", &indented, 0o644);
    let warned = answers(root.path());
    assert!(warned.status.success(), "{warned:?}");
    let stderr = String::from_utf8(warned.stderr).unwrap();
    let warning = "firstboot: warning: generated: line 6 is indented: it continues the value of \
                   CONFIG_KEYSTONE_ADMIN_PW\n";
    assert_eq!(stderr, warning);
    put(root.path(), "generated", GENERATED, 0o644);

    put(root.path(), PASSWORD, "planted-pw\n", 0o600);
    let with = answers(root.path());
    assert!(!String::from_utf8(with.stdout).unwrap().contains("planted-pw"));
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("CONFIG_KEYSTONE_ADMIN_PW=planted-pw\r\n"), "{text}");
}

#[test]
fn wrong_input_is_refused_with_a_message_and_nothing_is_written() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "spec.toml", CONTROLLER, 0o644);
    put(root.path(), "generated", GENERATED, 0o644);
    put(root.path(), PASSWORD, "planted-pw\n", 0o640);
    let refused = |code: i32, words: &str| {
        let output = answers(root.path());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words) && !text.contains("planted"), "{text}");
        assert!(!root.path().join("out").exists());
    };
    refused(78, "others may read it");
    put(root.path(), PASSWORD, "planted\npw\n", 0o600);
    refused(78, "not a password on one line");
    put(root.path(), PASSWORD, "planted ;pw\n", 0o600);
    refused(78, "keystone-admin-password: ` ` (character 8) is not allowed");
    std::fs::remove_file(root.path().join(PASSWORD)).unwrap();
    put(root.path(), "generated", "# nothing\n", 0o644);
    refused(65, "generated: it has no [general] section");
    let merged = GENERATED.replace("CONFIG_UNKNOWN", "<<<<<<< HEAD\nCONFIG_UNKNOWN");
    put(root.path(), "generated", &merged, 0o644);
    refused(65, "generated: line 6 is not a setting (KEY=value)");
    std::fs::remove_file(root.path().join("generated")).unwrap();
    refused(65, "generated: it does not exist");
    put(root.path(), "spec.toml", COMPUTE, 0o644);
    refused(78, "does not run packstack");
    let bad = CONTROLLER.replace("CONFIG_SWIFT_INSTALL = \"n\"", "CONFIG_SWIFT_INSTALL = \"no\"");
    put(root.path(), "spec.toml", &bad, 0o644);
    refused(
        78,
        "packstack.answers.CONFIG_SWIFT_INSTALL: `no` is not allowed; allowed: one of: y, n",
    );
}
