//! Who may log in to a lab whose user has no ssh key, and the questions before secrets are shown
//! or replaced.

use lab_tests::lab::{Lab, text};
use lab_tests::machines::Background;
use lab_tests::namespace::Namespace;
use lab_tests::user::User;
use lab_tests::{oracle, page, product};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A lab whose lab file names the keys as the shipped one does.
struct Place {
    lab: Lab,
}

impl Place {
    fn new() -> Self {
        let lab = Lab::new();
        let own = format!("[{:?}]", text(&lab.key().with_extension("pub")));
        lab.edit("profiles/lab.toml", &own, "[\"~/.ssh/id_*.pub\"]");
        lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"6 GiB\"");
        fs::create_dir(lab.directory().join("home")).expect("home");
        Self { lab }
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.lab.directory().join("state/openstack-lab/secrets").join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = product::command();
        command.current_dir(self.lab.directory()).args(arguments).env_remove("SUDO_USER");
        command.env("IMGBUILD_STATE", self.lab.directory().join("state"));
        command.env("HOME", self.lab.directory().join("home"));
        command
    }

    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        output(&mut self.command(arguments), code)
    }

    /// Builds the controller, and returns its `authorized_keys` and the messages.
    fn build(&self, output_name: &str, sudo_user: Option<&User>) -> (String, String) {
        let build = ["--profile", "controller", "--media", "practice", "--format", "tar"];
        let mut command = self.command(&build);
        command.args(["--output", output_name, "--progress", "plain"]);
        if let Some(user) = sudo_user {
            command.env("SUDO_USER", user.name());
        }
        let (_, stderr) = output(&mut command, 0);
        let archive = text(&self.lab.directory().join(output_name).join("openstack.tar.gz"));
        let keys = oracle::ok("tar", ["-xOzf", &archive, "./root/.ssh/authorized_keys"]);
        (keys, stderr)
    }

    /// Runs it on a terminal where somebody types `answer`.
    fn on_terminal(&self, words: &str, answer: &str) -> (Option<i32>, String) {
        let line = format!("{} {words}", text(product::imgbuild()));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command.env("IMGBUILD_STATE", self.lab.directory().join("state"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("script (util-linux) starts");
        let mut stdin = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut stdin, answer.as_bytes()).expect("answer");
        let Output { status, stdout, .. } = child.wait_with_output().expect("its end");
        (status.code(), String::from_utf8_lossy(&stdout).replace("\r\n", "\n"))
    }
}

