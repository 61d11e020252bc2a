//! How nodes are installed from a medium, as a value: what boots with which arguments, the
//! kickstart of each node, the files and repositories that are added. Pure; it holds no secret.

pub mod boot_menu;
mod kickstart;
mod label;
mod model;
mod script;

pub use boot_menu::arguments;
pub use kickstart::{NodeInputs, render};
pub use label::check_label;
pub use model::{
    AddedRepository, DIRECTORY, InstallPlan, MANIFEST, NodeInstall, SCHEMA, kickstart_file,
    node_file,
};
pub use script::rule;
