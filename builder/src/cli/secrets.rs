//! `imgbuild secrets`.

use super::common::{StateArguments, json, print};
use super::confirm;
use crate::base::error::{Error, Result};
use crate::lab::secrets::{SecretItem, SecretKind, Store, labs};
use clap::{Args, Subcommand};
use contract::time::rfc3339;
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

/// Schema number of `secrets list --json`.
const SCHEMA: u32 = 2;
const DAY: u64 = 24 * 60 * 60;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SecretsArguments {
    #[command(subcommand)]
    command: Option<SecretsCommand>,
    #[command(flatten)]
    which: Which,
}

#[derive(Subcommand)]
enum SecretsCommand {
    /// Lists the secrets (the default), never their values.
    List(Listing),
    /// Prints the value of one: a password, or a private key.
    Show(Show),
    /// Rotates secrets. The old ones become useless once the images of all nodes are
    /// built again and run.
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
    #[arg(short, long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
struct Show {
    /// Its name as `list` prints it.
    #[arg(value_name = "SECRET")]
    name: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
struct Rotate {
    /// Names as `list` prints them. With `ca`, everything it has signed.
    #[arg(value_name = "SECRET")]
    names: Vec<String>,
    /// All of them, without asking.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    which: Which,
}

impl Which {
    /// The secrets of the lab that is meant, and its name.
    pub fn store(&self) -> Result<(Store, String)> {
        let state = self.state.directory()?;
        let labs = labs(&state)?;
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
                    .hint("a build creates them"));
            }
            (None, labs) => {
                return Err(Error::input("several labs have secrets; name one by --lab")
                    .hint(format!("labs: {}", labs.join(", "))));
            }
        };
        Ok((Store::open(&state, &lab)?, lab))
    }
}

pub fn run(a: SecretsArguments) -> Result<()> {
    match a.command {
        None => list(&Listing { json: false, which: a.which }),
        Some(SecretsCommand::List(a)) => list(&a),
        Some(SecretsCommand::Show(a)) => show(&a),
        Some(SecretsCommand::Rotate(a)) => rotate(&a),
    }
}

#[derive(Serialize)]
struct List<'a> {
    schema: u32,
    lab: &'a str,
    secrets: Vec<SecretEntry<'a>>,
}

/// One secret as JSON.
#[derive(Serialize)]
struct SecretEntry<'a> {
    name: &'a str,
    kind: &'static str,
    /// SHA-256 of the file of its public part.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    /// When, in UTC (RFC 3339).
    made: String,
    #[serde(skip)]
    age: Duration,
}

impl<'a> SecretEntry<'a> {
    fn of(item: &'a SecretItem) -> Self {
        let kind = match item.kind {
            SecretKind::Authority => "certificate authority",
            SecretKind::Identity(_) => "certificate and key",
            SecretKind::Ssh => "root's ssh key",
            SecretKind::OperatorSsh => "your ssh key for the lab",
            SecretKind::AdminPassword => "password",
        };
        let made = rfc3339(item.made.duration_since(UNIX_EPOCH).unwrap_or_default());
        let age = item.made.elapsed().unwrap_or_default();
        Self { name: item.kind.name(), kind, fingerprint: item.fingerprint.as_deref(), made, age }
    }
}

fn list(a: &Listing) -> Result<()> {
    let (store, lab) = a.which.store()?;
    let items = store.items()?;
    let secrets: Vec<SecretEntry<'_>> = items.iter().map(SecretEntry::of).collect();
    if a.json {
        return print(&json(&List { schema: SCHEMA, lab: &lab, secrets }));
    }
    let mut text = String::new();
    for s in secrets {
        let days = s.age.as_secs() / DAY;
        let age = if days == 0 { "today".to_owned() } else { format!("{days} days ago") };
        let print = s.fingerprint.map(|f| format!("  sha256:{f}")).unwrap_or_default();
        let _ = writeln!(text, "{:<26}{:<24}{age:<14}{print}", s.name, s.kind);
    }
    print(&text)
}

fn show(a: &Show) -> Result<()> {
    let (store, lab) = a.which.store()?;
    let value = store.value(&a.name)?;
    // Others may build while we ask.
    drop(store);
    if !a.yes {
        if !confirm::is_possible() {
            return Err(Error::input(format!("{} would be printed", a.name))
                .hint("without a terminal to ask at, give --yes"));
        }
        confirm::ask(&format!("print the secret {} of {lab}?", a.name))?;
    }
    print(&format!("{}\n", value.expose().trim_end()))
}

fn rotate(a: &Rotate) -> Result<()> {
    if a.names.is_empty() && !a.all {
        confirm_all(&a.which)?;
    }
    let (store, lab) = a.which.store()?;
    let rotated = store.rotate(&a.names)?;
    let nodes: Vec<String> = store.nodes()?.into_iter().map(|(name, _)| name).collect();
    print(&report(&lab, &rotated, &nodes))
}

/// Everything at once is asked for.
fn confirm_all(which: &Which) -> Result<()> {
    let (store, lab) = which.store()?;
    let nodes: Vec<String> = store.nodes()?.into_iter().map(|(name, _)| name).collect();
    drop(store);
    let useless = format!(
        "every secret of {lab} is replaced, its CA too: all images built so far ({}) become \
         useless next to new ones",
        nodes.join(", ")
    );
    if !confirm::is_possible() {
        return Err(Error::input(format!("without a name, {useless}"))
            .hint("name the secrets, or give --all"));
    }
    confirm::ask(&format!("{useless}. Go on?"))
}

/// What was rotated, and what has to be done so that the old ones become useless.
fn report(lab: &str, rotated: &[SecretKind], nodes: &[String]) -> String {
    let mut text = String::new();
    for kind in rotated {
        let _ = writeln!(text, "new: {}", kind.name());
    }
    let _ = writeln!(
        text,
        "build the images of all nodes of {lab} again ({}), and start the nodes from them",
        nodes.join(", ")
    );
    let identity =
        |kind: &SecretKind| matches!(kind, SecretKind::Authority | SecretKind::Identity(_));
    if rotated.iter().any(identity) {
        text.push_str(
            "until a node runs its new image, it accepts the old certificates and refuses the \
             new ones\n",
        );
    }
    if rotated.contains(&SecretKind::Ssh) {
        text.push_str("until a node runs its new image, root's old ssh key logs in there\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_built_again_is_said() {
        let nodes = ["openstack".to_owned(), "nova01".to_owned()];
        let lines = |rotated: &[SecretKind]| -> Vec<String> {
            report("lab", rotated, &nodes).lines().map(str::to_owned).collect()
        };
        let build = "build the images of all nodes of lab again (openstack, nova01), and start \
                     the nodes from them";
        assert_eq!(lines(&[SecretKind::AdminPassword]), ["new: keystone-admin-password", build]);
        let said = lines(&[SecretKind::Identity("nova01".into()), SecretKind::Ssh]);
        assert_eq!(said[..3], ["new: nova01", "new: ssh", build]);
        assert!(said[3].contains("accepts the old certificates and refuses the new ones"));
        assert!(said[4].contains("old ssh key logs in"));
    }
}
