//! Starting machines: by libvirt where it runs, else by QEMU in a lab network of its own.

use super::accelerator::Chooser;
use super::handle;
use super::images::{Images, Machine};
use super::options::{Backend, Up};
use super::processor::{KVM, TCG};
use super::state::{self, Held, State, VmNode};
use super::virsh::Connection;
use super::watch::Failure;
use super::{domain, network, qemu, repositories};
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::private;
use crate::base::programs::{IP, QEMU};
use crate::base::progress::Progress;
use std::fs;
use std::path::PathBuf;

/// How machines are started this time.
struct Runner<'a> {
    options: &'a Up,
    qemu: PathBuf,
    accelerator: &'static str,
    libvirt: Option<Connection>,
}

/// Starts the machines that are off, and the network before the first; what was started
/// before a failure is stopped again. `images` are all of the lab.
///
/// # Errors
/// An environment error when something is missing or fails.
pub fn start(
    options: &Up,
    off: &[&Machine],
    images: &Images,
    held: &mut Held,
    progress: &mut Progress,
) -> Result<()> {
    check_images(held, off)?;
    check_memory(options, off)?;
    let qemu = QEMU.require()?;
    let libvirt = backend(options, held, progress)?;
    let chooser = chooser(options)?;
    let accelerator = chooser.choose(progress)?;
    let mut runner = Runner { options, qemu, accelerator, libvirt };
    runner.network(images, held, progress)?;
    let mut started: Vec<&str> = Vec::new();
    for machine in off {
        let mut done = interrupt::check().and_then(|()| runner.machine(machine, held));
        if done.is_err()
            && runner.accelerator == KVM
            && matches!(chooser.must_emulate(progress), Ok(true))
        {
            runner.accelerator = TCG;
            done = runner.machine(machine, held);
        }
        if let Err(error) = done {
            for name in started {
                let machine = held.state.nodes.get(name).and_then(|n| n.machine.as_ref());
                // The first error says more.
                let _ = machine.map(handle::Machine::kill);
            }
            return Err(error);
        }
        started.push(&machine.name);
    }
    Ok(())
}

/// Starts machines that KVM failed again, with an emulated processor. Those that something else
/// has stopped or restarted since `seen` are left alone. `all` are the lab's machines.
///
/// # Errors
/// An environment error when something is missing or fails.
pub fn restart_emulated(
    options: &Up,
    failures: &[Failure],
    seen: &State,
    all: &[Machine],
    held: &mut Held,
) -> Result<()> {
    let libvirt = match &held.state.network {
        Some(handle::Network::Libvirt(network)) => Some(network.connection().clone()),
        _ => None,
    };
    let runner = Runner { options, qemu: QEMU.require()?, accelerator: TCG, libvirt };
    for Failure { name, .. } in failures {
        let Some(node) = held.state.nodes.get(name) else { continue };
        let (Some(old), Some(machine)) = (&node.machine, all.iter().find(|m| m.name == *name))
        else {
            continue;
        };
        if seen.nodes.get(name).is_some_and(|n| n.machine == node.machine) && old.alive()? {
            old.kill()?;
            runner.machine(machine, held)?;
        }
    }
    Ok(())
}

/// What decides how processors are run.
///
/// # Errors
/// When QEMU is not installed.
pub fn chooser(options: &Up) -> Result<Chooser> {
    Ok(Chooser::new(&QEMU.require()?, options.accelerator, &options.state))
}

/// An overlay is of no use on an image that was rebuilt.
fn check_images(held: &Held, off: &[&Machine]) -> Result<()> {
    for machine in off {
        if let Some(node) = held.state.nodes.get(&machine.name)
            && (node.sha256 != machine.sha256 || node.image != machine.image)
        {
            let name = &machine.name;
            return Err(Error::input(format!(
                "{name}: the image has changed since its machine was created"
            ))
            .hint(format!(
                "`imgbuild destroy {name}` removes the old disk; then `imgbuild up {name}`"
            )));
        }
    }
    Ok(())
}

/// Memory in bytes that the machine gets.
fn memory(options: &Up, machine: &Machine) -> u64 {
    options.memory.unwrap_or(machine.memory)
}

