//! Host name, `/etc/hosts` and `/etc/resolv.conf`.

use crate::spec::{LabHost, Spec};

/// The host name's file.
pub const HOSTNAME: &str = "/etc/hostname";
/// Names and addresses of the lab.
pub const HOSTS: &str = "/etc/hosts";
/// The resolver's configuration.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The names of the loopback addresses, as CentOS 7 ships them.
const LOCALHOST: [(&str, [&str; 4]); 2] = [
    ("127.0.0.1", ["localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4"]),
    ("::1", ["localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6"]),
];

/// The content of `/etc/hostname`.
pub fn hostname(spec: &Spec) -> String {
    format!("{}\n", spec.node.name)
}

/// The content of `/etc/hosts`: the loopback lines, then every node of the lab.
pub fn hosts(spec: &Spec) -> String {
    let mut text = String::new();
    for line in host_lines(spec) {
        text.push_str(&line.join(" "));
        text.push('\n');
    }
    text
}

/// Whether `text` means the same as [`hosts`]; comments and spacing are free.
pub fn hosts_hold(spec: &Spec, text: &str) -> bool {
    let found = text.lines().map(words).filter(|words| !words.is_empty());
    found.eq(host_lines(spec))
}

/// The nodes of the lab that `text` does not name by their address.
pub fn absent_hosts<'a>(spec: &'a Spec, text: &str) -> Vec<&'a LabHost> {
    let lines: Vec<Vec<String>> = text.lines().map(words).collect();
    let is_named = |host: &LabHost| {
        lines.iter().any(|line| match line.split_first() {
            Some((address, names)) => {
                *address == host.address.to_string() && names.contains(&host.name)
            }
            None => false,
        })
    };
    spec.hosts.iter().filter(|host| !is_named(host)).collect()
}

fn host_lines(spec: &Spec) -> Vec<Vec<String>> {
    let local = LOCALHOST.iter().map(|(address, names)| {
        let names = names.iter().map(|name| (*name).to_owned());
        std::iter::once((*address).to_owned()).chain(names).collect()
    });
    let nodes = spec.hosts.iter().map(|host| {
        let mut line = vec![host.address.to_string(), host.name.clone()];
        // A fully qualified name is also known by its first label.
        line.extend(host.name.split_once('.').map(|(label, _)| label.to_owned()));
        line
    });
    local.chain(nodes).collect()
}

/// The content of `/etc/resolv.conf`: name servers and nothing else.
pub fn resolv_conf(spec: &Spec) -> String {
    spec.network.dns.iter().map(|server| format!("nameserver {server}\n")).collect()
}

/// Whether `text` means the same as [`resolv_conf`]. A `search` or `domain` line
/// makes it differ: with one, short host names are looked up elsewhere.
pub fn resolv_conf_holds(spec: &Spec, text: &str) -> bool {
    let wanted =
        spec.network.dns.iter().map(|server| vec!["nameserver".to_owned(), server.to_string()]);
    // resolv.conf(5): comments start with `;` or `#` in the first column.
    let found = text
        .lines()
        .filter(|line| !line.starts_with([';', '#']))
        .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter(|words| !words.is_empty());
    found.eq(wanted)
}

fn words(line: &str) -> Vec<String> {
    let content = line.split('#').next().unwrap_or_default();
    content.split_whitespace().map(str::to_owned).collect()
}
