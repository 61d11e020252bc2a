//! `imgbuild secrets`.

use super::common::{StateArguments, json, print};
use crate::error::{Error, Result};
use crate::secrets::{Item, Kind, Store, labs};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Schema number of `secrets list --json`.
const SCHEMA: u32 = 1;
const DAY: u64 = 24 * 60 * 60;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    which: Which,
}

#[derive(Subcommand)]
enum Command {
    /// Says which secrets there are (the default): never their values.
    List(Listing),
    /// Makes secrets anew; images with the old ones must be built again.
    Rotate(Rotate),
}

#[derive(Args)]
pub struct Which {
    /// The lab, if there are several.
    #[arg(long, value_name = "NAME")]
    lab: Option<String>,
    #[command(flatten)]
    pub state: StateArguments,
}

#[derive(Args)]
struct Listing {
    /// Print the list as JSON, with a schema number.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
struct Rotate {
    /// Names as `list` prints them; all if there is none. With `ca`, everything it has signed.
    #[arg(value_name = "SECRET")]
    names: Vec<String>,
    #[command(flatten)]
    which: Which,
}

impl Which {
    /// The secrets of the lab that is meant, and its name.
    pub fn store(&self) -> Result<(Store, String)> {
        let state = self.state.folder()?;
        let labs = labs(&state);
        let lab = match (&self.lab, labs.as_slice()) {
            (Some(name), labs) if labs.contains(name) => name.clone(),
            (Some(name), _) => {
                return Err(Error::input(format!("the lab `{name}` has no secrets"))
                    .hint(format!("labs with secrets: {}", labs.join(", "))));
            }
            (None, [only]) => only.clone(),
            (None, []) => {
                let place = state.display();
                return Err(Error::input(format!("no lab has secrets yet (looked in {place})"))
                    .hint("a build makes them"));
            }
            (None, labs) => {
                return Err(Error::input("several labs have secrets; name one by --lab")
                    .hint(format!("labs: {}", labs.join(", "))));
            }
        };
        Ok((Store::open(&state, &lab)?, lab))
    }
}

pub fn run(a: Arguments) -> Result<()> {
    match a.command {
        None => list(&Listing { json: false, which: a.which }),
        Some(Command::List(a)) => list(&a),
        Some(Command::Rotate(a)) => rotate(&a),
    }
}

#[derive(Serialize)]
struct List<'a> {
    schema: u32,
    lab: &'a str,
    secrets: Vec<Entry<'a>>,
}

/// One secret as JSON.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    kind: &'static str,
    /// SHA-256 of the file of its public part.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    /// Seconds since 1970.
    made: u64,
}

impl<'a> Entry<'a> {
    fn of(item: &'a Item) -> Self {
        let kind = match item.kind {
            Kind::Authority => "certificate authority",
            Kind::Identity(_) => "certificate and key",
            Kind::Ssh => "root's ssh key",
            Kind::AdminPassword => "password",
        };
        let made = item.made.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Self { name: item.kind.name(), kind, fingerprint: item.fingerprint.as_deref(), made }
    }
}

fn list(a: &Listing) -> Result<()> {
    let (store, lab) = a.which.store()?;
    let items = store.items()?;
    let secrets: Vec<Entry<'_>> = items.iter().map(Entry::of).collect();
    if a.json {
        return print(&json(&List { schema: SCHEMA, lab: &lab, secrets }));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let mut text = String::new();
    for s in secrets {
        let days = now.saturating_sub(s.made) / DAY;
        let age = if days == 0 { "today".to_owned() } else { format!("{days} days ago") };
        let print = s.fingerprint.map(|f| format!("  sha256:{f}")).unwrap_or_default();
        let _ = writeln!(text, "{:<26}{:<24}{age:<14}{print}", s.name, s.kind);
    }
    print(&text)
}

fn rotate(a: &Rotate) -> Result<()> {
    let (store, lab) = a.which.store()?;
    let mut text = String::new();
    for kind in store.rotate(&a.names)? {
        let _ = writeln!(text, "new: {}", kind.name());
    }
    let _ =
        writeln!(text, "build the images of {lab} again: those that there are hold the old ones");
    print(&text)
}
