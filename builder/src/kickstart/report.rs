//! How an image supports each line of a kickstart.

use crate::base::place::Place;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// What becomes of a command or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The image has what the installer would have left.
    Honoured,
    /// The image has the same effect by another way.
    Translated,
    /// No line asks for it, and a system needs it.
    Added,
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
            Self::Added => "added",
            Self::NotApplicable => "not applicable",
            Self::Refused => "refused",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it is, in the kickstart or a file that it includes: the word that decided.
    pub place: Place,
    /// The command or section.
    pub command: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, or how.
    pub why: String,
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Line", 5)?;
        fields.serialize_field("file", &self.place.file)?;
        fields.serialize_field("line", &self.place.line)?;
        fields.serialize_field("command", &self.command)?;
        fields.serialize_field("fate", &self.fate)?;
        fields.serialize_field("why", &self.why)?;
        fields.end()
    }
}

impl Line {
    /// Whether it is about the line of the file that `place` is in.
    pub fn is_at(&self, place: &Place) -> bool {
        self.place.line == place.line && self.place.file == place.file
    }

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
