//! firstboot's library: the steps that make a booted node comply with its spec, and the
//! service that exchanges the nodes' status.

// Tests report on standard error what they could not check.
#![cfg_attr(test, allow(clippy::print_stderr))]

pub mod analyze;
pub mod cli;
pub mod engine;
pub mod environment;
pub mod host;
pub mod journal;
pub mod peer_service;
pub mod peers;
pub mod prove;
pub mod report;
pub mod services;
pub mod spec_file;
pub mod state;
pub mod steps;
