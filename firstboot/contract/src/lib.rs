//! What imgbuild and firstboot agree on. imgbuild writes a node's spec, files and units into
//! its image; firstboot reads and judges them on the node; the nodes and `imgbuild watch`
//! exchange status over the network. Both programs take all of it from here.

// Tests report on standard error what they could not check.
#![cfg_attr(test, allow(clippy::print_stderr))]

pub mod answers;
pub mod assets;
pub mod diagnostic;
pub mod lab_answers;
pub mod node_files;
pub mod overlay;
pub mod peers;
pub mod proof;
pub mod spec;
pub mod status;
pub mod time;
