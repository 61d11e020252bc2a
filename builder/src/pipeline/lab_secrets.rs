//! The secrets that a lab's nodes get.

use crate::base::error::Result;
use crate::base::progress::Progress;
use crate::lab::secrets::{NodeSecrets, Store};
use crate::plan::node::ssh_keys;
use crate::spec::Spec;
use std::collections::BTreeMap;
use std::path::Path;

/// The secrets of the lab's nodes, by name; created now, if the lab has none yet. `specs` are those
/// of its roles.
pub fn of_lab(
    state: &Path,
    specs: &[&Spec],
    progress: &Progress,
) -> Result<BTreeMap<String, NodeSecrets>> {
    let Some(spec) = specs.first() else { return Ok(BTreeMap::new()) };
    let lab = &spec.lab;
    let store = Store::open(state, lab)?;
    let operator = specs.iter().any(|spec| ssh_keys::of_root(spec).is_empty());
    let (secrets, made) = store.of_nodes(&spec.all_nodes, operator)?;
    if operator {
        progress.note(
            "no ssh key of yours was found: an operator key is in the images, and `imgbuild ssh` \
             logs in with it",
        );
    }
    if made {
        let directory = Store::directory(state, lab);
        progress
            .note(&format!("created secrets of the lab {lab}, kept in {}", directory.display()));
    }
    Ok(secrets)
}
