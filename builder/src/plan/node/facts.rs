//! What a node's files state of the build.

/// What only the media and the plan know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Packages of each repository that the image is built from, by the lab file's
    /// id. A repository without an entry keeps the number from the lab file.
    pub packages: std::collections::BTreeMap<String, u64>,
    /// SHA-256 of the plan, lower-case hexadecimal.
    pub plan: String,
    /// Key files that yum would have to fetch, by the lab file's id of their repository. Nodes have
    /// them, as they may have no way to the address.
    pub keys: std::collections::BTreeMap<String, Vec<u8>>,
    /// Whether the media are practice media; their key is not a publisher's.
    pub practice: bool,
}