fn check_memory(options: &Up, off: &[&Machine]) -> Result<()> {
    let need: u64 = off.iter().map(|m| memory(options, m)).sum();
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let Some(have) = kib("MemAvailable:").map(|k| (k + kib("SwapFree:").unwrap_or(0)) << 10) else {
        return Ok(());
    };
    if need <= have {
        return Ok(());
    }
    Err(Error::environment(format!(
        "not enough memory for {} machines: need {} MiB, have {} MiB",
        off.len(),
        need >> 20,
        have >> 20
    ))
    .hint("give each less by --memory, or bring fewer up"))
}

/// libvirt, if that is to run the machines. A lab that is up stays with what runs it.
fn backend(options: &Up, held: &Held, progress: &Progress) -> Result<Option<Connection>> {
    let up = held.state.network_up()?;
    let wanted = match (options.backend, up) {
        (Backend::Auto, Some(handle::Network::Namespace(_))) => Backend::Qemu,
        (Backend::Auto, Some(handle::Network::Libvirt(_))) => Backend::Libvirt,
        (backend, Some(network)) if (backend == Backend::Qemu) != network.keeper().is_some() => {
            return Err(Error::input("the lab is already up, run by the other backend")
                .hint("`imgbuild down` first"));
        }
        (backend, _) => backend,
    };
    if wanted == Backend::Qemu {
        return Ok(None);
    }
    match (Connection::find(), wanted) {
        (Ok(connection), _) => {
            progress.note(&format!("libvirt at {} runs the machines", connection.uri));
            Ok(Some(connection))
        }
        (Err(e), Backend::Libvirt) => {
            Err(Error::environment(format!("libvirt does not answer: {}", e.message))
                .hint("start libvirtd, or use --backend qemu"))
        }
        (Err(e), _) => {
            let why = e.message;
            progress
                .note(&format!("plain QEMU runs the machines, as libvirt does not answer ({why})"));
            Ok(None)
        }
    }
}

impl Runner<'_> {
    fn network(&self, images: &Images, held: &mut Held, progress: &Progress) -> Result<()> {
        if held.state.network_up()?.is_some() {
            return Ok(());
        }
        let lab = &held.state.lab;
        let network = if let Some(connection) = &self.libvirt {
            let network =
                domain::network(connection, lab, &images.machines, held.directory.path())?;
            progress
                .note("the lab's time server is this machine: its NTP server must answer the lab");
            handle::Network::Libvirt(network)
        } else {
            IP.require()?;
            let servers = repositories::servers(images);
            let (keeper, serves) = network::start(lab, &servers, held.directory.path())?;
            if !serves {
                progress.warn("chronyd is not installed here: the lab has no time server, and firstboot will miss it");
            }
            handle::Network::Namespace(keeper)
        };
        held.state.network = Some(network);
        // One that is left is in the network that was there before.
        if let Some(server) = held.state.repositories.take() {
            server.stop();
        }
        held.save()
    }

    fn machine(&self, machine: &Machine, held: &mut Held) -> Result<()> {
        let firmware = machine.choose_firmware(self.options.firmware)?;
        let directory = held.directory.node(&machine.name);
        let what = || format!("cannot use {}", directory.display());
        if !held.state.nodes.contains_key(&machine.name) {
            // The disk of a machine that could not be started may be of another image.
            state::remove(&directory)?;
        }
        private::own_dir(&directory).or_environment(what)?;
        let directory = std::path::absolute(&directory).or_environment(what)?;
        qemu::make_disks(machine, &directory)?;
        let log = held.directory.console(&machine.name);
        let log_start = fs::metadata(&log).map_or(0, |m| m.len());
        let started = match &self.libvirt {
            Some(connection) => handle::Machine::Libvirt(domain::start(&domain::Start {
                connection,
                machine,
                lab: &held.state.lab.name,
                state: held.directory.path(),
                directory: &directory,
                emulated: self.accelerator == TCG,
                memory: memory(self.options, machine),
                firmware,
            })?),
            None => handle::Machine::Qemu(qemu::start(&qemu::Start {
                qemu: &self.qemu,
                machine,
                directory: &directory,
                keeper: held.state.network.as_ref().and_then(handle::Network::keeper),
                accelerator: self.accelerator,
                memory: memory(self.options, machine),
                firmware,
            })?),
        };
        let node = VmNode {
            role: machine.role.clone(),
            address: machine.address,
            image: machine.image.clone(),
            sha256: machine.sha256.clone(),
            machine: Some(started),
            log_start,
            accelerator: self.accelerator.to_owned(),
        };
        held.state.nodes.insert(machine.name.clone(), node);
        held.save()
    }
}
