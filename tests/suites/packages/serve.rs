//! `imgbuild serve --repositories`, asked by curl and dnf, by many at once, by slow clients, and for
//! what it must not give away. All of it is in network namespaces of the tests' own.

use lab_tests::lab::text;
use lab_tests::namespace::Namespace;
use lab_tests::repository_server::RepositoryServer;
use lab_tests::{oracle, product, programs};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const OSP10: &str = "rhel7osp-10/rhel-7-server-openstack-10-rpms";

/// What a program prints in the namespace; it must succeed.
pub fn run<S: AsRef<std::ffi::OsStr>>(
    namespace: &Namespace,
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> String {
    let mut command = namespace.command(program);
    command.args(arguments).env("LC_ALL", "C");
    let output = programs::output(program, &mut command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}: {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// curl's answer, head and body, whatever the status.
fn curl(namespace: &Namespace, arguments: &[&str]) -> String {
    let usual = ["-s", "-S", "-i", "--path-as-is", "--max-time", "60"];
    run(namespace, "curl", usual.iter().chain(arguments)).replace("\r\n", "\n")
}

/// The practice ISO files as media.
fn isos() -> Vec<String> {
    let practice = product::practice();
    let iso =
        |part: &str| ["--media".to_owned(), text(&practice.join(format!("practice-{part}.iso")))];
    ["os", "extras", "osp10"].iter().flat_map(|part| iso(part)).collect()
}

pub fn serve<S: AsRef<str>>(namespace: &Namespace, media: &[S]) -> RepositoryServer {
    let mut arguments: Vec<&str> = media.iter().map(AsRef::as_ref).collect();
    arguments.extend(["--listen", "127.0.0.1:0"]);
    RepositoryServer::start(namespace, &arguments)
}

/// dnf with two repositories of the lab alone.
pub fn dnf(namespace: &Namespace, cache: &Path, centos: &str, osp: &str, words: &[&str]) -> String {
    let cache = format!("--setopt=cachedir={}", text(cache));
    let repos = [format!("--repofrompath=centos,{centos}"), format!("--repofrompath=osp,{osp}")];
    let mut arguments =
        vec!["-q", "--releasever=7", "--setopt=reposdir=/dev/null", "--disablerepo=*"];
    arguments.extend(["--enablerepo=centos", "--enablerepo=osp", &cache, &repos[0], &repos[1]]);
    arguments.extend(words);
    run(namespace, "dnf", arguments)
}

#[test]
fn dnf_has_from_iso_files_what_their_trees_have() {
    let namespace = Namespace::new();
    let directory = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let at = |name: &str| directory.path().join(name);
    let server = serve(&namespace, &isos());
    // By the order of the media, and by the names of directories.
    let lines: Vec<&str> = server.printed.lines().collect();
    assert_eq!(lines.len(), 5, "{}", server.printed);
    assert!(lines[0].starts_with("centos: ") && lines[0].contains("practice-os.iso at http://192"));
    assert!(lines[1].starts_with("rhel7-extras: ") && lines[1].contains("practice-extras.iso at "));

    let (url, practice) = (&server.url, product::practice());
    let served = [format!("{url}/centos/"), format!("{url}//{OSP10}/")];
    let local = ["os", "osp10/rhel-7-server-openstack-10-rpms"]
        .map(|part| format!("file://{}", text(&practice.join(part))));
    let query = ["repoquery", "--queryformat", "%{name} %{evr} %{arch} %{repoid} %{size}"];
    let found = dnf(&namespace, &at("a"), &served[0], &served[1], &query);
    assert!(found.lines().count() > 200, "{found}");
    assert_eq!(found, dnf(&namespace, &at("b"), &local[0], &local[1], &query));

    // With all that it needs, into a system that does not exist.
    let (to, root) = (text(&at("downloads")), text(&at("root")));
    let install = ["install", "-y", "--nogpgcheck", "--downloadonly", "--installroot", &root];
    let words = [&install[..], &["--downloaddir", &to, "bash"]].concat();
    dnf(&namespace, &at("a"), &served[0], &served[1], &words);
    let downloaded: Vec<_> = fs::read_dir(to).expect("downloads").flatten().collect();
    assert!(downloaded.len() > 5, "{downloaded:?}");
    for file in downloaded {
        let original = practice.join("os/Packages").join(file.file_name());
        oracle::ok("cmp", [original, file.path()]);
    }
    assert_eq!(server.errors(), "");
    assert_eq!(server.stop().code(), Some(0));
}

/// curl's configuration that fetches every file of the practice medium's tree, in one go.
fn every_file(url: &str, to: &Path) -> (Vec<String>, String) {
    let tree = product::practice().join("os");
    let list = oracle::ok("find", [&text(&tree), "-type", "f", "-printf", "%P\\n"]);
    let files: Vec<String> = list.lines().map(str::to_owned).collect();
    let config = files.iter().enumerate().map(|(number, file)| {
        let (file, to) = (file.replace('+', "%2B"), text(&to.join(number.to_string())));
        format!("url = \"{url}/centos/{file}\"\noutput = \"{to}\"\n")
    });
    let config = config.collect();
    (files, config)
}

#[test]
fn one_connection_gives_every_file_bit_by_bit() {
    let namespace = Namespace::new();
    let directory = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let server = serve(&namespace, &isos());
    let (files, config) = every_file(&server.url, directory.path());
    fs::write(directory.path().join("config"), config).expect("config");
    let config = text(&directory.path().join("config"));
    let connects = run(&namespace, "curl", ["-sSf", "-K", &config, "-w", "%{num_connects} "]);
    let connects: u32 = connects.split_whitespace().map(|n| n.parse::<u32>().expect("n")).sum();
    assert_eq!(connects, 1, "connections for {} files", files.len());
    let os = product::practice().join("os");
    // The boot information table is in the image's isolinux.bin alone.
    for (number, file) in
        files.iter().enumerate().filter(|(_, file)| !file.ends_with("isolinux.bin"))
    {
        oracle::ok("cmp", [os.join(file), directory.path().join(number.to_string())]);
    }
}

/// The value of a header line of an answer.
fn line(answer: &str, name: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    line.unwrap_or_else(|| panic!("no {name} in {answer}"))
}

/// The status of the answer to a request with these header lines.
fn status(namespace: &Namespace, headers: &[&str], url: &str) -> String {
    let lines: Vec<&str> = headers.iter().flat_map(|h| ["-H", h]).chain([url]).collect();
    curl(namespace, &lines)[9..12].to_owned()
}

#[test]
fn curl_gets_the_answers_of_the_rfc() {
    let namespace = Namespace::new();
    let server = serve(&namespace, &isos());
    let treeinfo = format!("{}/centos/.treeinfo", server.url);
    let bytes = fs::read_to_string(product::practice().join("os/.treeinfo")).expect(".treeinfo");
    let whole = curl(&namespace, &[&treeinfo]);
    assert!(whole.starts_with("HTTP/1.1 200 OK\n") && whole.ends_with(&bytes), "{whole}");
    assert_eq!(line(&whole, "Content-Length: "), bytes.len().to_string());
    let undated =
        |answer: &str| answer.lines().filter(|l| !l.starts_with("Date: ")).collect::<String>();
    let head = curl(&namespace, &["-I", &treeinfo]);
    assert_eq!(undated(&head), undated(whole.strip_suffix(&bytes).expect("body")));

    let last = &bytes[bytes.len() - 7..];
    for (range, expected) in [("0-9", &bytes[..10]), ("10-", &bytes[10..]), ("-7", last)] {
        let part = curl(&namespace, &["-r", range, &treeinfo]);
        assert!(part.starts_with("HTTP/1.1 206 Partial Content\n"), "{part}");
        assert!(part.ends_with(&format!("\n\n{expected}")), "{range}: {part}");
    }
    let (tag, modified) = (line(&whole, "ETag: "), line(&whole, "Last-Modified: "));
    for (expected, headers) in [
        ("416", &["Range: bytes=99999-"][..]),
        ("200", &["Range: bytes=0-1,4-5"]),
        ("304", &[&format!("If-None-Match: {tag}")]),
        ("304", &[&format!("If-Modified-Since: {modified}")]),
        ("206", &["Range: bytes=0-1", &format!("If-Range: {tag}")]),
        ("200", &["Range: bytes=0-1", "If-Range: \"another\""]),
        ("413", &["Content-Length: 3"]),
        ("413", &["Transfer-Encoding: chunked"]),
        ("400", &["Host:"]),
        ("431", &[&format!("X: {}", "x".repeat(20_000))]),
    ] {
        assert_eq!(status(&namespace, headers, &treeinfo), expected, "{headers:?}");
    }
    let denied = curl(&namespace, &["-X", "DELETE", &treeinfo]);
    assert!(denied.starts_with("HTTP/1.1 405 ") && line(&denied, "Allow: ") == "GET, HEAD");
}

#[test]
fn paths_lead_to_files_of_repositories_alone() {
    let namespace = Namespace::new();
    let server = serve(&namespace, &isos());
    for (expected, path) in [
        ("200", "//centos///./repodata//repomd.xml"),
        ("200", "/centos/.treeinfo?query"),
        ("200", "/centos/%2etreeinfo"),
        // As a doubled slash, one at the end does not count.
        ("200", "/centos/.treeinfo/"),
        ("404", "/"),
        ("404", "/centos"),
        ("404", "/centos/"),
        ("404", "/centos/repodata"),
        ("404", "/centos/.treeinfo/x"),
        ("404", "/centos/Packages/no-such.rpm"),
        ("404", "/CENTOS/.treeinfo"),
        ("404", "/centos/../centos/.treeinfo"),
        ("404", "/centos/%2e%2e/%2E%2E/etc/passwd"),
        ("404", "/rhel7osp-10/RPM-GPG-KEY-practice"),
        ("404", "/centos/%00"),
        ("404", "/centos/%ff%"),
    ] {
        assert_eq!(status(&namespace, &[], &format!("{}{path}", server.url)), expected, "{path}");
    }
    assert!(server.errors().contains("/centos/Packages/no-such.rpm: 404 Not Found"));
}

/// A directory that is a repository, with links and other things that are not files.
fn directory_medium(place: &Path) {
    let medium = place.join("medium");
    for directory in ["medium/repodata", "medium/real", "medium-not"] {
        fs::create_dir_all(place.join(directory)).expect("directory");
    }
    fs::write(medium.join("repodata/repomd.xml"), "index").expect("file");
    fs::write(medium.join("real/file"), "inside").expect("file");
    fs::write(place.join("medium-not/secret"), "outside").expect("file");
    symlink("real", medium.join("link")).expect("link");
    symlink("../medium/real/file", medium.join("about")).expect("link");
    symlink("../medium-not/secret", medium.join("away")).expect("link");
    symlink("/etc", medium.join("etc")).expect("link");
    symlink("loop", medium.join("loop")).expect("link");
    symlink("/proc/self/environ", medium.join("environ")).expect("link");
    oracle::ok("mkfifo", [medium.join("pipe")]);
}

#[test]
fn nothing_outside_of_a_directory_is_given_away() {
    let namespace = Namespace::new();
    let place = tempfile::tempdir().expect("temporary directory");
    directory_medium(place.path());
    let server = serve(&namespace, &["--media", &text(&place.path().join("medium"))]);
    for (path, expected) in [
        ("real/file", "200"),
        ("link/file", "200"),
        ("about", "200"),
        ("away", "403"),
        ("etc/passwd", "403"),
        ("environ", "403"),
        ("etc", "404"),
        ("loop", "500"),
        ("pipe", "404"),
        ("../medium-not/secret", "404"),
        ("link/../../medium-not/secret", "404"),
    ] {
        let answer = curl(&namespace, &[&format!("{}/centos/{path}", server.url)]);
        assert_eq!(&answer[9..12], expected, "{path}: {answer}");
        assert!(!answer.contains("outside") && !answer.contains("root:"), "{path}: {answer}");
    }
    let log = server.errors();
    assert!(log.contains("/centos/away: 403 Forbidden: it is a link that leads out of"), "{log}");
}

#[test]
fn a_file_that_ends_early_is_no_whole_answer() {
    let namespace = Namespace::new();
    let place = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let iso = place.path().join("os.iso");
    fs::copy(product::practice().join("practice-os.iso"), &iso).expect("copy");
    let server = serve(&namespace, &["--media", &text(&iso)]);
    let kernel = kernel();
    let url = format!("{}/centos/Packages/{kernel}", server.url);
    assert!(curl(&namespace, &["-I", &url]).starts_with("HTTP/1.1 200 OK\n"));
    fs::File::options().write(true).open(&iso).expect("ISO").set_len(4 << 20).expect("length");
    let mut command = namespace.command("curl");
    let status = command.args(["-s", "-o", "/dev/null", &url]).status().expect("ip starts");
    // curl(1): partial file.
    assert_eq!(status.code(), Some(18));
    assert!(server.errors().contains("a file ended early"), "{}", server.errors());
}

/// The file name of the practice medium's kernel package, the largest.
fn kernel() -> String {
    let packages =
        fs::read_dir(product::practice().join("os/Packages")).expect("packages").flatten();
    let names = packages.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.into_iter().find(|name| name.starts_with("kernel-")).expect("a kernel")
}

/// curl that fetches the kernel from an address of its own.
fn fetch_as(namespace: &Namespace, server: &RepositoryServer, last: u8) -> Child {
    let url = format!("{}/centos/Packages/{}", server.url, kernel());
    let mut command = namespace.command("curl");
    command.args(["-sSf", "-o", "/dev/null", "--interface", &format!("127.0.0.{last}"), &url]);
    command.stderr(Stdio::piped()).spawn().expect("ip starts")
}

#[test]
fn a_hundred_nodes_are_served_at_once() {
    let namespace = Namespace::new();
    let server = serve(&namespace, &isos());
    let nodes: Vec<Child> = (100..200).map(|last| fetch_as(&namespace, &server, last)).collect();
    for node in nodes {
        let output = node.wait_with_output().expect("curl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let peak = server.peak_memory();
    assert!(peak < 100 << 10, "{peak} KiB");
    assert_eq!(server.errors(), "");
}

#[test]
fn slow_clients_hold_nobody_up() {
    let namespace = Namespace::new();
    let server = serve(&namespace, &isos());
    let address = server.url.trim_start_matches("http://").to_owned();
    let connect = || namespace.run(|| TcpStream::connect(&address)).expect("a connection");
    let started = Instant::now();
    // A head that comes byte by byte, one whose rest never comes, an answer that is never read.
    let mut slow = connect();
    let mut half = connect();
    half.write_all(b"GET /centos/.treeinfo HTTP/1.1\r\nHost: x\r\n").expect("head");
    let mut deaf = connect();
    let request = format!("GET /centos/Packages/{} HTTP/1.1\r\nHost: x\r\n\r\n", kernel());
    deaf.write_all(request.as_bytes()).expect("request");
    // One address opens too many connections, and others have none the less.
    let many: Vec<TcpStream> = (0..80).map(|_| connect()).collect();
    let output = fetch_as(&namespace, &server, 2).wait_with_output().expect("curl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut refused = String::new();
    many.last().expect("connections").read_to_string(&mut refused).expect("an answer");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    drop(many);

    let byte = |slow: &mut TcpStream| slow.write_all(b"x").is_ok();
    while started.elapsed() < Duration::from_secs(15) && byte(&mut slow) {
        std::thread::sleep(Duration::from_millis(500));
    }
    for (mut client, what) in [(slow, "slow"), (half, "half")] {
        let mut answer = String::new();
        client.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        // What was sent after the answer may have reset the connection.
        let read = client.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 408 ") || read.is_err(), "{what}: {answer} {read:?}");
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
    }
    // Several requests that come at once are answered one after the other.
    let mut client = connect();
    let one = "HEAD /centos/.treeinfo HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /none HTTP/1.0\r\n\r\n";
    client.write_all(format!("{one}{one}{last}").as_bytes()).expect("requests");
    let mut answers = String::new();
    client.read_to_string(&mut answers).expect("answers");
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");
    assert!(answers.contains("HTTP/1.1 404 Not Found\r\n"), "{answers}");
}

#[test]
fn what_cannot_be_served_is_reported() {
    let namespace = Namespace::new();
    let fails = |arguments: &[&str], code: i32, words: &[&str]| {
        let mut command = namespace.command(&text(product::imgbuild()));
        command.arg("serve").args(arguments).env("IMGBUILD_CACHE", product::cache());
        command.current_dir(product::workspace()).stdin(Stdio::null());
        let output = command.output().expect("ip starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        for word in words {
            assert!(errors.contains(word), "{arguments:?}: no `{word}` in {errors}");
        }
    };
    fails(&[], 2, &["--repositories"]);
    // The shipped lab file's sources: a web server out of reach, and ISO files that are not here.
    let vault = "repository centos is not served: cannot fetch https://vault.centos.org/";
    let none = "no repository can be served";
    fails(
        &["--repositories"],
        2,
        &[vault, "repository rhel7-extras is not served: cannot read", none],
    );
    fails(
        &["--repositories", "--media", "/no/such.iso"],
        2,
        &["cannot read the medium /no/such.iso"],
    );
    let empty = tempfile::tempdir().expect("temporary directory");
    let words = ["repository centos is not served: none of the media has it", none];
    fails(&["--repositories", "--media", &text(empty.path())], 2, &words);
    let practice = ["--repositories", "--media", "practice"];
    let away = [&practice[..], &["--listen", "10.1.2.3:80"]].concat();
    fails(&away, 3, &["cannot listen on 10.1.2.3:80", "this machine does not have the address"]);
    fails(&practice, 3, &["cannot listen on 192.168.1.254:80"]);
    let server = serve(&namespace, &["--media", "practice"]);
    let taken = [&practice[..], &["--listen", server.url.trim_start_matches("http://")]].concat();
    fails(&taken, 3, &["another program listens there"]);
}
