//! The other nodes of the lab, as this one knows them: its service ([`crate::peer_service`])
//! keeps a view of what the others announce ([`view`] has the rules) in one small file, from
//! which the rest of firstboot reads it.

pub mod computes;
pub mod host_keys;
pub mod keys;
pub mod known;
pub mod reachability;
pub mod refusal;
pub mod summary;
pub mod view;
