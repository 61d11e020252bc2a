//! What a kickstart leaves in an image: `%post` after everything else, the boot loader's
//! password, and the files that its commands write, as other tools read them.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product, rpm_double};
use std::fs;
use std::path::{Path, PathBuf};

/// A lab with a small disk, whose kickstart has `commands` and `sections` more.
fn lab(commands: &str, sections: &str) -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"6 GiB\"");
    lab.edit("kickstart/controller.ks", "\nzerombr\n", &format!("\n{commands}\nzerombr\n"));
    let end = "-firewalld\n%end\n";
    lab.edit("kickstart/controller.ks", end, &format!("{end}{sections}"));
    lab
}

/// The image's /etc, /root, /tmp and /boot/grub2, from its archive.
fn unpack(lab: &Lab) -> PathBuf {
    let directory = lab.directory().join("tree");
    fs::create_dir(&directory).expect("directory");
    let archive = text(&lab.output().join("openstack.tar.gz"));
    let parts = ["./etc", "./root", "./tmp", "./boot/grub2", "./boot/efi"];
    oracle::ok("tar", ["-xzf", &archive, "-C", &text(&directory)].into_iter().chain(parts));
    directory
}

/// A build that must fail with code 1, leave no output, and print every part of `words`.
fn fails(lab: &Lab, more: &[&str], words: &[&str]) {
    let output = product::run(&lab.arguments("controller", &["practice"], more));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` in:\n{stderr}");
    }
    assert!(!lab.output().exists(), "something is left in the output directory");
}

const POST: &str = "%post --log=/root/logs/post.log
set -x
id -u harry
grep -q '^server' /etc/chrony.conf
grep openstack /etc/hosts
test -e /etc/fstab && test -e /boot/grub2/grub.cfg && test -d /boot/efi/EFI
test -e /etc/systemd/system/multi-user.target.wants/chronyd.service
echo 'driftfile /var/lib/chrony/mine' >>/etc/chrony.conf
echo changed >/etc/hostname
cat >/root/read-from-stdin
echo all of it
%end
%post --interpreter=/usr/bin/python3 --erroronfail
open('/root/python', 'w').write(__file__)
%end
%post
exit 7
%end
";

#[test]
fn post_runs_last_and_its_changes_stay() {
    let lab = lab("user --name=harry --groups=wheel --uid=1234 --lock", POST);
    let stderr = lab.build("controller", &["practice"], &["--format", "tar"]);
    assert!(stderr.contains("%post changed /etc/hostname"), "{stderr}");
    assert!(stderr.contains("ended with 7; the build goes on"), "{stderr}");
    let tree = unpack(&lab);
    let read = |path: &str| fs::read_to_string(tree.join(path)).expect(path);
    let log = read("root/logs/post.log");
    assert!(log.contains("\n1234\n") && log.ends_with("+ echo all of it\nall of it\n"), "{log}");
    assert!(!log.contains("No such"), "{log}");
    assert!(read("etc/chrony.conf").ends_with("\ndriftfile /var/lib/chrony/mine\n"));
    assert_eq!(read("etc/hostname"), "openstack\n");
    assert_eq!(read("root/read-from-stdin"), "");
    assert_eq!(read("root/python"), "/tmp/ks-script");
    assert_eq!(fs::read_dir(tree.join("tmp")).expect("tmp").count(), 0);

    // Neither rpm nor the scripts run again for the same; for another script rpm does not.
    let again = lab.build("controller", &["practice"], &["--format", "tar", "--force"]);
    assert!(again.contains("rpm does not run") && again.contains("scripts do not run"), "{again}");
    assert!(again.contains("%post changed /etc/hostname"), "{again}");
    lab.edit("kickstart/controller.ks", "exit 7", "exit 8");
    let other = lab.build("controller", &["practice"], &["--format", "tar", "--force"]);
    assert!(other.contains("rpm does not run") && other.contains("ended with 8"), "{other}");
}

const OUTSIDE: &str = "%post --nochroot --erroronfail --log=/mnt/sysimage/root/outside.log
set -ex
test -e /run/install/repo/.treeinfo
cp /run/install/repo/.treeinfo /mnt/sysimage/root/treeinfo
chroot /mnt/sysimage /bin/sh -c 'echo inside >/root/inside'
echo mine >/etc/only-here
! touch /usr/bin/mine
echo kept >/tmp/between
%end
%post --erroronfail
test ! -e /tmp/between && test ! -e /etc/only-here && test -e /root/inside
echo '192.0.2.9 repo' >>/etc/hosts
%end
%post --nochroot --erroronfail
cp /tmp/between /mnt/sysimage/root/between
%end
";

#[test]
fn scripts_outside_have_the_tree_and_the_medium_and_keep_their_tmp() {
    let lab = lab("sshkey --username=harry 'ssh-rsa A'\nuser --name=harry", OUTSIDE);
    let medium = text(&product::practice().join("os"));
    let others = ["extras", "osp10"].map(|name| text(&product::practice().join(name)));
    let media = [medium.as_str(), others[0].as_str(), others[1].as_str()];
    let stderr = lab.build("controller", &media, &["--format", "tar"]);
    assert!(stderr.contains("%post changed /etc/hosts, which"), "{stderr}");
    let tree = unpack(&lab);
    let read = |path: &str| fs::read_to_string(tree.join(path)).expect(path);
    assert!(read("root/treeinfo").contains("practice"));
    assert_eq!((read("root/inside"), read("root/between")), ("inside\n".into(), "kept\n".into()));
    assert!(read("root/outside.log").contains("+ cp /run/install/repo/.treeinfo"));
    assert!(!tree.join("etc/only-here").exists() && !tree.join("mnt/sysimage").exists());
}

#[test]
fn authconfig_is_installed_and_runs_before_post() {
    let lab = lab("", "%post --erroronfail\ncp /root/authconfig /root/seen\n%end\n");
    let ours = "authconfig --enableshadow --passalgo=sha512";
    let more = "authconfig --enableshadow --enablemkhomedir --krb5realm='A B'";
    lab.edit("kickstart/controller.ks", ours, more);
    let double = lab.directory().join("authconfig");
    rpm_double::repository(rpm_double::AUTHCONFIG, &double);
    let media = ["practice", &text(&double)];
    lab.build("controller", &media, &["--format", "tar", "--no-gpgcheck", "authconfig"]);
    let seen = fs::read_to_string(unpack(&lab).join("root/seen")).expect("arguments");
    let words = ["--update", "--nostart", "--enableshadow", "--enablemkhomedir", "--krb5realm=A B"];
    assert_eq!(seen.lines().collect::<Vec<_>>(), words);
}

#[test]
fn a_failing_and_a_hanging_post_stop_the_build() {
    let failing =
        "%post --erroronfail --log=/root/post.log\necho it went wrong >&2\nexit 3\n%end\n";
    let lab = lab("", failing);
    fails(&lab, &[], &["%post of ", "controller.ks:", "ended with 3", "  | it went wrong"]);
    // Without --erroronfail too, and with a child in a session of its own.
    let hanging = "%post\necho before >/left-by-hanging-post; cat /left-by-hanging-post; \
                   setsid sleep 4321 & sleep 4321\n%end\n";
    lab.edit("kickstart/controller.ks", failing, hanging);
    let words = ["did not end within 2 seconds", "  | before"];
    fails(&lab, &["--post-timeout", "2s"], &words);
    assert!(!processes().iter().any(|p| p.contains("sleep\u{0}4321")), "a child is left");
    // Other builds have partial trees as well; this one's has the file of its script.
    let trees = text(&product::cache().join("trees"));
    let left = oracle::ok("find", [&trees, "-maxdepth", "4", "-name", "left-by-hanging-post"]);
    assert_eq!(left, "", "a tree is left");
}

fn processes() -> Vec<String> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let command = |path: &Path| fs::read_to_string(path.join("cmdline")).ok();
    all.filter_map(|e| command(&e.path())).collect()
}
