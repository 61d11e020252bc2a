//! `--run-pre`: kickstarts that include what their `%pre` writes, with programs of the practice medium
//! and of EL7, as root and without.

use lab_tests::lab::{Lab, text};
use lab_tests::user::User;
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

/// What comes before `%pre` in each kickstart.
const HEAD: &str = "lang en_US.UTF-8\nkeyboard us\ntimezone UTC\nrootpw --lock\n\
                    %include /tmp/part-include\n%packages\n@core\n%end\n";
/// A layout by what scripts ask for: disks in four ways, memory, arguments of the kernel.
const LAYOUT: &str = r#"%pre --erroronfail --log=/tmp/pre.log
exec < /dev/tty6 2>&1
chvt 6
. /tmp/functions
set -e
set -- $(list-harddrives)
[ "$*" = "vda 51200.0" ] || fail "$*"
read sectors < /sys/block/$1/size
[ $sectors = 104857600 -a "$(cat /sys/block/vda/removable)" = 0 ] || fail $sectors
[ "$(awk 'NR > 2 {print $4, $3}' /proc/partitions)" = "vda 52428800" ] || fail partitions
[ "$(lsblk -dn -o NAME,SIZE | tr -s ' ')" = "vda 50G" ] || fail lsblk
[ "$(lsblk -bdn -o SIZE /dev/vda)" = 53687091200 ] || fail lsblk /dev/vda
[ "$(blockdev --getsize64 /dev/vda)" = 53687091200 ] || fail blockdev
[ "$(readlink -f /dev/disk/by-path/*)" = /dev/vda ] || fail by-path
[ "$(grep -c '^processor' /proc/cpuinfo)" = 2 ] || fail cpuinfo
[ "$(ls -l /sys/block/$1 | grep -c virtio)" = 1 ] || fail sys
grep -q '^%include /tmp/part-include' /run/install/ks.cfg || fail ks.cfg
for word in $(cat /proc/cmdline); do case $word in swap=*) eval $word ;; esac; done
memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
cat > /tmp/part-include <<END
zerombr
clearpart --all --drives=$1
part /boot --fstype=xfs --size=512 --ondisk=$1
part swap --size=$((memory / swap)) --ondisk=$1
%include rest
END
ln -s part-2 /tmp/rest
echo "part / --size=4096 --grow --ondisk=$1" > /tmp/part-2
%end
"#;
/// An earlier script, whose files the next one finds.
const FUNCTIONS: &str =
    "%pre\necho 'fail() { echo \"wrong: $*\"; exit 1; }' > /tmp/functions\n%end\n";

fn lab(kickstart: &str) -> Lab {
    let lab = Lab::new();
    fs::write(lab.directory().join("kickstart/controller.ks"), kickstart).expect("kickstart");
    lab
}

fn practice() -> String {
    text(&product::practice().join("os"))
}

