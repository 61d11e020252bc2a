//! What firstboot does, step by step. Each step checks the node ([`Step::check`])
//! and, where something can be done, changes it ([`Step::apply`]); that it was done
//! once is never taken as a sign that it still holds.

mod aftercare;
mod announce;
mod chrony;
mod dispatch;
pub mod identity;
mod libvirt;
pub mod network;
mod openvswitch;
mod outcome;
mod packstack;
pub mod repositories;
mod services;
mod ssh_keys;
pub mod step;
mod tunnels;
mod verify;

pub use outcome::CheckOutcome;
pub(crate) use packstack::installed as find_installed;
pub use step::{Bounds, Step};
