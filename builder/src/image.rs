//! Disk images: written, listed, published; and read back, raw or qcow2, with their partitions
//! and the files in their filesystems. Nothing is mounted; it takes no privilege.

pub mod checksum;
mod content;
pub mod device;
pub mod disk;
pub mod listing;
mod opened;
pub mod output;
mod table;
mod volume;
pub mod write_device;

pub use content::ImageContent;
pub use opened::{FurtherImage, Image, files};
pub use table::{PartitionTable, TablePartition, signature_text};
pub use volume::{Filesystem, Volume, uuid_text};
