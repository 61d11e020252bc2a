//! Kickstarts that people wrote for their machines, in place of the shipped controller's: built
//! from genuine EL7 packages and booted. For each line that the report calls honoured, translated
//! or added, EL7's own tools in the guest are asked whether it is so. `tests/all` takes two of
//! them, `tests/long` all.
#![allow(clippy::print_stderr, reason = "how long emulated steps took, for the suite's budget")]

use builder::kickstart::{Fate, Line};
use builder::spec::{Request, load};
use lab_tests::guest::{Firmware, Guest};
use lab_tests::lab::{Lab, text};
use lab_tests::{cases, product, rpm_double};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;
use toml::{Table, Value};

/// The kickstarts of `tests/all`: a vagrant box, and volumes for /usr and /var.
const ALWAYS: [&str; 2] = ["vagrant-box", "volume-for-usr"];
/// A double of kexec-tools, which is not among the packages: a service that starts.
const KEXEC_TOOLS: &str = "Name: kexec-tools\nVersion: 2.0.15\nRelease: 13.el7.double\n\
    Summary: A test double of kexec-tools\nBuildArch: noarch\n%description\nNot EL7's.\n\
    %install\nto=%{buildroot}/usr/lib/systemd/system\nmkdir -p $to\n\
    printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n\
    [Install]\\nWantedBy=multi-user.target\\n' >$to/kdump.service\n\
    %files\n/usr/lib/systemd/system/kdump.service\n";

/// What is asked for a line, and what the answer has in it.
#[derive(Clone)]
struct Question {
    ask: String,
    has: String,
}

/// Commands that a guest has nothing to show for: an image is always a new installation, and
/// initial-setup, which `firstboot` is about, is not among the packages.
const UNASKED: [&str; 2] = ["install", "firstboot"];
/// What proves a command of any kickstart: its name, words of the report's reason, the question
/// and the answer.
const COMMON: [(&str, &str, &str, &str); 10] = [
    (
        "network",
        "eth0 has 192.168.1.10/24",
        "ip -4 -o addr show br-ex | grep -o 'inet [^ ]*'; ip route | grep ^default; \
         cat /etc/resolv.conf",
        "inet 192.168.1.10/24 default via 192.168.1.254 dev br-ex nameserver 192.168.1.254",
    ),
    (
        "network",
        "the node's name is openstack",
        "hostname; cat /etc/hostname",
        "openstack openstack",
    ),
    ("firewall", "firewalld does not start", "systemctl -q is-active firewalld || echo off", "off"),
    ("skipx", "", "systemctl get-default", "multi-user.target"),
    ("auth", "EL7's default", "grep ^ENCRYPT_METHOD /etc/login.defs", "ENCRYPT_METHOD SHA512"),
    ("bootloader", "GRUB 2", "test -s /boot/grub2/grub.cfg && echo there", "there"),
    ("bootloader", "net.ifnames=0", "cat /proc/cmdline", "net.ifnames=0 biosdevname=0"),
    ("bootloader", "serial console", "cat /proc/cmdline", "console=tty0 console=ttyS0,115200n8"),
    ("part biosboot", "", "fdisk -l /dev/vda 2>/dev/null | grep -o 'BIOS boot'", "BIOS boot"),
    ("part /boot/efi", "", "findmnt -n -o FSTYPE /boot/efi", "vfat"),
];

/// A test for each kickstart, with the name of its case.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            judge(stringify!($name));
        })+

        #[test]
        fn every_case_has_its_test() {
            let named = [$(stringify!($name)),+];
            for case in cases::directories("guests") {
                let name = case.file_name().expect("name").to_string_lossy().replace('-', "_");
                assert!(named.contains(&&*name), "{name}");
            }
        }
    };
}

tests!(
    anaconda_ks,
    bond_and_vlan,
    kdump,
    msdos_label,
    outside_scripts,
    primary_partitions,
    separate_efi_size,
    thin_volumes,
    two_networks,
    vagrant_box,
    volume_for_usr,
    volumes_and_efi,
);

