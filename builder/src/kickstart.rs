//! Kickstart files in the RHEL 7 dialect: what Anaconda would do with one, as a
//! value, and how an image supports each of its lines.
//!
//! The reference is pykickstart's RHEL7 handler; every command, option and section
//! of it is known here. One that an image cannot honour is in the report with the
//! reason, and one that would change the installed system is refused.

mod accounts;
mod addon;
mod bootloader;
mod commands;
mod dialect;
mod document;
mod first_start;
mod include;
mod installer;
mod interface;
mod lexer;
mod loader;
mod merging;
mod model;
mod network;
mod options;
mod packages;
mod parse;
mod partitions;
mod password;
mod render;
mod report;
mod rules;
mod sections;
mod selection;
mod source_map;
mod start;
mod state;
mod system;
mod write;
mod zones;

pub use document::Document;
pub use include::{SourceText, expand_includes, has_inclusion};
pub use installer::{DISK, InstallerText};
pub use interface::{InterfaceKind, Ipv6, NetworkCommand};
pub use loader::LoaderPassword;
pub use model::{
    Bootloader, Display, Firewall, InitialSetup, Kdump, Kickstart, Login, NewGroup, Repo, Script,
    Selinux, SshKey, Timezone, User,
};
pub use parse::{FirstPass, first_pass, parse};
pub use password::PasswordHash;
pub use render::{TemplateFacts, is_template, render, warn_of_braces};
pub use report::{Fate, Line};
pub use selection::{Members, PackageGroup, Packages};
pub use source_map::SourceMap;
pub use state::Text;
