//! The cache directory: what lies where in it, who is using it, and how it is kept within bounds.
//!
//! | directory | what | name |
//! |---|---|---|
//! | `packages` | RPMs that were installed, from whatever medium | checksum in their repository's metadata, `.rpm` |
//! | `metadata` | metadata files from servers | checksum in repomd.xml |
//! | `pages` | what has no checksum (repomd.xml, mirror lists) | SHA-256 of the URL |
//! | `partial` | downloads that are not whole | checksum of the whole |
//! | `trees`, `trees-*` | installed trees, by root and without | digest of what created them |
//! | `sizes` | how large trees are | directory and digest |
//! | `practice`, `debs` | the practice medium and what it is created from | |
//! | `logs` | of builds that run or failed | `running-`, `build-` and process id |
//! | `rebuild-*` | images that are built again to be compared | |
//! | `running` | one locked file for each program that uses the cache | process id |
//!
//! A thing's modification time says when it was last used. Trees, logs and `running` are their
//! owner's alone: trees hold set-user-ID programs, logs what programs printed. Everything else
//! is public and checked each time it is used. What is under way is locked; what a killed
//! program left is not, and removed by the next build and by `clean`. A cache on a read-only
//! filesystem is used without locks.

mod clean;
mod dead;
mod directory;
mod survey;

pub use clean::{Removal, Selection, clean};
pub use dead::{LOG, REBUILD, TREE};
pub use directory::{CacheDirectory, is_read_only, require_writable};
pub use survey::{CacheEntry, CacheKind, survey};

/// Bytes that the cache may have after a build, unless the user says otherwise.
pub const DEFAULT_LIMIT: u64 = 30 << 30;
