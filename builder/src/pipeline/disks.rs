//! Tree + identity → the image files of each node.

use super::context::BuildContext;
use super::image_sums::ImageSums;
use super::overlay;
use super::record;
use super::reporter::Reporter;
use super::role::Role;
use crate::base::error::{Context as _, Error, Result};
use crate::base::interrupt;
use crate::base::lab::ImageFormat;
use crate::base::private;
use crate::base::progress::Unit;
use crate::image::disk::{self, DiskContent, GrubImages};
use crate::image::listing::Digests;
use crate::image::output::{Staging, libvirt};
use crate::lab::secrets::NodeSecrets;
use crate::layout::{DiskRange, Layout, uuid_bytes};
use crate::plan::{Plan, PlanNode};
use crate::provenance::manifest::{self, Output};
use crate::tree;
use crate::tree::bootloader;
use crate::tree::install::Listener;
use formats::qcow2::{self, Backing, Compression};
use formats::tree::{Content::Dir as Directory, Entry, Tree};
use formats::{archive, vhd, vmdk};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Bytes of boot.img: one sector, unless it is damaged.
const LARGEST_BOOT_IMG: u64 = 1 << 16;

/// Files that a role's nodes share, in addition to what is each node's own.
pub fn shared(plan: &Plan) -> Vec<String> {
    let base = formats(plan).contains(&ImageFormat::Qcow2Overlay).then(|| base_name(plan));
    base.into_iter().chain([network_name(plan)]).collect()
}

fn base_name(plan: &Plan) -> String {
    format!("{}-base.qcow2", plan.profile)
}

fn network_name(plan: &Plan) -> String {
    format!("{}-network.xml", plan.lab.name)
}

/// The plan's formats; what is none was refused when the plan was created or read.
fn formats(plan: &Plan) -> Vec<ImageFormat> {
    plan.outputs.iter().filter_map(|o| o.parse().ok()).collect()
}

/// Stages that [`write`] reports.
pub fn stages(plan: &Plan) -> u64 {
    let formats = formats(plan);
    let disk = usize::from(formats.iter().any(|f| f.qemu().is_some()));
    let others = formats.iter().filter(|f| **f != ImageFormat::Raw).count();
    // Checksums of each node's files, and of what nodes share.
    (plan.nodes.len() * (disk + others + 1) + 1) as u64
}

/// What was written.
pub struct Disks {
    /// What the nodes' images hold.
    pub nodes: Vec<manifest::ManifestNode>,
    /// The files.
    pub outputs: Vec<Output>,
}

/// Everything that one node after the other needs.
struct Writer<'a, 'r> {
    plan: &'a Plan,
    staging: &'a Staging,
    reporter: &'a mut Reporter<'r>,
    /// The disk of the first node, where overlays are created: what they differ from.
    base: Option<File>,
    sums: ImageSums<'a>,
}

/// Writes all images of the plan from the role's tree and the nodes' secrets.
pub fn write(
    context: &BuildContext,
    role: &Role,
    secrets: &BTreeMap<String, NodeSecrets>,
    staging: &Staging,
    full_sums: bool,
    reporter: &mut Reporter<'_>,
) -> Result<Disks> {
    let plan = &context.plan;
    let facts = overlay::facts(context)?;
    let Role { root, tree: shared_tree, before, esp, contexts } = role;
    let scratch = staging.path("scratch");
    private::create_dir_all(&scratch).or_build(|| format!("cannot write {}", scratch.display()))?;
    let grub = match plan.disk.has_bios() {
        true => Some(grub_images(root, &plan.disk, &scratch, reporter)?),
        false => None,
    };
    let mut writer =
        Writer { plan, staging, reporter, base: None, sums: ImageSums::new(staging, full_sums) };
    let mut digests = Digests::default();
    let (mut nodes, mut outputs) = (Vec::new(), Vec::new());
    let mut lost = BTreeSet::new();
    for node in &plan.nodes {
        let mut tree = shared_tree.clone();
        if let (Some(spec), Some(own)) = (context.spec.node(&node.name), secrets.get(&node.name)) {
            lost.extend(overlay::identity(context, spec, &facts, own, before.as_ref(), &mut tree)?);
        }
        mount_points(&plan.disk, plan.time, &mut tree);
        if let Some(contexts) = contexts {
            contexts.label(&mut tree);
        }
        let content = DiskContent {
            root: &tree,
            esp,
            grub: grub.as_ref(),
            target: root,
            scratch: &scratch,
            time: plan.time,
        };
        nodes.push(writer.node(node, &content, &mut digests)?);
        outputs.extend(writer.sums.list(&node.name, &node.outputs, writer.reporter)?);
    }
    for path in lost {
        writer.reporter.report(&format!(
            "warning: %post changed {path}, which imgbuild writes for each node after it: what it \
             wrote is not in the images"
        ));
    }
    let network = libvirt::network(
        "",
        &plan.lab,
        context.spec.all_nodes.iter().map(|n| (n.name.as_str(), n.address)),
    );
    writer.text(&network_name(plan), &network)?;
    outputs.extend(writer.sums.list("", &shared(plan), writer.reporter)?);
    Ok(Disks { nodes, outputs })
}

