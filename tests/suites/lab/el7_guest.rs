//! A rich kickstart on genuine EL7 packages, asked from inside the booted guest by EL7's own
//! tools: disks, accounts, labels, services, firstboot, grub2-mkconfig, a kernel update by yum.
#![allow(clippy::print_stderr, reason = "how long emulated steps took, for the suite's budget")]

use lab_tests::guest::{Firmware, Guest};
use lab_tests::lab::{Lab, text};
use lab_tests::{kernel_double, product, rpm_double};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

const STORAGE: &str = "part biosboot --fstype=biosboot --size=2\n\
    part /boot/efi --fstype=efi --size=100\npart /boot --fstype=ext4 --size=400 --label=boot\n\
    part pv.1 --size=1 --grow\nvolgroup vg pv.1\n\
    logvol / --vgname=vg --name=root --size=3000 --fstype=ext4 --label=root\n\
    logvol swap --vgname=vg --name=swap --size=256\n\
    logvol /data --vgname=vg --name=data --size=500 --fstype=xfs --fsoptions=nodev\n\
    logvol /home --vgname=vg --name=home --size=300 --fstype=ext4\n";
const ACCOUNTS: &str = "rootpw --lock\ngroup --name=lab --gid=2000\n\
    user --name=ann --groups=wheel,lab --password=clear-text --plaintext --uid=1500\n";
const PASSWORD: &str = "clear-text";
/// What an administrator may set for an initramfs that is soon made: emulated, one for any
/// machine takes ten minutes.
const DRACUT: &str = "hostonly=yes\ncompress=cat\ndo_strip=no\ndo_prelink=no\n\
    early_microcode=no\nstdloglvl=1\nsysloglvl=0\n";
/// A double of EL7's policy: Debian's contexts of files where EL7's would be. There is nothing to
/// load, and SELinux stays off in the guest.
const POLICY: &str = "Name: selinux-policy-targeted\nVersion: 3.13.1\nRelease: 999.el7.double\n\
    Summary: A test double of the policy: contexts of files alone\nBuildArch: noarch\n\
    Provides: selinux-policy-base = 3.13.1-229.el7\n%description\nNot EL7's policy.\n\
    %install\nto=%{buildroot}/etc/selinux/targeted/contexts/files\nmkdir -p $to\n\
    cd /etc/selinux/default/contexts/files\n\
    cp file_contexts file_contexts.homedirs file_contexts.subs_dist $to\n\
    %files\n/etc/selinux/targeted\n";

/// The shipped controller with another disk, accounts, language, keyboard and services.
fn rich_lab() -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"8 GiB\"");
    for (from, to) in [
        ("part biosboot  --fstype=biosboot --size=2\n", STORAGE),
        ("part /boot/efi --fstype=efi      --size=200\n", ""),
        ("part /         --fstype=ext4     --size=4096 --grow --label=root\n", ""),
        ("rootpw --lock\n", ACCOUNTS),
        ("--vckeymap=us", "--vckeymap=de"),
        ("timezone Etc/UTC", "timezone Europe/Berlin"),
        ("lang en_US", "lang en_GB"),
        ("services.enabled | join(\",\") }}", "services.enabled | join(\",\") }},rsyslog"),
        ("services.disabled | join(\",\") }}", "services.disabled | join(\",\") }},crond"),
        ("\nchrony\n", "\nchrony\nlvm2\nxfsprogs\ndosfstools\nsudo\nlibselinux-utils\n"),
    ] {
        lab.edit("kickstart/controller.ks", from, to);
    }
    lab
}

fn arguments(lab: &Lab, shared: &Path) -> Vec<String> {
    let policy = lab.directory().join("policy");
    rpm_double::repository(POLICY, &policy);
    let mut media = ["media", "extras", "osp10"].map(|part| shared.join("el7").join(part)).to_vec();
    media.push(policy);
    let media: Vec<String> = media.iter().map(|path| text(path)).collect();
    let media: Vec<&str> = media.iter().map(String::as_str).collect();
    // Stand-ins and doubles are not signed; the interest groups' keys are on no medium.
    let unchecked = ["media", "extras", "rhel-7-server-openstack-10-rpms", "policy"];
    let more: Vec<&str> = unchecked.iter().flat_map(|id| ["--no-gpgcheck", *id]).collect();
    lab.arguments("controller", &media, &more)
}

/// Runs `what`, and prints how long it took.
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = run();
    eprintln!("{what}: {:.0} s", started.elapsed().as_secs_f32());
    done
}

