//! ISO 9660 (ECMA-119) images with Rock Ridge (SUSP 1.12, RRIP 1.12): read in place, and
//! written at interchange level 3 with an El Torito boot catalogue.

mod eltorito;
mod entries;
mod error;
mod extents;
mod image;
mod layout;
mod model;
mod names;
mod node;
mod read;
mod record;
mod rockridge;
mod time;
mod volume;
mod write;

pub use eltorito::{Boot, Platform};
pub use error::{IsoError, IsoWriteError};
pub use extents::{ExtentReader, FileReader, OwnedReader};
pub use image::Iso;
pub use model::{Extent, IsoNode, Names, NodeKind, SECTOR};
pub use node::plain_name;
pub use time::{date, timestamp};
pub use write::{IsoOptions, write};
