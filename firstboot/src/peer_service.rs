//! The nodes exchange their status: each runs this service, which serves the node's own
//! state, announces it to every other node of the spec again and again, and keeps the view
//! of the others ([`crate::peers::view`]). All of it over mutual TLS; an announcement is
//! complete each time, so that lost messages, late joiners and reboots need no care.

mod announce;
mod answer;
mod connections;
mod listen;
pub mod record;
mod self_status;
mod serve;
mod shared;
mod slot;

pub use announce::INTERVAL;
pub use answer::MAX_BODY;
pub use serve::{ServeError, serve};
