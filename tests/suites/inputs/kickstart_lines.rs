//! Kickstart line → what an image gets of it, and its line in the report: a table. Files are
//! judged by the programs that read them.

use builder::kickstart::Fate::{self, Honoured, LeftOut, NotApplicable, Refused, Translated};
use builder::kickstart::{Kickstart, SourceMap, Text, parse};
use builder::plan::node::accounts::{self, AccountFiles};
use builder::plan::node::{self, Facts};
use builder::spec::{Request, Spec, load};
use formats::tree::Content;
use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use std::collections::BTreeMap;
use std::fs;

/// A fresh EL7 system's, as far as the cases need them.
fn accounts_before() -> AccountFiles {
    AccountFiles {
        passwd: "root:x:0:0:root:/root:/bin/bash\n".into(),
        group: "root:x:0:\nwheel:x:10:\n".into(),
        shadow: "root:*:17000:0:99999:7:::\n".into(),
        gshadow: "root:::\nwheel:::\n".into(),
    }
}

/// The controller's spec with `line` in its kickstart.
fn spec(lab: &Lab, line: &str) -> Spec {
    let path = lab.directory().join("kickstart/controller.ks");
    let old = fs::read_to_string(&path).expect("kickstart");
    fs::write(&path, old.replace("\nzerombr\n", &format!("\n{line}\nzerombr\n"))).expect("write");
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let request =
        Request { home: Some(lab.directory()), ..Request::new(&profile, lab.directory()) };
    let spec = load(&request).unwrap_or_else(|e| panic!("{line}: {e}"));
    fs::write(&path, old).expect("write");
    spec
}

/// Files that the image gets, by their path.
fn files(spec: &Spec) -> BTreeMap<String, String> {
    let (packages, keys) = (BTreeMap::new(), BTreeMap::new());
    let facts = Facts { packages, plan: "00".repeat(32), keys, practice: false };
    let mut all = node::role_files(spec, &facts);
    all.extend(node::identity_files(spec, &spec.nodes[0], &facts).expect("files"));
    let mut files: BTreeMap<String, String> = all
        .into_iter()
        .map(|file| {
            let text = match file.content {
                Content::Bytes(bytes) => String::from_utf8(bytes).expect("text"),
                Content::Symlink(target) => String::from_utf8(target).expect("text"),
                other => format!("{other:?}"),
            };
            (file.path, text)
        })
        .collect();
    let made = accounts::apply(accounts_before(), &spec.kickstart).expect("accounts").files;
    files.insert("/etc/passwd".into(), made.passwd);
    files.insert("/etc/group".into(), made.group);
    files.insert("/etc/shadow".into(), made.shadow);
    let units = |list: &[String]| list.join(" ");
    files.insert("enabled".into(), units(&spec.services.enabled));
    files.insert("disabled".into(), units(&spec.services.disabled));
    files.insert("needs".into(), spec.needs.join(" "));
    files.insert("target".into(), spec.kickstart.default_target().into());
    files.insert("arguments".into(), spec.kickstart.kernel_arguments());
    files
}

/// The report on the line that the kickstart ends with.
fn alone(line: &str) -> (Fate, String, Kickstart) {
    let lines = SourceMap::default();
    let text = Text::new("ks", line, &lines, "lab");
    let kickstart = parse(&text).unwrap_or_else(|e| panic!("{line}: {e:?}"));
    let last = kickstart.report.last().expect("a fate").clone();
    (last.fate, last.why, kickstart)
}

/// A lab in which nothing else speaks of the firewall.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "\"NetworkManager\", \"firewalld\"", "\"NetworkManager\"");
    lab.edit("kickstart/controller.ks", "-firewalld\n", "");
    lab
}

const IFCFG: &str = "/etc/sysconfig/network-scripts/ifcfg-";

