//! Where everything is on a node's disk, and every identifier on it. Pure arithmetic.

mod arrange;
mod arrangement;
mod arranger;
mod autopart;
mod boot;
mod disk_names;
mod disk_range;
mod group_violations;
mod groups;
mod grow;
mod identify;
mod ids;
mod label;
mod model;
mod partitions;
mod request;
mod shortcomings;
mod units;
mod violations;

pub use arrange::arrange;
pub use arrangement::Arrangement;
pub use boot::{StorageNote, settle_boot};
pub use disk_names::{disk_index, disk_name};
pub use disk_range::{DiskRange, FurtherDisk};
pub use ids::uuid_bytes;
pub use label::DiskLabel;
pub use model::{
    Device, DeviceContent, Files, Format, Layout, Partition, Piece, Tmpfs, Volume, VolumeGroup,
};
pub use request::{
    Autopart, AutopartScheme, FilesystemRequest, GroupRequest, PartitionRequest, Reqpart,
    SizeRequest, StorageRequest, Target, TmpfsRequest, VolumeRequest,
};
pub use shortcomings::{find_shortcomings, required_packages};
pub use units::SECTOR;
pub use violations::{ENCRYPTED, find_violations};

#[cfg(test)]
mod tests;
