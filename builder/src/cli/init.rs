//! `imgbuild init`.

use super::common::print;
use super::{confirm, host};
use crate::base::error::{Context, Error, Result};
use crate::base::lab::Subnet;
use crate::base::{durable, private};
use crate::spec::Starter;
use clap::Args;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The third parts of the networks that are proposed, in this order.
const PROPOSED: [u8; 4] = [1, 100, 150, 200];

#[derive(Args)]
pub struct InitArguments {
    /// The lab's directory, which is created where it does not exist.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The lab's network, of 256 addresses; by default 192.168.1.0/24, or another where this
    /// machine is connected to that one.
    #[arg(long, value_name = "ADDRESS/24", value_parser = network)]
    network: Option<Subnet>,
    /// How many compute nodes; by default 2.
    #[arg(long, value_name = "NUMBER", value_parser = computes)]
    computes: Option<u8>,
    /// A file of public keys that log in to the nodes; by default ~/.ssh/id_*.pub. May be repeated.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// OpenStack as RDO built it, from CentOS' archive: needs no ISO file and no subscription.
    #[arg(long)]
    rdo: bool,
    /// Ask nothing, take what is proposed.
    #[arg(short, long)]
    yes: bool,
}

fn network(text: &str) -> Result<Subnet, String> {
    let network = Subnet::parse(text).map_err(|e| e.to_string())?;
    Starter::new(network, 1, Vec::new()).map_err(|e| e.to_string()).map(|_| network)
}

fn computes(text: &str) -> Result<u8, String> {
    let number = text.parse().ok().filter(|number| Starter::COMPUTES.contains(number));
    let (least, most) = Starter::COMPUTES.into_inner();
    number.ok_or_else(|| format!("`{text}` is not a number from {least} to {most}"))
}

pub fn run(a: InitArguments) -> Result<()> {
    let ask = !a.yes && confirm::is_possible();
    let network = choose(a.network, "Network of the lab", proposed(), ask, network)?;
    let computes = choose(a.computes, "Number of compute nodes", 2, ask, computes)?;
    let keys = match a.keys.is_empty() && ask {
        false => a.keys,
        true => {
            let question = "File of your public ssh key (empty: ~/.ssh/id_*.pub)";
            let answer = confirm::answer(&format!("{question}: "))?;
            Some(answer).filter(|a| !a.is_empty()).map(PathBuf::from).into_iter().collect()
        }
    };
    let keys = keys.iter().map(|key| absolute_key(key)).collect::<Result<Vec<String>>>()?;
    let starter = Starter::new(network, computes, keys).map_err(|e| Error::input(e.to_string()))?;
    let files = starter.with_rdo(a.rdo).files();
    write(&a.directory, &files)?;
    let mut text = String::new();
    for (name, _) in &files {
        let _ = writeln!(text, "{}", a.directory.join(name).display());
    }
    if a.directory != Path::new(".") {
        let _ = writeln!(text, "next: cd {}", a.directory.display());
    }
    let media = if a.rdo { "" } else { " (with CentOS media or --media practice)" };
    let _ = writeln!(text, "next: imgbuild doctor; imgbuild{media}; imgbuild up");
    print(&text)
}

/// What was given, or what is answered, or what is proposed.
fn choose<T: std::fmt::Display>(
    given: Option<T>,
    question: &str,
    proposal: T,
    ask: bool,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T> {
    if let Some(given) = given {
        return Ok(given);
    }
    if !ask {
        return Ok(proposal);
    }
    loop {
        let answer = confirm::answer(&format!("{question} [{proposal}]: "))?;
        if answer.is_empty() {
            return Ok(proposal);
        }
        match parse(&answer) {
            Ok(value) => return Ok(value),
            // The question comes again.
            Err(why) => drop(writeln!(std::io::stderr(), "{why}")),
        }
    }
}

/// A network that this machine is not connected to, if there is one among those proposed.
fn proposed() -> Subnet {
    let networks =
        PROPOSED.map(|third| Subnet { address: Ipv4Addr::new(192, 168, third, 0), prefix: 24 });
    let free = networks.into_iter().find(|network| host::collision(*network).is_none());
    free.unwrap_or(networks[0])
}

/// The lab file lies elsewhere than the working directory.
fn absolute_key(key: &Path) -> Result<String> {
    let what = || format!("cannot read the key {}", key.display());
    if key.starts_with("~") {
        return Ok(key.display().to_string());
    }
    fs::metadata(key).or_input(what)?;
    Ok(std::path::absolute(key).or_input(what)?.display().to_string())
}

/// Writes all or nothing; nothing that is there is touched.
fn write(directory: &Path, files: &[(&str, String)]) -> Result<()> {
    let there: Vec<String> = files
        .iter()
        .map(|(name, _)| directory.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() {
        return Err(Error::input(format!("nothing is overwritten: {} exist", there.join(", ")))
            .hint("name another directory, or change these files"));
    }
    let (mut written, mut created) = (Vec::new(), Vec::new());
    let result = files.iter().try_for_each(|(name, text)| {
        let path = directory.join(name);
        let what = || format!("cannot write {}", path.display());
        let parent = path.parent().unwrap_or(directory);
        let mode = private::public_mode(0o755);
        created.splice(0..0, durable::create_dir_all(parent, mode).or_environment(what)?);
        let mut file = File::create_new(&path).or_environment(what)?;
        written.push(path.clone());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).or_environment(what)?;
        private::publish(&path).and_then(|()| durable::sync_dir(parent)).or_environment(what)
    });
    if result.is_err() {
        written.iter().for_each(|path| drop(fs::remove_file(path)));
        // The innermost first.
        created.iter().for_each(|directory| drop(fs::remove_dir(directory)));
    }
    result
}
