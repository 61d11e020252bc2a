//! Spec → Catalog → Plan → Tree → Disk → Outputs: a stage for each arrow, put together in
//! `recipe`.

pub mod bare;
mod context;
mod disks;
mod existing;
mod fetch;
mod inputs;
mod installed;
mod keys;
mod log;
mod names;
mod options;
mod outputs;
mod overlay;
mod planning;
mod rebuild;
mod recipe;
mod record;
mod reporter;
mod role;
mod signatures;
mod sources;
mod unchanged;

pub use options::{BuildOptions, Destination, POST_LIMIT, Select};
pub use outputs::BuiltRole;
pub use overlay::firstboot_binary;
pub use rebuild::{Rebuild, rebuild};
pub use recipe::{build, plan};
pub use sources::{LabPlaces, find_places};
