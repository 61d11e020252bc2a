//! Disks that become full in the middle.

use super::place::{Place, ended};
use std::process::Output;

/// imgbuild while the filesystem `$1` is of memory, and shrinks to what it holds (and `room` KiB)
/// as soon as the pattern `$2` matches a file. What is left in it is printed.
fn fill(directory: &str, seen: &str, room: u32) -> String {
    format!(
        "mkdir -p {directory}; mount -t tmpfs -o size=12g,mode=755 tmpfs {directory} || exit 99
        \"$@\" & build=$!
        for i in $(seq 6000); do
            set -- {directory}/{seen}
            [ -e \"$1\" ] && break
            kill -0 $build || break
            sleep 0.02
        done
        kill -STOP $build && [ -e \"$1\" ] || echo 'the file was never seen' >&2
        until used=$(df --output=used {directory} | tail -1)
            mount -o remount,size=$((used + {room}))k {directory}
        do kill -0 $build || break
        done
        kill -CONT $build
        wait $build; code=$?
        find {directory} -mindepth 1 -not -path '*/packages/*'
        exit $code"
    )
}

fn check(output: &Output, codes: &[i32], words: &[&str]) -> String {
    let code = output.status.code().expect("an exit code");
    assert!(codes.contains(&code), "{code}");
    ended(output, code, words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("never seen"), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_full_disk_ends_a_build_cleanly() {
    let place = Place::new(true);
    let arguments = place.arguments("out", &[]);
    for file in [".imgbuild-*/disk", ".imgbuild-*/openstack.qcow2"] {
        let script = fill("\"$FAULTS/out\"", file, 4096);
        let output = place.script(&script, &arguments).output().expect("a shell");
        let left = check(&output, &[1, 3], &["No space left on device"]);
        assert_eq!(left, "", "left in the output directory");
    }
    place.assert_clean();

    // rpm finds the disk full in the middle of its transaction.
    let script = format!(
        "export IMGBUILD_CACHE=\"$FAULTS/cold\"; {}",
        fill("\"$FAULTS/cold\"", "trees/partial-*/root/usr/bin", 20_480)
    );
    let output = place.script(&script, &arguments).output().expect("a shell");
    let left = check(&output, &[1, 3], &["the log is"]);
    let trees: Vec<&str> = left.lines().filter(|line| line.contains("/trees/")).collect();
    assert!(trees.iter().all(|line| line.ends_with("/trees/lock")), "{trees:?}");
    assert!(!place.path("out").join("manifest.json").exists());
}
