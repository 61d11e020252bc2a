//! Status of labs: `imgbuild status`.

use super::console::{self, Readiness};
use super::health::{self, Stop};
use super::repository_server::RepositoryServer;
use super::state::{self, LabDirectory, VmNode};
use crate::base::error::Result;
use crate::plan::RepositoryPlace;
use serde::Serialize;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// A lab.
#[derive(Clone, Debug, Serialize)]
pub struct LabStatus {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Whether the network is up.
    pub network_up: bool,
    /// The repositories that are to be served on it.
    pub repositories: Vec<RepositoryStatus>,
    /// Its machines by address.
    pub nodes: Vec<NodeStatus>,
}

/// A repository for the nodes.
#[derive(Clone, Debug, Serialize)]
pub struct RepositoryStatus {
    /// Its id.
    pub id: String,
    /// Where nodes find it.
    pub baseurl: String,
    /// Where it is on this machine.
    pub source: String,
    /// Whether it is served; not when the server has ended by itself.
    pub served: bool,
}

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// It runs.
    On,
    /// It does not.
    Off,
}

/// A machine.
#[derive(Clone, Debug, Serialize)]
pub struct NodeStatus {
    /// Node name.
    pub name: String,
    /// Role name.
    pub role: String,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// Whether it runs.
    pub power: Power,
    /// QEMU's run state in QEMU's terms (`running`, `paused`, `internal-error` …); nothing for a
    /// machine that is off, or whose QEMU does not answer just now.
    pub run_state: Option<String>,
    /// Why a machine that is on will not go on.
    pub stopped: Option<String>,
    /// What firstboot reports of it; nothing for a machine that is off.
    pub firstboot: Option<Readiness>,
    /// The last line of a running machine's console, firstboot's once there is one; of a stopped
    /// one, why.
    pub said: String,
    /// How its processor is run.
    pub accelerator: String,
    /// QEMU's process, where imgbuild started it, not libvirt.
    pub pid: Option<i32>,
    /// The image below its disk.
    pub image: PathBuf,
    /// The log of its console.
    pub console: PathBuf,
}

impl NodeStatus {
    /// One word for people.
    pub fn word(&self) -> &'static str {
        match (self.power, self.firstboot) {
            (Power::Off, _) => "off",
            (Power::On, _) if self.stopped.is_some() => "stopped",
            (Power::On, _) if self.run_state.as_deref() == Some("paused") => "paused",
            (Power::On, Some(Readiness::Ready)) => "ready",
            (Power::On, Some(Readiness::Failed)) => "failed",
            (Power::On, _) => "working",
        }
    }
}

/// The labs below `base`, or the one called `lab`; of their nodes those called `names`, or all.
///
/// # Errors
/// When a lab or node is not known, a state cannot be read, or libvirt does not answer.
pub fn status(base: &Path, lab: Option<&str>, names: &[String]) -> Result<Vec<LabStatus>> {
    let directories = match lab {
        None if names.is_empty() => {
            state::labs(base)?.iter().map(|name| LabDirectory::new(base, name)).collect()
        }
        _ => vec![state::find(base, lab)?],
    };
    directories.iter().map(|lab_directory| of_lab(lab_directory, names)).collect()
}

fn of_lab(lab_directory: &LabDirectory, names: &[String]) -> Result<LabStatus> {
    let state = lab_directory.read()?;
    let names = state::choose(&state, names)?;
    let nodes = names.iter().map(|name| of_node(lab_directory, name, &state.nodes[name]));
    let mut nodes = nodes.collect::<Result<Vec<NodeStatus>>>()?;
    nodes.sort_by_key(|n| n.address);
    Ok(LabStatus {
        name: state.lab.name.clone(),
        network: format!("{}/{}", state.lab.network, state.lab.prefix),
        network_up: state.network_up()?.is_some(),
        repositories: state.repositories.iter().flat_map(of_repositories).collect(),
        nodes,
    })
}

fn of_repositories(server: &RepositoryServer) -> Vec<RepositoryStatus> {
    let served = server.process.alive();
    let status = |place: &RepositoryPlace| RepositoryStatus {
        id: place.id.clone(),
        baseurl: place.baseurl.clone(),
        source: place.source(),
        served,
    };
    server.places.iter().map(status).collect()
}

fn of_node(lab_directory: &LabDirectory, name: &str, node: &VmNode) -> Result<NodeStatus> {
    let console = lab_directory.console(name);
    let directory = lab_directory.node(name);
    let health = health::of(node, &directory)?;
    let on = health.on;
    let stop = health.stop(node, &directory).filter(|_| on);
    let stopped = stop.map(Stop::reason);
    let report = console::report(&console, node.log_start, name);
    let said = stopped.clone().unwrap_or(report.last);
    Ok(NodeStatus {
        name: name.to_owned(),
        role: node.role.clone(),
        address: node.address,
        power: if on { Power::On } else { Power::Off },
        run_state: health.run_state,
        stopped,
        firstboot: on.then_some(report.readiness),
        said: if on { said } else { String::new() },
        accelerator: node.accelerator.clone(),
        pid: node.machine.as_ref().filter(|_| on).and_then(|m| m.pid()),
        image: node.image.clone(),
        console,
    })
}
