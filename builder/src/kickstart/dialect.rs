//! The RHEL 7 dialect as data: every command and section, its options and arguments, and how an
//! image supports it.
//!
//! Option notation: `--flag`; `--name=TEXT`, `INT`, `LIST` (comma-separated), `BOOL`
//! or `a|b|c` (one of these, after `~` in either case); `!` before `=` marks a required
//! option, `*` one whose uses add up, `,` joins names of the same option, the first
//! being the one that the value is stored under.

/// How many arguments besides options a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// None.
    None,
    /// Exactly one, described by the text.
    One(&'static str),
    /// One or none.
    Optional,
    /// Any number.
    Any,
    /// Any words, options of an outside program included.
    Free,
}

/// What becomes of a command in an image, unless the code that reads it knows better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// The image has what the installer would have left.
    Honoured,
    /// Only the installer's own run is concerned; the text says why that is harmless.
    NotApplicable(&'static str),
    /// The image lacks it, and the user should know; the text says what is there instead.
    LeftOut(&'static str),
    /// The installed system would differ; the text says how and what to do.
    Refused(&'static str),
}

/// A command or a section.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Arguments besides options.
    pub arguments: Arguments,
    /// Options in the notation above.
    pub options: &'static str,
    /// What an image makes of it.
    pub image: Image,
}

use Arguments::{Any, Free, One, Optional};
use Image::{Honoured, LeftOut, NotApplicable, Refused};

const fn command(
    name: &'static str,
    arguments: Arguments,
    options: &'static str,
    image: Image,
) -> Command {
    Command { name, arguments, options, image }
}

const NO_ARGUMENTS: Arguments = Arguments::None;
const SOURCE: Image = NotApplicable(
    "packages come from --media or the lab file's repositories: for this one give its address with \
     --media",
);
const INTERFACE: Image = NotApplicable("the installer's user interface; there is no installer run");
const AFTER: Image = NotApplicable("what the installer does after its run; there is none");
const STORAGE: Image =
    Refused("RAID, Btrfs and snapshots are not supported in images: write `part` and `logvol`");
const HARDWARE: Image = Refused("this storage is outside the image's disk");
const PARTITION: &str = "--active --asprimary --fstype,--type=TEXT --grow --maxsize=INT --noformat \
    --onbiosdisk=TEXT --ondisk,--ondrive=TEXT --onpart,--usepart=TEXT --recommended --size=INT \
    --fsoptions=TEXT --label=TEXT --fsprofile=TEXT --encrypted --passphrase=TEXT \
    --escrowcert=TEXT --backuppassphrase --resize --hibernation --cipher=TEXT --mkfsoptions=TEXT";

/// Every command, ordered by name.
pub static COMMANDS: &[Command] = &[
    command("auth", Free, "", Honoured),
    command("authconfig", Free, "", Honoured),
    command(
        "autopart",
        NO_ARGUMENTS,
        "--encrypted --passphrase=TEXT --escrowcert=TEXT --backuppassphrase --nolvm \
         --type=~lvm|btrfs|plain|partition|thinp --cipher=TEXT --fstype=TEXT --nohome",
        Honoured,
    ),
    command("autostep", NO_ARGUMENTS, "--autoscreenshot", INTERFACE),
    command(
        "bootloader",
        NO_ARGUMENTS,
        "--append=TEXT --location=mbr|partition|none|boot --password=TEXT --upgrade \
         --driveorder=LIST --timeout=INT --default=TEXT --iscrypted --md5pass=TEXT \
         --boot-drive=TEXT --leavebootorder --extlinux --disabled --nombr",
        Honoured,
    ),
    command(
        "btrfs",
        Any,
        "--noformat --useexisting --label=TEXT --data=TEXT --metadata=TEXT --subvol \
         --parent=TEXT --name=TEXT --mkfsoptions=TEXT",
        STORAGE,
    ),
    command("cdrom", NO_ARGUMENTS, "", SOURCE),
    command(
        "clearpart",
        NO_ARGUMENTS,
        "--all --initlabel --linux --none --disklabel=TEXT --drives=LIST --list=LIST --cdl",
        Honoured,
    ),
    command("cmdline", NO_ARGUMENTS, "", INTERFACE),
    command(
        "device",
        Any,
        "--opts=TEXT",
        Refused("a kernel module's options: write them to /etc/modprobe.d in %post"),
    ),
    command("deviceprobe", Free, "", NotApplicable("probing of the installer's hardware")),
    command("dmraid", NO_ARGUMENTS, "--name!=TEXT --dev!*=TEXT", HARDWARE),
    command(
        "driverdisk",
        Any,
        "--source=TEXT --biospart=TEXT",
        Refused("drivers are packages here: put their repository into the lab file"),
    ),
    command("eula", NO_ARGUMENTS, "--agreed,--agree,--accepted,--accept", Honoured),
    command("fcoe", NO_ARGUMENTS, "--nic!=TEXT --dcb --autovlan", HARDWARE),
    command(
        "firewall",
        NO_ARGUMENTS,
        "--disabled,--disable --enabled,--enable --port*=LIST --trust*=TEXT --service*=LIST --ftp \
         --http --smtp --ssh --remove-service*=LIST",
        Honoured,
    ),
    command(
        "firstboot",
        NO_ARGUMENTS,
        "--disabled,--disable --enabled,--enable --reconfig",
        Honoured,
    ),
    command("graphical", NO_ARGUMENTS, "", INTERFACE),
    command("group", NO_ARGUMENTS, "--name!=TEXT --gid=INT", Honoured),
    command("halt", NO_ARGUMENTS, "--eject", AFTER),
    command("harddrive", NO_ARGUMENTS, "--biospart=TEXT --partition=TEXT --dir!=TEXT", SOURCE),
    command("hmc", NO_ARGUMENTS, "", SOURCE),
    command(
        "ignoredisk",
        NO_ARGUMENTS,
        "--drives=LIST --only-use=LIST --interactive",
        NotApplicable("it chooses disks of a machine; an image has its profile's"),
    ),
    command("install", NO_ARGUMENTS, "--root-device=TEXT", Honoured),
    command(
        "iscsi",
        NO_ARGUMENTS,
        "--target=TEXT --ipaddr!=TEXT --port=INT --user=TEXT --password=TEXT \
         --reverse-user=TEXT --reverse-password=TEXT --iface=TEXT",
        HARDWARE,
    ),
    command("iscsiname", One("an IQN"), "", HARDWARE),
    command("keyboard", Any, "--vckeymap=TEXT --xlayouts=LIST --switch=LIST", Honoured),
    command("lang", One("a locale"), "--addsupport=LIST", Honoured),
    command(
        "liveimg",
        NO_ARGUMENTS,
        "--url!=TEXT --proxy=TEXT --noverifyssl --checksum=TEXT",
        LeftOut(
            "an image is built from packages, not from another image: it has what %packages names, \
             and @core",
        ),
    ),
    command(
        "logging",
        NO_ARGUMENTS,
        "--host=TEXT --port=TEXT --level=debug|info|warning|error|critical",
        NotApplicable("the installer's own log"),
    ),
    command(
        "logvol",
        One("a mount point"),
        "--fstype=TEXT --grow --maxsize=INT --name!=TEXT --noformat --percent=INT --recommended \
         --size=INT --useexisting --vgname!=TEXT --fsoptions=TEXT --fsprofile=TEXT --encrypted \
         --passphrase=TEXT --escrowcert=TEXT --backuppassphrase --label=TEXT --resize \
         --hibernation --cipher=TEXT --thinpool --thin --poolname=TEXT --chunksize=INT \
         --metadatasize=INT --profile=TEXT --mkfsoptions=TEXT",
        Honoured,
    ),
    command(
        "mediacheck",
        NO_ARGUMENTS,
        "",
        NotApplicable("every package is checked by its digest and signature"),
    ),
    command("method", Any, "--proxy=TEXT --noverifyssl --url=TEXT --mirrorlist=TEXT", SOURCE),
    command("multipath", NO_ARGUMENTS, "--name!=TEXT --device!=TEXT --rule!=TEXT", HARDWARE),
    command(
        "network",
        NO_ARGUMENTS,
        "--bootproto=dhcp|bootp|static|query|ibft --dhcpclass=TEXT --device=TEXT --essid=TEXT \
         --ethtool=TEXT --gateway=TEXT --hostname=TEXT --ip=TEXT --mtu=TEXT --nameserver=TEXT \
         --netmask=TEXT --nodns --onboot=BOOL --wepkey=TEXT --notksdevice --noipv4 --noipv6 \
         --ipv6=TEXT --activate --nodefroute --wpakey=TEXT --bondslaves=TEXT --bondopts=TEXT \
         --vlanid=TEXT --ipv6gateway=TEXT --teamslaves=TEXT --teamconfig=TEXT \
         --interfacename=TEXT --bridgeslaves=TEXT --bridgeopts=TEXT --no-activate --bindto=mac",
        Honoured,
    ),
    command("nfs", NO_ARGUMENTS, "--server!=TEXT --dir!=TEXT --opts=TEXT", SOURCE),
    command(
        "nvdimm",
        One("`reconfigure` or `use`"),
        "--namespace=TEXT --blockdevs=TEXT --mode=sector --sectorsize=INT",
        HARDWARE,
    ),
    command(
        "ostreesetup",
        NO_ARGUMENTS,
        "--osname!=TEXT --remote=TEXT --url!=TEXT --ref!=TEXT --nogpg",
        Refused("an image is built from packages, not from a commit"),
    ),
    command("part", One("a mount point"), PARTITION, Honoured),
    command("partition", One("a mount point"), PARTITION, Honoured),
    command("poweroff", NO_ARGUMENTS, "--eject", AFTER),
    command(
        "raid",
        Any,
        "--device!=TEXT --fstype=TEXT --level=TEXT --noformat --spares=INT --useexisting \
         --fsoptions=TEXT --fsprofile=TEXT --encrypted --passphrase=TEXT --escrowcert=TEXT \
         --backuppassphrase --label=TEXT --cipher=TEXT --mkfsoptions=TEXT --chunksize=INT",
        STORAGE,
    ),
    command("realm", Free, "", Refused("a node joins no domain while its image is built")),
    command("reboot", NO_ARGUMENTS, "--eject", AFTER),
    command(
        "repo",
        NO_ARGUMENTS,
        "--name!=TEXT --baseurl=TEXT --mirrorlist=TEXT --cost=INT --excludepkgs=LIST \
         --includepkgs=LIST --ignoregroups=BOOL --proxy=TEXT --noverifyssl --install",
        Honoured,
    ),
    command("reqpart", NO_ARGUMENTS, "--add-boot", Honoured),
    command(
        "rescue",
        NO_ARGUMENTS,
        "--nomount --romount",
        Refused("there is no system to rescue in a new image"),
    ),
    command("rootpw", Optional, "--iscrypted --lock --plaintext", Honoured),
    command("selinux", NO_ARGUMENTS, "--disabled --enforcing --permissive", Honoured),
    command("services", NO_ARGUMENTS, "--disabled=LIST --enabled=LIST", Honoured),
    command("shutdown", NO_ARGUMENTS, "--eject", AFTER),
    command("skipx", NO_ARGUMENTS, "", Honoured),
    command("snapshot", One("a volume"), "--name!=TEXT --when!=~pre-install|post-install", STORAGE),
    // RHEL 7.3 and later have it (Red Hat bugs 1240410, 1311755); pykickstart's handler does not.
    command("sshkey", One("a public key in quotes"), "--username!=TEXT", Honoured),
    command(
        "sshpw",
        Any,
        "--username!=TEXT --iscrypted --plaintext --lock",
        NotApplicable("a login to the installer, not to the installed system"),
    ),
    command("text", NO_ARGUMENTS, "", INTERFACE),
    command("timezone", Any, "--utc,--isUtc --nontp --ntpservers=LIST", Honoured),
    command("unsupported_hardware", NO_ARGUMENTS, "", INTERFACE),
    command("updates", Any, "", NotApplicable("updates of the installer itself")),
    command("upgrade", Free, "", Refused("there is no system to upgrade in a new image")),
    command(
        "url",
        NO_ARGUMENTS,
        "--proxy=TEXT --noverifyssl --url=TEXT --mirrorlist=TEXT",
        Honoured,
    ),
    command(
        "user",
        NO_ARGUMENTS,
        "--groups=LIST --homedir=TEXT --iscrypted --name!=TEXT --password=TEXT --shell=TEXT \
         --uid=INT --lock --plaintext --gecos=TEXT --gid=INT",
        Honoured,
    ),
    command("vnc", NO_ARGUMENTS, "--password=TEXT --host=TEXT --port=TEXT", INTERFACE),
    command(
        "volgroup",
        Any,
        "--noformat --useexisting --reserved-space=INT --reserved-percent=INT --pesize=INT",
        Honoured,
    ),
    command("xconfig", NO_ARGUMENTS, "--defaultdesktop=TEXT --startxonboot", Honoured),
    command("zerombr", NO_ARGUMENTS, "", NotApplicable("the image's disk is new and empty")),
    command("zfcp", NO_ARGUMENTS, "--devnum!=TEXT --fcplun!=TEXT --wwpn!=TEXT", HARDWARE),
];

const SCRIPT: &str = "--erroronfail --interpreter=TEXT --log,--logfile=TEXT";
const INSTALLER_SCRIPT: Image =
    NotApplicable("runs in the installer, outside the installed system, and so not here");

impl Command {
    /// The name that the normal form has: some commands have two.
    pub fn canonical(&self) -> &'static str {
        match self.name {
            "auth" => "authconfig",
            "partition" => "part",
            "shutdown" => "poweroff",
            name => name,
        }
    }

    /// Whether each use adds something, where of other commands the last use counts.
    pub fn repeats(&self) -> bool {
        const MANY: [&str; 21] = [
            "btrfs",
            "device",
            "dmraid",
            "driverdisk",
            "fcoe",
            "group",
            "iscsi",
            "logvol",
            "multipath",
            "network",
            "nvdimm",
            "part",
            "partition",
            "raid",
            "repo",
            "snapshot",
            "sshkey",
            "sshpw",
            "user",
            "volgroup",
            "zfcp",
        ];
        MANY.contains(&self.name)
    }
}