/// A line, what becomes of it, a file of the image (or an interface, a list), and what is in it.
const EFFECTS: &[(&str, Fate, &str, &str)] = &[
    ("lang cs_CZ.UTF-8", Honoured, "/etc/locale.conf", "LANG=\"cs_CZ.UTF-8\"\n"),
    ("keyboard --vckeymap=cz-qwertz", Honoured, "/etc/vconsole.conf", "KEYMAP=\"cz-qwertz\"\n"),
    ("timezone Europe/Prague", Honoured, "/etc/localtime", "zoneinfo/Europe/Prague"),
    ("timezone Europe/Prague", Honoured, "/etc/adjtime", "\nLOCAL\n"),
    ("selinux --enforcing", Honoured, "/etc/selinux/config", "SELINUX=enforcing\n"),
    ("selinux --disabled", Honoured, "/etc/selinux/config", "SELINUX=disabled\n"),
    ("rootpw --lock", Honoured, "/etc/shadow", "root:!!:"),
    ("rootpw --iscrypted $6$salt$abc", Honoured, "/etc/shadow", "root:$6$salt$abc:"),
    ("rootpw --plaintext secret", Honoured, "/etc/shadow", "root:$6$"),
    ("group --name=lab --gid=2001", Honoured, "/etc/group", "lab:x:2001:\n"),
    (
        "user --name=ann --uid=1500 --gid=1600 --groups=wheel --gecos='A B' --shell=/bin/sh",
        Honoured,
        "/etc/passwd",
        "ann:x:1500:1600:A B:/home/ann:/bin/sh\n",
    ),
    ("user --name=ann --groups=wheel", Honoured, "/etc/group", "wheel:x:10:ann\n"),
    (
        "user --name=ann --lock --iscrypted --password=$6$a$b",
        Honoured,
        "/etc/shadow",
        "ann:!$6$a$b:",
    ),
    ("user --name=ann --plaintext --password=x", Honoured, "/etc/shadow", "ann:$6$"),
    ("services --enabled=a,b.service --disabled=c", Honoured, "enabled", " a b"),
    ("services --enabled=a --disabled=c", Honoured, "disabled", " c"),
    ("firewall --enabled --http", Honoured, "needs", "firewalld"),
    ("firewall --enabled --http", Honoured, "enabled", " firewalld"),
    ("firewall --disabled", Honoured, "disabled", " firewalld"),
    ("authconfig --enablemd5", Translated, "needs", "authconfig"),
    ("authconfig --enableshadow --passalgo=sha512", Honoured, "needs", ""),
    (
        "sshkey --username=root 'ssh-rsa A a b'",
        Honoured,
        "/root/.ssh/authorized_keys",
        "ssh-rsa A a b\n",
    ),
    ("firstboot --reconfig", Honoured, "/etc/reconfigSys", ""),
    ("%addon com_redhat_kdump --enable --reserve-mb='auto'\n%end", Honoured, "enabled", "kdump"),
    ("%addon com_redhat_kdump\n%end", Honoured, "needs", "kexec-tools"),
    ("%addon com_redhat_kdump --reserve-mb 128\n%end", Honoured, "arguments", "crashkernel=128M"),
    ("%addon com_redhat_kdump --disable\n%end", Honoured, "disabled", "kdump"),
    (
        "xconfig --startxonboot --defaultdesktop=GNOME",
        Honoured,
        "/etc/sysconfig/desktop",
        "DESKTOP=\"GNOME\"\n",
    ),
    (
        "repo --install --name=x --baseurl=http://h/x --cost=5 --excludepkgs=a,b \
             --includepkgs=c --proxy=http://p:1 --noverifyssl",
        Translated,
        "/etc/yum.repos.d/x.repo",
        "[x]\nname=x\nenabled=1\nbaseurl=http://h/x\ncost=5\nexclude=a b\nincludepkgs=c\n\
             proxy=http://p:1\nsslverify=0\n",
    ),
    (
        "network --device=eth1 --bootproto=static --ip=10.0.0.2 --netmask=255.255.0.0 \
             --gateway=10.0.0.1 --nodefroute --mtu=9000 --ethtool='speed 100' --onboot=no",
        Honoured,
        "eth1",
        "DEVICE=eth1 TYPE=Ethernet BOOTPROTO=none ONBOOT=no IPADDR=10.0.0.2 PREFIX=16 \
             GATEWAY=10.0.0.1 DEFROUTE=no MTU=9000 ETHTOOL_OPTS=speed_100",
    ),
    (
        "network --device=eth1 --noipv4 --ipv6=2001:db8::5/48 --ipv6gateway=fe80::1",
        Honoured,
        "eth1",
        "BOOTPROTO=none IPV6INIT=yes IPV6_AUTOCONF=no IPV6ADDR=2001:db8::5/48 \
             IPV6_DEFAULTGW=fe80::1",
    ),
    (
        "network --device=eth1 --bootproto=dhcp --ipv6=dhcp --nodns",
        Honoured,
        "eth1",
        "BOOTPROTO=dhcp DHCPV6C=yes PEERDNS=no",
    ),
    (
        "network --device=team0 --bootproto=dhcp --teamconfig=\"{\\\"runner\\\": {\\\"name\\\": \
             \\\"lacp\\\"}}\" --teamslaves=\"eth1'{\\\"prio\\\": -10, \\\"sticky\\\": true}',eth2\"",
        Honoured,
        "team0",
        "DEVICE=team0 DEVICETYPE=Team TEAM_CONFIG={\"runner\":_{\"name\":_\"lacp\"}} TYPE=",
    ),
    (
        "network --device=team0 --teamslaves=\"eth1'{\\\"prio\\\": -10, \\\"sticky\\\": true}',eth2\"",
        Honoured,
        "eth1",
        "DEVICETYPE=TeamPort TEAM_MASTER=team0 TYPE= \
             TEAM_PORT_CONFIG={\"prio\":_-10,_\"sticky\":_true}",
    ),
    ("network --device=team0 --teamslaves=eth1,eth2", Honoured, "needs", "teamd"),
    (
        "network --device=eth1 --vlanid=20 --interfacename=vlan20",
        Honoured,
        "vlan20",
        "VLAN=yes VLAN_ID=20 PHYSDEV=eth1",
    ),
];

