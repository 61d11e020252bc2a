//! What builds left in their output directories: the machines that can be brought up.

use super::options::Firmware;
use crate::base::error::{Context, Error, Result};
use crate::base::files::read_regular;
use crate::base::lab::ImageFormat;
use crate::image::checksum;
use crate::image::output::{manifests, no_build};
use crate::layout::Layout;
use crate::plan;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Larger files are not read as manifests.
const MAX_BYTES: u64 = 256 << 20;

/// A node's image with the machine that it is for.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Node name.
    pub name: String,
    /// Role name.
    pub role: String,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// Hardware address.
    pub mac: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The image file, absolute.
    pub image: PathBuf,
    /// Its format in QEMU's terms.
    pub format: &'static str,
    /// SHA-256 of the image as it was built; of several disks' images together.
    pub sha256: String,
    /// The virtual disk's size in bytes.
    pub disk: u64,
    /// Images of further disks, with the disks' names and sizes.
    pub further: Vec<FurtherDisk>,
    /// What the disk starts under, the usual one first.
    pub firmware: Vec<Firmware>,
}

/// A further disk of a machine.
#[derive(Clone, Debug)]
pub struct FurtherDisk {
    /// Its name in the machine.
    pub name: String,
    /// The image file, absolute.
    pub image: PathBuf,
    /// The virtual disk's size in bytes.
    pub size: u64,
}

impl Machine {
    /// What starts it: what the user asks for, or else the disk's usual firmware.
    ///
    /// # Errors
    /// An input error when the disk does not start under what is asked for.
    pub fn choose_firmware(&self, asked: Option<Firmware>) -> Result<Firmware> {
        let usual = self.firmware.first().copied().unwrap_or(Firmware::Bios);
        let firmware = asked.unwrap_or(usual);
        if self.firmware.contains(&firmware) {
            return Ok(firmware);
        }
        let message =
            format!("the image of {} has no boot loader for {}", self.name, firmware.name());
        Err(Error::input(message).hint(
            "leave --firmware out, or build it for both: `boot` in [machine] of the role's profile",
        ))
    }
}

/// What builds left.
pub struct Images {
    /// The lab that they are of.
    pub lab: plan::Lab,
    /// Its machines by address.
    pub machines: Vec<Machine>,
    /// Where the repositories were that its nodes look for; one may be in several places.
    pub repositories: Vec<plan::RepositoryPlace>,
}

