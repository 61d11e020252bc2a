//! Spec → Catalog → Plan → Tree → Disk → Outputs: a stage for each arrow, put together in
//! `recipe`.

pub mod bare;
mod context;
mod disks;
mod existing;
mod fetch;
mod inputs;
mod installed;
mod iso;
mod iso_base;
mod iso_node;
mod keys;
mod kickstart_sources;
mod lab_secrets;
mod log;
mod names;
mod options;
mod outputs;
mod overlay;
mod planned_packages;
mod planned_roles;
mod planning;
mod pre;
mod pre_machine;
mod pre_programs;
mod rebuild;
mod recipe;
mod record;
mod reporter;
mod role;
mod scripts;
mod signatures;
mod sources;
mod unchanged;

pub use iso::{BuiltIso, IsoOptions, iso};
pub use options::{BuildOptions, Destination, Select};
pub use outputs::BuiltRole;
pub use overlay::firstboot_binary;
pub use planned_roles::plan;
pub use pre::PreScripts;
pub use rebuild::{Rebuild, rebuild};
pub use recipe::build;
pub use sources::{LabPlaces, find_places};
