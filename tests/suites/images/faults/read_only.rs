//! Places that cannot be written.

use super::place::{Place, ended, names};
use std::fs;

/// imgbuild with a directory on a read-only filesystem; the place itself, which may be below it,
/// stays as it is.
fn read_only(directory: &str) -> String {
    format!(
        "mount --bind \"$FAULTS\" \"$FAULTS\" && mount --rbind {directory} {directory} \
         && mount -o remount,ro,bind {directory} && exec \"$@\""
    )
}

#[test]
fn what_cannot_be_written_is_named_and_a_warm_cache_need_not_be() {
    let place = Place::new(true);
    let expected = place.build("out", &[]);
    let run = |script: &str, arguments: &[String]| {
        place.script(script, arguments).output().expect("a shell")
    };
    let again = place.arguments("again", &[]);

    // Everything is in the cache: build and plan need not write to it.
    let built = run(&read_only("\"$CACHE\""), &again);
    ended(&built, 0, &["is read-only", "the log of a failed build stays at /"]);
    let stderr = String::from_utf8_lossy(&built.stderr).into_owned();
    let log =
        stderr.split("stays at ").nth(1).and_then(|rest| rest.lines().next()).expect("a path");
    assert!(!fs::exists(log).expect("a path"), "{log} is left after a build that succeeded");
    let sums = fs::read_to_string(place.path("again/SHA256SUMS")).expect("sums");
    assert!(sums.contains(&expected), "{sums}");
    let mut plan = place.arguments("none", &[]);
    let at = plan.iter().position(|a| a == "--output").expect("output");
    plan.drain(at..at + 2);
    plan.insert(0, "plan".to_owned());
    ended(&run(&read_only("\"$CACHE\""), &plan), 0, &[]);

    // What is missing is named.
    fs::create_dir_all(place.path("empty")).expect("directory");
    let empty =
        format!("export IMGBUILD_CACHE=\"$FAULTS/empty\"; {}", read_only("\"$FAULTS/empty\""));
    let words =
        ["the installed tree is not in the cache", "its filesystem is read-only", "--cache"];
    let arguments = place.arguments("missed", &[]);
    ended(&run(&empty, &arguments), 3, &words);
    assert_eq!(names(&place.path("empty")), Vec::<String>::new());
    assert!(!place.path("missed").exists());

    let forced = place.arguments("out", &["--force"]);
    ended(&run(&read_only("\"$FAULTS/out\""), &forced), 3, &["cannot write to", "--output"]);
    let other = place.arguments("other", &[]);
    ended(&run(&read_only("\"$FAULTS/state\""), &other), 3, &["cannot store the lab's secrets"]);
    assert!(!place.path("other").exists());
    assert_eq!(place.build("out", &["--force"]), expected);
}