/// Every section, with the options of its header.
pub static SECTIONS: &[Command] = &[
    command("%addon", Free, "", Honoured),
    command("%anaconda", Free, "", NotApplicable("rules of the installer's user interface")),
    command(
        "%certificate",
        NO_ARGUMENTS,
        "--filename!=TEXT --dir=TEXT --type=TEXT",
        Refused("write the certificate in %post"),
    ),
    command("%onerror", NO_ARGUMENTS, SCRIPT, INSTALLER_SCRIPT),
    command(
        "%packages",
        NO_ARGUMENTS,
        "--default --excludedocs --ignoremissing --instLangs=TEXT --multilib --nobase --nocore \
         --timeout=INT --retries=INT",
        Honoured,
    ),
    command(
        "%post",
        NO_ARGUMENTS,
        "--erroronfail --interpreter=TEXT --log,--logfile=TEXT --nochroot",
        Honoured,
    ),
    command("%pre", NO_ARGUMENTS, SCRIPT, INSTALLER_SCRIPT),
    command("%pre-install", NO_ARGUMENTS, SCRIPT, INSTALLER_SCRIPT),
    command("%traceback", NO_ARGUMENTS, SCRIPT, INSTALLER_SCRIPT),
];

/// Commands that people use and RHEL 7 does not have, with what to do.
pub static FOREIGN: &[(&str, &str)] = &[
    ("langsupport", "it ended before RHEL 7: use `lang --addsupport=`"),
    ("mouse", "it ended before RHEL 7: leave it out"),
    ("key", "it ended before RHEL 7: leave it out"),
    ("monitor", "it ended before RHEL 7: leave it out"),
    ("interactive", "it ended before RHEL 7: leave it out"),
    ("module", "it came after RHEL 7: EL7 has no package modules"),
    ("mount", "it came after RHEL 7: use `part`"),
    ("timesource", "it came after RHEL 7: use `timezone --ntpservers=`"),
    ("authselect", "it came after RHEL 7: use `authconfig`"),
    ("syspurpose", "it came after RHEL 7: leave it out"),
    ("rhsm", "it came after RHEL 7: leave it out"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_ordered_and_unique() {
        for table in [COMMANDS, SECTIONS] {
            assert!(table.windows(2).all(|w| w[0].name < w[1].name));
        }
        assert!(FOREIGN.iter().all(|(name, _)| COMMANDS.iter().all(|c| c.name != *name)));
    }
}
