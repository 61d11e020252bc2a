//! DHCP and TFTP of `imgbuild serve --pxe`: the same requests get the same answers as from dnsmasq
//! with the configuration of the tree, and two DHCP servers never answer in one network.

use crate::install_iso::scratch;
use builder::lab::netboot::{DhcpMessage, code, kind};
use lab_tests::boot_network::{
    ADDRESS, BootNetwork, BootServer, INTERFACE, MAC, NODE, SERVER, lab, make_tree,
};
use lab_tests::{oracle, page, product};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A node of the network that has an address already, for programs that need one.
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 77);
const FULL: [&str; 4] = ["--interface", INTERFACE, "--dhcp", "full"];
const PROXY: [&str; 4] = ["--interface", INTERFACE, "--dhcp", "proxy"];

fn tree(directory: &Path) -> PathBuf {
    let tree = directory.join("tree");
    let made = make_tree(&lab(), &product::practice().join("practice-os.iso"), &tree, &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    tree
}

fn message(kind: u8, transaction: u32, options: &[(u8, Vec<u8>)]) -> DhcpMessage {
    let mut mac = [0; 6];
    for (byte, text) in mac.iter_mut().zip(MAC.split(':')) {
        *byte = u8::from_str_radix(text, 16).expect("a byte");
    }
    let mut message = DhcpMessage::of_client(mac, transaction, kind);
    // What boot ROMs ask for.
    message.options.insert(55, vec![1, 3, 6, 12, 28, 43, 60, 66, 67]);
    message.options.extend(options.iter().cloned());
    message
}

type DhcpOptions = Vec<(u8, Vec<u8>)>;

/// What machines with firmware of each kind say of themselves.
fn clients() -> Vec<(&'static str, DhcpOptions)> {
    let boots = |class: &str, architecture: u8| {
        vec![
            (code::VENDOR_CLASS, class.as_bytes().to_vec()),
            (code::ARCHITECTURE, vec![0, architecture]),
            (code::MACHINE_ID, [&[0][..], &[7; 16]].concat()),
        ]
    };
    let ipxe = |mut options: DhcpOptions| {
        options.push((code::USER_CLASS, b"iPXE".to_vec()));
        options
    };
    vec![
        ("BIOS", boots("PXEClient:Arch:00000:UNDI:002001", 0)),
        ("UEFI", boots("PXEClient:Arch:00007:UNDI:003000", 7)),
        ("UEFI by the erratum's number", boots("PXEClient:Arch:00009:UNDI:003000", 9)),
        ("iPXE in a BIOS", ipxe(boots("PXEClient:Arch:00000:UNDI:002001", 0))),
        ("iPXE in UEFI", ipxe(boots("PXEClient:Arch:00007:UNDI:003010", 7))),
        ("UEFI by HTTP", boots("HTTPClient:Arch:00016:UNDI:003001", 16)),
        ("a system", vec![]),
    ]
}

/// What matters of a reply. dnsmasq names the file in the option or the field, as is asked.
fn facts(reply: &DhcpMessage) -> BTreeMap<String, String> {
    let address = |code: u8| format!("{:?}", reply.address(code));
    let file = reply.option(code::BOOT_FILE).unwrap_or(&reply.file);
    let file = String::from_utf8_lossy(file).trim_end_matches('\0').to_owned();
    let class = reply.option(code::VENDOR_CLASS).unwrap_or_default();
    let is_http = class.starts_with(b"HTTPClient").to_string();
    let mut facts = BTreeMap::from([
        ("type".to_owned(), format!("{:?}", reply.kind())),
        ("address".to_owned(), reply.given.to_string()),
        ("HTTP".to_owned(), is_http),
    ]);
    if !file.is_empty() {
        facts.insert("next server".to_owned(), reply.next_server.to_string());
    }
    facts.insert("file".to_owned(), file);
    for code in
        [code::SUBNET_MASK, code::ROUTER, code::DNS_SERVER, code::BROADCAST, code::SERVER_ID]
    {
        facts.insert(format!("option {code}"), address(code));
    }
    let name = String::from_utf8_lossy(reply.option(code::HOST_NAME).unwrap_or_default());
    facts.insert("name".to_owned(), name.into_owned());
    facts
}

type Answers = BTreeMap<String, Option<BTreeMap<String, String>>>;

/// The answers to everything that machines ask.
fn answers(network: &BootNetwork) -> Answers {
    let mut answers = Answers::new();
    let mut transaction = 0x7000;
    let mut ask = |what: String, message: DhcpMessage| {
        transaction += 1;
        let reply = network.ask(&DhcpMessage { transaction, ..message }, 67);
        answers.insert(what, reply.as_ref().map(facts));
    };
    let request = |server: Ipv4Addr, address: Ipv4Addr| {
        [
            (code::SERVER_ID, server.octets().to_vec()),
            (code::REQUESTED_ADDRESS, address.octets().to_vec()),
        ]
    };
    for (name, options) in clients() {
        ask(format!("{name}: discover"), message(kind::DISCOVER, 0, &options));
        let options = [options, request(SERVER, ADDRESS).to_vec()].concat();
        ask(format!("{name}: request"), message(kind::REQUEST, 0, &options));
    }
    let bios = &clients()[0].1;
    let with = |more: [(u8, Vec<u8>); 2]| [bios.clone(), more.to_vec()].concat();
    ask(
        "another server's".to_owned(),
        message(kind::REQUEST, 0, &with(request(Ipv4Addr::new(192, 168, 1, 1), ADDRESS))),
    );
    ask("another address".to_owned(), message(kind::REQUEST, 0, &with(request(SERVER, CLIENT))));
    let stranger =
        DhcpMessage { mac: [0x52, 0x54, 0, 1, 2, 3], ..message(kind::DISCOVER, 0, bios) };
    ask("a stranger".to_owned(), stranger);
    answers
}

#[test]
fn dnsmasq_gives_the_same_answers() {
    let (directory, network) = (scratch(), BootNetwork::new());
    let tree = tree(directory.path());
    network.address_node(CLIENT);
    let config = tree.join("dnsmasq.conf");
    let (expected, sent) = {
        let _dnsmasq = BootNetwork::dnsmasq(&network.server, INTERFACE, &config);
        (answers(&network), transfers(&network, &tree))
    };
    let server = BootServer::start(&network.server, &tree, &FULL);
    let found = answers(&network);
    for (what, answer) in &expected {
        assert_eq!(&found[what], answer, "{what}");
    }
    assert!(found["a stranger"].is_none() && found["another server's"].is_none());
    assert_eq!(found["BIOS: request"].as_ref().expect("an answer")["file"], "pxelinux.0");
    assert_eq!(transfers(&network, &tree), sent);
    server.stop();
}

/// The head of what a TFTP server sends for requests, and whether the whole is the file.
fn transfers(network: &BootNetwork, tree: &Path) -> Vec<(String, Vec<u8>, bool)> {
    let asked = [
        ("pxelinux.0\0octet\0", "tftp/pxelinux.0"),
        ("/pxelinux.0\0octet\0blksize\x001408\0tsize\x000\0", "tftp/pxelinux.0"),
        ("EFI/BOOT/BOOTX64.EFI\0OCTET\0blksize\x00512\0", "tftp/EFI/BOOT/BOOTX64.EFI"),
        ("pxelinux.cfg/default\0octet\0blksize\x0050\0", "tftp/pxelinux.cfg/default"),
        ("no/such\0octet\0", ""),
        ("../pxe.json\0octet\0", ""),
    ];
    let one = |(request, file): (&str, &str)| {
        let (head, bytes) = network.node.run(|| fetch(request, 0));
        // An error's text is each server's own.
        let head = if head[1] == 5 { head[..2].to_vec() } else { head };
        let is_file = !file.is_empty() && bytes == fs::read(tree.join(file)).expect("file");
        (request.to_owned(), head, is_file)
    };
    asked.into_iter().map(one).collect()
}

/// Fetches a file; gives the first packet, and the content. Of the first `lost` data packets none is
/// acknowledged.
fn fetch(request: &str, mut lost: usize) -> (Vec<u8>, Vec<u8>) {
    let socket = UdpSocket::bind((CLIENT, 0)).expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
    let request = [&[0, 1], request.as_bytes()].concat();
    socket.send_to(&request, (SERVER, 69)).expect("a request");
    let (mut head, mut content) = (Vec::new(), Vec::new());
    let (mut block, mut window, mut expected) = (512, 1, 1u16);
    let mut packet = vec![0; 65536];
    loop {
        let (length, from): (usize, SocketAddr) = socket.recv_from(&mut packet).expect("a packet");
        assert_eq!(from.ip(), SERVER, "it answers from where it was asked");
        let packet = &packet[..length];
        if head.is_empty() {
            head = packet[..length.min(40)].to_vec();
        }
        let acknowledge = |n: u16| {
            socket.send_to(&[&[0, 4][..], &n.to_be_bytes()].concat(), from).expect("sent");
        };
        match packet[1] {
            6 => {
                let text = String::from_utf8_lossy(&packet[2..]).into_owned();
                let words: Vec<&str> = text.split('\0').collect();
                let number = |name: &str| {
                    let at = words.iter().position(|word| *word == name);
                    at.map(|at| words[at + 1].parse::<usize>().expect("a number"))
                };
                block = number("blksize").unwrap_or(block);
                window = number("windowsize").unwrap_or(window);
                acknowledge(0);
            }
            3 if lost > 0 => lost -= 1,
            3 => {
                let number = u16::from_be_bytes([packet[2], packet[3]]);
                if number == expected {
                    content.extend_from_slice(&packet[4..]);
                    expected = expected.wrapping_add(1);
                    let is_last = packet.len() < 4 + block;
                    if is_last || content.len().is_multiple_of(block * window) {
                        acknowledge(number);
                    }
                    if is_last {
                        return (head, content);
                    }
                }
            }
            _ => return (head, content),
        }
    }
}

#[test]
fn transfers_survive_losses_and_large_files() {
    let (directory, network) = (scratch(), BootNetwork::new());
    let tree = tree(directory.path());
    network.address_node(CLIENT);
    // More blocks than their numbers count.
    let large = tree.join("tftp/large");
    let bytes: Vec<u8> = (0..70_000u32 * 8 + 3).map(|n| (n / 7) as u8).collect();
    fs::write(&large, &bytes).expect("file");
    let server = BootServer::start(&network.server, &tree, &[]);
    let fetch = |request: &str, lost| network.node.run(|| fetch(request, lost));
    let options = "blksize\x008\0windowsize\x0032\0tsize\x000\0";
    let (head, content) = fetch(&format!("large\0octet\0{options}"), 0);
    assert_eq!(&head[2..], b"blksize\x008\0windowsize\x0032\0tsize\x00560003\0");
    assert!(content == bytes, "{} bytes", content.len());
    let (_, content) = fetch("pxelinux.0\0octet\0", 2);
    assert!(content == fs::read(tree.join("tftp/pxelinux.0")).expect("file"));
    let errors = |packet: &[u8]| {
        network.node.run(|| {
            let socket = UdpSocket::bind((CLIENT, 0)).expect("a port");
            socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a limit");
            socket.send_to(packet, (SERVER, 69)).expect("a request");
            let mut answer = [0; 600];
            socket.recv(&mut answer).map(|_| [answer[1], answer[3]]).ok()
        })
    };
    assert_eq!(errors(b"\0\x02new\0octet\0"), Some([5, 2]), "nothing is written");
    assert_eq!(errors(b"\0\x01pxelinux.0\0netascii\0"), Some([5, 4]));
    assert_eq!(errors(b"\0\x01pxelinux.0"), None);
    server.stop();
    assert!(!tree.join("tftp/new").exists());
}

/// A DHCP server that is there already, in the node's namespace.
fn other_server(network: &BootNetwork, directory: &Path) -> lab_tests::boot_network::Ended {
    network.address_node(Ipv4Addr::new(192, 168, 1, 1));
    let config = directory.join("other.conf");
    let text = "port=0\nbind-interfaces\ndhcp-range=192.168.1.100,192.168.1.120\n";
    fs::write(&config, text).expect("configuration");
    BootNetwork::dnsmasq(&network.node, "node0", &config)
}

#[test]
fn no_second_server_gives_addresses() {
    let (directory, network) = (scratch(), BootNetwork::new());
    let tree = tree(directory.path());
    let fails = |more: &[&str], code: i32, words: &[&str]| {
        let mut command = BootServer::command(&network.server, &tree, more);
        let output = command.output().expect("ip starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{more:?}: no `{word}` in {said}");
        }
    };
    fails(&["--dhcp", "full"], 2, &["--interface"]);
    fails(
        &["--interface", "lab9", "--dhcp", "full"],
        2,
        &["this machine has no `lab9`", INTERFACE],
    );
    let other = ["--interface", "port0", "--dhcp", "full"];
    fails(&other, 3, &["port0 does not have the address 192.168.1.254"]);
    fails(&["--arm", "nova09"], 2, &["has no node `nova09`", "its nodes: openstack"]);
    let _other = other_server(&network, directory.path());
    fails(&FULL, 3, &["another DHCP server answers on lab0: 192.168.1.1", "--dhcp proxy"]);
    // Beside it, what is booted is said by us and nothing else.
    let server =
        BootServer::start(&network.server, &tree, &[&PROXY[..], &["--arm", NODE]].concat());
    let bios = &clients()[0].1;
    let discover = message(kind::DISCOVER, 0x9000, bios);
    let offers = network.replies(&discover, 67, 2);
    let (ours, others): (Vec<&DhcpMessage>, Vec<_>) =
        offers.iter().partition(|offer| offer.address(code::SERVER_ID) == Some(SERVER));
    assert_eq!((ours.len(), others.len()), (1, 1), "{offers:?}");
    assert_eq!((ours[0].given, &ours[0].file[..]), (Ipv4Addr::UNSPECIFIED, &b"pxelinux.0"[..]));
    assert_eq!(ours[0].option(code::MACHINE_ID), discover.option(code::MACHINE_ID));
    let ask = |options: &[(u8, Vec<u8>)]| {
        let request = message(kind::REQUEST, 0x9001, options);
        network.ask(&request, 4011).map(|reply| String::from_utf8_lossy(&reply.file).into_owned())
    };
    assert_eq!(ask(&clients()[1].1).as_deref(), Some("snponly.efi"));
    fails(&PROXY, 3, &["cannot listen on 192.168.1.254:69", "another program listens there"]);
    let seen = server.stop();
    assert!(seen.iter().any(|line| line.starts_with("openstack      armed")), "{seen:?}");
}

