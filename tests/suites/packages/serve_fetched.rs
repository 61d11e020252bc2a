//! `imgbuild serve --repositories` with a repository of another web server.

use crate::serve::{dnf, run, serve};
use lab_tests::lab::text;
use lab_tests::namespace::Namespace;
use lab_tests::repository_server::RepositoryServer;
use lab_tests::server_double::{Fault, ServerDouble};
use lab_tests::{oracle, product};
use std::fs;

/// A package's path below the practice medium's repository.
fn package(name: &str) -> String {
    let packages = product::practice().join("os/Packages");
    let packages = fs::read_dir(packages).expect("packages").flatten();
    let mut names = packages.filter_map(|file| file.file_name().into_string().ok());
    let name = names.find(|file| file.starts_with(name)).expect("a package of that name");
    format!("Packages/{name}")
}

#[test]
fn a_web_servers_repository_is_fetched_once_checked_and_kept() {
    let namespace = Namespace::new();
    let directory = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let at = |name: &str| directory.path().join(name);
    let os = product::practice().join("os");
    let web = ServerDouble::start(&namespace, &os);
    let words = ["--media", &web.url, "--cache", &text(&at("cache"))].map(str::to_owned);
    let server = serve(&namespace, &words);
    let line = format!("centos: {} at http://192.168.1.254/centos/", web.url);
    assert!(server.printed.starts_with(&line), "{}", server.printed);
    // Its status.
    let get = |server: &RepositoryServer, path: &str, to: &str| {
        let (to, url) = (text(&at(to)), format!("{}/centos/{path}", server.url));
        run(&namespace, "curl", ["-s", "-w", "%{http_code}", "-o", &to, &url])
    };

    // What dnf sees is what the tree has.
    let query = ["repoquery", "--queryformat", "%{name} %{evr} %{arch} %{size}"];
    let (served, local) = (format!("{}/centos/", server.url), format!("file://{}", text(&os)));
    let found = dnf(&namespace, &at("a"), &served, &served, &query);
    assert!(found.lines().count() > 100, "{found}");
    assert_eq!(found, dnf(&namespace, &at("b"), &local, &local, &query));

    // A package comes from the web server once, however often it is asked for.
    let bash = package("bash");
    assert_eq!([get(&server, &bash, "one"), get(&server, &bash, "two")], ["200", "200"]);
    let tag = || {
        let url = format!("{}/centos/{bash}", server.url);
        let head = run(&namespace, "curl", ["-sI", &url]);
        head.lines().find(|line| line.starts_with("ETag: ")).expect("a tag").to_owned()
    };
    assert_eq!(tag(), tag());
    assert_eq!(web.requests(&bash).len(), 1);
    oracle::ok("cmp", [at("two"), os.join(&bash)]);

    // One that is not what the repository says reaches nobody.
    let sed = package("sed");
    for _ in 0..2 {
        web.fault(&sed, Fault::Other(b"something else".to_vec()));
    }
    assert_eq!(get(&server, &sed, "bad"), "502");
    let errors = server.errors();
    assert!(errors.contains(&sed) && errors.contains("is damaged or was changed"), "{errors}");
    assert_eq!(get(&server, &sed, "good"), "200");
    oracle::ok("cmp", [at("good"), os.join(&sed)]);

    // It is not asked for what the repository does not have.
    assert_eq!(get(&server, ".treeinfo", "none"), "404");
    assert!(web.requests(".treeinfo").is_empty());

    // Without it there is what was fetched, after a new start as well.
    drop(web);
    assert_eq!(get(&server, &bash, "three"), "200");
    assert_eq!(server.stop().code(), Some(0));
    let server = serve(&namespace, &words);
    let statuses = ["repodata/repomd.xml", &bash, &package("tar")].map(|p| get(&server, p, "x"));
    assert_eq!(statuses, ["200", "200", "502"]);
}