#[test]
fn honoured_lines_have_their_effect() {
    let lab = lab();
    for &(line, fate, file, words) in EFFECTS {
        assert_eq!(alone(line).0, fate, "{line}: {}", alone(line).1);
        let files = files(&spec(&lab, line));
        // Interfaces are read as initscripts do, by the shell; blanks are shown as `_`.
        let Some(found) = files.get(file) else {
            let text = files.get(&format!("{IFCFG}{file}")).unwrap_or_else(|| panic!("{file}"));
            for pair in words.split_whitespace() {
                let (key, value) = pair.split_once('=').expect("KEY=VALUE");
                let script = format!("{text}\nprintf %s \"${key}\"");
                let read = oracle::ok("sh", ["-c", &script]).replace(' ', "_");
                assert_eq!(read, value, "{line}: {key} in\n{text}");
            }
            continue;
        };
        assert!(found.contains(words), "{line}: {file} has\n{found}");
    }
}

/// A line that is not simply done, what becomes of it, and the reason given.
const REASONS: &[(&str, Fate, &str)] = &[
    ("bootloader --location=none", Translated, "first sector, where an image starts"),
    ("bootloader --location=partition", Translated, "first sector, where an image starts"),
    ("bootloader --extlinux", Translated, "GRUB 2 all the same"),
    ("bootloader --default=linux", Translated, "newest kernel"),
    ("bootloader --driveorder=sda,sdb", Translated, "one disk"),
    ("bootloader --boot-drive=sda", Translated, "one disk"),
    ("part / --size=9 --ondisk=sda\nbootloader --boot-drive=sdb", Translated, "one disk"),
    ("part / --size=9 --ondisk=sda\npart /a --size=9 --ondisk=/dev/sdb", Translated, "no sdb"),
    ("bootloader --md5pass=$1$a$b", Refused, "GRUB 2 knows no MD5"),
    ("bootloader --iscrypted --password=$6$a$b", Refused, "grub2-mkpasswd-pbkdf2"),
    ("bootloader --disabled", Translated, "an image starts by it"),
    ("clearpart --all --disklabel=msdos", Honoured, "label is msdos"),
    ("clearpart --all --disklabel=gpt", Honoured, "label is gpt"),
    ("clearpart --all --disklabel=dasd", Refused, "write gpt or msdos"),
    ("clearpart --all", NotApplicable, "new and empty"),
    ("zerombr", NotApplicable, "new and empty"),
    ("timezone Etc/UTC --nontp", Translated, "--nontp does not count"),
    ("timezone Etc/UTC --ntpservers=a", Translated, "chronyd's servers are the lab file's"),
    ("network --bootproto=dhcp", Translated, "addresses and the node's name are the lab file's"),
    ("network --hostname=x", Translated, "the node's name is the lab file's"),
    ("network --device=eth0:1 --bootproto=dhcp", Refused, "an alias, a second address of eth0"),
    ("network --device=52:54:00:aa:bb:cc", Refused, "a hardware address"),
    ("repo --name=x --baseurl=ftp://h/", NotApplicable, "packages come from --media"),
    ("repo --name=x --baseurl=http://h/", Honoured, "as well unless --media is given"),
    ("url --mirrorlist=https://h/", Honoured, "unless --media is given"),
    ("url --url=file:///mnt", NotApplicable, "packages come from --media"),
    ("eula --agreed", NotApplicable, "licence"),
    ("reboot --eject", NotApplicable, "after its run"),
    ("poweroff", NotApplicable, "after its run"),
    ("halt", NotApplicable, "after its run"),
    ("shutdown", NotApplicable, "after its run"),
    ("xconfig --defaultdesktop=a/b", Refused, "as in GNOME or KDE"),
    ("liveimg --url=http://h/", LeftOut, "it has what %packages names"),
    ("timezone Europe/Nowhere", Refused, "does not exist"),
    ("sshkey --username=ann 'ssh-rsa A'", Honoured, "authorized_keys of ann"),
    ("part swap --recommended\npart raid.1 --size=9", Refused, "without RAID"),
    ("part / --size=9 --encrypted", Refused, "passphrase"),
    ("part / --size=9 --fsprofile=x", Refused, "features"),
    ("part prepboot --size=8", NotApplicable, "other machines"),
    ("part /tmp --fstype=tmpfs", Honoured, "in memory"),
    ("part /run --fstype=tmpfs", Refused, "belongs to the root filesystem"),
    ("part / --fstype=ext3 --size=1 --grow", Honoured, "is created"),
    ("part / --fstype=ext2 --size=9 --active", Translated, "on a GPT disk"),
    ("autopart --type=thinp", Translated, "are linear"),
    ("autopart --type=btrfs", Refused, "write --type=lvm"),
    (
        "part pv.1 --size=9\nvolgroup v pv.1\n\
             logvol / --vgname=v --name=l --size=1 --thin --poolname=p",
        Translated,
        "created linear",
    ),
    ("logvol none --vgname=v --name=p --size=1 --thinpool", Translated, "linear ones"),
    ("network --device=eth1 --bindto=mac", Refused, "hardware address"),
    ("network --device=eth1 --dhcpclass=x", Refused, "dhclient.conf"),
    ("network --device=wlan0 --essid=x", Refused, "wireless"),
    ("network --device=eth1 --bootproto=ibft", Refused, "installer only"),
    ("network --device=eth1 --bootproto=static --ip=10.0.0.1", Refused, "needs --netmask"),
    (
        "network --device=eth1 --bootproto=static --ip=10.0.0.1 --netmask=255.0.255.0",
        Refused,
        "one row",
    ),
    ("network --device=team0 --teamslaves=\"eth1'{x'\"", Refused, "in JSON"),
    ("network --device=team0 --teamslaves=eth1 --teamconfig=[]", Refused, "in JSON"),
    ("%packages --multilib\n%end", Refused, "one architecture"),
    ("%packages --default\n%end", Refused, "@^minimal"),
    ("%packages --instLangs=\n%end", Refused, "takes locales"),
    ("%post --nochroot\ntrue\n%end", Translated, "installed tree at /mnt/sysimage"),
    ("%post\ntrue\n%end", Translated, "once for all nodes of a role"),
    ("network --device=br0 --bridgeslaves=eth1 --vlanid=5", Refused, "a line for each"),
    ("mediacheck", NotApplicable, "digest and signature"),
    ("%pre\ntrue\n%end", NotApplicable, "outside the installed system"),
    ("%addon com_redhat_kdump --reserve-mb=x\n%end", Refused, "neither a number of MiB nor auto"),
    ("%addon com_redhat_kdump --enablefadump\n%end", Translated, "without effect: --enablefadump"),
    ("%addon org_fedora_oscap\n%end", LeftOut, "runs in Anaconda only"),
    ("%addon x --disable\n%end", NotApplicable, "changes nothing"),
    ("%pre\necho >/tmp/x\n%end\n%include /tmp/x", Refused, "the %pre at ks:1 writes"),
    ("%include /tmp/x", Refused, "--include /tmp/x=FILE"),
    ("realm join x", Refused, "joins no domain"),
];

