//! What a double of a node finds: its files as imgbuild writes them, and what the lab's
//! server answers.

use crate::double::CONTROLLER;
use contract::spec::Spec;
use firstboot::host::Output;
use firstboot::host::http::Response;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// The controller's example without its bridge and without packstack.
pub fn plain() -> String {
    let mut spec = Spec::parse(CONTROLLER).unwrap();
    (spec.bridge, spec.packstack) = (None, None);
    spec.to_toml().unwrap()
}

/// What a program prints, and its exit code.
pub fn printed(code: i32, stdout: &str) -> Output {
    Output { code: Some(code), stdout: stdout.to_owned(), ..Output::default() }
}

/// What the lab's server answers: each repository with one package, the first with all
/// that are left.
pub fn pages(spec: &Spec) -> BTreeMap<String, Response> {
    let mut pages = BTreeMap::new();
    let mut left = spec.packages.total.unwrap_or_default();
    for repository in spec.repositories.iter().rev() {
        let Some(base) = &repository.baseurl else { continue };
        let count = if repository.id == spec.repositories[0].id { left } else { 1 };
        left = left.saturating_sub(count);
        let index =
            "<repomd><data type=\"primary\"><location href=\"repodata/p.xml.gz\"/></data></repomd>";
        let list = format!("<?xml version=\"1.0\"?>\n<metadata packages=\"{count}\"></metadata>");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut packed, list.as_bytes()).unwrap();
        for (name, body) in
            [("repomd.xml", index.as_bytes().to_vec()), ("p.xml.gz", packed.finish().unwrap())]
        {
            let response = Response { status: 200, body, ..Response::default() };
            pages.insert(format!("{base}repodata/{name}"), response);
        }
    }
    pages
}

/// Puts the node's files below `root`.
pub fn write_files(root: &Path, spec: &Spec) {
    use contract::node_files as files;
    use firstboot::services::chrony;
    let mask: u32 = files::netmask(spec.network.prefix).into();
    let [a, b, c, d] = spec.network.gateway.octets();
    let gateway = u32::from_ne_bytes([a, b, c, d]);
    let network = u32::from_ne_bytes((u32::from(spec.node.address) & mask).to_be_bytes());
    let device = spec.bridge.as_ref().map_or("eth0", |bridge| &bridge.name);
    let routes = format!(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
         {device} {network:08X} 00000000 0001 0 0 0 00FFFFFF 0 0 0\n\
         {device} 00000000 {gateway:08X} 0003 0 0 0 00000000 0 0 0\n"
    );
    let interface = &spec.node.interface;
    let settings = files::BridgeSettings::default();
    let ifcfg = match &spec.bridge {
        Some(bridge) => vec![
            (files::ifcfg_path(&bridge.name), files::bridge_ifcfg(spec, bridge, &settings)),
            (files::ifcfg_path(interface), files::port_ifcfg(spec, bridge, &settings)),
        ],
        None => vec![(files::ifcfg_path(interface), files::ifcfg(spec))],
    };
    for (path, text) in [
        (contract::spec::PATH, spec.to_toml().unwrap()),
        (files::HOSTNAME, files::hostname(spec)),
        (files::HOSTS, files::hosts(spec)),
        (files::RESOLV_CONF, files::resolv_conf(spec)),
        (files::NETWORKING, files::networking()),
        (chrony::CONF, chrony::conf_with("", &spec.network.ntp)),
        ("/proc/net/route", routes),
    ]
    .into_iter()
    .chain(ifcfg.iter().map(|(path, text)| (path.as_str(), text.clone())))
    {
        let path = root.join(&path[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Every file below `root`, with what is known of it.
pub fn files_below(root: &Path) -> Vec<(PathBuf, Metadata)> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            if meta.is_dir() {
                directories.push(path);
            } else {
                found.push((path, meta));
            }
        }
    }
    found
}
