//! Package files as the sandbox and the inventory open them.

use crate::base::error::{Error, Result};
use crate::base::files::open_regular;
use formats::rpmfile::RpmFile;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Opens a package file and reads its headers.
///
/// # Errors
/// An input error when it is truncated or not an RPM.
pub fn open(path: &Path) -> Result<RpmFile<BufReader<File>>> {
    let fail = |why: String| {
        Error::input(format!("{} is not a whole RPM package: {why}", path.display()))
            .hint("the medium may be damaged; compare its checksum with the publisher's")
    };
    // As other damage is: with its place in the file.
    let file = open_regular(path).map_err(|e| fail(format!("at byte 0: {e}")))?;
    RpmFile::read(BufReader::with_capacity(1 << 16, file)).map_err(|e| fail(e.to_string()))
}
