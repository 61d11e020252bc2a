//! Tree + identity → the image files of each node.

use super::Context;
use super::overlay::{self, Firstboot};
use crate::boot::{self, Settings};
use crate::disk::{self, Content};
use crate::error::{Context as _, Result};
use crate::format::qcow2::{self, Compression};
use crate::install::place;
use crate::interrupt;
use crate::manifest::Output;
use crate::output::{Staging, sha256};
use crate::plan::Node;
use crate::progress::{Progress, Unit};
use crate::tree;
use std::fs::{self, File};
use std::path::Path;

/// qcow2's deflate level: level 1 costs a third of the default's time for 10 % more bytes.
const COMPRESSION: Compression = Compression::Zlib(1);

/// Writes all images of the plan from the installed tree in `folder`.
pub fn write(
    context: &Context,
    folder: &Path,
    firstboot: &Firstboot,
    staging: &Staging,
    progress: &mut Progress,
) -> Result<Vec<Output>> {
    let plan = &context.plan;
    let facts = overlay::facts(context);
    progress.stage("reading the installed tree", Unit::Steps);
    let root = folder.join(place::ROOT);
    let mut role = tree::scan(&root, plan.time)?;
    overlay::role(context, firstboot, &facts, &mut role)?;
    let settings = Settings {
        title: overlay::title(&role)?,
        arguments: plan.arguments.clone(),
        timeout: plan.timeout,
        time: plan.time,
    };
    let esp = boot::install(&mut role, &plan.disk, &settings)?;
    let boot_img = root.join(boot::GRUB_PC).join("boot.img");
    let read = |path: &Path| fs::read(path).or_build(|| format!("cannot read {}", path.display()));
    let (boot_img, core_img) = (read(&boot_img)?, read(&folder.join(place::CORE_IMG))?);
    let mut outputs = Vec::new();
    for node in &plan.nodes {
        let mut tree = role.clone();
        if let Some(spec) = context.spec.node(&node.name) {
            overlay::identity(context, spec, &facts, &mut tree)?;
        }
        let content = Content {
            root: &tree,
            esp: &esp,
            boot_img: &boot_img,
            core_img: &core_img,
            time: plan.time,
        };
        outputs.extend(images(context, node, &content, staging, progress)?);
    }
    Ok(outputs)
}

/// One node's images in every format.
fn images(
    context: &Context,
    node: &Node,
    content: &Content,
    staging: &Staging,
    progress: &mut Progress,
) -> Result<Vec<Output>> {
    let wanted = |extension: &str| node.outputs.iter().find(|o| o.ends_with(extension));
    progress.stage(&format!("{}: disk", node.name), Unit::Bytes);
    // The raw image is what the others are made from, and an output only where asked for.
    let raw = staging.path(wanted(".raw").map_or("disk", String::as_str));
    disk::write(&raw, &context.plan.disk, content, &mut |done, total| {
        progress.at(done, total, "")
    })?;
    if let Some(name) = wanted(".qcow2") {
        progress.stage(&format!("{}: qcow2", node.name), Unit::Bytes);
        let path = staging.path(name);
        let what = || format!("cannot write {}", path.display());
        let from = File::open(&raw).or_build(what)?;
        let to = File::create_new(&path).or_build(what)?;
        let written = qcow2::write(&from, &to, COMPRESSION, None, &mut |done, total| {
            progress.at(done, total, "");
            !interrupt::requested()
        });
        interrupt::check()?;
        written.or_build(what)?;
    }
    if wanted(".raw").is_none() {
        fs::remove_file(&raw).or_build(|| format!("cannot remove {}", raw.display()))?;
    }
    checksums(node, staging, progress)
}

fn checksums(node: &Node, staging: &Staging, progress: &mut Progress) -> Result<Vec<Output>> {
    progress.stage(&format!("{}: checksums", node.name), Unit::Bytes);
    let mut sizes = Vec::new();
    for name in &node.outputs {
        let path = staging.path(name);
        let about = fs::metadata(&path).or_build(|| format!("cannot read {}", path.display()))?;
        sizes.push((name, path, about.len()));
    }
    let total = sizes.iter().map(|(_, _, size)| size).sum();
    let mut done = 0;
    sizes
        .into_iter()
        .map(|(name, path, size)| {
            let sha256 = sha256(&path, &mut |read| {
                done += read;
                progress.at(done, total, name);
            })?;
            Ok(Output { file: name.clone(), node: node.name.clone(), size, sha256 })
        })
        .collect()
}