fn start(lab: &Lab, overlay: &Path, firmware: Firmware) -> Guest {
    Guest::start(overlay, firmware, Ipv4Addr::new(192, 168, 1, 10), &lab.key())
}

fn boot(lab: &Lab, overlay: &Path) -> Guest {
    let guest = start(lab, overlay, Firmware::Bios);
    guest.ssh("firstboot status --wait --timeout 500");
    guest
}

#[test]
fn a_rich_kickstart_is_what_the_booted_node_has() {
    let Some(shared) = product::shared() else { return };
    let lab = rich_lab();
    let stderr = timed("build", || product::build(&arguments(&lab, &shared)));
    assert!(stderr.contains("the password of ann is written in clear"), "{stderr}");
    assert!(!stderr.contains(PASSWORD), "{stderr}");
    let overlay = lab.overlay("openstack");

    let guest = timed("boot until ready", || boot(&lab, &overlay));
    timed("questions", || {
        check_disks(&guest);
        check_accounts(&guest);
        check_settings(&guest);
        check_firstboot(&guest);
    });
    timed("labels", || check_labels(&guest));
    let before = entries(&guest.ssh("cat /boot/grub2/grub.cfg"));
    timed("grub2-mkconfig", || guest.ssh("grub2-mkconfig -o /boot/grub2/grub.cfg"));
    let written = guest.ssh("cat /boot/grub2/grub.cfg");
    assert_eq!(entries(&written), before);
    assert!(written.contains("/grub2/grubenv\n"), "02_saved_entry: {written}");
    assert_eq!(guest.ssh("grub2-editenv list").trim(), "saved_entry=0");

    if product::may_take_long("a kernel update, and two starts after it") {
        check_kernel_update(&lab, &overlay, guest);
    }
}

/// yum's new kernel starts, and the old one on request, by the other firmware as well.
fn check_kernel_update(lab: &Lab, overlay: &Path, guest: Guest) {
    let old = guest.ssh("uname -r");
    let new = timed("kernel update", || update_kernel(&guest, old.trim()));
    guest.power_off();
    let guest = timed("boot of the new kernel until ready", || boot(lab, overlay));
    assert_eq!(guest.ssh("uname -r").trim(), new);
    assert_eq!(guest.ssh("systemctl list-units --failed --no-legend --plain").trim(), "");

    // What is chosen for the next start holds for the other firmware as well.
    guest.ssh("grub2-reboot 1");
    guest.power_off();
    let mut guest = start(lab, overlay, Firmware::Uefi);
    timed("old kernel under UEFI", || guest.wait_for(&format!("Linux version {}", old.trim())));
}

fn check_disks(guest: &Guest) {
    for (mount, expected) in [
        ("/", "ext4 /dev/mapper/vg-root root"),
        ("/boot", "ext4 /dev/vda3 boot"),
        ("/boot/efi", "vfat /dev/vda2 ESP"),
        ("/data", "xfs /dev/mapper/vg-data"),
        ("/home", "ext4 /dev/mapper/vg-home"),
    ] {
        let found = guest.ssh(&format!("findmnt -n -o FSTYPE,SOURCE,LABEL {mount}"));
        assert_eq!(squeezed(&found), expected, "{}", guest.ssh("lsblk -f"));
        // fstab has no other than what is mounted; EL7's findmnt does not have --verify.
        let listed = guest.ssh(&format!("findmnt -s -e -n -o FSTYPE,SOURCE {mount}"));
        let device = expected.split(' ').nth(1).expect("device");
        assert!(squeezed(&listed).ends_with(device), "{listed}");
    }
    assert_eq!(guest.ssh("findmnt -s -n -o TARGET | grep -c .").trim(), "6");
    assert!(guest.ssh("findmnt -n -o OPTIONS /data").contains("nodev"));
    let swap = guest.ssh("swapon -s | tail -n +2; readlink -f /dev/vg/swap");
    let device = swap.lines().last().expect("device");
    assert!(swap.lines().count() == 2 && swap.starts_with(device), "{swap}");

    // EL7's lvm2 reads the metadata without a warning, checks it, and rewrites it.
    assert_eq!(
        squeezed(&guest.ssh("pvs --noheadings -o pv_name,vg_name,fmt 2>&1")),
        "/dev/vda4 vg lvm2"
    );
    assert_eq!(squeezed(&guest.ssh("vgs --noheadings -o vg_name,lv_count 2>&1")), "vg 4");
    let volumes = guest.ssh("lvs --noheadings --units m -o lv_name,lv_size 2>&1");
    assert_eq!(squeezed(&volumes), "data 500.00m home 300.00m root 3000.00m swap 256.00m");
    let checked = guest.ssh("vgck vg 2>&1 && lvcreate -y -L 64m -n more vg 2>&1 && vgck vg 2>&1");
    assert_eq!(checked.trim(), "Logical volume \"more\" created.");

    // EL7's own checkers.
    guest.ssh("umount /data && xfs_repair -n /dev/vg/data && mount /data");
    guest.ssh("umount /home && e2fsck -fn /dev/vg/home && mount /home");
    guest.ssh("umount /boot/efi && fsck.fat -n /dev/vda2 && umount /boot && e2fsck -fn /dev/vda3");
    guest.ssh("mount -a && mountpoint /boot/efi");
}

