//! The node spec: everything firstboot knows about its node. imgbuild writes it
//! into the image as TOML at [`PATH`]; it holds no secret.

mod check;
mod key_lines;
mod model;
mod names;
mod parse;
mod time_server;
pub mod units;

pub use model::{
    ADMIN_PASSWORD_FILE, BRIDGE, LabHost, PATH, Role, Spec, SpecBridge, SpecImage, SpecNetwork,
    SpecNode, SpecPackages, SpecPackstack, SpecRepository, SpecServices, VERSION,
};
pub use names::{is_interface_name, is_loopback_name, is_unit_name, short_name};
pub use parse::SpecError;
pub use time_server::{NotATimeServer, TimeServer};
