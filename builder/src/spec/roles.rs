//! The roles of a lab: profiles next to its lab file, and those built in for the others.

use super::files::{self, InputFile};
use super::lab::{is_lab, read_lab};
use super::request::Request;
use super::role::{is_role, read_role};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::lab::LabNode;
use contract::spec::Role;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The profiles of a lab's roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabRoles {
    /// As `--profile` takes them, the one with the first address first.
    pub profiles: Vec<String>,
    /// Where they were found, and what was left out.
    pub notes: Vec<String>,
}

/// Finds the profile of every role that a node of the lab has: the files `*.toml` next to the lab
/// file that have a `role`, else the built-in one. With `request.node`, only that node's role.
/// `request.profile` plays no part.
///
/// # Errors
/// What is wrong with the lab file; two profiles of one role; a node that does not exist.
pub fn find_roles(request: &Request<'_>) -> Result<LabRoles, Diagnostics> {
    let lab_file = files::find_lab(request, None)?;
    let (lab, diagnostics) = read_lab(&lab_file, request.home);
    diagnostics.into_warnings()?;
    let mut nodes = lab.nodes;
    nodes.sort_by_key(|node| node.address);
    if let Some(wanted) = request.node
        && !nodes.iter().any(|node| node.name == wanted)
    {
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let message = format!("{} has no node `{wanted}`", lab_file.name);
        let hint = format!("its nodes: {}", names.join(", "));
        return Err(Diagnostic::of_file("", message).key("--node").hint(hint).into());
    }
    let mut found = LabRoles::default();
    let mut candidates = candidates(&lab_file, request, &mut found.notes)?;
    candidates.retain(|candidate| {
        let used = candidate.role.is_none_or(|role| first(&nodes, role).is_some());
        if !used {
            let (name, lab) = (&candidate.file.name, &lab_file.name);
            found.notes.push(format!("{name} is left out: {lab} has no node of its role"));
        }
        used
    });
    let mut roles: Vec<(Ipv4Addr, String, String)> = Vec::new();
    for role in [Role::Controller, Role::Compute] {
        let Some(address) = first(&nodes, role) else { continue };
        let of_role: Vec<&Candidate> =
            candidates.iter().filter(|candidate| candidate.role == Some(role)).collect();
        let (profile, place) = match of_role.as_slice() {
            [] => (role.as_str().to_owned(), format!("the profile `{}`", role.as_str())),
            [only] => (only.path.to_string_lossy().into_owned(), only.file.name.clone()),
            [first, second, ..] => {
                let (one, two, role) = (&first.file.name, &second.file.name, role.as_str());
                let message = format!("{one} and {two} are both profiles of the role {role}");
                let hint = "name the profiles to build by --profile";
                return Err(Diagnostic::of_file("", message).hint(hint).into());
            }
        };
        roles.push((address, profile, format!("{} ({place})", role.as_str())));
    }
    // What is wrong with them is reported when they are loaded.
    let broken = candidates.iter().filter(|candidate| candidate.role.is_none());
    roles.extend(broken.map(|candidate| {
        let path = candidate.path.to_string_lossy().into_owned();
        (Ipv4Addr::BROADCAST, path, candidate.file.name.clone())
    }));
    roles.sort();
    if let Some(node) = nodes.iter().find(|node| request.node == Some(node.name.as_str())) {
        roles.retain(|(address, ..)| first(&nodes, node.role) == Some(*address));
    }
    let list: Vec<&str> = roles.iter().map(|(.., shown)| shown.as_str()).collect();
    let note = format!("roles of {} ({}): {}", lab.name, lab_file.name, list.join(", "));
    found.notes.insert(0, note);
    found.profiles = roles.into_iter().map(|(_, profile, _)| profile).collect();
    Ok(found)
}

/// The first address of a role.
fn first(nodes: &[LabNode], role: Role) -> Option<Ipv4Addr> {
    nodes.iter().find(|node| node.role == role).map(|node| node.address)
}

/// A file next to the lab file that may be a role's profile.
struct Candidate {
    path: PathBuf,
    file: InputFile,
    /// Absent where the file is not good.
    role: Option<Role>,
}

fn candidates(
    lab: &InputFile,
    request: &Request<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Candidate>, Diagnostics> {
    let directory = lab.path.parent().unwrap_or(Path::new(""));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml") && *path != lab.path);
    paths.sort();
    let mut candidates = Vec::new();
    for path in paths {
        let file = files::read_path(&path, request)?;
        if is_lab(&file) {
            continue;
        }
        if !is_role(&file) {
            notes.push(format!("{} is left out: it has no `role`", file.name));
            continue;
        }
        let role = read_role(&file).0.role.map(|role| role.value);
        candidates.push(Candidate { path, file, role });
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: &str = include_str!("../../../profiles/lab.toml");

    fn find(directory: &Path, node: Option<&str>) -> Result<LabRoles, String> {
        let request = Request { node, ..Request::new("", directory) };
        find_roles(&request).map_err(|e| e.to_string())
    }

    #[test]
    fn profiles_next_to_the_lab_file_come_before_built_in_ones() {
        let directory = tempfile::tempdir().unwrap();
        let profiles = directory.path().join("profiles");
        let write = |name: &str, text: &str| fs::write(profiles.join(name), text).unwrap();
        assert_eq!(find(directory.path(), None).unwrap().profiles, ["controller", "compute"]);
        assert_eq!(find(directory.path(), Some("nova02")).unwrap().profiles, ["compute"]);
        fs::create_dir(&profiles).unwrap();
        write("lab.toml", LAB);
        write("hypervisor.toml", "role = \"compute\"");
        write("lab-other.toml", LAB);
        write("notes.toml", "text = \"not a profile\"");
        let own = profiles.join("hypervisor.toml").to_string_lossy().into_owned();
        let found = find(directory.path(), None).unwrap();
        assert_eq!(found.profiles, ["controller", &own]);
        assert_eq!(
            found.notes,
            [
                "roles of openstack-lab (profiles/lab.toml): controller (the profile \
                 `controller`), compute (profiles/hypervisor.toml)",
                "profiles/notes.toml is left out: it has no `role`",
            ]
        );
        write("broken.toml", "role = ");
        let broken = profiles.join("broken.toml").to_string_lossy().into_owned();
        assert_eq!(find(directory.path(), None).unwrap().profiles.last(), Some(&broken));
        fs::remove_file(broken).unwrap();
        write("other.toml", "role = \"compute\"");
        let error = find(directory.path(), None).unwrap_err();
        let both = "profiles/hypervisor.toml and profiles/other.toml are both profiles of the role";
        assert!(error.contains(both), "{error}");
        let error = find(directory.path(), Some("nova09")).unwrap_err();
        assert!(error.contains("no node `nova09`") && error.contains("nova02"), "{error}");
    }

    #[test]
    fn a_role_without_nodes_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let profiles = directory.path().join("profiles");
        fs::create_dir(&profiles).unwrap();
        let computes = LAB.find("[[node]]\nname    = \"nova01\"").unwrap();
        let rest = LAB.find("# --- Static routes").unwrap();
        fs::write(profiles.join("lab.toml"), [&LAB[..computes], &LAB[rest..]].concat()).unwrap();
        fs::write(profiles.join("compute.toml"), "role = \"compute\"").unwrap();
        let found = find(directory.path(), None).unwrap();
        assert_eq!(found.profiles, ["controller"]);
        assert!(found.notes[1].starts_with("profiles/compute.toml is left out"), "{found:?}");
    }
}