fn output(command: &mut Command, code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().expect("imgbuild starts");
    let [stdout, stderr] = [stdout, stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
    assert_eq!(status.code(), Some(code), "{command:?}: {stderr}");
    (stdout, stderr)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn a_lab_without_a_key_of_the_users_gets_one() {
    let place = Place::new();
    let (keys, stderr) = place.build("first", None);
    assert!(stderr.contains("no file matches `~/.ssh/id_*.pub`"), "{stderr}");
    assert!(stderr.contains("an operator key is in the images"), "{stderr}");
    let [private, public] = ["operator_ed25519", "operator_ed25519.pub"].map(|n| place.secret(n));
    assert_eq!(fs::metadata(&private).expect("key").mode() & 0o777, 0o600);
    let derived = oracle::ok("ssh-keygen", ["-y", "-P", "", "-f", &text(&private)]);
    let words = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    assert_eq!(words(derived.trim_end()), words(&read(&public)));
    assert_eq!(keys.lines().next(), Some(read(&public).trim_end()));
    assert!(
        keys.lines().nth(1).is_some_and(|line| line.starts_with("from=\"192.168.1.10\"")),
        "{keys}"
    );
    assert_eq!(place.build("second", None).0, keys, "the same at a rebuild");

    // Under sudo the keys of whoever called it are the user's.
    let user = User::new();
    let ssh = user.path(".ssh");
    fs::create_dir(&ssh).expect("directory");
    let key = text(&ssh.join("id_ed25519"));
    oracle::ok("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "sudo", "-f", &key]);
    let (keys, stderr) = place.build("sudo", Some(&user));
    assert_eq!(keys.lines().next(), Some(read(&ssh.join("id_ed25519.pub")).trim_end()));
    assert!(!keys.contains(&words(&read(&public))) && !stderr.contains("operator key"), "{keys}");

    check_shown(&place);
    Namespace::new().run(|| check_page(&place));
    check_rotated(&place, &public);
}

/// A value is printed where the user asks for it and says yes.
fn check_shown(place: &Place) {
    let name = "keystone-admin-password";
    let password = read(&place.secret(name));
    assert!(place.run(&["secrets"], 0).0.contains("operator-ssh "), "it is listed");
    let show = ["secrets", "show", name];
    let (stdout, stderr) = place.run(&show, 2);
    assert!(stdout.is_empty() && stderr.contains("give --yes"), "{stderr}");
    assert_eq!(place.run(&["secrets", "show", "--yes", name], 0).0, password);
    let key = read(&place.secret("operator_ed25519"));
    assert_eq!(place.run(&["secrets", "show", "--yes", "operator-ssh"], 0).0, key);
    let (_, stderr) = place.run(&["secrets", "show", "--yes", "nothing"], 2);
    assert!(stderr.contains("no secret `nothing`") && stderr.contains(name), "{stderr}");
    let (code, text) = place.on_terminal(&show.join(" "), "y\n");
    let asked = format!("print the secret {name} of openstack-lab? [y/N]");
    assert!(
        code == Some(0) && text.contains(&asked) && text.contains(&password),
        "{code:?} {text}"
    );
    for answer in ["n\n", "\n"] {
        let (code, text) = place.on_terminal(&show.join(" "), answer);
        assert!(code == Some(2) && !text.contains(password.trim_end()), "{code:?} {text}");
    }
}

/// A lab of which no node answers is shown as such; only the page's own address is answered.
fn check_page(place: &Place) {
    let mut command = place.command(&["watch", "--web", "--interval", "1"]);
    let mut watch = Background::start(&mut command);
    let url = page::find_url(&watch.read_until("Ctrl-C ends it"));
    let html = page::fetch(&url);
    for words in ["200 OK", "default-src 'none'", "no-store", "text/html", "<title>imgbuild"] {
        assert!(html.contains(words), "{words}: {html}");
    }
    let view = page::first_event(&url);
    assert_eq!((&view["lab"], &view["state"]), (&"openstack-lab".into(), &"working".into()));
    let nodes = view["nodes"].as_array().expect("nodes");
    let names: Vec<_> = nodes.iter().filter_map(|n| n["node"].as_str()).collect();
    assert_eq!(names, ["nova01", "nova02", "openstack"]);
    for node in nodes {
        assert!(node["reachable"] == false && node["message"] != "", "{node:#}");
        assert_eq!((&node["state"], &node["steps"]), (&"unknown".into(), &serde_json::json!([])));
    }
    let server = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let guessed = format!("{server}/{}/", "0".repeat(32));
    for other in [&format!("{server}/"), &format!("{server}/events"), &guessed] {
        assert!(page::fetch(other).contains("404 Not Found"), "{other}");
    }
    assert_eq!(watch.interrupt(), Some(130));
}

/// All secrets at once are replaced where that is said.
fn check_rotated(place: &Place, public: &Path) {
    let before = read(public);
    let (_, stderr) = place.run(&["secrets", "rotate"], 2);
    let useless = "all images built so far (nova01, nova02, openstack) become useless";
    assert!(stderr.contains(useless) && stderr.contains("--all"), "{stderr}");
    let (code, text) = place.on_terminal("secrets rotate", "n\n");
    assert!(code == Some(2) && text.contains(useless), "{code:?} {text}");
    assert_eq!(read(public), before);
    let (stdout, _) = place.run(&["secrets", "rotate", "operator-ssh"], 0);
    assert!(stdout.starts_with("new: operator-ssh\n"), "{stdout}");
    assert_ne!(read(public), before);
    let ca = read(&place.secret("ca.crt"));
    let (code, text) = place.on_terminal("secrets rotate", "yes\n");
    assert!(code == Some(0) && text.contains("new: ca\n"), "{code:?} {text}");
    let second = read(&place.secret("ca.crt"));
    assert_ne!(second, ca);
    place.run(&["secrets", "rotate", "--all"], 0);
    assert_ne!(read(&place.secret("ca.crt")), second);
}
