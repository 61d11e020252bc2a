//! A lab's secrets: made once, in the images and nowhere else, judged by OpenSSL and OpenSSH.

use lab_tests::lab::{Lab, text};
use lab_tests::namespace::Namespace;
use lab_tests::secrets::{Onlooker, Secrets};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;

/// Nodes with their addresses.
const NODES: [(&str, &str); 3] =
    [("openstack", "192.168.1.10"), ("nova01", "192.168.1.11"), ("nova02", "192.168.1.12")];

/// A lab with a state directory of its own.
struct Place {
    lab: Lab,
}

impl Place {
    fn new() -> Self {
        let lab = Lab::new();
        for (role, size) in [("controller", "50 GiB"), ("compute", "100 GiB")] {
            lab.edit(&format!("profiles/{role}.toml"), &format!("\"{size}\""), "\"6 GiB\"");
        }
        Self { lab }
    }

    fn state(&self) -> PathBuf {
        self.lab.directory().join("state")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = product::command();
        command.args(arguments).env("IMGBUILD_STATE", self.state());
        command.output().expect("imgbuild starts")
    }

    /// Runs it, which must succeed: its standard output and standard error.
    fn ok(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "imgbuild {arguments:?}: {}\n{stderr}", output.status);
        (String::from_utf8_lossy(&output.stdout).into_owned(), stderr)
    }

    fn profile(&self, role: &str) -> String {
        text(&self.lab.directory().join(format!("profiles/{role}.toml")))
    }

    /// Builds the archives of a role into the directory `output`; returns the directory and the
    /// messages.
    fn build(&self, role: &str, output: &str) -> (PathBuf, String) {
        let directory = self.lab.directory().join(output);
        let (profile, place) = (self.profile(role), text(&directory));
        let arguments = ["--profile", &profile, "--media", "practice", "--format", "tar"];
        let more = ["--output", &place, "--progress", "plain"];
        let (_, stderr) = self.ok(&[&arguments[..], &more].concat());
        (directory, stderr)
    }

    /// Fingerprints by name, as `secrets list --json` prints them.
    fn fingerprints(&self) -> BTreeMap<String, Option<String>> {
        let list: Value = serde_json::from_str(&self.ok(&["secrets", "list", "--json"]).0)
            .expect("JSON of secrets list");
        let secrets = list["secrets"].as_array().expect("a list").iter();
        let own = |s: &Value, key: &str| s[key].as_str().map(str::to_owned);
        secrets.map(|s| (own(s, "name").expect("name"), own(s, "fingerprint"))).collect()
    }
}

/// Starts the own sshd of the image unpacked at `$1` with its own keys, and prints for each key
/// and address that follow whether one logs in on 192.168.1.11 with that from there. The
/// password of root is locked; without PAM that would be root.
const LOG_IN: &str = "set -e
root=$1; shift
ip address add 192.168.1.11/24 dev lo
mount -t tmpfs none $root/dev
for device in null-3 zero-5 random-8 urandom-9; do
    mknod -m 666 $root/dev/${device%-*} c 1 ${device#*-}
done
sed -i 's/^root:[^:]*/root:*/' $root/etc/shadow
mkdir -p $root/run/sshd
chroot $root ssh-keygen -A >/dev/null
chroot $root /usr/sbin/sshd -D -e -o UsePAM=no & server=$!
trap 'kill $server' EXIT
for try in 1 2 3 4 5 6 7 8 9; do
    ssh-keyscan 192.168.1.11 2>/dev/null | grep -q . && break
    sleep 1
done
while [ $# != 0 ]; do
    ssh -F none -i $1 -b $2 -o BatchMode=yes -o IdentitiesOnly=yes -o LogLevel=ERROR \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        root@192.168.1.11 echo yes 2>&1 || true
    shift 2
done";

/// packstack's key logs in from the controller alone, the user's from anywhere.
fn check_logins(archive: &Path, store: &Secrets, user_key: &Path) {
    let root = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let place = text(root.path());
    oracle::ok("tar", ["-xpzf", &text(archive), "-C", &place, "--numeric-owner"]);
    let (lab, user) = (text(&store.path("id_rsa")), text(user_key));
    let tries = [
        (&lab, "192.168.1.10"),
        (&lab, "192.168.1.254"),
        (&lab, "192.168.1.11"),
        (&user, "192.168.1.254"),
    ];
    let network = Namespace::new();
    let mut command = network.command("sh");
    command.args(["-c", LOG_IN, "sh", &place]);
    for (key, address) in tries {
        command.args([key.as_str(), address]);
    }
    let output = command.output().expect("sh starts");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let refused = "root@192.168.1.11: Permission denied (publickey";
    let [controller, gateway, own, users] = stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("{output:?}")
    };
    assert_eq!((controller, users), ("yes", "yes"), "{output:?}");
    assert!(gateway.starts_with(refused) && own.starts_with(refused), "{output:?}");
}

/// The secret parts of a node's archive, unpacked with owners and modes.
fn unpack(archive: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).expect("directory");
    let (archive, place) = (text(archive), text(to));
    let parts = ["./etc/firstboot", "./root/.ssh"];
    oracle::ok("tar", [&["-xpzf", &archive, "-C", &place, "--numeric-owner"], &parts[..]].concat());
    to.to_owned()
}

