//! The lab's vocabulary: what every stage calls by the same name.

mod image_format;
mod install_disk;
mod network;
mod node;
mod repository;
mod role;

pub use image_format::{ImageFormat, UnknownFormat};
pub use install_disk::InstallDisk;
pub use network::{LabNetwork, LabRoute, NotASubnet, Subnet};
pub use node::LabNode;
pub use repository::{GpgKey, LabRepository, RepositorySource};
pub use role::{BootMode, LabMachine, OpenStack, Packstack, Services};
