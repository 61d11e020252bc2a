//! Verification against a real Keystone (Debian package keystone) with an SQLite
//! database, on the controller's address in a network namespace.

use crate::namespace::{Daemon, isolated, until};
use contract::spec::Spec;
use firstboot::host::Host;
use firstboot::services::answer_file::AnswerFile;
use firstboot::services::openstack;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ADDRESS: &str = "192.168.1.10";
const PASSWORD: &str = "planted-keystone-pw";

/// Runs keystone-manage with the configuration `conf`.
fn manage(conf: &Path, args: &[&str]) {
    let output = Command::new("keystone-manage")
        .arg("--config-file")
        .arg(conf)
        .args(args)
        .env("OS_BOOTSTRAP_PASSWORD", PASSWORD)
        .output()
        .expect("`keystone-manage` runs (Debian package keystone)");
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// The result of Keystone's check with this password in the answer file.
fn ask(password: &str) -> (bool, String) {
    let spec = Spec::parse(crate::double::CONTROLLER).unwrap();
    let answers = format!("[general]\nCONFIG_KEYSTONE_ADMIN_PW={password}\n");
    let host = Host::open(Path::new("/"));
    let answers = AnswerFile::parse(answers.as_bytes());
    let mut services = openstack::ask_all(&host, &spec, &answers, Duration::ZERO);
    let keystone = services.remove(0);
    assert_eq!(keystone.name, "keystone");
    (keystone.ok, keystone.evidence)
}

#[test]
fn a_real_keystone_gives_a_token_for_the_right_password_only() {
    isolated(|| {
        let status = Command::new("ip").args(["address", "add", ADDRESS, "dev", "lo"]).status();
        assert!(status.unwrap().success());
        let directory = tempfile::tempdir().unwrap();
        let (conf, at) = (directory.path().join("keystone.conf"), directory.path().display());
        let text = format!(
            "[database]\nconnection = sqlite:///{at}/keystone.db\n\
             [fernet_tokens]\nkey_repository = {at}/fernet\n[token]\nprovider = fernet\n"
        );
        std::fs::write(&conf, text).unwrap();
        manage(&conf, &["db_sync"]);
        let root = ["--keystone-user", "root", "--keystone-group", "root"];
        manage(&conf, &[&["fernet_setup"], &root[..]].concat());
        let url = format!("http://{ADDRESS}:5000/v3");
        manage(&conf, &["bootstrap", "--bootstrap-public-url", &url]);
        let mut server = Command::new("keystone-wsgi-public");
        server.args(["--host", ADDRESS, "--port", "5000", "--", "--config-file"]).arg(&conf);
        server.stdout(Stdio::null()).stderr(Stdio::null());
        let _server = Daemon::start(&mut server, "Debian package keystone");
        until("Keystone to listen", || std::net::TcpStream::connect((ADDRESS, 5000)).is_ok());

        let (ok, evidence) = ask(PASSWORD);
        assert!(ok && evidence.contains("gives admin a token, 1 services"), "{evidence}");
        let (ok, evidence) = ask("another-password");
        assert!(!ok && evidence.contains("answers 401"), "{evidence}");
        assert!(!evidence.contains("another-password"), "{evidence}");
    });
}
