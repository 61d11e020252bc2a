//! ISO 9660 (ECMA-119) images with Rock Ridge (SUSP 1.12, RRIP 1.12): read in place, and
//! written at interchange level 3 with an El Torito boot catalogue, or appended to.

mod append;
mod data;
mod directories;
mod eltorito;
mod entries;
mod error;
mod extents;
mod finish;
mod hybrid;
mod image;
mod layout;
mod media_sum;
mod model;
mod names;
mod node;
mod read;
mod record;
mod rockridge;
mod time;
mod volume;
mod write;

pub use append::append;
pub use eltorito::{Boot, BootImage, Platform};
pub use error::{IsoError, IsoWriteError};
pub use extents::{ExtentReader, FileReader, OwnedReader};
pub use finish::make_hybrid;
pub use hybrid::{SystemArea, read_system_area};
pub use image::Iso;
pub use media_sum::{MediaSum, check_media_sum, implant_media_sum};
pub use model::{Extent, IsoNode, Names, NodeKind, SECTOR};
pub use node::plain_name;
pub use time::{date, timestamp};
pub use write::{IsoOptions, write};
