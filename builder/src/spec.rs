//! Profiles: the lab file, a role file and the role's kickstart become one
//! [`Spec`], or the list of everything that is wrong with them.

mod authority;
mod available;
mod clashes;
mod consistency;
mod files;
mod fill;
mod install_disk;
mod interface_names;
mod interfaces;
mod keys;
mod kickstarts;
mod lab;
mod load;
mod model;
mod pre;
mod reader;
mod request;
mod role;
mod roles;
mod routes;
mod services;
mod settle;
mod standalone;
mod starter;
mod storage;
mod units;

pub use available::available_repositories;
pub use interface_names::can_coexist;
pub use load::{LabSummary, load, load_lab, load_repositories};
pub use model::{Input, Rendered, Spec};
pub use pre::{PreFiles, PreJob, PreRunner};
pub use request::Request;
pub use roles::{LabRoles, find_roles};
pub use standalone::{StandaloneKickstart, load_kickstart};
pub use starter::Starter;
pub use units::{SIZE_HINT, check_host_name, check_name, parse_mac, parse_size, show_size};
