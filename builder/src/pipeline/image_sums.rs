//! Sizes and digests of image files, and block maps of raw ones.

use super::reporter::Reporter;
use crate::base::error::{Context as _, Error, Result};
use crate::base::progress::Unit;
use crate::image::checksum::{block_map_name, sha256, write_block_map};
use crate::image::output::Staging;
use crate::plan::{Plan, PlanNode};
use crate::provenance::manifest::Output;
use std::fs;
use std::thread::{self, JoinHandle};

/// The block maps of the nodes' raw images.
pub fn block_maps(plan: &Plan) -> Vec<String> {
    plan.nodes.iter().flat_map(|node| &node.outputs).filter_map(|o| block_map_name(o)).collect()
}

/// The digests of the files of a build.
pub struct ImageSums<'a> {
    staging: &'a Staging,
    /// Digests of whole raw images, where they are asked for: they take longest, so they are
    /// computed while the other formats are written.
    whole: Option<Vec<(String, JoinHandle<Result<String>>)>>,
}

impl<'a> ImageSums<'a> {
    /// Of files in `staging`; raw images are hashed as a whole, too, where `whole` asks for it.
    pub fn new(staging: &'a Staging, whole: bool) -> Self {
        Self { staging, whole: whole.then(Vec::new) }
    }

    /// The node's raw images are written: they are hashed as a whole, where that is asked for.
    pub fn begin(&mut self, node: &PlanNode) {
        let Some(whole) = &mut self.whole else { return };
        for name in node.outputs.iter().filter(|name| block_map_name(name).is_some()) {
            let path = self.staging.path(name);
            whole.push((name.clone(), thread::spawn(move || sha256(&path, &mut |_| ()))));
        }
    }

    /// Sizes and digests of files, and the block maps of raw ones; `node` is empty for what
    /// nodes share.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a signal has arrived.
    pub fn list(
        &mut self,
        node: &str,
        names: &[String],
        reporter: &mut Reporter<'_>,
    ) -> Result<Vec<Output>> {
        let stage = if node.is_empty() { "checksums".into() } else { format!("{node}: checksums") };
        let progress = &mut *reporter.progress;
        progress.stage(&stage, Unit::Bytes);
        let mut outputs = Vec::new();
        for file in names {
            let path = self.staging.path(file);
            let sha256 = match block_map_name(file) {
                Some(map) => {
                    let map_path = self.staging.path(&map);
                    write_block_map(&path, &map_path, &mut |done, total| {
                        progress.at(done, total, file);
                    })?;
                    let sha256 = Some(sha256(&map_path, &mut |_| ())?);
                    outputs.push(self.describe(node, &map, sha256)?);
                    self.finish(file)?
                }
                None => {
                    let total = self.size(file)?;
                    let mut done = 0;
                    Some(sha256(&path, &mut |read| {
                        done += read;
                        progress.at(done, total, file);
                    })?)
                }
            };
            outputs.push(self.describe(node, file, sha256)?);
        }
        Ok(outputs)
    }

    /// The digest of a raw image with its zeros, once it is there, where it was asked for.
    fn finish(&mut self, file: &str) -> Result<Option<String>> {
        let Some(whole) = &mut self.whole else { return Ok(None) };
        let Some(index) = whole.iter().position(|(name, _)| name == file) else {
            return Ok(None);
        };
        let (_, thread) = whole.swap_remove(index);
        let failed = |_| Error::build(format!("the thread that hashes {file} has failed"));
        thread.join().map_err(failed)?.map(Some)
    }

    fn size(&self, file: &str) -> Result<u64> {
        let path = self.staging.path(file);
        let about = fs::metadata(&path).or_build(|| format!("cannot read {}", path.display()))?;
        Ok(about.len())
    }

    fn describe(&self, node: &str, file: &str, sha256: Option<String>) -> Result<Output> {
        let size = self.size(file)?;
        Ok(Output { file: file.to_owned(), node: node.to_owned(), size, sha256 })
    }
}
