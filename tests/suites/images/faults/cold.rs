//! Builds with an empty cache: killed, then whole under the most open umask, watched by another
//! user and by strace(1).

use super::order;
use super::place::{Doomed, Place, Random, names, points};
use lab_tests::lab::text;
use lab_tests::{oracle, product};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longer than it takes to install anything: a cold build is killed before.
const COLD: Duration = Duration::from_secs(12);

#[test]
fn a_cold_build_is_private_durable_and_whole_after_a_kill() {
    let place = Place::new(false);
    let mut random = Random::new();
    for _ in 0..points(1) {
        let after = Duration::from_secs(1) + random.part(COLD);
        Doomed::start(&place, "new/out", &[]).kill(after, &place);
    }
    // Made before the trace, or that would not show when directories were created.
    for old in ["new", "state"] {
        let _ = std::fs::remove_dir_all(place.path(old));
    }
    let trace = place.path("trace");
    let script = format!(
        "umask 000; exec strace -f --seccomp-bpf -qq -y -s 4096 -o {} -e trace={} -e signal=none \"$@\"",
        text(&trace),
        order::CALLS
    );
    let mut command = place.script(&script, &place.arguments("new/out", &[]));
    let build = command.stderr(Stdio::piped()).spawn().expect("a shell");
    let done = AtomicBool::new(false);
    let (first, seen) = std::thread::scope(|scope| {
        let onlooker = scope.spawn(|| onlook(&place, &done));
        let first = place.finish(build, "new/out");
        done.store(true, Ordering::SeqCst);
        (first, onlooker.join().expect("an onlooker"))
    });
    assert!(seen.iter().any(|line| line.contains("/.imgbuild-")), "no check ran in time");
    place.assert_modes("new/out", 0o755, 0o644);
    check_cache(&place.cache);
    order::check(&trace, place.lab.directory());
    // Another umask, the same bytes.
    assert_eq!(place.build("again", &[]), first);
}

/// Looks, as nobody, for what can be read of secrets and for programs that can be reached, until
/// the build is done. Returns what was seen besides.
fn onlook(place: &Place, done: &AtomicBool) -> Vec<String> {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "find"];
    let private = [place.path("state"), place.cache.join("trees"), place.cache.join("logs")];
    let private: Vec<String> = private.iter().map(|path| text(path)).collect();
    let output = text(&place.path("new/out"));
    let mut seen = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let find = |paths: &[String], rest: &[&str]| {
            let paths = paths.iter().map(String::as_str);
            let all = nobody.iter().copied().chain(paths).chain(rest.iter().copied());
            String::from_utf8_lossy(&oracle::run("setpriv", all).stdout).into_owned()
        };
        let below = find(&private, &["-mindepth", "1"]);
        assert_eq!(below, "", "another user sees it");
        let open = find(&private, &["-readable", "-o", "-executable", "-o", "-writable"]);
        assert_eq!(open, "", "another user may use it");
        // Of what the build writes they see no more than the directory's name.
        let output = find(std::slice::from_ref(&output), &["-mindepth", "1"]);
        for name in output.lines() {
            let Some((_, inside)) = name.split_once("/.imgbuild-") else { continue };
            assert!(!inside.contains('/'), "another user sees {name}");
            seen.push(name.to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    seen
}

/// The cache's directories are as open as what they hold allows.
fn check_cache(cache: &Path) {
    let list = oracle::ok("find", [&text(cache), "-maxdepth", "1", "-printf", "%m %f\n"]);
    for line in list.lines() {
        let (mode, name) = line.split_once(' ').expect("two words");
        let expected = match name {
            "trees" | "logs" | "running" => "700",
            "lock" => "600",
            _ => "755",
        };
        assert_eq!(mode, expected, "{name}");
    }
    let trees = cache.join("trees");
    let open = oracle::ok("find", [&text(&trees), "-maxdepth", "1", "-perm", "/077"]);
    assert_eq!(open, "");
    assert!(names(&trees).iter().any(|name| name.len() == 64), "no tree was made");
    assert!(product::cache() != cache, "this is the cache of all tests");
}
