//! Machines that boot by the network from `imgbuild serve --pxe`, up to where an installer would
//! start: the practice medium's probe in its place shows what it was given.

use crate::install_iso::el7_image;
use lab_tests::boot_network::{
    ADDRESS, BootNetwork, BootServer, Ended, INTERFACE, MAC, NODE, SERVER, lab, make_tree,
    node_directory,
};
use lab_tests::guest::{BOOT_LIMIT, Firmware};
use lab_tests::{product, programs};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What the probe prints at its end.
const END: &str = "practice: end of what this medium does";
const FULL: [&str; 6] = ["--interface", INTERFACE, "--dhcp", "full", "--arm", NODE];
const PROXY: [&str; 6] = ["--interface", INTERFACE, "--dhcp", "proxy", "--arm", NODE];

/// How a machine boots by the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rom {
    /// QEMU's iPXE.
    Ipxe,
    /// The firmware's own: UEFI's.
    Firmware,
    /// UEFI's HTTP boot.
    Http,
}

/// A network with a tree to boot from.
struct Site {
    network: BootNetwork,
    directory: tempfile::TempDir,
}

impl Site {
    fn new(medium: &Path, more: &[&str]) -> Self {
        let directory = tempfile::tempdir_in(product::cache_directory()).expect("directory");
        let made = make_tree(&lab(), medium, &directory.path().join("tree"), more);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let network = BootNetwork::new();
        network.add_tap("guest0");
        Self { network, directory }
    }

    fn practice() -> Self {
        Self::new(&product::practice().join("practice-os.iso"), &[])
    }

    fn tree(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    fn serve(&self, more: &[&str]) -> BootServer {
        BootServer::start(&self.network.server, &self.tree(), more)
    }

    /// The console of a machine that boots, until it has `end`.
    fn boot(&self, firmware: Firmware, rom: Rom, end: &str) -> String {
        let place = |name: &str| self.directory.path().join(name);
        let _ = fs::remove_file(place("console"));
        let mut qemu = self.network.server.command("qemu-system-x86_64");
        qemu.args(["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "1"]);
        qemu.args(["-vga", "std", "-m", "1024", "-nodefaults", "-no-reboot", "-display", "none"]);
        qemu.arg("-serial").arg(format!("file:{}", place("console").display()));
        qemu.args(["-netdev", "tap,id=net,ifname=guest0,script=no,downscript=no", "-device"]);
        let rom_file = if rom == Rom::Ipxe { "" } else { ",romfile=" };
        qemu.arg(format!("virtio-net-pci,netdev=net,mac={MAC},bootindex=1{rom_file}"));
        firmware.add_to(&mut qemu, self.directory.path());
        if firmware == Firmware::Uefi {
            qemu.args(["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"]);
        }
        if rom == Rom::Http {
            qemu.args(["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"]);
        }
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = Ended(programs::start("qemu-system-x86_64", &mut qemu));
        let console = place("console");
        let read = || String::from_utf8_lossy(&fs::read(&console).unwrap_or_default()).into_owned();
        let started = Instant::now();
        while !read().contains(end) && started.elapsed() < BOOT_LIMIT {
            if child.0.try_wait().expect("QEMU can be waited for").is_some() {
                break;
            }
            sleep(Duration::from_millis(250));
        }
        drop(child);
        let console = read();
        assert!(console.contains(end), "{firmware:?}, {rom:?}: no `{end}`:\n{console}");
        console
    }

    /// Checks that the installer's kernel was started as the plan has it, and ends the server.
    fn check(&self, firmware: Firmware, rom: Rom, server: BootServer) {
        let console = self.boot(firmware, rom, END);
        let seen = server.stop();
        let has = |wanted: &str| {
            assert!(console.contains(wanted), "{firmware:?}, {rom:?}: no `{wanted}`:\n{console}");
        };
        has(if firmware == Firmware::Uefi { ", UEFI" } else { ", BIOS" });
        let own = node_directory(&self.tree());
        let token = own.file_name().expect("a name").to_string_lossy().into_owned();
        let url = format!("http://{SERVER}");
        let tree = fs::read_to_string(self.tree().join("pxe.json")).expect("plan");
        let tree: serde_json::Value = serde_json::from_str(&tree).expect("JSON");
        let medium = format!("{url}/{}", tree["tree"]["path"].as_str().expect("a path"));
        has(&format!("inst.stage2={medium} inst.repo= inst.ks={url}/n/{token}/ks.cfg"));
        has(&format!(
            "ip={ADDRESS}::{SERVER}:255.255.255.0:{NODE}:eth0:none nameserver={SERVER} \
             BOOTIF=01-{}",
            MAC.replace(':', "-")
        ));
        has(&format!("repository: {medium} answers"));
        has(&format!("kickstart: {url}/n/{token}/ks.cfg has "));
        assert!(!console.contains("practice: FAILED"), "{console}");
        for state in ["armed", "loader", "kernel", "kickstart"] {
            let start = format!("{NODE:<14} {state:<10} ");
            assert!(seen.iter().any(|line| line.starts_with(&start)), "{state}: {seen:?}");
        }
        // It is installed once.
        let script = self.tree().join(format!("http/boot/{MAC}.ipxe"));
        assert!(fs::read_to_string(script).expect("script").ends_with("exit\n"));
    }
}

/// A DHCP server that is there already, at the cable's other end; it gives the node its address.
fn other_server(site: &Site, more: &str) -> Ended {
    site.network.address_node(Ipv4Addr::new(192, 168, 1, 1));
    let config = site.directory.path().join("other.conf");
    let text = format!(
        "port=0\nbind-interfaces\ndhcp-range=192.168.1.0,static,255.255.255.0\n\
         dhcp-host={MAC},{ADDRESS}\n{more}"
    );
    fs::write(&config, text).expect("configuration");
    BootNetwork::dnsmasq(&site.network.node, "node0", &config)
}

#[test]
fn a_bios_boots_the_installer_once() {
    let site = Site::practice();
    let server = site.serve(&FULL);
    site.check(Firmware::Bios, Rom::Ipxe, server);
}

#[test]
fn pxelinux_boots_where_another_server_says_what_is_booted() {
    if product::may_take_long("PXELINUX") {
        let site = Site::practice();
        // Our own server gives iPXE, which QEMU's card has, a script.
        let _other = other_server(&site, &format!("dhcp-boot=pxelinux.0,,{SERVER}\n"));
        let server = site.serve(&["--arm", NODE]);
        site.check(Firmware::Bios, Rom::Ipxe, server);
    }
}

#[test]
fn a_bios_boots_behind_another_dhcp_server() {
    if product::may_take_long("booting behind another DHCP server") {
        let site = Site::practice();
        let _other = other_server(&site, "");
        site.check(Firmware::Bios, Rom::Ipxe, site.serve(&PROXY));
        // UEFI's own boot asks on port 4011, loads iPXE, and that its script.
        site.check(Firmware::Uefi, Rom::Firmware, site.serve(&PROXY));
    }
}

#[test]
fn el7s_shim_and_grub_boot_by_tftp_and_http() {
    if !product::may_take_long("EL7's loaders over the network") {
        return;
    }
    let Some(shared) = product::shared() else { return };
    let directory = tempfile::tempdir_in(product::cache_directory()).expect("directory");
    let image = el7_image(&shared, directory.path());
    // The stand-ins among the packages are not signed.
    let site = Site::new(&image, &["--no-gpgcheck", "CentOS7"]);
    site.check(Firmware::Uefi, Rom::Firmware, site.serve(&FULL));
    site.check(Firmware::Uefi, Rom::Http, site.serve(&FULL));
}