/// The part of `manifest.json` that is needed here.
#[derive(Deserialize)]
struct Manifest {
    plan: Plan,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Plan {
    profile: String,
    lab: plan::Lab,
    machine: plan::Machine,
    disk: Layout,
    nodes: Vec<plan::PlanNode>,
    #[serde(default)]
    sources: plan::Sources,
}

#[derive(Deserialize)]
struct File {
    file: String,
    sha256: Option<String>,
}

impl Manifest {
    /// What tells an image from others: its digest, or that of its block map.
    fn digest(&self, file: &str) -> String {
        let names = [Some(file.to_owned()), checksum::block_map_name(file)];
        let found = |name: String| self.files.iter().find(|f| f.file == name)?.sha256.clone();
        names.into_iter().flatten().find_map(found).unwrap_or_default()
    }
}

/// The lab and the machines of all builds in `directories` or directly below them.
///
/// # Errors
/// An input error when there is none, a manifest cannot be read, or builds are of several labs.
pub fn read(directories: &[PathBuf]) -> Result<Images> {
    let mut found: Option<(plan::Lab, PathBuf)> = None;
    let (mut machines, mut repositories) = (Vec::<Machine>::new(), Vec::new());
    for path in manifests(directories)? {
        let manifest = parse(&path)?;
        match &found {
            Some((lab, first)) if *lab != manifest.plan.lab => {
                return Err(Error::input(format!(
                    "{} and {} are of two labs, {} and {}",
                    first.display(),
                    path.display(),
                    lab.name,
                    manifest.plan.lab.name
                ))
                .hint("name the output directories of one lab by --output"));
            }
            Some(_) => {}
            None => found = Some((manifest.plan.lab.clone(), path.clone())),
        }
        machines.extend(of_manifest(&manifest, path.parent().unwrap_or(Path::new("/")))?);
        repositories.extend(manifest.plan.sources.repositories);
    }
    machines.sort_by_key(|m| m.address);
    if let Some(pair) = machines.windows(2).find(|pair| pair[0].address == pair[1].address) {
        return Err(Error::input(format!(
            "{} exists twice: {} and {}",
            pair[1].name,
            pair[0].image.display(),
            pair[1].image.display()
        ))
        .hint("name the directories to take images from by --output"));
    }
    match found {
        Some((lab, _)) => Ok(Images { lab, machines, repositories }),
        None => Err(no_build(directories)),
    }
}

fn parse(path: &Path) -> Result<Manifest> {
    let text =
        read_regular(path, MAX_BYTES).or_input(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| {
        Error::input(format!("{} is not the manifest of a build: {e}", path.display()))
            .hint("build the images again with this imgbuild")
    })
}

fn of_manifest(manifest: &Manifest, directory: &Path) -> Result<Vec<Machine>> {
    let plan = &manifest.plan;
    let machine = |node: &plan::PlanNode| {
        let image = ImageFormat::ALL.iter().find_map(|format| {
            let name = format!("{}.{}", node.name, format.extension());
            manifest.files.iter().find(|f| f.file == name)?;
            let path = directory.join(&name);
            path.exists().then_some((path, *format, format.qemu()?, manifest.digest(&name)))
        });
        let (image, image_format, format, sha256) = image.ok_or_else(|| {
            Error::input(format!("{}: no disk image of {}", directory.display(), node.name))
                .hint("build it with --format qcow2 or raw")
        })?;
        let (further, sums) =
            further_disks(manifest, &node.name, directory, image_format.extension())?;
        let sha256 = match sums.is_empty() {
            true => sha256,
            // Of all images together: a machine is not that of another second disk either.
            false => hex::encode(Sha256::digest(sha256 + &sums)),
        };
        Ok(Machine {
            further,
            name: node.name.clone(),
            role: plan.profile.clone(),
            address: node.address,
            mac: node.mac.clone(),
            cpus: plan.machine.cpus,
            memory: plan.machine.memory,
            image,
            format,
            sha256,
            disk: plan.disk.size,
            firmware: firmware(&plan.disk),
        })
    };
    plan.nodes.iter().map(machine).collect()
}

/// The images of a node's further disks, and their digests.
fn further_disks(
    manifest: &Manifest,
    node: &str,
    directory: &Path,
    extension: &str,
) -> Result<(Vec<FurtherDisk>, String)> {
    let (mut disks, mut sums) = (Vec::new(), String::new());
    for disk in manifest.plan.disk.disks().into_iter().skip(1) {
        let file = disk.file(node, extension);
        let image = directory.join(&file);
        let output = manifest.files.iter().find(|f| f.file == file).filter(|_| image.exists());
        let Some(output) = output else {
            let (name, place) = (&disk.name, image.display());
            let message = format!("{node}: the image of its disk {name} is missing: {place}");
            return Err(Error::input(message).hint("build the images again"));
        };
        sums.push_str(&manifest.digest(&output.file));
        disks.push(FurtherDisk { name: disk.name, image, size: disk.size });
    }
    Ok((disks, sums))
}

fn firmware(disk: &Layout) -> Vec<Firmware> {
    let known = [(disk.has_bios(), Firmware::Bios), (disk.has_uefi(), Firmware::Uefi)];
    known.into_iter().filter_map(|(has, firmware)| has.then_some(firmware)).collect()
}

/// The machines called `names`, all of them when no name is given.
///
/// # Errors
/// An input error naming what exists.
pub fn choose<'a>(machines: &'a [Machine], names: &[String]) -> Result<Vec<&'a Machine>> {
    if names.is_empty() {
        return Ok(machines.iter().collect());
    }
    let find = |name: &String| {
        machines.iter().find(|m| m.name == *name).ok_or_else(|| {
            let known: Vec<&str> = machines.iter().map(|m| m.name.as_str()).collect();
            Error::input(format!("there is no image of a node `{name}`"))
                .hint(format!("nodes with an image: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_starts_by_what_its_disk_has_a_loader_for() {
        let machine = |firmware: &[Firmware]| Machine {
            name: "x".into(),
            role: "compute".into(),
            address: Ipv4Addr::LOCALHOST,
            mac: String::new(),
            cpus: 1,
            memory: 1 << 30,
            image: PathBuf::new(),
            format: "raw",
            sha256: String::new(),
            disk: 1 << 30,
            further: Vec::new(),
            firmware: firmware.to_vec(),
        };
        let (bios, uefi) = (Firmware::Bios, Firmware::Uefi);
        for (has, asked, chosen) in [
            (&[bios, uefi][..], None, Some(bios)),
            (&[bios, uefi], Some(uefi), Some(uefi)),
            (&[uefi], None, Some(uefi)),
            (&[bios], Some(uefi), None),
            (&[uefi], Some(bios), None),
        ] {
            assert_eq!(machine(has).choose_firmware(asked).ok(), chosen, "{has:?} {asked:?}");
        }
    }
}
