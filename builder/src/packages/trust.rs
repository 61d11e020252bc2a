//! Whether a package is what its publisher made: its own signatures and digests, checked by
//! imgbuild.
//!
//! An EL7 package has two signatures: of its header, and of its header with its payload. Its
//! header has no digest of the payload, so the first alone says nothing about the payload; where
//! the second is missing (packages that were signed again by a newer rpmsign), the digest of
//! every single file in the signed header is compared.
//! Source: rpm 4.11 `lib/signature.c`, `lib/package.c`; RFC 9580.

mod check;
mod keys;
pub mod report;
mod verdict;

pub use check::verify;
pub use keys::{Key, Keyring, Standing};
pub use verdict::{Covers, Refusal, Signature};
