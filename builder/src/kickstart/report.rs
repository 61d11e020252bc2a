//! What becomes of each line of a kickstart in an image.

use serde::Serialize;

/// What becomes of a command or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The image has what the installer would have left.
    Honoured,
    /// The image has the same effect by another way.
    Translated,
    /// It concerns the installer's own run only.
    NotApplicable,
    /// The image would differ; it is not built.
    Refused,
}

impl Fate {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Translated => "translated",
            Self::NotApplicable => "not applicable",
            Self::Refused => "refused",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file: the kickstart, or one that it includes.
    pub file: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column of the word that decided, from 1.
    #[serde(skip)]
    pub column: usize,
    /// The command or section.
    pub command: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, or how.
    pub why: String,
}

impl Line {
    /// Whether the command takes part in laying out the disk.
    pub fn is_storage(&self) -> bool {
        let names = [
            "autopart",
            "btrfs",
            "logvol",
            "part",
            "partition",
            "raid",
            "reqpart",
            "snapshot",
            "volgroup",
        ];
        names.contains(&self.command.as_str())
    }
}
