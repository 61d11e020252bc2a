//! The lab's virtual machines: brought up from the images of a build, watched until their
//! firstboot reports, shut down, removed. Each runs on an overlay, so that images stay as
//! they were built. Only resources that were started here are touched.

mod accelerator;
mod access;
mod console;
mod daemon;
mod directory;
mod domain;
mod forward;
mod handle;
mod health;
mod images;
mod machine;
pub mod network;
mod options;
mod probe;
mod process;
mod processor;
mod qemu;
mod qmp;
mod repositories;
mod repository_server;
mod ssh;
mod start;
mod state;
mod status;
mod verdict;
mod virsh;
mod watch;

pub use forward::{Forward, Way};
pub use machine::{try_kvm, try_libvirt};
pub use options::{Accelerator, Backend, Firmware, Up};
pub use state::labs;
pub use status::{LabStatus, NodeStatus, Power, RepositoryStatus, status};

use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use contract::spec::Role;
use images::Machine;
use ssh::Login;
use state::{Held, LabDirectory, State};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use watch::Watch;

/// Brings machines up and waits until firstboot reports on each.
///
/// # Errors
/// An environment error when something is missing; a build error when a node is not ready in
/// time. Machines that run by then stay up, as their consoles show why.
pub fn up(options: &Up, progress: &mut Progress) -> Result<()> {
    let images = images::read(&options.outputs)?;
    let (lab, machines) = (&images.lab, &images.machines);
    let chosen = images::choose(machines, &options.nodes)?;
    let mut held = Held::open(LabDirectory::new(&options.state, &lab.name), lab)?;
    let on = held.state.running(chosen.iter().map(|m| &m.name))?;
    let off: Vec<&Machine> = chosen.iter().copied().filter(|m| !on.contains(&&m.name)).collect();
    if !off.is_empty()
        && let Err(error) = start::start(options, &off, &images, &mut held, progress)
    {
        // What could not be taken down stays on record; the first error says more.
        if settle(&mut held).is_ok() && held.state.nodes.is_empty() {
            held.directory.remove()?;
        }
        return Err(error);
    }
    repositories::keep_served(options, &mut held, &images, progress)?;
    let names: Vec<&str> = chosen.iter().map(|m| m.name.as_str()).collect();
    wait_until_ready(options, held, &names, machines, progress)
}

/// Waits until the nodes called `names` are ready. Where KVM fails them, they are started again
/// with an emulated processor, unless KVM is what the user wants.
fn wait_until_ready(
    options: &Up,
    held: Held,
    names: &[&str],
    machines: &[Machine],
    progress: &mut Progress,
) -> Result<()> {
    let (directory, mut state) = (held.directory.clone(), held.state.clone());
    // Others may read and act while we wait.
    drop(held);
    let mut watch = Watch::new(&directory, names, options.timeout);
    loop {
        let failures = watch.run(&state, progress)?;
        if failures.is_empty() {
            break;
        }
        start::chooser(options)?.failed(&failures, progress)?;
        let mut held = Held::existing(directory.clone())?;
        start::restart_emulated(options, &failures, &state, machines, &mut held)?;
        // A node that somebody removed meanwhile has ended, by what is known of it.
        state.nodes.append(&mut held.state.nodes.clone());
        watch.restarted(&failures);
    }
    watch.finish(progress)?;
    if names.iter().any(|name| state.nodes[*name].accelerator == processor::KVM) {
        start::chooser(options)?.succeeded(progress);
    }
    Ok(())
}

/// Without a running machine the network goes down as well, and what is on it.
fn settle(held: &mut Held) -> Result<()> {
    if held.state.running(held.state.nodes.keys())?.is_empty() {
        if let Some(server) = held.state.repositories.take() {
            server.stop();
        }
        if let Some(network) = held.state.network.take() {
            network.remove()?;
        }
    }
    held.save()
}

/// Shuts machines down: presses their power buttons, and cuts the power of those that run
/// after `timeout`. Without names, all of the lab's.
///
/// # Errors
/// When there are several labs and none is named, or libvirt does not answer.
pub fn down(
    base: &Path,
    lab: Option<&str>,
    names: &[String],
    timeout: Duration,
    progress: &mut Progress,
) -> Result<()> {
    let Some(directory) = state::find_any(base, lab)? else {
        progress.note("no lab exists: nothing to shut down");
        return Ok(());
    };
    let mut held = Held::existing(directory)?;
    let names = existing(&held.state, names, progress);
    progress.stage("shutting down", Unit::Steps);
    let mut running = held.state.running(&names)?;
    for name in &running {
        press_power(&held, name, progress)?;
    }
    let started = Instant::now();
    while !running.is_empty() && started.elapsed() < timeout {
        interrupt::check()?;
        let alive = held.state.running(running.iter().copied())?;
        for name in running.iter().filter(|name| !alive.contains(name)) {
            progress.note(&format!("{name} is off"));
        }
        running = alive;
        let list: Vec<&str> = running.iter().map(|n| n.as_str()).collect();
        progress.at(0, 0, &list.join(", "));
        std::thread::sleep(Duration::from_millis(200));
    }
    for name in running {
        held.state.nodes[name].machine.as_ref().map_or(Ok(()), handle::Machine::kill)?;
        let seconds = timeout.as_secs();
        progress.warn(&format!("{name} did not shut down within {seconds} s: its power was cut"));
    }
    progress.finish();
    settle(&mut held)
}

