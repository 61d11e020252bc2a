//! Install media of `imgbuild iso`: judged by xorriso, isoinfo, isomd5sum, mtools and pykickstart,
//! and their scripts run on disks and trees that are made up. No guest is started.

use formats::iso9660::Iso;
use lab_tests::lab::{Lab, text};
use lab_tests::pykickstart::{Verdict, verdicts};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Output;

pub const NODE: &str = "openstack";

fn arguments(lab: &Lab, media: &str, output: &Path, more: &[&str]) -> Vec<String> {
    let lab_file = text(&lab.directory().join("profiles/lab.toml"));
    let output = text(output);
    let fixed = ["iso", "--lab-file", &lab_file, "--media", media, "--output", &output];
    fixed.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

/// Of the controller alone.
fn one(lab: &Lab, media: &str, output: &Path, more: &[&str]) -> Output {
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let more = [&["--profile", &profile], more].concat();
    product::run(&arguments(lab, media, output, &more))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A scratch directory with room for media.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(product::cache_directory()).expect("temporary directory")
}

fn practice_iso() -> PathBuf {
    product::practice().join("practice-os.iso")
}

fn read(image: &Path, path: &str) -> String {
    let iso = Iso::open(File::open(image).expect("open")).expect("image");
    let node = iso.lookup(path).expect("lookup").unwrap_or_else(|| panic!("no {path}"));
    let mut bytes = Vec::new();
    iso.reader(&node).expect("reader").read_to_end(&mut bytes).expect("data");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn extract(image: &Path, to: &Path) {
    let (image, to) = (text(image), text(to));
    oracle::ok("xorriso", ["-osirrox", "on", "-indev", &image, "-extract", "/", &to]);
}

#[test]
fn one_node_from_the_practice_medium() {
    let (lab, directory) = (Lab::new(), scratch());
    let source = text(&practice_iso());
    let made = one(&lab, &source, directory.path(), &["--erase"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let printed = String::from_utf8_lossy(&made.stdout).into_owned();
    let image = directory.path().join(format!("{NODE}.iso"));
    assert!(printed.contains("only you may read it"), "{printed}");
    assert!(printed.contains("installing ERASES the disk"), "{printed}");
    assert_eq!(fs::metadata(&image).expect("image").mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(directory.path()).expect("output").count(), 1);
    check_by_others(&image);
    check_menus(&image);
    check_kickstart(&image);
    check_scripts_on_a_tree(&image);
    let again = directory.path().join("again");
    assert!(one(&lab, &source, &again, &["--erase"]).status.success());
    let [a, b] = [&image, &again.join(format!("{NODE}.iso"))].map(|p| fs::read(p).expect("image"));
    assert!(a == b, "same inputs and secrets, same bytes");
    check_verify(&image);
    let taken = one(&lab, &source, directory.path(), &[]);
    assert_eq!(taken.status.code(), Some(2), "{}", stderr(&taken));
    assert!(fs::read(&image).expect("image") != b, "the changed one is still there");
}

fn check_by_others(image: &Path) {
    let name = text(image);
    oracle::ok("checkisomd5", [&name]);
    let options = ["-indev", &name, "-report_el_torito", "plain", "-report_system_area", "plain"];
    let report = oracle::ok("xorriso", options);
    assert!(report.contains("El Torito img path :   1  /isolinux/isolinux.bin"), "{report}");
    assert!(report.contains("El Torito img path :   2  /images/efiboot.img"), "{report}");
    assert!(report.contains("MBR partition path :   2  /images/efiboot.img"), "{report}");
    let listed = oracle::ok("isoinfo", ["-R", "-f", "-i", &name]);
    for path in ["imgbuild/ks/openstack.ks", "imgbuild/nodes/openstack/secret/node.tar.gz"] {
        assert!(listed.contains(path), "{path} in {listed}");
    }
    let directory = scratch();
    extract(image, &directory.path().join("all"));
    let efi = text(&directory.path().join("all/images/efiboot.img"));
    let inside = oracle::ok("mtype", ["-i", &efi, "::/EFI/BOOT/grub.cfg"]);
    assert_eq!(inside, read(image, "EFI/BOOT/grub.cfg"), "both copies are equal");
    oracle::ok("fsck.fat", ["-n", &efi]);
    let inspected = product::run(&["inspect", &name, "--json"]);
    let value: Value = serde_json::from_slice(&inspected.stdout).expect("JSON");
    assert_eq!(value["media_sum"], "right");
    assert_eq!(value["cd"], serde_json::json!(["bios", "uefi"]));
    assert_eq!(value["install"]["nodes"][0]["name"], NODE);
    assert_eq!(value["install"]["erase"], true);
    let shown = String::from_utf8_lossy(&product::run(&["inspect", &name]).stdout).into_owned();
    assert!(shown.contains("installs    openstack, controller; disk: only"), "{shown}");
}

fn check_menus(image: &Path) {
    let label = "PRACTICE-7-X86_64";
    let medium = format!("hd:LABEL={label}");
    let wanted = format!(
        "inst.stage2={medium} inst.ks={medium}:/imgbuild/ks/{NODE}.ks inst.cmdline net.ifnames=0 \
         biosdevname=0 console=tty0 console=ttyS0,115200n8"
    );
    let grub = read(image, "EFI/BOOT/grub.cfg");
    assert!(grub.contains(&format!("linux /images/pxeboot/vmlinuz {wanted}\n")), "{grub}");
    assert!(grub.starts_with("set default=0\nset timeout=10\n"), "{grub}");
    let first = grub.lines().find(|line| line.starts_with("menuentry")).expect("an entry");
    assert_eq!(first, format!("menuentry 'Install {NODE} (ERASES ITS DISK)' {{"));
    let directory = tempfile::tempdir().expect("temporary directory");
    let file = directory.path().join("grub.cfg");
    fs::write(&file, &grub).expect("grub.cfg");
    oracle::ok("grub-script-check", [text(&file)]);
    let isolinux = read(image, "isolinux/isolinux.cfg");
    assert!(isolinux.contains(&format!("append initrd=initrd.img {wanted}\n")), "{isolinux}");
    let default = isolinux.split("\nlabel ").find(|part| part.contains("menu default"));
    assert!(default.is_some_and(|part| part.starts_with(NODE)), "{isolinux}");
    assert!(read(image, "isolinux/medium.cfg").contains("label check"));
}

fn check_kickstart(image: &Path) {
    let kickstart = read(image, "imgbuild/ks/openstack.ks");
    let [Verdict::Accepted(written)] = &verdicts(std::slice::from_ref(&kickstart))[..] else {
        panic!("pykickstart refuses\n{kickstart}");
    };
    for line in ["cdrom", "cmdline", "rootpw --lock", "shutdown"] {
        assert!(written.lines().any(|l| l == line), "no {line} in\n{written}");
    }
    for secret in ["PRIVATE KEY", "--all --initlabel", "{{"] {
        assert!(!kickstart.contains(secret), "{secret} in {kickstart}");
    }
    // The commands that the script writes are kickstart as well.
    let storage = heredoc(&kickstart, "IMGBUILD_STORAGE").replace("@DISK@", "vda");
    assert!(storage.contains("clearpart --all --drives=vda --initlabel --disklabel=gpt\n"));
    assert!(matches!(&verdicts(&[storage])[..], [Verdict::Accepted(_)]));
    assert!(kickstart.contains("\nopenvswitch\n"), "{kickstart}");
}

fn heredoc(text: &str, end: &str) -> String {
    let after = text.split_once(&format!("<<'{end}'\n")).expect("here-document").1;
    after.split_once(&format!("{end}\n")).expect("its end").0.to_owned()
}

/// The bodies of a kickstart's sections of a kind, in order.
fn sections(kickstart: &str, header: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = kickstart.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(header) {
            let body = lines.by_ref().take_while(|line| *line != "%end");
            found.push(body.map(|line| format!("{line}\n")).collect());
        }
    }
    found
}

/// Runs a shell script with mounts of its own.
pub fn contained(setup: &str, script: &Path, path: &str) -> (bool, String) {
    let command = format!("set -e\n{setup}\nPATH={path} exec bash {} 2>&1", text(script));
    let output =
        oracle::run("unshare", ["--mount", "--propagation", "private", "sh", "-c", &command]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
    (output.status.success(), said)
}

pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// `%post --nochroot` puts the node's files into a tree, and `%post` sets units and labels.
fn check_scripts_on_a_tree(image: &Path) {
    let directory = scratch();
    let (medium, root) = (directory.path().join("medium"), directory.path().join("root"));
    extract(image, &medium);
    fs::create_dir_all(root.join("etc/yum.repos.d")).expect("tree");
    fs::create_dir_all(root.join("root")).expect("tree");
    let own = "[main]\nx=1\n[base]\nname=b\nEnabled = 1\n[extras]\nname=e\n";
    fs::write(root.join("etc/yum.repos.d/CentOS-Base.repo"), own).expect("file");
    let kickstart = read(image, "imgbuild/ks/openstack.ks");
    let setup = format!(
        "mount -t tmpfs none /mnt; mkdir /mnt/sysimage; mount --bind {} /mnt/sysimage; \
         mkdir -p /run/install; mount -t tmpfs none /run/install; mkdir /run/install/repo; \
         mount --bind {} /run/install/repo",
        text(&root),
        text(&medium)
    );
    let script = directory.path().join("script");
    let run = |body: &str| {
        fs::write(&script, body).expect("script");
        contained(&setup, &script, PATH)
    };
    let posts = sections(&kickstart, "%post --nochroot");
    assert_eq!(posts.len(), 2, "{kickstart}");
    for body in &posts {
        let (done, said) = run(body);
        assert!(done, "{said}");
    }
    let read = |path: &str| fs::read_to_string(root.join(path)).expect(path);
    assert_eq!(
        read("etc/yum.repos.d/CentOS-Base.repo"),
        "[main]\nx=1\n[base]\nenabled=0\nname=b\n[extras]\nenabled=0\nname=e\n"
    );
    assert!(read("etc/yum.repos.d/imgbuild.repo").contains("[centos]"));
    assert_eq!(read("etc/hostname"), "openstack\n");
    assert!(read("etc/hosts").contains("nova02"));
    assert!(read("etc/firstboot/spec.toml").contains("name = \"openstack\""));
    let mode = |path: &str| fs::symlink_metadata(root.join(path)).expect(path).mode() & 0o7777;
    assert_eq!((mode("usr/bin/firstboot"), mode("root/.ssh/id_rsa") & 0o77), (0o755, 0));
    let link = root.join("etc/systemd/system/multi-user.target.wants/firstboot.service");
    assert!(fs::symlink_metadata(&link).is_ok(), "firstboot is enabled");
    // What has changed on the medium is not installed.
    let archive = medium.join("imgbuild/nodes/openstack/role.tar.gz");
    fs::write(&archive, b"another").expect("archive");
    fs::remove_file(root.join("usr/bin/firstboot")).expect("firstboot");
    let (done, said) = run(&posts[0]);
    assert!(!done && said.contains("role.tar.gz: FAILED"), "{said}");
    assert!(!root.join("usr/bin/firstboot").exists());
    check_settled(&kickstart, directory.path());
}

/// Units and labels, with doubles that write down what they are asked.
fn check_settled(kickstart: &str, directory: &Path) {
    let script = directory.join("script");
    let doubles = directory.join("doubles");
    fs::create_dir(&doubles).expect("directory");
    let log = directory.join("log");
    for name in ["systemctl", "chkconfig"] {
        let body = format!("#!/bin/sh\necho {name} \"$@\" >>{}\n", text(&log));
        fs::write(doubles.join(name), body).expect("double");
        oracle::ok("chmod", ["755", &text(&doubles.join(name))]);
    }
    let settle = sections(kickstart, "%post --interpreter").pop().expect("a last %post");
    fs::write(&script, settle).expect("script");
    let (done, said) = contained("", &script, &format!("{}:{PATH}", text(&doubles)));
    assert!(done, "{said}");
    let asked = fs::read_to_string(&log).expect("log");
    for line in ["systemctl enable openvswitch", "systemctl disable NetworkManager"] {
        assert!(asked.lines().any(|l| l == line), "{asked}");
    }
}

/// A changed file is named, whatever it is; the other firmware's menu too.
fn check_verify(image: &Path) {
    let name = text(image);
    let verify = || product::run(&["verify", &name]);
    assert!(verify().status.success(), "{}", stderr(&verify()));
    let iso = Iso::open(File::open(image).expect("open")).expect("image");
    let place = iso.lookup("EFI/BOOT/grub.cfg").expect("lookup").expect("there").extents[0];
    let file = File::options().write(true).open(image).expect("open");
    file.write_all_at(b"X", place.offset).expect("write");
    let found = verify();
    assert_eq!(found.status.code(), Some(4), "{}", stderr(&found));
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    for line in [
        "EFI/BOOT/grub.cfg has changed",
        "EFI/BOOT/grub.cfg is another one inside images/efiboot.img",
        "the media sum is another one",
    ] {
        assert!(said.lines().any(|l| l == line), "{said}");
    }
    let other = product::run(&["verify", &text(&practice_iso())]);
    assert_eq!(other.status.code(), Some(2), "{}", stderr(&other));
    assert!(stderr(&other).contains("was not made by imgbuild"), "{}", stderr(&other));
}

#[test]
fn all_nodes_on_one_medium_with_repositories_and_without_secrets() {
    let (lab, directory) = (Lab::new(), scratch());
    // One package of each of two other media.
    let wanted = "install      = [\"sshpass\", \"crudini\", ";
    lab.edit("profiles/controller.toml", "install      = [", wanted);
    let more = ["--together", "--no-secrets", "--label", "LAB 7"];
    // The first of the media has the installer; the others' packages are copied.
    let made = product::run(&arguments(&lab, "practice", directory.path(), &more));
    assert!(made.status.success(), "{}", stderr(&made));
    let image = directory.path().join("openstack-lab.iso");
    assert_eq!(fs::metadata(&image).expect("image").mode() & 0o044, 0o044, "nothing to hide");
    let name = text(&image);
    let listed = oracle::ok("isoinfo", ["-R", "-f", "-i", &name]);
    assert!(!listed.contains("secret"), "{listed}");
    let isolinux = read(&image, "isolinux/isolinux.cfg");
    let default = isolinux.split("\nlabel ").find(|part| part.contains("menu default"));
    assert!(default.is_some_and(|part| part.starts_with("local")), "{isolinux}");
    for node in ["openstack", "nova01", "nova02"] {
        let wanted = format!("inst.ks=hd:LABEL=LAB\\x207:/imgbuild/ks/{node}.ks");
        assert!(isolinux.contains(&wanted), "{isolinux}");
        assert!(read(&image, "EFI/BOOT/grub.cfg").contains(&wanted));
        let kickstart = read(&image, &format!("imgbuild/ks/{node}.ks"));
        assert!(kickstart.contains("erase=0\n"), "{kickstart}");
        assert!(matches!(&verdicts(&[kickstart])[..], [Verdict::Accepted(_)]));
    }
    assert!(read(&image, "EFI/BOOT/grub.cfg").contains("--set=root -l 'LAB 7'"));
    assert!(read(&image, "EFI/BOOT/medium.cfg").contains("hd:LABEL=LAB\\x207"));
    oracle::ok("checkisomd5", [&name]);
    assert!(product::run(&["verify", &name]).status.success());
    // What nodes need of other media is a repository that dnf reads.
    let value: Value =
        serde_json::from_slice(&product::run(&["inspect", &name, "--json"]).stdout).expect("JSON");
    let added = value["install"]["repositories"].as_array().expect("repositories");
    let ids: Vec<&str> = added.iter().filter_map(|added| added["id"].as_str()).collect();
    assert_eq!(ids, ["extras", "rhel-7-server-openstack-10-rpms"], "{value}");
    let tree = directory.path().join("all");
    extract(&image, &tree);
    for repository in added {
        let (id, place) = (&repository["id"], repository["directory"].as_str().expect("text"));
        let from = format!("x,file://{}", text(&tree.join(place)));
        let options = ["--disablerepo=*", "--repofrompath", &from, "repoquery", "--available"];
        let listed = oracle::ok("dnf", ["-q"].iter().chain(&options).copied());
        assert_eq!(listed.lines().count() as u64, repository["packages"], "{id}: {listed}");
    }
}

#[test]
fn media_that_no_installer_starts_from_are_refused() {
    let (lab, directory) = (Lab::new(), scratch());
    let output = directory.path().join("out");
    let refused = |media: &str, more: &[&str], why: &str| {
        let done = one(&lab, media, &output, more);
        let said = stderr(&done);
        assert_eq!(done.status.code(), Some(2), "{media} {more:?}: {said}");
        assert!(said.contains(why), "{media} {more:?}: {said}");
        assert!(!output.exists(), "{media}: something is left");
    };
    let os = text(&product::practice().join("os"));
    refused(&os, &[], "it is a directory, not the ISO file");
    let extras = text(&product::practice().join("practice-extras.iso"));
    refused(&os, &["--media", &extras], "it has no .treeinfo, so no installer");
    let copy = directory.path().join("copy.iso");
    let changed = |at: u64, bytes: &[u8]| {
        fs::copy(practice_iso(), &copy).expect("copy");
        File::options()
            .write(true)
            .open(&copy)
            .expect("open")
            .write_all_at(bytes, at)
            .expect("write");
        text(&copy)
    };
    let iso = Iso::open(File::open(practice_iso()).expect("open")).expect("image");
    refused(&changed(17 * 2048 + 7, &[0; 23]), &[], "no El Torito boot record");
    refused(&changed(0, &[0; 32768]), &[], "no boot record in its system area");
    let place = iso.lookup(".treeinfo").expect("lookup").expect("there").extents[0];
    let treeinfo = read(&practice_iso(), ".treeinfo").replace("version = 7", "version = 8");
    refused(&changed(place.offset, treeinfo.as_bytes()), &[], "has version 8, not 7");
    let whole = text(&practice_iso());
    refused(&whole, &["--label", &"L".repeat(33)], "is not 1 to 32 letters");
    refused(&whole, &["--label", "a'b"], "is not 1 to 32 letters");
    let file = File::options().write(true).open(&copy).expect("open");
    file.set_len(iso.length() / 2).expect("cut");
    refused(&text(&copy), &[], "truncated");
    lab.edit(
        "profiles/controller.toml",
        "disk   = \"50 GiB\"",
        "disk = \"50 GiB\"\ninstall-disk = \"/dev/sda\"",
    );
    refused(&whole, &[], "its name changes from one start to the next");
}
