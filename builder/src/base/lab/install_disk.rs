//! Which disk an installer writes to.

/// How an installer finds the disk of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InstallDisk {
    /// The only disk that is not removable and not the medium.
    #[default]
    Only,
    /// The one that udev links at a path below /dev/disk.
    Link(String),
    /// The one with this serial number.
    Serial(String),
    /// The one with this World Wide Name.
    Wwn(String),
    /// The only one of this model.
    Model(String),
    /// The only one with at least so many bytes.
    MinSize(u64),
    /// The one that is larger than all others.
    Largest,
    /// The one that is smaller than all others.
    Smallest,
}
