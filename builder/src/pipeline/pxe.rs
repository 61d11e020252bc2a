//! The recipe of a tree for servers that nodes boot from by the network: loaders, kickstarts, node
//! files and repositories. The installer's medium stays where it is; servers read it there.

use super::install_base::BaseMedium;
use super::install_node::{self, InstallShared};
use super::install_tree::{self, NodeOfRole};
use super::options::Select;
use super::overlay;
use super::planned_roles;
use super::pxe_loaders::Loaders;
use crate::base::durable;
use crate::base::error::{Context as _, Error, Result};
use crate::base::interrupt;
use crate::base::private;
use crate::base::progress::{Progress, Unit};
use crate::image::output::{Staging, require_space};
use crate::plan::install::{
    self, InstallServer, InstallSource, InstallTree, LabSegment, NETWORK_SCHEMA, NetworkNode,
    NetworkPlan,
};
use formats::tree::{Content, Tree};
use rand::RngCore;
use rand::rngs::OsRng;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What is copied from the medium to the TFTP server.
const BOOT: [&str; 2] = ["images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"];
/// What a tree consists of.
const NAMES: [&str; 5] = ["tftp", "http", "dnsmasq.conf", "dhcpd.conf", NetworkPlan::FILE];

/// What tree to make.
pub struct PxeOptions {
    /// For which nodes, from what.
    pub select: Select,
    /// The directory that it is made in.
    pub output: PathBuf,
    /// Whether an existing one is replaced.
    pub force: bool,
    /// The static firstboot binary, if not next to imgbuild.
    pub firstboot: Option<PathBuf>,
    /// The directory of all labs' states, with the lab's secrets.
    pub state: PathBuf,
    /// Whether installing may erase a disk that is not empty.
    pub erase: bool,
    /// Whether the nodes' keys and passwords are in it.
    pub secrets: bool,
    /// Where nodes find the HTTP server, and at the same address the TFTP server.
    pub server: SocketAddrV4,
    /// Directories with loaders that the medium does not have.
    pub loaders: Vec<PathBuf>,
}

/// A tree that was made.
#[derive(Clone, Debug)]
pub struct BuiltPxe {
    /// Its directory.
    pub path: PathBuf,
    /// How it installs.
    pub plan: NetworkPlan,
}

/// Makes the tree. All nodes in it start their local disks until they are armed.
///
/// # Errors
/// Input errors of profile, kickstart, media and packages, of a medium without installer, of nodes
/// without hardware address; build errors of writing. Nothing is left in the output directory then.
pub fn pxe(options: &PxeOptions, progress: &mut Progress) -> Result<BuiltPxe> {
    let roles = planned_roles::plan_with_checks(&options.select, None, progress)?;
    planned_roles::refuse_several_disks(&roles)?;
    let first = roles.first().ok_or_else(|| Error::input("the lab has no role to install"))?;
    let base = BaseMedium::find(&options.select, &first.context.spec)?;
    progress.note(&base.note());
    let nodes = install_tree::nodes(&roles);
    check(options, &nodes)?;
    let loaders = Loaders::find(&base, &options.loaders)?;
    loaders.missing.iter().for_each(|note| progress.note(&format!("note: {note}")));
    let names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    let staging = Staging::new(&options.output, names, options.force)?;
    let mut maker = PxeMaker { options, base: &base, http: Tree::default() };
    let secrets = match options.secrets {
        true => install_tree::secrets(&options.state, &roles, progress)?,
        false => BTreeMap::new(),
    };
    let mut plan = maker.plan(&nodes, &loaders, &staging.path("repositories"), progress)?;
    maker.add_nodes(&mut plan, &nodes, &secrets)?;
    plan.files = install_tree::sums(&maker.http)?;
    maker.write(&plan, loaders, &staging, progress)?;
    progress.finish();
    staging.commit()?;
    Ok(BuiltPxe { path: options.output.clone(), plan })
}

