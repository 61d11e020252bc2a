//! The files of a node, as values: those that every node of a role has alike (they
//! belong to the role's tree, which is cached) and those that make it one node.
//!
//! Nothing here looks at the disk. Files that packages own and that need editing in
//! place (/etc/passwd and the like) are in [`accounts`].

pub mod accounts;
mod facts;
mod file;
pub mod network;
pub mod ssh_keys;
mod system;

pub use facts::Facts;
pub use file::NodeFile;
pub use system::disable_repositories;

use crate::base::lab::LabNode;
use crate::kickstart::InitialSetup;
use crate::spec::Spec;
use contract::lab_answers::list_lab_answers;
use contract::{node_files, spec as wire};
use formats::tree::Content;
use network::Ifcfg;

/// Files that are the same for all nodes of the role. Put a directory before what is in
/// it, in the order given; parents not listed already exist or are plain 0755.
pub fn role_files(spec: &Spec, facts: &Facts) -> Vec<NodeFile> {
    let kickstart = &spec.kickstart;
    let mut files = vec![
        NodeFile::text("/etc/chrony.conf", 0o644, system::chrony_conf(spec)),
        NodeFile::text("/etc/yum.repos.d/imgbuild.repo", 0o644, system::repo_file(spec, facts)),
    ];
    for (repository, keys) in &facts.keys {
        let content = Content::Bytes(keys.clone());
        files.push(NodeFile { path: system::key_path(repository), mode: 0o644, content });
    }
    // Without `selinux`, what the policy's package left stays, as in Anaconda.
    if let Some(mode) = kickstart.selinux {
        files.push(NodeFile::text("/etc/selinux/config", 0o644, system::selinux_config(mode)));
    }
    if let Some(lang) = &kickstart.lang {
        files.push(NodeFile::text("/etc/locale.conf", 0o644, format!("LANG=\"{lang}\"\n")));
    }
    if let Some(keymap) = &kickstart.keymap {
        let text = format!("KEYMAP=\"{keymap}\"\n");
        files.push(NodeFile::text("/etc/vconsole.conf", 0o644, text));
    }
    if kickstart.initial_setup == InitialSetup::Reconfigure {
        files.push(NodeFile::text("/etc/reconfigSys", 0o644, String::new()));
    }
    if let Some(desktop) = &kickstart.display.desktop {
        let text = format!("DESKTOP=\"{desktop}\"\n");
        files.push(NodeFile::text("/etc/sysconfig/desktop", 0o644, text));
    }
    if let Some(firewall) = kickstart.firewall.as_ref().filter(|f| f.enabled) {
        for (zone, text) in system::firewall_zones(firewall) {
            let path = format!("/etc/firewalld/zones/{zone}.xml");
            files.push(NodeFile::text(path, 0o644, text));
        }
    }
    for repo in kickstart.repos.iter().filter(|repo| repo.installed) {
        let path = format!("/etc/yum.repos.d/{}.repo", repo.name);
        files.push(NodeFile::text(path, 0o644, system::kickstart_repo(repo)));
    }
    if let Some(timezone) = &kickstart.timezone {
        let target = format!("../usr/share/zoneinfo/{}", timezone.zone);
        files.push(NodeFile::link("/etc/localtime", target));
        files.push(NodeFile::text("/etc/adjtime", 0o644, system::adjtime(timezone.utc)));
    }
    let root_keys = ssh_keys::of_root(spec);
    if !root_keys.is_empty() {
        files.push(NodeFile::directory(node_files::ROOT_SSH, 0o700));
        let text = format!("{}\n", root_keys.join("\n"));
        files.push(NodeFile::text(node_files::AUTHORIZED_KEYS, 0o600, text));
    }
    files
}

/// Those of the node's files that every node of the lab has alike; `%post` sees them.
pub fn lab_files(wire: &wire::Spec) -> [NodeFile; 3] {
    [
        NodeFile::text(node_files::HOSTS, 0o644, node_files::hosts(wire)),
        NodeFile::text(node_files::RESOLV_CONF, 0o644, node_files::resolv_conf(wire)),
        NodeFile::text(node_files::NETWORKING, 0o644, node_files::networking()),
    ]
}