/// `imgbuild WORDS --profile …` with the practice medium.
fn run(lab: &Lab, words: &[&str]) -> Output {
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let medium = practice();
    product::run(&[words, &["--profile", &profile, "--media", &medium]].concat())
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Every line that storage has, with its file.
fn check_report(report: &str) {
    for line in [
        "/tmp/part-include:3: part: ",
        "/tmp/part-include:4: part: ",
        "/tmp/rest:1: part: ",
        "controller.ks:12: %pre: translated: has run before the files that it writes were included",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains("%include"), "{report}");
}

#[test]
fn what_pre_writes_is_included_by_every_command() {
    let lab = lab(&format!("{HEAD}{FUNCTIONS}{LAYOUT}"));
    let output = run(&lab, &["validate", "--report"]);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let missing = "controller.ks:12 writes, which has not run: have it run with --run-pre, or give \
                   the file with --include /tmp/part-include=FILE";
    assert!(stderr.contains(missing), "{stderr}");

    let option = "--run-pre=swap=4 quiet";
    let output = run(&lab, &["validate", "--report", option]);
    let (report, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    check_report(&report);

    let output = run(&lab, &["kickstart", "render", "--node", "openstack", option]);
    let (rendered, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    // A quarter of the profile's memory, whatever this machine has.
    assert!(rendered.contains("part swap --size=1536 --ondisk=vda"), "{rendered}");

    let output = run(&lab, &["plan", "--json", option]);
    let (json, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    let plan: Value = serde_json::from_str(&json).expect("a plan");
    assert_eq!(plan["sources"]["run_pre"], "swap=4 quiet");
    let inputs = plan["inputs"].as_array().expect("inputs");
    let names: Vec<&str> = inputs.iter().filter_map(|input| input["name"].as_str()).collect();
    assert!(
        names.ends_with(&["/tmp/part-include", "/tmp/rest", "ssh-authorized-keys"]),
        "{names:?}"
    );
    let swap = 1536u64 << 20;
    assert!(plan["disk"].to_string().contains(&format!("\"size\":{swap}")), "{}", plan["disk"]);
}

#[test]
fn what_pre_writes_is_the_same_without_root() {
    let (lab, user) = (lab(&format!("{HEAD}{FUNCTIONS}{LAYOUT}")), User::new());
    oracle::ok("chmod", ["755", &text(lab.directory())]);
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let mut command = user.imgbuild();
    let medium = practice();
    command.args(["validate", "--report", "--run-pre=swap=4", "--profile", &profile]);
    let output = command.args(["--media", &medium]).output().expect("setpriv starts");
    let (report, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    check_report(&report);

    let name = "name    = \"openstack\"\n";
    lab.edit("profiles/lab.toml", name, &format!("{name}mac = \"52:54:00:12:34:56\"\n"));
    let mut command = user.imgbuild();
    command.args(["pxe", "--run-pre=swap=4", "--profile", &profile, "--no-secrets"]);
    command.args(["--media", &text(&product::practice().join("practice-os.iso"))]);
    command.args(["--server", "192.168.1.5", "--output", "tree"]);
    let output = command.output().expect("setpriv starts");
    let (_, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    let kickstart =
        oracle::ok("sh", ["-c", &format!("cat {}/http/n/*/ks.cfg", text(&user.path("tree")))]);
    let swap = |line: &&str| line.starts_with("part swap ") && line.contains(" --size=1536");
    assert_eq!(kickstart.lines().filter(swap).count(), 1, "{kickstart}");
}

/// A script that fails, waits, leaves nothing, or leaves what is not a kickstart's.
#[test]
fn a_pre_that_fails_says_how() {
    let cases = [
        (
            "--erroronfail\necho gone wrong; exit 7",
            1,
            "ended with 7; its last output:\n  | gone wrong",
        ),
        ("\nsleep 600", 1, "%pre of"),
        ("\ntouch /tmp/other # /tmp/part-include", 2, "would write, but it has not: give the file"),
        ("\nexit 3", 2, "is not what a %pre has written: give the file"),
        ("\nhead -c 5000000 /dev/zero >/tmp/part-include", 2, "it is larger than 4 MiB"),
        ("\nmkdir /tmp/part-include", 2, "would write, but it has not"),
    ];
    for (script, code, message) in cases {
        let lab = lab(&format!("{HEAD}%pre {script}\n%end\n"));
        // Not for the others: the programs are installed for the first of them.
        let limit = if script.contains("sleep") { "5s" } else { "30m" };
        let output = run(&lab, &["validate", "--run-pre", "--post-timeout", limit]);
        let (_, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{script}: {stderr}");
        assert!(stderr.contains(message), "{script}: {stderr}");
    }
}

/// Whatever a script does, it reaches neither the disks, the network nor the files of this machine.
#[test]
fn pre_sees_nothing_of_this_machine() {
    let secret = tempfile::NamedTempFile::new().expect("a file of this machine");
    fs::write(secret.path(), "rootpw secret-of-this-machine\n").expect("file");
    fs::set_permissions(secret.path(), fs::Permissions::from_mode(0o644)).expect("mode");
    let host = secret.path().display();
    let script = format!(
        "%pre --erroronfail\nexec 2>&1\nset -x\nln -s {host} /tmp/part-include\n\
         [ ! -e {host} ] || exit 1\n\
         [ \"$(grep -c . /proc/partitions)\" = 2 ] || exit 2\n\
         ! mount -t proc none /proc || exit 3\n! umount /proc/partitions || exit 4\n\
         ! echo x > /proc/partitions || exit 5\n\
         ! (echo > /dev/tcp/127.0.0.1/22) || exit 6\n\
         mknod /dev/host b 254 0 2>/dev/null && head -c 1 /dev/host && exit 7\n\
         echo x > /dev/vda && [ \"$(head -c 1 /dev/vda)\" = x ] || exit 8\nexit 0\n%end\n"
    );
    let lab = lab(&(HEAD.to_owned() + &script));
    let output = run(&lab, &["validate", "--run-pre"]);
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("would write, but it has not"), "{stderr}");
    assert!(!(stdout + &stderr).contains("secret-of-this-machine"));
}

/// EL7's own programs, python and a bare `fdisk -l` among them.
#[test]
fn pre_runs_with_el7_programs() {
    let Some(shared) = product::shared() else { return };
    let script = "%pre --interpreter=/usr/bin/python --erroronfail\n\
        import subprocess\n\
        text = subprocess.check_output(['fdisk', '-l'])\n\
        disk = [l.split()[1].rstrip(':') for l in text.splitlines() if l.startswith('Disk /dev')]\n\
        assert disk == ['/dev/vda'], text\n\
        print >> open('/tmp/part-include', 'w'), 'part / --size=4096 --grow --ondisk=' + disk[0][5:]\n\
        %end\n";
    let lab = lab(&(HEAD.to_owned() + script));
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let media = text(&shared.join("el7/media"));
    let output = product::run(&[
        "validate",
        "--report",
        "--run-pre",
        "--profile",
        &profile,
        "--media",
        &media,
        "--no-gpgcheck",
        "media",
    ]);
    let (report, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    assert!(report.contains("/tmp/part-include:1: part: translated"), "{report}");
}

/// Programs that run are checked as those of an image are.
#[test]
fn programs_that_nobody_signed_do_not_run() {
    let Some(shared) = product::shared() else { return };
    let lab = lab(&format!("{HEAD}%pre\ntrue\n%end\n"));
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let media = text(&shared.join("el7/media"));
    let output = product::run(&["validate", "--run-pre", "--profile", &profile, "--media", &media]);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("packages are not trusted"), "{stderr}");
}
