//! Trees of `imgbuild pxe`: what they hold and who may read it, judged by pykickstart, GRUB's own
//! parser and dnsmasq's; and their scripts run on a system that is made up.

use crate::install_iso::{PATH, contained, scratch};
use lab_tests::boot_network::{
    ADDRESS, BootNetwork, BootServer, MAC, NODE, SERVER, lab, make_tree, node_directory,
};
use lab_tests::lab::{Lab, text};
use lab_tests::pykickstart::{Verdict, verdicts};
use lab_tests::{oracle, product};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

fn practice_iso() -> PathBuf {
    product::practice().join("practice-os.iso")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).mode() & 0o777
}

fn made(lab: &Lab, output: &Path, more: &[&str]) -> String {
    let made = make_tree(lab, &practice_iso(), output, more);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).into_owned()
}

#[test]
fn a_tree_has_what_loaders_and_installer_ask_for() {
    let (lab, directory) = (lab(), scratch());
    let tree = directory.path().join("tree");
    let printed = made(&lab, &tree, &["--erase"]);
    assert!(printed.contains("installing ERASES the disk"), "{printed}");
    let at = |path: &str| tree.join(path);
    let own = node_directory(&tree);
    check_modes(&tree, &own);
    for (copied, from) in [
        ("tftp/pxelinux.0", "/usr/lib/PXELINUX/pxelinux.0"),
        ("tftp/ldlinux.c32", "/usr/lib/syslinux/modules/bios/ldlinux.c32"),
        ("tftp/snponly.efi", "/usr/lib/ipxe/snponly.efi"),
    ] {
        oracle::ok("cmp", [&text(&at(copied)), from]);
    }
    let medium = product::practice().join("os");
    for name in ["images/pxeboot/vmlinuz", "images/pxeboot/initrd.img", "EFI/BOOT/BOOTX64.EFI"] {
        oracle::ok("cmp", [at("tftp").join(name), medium.join(name)]);
    }
    check_kickstart(&own);
    check_boot_files(&tree, &own);
    // The same again only if asked for; and then nobody who knew the old paths knows the new ones.
    let again = make_tree(&lab, &practice_iso(), &tree, &["--erase"]);
    assert_eq!(again.status.code(), Some(2));
    made(&lab, &tree, &["--erase", "--force"]);
    assert!(node_directory(&tree) != own && !own.exists());
    oracle::ok("dnsmasq", ["--test", &format!("--conf-file={}", text(&at("dnsmasq.conf")))]);
}

fn check_modes(tree: &Path, own: &Path) {
    let hyphens = format!("01-{}", MAC.replace(':', "-"));
    for private in [
        "pxe.json".to_owned(),
        format!("tftp/pxelinux.cfg/{hyphens}"),
        format!("tftp/EFI/BOOT/grub.cfg-{hyphens}"),
        format!("http/boot/{MAC}.ipxe"),
    ] {
        assert_eq!(mode(&tree.join(&private)), 0o600, "{private}");
    }
    assert_eq!(mode(&tree.join("http/n")), 0o700);
    for name in ["ks.cfg", "node.tar.gz", "role.tar.gz", "secret/node.tar.gz"] {
        assert_eq!(mode(&own.join(name)), 0o600, "{name}");
    }
    for public in ["tftp/pxelinux.0", "tftp/pxelinux.cfg/default", "dnsmasq.conf"] {
        assert_eq!(mode(&tree.join(public)) & 0o444, 0o444, "{public}");
    }
}

fn check_kickstart(own: &Path) {
    let kickstart = read(&own.join("ks.cfg"));
    let [Verdict::Accepted(written)] = &verdicts(std::slice::from_ref(&kickstart))[..] else {
        panic!("pykickstart refuses\n{kickstart}");
    };
    let url = format!("url --url=\"http://{SERVER}/tree/practice-os\"");
    assert!(written.lines().any(|line| line == url), "{written}");
    for secret in ["PRIVATE KEY", "cdrom", "/run/install/repo/imgbuild", "{{", "@URL@"] {
        assert!(!kickstart.contains(secret), "{secret} in {kickstart}");
    }
}