/// Files that make `node` what it is; they go over the role's tree.
///
/// # Errors
/// When the node spec cannot be written as TOML, which no checked [`Spec`] causes.
pub fn identity_files(
    spec: &Spec,
    node: &LabNode,
    facts: &Facts,
) -> crate::base::error::Result<Vec<NodeFile>> {
    let wire = wire_spec(spec, node, facts);
    let text = wire.to_toml().map_err(|e| {
        crate::base::error::Error::build(format!(
            "the node spec of {} cannot be written: {e}",
            node.name
        ))
    })?;
    let heading =
        format!("# {} of {}, written by imgbuild; read by firstboot.\n", node.name, spec.lab);
    let mut own = Ifcfg::parse(&node_files::ifcfg(&wire));
    if let Some(mac) = &node.mac {
        own.set("HWADDR", mac.to_ascii_uppercase());
    }
    let networks = spec.networks.get(&node.name).map_or(&[][..], Vec::as_slice);
    let interfaces = network::files(networks, &spec.network.interface, own);
    // firstboot checks these files, so it also says what is in them.
    let mut files = lab_files(&wire).to_vec();
    files.extend([
        NodeFile::text(node_files::HOSTNAME, 0o644, node_files::hostname(&wire)),
        NodeFile::text(wire::PATH, 0o644, heading + &text),
    ]);
    for (name, file) in interfaces {
        files.push(NodeFile::text(node_files::ifcfg_path(&name), 0o644, file.text()));
        let Some(text) = network::routes(&spec.network.routes, &name) else { continue };
        // They are the bridge's once it has the node's address.
        let bridge = spec.openstack.bridge.as_ref().filter(|_| name == spec.network.interface);
        for name in [&name].into_iter().chain(bridge) {
            files.push(NodeFile::text(node_files::route_path(name), 0o644, text.clone()));
        }
    }
    Ok(files)
}

/// The spec that firstboot reads on `node`.
pub fn wire_spec(spec: &Spec, node: &LabNode, facts: &Facts) -> wire::Spec {
    let network = &spec.network;
    let hosts = spec.all_nodes.iter().map(|n| wire::LabHost {
        name: n.name.clone(),
        address: n.address,
        role: n.role,
    });
    let repositories = spec.repositories.iter().map(|r| wire::SpecRepository {
        id: r.id.clone(),
        baseurl: r.baseurl.clone(),
        packages: facts.packages.get(&r.id).copied().or(r.packages),
    });
    let mut wire = wire::Spec {
        version: wire::VERSION,
        lab: spec.lab.clone(),
        node: wire::SpecNode {
            name: node.name.clone(),
            role: node.role,
            address: node.address,
            interface: network.interface.clone(),
        },
        network: wire::SpecNetwork {
            prefix: network.subnet.prefix,
            gateway: network.gateway,
            dns: network.dns.clone(),
            ntp: network.ntp.clone(),
        },
        services: wire::SpecServices {
            enabled: spec.services.enabled.clone(),
            disabled: spec.services.disabled.clone(),
        },
        hosts: hosts.collect(),
        repositories: repositories.collect(),
        packages: wire::SpecPackages {
            total: expected_packages(spec, facts),
            needed: spec.if_available.clone(),
        },
        bridge: spec.openstack.bridge.clone().map(|name| wire::SpecBridge { name, datapath: None }),
        packstack: None,
        image: wire::SpecImage { plan: facts.plan.clone(), practice: facts.practice },
    };
    wire.packstack = spec.openstack.packstack.as_ref().map(|packstack| {
        let mut answers = list_lab_answers(&wire, packstack.compute_on_controller);
        answers.extend(packstack.answers.clone());
        let admin_password_file = wire::ADMIN_PASSWORD_FILE.to_owned();
        let program = packstack.program.clone();
        wire::SpecPackstack { program, stall_seconds: None, admin_password_file, answers }
    });
    wire
}

/// How many packages the nodes' repositories hold together: what was counted, if all
/// were, else what the lab file says.
fn expected_packages(spec: &Spec, facts: &Facts) -> Option<u64> {
    let counted: Option<u64> =
        spec.repositories.iter().map(|r| facts.packages.get(&r.id).copied()).sum();
    counted.filter(|_| !spec.repositories.is_empty()).or(spec.expected_packages)
}
