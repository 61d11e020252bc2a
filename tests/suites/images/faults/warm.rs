//! Faults of builds whose tree is in the cache.

use super::place::{Doomed, Place, Random, ended, names, points};
use lab_tests::product;
use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_killed_build_leaves_nothing_that_the_next_one_does_not_remove() {
    let place = Place::new(true);
    place.build("first", &[]);
    let start = Instant::now();
    // A umask that closes everything; a signal that nohup(1) makes the program ignore.
    let script = "umask 077; trap '' HUP; exec \"$@\"";
    let mut command = place.script(script, &place.arguments("out", &[]));
    let build = command.stderr(Stdio::piped()).spawn().expect("a shell");
    let pid = Pid::from_raw(i32::try_from(build.id()).expect("a process id"));
    let program = format!("/proc/{pid}/exe");
    until(|| fs::read_link(&program).is_ok_and(|path| path == product::imgbuild()));
    for _ in 0..3 {
        signal(pid, Signal::SIGHUP).expect("it runs");
        std::thread::sleep(Duration::from_millis(200));
    }
    let whole = place.finish(build, "out");
    let duration = start.elapsed();
    place.assert_modes("out", 0o700, 0o600);

    let mut random = Random::new();
    let points = points(2);
    for point in 0..points {
        let build = Doomed::start(&place, "out", &["--force"]);
        build.kill(random.part(duration), &place);
        // Each time only where time does not matter.
        if points > 2 {
            assert_eq!(place.build("out", &["--force"]), whole, "point {point}");
        }
    }
    // One more, while the image is written for sure.
    let build = Doomed::start(&place, "out", &["--force"]);
    let disk =
        || staging(&place).iter().any(|name| place.path("out").join(name).join("disk").exists());
    until(disk);
    build.kill(Duration::ZERO, &place);
    assert_eq!(staging(&place).len(), 1, "those of earlier builds are gone");
    assert_eq!(place.build("out", &["--force"]), whole);
}

/// Directories of builds under way, or killed.
fn staging(place: &Place) -> Vec<String> {
    names(&place.path("out")).into_iter().filter(|n| n.starts_with(".imgbuild-")).collect()
}

fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(120), "timed out");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn of_two_builds_into_one_directory_one_is_refused_and_nothing_is_lost() {
    let place = Place::new(true);
    let builds = [place.start("022", "out", &[]), place.start("022", "out", &[])];
    let outputs = builds.map(|build| build.wait_with_output().expect("a build"));
    let [won, lost]: [Vec<_>; 2] =
        [true, false].map(|good| outputs.iter().filter(|o| o.status.success() == good).collect());
    assert_eq!((won.len(), lost.len()), (1, 1), "{outputs:?}");
    ended(lost[0], 3, &["another build is writing to", "give another --output"]);
    let again = place.start("022", "out", &[]).wait_with_output().expect("a build");
    ended(&again, 2, &["already holds openstack.qcow2", "--force"]);
    assert!(names(&place.path("out")).iter().all(|name| !name.starts_with('.')));
    let directory = place.path("out");
    lab_tests::oracle::ok(
        "sh",
        ["-c", &format!("cd {} && sha256sum --quiet -c SHA256SUMS", directory.display())],
    );
    assert!(fs::read_to_string(directory.join("build.log")).expect("log").contains("done"));
}