fn check_accounts(guest: &Guest) {
    let id = guest.ssh("id ann");
    assert_eq!(id.trim(), "uid=1500(ann) gid=1500(ann) groups=1500(ann),10(wheel),2000(lab)");
    let skeleton = "cmp /etc/skel/.bashrc /home/ann/.bashrc && stat -c %U:%G /home/ann/.bashrc";
    assert_eq!(guest.ssh(skeleton).trim(), "ann:ann");
    let shadow = guest.ssh("grep ^ann: /etc/shadow; passwd -S root; pwck -r; grpck -r; true");
    assert!(shadow.starts_with("ann:$6$") && shadow.contains("root LK"), "{shadow}");
    let sudo = format!("id -un; pwd; stat -c %U:%a .; echo {PASSWORD} | sudo -S -p '' id -un");
    let login = guest.log_in("ann", PASSWORD, &sudo);
    let words = String::from_utf8_lossy(&login.stdout).into_owned();
    let errors = String::from_utf8_lossy(&login.stderr);
    assert_eq!(squeezed(&words), "ann /home/ann ann:700 root", "{errors}");
    assert!(!guest.log_in("ann", "another", "true").status.success());
    assert!(!guest.log_in("root", PASSWORD, "true").status.success());
}

fn check_settings(guest: &Guest) {
    for (unit, expected) in
        [("sshd", "enabled"), ("chronyd", "enabled"), ("rsyslog", "enabled"), ("crond", "disabled")]
    {
        let listed = guest.ssh(&format!("systemctl list-unit-files --no-legend {unit}.service"));
        assert_eq!(squeezed(&listed), format!("{unit}.service {expected}"));
    }
    let scripts = guest.ssh("chkconfig --list 2>/dev/null");
    for script in ["network", "openvswitch"] {
        let line = scripts.lines().find(|l| l.starts_with(script)).expect("an init script");
        assert!(line.contains("3:on") && line.contains("5:on"), "{scripts}");
    }
    // systemd 219 calls a unit that it did not load "unknown".
    assert_ne!(guest.ssh("systemctl is-active crond; true").trim(), "active");
    assert_eq!(
        guest.ssh("rpm -q firewalld NetworkManager | grep -vc 'not installed'; true").trim(),
        "0"
    );
    assert_eq!(guest.ssh("systemctl list-units --failed --no-legend --plain").trim(), "");
    let locale = guest.ssh("localectl; LANG=en_GB.UTF-8 locale 2>&1");
    assert!(locale.contains("LANG=en_GB.UTF-8") && locale.contains("VC Keymap: de"), "{locale}");
    assert!(!locale.contains("Cannot"), "{locale}");
    let time = guest.ssh("timedatectl");
    for line in ["Time zone: Europe/Berlin", "NTP enabled: yes", "RTC in local TZ: no"] {
        assert!(time.contains(line), "{time}");
    }
    assert_eq!(guest.ssh("getenforce").trim(), "Disabled");
    assert!(guest.ssh("cat /etc/selinux/config").contains("SELINUX=permissive\n"));
}

/// What was not changed since the node started is labelled as by EL7's libselinux; a file made
/// on it has no label, as SELinux is off.
fn check_labels(guest: &Guest) {
    let paths = "echo / /data /home /home/ann | tr ' ' '\\n'; find /boot /etc /usr/bin /usr/sbin \
        /usr/lib/systemd /var -xdev ! -fstype vfat ! -newerct \"$(uptime -s)\" | awk 'NR % 2'; echo /etc/new";
    let ask = format!("touch /etc/new; ({paths}) | xargs -d '\\n' matchpathcon -V; rm /etc/new");
    let printed = guest.ssh(&ask);
    let wrong: Vec<&str> = printed.lines().filter(|line| !line.ends_with(" verified.")).collect();
    let (asked, [new]) = (printed.lines().count(), &wrong[..]) else { panic!("{wrong:#?}") };
    assert!(new.starts_with("/etc/new ") && asked > 1000, "{new}, {asked} paths");
}