/// The node that got an address is there with what it will do next.
fn check_page(url: &str) {
    let mut view = serde_json::Value::Null;
    for _ in 0..30 {
        view = page::first_event(url);
        if view["nodes"][0]["step"] == "address" {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let node = &view["nodes"][0];
    assert_eq!((&node["node"], &node["state"]), (&NODE.into(), &"working".into()), "{view:#}");
    assert!(view["installs"] == true && view["state"] == "working", "{view:#}");
    let steps: Vec<_> = node["steps"].as_array().expect("steps").iter().collect();
    let outcome = |step: &serde_json::Value| step["outcome"].as_str().map(str::to_owned);
    let outcomes: Vec<_> = steps.iter().filter_map(|step| outcome(step)).collect();
    assert_eq!(outcomes, [&["working"][..], &["pending"; 5]].concat());
}

#[test]
fn changes_are_lines_of_json_and_on_a_page() {
    let (directory, network) = (scratch(), BootNetwork::new());
    let tree = tree(directory.path());
    let create = |name: &str| File::create(directory.path().join(name)).expect("log");
    let more = [&FULL[..], &["--json", "--arm", "all", "--web"]].concat();
    let mut command = BootServer::command(&network.server, &tree, &more);
    command.env("IMGBUILD_STATE", directory.path().join("state"));
    let mut child =
        command.stdout(create("json")).stderr(create("messages")).spawn().expect("ip starts");
    let read = || fs::read_to_string(directory.path().join("json")).expect("log");
    for _ in 0..100 {
        if read().ends_with('\n') {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let request = [
        (code::SERVER_ID, SERVER.octets().to_vec()),
        (code::REQUESTED_ADDRESS, ADDRESS.octets().to_vec()),
    ];
    network.address_node(CLIENT);
    let ack = network.ask(&message(kind::REQUEST, 1, &request), 67).expect("an answer");
    assert_eq!(ack.kind(), Some(kind::ACK));
    let messages = fs::read_to_string(directory.path().join("messages")).expect("messages");
    network.server.run(|| check_page(&page::find_url(&messages)));
    oracle::ok("kill", [child.id().to_string()]);
    assert!(child.wait().expect("it ends").success());
    let state = |line: &str| -> (String, String) {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let word = |key: &str| value[key].as_str().expect(key).to_owned();
        (word("state"), word("detail"))
    };
    let lines: Vec<(String, String)> = read().lines().map(state).collect();
    let expected = [("armed", MAC.to_owned()), ("address", ADDRESS.to_string())];
    assert_eq!(lines, expected.map(|(state, detail)| (state.to_owned(), detail)));
}
