//! Proof that the cloud works for a user: a project of its own with an image, a network, servers
//! and a volume, made by way of the APIs and removed again. Each part is a line: what, how
//! long it took, the evidence, and what to do where it failed.

mod cleanup;
mod cloud;
mod console;
mod culprit;
mod dashboard;
mod identity;
mod image;
mod line;
mod measure;
mod network;
mod ports;
mod run;
mod servers;
mod signals;
mod volume;

pub use run::{Options, prove};