fn judge(test: &str) {
    let Some(shared) = product::shared() else { return };
    let name = test.replace('_', "-");
    if !ALWAYS.contains(&&*name) && !product::may_take_long(&name) {
        return;
    }
    let started = Instant::now();
    let case = product::workspace().join("tests/cases/guests").join(&name);
    let wrong = prove(&name, &case, &shared);
    eprintln!("{name}: {:.0} s", started.elapsed().as_secs_f32());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Builds and boots a case, and returns every answer that is not as it should be.
fn prove(name: &str, case: &Path, shared: &Path) -> Vec<String> {
    let file = fs::read_to_string(case.join("case.toml")).expect("case.toml");
    let case: Table = file.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
    let lab = prepare(&case, shared);
    let questions = questions(name, &case, &report(&lab));
    product::build(&arguments(&lab, shared));
    let firmware = if case.contains_key("uefi") { Firmware::Uefi } else { Firmware::Bios };
    let overlay = lab.overlay("openstack");
    let guest = Guest::start(&overlay, firmware, Ipv4Addr::new(192, 168, 1, 10), &lab.key());
    guest.ssh("firstboot status --wait --timeout 500");
    let mut wrong = Vec::new();
    for (line, Question { ask, has }) in questions {
        let output = guest.try_ssh(&ask);
        let answer = squeezed(&String::from_utf8_lossy(&output.stdout));
        if !answer.contains(&squeezed(&has)) {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!(
                "{name}, line {line}: `{ask}` says `{answer}`, not `{has}` {errors}"
            ));
        }
    }
    guest.power_off();
    wrong
}

/// The lab with the case's kickstart, as it is but for the case's `edits`, each with its reason.
fn prepare(case: &Table, shared: &Path) -> Lab {
    let lab = Lab::new();
    let kickstart = shared.join("corpus/kickstart/real").join(string(&case["kickstart"]));
    fs::copy(kickstart, lab.directory().join("kickstart/controller.ks")).expect("kickstart");
    for edit in list(case, "edits") {
        lab.edit("kickstart/controller.ks", string(&edit[0]), string(&edit[1]));
    }
    if let Some(disk) = case.get("disk") {
        lab.edit("profiles/controller.toml", "\"50 GiB\"", &format!("{:?}", string(disk)));
    }
    if let Some(boot) = case.get("boot") {
        let boot = format!("[machine]\nboot = {:?}", string(boot));
        lab.edit("profiles/controller.toml", "[machine]", &boot);
    }
    lab
}

fn report(lab: &Lab) -> Vec<Line> {
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let request = Request::new(&profile, lab.directory());
    load(&request).unwrap_or_else(|e| panic!("{e:?}")).kickstart.report
}

/// The questions for every line of the report, with the line's number (0: none).
fn questions(name: &str, case: &Table, report: &[Line]) -> Vec<(usize, Question)> {
    let mut own: Vec<(usize, Question)> = Vec::new();
    for row in list(case, "questions") {
        let question = Question { ask: string(&row[1]).into(), has: string(&row[2]).into() };
        let lines = row[0].as_array().expect("lines").iter();
        own.extend(lines.map(|n| (n.as_integer().expect("a line") as usize, question.clone())));
    }
    let proven = |line: &&Line| {
        matches!(line.fate, Fate::Honoured | Fate::Translated | Fate::Added)
            && !UNASKED.contains(&&*line.command)
    };
    let mut found = Vec::new();
    for line in report.iter().filter(proven) {
        let number = line.place.line;
        let before = found.len();
        found.extend(own.iter().filter(|(n, _)| number > 0 && *n == number).cloned());
        let common = COMMON
            .iter()
            .filter(|(command, why, ..)| line.command == *command && line.why.contains(why));
        found.extend(common.map(|(.., ask, has)| {
            (number, Question { ask: (*ask).to_owned(), has: (*has).to_owned() })
        }));
        assert!(
            found.len() > before,
            "{name}: no question for {number}: {}: {}",
            line.command,
            line.why
        );
    }
    found
}

fn arguments(lab: &Lab, shared: &Path) -> Vec<String> {
    let mut media = ["media", "extras", "osp10"].map(|part| shared.join("el7").join(part)).to_vec();
    for (name, spec) in [("authconfig", rpm_double::AUTHCONFIG), ("kexec-tools", KEXEC_TOOLS)] {
        let double = lab.directory().join(name);
        rpm_double::repository(spec, &double);
        media.push(double);
    }
    let media: Vec<String> = media.iter().map(|path| text(path)).collect();
    let media: Vec<&str> = media.iter().map(String::as_str).collect();
    // Stand-ins and doubles are not signed.
    let repositories =
        ["media", "extras", "rhel-7-server-openstack-10-rpms", "authconfig", "kexec-tools"];
    let unchecked = repositories.iter().flat_map(|id| ["--no-gpgcheck", *id]);
    let more = ["--ignore-missing-packages", "--format", "qcow2-plain"];
    lab.arguments("controller", &media, &unchecked.chain(more).collect::<Vec<_>>())
}

fn list<'a>(table: &'a Table, key: &str) -> &'a [Value] {
    table.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