fn grub_images(
    root: &Path,
    layout: &Layout,
    scratch: &Path,
    reporter: &mut Reporter<'_>,
) -> Result<GrubImages> {
    let boot = format!("{}/boot.img", bootloader::GRUB_PC);
    let boot = tree::read_file(root, &boot, LARGEST_BOOT_IMG)?
        .ok_or_else(|| Error::build(format!("the image has no /{boot}")))?;
    let core = bootloader::core_image(root, layout, scratch, &mut |line| reporter.log(line))?;
    Ok(GrubImages { boot, core })
}

/// What the disk's filesystems bring: the directories where they are mounted, and lost+found, so
/// that both get labels like all others.
fn mount_points(layout: &Layout, time: i64, tree: &mut Tree) {
    for tmpfs in &layout.tmpfs {
        let mount = tmpfs.mount.trim_matches('/');
        if tree.get(mount).is_none() {
            tree.put(mount, Entry::new(0o755, time, Directory));
        }
    }
    for (_, files) in layout.filesystems() {
        let mount = files.mount.trim_matches('/');
        if !mount.is_empty() && tree.get(mount).is_none() {
            tree.put(mount, Entry::new(0o755, time, Directory));
        }
        let lost_found = format!("{mount}/lost+found");
        let lost_found = lost_found.trim_start_matches('/');
        if files.format.ext_kind().is_some() && tree.get(lost_found).is_none() {
            tree.put(lost_found, Entry::new(0o700, time, Directory));
        }
    }
}

impl Writer<'_, '_> {
    /// One node's files in every format, and what they hold.
    fn node(
        &mut self,
        node: &PlanNode,
        content: &DiskContent,
        digests: &mut Digests,
    ) -> Result<manifest::ManifestNode> {
        let formats = formats(self.plan);
        let file = |format: ImageFormat| format!("{}.{}", node.name, format.extension());
        // The raw image is what the others are made from, and an output only where asked for.
        let raw = match formats.contains(&ImageFormat::Raw) {
            true => self.staging.path(&file(ImageFormat::Raw)),
            false => self.staging.path("disk"),
        };
        if formats.iter().any(|f| f.qemu().is_some()) {
            self.reporter.progress.stage(&format!("{}: disk", node.name), Unit::Bytes);
            let (plan, Reporter { progress, log }) = (self.plan, &mut *self.reporter);
            disk::write(
                &raw,
                &plan.disk,
                content,
                &mut |line| log.line(line),
                &mut |done, total| {
                    progress.at(done, total, "");
                },
            )?;
        }
        self.sums.begin(node);
        let about =
            record::node(&node.name, &raw, &self.plan.disk, content, digests, self.staging)?;
        for format in formats.iter().copied().filter(|f| *f != ImageFormat::Raw) {
            self.reporter
                .progress
                .stage(&format!("{}: {}", node.name, format.as_str()), Unit::Bytes);
            let path = self.staging.path(&file(format));
            match format {
                ImageFormat::Tar => self.archive(content, &path)?,
                _ => {
                    for disk in self.plan.disk.disks() {
                        let name = disk.file(&node.name, format.extension());
                        let from = disk::raw_path(&raw, &disk);
                        self.convert(format, &from, &self.staging.path(&name), &disk)?;
                    }
                }
            }
        }
        if !formats.contains(&ImageFormat::Raw) && raw.exists() {
            for disk in self.plan.disk.disks() {
                let raw = disk::raw_path(&raw, &disk);
                fs::remove_file(&raw).or_build(|| format!("cannot remove {}", raw.display()))?;
            }
        }
        self.describe(node, &formats)?;
        Ok(about)
    }

