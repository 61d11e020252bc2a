//! How nodes are installed from a medium or over the network, as a value: what boots with which
//! arguments, the kickstart of each node, the files and repositories that are added. Pure; it holds
//! no secret but, where they are installed over the network, the paths that nobody can guess.

pub mod boot_menu;
mod dhcp_configs;
mod kickstart;
mod label;
mod model;
mod network;
mod network_boot;
mod script;
mod source;

pub use boot_menu::arguments;
pub use dhcp_configs::{dhcpd, dnsmasq};
pub use kickstart::{NodeInputs, render};
pub use label::check_label;
pub use model::{AddedRepository, DIRECTORY, InstallPlan, MANIFEST, NodeInstall, SCHEMA};
pub use network::{
    BIOS_LOADER, IPXE_BIOS_LOADER, IPXE_EFI_LOADER, InstallTree, LabSegment, NETWORK_SCHEMA,
    NetworkNode, NetworkPlan, UEFI_LOADER,
};
pub use network_boot::{boot_files, default_boot_files, network_arguments};
pub use script::rule;
pub use source::{InstallServer, InstallSource};
