//! LVM2 physical volumes and the metadata of their volume group. Source: lvm2's
//! lib/format_text/layout.h, lib/label/label.h and `lvmraid`-free text metadata as
//! lvm.conf(5)'s tools write it; version 2 of the header's extension, which lvm2 2.02.180 of
//! EL7 writes itself.

mod layout;
mod model;
mod read;
mod text;
mod write;

pub use layout::DATA;
pub use model::{Physical, Segment, Volume, VolumeGroup};
pub use read::{Found, Piece, ReadError, read};
pub use text::TextError;
pub use write::write;
