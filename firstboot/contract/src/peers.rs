//! How the nodes exchange their status: where, with which keys, and in which form.

pub mod certificate;
pub mod client;
pub mod fingerprints;
pub mod places;
pub mod tls;
mod verifier;
pub mod wire;
