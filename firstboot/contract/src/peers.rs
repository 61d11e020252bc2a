//! How the nodes exchange their status: where, with which keys, and in which form.

pub mod places;
pub mod wire;

#[cfg(feature = "client")]
pub mod certificate;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod fingerprints;
#[cfg(feature = "client")]
pub mod tls;
#[cfg(feature = "client")]
mod verifier;
