//! Repository metadata as createrepo_c writes it for CentOS 7: repomd, primary,
//! filelists and other as gzipped XML under names with their SHA-256, and comps.

mod needs;
mod record;
#[cfg(test)]
mod tests;
mod write;

pub use needs::unmet;
pub use record::PackageRecord;
pub use write::write;