#[test]
fn every_other_line_reports_why() {
    for &(line, fate, words) in REASONS {
        let (found, why, _) = alone(line);
        assert_eq!(found, fate, "{line}: {why}");
        assert!(why.contains(words), "{line}: {why}");
    }
}

/// The report shows what this line does, not what such lines do.
#[test]
fn what_is_reported_of_a_line_is_true_of_it() {
    for (line, words) in [
        ("timezone Etc/UTC", "the time zone; chronyd's servers are the lab file's"),
        ("firewall --enabled --remove-service=ssh --port=80", "lets in dhcpv6-client, 80/tcp"),
        ("firewall --enabled --remove-service=ssh,dhcpv6-client", "lets in nothing"),
        ("bootloader --append=a", "GRUB 2, with these kernel arguments"),
        ("firstboot --enable", "where the package initial-setup is installed"),
        ("firstboot --disable", "does not run"),
        ("%packages --excludedocs --ignoremissing\n%end", "and reported; without files"),
        ("network --device=eth1", "ifcfg file; default route, name servers and the node's name"),
        ("%post\n%end", "it is empty"),
    ] {
        let (fate, why, _) = alone(line);
        assert_eq!(fate, Honoured, "{line}: {why}");
        assert!(why.contains(words), "{line}: {why}");
    }
    assert_eq!(alone("bootloader --timeout=1").1, "GRUB 2");
}

