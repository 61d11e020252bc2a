//! Proof that the cloud works for a user: a project of its own with an image, a network, servers
//! and a volume, made by way of the APIs and removed again. Each part is a line: what, how
//! long it took, the evidence, and what to do where it failed.

mod cleanup;
mod cloud;
mod culprit;
mod identity;
mod image;
mod line;
mod network;
mod run;
mod servers;
mod signals;
mod volume;

pub use line::{Line, LineOutcome};
pub use run::{Options, prove};
