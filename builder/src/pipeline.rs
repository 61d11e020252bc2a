//! Spec → Catalog → Plan → Tree → Disk → Outputs: a stage for each arrow, put together in
//! `recipe`.

pub mod bare;
mod context;
mod disks;
mod existing;
mod fetch;
mod inputs;
mod install_base;
mod install_node;
mod install_tree;
mod installed;
mod iso;
mod keys;
mod kickstart_sources;
mod lab_secrets;
mod log;
mod names;
mod options;
mod outputs;
mod overlay;
mod planned_roles;
mod planning;
mod pxe;
mod pxe_loaders;
mod rebuild;
mod recipe;
mod record;
mod reporter;
mod role;
mod signatures;
mod sources;
mod unchanged;

pub use iso::{BuiltIso, IsoOptions, iso};
pub use options::{BuildOptions, Destination, POST_LIMIT, Select};
pub use outputs::BuiltRole;
pub use overlay::firstboot_binary;
pub use planned_roles::plan;
pub use pxe::{BuiltPxe, PxeOptions, pxe};
pub use rebuild::{Rebuild, rebuild};
pub use recipe::build;
pub use sources::{LabPlaces, find_places};