#[test]
fn what_an_image_does_otherwise_is_warned_of() {
    for (text, line, words) in [
        ("%post\n# hostname\necho $(hostname) > /etc/motd\n%end", 3, "about one: `hostname`"),
        ("%post\nsed -i s/a/b/ /etc/sysconfig/network-scripts/ifcfg-eth1\n%end", 2, "`ifcfg-`"),
        ("rootpw $6$a$b", 1, "the password of root is this hash itself"),
        ("user --name=ann --password=x", 1, "the password of ann is written in clear"),
        ("%post\necho x >> /etc/hosts\n%end", 2, "%post changes /etc/hosts"),
    ] {
        let (_, _, kickstart) = alone(text);
        let [warning] = &kickstart.warnings[..] else { panic!("{:?}", kickstart.warnings) };
        assert!(warning.message.contains(words), "{warning}");
        assert_eq!(warning.place.line, line, "{warning}");
    }
    assert_eq!(alone("%post\n# nothing of a hostname\ntrue\n%end").2.warnings, []);
}

/// The nodes of a role share one tree: what one of them needs is in it, whichever is built.
/// Of a command that is given twice the later one counts, as pykickstart merges them.
#[test]
fn a_line_that_a_later_one_replaces_is_reported() {
    let (_, _, kickstart) = alone("bootloader --append=one --timeout=3\nbootloader --append=two");
    assert_eq!(kickstart.bootloader.append, "two");
    assert_eq!(kickstart.bootloader.timeout, Some(3));
    let first = &kickstart.report[0];
    assert_eq!(first.fate, Translated);
    assert!(first.why.ends_with("of what was given before, --timeout counts as well"));
    let (_, _, kickstart) = alone("services --enabled=a\nservices --enabled=b --disabled=c");
    assert_eq!(
        (&kickstart.services.enabled[..], &kickstart.services.disabled[..]),
        (&["b".to_owned()][..], &["c".to_owned()][..])
    );
}

/// firewalld's own schema of EL7's package accepts the zones, and refuses a broken one.
#[test]
fn zones_are_valid_to_firewalld() {
    let Some(shared) = product::shared() else { return };
    let lab = lab();
    let directory = lab.directory();
    let rpm = shared.join("el7/media/Packages/firewalld-0.5.3-5.el7.noarch.rpm");
    let schema = "./usr/lib/firewalld/xmlschema/zone.xsd";
    oracle::ok("bsdtar", ["-xf", &text(&rpm), "-C", &text(directory), schema]);
    let line = "firewall --enabled --service=http,https --port=5900-5999:tcp,161:udp --ssh \
                --remove-service=dhcpv6-client --trust=eth1";
    let files = files(&spec(&lab, line));
    for zone in ["public", "trusted"] {
        let made = &files[&format!("/etc/firewalld/zones/{zone}.xml")];
        let path = directory.join(format!("{zone}.xml"));
        let xsd = text(&directory.join(schema));
        fs::write(&path, made).expect("write");
        oracle::ok("xmllint", ["--noout", "--schema", &xsd, &text(&path)]);
        fs::write(&path, made.replace("<zone", "<zone colour=\"red\"")).expect("write");
        assert!(
            !oracle::run("xmllint", ["--noout", "--schema", &xsd, &text(&path)]).status.success()
        );
    }
    let public = &files["/etc/firewalld/zones/public.xml"];
    let query = |expression: &str| {
        let path = directory.join("public.xml");
        fs::write(&path, public).expect("write");
        oracle::ok("xmllint", ["--xpath", expression, &text(&path)]).trim().to_owned()
    };
    assert_eq!(query("count(//service)"), "3");
    assert_eq!(query("string(//port[@protocol='udp']/@port)"), "161");
    assert_eq!(query("count(//service[@name='ssh' or @name='http' or @name='https'])"), "3");
}
