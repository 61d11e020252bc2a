//! The kind of a disk's partition table.

use serde::{Deserialize, Serialize};

/// A partition table; parted's word is label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskLabel {
    /// A GUID partition table.
    #[default]
    Gpt,
    /// The table of PC BIOS machines.
    Msdos,
}

impl DiskLabel {
    /// The label as `clearpart --disklabel` and parted call it.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Gpt, Self::Msdos].into_iter().find(|label| label.as_str() == name)
    }

    /// As `clearpart --disklabel` and parted call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gpt => "gpt",
            Self::Msdos => "msdos",
        }
    }

    /// Whether it is the default, which a plan does not write.
    pub fn is_gpt(&self) -> bool {
        *self == Self::Gpt
    }
}
