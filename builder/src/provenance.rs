//! What an image consists of: recorded when it is built, checked and compared later.

pub mod diff;
pub mod inspect;
pub mod install_iso;
pub mod inventory;
mod machine_image;
pub mod manifest;
pub mod sbom;
pub mod verify;
