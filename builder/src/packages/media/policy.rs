//! What a repository's configuration says about it.

/// What a repository's configuration says about signatures, in yum's terms. Who checks them
/// decides what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signing {
    /// `gpgcheck`: whether packages have to be signed; `None` where nothing says.
    pub packages: Option<bool>,
    /// `repo_gpgcheck`: whether repomd.xml has to be signed.
    pub metadata: Option<bool>,
    /// `gpgkey`: where the keys are, `file://`, `http://` or `https://`.
    pub keys: Vec<String>,
}

/// What a repository's configuration says beyond where it is, in yum's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// About signatures.
    pub signing: Signing,
    /// `priority`, 1 (first) to 99.
    pub priority: Option<u32>,
    /// `exclude`: package patterns that are not seen in it.
    pub exclude: Vec<String>,
    /// `includepkgs`: package patterns that alone are seen in it, if there are any.
    pub include: Vec<String>,
}
