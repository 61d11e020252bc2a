//! On-disk formats: values to bytes and back. Nothing here knows policy or
//! depends on another crate of the workspace.

pub mod archive;
pub mod area;
pub mod berkeley;
pub mod bmap;
pub mod bytes;
pub mod cpio;
pub mod digest;
pub mod ext4;
pub mod fat;
pub mod file_type;
pub mod gpt;
pub mod grub;
pub mod iso9660;
pub mod lvm2;
pub mod msdos;
pub mod qcow2;
pub mod read_at;
pub mod rpmfile;
pub mod sparse;
pub mod swap;
pub mod tree;
pub mod vhd;
pub mod vmdk;

#[cfg(test)]
mod tests;
