//! Media that packages come from: directories, ISO files read in place, http(s).

mod directory;
mod discs;
pub mod http;
mod iso;
pub mod keep;
mod local;
mod medium;
pub mod mirrors;
mod mounted;
mod network;
mod policy;
pub mod practice_medium;
pub mod repofile;
mod source;
mod stored;
mod variables;

pub use discs::join;
pub use http::{is_absolute, shown};
pub use local::open;
pub use medium::{Medium, on_disc, path_on_disc, verify};
pub use mounted::{MountedMedium, fingerprint};
pub use network::Network;
pub use policy::{Policy, Signing};
pub use source::{Access, Source};
pub use stored::StoredFile;
pub use variables::Variables;
