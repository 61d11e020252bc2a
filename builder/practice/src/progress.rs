//! Progress reports to the caller, and the way to cancel.

use crate::error::{Error, Result};

/// The steps of [`make`](crate::make), in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Fetching Debian's package lists and resolving the dependency closure.
    Index,
    /// Downloading packages; counted in bytes.
    Download,
    /// Converting packages to RPMs; counted in RPMs.
    Convert,
    /// Writing repository metadata; counted in repositories.
    Metadata,
    /// Boot files and ISO images; counted in images.
    Images,
}

impl Stage {
    /// How many there are.
    pub const COUNT: u64 = 5;

    /// What a progress line shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "reading Debian's package lists",
            Self::Download => "downloading Debian packages",
            Self::Convert => "converting to RPMs",
            Self::Metadata => "writing repository metadata",
            Self::Images => "writing boot files and images",
        }
    }
}

/// Where progress goes: the stage, how much of it is done, how much there is.
pub type Progress<'a> = &'a mut dyn FnMut(Stage, u64, u64);

/// Whether the work is to stop; asked between steps, from several threads.
#[derive(Clone, Copy)]
pub struct Cancel<'a>(pub &'a (dyn Fn() -> bool + Sync));

impl Cancel<'_> {
    /// Whether to stop.
    pub fn is_requested(self) -> bool {
        (self.0)()
    }

    /// Fails when the work is to stop.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_requested() { Err(Error::cancelled()) } else { Ok(()) }
    }
}

#[cfg(test)]
pub mod tests {
    use super::Cancel;

    /// Work that nobody stops.
    pub const NEVER: Cancel<'_> = Cancel(&|| false);
}
