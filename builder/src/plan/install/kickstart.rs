//! The kickstart of a node for the installer: the one that images are built from, with a
//! generated head and tail.

use super::model::AddedRepository;
use super::script;
use super::source::InstallSource;
use crate::base::lab::InstallDisk;
use crate::kickstart::Kickstart;

/// What a node's kickstart is made of.
pub struct NodeInputs<'a> {
    /// The node's name.
    pub name: &'a str,
    /// Where everything comes from.
    pub source: &'a InstallSource,
    /// Its kickstart, filled in.
    pub kickstart: &'a Kickstart,
    /// Lines of storage commands for what images get without being asked.
    pub added_storage: &'a str,
    /// How its disk is found.
    pub disk: &'a InstallDisk,
    /// Whether a disk that is not empty may be erased.
    pub erase: bool,
    /// Packages beyond `%packages` that the profile and the commands need.
    pub packages: &'a [String],
    /// Directories with repositories on the installer's medium beside its top.
    pub own_repositories: &'a [(String, String)],
    /// Repositories that are added.
    pub repositories: &'a [AddedRepository],
    /// Where firstboot goes, and its SHA-256.
    pub firstboot: (&'a str, &'a str),
    /// Archives that `%post` finds unpacked, relative to the directory of what is added, with
    /// their SHA-256: what nodes of the role have alike.
    pub before: &'a [(String, String)],
    /// Archives that are unpacked last: what makes the node itself.
    pub after: &'a [(String, String)],
    /// Paths of everything in the archives.
    pub paths: &'a [String],
    /// Whether the distribution's own repositories are switched off.
    pub disable_repositories: bool,
    /// Units and their states.
    pub enable: &'a [String],
    /// See `enable`.
    pub disable: &'a [String],
}

/// The kickstart's text.
pub fn render(inputs: &NodeInputs<'_>) -> String {
    let NodeInputs { name, source, disk, erase, .. } = inputs;
    let parts = inputs.kickstart.for_installer(&source.method(), inputs.added_storage);
    let mut text =
        format!("#version=RHEL7\n# {name}, installed from what imgbuild made.\n{}", parts.commands);
    let own = inputs.own_repositories.iter();
    let own = own.map(|(id, directory)| (id, source.own_repository(directory)));
    let added = inputs.repositories.iter();
    let added = added.map(|added| (&added.id, source.added_repository(&added.directory)));
    for (id, url) in own.chain(added) {
        text.push_str(&format!("repo --name={id} --baseurl={url}\n"));
    }
    // Last: the installer's first stage, which has no such file, stops reading here.
    text.push_str(&format!("%include {}\n\n", script::STORAGE_FILE));
    text.push_str(&script::choose_disk(name, source, disk, *erase, &parts.storage));
    text.push_str(&format!("\n{}", parts.packages));
    if !inputs.packages.is_empty() {
        text.push_str(&format!("\n%packages\n{}\n%end\n", inputs.packages.join("\n")));
    }
    let (place, sum) = inputs.firstboot;
    let mut files = vec![("firstboot".to_owned(), sum.to_owned())];
    files.extend_from_slice(inputs.before);
    let mut then = String::new();
    if inputs.disable_repositories {
        then.push_str(script::disable_repositories());
    }
    then.push_str(&script::install_firstboot(place));
    then.extend(inputs.before.iter().map(|(path, _)| script::unpack(path)));
    text.push_str(&format!("\n{}", script::put_files(name, source, &files, &then)));
    text.push_str(&parts.sections);
    let then: String = inputs.after.iter().map(|(path, _)| script::unpack(path)).collect();
    text.push_str(&format!("\n{}", script::put_files(name, source, inputs.after, &then)));
    text.push_str(&format!("\n{}", script::settle(inputs.paths, inputs.enable, inputs.disable)));
    text
}