/// Armed, every loader starts the installer with the same arguments; disarmed, the local disk.
fn check_boot_files(tree: &Path, own: &Path) {
    let hyphens = format!("01-{}", MAC.replace(':', "-"));
    let files = || {
        let all = [
            format!("tftp/pxelinux.cfg/{hyphens}"),
            format!("tftp/EFI/BOOT/grub.cfg-{hyphens}"),
            format!("http/boot/{MAC}.ipxe"),
            format!("http/boot/{MAC}.cfg"),
        ];
        all.map(|path| read(&tree.join(path)))
    };
    let disarmed = files();
    assert!(disarmed[0].contains("localboot 0") && disarmed[2].ends_with("exit\n"));
    assert!(disarmed.iter().all(|text| !text.contains("inst.ks")), "{disarmed:?}");
    let run = |words: &[&str]| {
        let output = product::run(&[words, &["--pxe", &text(tree)]].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(run(&["arm", NODE]).0, Some(0));
    let token = own.file_name().expect("a name").to_string_lossy().into_owned();
    let (url, mac) = (format!("http://{SERVER}"), MAC.replace(':', "-"));
    let arguments = format!(
        "inst.stage2={url}/tree/practice-os inst.ks={url}/n/{token}/ks.cfg inst.cmdline \
         net.ifnames=0 biosdevname=0 console=tty0 console=ttyS0,115200n8 \
         ip={ADDRESS}::{SERVER}:255.255.255.0:{NODE}:eth0:none nameserver={SERVER} BOOTIF=01-{mac}"
    );
    for text in files() {
        assert!(text.contains(&format!("{arguments}\n")), "{text}");
        assert!(text.contains("Install openstack (ERASES ITS DISK)"), "{text}");
    }
    let directory = tempfile::tempdir().expect("temporary directory");
    for grub in [&files()[1], &disarmed[1]] {
        let file = directory.path().join("grub.cfg");
        fs::write(&file, grub).expect("grub.cfg");
        oracle::ok("grub-script-check", [text(&file)]);
    }
    assert_eq!(run(&["disarm", "all"]).0, Some(0));
    assert_eq!(files(), disarmed);
    let (code, said) = run(&["arm", "nova09"]);
    assert!(code == Some(2) && said.contains("its nodes: openstack"), "{said}");
}

#[test]
fn what_no_tree_can_be_made_of_is_refused() {
    let (lab, directory) = (lab(), scratch());
    let output = directory.path().join("tree");
    let refused = |lab: &Lab, more: &[&str], words: &[&str]| {
        let done = make_tree(lab, &practice_iso(), &output, more);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{more:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{more:?}: no `{word}` in {said}");
        }
        assert!(!output.exists(), "{more:?}: something is left");
    };
    refused(&Lab::new(), &[], &["profiles/lab.toml: [[node]] openstack: `mac` is missing"]);
    refused(&lab, &["--loaders", "/no/such"], &["--loaders: /no/such is not a directory"]);
    lab.edit("profiles/lab.toml", &format!("address = \"{ADDRESS}\""), "address = \"192.168.1.9\"");
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let iso = text(&practice_iso());
    let fixed = ["pxe", "--profile", &profile, "--media", &iso, "--output", "/nowhere"];
    let same = [&fixed[..], &["--server", "192.168.1.9"]].concat();
    let done = product::run(&same);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("192.168.1.9 is the address of the node openstack"), "{said}");
    let done = product::run(&[&fixed[..], &["--server", "192.168.1.300"]].concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("not an address as 192.168.1.254"), "{said}");
    // Debian's PXELINUX alone does not start.
    let alone = [&fixed[..], &["--server", "192.168.1.5", "--loaders", "/usr/lib/PXELINUX"]];
    let done = product::run(&alone.concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(2) && said.contains("needs ldlinux.c32"), "{said}");
    let none = product::run(&["arm", NODE, "--pxe", &text(&output)]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        none.status.code() == Some(2) && said.contains("make it first: imgbuild pxe"),
        "{said}"
    );
}

/// The bodies of a kickstart's `%post --nochroot`, in order.
fn posts(kickstart: &str) -> Vec<String> {
    let parts = kickstart.split("%post --nochroot").skip(1);
    let body = |part: &str| part.split_once('\n').map(|(_, rest)| rest.to_owned());
    parts
        .filter_map(body)
        .map(|rest| rest.split("%end").next().unwrap_or_default().into())
        .collect()
}

#[test]
fn scripts_fetch_the_nodes_files_and_nobody_else_does() {
    let (lab, directory, network) = (lab(), scratch(), BootNetwork::new());
    let tree = directory.path().join("tree");
    made(&lab, &tree, &[]);
    let own = node_directory(&tree);
    let server = BootServer::start(&network.server, &tree, &[]);
    network.address_node(ADDRESS);
    let root = directory.path().join("root");
    fs::create_dir_all(root.join("root")).expect("tree");
    fs::create_dir_all(root.join("etc/yum.repos.d")).expect("tree");
    let setup = format!(
        "mount -t tmpfs none /mnt; mkdir /mnt/sysimage; mount --bind {} /mnt/sysimage",
        text(&root)
    );
    let script = directory.path().join("script");
    let run = |body: &str| {
        fs::write(&script, body).expect("script");
        network.node.run(|| contained(&setup, &script, PATH))
    };
    let posts = posts(&read(&own.join("ks.cfg")));
    assert_eq!(posts.len(), 2);
    for body in &posts {
        let (done, said) = run(body);
        assert!(done, "{said}");
    }
    assert_eq!(read(&root.join("etc/hostname")), "openstack\n");
    assert_eq!(
        (mode(&root.join("usr/bin/firstboot")), mode(&root.join("root/.ssh/id_rsa"))),
        (0o755, 0o600)
    );
    // What has changed on the server is not installed.
    fs::write(own.join("role.tar.gz"), b"another").expect("archive");
    fs::remove_file(root.join("usr/bin/firstboot")).expect("firstboot");
    let (done, said) = run(&posts[0]);
    assert!(!done && said.contains("role.tar.gz: FAILED"), "{said}");
    assert!(!root.join("usr/bin/firstboot").exists());
    // Another machine does not get the node's files, whatever it knows.
    let name = own.file_name().expect("a name").to_string_lossy().into_owned();
    let status = |path: &str| {
        let url = format!("http://{SERVER}/{path}");
        let mut curl = network.server.command("curl");
        let output = curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url]).output();
        String::from_utf8(output.expect("curl starts").stdout).expect("a number")
    };
    for (path, expected) in [
        (format!("n/{name}/ks.cfg"), "404"),
        ("n/".to_owned(), "404"),
        ("pxe.json".to_owned(), "404"),
        ("tree/practice-os//.treeinfo".to_owned(), "200"),
        ("tree/practice-os/images/updates.img".to_owned(), "404"),
        ("EFI/BOOT/grub.cfg".to_owned(), "200"),
    ] {
        assert_eq!(status(&path), expected, "{path}");
    }
    assert!(server.stop().iter().any(|line| line.starts_with("openstack      files")));
}
