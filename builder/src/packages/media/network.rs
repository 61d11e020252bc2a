//! The way to the network.

use crate::packages::cache::CacheDirectory;
use std::sync::Arc;

/// The way to the network: the cache before it, and whether it may be used at all.
#[derive(Clone)]
pub struct Network {
    /// What was fetched earlier, and what is now.
    pub cache: Arc<CacheDirectory>,
    /// Whether everything has to come from the cache.
    pub offline: bool,
}
