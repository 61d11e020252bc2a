//! A lab's secrets: created once, kept on the user's machine, baked into images. They are the
//! lab's CA, a certificate and key for each node and for the user's machine (nodes report
//! their status to each other over mutual TLS), root's ssh key for packstack, and Keystone's
//! administrator password; and an ssh key for logins from the user's machine, where the user has
//! none. A value is printed where the user asks for it by name; the plan does not depend on them.

mod exchange;
mod files;
mod items;
mod names;
pub mod node_files;
mod pki;
mod store;
mod values;

pub use items::{SecretItem, SecretKind};
pub use names::ADMIN_PASSWORD;
pub use store::{Store, labs};
pub use values::{Identity, NodeSecrets, Secret, Subject};
