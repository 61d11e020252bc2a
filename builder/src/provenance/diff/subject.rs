//! What can be compared: an image, an output directory, a manifest, a plan.

use crate::base::error::{Context, Result};
use crate::base::files::open_regular;
use crate::base::progress::{Progress, Unit};
use crate::image::ImageContent;
use crate::image::listing::Listing;
use crate::plan::Plan;
use crate::provenance::machine_image::open_machine;
use crate::provenance::manifest::Manifest;
use crate::provenance::verify::read_listing;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One side of a comparison.
pub struct Subject {
    /// As the user named it.
    pub name: String,
    /// Its plan, if it is known.
    pub plan: Option<Plan>,
    /// Its nodes; none for a plan.
    pub nodes: Vec<SubjectNode>,
}

/// One node's files.
pub struct SubjectNode {
    /// Its name; an image's file name where there is no manifest.
    pub name: String,
    /// Its image, where there is one to read.
    pub image: Option<PathBuf>,
    /// The list that its build left, where the image itself is not what was named.
    listing: Option<PathBuf>,
}

impl Subject {
    /// Finds out what `path` is.
    ///
    /// # Errors
    /// An input error when it is nothing that can be compared.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        if path.is_dir() {
            return Self::of_manifest(name, &path.join("manifest.json"));
        }
        let mut first = [0; 1];
        let read = open_regular(path).and_then(|mut file| file.read(&mut first));
        let count = read.or_input(|| format!("cannot read {name}"))?;
        if count == 1 && first == *b"{" {
            let text = std::fs::read(path).or_input(|| format!("cannot read {name}"))?;
            let is_manifest = serde_json::from_slice::<serde_json::Value>(&text)
                .is_ok_and(|value| value.get("plan").is_some());
            if is_manifest {
                return Self::of_manifest(name, path);
            }
            return Ok(Self { name, plan: Some(Plan::read(path)?), nodes: Vec::new() });
        }
        let manifest = path.with_file_name("manifest.json");
        let manifest = if manifest.exists() { Some(Manifest::read(&manifest)?) } else { None };
        let node = manifest.as_ref().and_then(|m| m.node_of(path).ok());
        let known = node.map_or_else(|| name.clone(), |n| n.name.clone());
        let node = SubjectNode { name: known, image: Some(path.to_owned()), listing: None };
        Ok(Self { name, plan: manifest.map(|m| m.plan), nodes: vec![node] })
    }

    fn of_manifest(name: String, path: &Path) -> Result<Self> {
        let manifest = Manifest::read(path)?;
        let image = |node: &str| {
            let files = manifest.files.iter().filter(|f| f.node == node && f.is_image());
            files.map(|f| path.with_file_name(&f.file)).find(|file| file.exists())
        };
        let nodes = manifest
            .nodes
            .iter()
            .map(|n| SubjectNode {
                name: n.name.clone(),
                image: image(&n.name),
                listing: Some(path.with_file_name(&n.listing)),
            })
            .collect();
        Ok(Self { name, plan: Some(manifest.plan), nodes })
    }
}

impl SubjectNode {
    /// Every path of the node: from the list of its build, or read from the image.
    ///
    /// # Errors
    /// An input error when neither can be read.
    pub fn listing(&self, progress: &mut Progress) -> Result<Listing> {
        if let Some(listing) = &self.listing {
            return read_listing(listing);
        }
        let Some(image) = &self.image else { return Ok(Listing::new()) };
        progress.stage(&format!("reading the files of {}", self.name), Unit::Bytes);
        let image = open_machine(image)?;
        let content = ImageContent::of(&image)?;
        content.listing(&mut |done, total| progress.at(done, total, ""), &mut |_, why| Err(why))
    }
}
