//! firstboot's library: the steps that make a booted node what its spec says, and the
//! service that exchanges the nodes' status.

// Tests say on standard error what they could not look at.
#![cfg_attr(test, allow(clippy::print_stderr))]

pub mod analyze;
pub mod answers;
pub mod chrony;
pub mod cli;
pub mod environment;
pub mod host;
pub mod iptables;
pub mod journal;
pub mod openstack;
pub mod ovs;
pub mod ovsdb;
pub mod packstack;
pub mod peers;
pub mod report;
pub mod repositories;
pub mod run;
pub mod state;
pub mod steps;
pub mod systemd;