/// Refuses nodes that cannot boot by the network, all at once.
fn check(options: &PxeOptions, nodes: &[NodeOfRole<'_>]) -> Result<()> {
    let mut wrong = Vec::new();
    for (role, node) in nodes {
        if node.mac.is_none() {
            let lab =
                role.context.spec.inputs.iter().find(|input| input.name.ends_with("lab.toml"));
            let lab = lab.map_or("the lab file", |input| &input.name);
            wrong.push(format!("{lab}: [[node]] {}: `mac` is missing", node.name));
        }
        if node.address == *options.server.ip() {
            let (address, name) = (node.address, &node.name);
            wrong.push(format!("--server: {address} is the address of the node {name}"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::input(wrong.join("\n")).hint(
        "a node that boots by the network is known by the hardware address of its interface there: mac = \"52:54:00:12:34:56\"; and the server is a machine beside them",
    ))
}

/// Makes one tree.
struct PxeMaker<'a> {
    options: &'a PxeOptions,
    base: &'a BaseMedium,
    /// What the HTTP server has.
    http: Tree,
}

impl PxeMaker<'_> {
    /// The plan without its nodes; repositories are added to the tree.
    fn plan(
        &mut self,
        nodes: &[NodeOfRole<'_>],
        loaders: &Loaders,
        work: &Path,
        progress: &mut Progress,
    ) -> Result<NetworkPlan> {
        let Self { options, base, http } = self;
        let repositories =
            install_tree::add_repositories((base, nodes), ("repos", work), http, progress)?;
        let role = nodes.first().ok_or_else(|| Error::input("the lab has no node to install"))?.0;
        let (spec, repos) = (&role.context.spec, &role.context.catalog.repos);
        let top = repos
            .iter()
            .find(|repo| repo.medium.location() == base.location && repo.directory.is_empty());
        let id = top.map_or("installer", |repo| &repo.id);
        let grub = base.text("EFI/BOOT/grub.cfg")?;
        let network = &spec.network;
        let medium = std::path::absolute(&base.path).unwrap_or_else(|_| base.path.clone());
        Ok(NetworkPlan {
            schema: NETWORK_SCHEMA,
            lab: spec.lab.clone(),
            server: options.server,
            segment: LabSegment {
                network: network.subnet.address,
                prefix: network.subnet.prefix,
                gateway: network.gateway,
                dns: network.dns.clone(),
            },
            erase: options.erase,
            secrets: options.secrets,
            tree: InstallTree {
                path: format!("tree/{id}"),
                medium: medium.to_string_lossy().into_owned(),
            },
            linuxefi: grub.lines().any(|line| line.trim_start().starts_with("linuxefi ")),
            loaders: loaders.files.iter().map(|(path, _)| path.clone()).collect(),
            nodes: Vec::new(),
            repositories,
            files: BTreeMap::new(),
        })
    }

    /// Adds what each node is installed with to tree and plan.
    fn add_nodes(
        &mut self,
        plan: &mut NetworkPlan,
        nodes: &[NodeOfRole<'_>],
        secrets: &BTreeMap<String, crate::lab::secrets::NodeSecrets>,
    ) -> Result<()> {
        let firstboot = overlay::firstboot_binary(self.options.firstboot.as_deref())?;
        let repositories = plan.repositories.clone();
        let shared = InstallShared {
            base: self.base,
            firstboot: &firstboot,
            erase: self.options.erase,
            repositories: &repositories,
        };
        for (role, node) in nodes {
            let directory = format!("n/{}", token());
            let source = InstallSource::Server(InstallServer {
                url: plan.url(),
                tree: plan.tree.path.clone(),
                node: directory.clone(),
            });
            let (secrets, pair) = (secrets.get(&node.name), (&role.context, *node));
            let mut install = install_node::add(&shared, &source, pair, secrets, &mut self.http)?;
            let mac = node.mac.clone().unwrap_or_default();
            let network = &role.context.spec.network;
            install.arguments.extend(install::network_arguments(network, node, &mac));
            let address = node.address;
            plan.nodes.push(NetworkNode { install, mac, address, directory });
        }
        Ok(())
    }

    /// Writes everything into the staging directory.
    fn write(
        &self,
        plan: &NetworkPlan,
        loaders: Loaders,
        staging: &Staging,
        progress: &mut Progress,
    ) -> Result<()> {
        let size: u64 = self.http.entries.values().map(|entry| entry.size()).sum();
        require_space(&self.options.output, size + (256 << 20), "the tree")?;
        progress.stage("writing the tree", Unit::Steps);
        let what = || "cannot write the tree".to_owned();
        let (tftp, http) = (staging.path("tftp"), staging.path("http"));
        for (path, bytes) in loaders.files {
            write_file(&tftp.join(&path), 0o644, &mut &bytes[..]).or_build(what)?;
            if plan.http_loader().is_some() && path.starts_with("EFI/") {
                write_file(&http.join(&path), 0o644, &mut &bytes[..]).or_build(what)?;
            }
        }
        for name in BOOT {
            let node = self.base.iso.lookup(name).or_input(what)?;
            let node = node.ok_or_else(|| Error::input(format!("the medium has no {name}")))?;
            let mut from = self.base.iso.reader(&node).or_input(what)?;
            write_file(&tftp.join(name), 0o644, &mut from).or_build(what)?;
        }
        for (path, entry) in &self.http.entries {
            interrupt::check()?;
            if entry.content == Content::Dir {
                continue;
            }
            let path = String::from_utf8_lossy(path).into_owned();
            let mut from = entry.open().or_build(|| format!("cannot read what becomes {path}"))?;
            write_file(&http.join(&path), entry.mode.into(), &mut from).or_build(what)?;
        }
        // What nobody can guess is not to be read in the directory's listing.
        fs::set_permissions(http.join("n"), Permissions::from_mode(private::DIRECTORY))
            .or_build(what)?;
        // For another server the medium is mounted there.
        durable::create_dir_all(&http.join(&plan.tree.path), private::public_mode(0o755))
            .or_build(what)?;
        for (path, text) in install::default_boot_files(plan) {
            write_file(&staging.path(&path), 0o644, &mut text.as_bytes()).or_build(what)?;
        }
        let of_nodes = plan.nodes.iter().flat_map(|node| install::boot_files(plan, node, false));
        for (path, text) in of_nodes {
            write_file(&staging.path(&path), 0o600, &mut text.as_bytes()).or_build(what)?;
        }
        let place = std::path::absolute(&self.options.output).or_build(what)?;
        for (name, text, mode) in [
            ("dnsmasq.conf", install::dnsmasq(plan, &place), 0o644),
            ("dhcpd.conf", install::dhcpd(plan), 0o644),
            (NetworkPlan::FILE, plan.to_json(), 0o600),
        ] {
            write_file(&staging.path(name), mode, &mut text.as_bytes()).or_build(what)?;
        }
        durable::sync_filesystem(&http).or_build(what)
    }
}

/// Writes a file with the directories above it; it is private until it is whole.
fn write_file(path: &Path, mode: u32, from: &mut dyn Read) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        durable::create_dir_all(parent, private::public_mode(0o755))?;
    }
    let mut file = private::create_file(path)?;
    io::copy(from, &mut file)?;
    file.flush()?;
    file.set_permissions(Permissions::from_mode(match mode & 0o077 {
        0 => mode,
        _ => private::public_mode(mode),
    }))
}

/// A name that nobody can guess: 128 random bits.
fn token() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}
