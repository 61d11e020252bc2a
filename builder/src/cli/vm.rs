//! `imgbuild up`, `down`, `status`, `console`, `destroy`.

use super::common::{Common, MessageArguments, OUTPUT, StateArguments, limit, print};
use super::confirm;
use crate::base::error::Result;
use crate::base::progress::{Progress, Settings};
use crate::lab::vm::{self, Accelerator, Backend, Firmware, LabStatus, RepositoryStatus};
use crate::spec::parse_size;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Schema number of `status --json`.
const SCHEMA: u32 = 1;

/// Which machines.
#[derive(Args)]
struct Which {
    /// Node names; by default all of the lab's.
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// The lab, if there are several.
    #[arg(long, value_name = "NAME")]
    lab: Option<String>,
    #[command(flatten)]
    place: StateArguments,
}

#[derive(Args)]
pub struct Up {
    /// Node names; by default all that have an image.
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// Output directory of a build, or the directory of several. May be repeated.
    #[arg(short, long, default_value = OUTPUT, value_name = "DIR")]
    output: Vec<PathBuf>,
    /// Memory of each machine, as in "768 MiB"; by default the profile's.
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Backend that runs the machines.
    #[arg(long, value_enum, default_value = "auto")]
    backend: Backend,
    /// Accelerator of the processors.
    #[arg(long, value_enum, default_value = "auto")]
    accelerator: Accelerator,
    /// Firmware that starts the boot loader; BIOS where the image starts under both.
    #[arg(long, value_enum)]
    firmware: Option<Firmware>,
    /// How long firstboot may take: 90s, 30m, 2h, or a number of seconds.
    #[arg(long, default_value = "30m", value_name = "TIME", value_parser = limit)]
    timeout: Duration,
    #[command(flatten)]
    common: Common,
    /// Print the lab's status as JSON when it is up.
    #[arg(short, long)]
    json: bool,
    #[command(flatten)]
    place: StateArguments,
}

/// Memory of a machine: the minimum is what a kernel needs to start, in whole MiB.
fn memory(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text).map_err(|e| e.to_string())?;
    if bytes < 128 << 20 {
        return Err(format!("{text} is too little for a machine, the minimum is 128 MiB"));
    }
    Ok(bytes.next_multiple_of(1 << 20))
}

pub fn up(a: Up) -> Result<()> {
    let mut progress = a.common.messages.progress()?;
    let options = vm::Up {
        state: a.place.directory()?,
        cache: a.common.cache()?,
        outputs: a.output,
        nodes: a.nodes,
        memory: a.memory,
        backend: a.backend,
        accelerator: a.accelerator,
        firmware: a.firmware,
        timeout: a.timeout,
    };
    vm::up(&options, &mut progress)?;
    if a.json {
        return print_json(&vm::status(&options.state, None, &[])?);
    }
    Ok(())
}

#[derive(Args)]
pub struct Down {
    #[command(flatten)]
    which: Which,
    /// How long a node may take to shut down before its power is cut: 90s, 3m, or a number of
    /// seconds.
    #[arg(long, default_value = "3m", value_name = "TIME", value_parser = limit)]
    timeout: Duration,
    #[command(flatten)]
    messages: MessageArguments,
}

pub fn down(a: Down) -> Result<()> {
    let mut progress = a.messages.progress()?;
    let (base, lab) = (a.which.place.directory()?, a.which.lab.as_deref());
    vm::down(&base, lab, &a.which.nodes, a.timeout, &mut progress)
}

#[derive(Args)]
pub struct Destroy {
    #[command(flatten)]
    which: Which,
    /// Do not ask. Without a terminal, nothing is asked anyway.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    messages: MessageArguments,
}

pub fn destroy(a: Destroy) -> Result<()> {
    let mut progress = a.messages.progress()?;
    let (base, lab) = (a.which.place.directory()?, a.which.lab.as_deref());
    if !a.yes && confirm::is_possible() {
        let labs = vm::status(&base, lab, &[])?;
        let asked =
            |name: &&str| a.which.nodes.is_empty() || a.which.nodes.iter().any(|n| n == name);
        let nodes = labs.iter().flat_map(|lab| lab.nodes.iter().map(|node| node.name.as_str()));
        let names: Vec<&str> = nodes.filter(asked).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            confirm::ask(&format!("remove {names}, with what is on their disks (images stay)?"))?;
        }
    }
    vm::destroy(&base, lab, &a.which.nodes, &mut progress)
}

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    which: Which,
    /// As JSON.
    #[arg(short, long)]
    json: bool,
}

pub fn status(a: Status) -> Result<()> {
    let labs = vm::status(&a.which.place.directory()?, a.which.lab.as_deref(), &a.which.nodes)?;
    if a.json {
        return print_json(&labs);
    }
    if labs.is_empty() {
        return print("no machines; `imgbuild up` creates them from the images of a build\n");
    }
    print(&labs.iter().map(text).collect::<Vec<_>>().join("\n"))
}

fn print_json(labs: &[LabStatus]) -> Result<()> {
    let value = serde_json::json!({ "schema": SCHEMA, "labs": labs });
    print(&format!("{value:#}\n"))
}

fn text(lab: &LabStatus) -> String {
    let network = if lab.network_up { "up" } else { "down" };
    let mut text = format!("{}: network {} is {network}\n", lab.name, lab.network);
    for RepositoryStatus { id, baseurl, source, served } in &lab.repositories {
        let state = match served {
            true => "is served",
            false => "is not served, as its server has ended (`imgbuild up` starts it again):",
        };
        let _ = writeln!(text, "  repository {id} {state} at {baseurl} from {source}");
    }
    for node in &lab.nodes {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {:<12} {:<10} {:<15} {:<8} {}",
            node.name,
            node.role,
            node.address.to_string(),
            node.word(),
            node.said
        );
    }
    text
}

/// Which machine.
#[derive(Args)]
struct One {
    /// The node's name.
    #[arg(value_name = "NODE")]
    node: String,
    /// The lab, if there are several.
    #[arg(long, value_name = "NAME")]
    lab: Option<String>,
    #[command(flatten)]
    place: StateArguments,
}

#[derive(Args)]
pub struct Console {
    #[command(flatten)]
    one: One,
    /// Print what the console has shown so far instead of attaching to it.
    #[arg(long)]
    log: bool,
}

pub fn console(a: Console) -> Result<()> {
    let (base, lab) = (a.one.place.directory()?, a.one.lab.as_deref());
    if a.log {
        let log = vm::console_log(&base, lab, &a.one.node)?;
        return print(&String::from_utf8_lossy(&log));
    }
    let progress = Progress::new(&Settings::default())?;
    vm::attach(&base, lab, &a.one.node, &progress)
}