fn digest(file: &Path) -> String {
    oracle::ok("sha256sum", [text(file)]).split_whitespace().next().expect("digest").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Root's file of this mode.
fn check_mode(path: &Path, mode: u32) {
    let is = fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(is.permissions().mode() & 0o7777, mode, "{}", path.display());
    assert_eq!((is.uid(), is.gid()), (0, 0), "{}", path.display());
}

/// OpenSSL finds that the certificate `name` is by `ca` for both ends of TLS, at any time, that
/// it names whom it should, and that `key` is its key.
fn check_certificate(ca: &Path, certificate: &Path, key: &Path, name: &str, address: Option<&str>) {
    let (ca, certificate, key) = (text(ca), text(certificate), text(key));
    // 1976, and the last day of 9998.
    for time in ["200000000", "253370678400"] {
        for purpose in ["sslserver", "sslclient"] {
            let options =
                ["verify", "-x509_strict", "-CAfile", &ca, "-purpose", purpose, "-attime", time];
            let verdict = oracle::ok("openssl", [&options[..], &[&certificate]].concat());
            assert!(verdict.ends_with(": OK\n"), "{verdict}");
        }
    }
    let x509 = |more: &[&str]| {
        oracle::ok("openssl", [&["x509", "-in", &certificate, "-noout"], more].concat())
    };
    let printed =
        x509(&["-text", "-subject", "-checkhost", name, "-checkip", address.unwrap_or("::")]);
    let ip = match address {
        Some(address) => format!("IP {address} does match certificate"),
        None => "IP :: does NOT match certificate".to_owned(),
    };
    for words in [
        &format!("subject=CN = {name}"),
        &format!("Hostname {name} does match certificate"),
        &ip,
        "ASN1 OID: prime256v1",
        "ecdsa-with-SHA256",
        "CA:FALSE",
        "TLS Web Server Authentication, TLS Web Client Authentication",
    ] {
        assert!(printed.contains(words), "{name}: no `{words}` in\n{printed}");
    }
    let public = oracle::ok("openssl", ["pkey", "-in", &key, "-pubout"]);
    assert_eq!(public, x509(&["-pubkey"]), "{name}: the key is another's");
    let other = x509(&["-checkhost", "other"]);
    assert!(other.contains("does NOT match"), "{other}");
}

/// `found` has the SHA-256 of the public key of each node and of the user's machine.
fn check_fingerprints(found: &str, store: &Secrets) {
    let mut expected: Vec<String> = ["nova01", "nova02", "openstack", "operator.imgbuild"]
        .iter()
        .map(|name| {
            let key = text(&store.path(&format!("tls-{name}.key")));
            let digest = "openssl pkey -in \"$0\" -pubout -outform DER | sha256sum | cut -c 1-64";
            let digest = oracle::ok("sh", ["-c", digest, &key]);
            format!("{}  {name}", digest.trim_end())
        })
        .collect();
    expected.sort_by_key(|line| line[66..].to_owned());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

/// What every node holds.
fn check_node(root: &Path, store: &Secrets, name: &str, address: &str, user_key: &Path) {
    let pki = root.join("etc/firstboot/pki");
    check_mode(&pki, 0o700);
    check_mode(&pki.join("node.key"), 0o600);
    let ca = pki.join("ca.crt");
    assert_eq!(read(&ca), read(&store.path("ca.crt")));
    check_certificate(&ca, &pki.join("node.crt"), &pki.join("node.key"), name, Some(address));
    check_fingerprints(&read(&pki.join("fingerprints")), store);

    check_mode(&root.join("root/.ssh"), 0o700);
    let authorized = root.join("root/.ssh/authorized_keys");
    check_mode(&authorized, 0o600);
    let keys = read(&authorized);
    let options = "from=\"192.168.1.10\",no-agent-forwarding,no-port-forwarding,no-X11-forwarding ";
    for (options, public) in
        [("", user_key.with_extension("pub")), (options, store.path("id_rsa.pub"))]
    {
        let line = format!("{options}{}", read(&public));
        assert!(keys.lines().any(|l| l == line.trim_end()), "{name}: {keys}");
    }
    let listed = oracle::ok("ssh-keygen", ["-l", "-f", &text(&authorized)]);
    assert_eq!(listed.lines().count(), keys.lines().count(), "{listed}");
}

/// What the controller holds besides.
fn check_controller(root: &Path, store: &Secrets) {
    let key = root.join("root/.ssh/id_rsa");
    let public = root.join("root/.ssh/id_rsa.pub");
    check_mode(&key, 0o600);
    let listed = oracle::ok("ssh-keygen", ["-l", "-f", &text(&key)]);
    assert!(listed.starts_with("3072 ") && listed.ends_with("(RSA)\n"), "{listed}");
    let derived = oracle::ok("ssh-keygen", ["-y", "-P", "", "-f", &text(&key)]);
    let words = |line: &str| -> Vec<String> {
        line.split_whitespace().take(2).map(str::to_owned).collect()
    };
    assert_eq!(words(&derived), words(&read(&public)));
    let password = root.join("etc/firstboot/keystone-admin-password");
    check_mode(&password, 0o600);
    assert_eq!(read(&password), read(&store.path("keystone-admin-password")));
}

/// Others may read what they need of the outputs, and nothing that holds a secret.
fn check_outputs(directory: &Path) {
    for entry in fs::read_dir(directory).expect("outputs").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let private =
            name == "build.log" || [".tar.gz", ".mtree.zst"].iter().any(|end| name.ends_with(end));
        let mode = entry.metadata().expect("metadata").mode() & 0o777;
        assert_eq!(mode & 0o077 == 0, private, "{name} has mode {mode:o}");
    }
}

#[test]
fn secrets_are_in_the_images_and_nowhere_else() {
    let place = Place::new();
    let (profile, state) = (place.profile("controller"), place.state());
    let plan = place.ok(&["plan", "--profile", &profile, "--media", "practice", "--json"]).0;
    assert!(!state.exists(), "a plan makes no secrets");
    let none = place.run(&["secrets", "list"]);
    let stderr = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!(none.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("no lab has secrets yet"), "{stderr}");

    let onlooker = Onlooker::new();
    let (controller, mut stderr) = place.build("controller", "controller");
    let (compute, more) = place.build("compute", "compute");
    let command_lines = onlooker.seen();
    stderr.push_str(&more);
    assert!(command_lines.contains("--media practice"), "the builds were not looked at");
    let store = Secrets::of(&state);
    check_mode(&state.join("openstack-lab/secrets"), 0o700);
    assert_eq!(store.files(&state, &["-perm", "/077"]), Vec::<String>::new());

    store.assert_unseen("the plan", &plan);
    store.assert_unseen("imgbuild's messages", &stderr);
    store.assert_unseen("command lines", &command_lines);
    for directory in [&controller, &compute] {
        check_outputs(directory);
        assert_eq!(store.files(directory, &[]), Vec::<String>::new(), "uncompressed in an output");
    }
    // Trees are shared by all labs; what is searched holds the key of no node.
    assert_eq!(store.files(&product::cache().join("trees"), &[]), Vec::<String>::new());
    assert_eq!(store.files(&product::cache(), &["-path", "*/logs/*"]), Vec::<String>::new());

    let user_key = place.lab.key();
    for (name, address) in NODES {
        let controls = name == "openstack";
        let directory = if controls { &controller } else { &compute };
        let archive = directory.join(format!("{name}.tar.gz"));
        let root = unpack(&archive, &place.lab.directory().join(name));
        check_node(&root, &store, name, address, &user_key);
        if controls {
            check_controller(&root, &store);
        } else {
            assert!(!root.join("root/.ssh/id_rsa").exists(), "{name}: packstack's key");
            assert!(!root.join("etc/firstboot/keystone-admin-password").exists(), "{name}");
        }
        // Of what others may read, nothing holds a secret: the directory itself is closed too.
        assert_eq!(store.files(&root, &["-perm", "/077"]), Vec::<String>::new(), "{name}");
        let held = store.files(&root, &[]);
        assert_eq!(held.len(), if controls { 3 } else { 1 }, "{name}: {held:?}");
    }
    check_logins(&compute.join("nova01.tar.gz"), &store, &user_key);
    let operator = "operator.imgbuild";
    let [certificate, key] = ["crt", "key"].map(|e| store.path(&format!("tls-{operator}.{e}")));
    check_certificate(&store.path("ca.crt"), &certificate, &key, operator, None);
}

#[test]
fn secrets_stay_at_a_rebuild_and_change_on_request() {
    let place = Place::new();
    let first = digest(&place.build("controller", "first").0.join("openstack.tar.gz"));
    let second = digest(&place.build("controller", "second").0.join("openstack.tar.gz"));
    assert_eq!(first, second, "a rebuilt image holds the same secrets");

    let before = place.fingerprints();
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    let all = ["ca", "keystone-admin-password", "nova01", "nova02", "openstack"];
    assert_eq!(names, [&all[..], &["operator.imgbuild", "ssh"]].concat());
    assert_eq!(before["keystone-admin-password"], None, "a password has no public part");
    let old = Secrets::of(&place.state());
    old.assert_unseen("secrets list", &place.ok(&["secrets", "list"]).0);

    let unknown = place.run(&["secrets", "rotate", "nova09"]);
    assert_eq!(unknown.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(stderr.contains("no secret `nova09`") && stderr.contains("nova02"), "{stderr}");
    assert_eq!(place.fingerprints(), before);

    let rotated = place.ok(&["secrets", "rotate", "nova01", "ssh"]).0;
    assert!(rotated.contains("new: nova01\n"), "{rotated}");
    let all = "build the images of all nodes of openstack-lab again (nova01, nova02, openstack)";
    assert!(rotated.contains(all), "{rotated}");
    let after = place.fingerprints();
    let changed: Vec<&str> =
        names.iter().copied().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(changed, ["nova01", "ssh"]);

    let old_ca = place.lab.directory().join("old-ca.crt");
    fs::copy(old.path("ca.crt"), &old_ca).expect("copy");
    place.ok(&["secrets", "rotate", "--all"]);
    let new = Secrets::of(&place.state());
    for (name, address) in NODES {
        let certificate = new.path(&format!("tls-{name}@{address}.crt"));
        let key = new.path(&format!("tls-{name}.key"));
        check_certificate(&new.path("ca.crt"), &certificate, &key, name, Some(address));
        let by_old = ["verify", "-CAfile", &text(&old_ca), &text(&certificate)].map(str::to_owned);
        assert!(!oracle::run("openssl", by_old).status.success(), "{name}: still by the old CA");
    }
    // No old value exists any more, nor a directory that was in the way.
    assert_eq!(old.files(&place.state(), &[]), Vec::<String>::new());
    let left = fs::read_dir(place.state().join("openstack-lab")).expect("lab").flatten();
    let left: Vec<_> = left.map(|e| e.file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().starts_with('.')), "{left:?}");

    let third = place.build("controller", "third").0.join("openstack.tar.gz");
    assert_ne!(first, digest(&third));
    let root = unpack(&third, &place.lab.directory().join("root"));
    check_node(&root, &new, "openstack", "192.168.1.10", &place.lab.key());
    check_controller(&root, &new);
}