    /// Describes the node's machine to libvirt, where there is a disk for it.
    fn describe(&self, node: &PlanNode, formats: &[ImageFormat]) -> Result<()> {
        let format = formats.iter().find_map(|format| Some((format.extension(), format.qemu()?)));
        if let Some((extension, format)) = format {
            let disks = self.plan.disk.disks().into_iter();
            let files = disks.map(|disk| disk.file(&node.name, extension));
            let images: Vec<PathBuf> =
                files.map(|file| PathBuf::from(libvirt::POOL).join(file)).collect();
            let domain = libvirt::Domain {
                owner: "",
                lab: &self.plan.lab.name,
                node: &node.name,
                address: node.address,
                mac: &node.mac,
                cpus: self.plan.machine.cpus,
                memory: self.plan.machine.memory,
                images: &images,
                format,
                relabel: true,
                emulated: false,
                uefi: !self.plan.disk.has_bios(),
                log: None,
            };
            self.text(&format!("{}.xml", node.name), &domain.xml())?;
        }
        Ok(())
    }

    /// Writes another disk format from the raw image.
    fn convert(
        &mut self,
        format: ImageFormat,
        raw: &Path,
        path: &Path,
        disk: &DiskRange<'_>,
    ) -> Result<()> {
        let what = || format!("cannot write {}", path.display());
        let from = File::open(raw).or_build(what)?;
        if format == ImageFormat::Qcow2Overlay && self.base.is_none() {
            let base =
                private::create_file(&self.staging.path(&base_name(self.plan))).or_build(what)?;
            qcow2::write(&from, &base, Compression::ZLIB, None, &mut |_, _| {
                !interrupt::requested()
            })
            .or_build(what)?;
            // Open, it outlives its name.
            self.base = Some(from.try_clone().or_build(what)?);
        }
        let to = private::create_file(path).or_build(what)?;
        let Self { plan, reporter, base, .. } = self;
        let progress = &mut *reporter.progress;
        let mut on = |done, total| {
            progress.at(done, total, "");
            !interrupt::requested()
        };
        let (base_name, seed) = (base_name(plan), uuid_bytes(disk.guid)?);
        let mut qcow2 = |compression, base| {
            qcow2::write(&from, &to, compression, base, &mut on).map_err(|e| e.to_string())
        };
        let written = match format {
            ImageFormat::Qcow2 => qcow2(Compression::ZLIB, None),
            ImageFormat::Qcow2Plain => qcow2(Compression::None, None),
            ImageFormat::Qcow2Zstd => qcow2(Compression::ZSTD, None),
            ImageFormat::Qcow2Overlay => {
                let backing = Backing { name: &base_name, format: "qcow2" };
                qcow2(Compression::ZLIB, base.as_ref().map(|base| (backing, base)))
            }
            ImageFormat::Vmdk => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let id = Sha256::digest(format!("{} {name}", disk.guid));
                let id = u32::from_be_bytes([id[0], id[1], id[2], id[3]]);
                vmdk::write(&from, &to, id, &mut on).map_err(|e| e.to_string())
            }
            ImageFormat::Vhd => {
                vhd::write(&from, &to, seed, plan.time, &mut on).map_err(|e| e.to_string())
            }
            ImageFormat::Raw | ImageFormat::Tar => Ok(()),
        };
        interrupt::check()?;
        written.or_build(what)
    }

    /// Writes the whole tree, the ESP's files at their place in it, as an archive.
    fn archive(&mut self, content: &DiskContent, path: &Path) -> Result<()> {
        let what = || format!("cannot write {}", path.display());
        let mut tree: Tree = content.root.clone();
        for (name, entry) in content.esp.entries.iter().filter(|(name, _)| !name.is_empty()) {
            tree.put(&format!("boot/efi/{}", String::from_utf8_lossy(name)), entry.clone());
        }
        let total = tree.entries.values().map(|e| e.size()).sum();
        let to = BufWriter::new(private::create_file(path).or_build(what)?);
        let written = archive::write(&tree, to, &mut |done| {
            self.reporter.progress.at(done, total, "");
            !interrupt::requested()
        });
        interrupt::check()?;
        written.or_build(what)
    }

    fn text(&self, name: &str, text: &str) -> Result<()> {
        let path = self.staging.path(name);
        private::write(&path, text.as_bytes())
            .or_build(|| format!("cannot write {}", path.display()))
    }
}