fn check_firstboot(guest: &Guest) {
    for record in guest.records().iter().filter(|r| r["FIRSTBOOT_OUTCOME"].is_string()) {
        for (field, expected) in [("FIRSTBOOT_NODE", "openstack"), ("FIRSTBOOT_ROLE", "controller")]
        {
            assert_eq!(record[field], expected, "{record:#}");
        }
        assert_eq!(record["MESSAGE_ID"].as_str().map(str::len), Some(32), "{record:#}");
        assert!(record["FIRSTBOOT_STEP"].is_string(), "{record:#}");
        let begins = record["FIRSTBOOT_OUTCOME"] == "started";
        let numbers = if begins {
            &["FIRSTBOOT_ATTEMPT"][..]
        } else {
            &["FIRSTBOOT_ATTEMPT", "FIRSTBOOT_DURATION_MS"]
        };
        for field in numbers {
            let number = record[*field].as_str().and_then(|n| n.parse::<u64>().ok());
            assert!(number.is_some(), "{field}: {record:#}");
        }
    }
    let explained = guest.ssh("journalctl -b -x -t firstboot --no-pager");
    for words in ["Subject: Node openstack is ready", "Subject: Step chrony is done"] {
        assert!(explained.contains(words), "{explained}");
    }
    // A second run changes nothing; how long it takes is printed, not judged.
    guest.ssh("firstboot run");
    let runs = guest.records();
    let last = runs.iter().rev().find(|r| r["FIRSTBOOT_STEP"] == "run").expect("a record");
    let message = last["MESSAGE"].as_str().unwrap_or_default();
    assert!(message.contains("nothing had to be changed"), "{message}");
    eprintln!("second firstboot run: {} ms", last["FIRSTBOOT_DURATION_MS"]);
}

/// EL7's yum installs a newer kernel, in the guest; returns its release.
fn update_kernel(guest: &Guest, running: &str) -> String {
    let loaded = guest.ssh("lsmod | awk 'NR > 1 { print $1 }'");
    let loaded: Vec<&str> = loaded.lines().collect();
    let directory = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let release = timed("double", || kernel_double::update(running, &loaded, directory.path()));
    let (_server, url) = guest.serve(directory.path());
    let repo = format!("[double]\nname=double\nbaseurl={url}\ngpgcheck=0\n");
    guest.ssh(&format!("printf '{repo}' >/etc/yum.repos.d/double.repo"));
    guest.ssh(&format!("printf '{DRACUT}' >/etc/dracut.conf.d/local.conf"));
    timed("yum", || guest.ssh("yum -q -y --disablerepo='*' --enablerepo=double update kernel"));
    assert_eq!(guest.ssh("rpm -q kernel | grep -c .").trim(), "2");
    // grubby puts it first, for both kinds of firmware, with the arguments of the one before.
    for config in ["/boot/grub2/grub.cfg", "/boot/efi/EFI/centos/grub.cfg"] {
        let entries = entries(&guest.ssh(&format!("cat {config}")));
        let [(new, initramfs), (old, _)] = &entries[..] else { panic!("{config}: {entries:#?}") };
        assert!(new.starts_with(&format!("/vmlinuz-{release} ")), "{config}: {entries:#?}");
        assert_eq!(initramfs.as_deref(), Some(&*format!("/initramfs-{release}.img")));
        let ours = old.split(' ').filter(|w| !w.starts_with("/vmlinuz") && !w.starts_with("root="));
        for word in ours {
            assert!(new.split(' ').any(|w| w == word), "{config}: {word}: {entries:#?}");
        }
    }
    release
}

/// What a grub.cfg starts: kernel, its arguments, initramfs; the loader's commands differ.
fn entries(config: &str) -> Vec<(String, Option<String>)> {
    let command = |line: &str, name: &str| {
        let (first, rest) = line.trim().split_once(' ')?;
        first.starts_with(name).then(|| squeezed(rest))
    };
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for line in config.lines() {
        if let Some(kernel) = command(line, "linux") {
            found.push((kernel, None));
        } else if let (Some(file), Some(last)) = (command(line, "initrd"), found.last_mut()) {
            last.1 = Some(file);
        }
    }
    found
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