/// The machines called `names` that exist, all when no name is given; the others are noted.
fn existing(state: &State, names: &[String], progress: &Progress) -> Vec<String> {
    if names.is_empty() {
        return state.nodes.keys().cloned().collect();
    }
    let (found, absent): (Vec<_>, Vec<_>) =
        names.iter().cloned().partition(|name| state.nodes.contains_key(name));
    for name in absent {
        let known: Vec<&str> = state.nodes.keys().map(String::as_str).collect();
        progress.note(&format!(
            "{} has no machine {name} (its machines: {})",
            state.lab.name,
            known.join(", ")
        ));
    }
    found
}

/// Presses a machine's power button; one that has stopped would not notice.
fn press_power(held: &Held, name: &str, progress: &Progress) -> Result<()> {
    let (node, directory) = (&held.state.nodes[name], held.directory.node(name));
    let Some(machine) = &node.machine else { return Ok(()) };
    let health = health::of(node, &directory)?;
    if !health.on {
        return Ok(());
    }
    if let Some(stop) = health.stop(node, &directory) {
        let why = stop.reason();
        progress.note(&format!("{name}: {why}: its power is cut"));
        return machine.kill();
    }
    if let Err(e) = machine.press_power(&directory) {
        progress.note(&format!("{name}: the power button does not work: {e}"));
    }
    Ok(())
}

/// Cuts machines' power and removes their disks and logs; the images stay. Without names,
/// the whole lab goes.
///
/// # Errors
/// When there are several labs and none is named, libvirt does not answer, or files cannot be
/// removed.
pub fn destroy(
    base: &Path,
    lab: Option<&str>,
    names: &[String],
    progress: &mut Progress,
) -> Result<()> {
    let Some(directory) = state::find_any(base, lab)? else {
        progress.note("no lab exists: nothing to remove");
        return Ok(());
    };
    let mut held = Held::existing(directory)?;
    for name in existing(&held.state, names, progress) {
        held.state.nodes[&name].machine.as_ref().map_or(Ok(()), handle::Machine::remove)?;
        let directory = held.directory.node(&name);
        state::remove(&directory)?;
        held.state.nodes.remove(&name);
        progress.note(&format!("removed {name}; its image stays"));
    }
    settle(&mut held)?;
    if held.state.nodes.is_empty() {
        held.directory.remove()?;
    }
    Ok(())
}

/// How a console is left.
const WAY_OUT: &str = "Ctrl-] leaves the console";

/// Joins the terminal with a node's serial console until Ctrl-].
///
/// # Errors
/// When the node is not known or not up.
pub fn attach(base: &Path, lab: Option<&str>, name: &str, progress: &Progress) -> Result<()> {
    let directory = state::find(base, lab)?;
    let state = directory.read()?;
    state::choose(&state, &[name.to_owned()])?;
    if let Some(handle::Machine::Libvirt(domain)) = &state.nodes[name].machine {
        progress.note(WAY_OUT);
        return Err(domain.console().exec()).or_environment(|| "cannot start virsh".to_owned());
    }
    console::attach(&directory.node(name), name, || progress.note(WAY_OUT))
}

/// Everything that a node's serial console has shown.
///
/// # Errors
/// When the node is not known or its log cannot be read.
pub fn console_log(base: &Path, lab: Option<&str>, name: &str) -> Result<Vec<u8>> {
    let directory = state::find(base, lab)?;
    state::choose(&directory.read()?, &[name.to_owned()])?;
    let path = directory.console(name);
    fs::read(&path).or_environment(|| format!("cannot read {}", path.display()))
}

/// This program, to be run in the network of the lab `name` below `base`; `None` where that
/// is not a namespace of its own, or not up.
///
/// # Errors
/// When the lab's state cannot be read, or the namespace is another user's.
pub fn inside(base: &Path, name: &str) -> Result<Option<Command>> {
    if !labs(base)?.iter().any(|lab| lab == name) {
        return Ok(None);
    }
    let network = LabDirectory::new(base, name).read()?.network;
    let Some(keeper) = network.as_ref().and_then(handle::Network::keeper) else { return Ok(None) };
    if !keeper.alive() {
        return Ok(None);
    }
    Ok(Some(network::Namespace::of(Some(keeper))?.command("/proc/self/exe")))
}

/// The ssh command for `words` on a node.
///
/// # Errors
/// When the node is not known or not up.
pub fn ssh(
    base: &Path,
    lab: Option<&str>,
    name: &str,
    identity: Option<&Path>,
    words: &[String],
) -> Result<Command> {
    let directory = state::find(base, lab)?;
    let state = directory.read()?;
    Login { base, directory: &directory, state: &state, identity }.ssh(name, words)
}

/// The scp command for `words`, of which some are `NODE:PATH`.
///
/// # Errors
/// When they name no node, several, or one that is not up.
pub fn scp(
    base: &Path,
    lab: Option<&str>,
    identity: Option<&Path>,
    words: &[String],
) -> Result<Command> {
    let directory = state::find(base, lab)?;
    let state = directory.read()?;
    Login { base, directory: &directory, state: &state, identity }.scp(words)
}

/// The way to a port of a node, by default of the lab's controller; with the lab's name.
///
/// # Errors
/// When the node is not known or not up.
pub fn way(base: &Path, lab: Option<&str>, node: Option<&str>, port: u16) -> Result<(String, Way)> {
    let state = state::find(base, lab)?.read()?;
    let controller = state.nodes.iter().find(|(_, node)| node.role == Role::Controller.as_str());
    let node = node.or(controller.map(|(name, _)| name.as_str())).ok_or_else(|| {
        Error::input("the lab has no controller that was started")
            .hint("name the node, as in nova01:80")
    })?;
    let (address, keeper) = state.way_to(node)?;
    let way = Way { node: node.to_owned(), address, port, keeper: keeper.cloned() };
    Ok((state.lab.name.clone(), way))
}
