//! firstboot's library: the node spec, which imgbuild writes and firstboot reads,
//! and the steps that make a booted node what its spec says.

// Tests say on standard error what they could not look at.
#![cfg_attr(test, allow(clippy::print_stderr))]

pub mod analyze;
pub mod answers;
pub mod assets;
pub mod chrony;
pub mod cli;
pub mod environment;
pub mod host;
pub mod iptables;
pub mod journal;
pub mod node_files;
pub mod openstack;
pub mod ovs;
pub mod ovsdb;
pub mod packstack;
pub mod peers;
pub mod report;
pub mod repositories;
pub mod run;
pub mod spec;
pub mod state;
pub mod steps;
pub mod systemd;
