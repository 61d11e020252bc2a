//! The keys of packstack's answer file: which there are, and what each may hold.

mod keys;
mod kind;
mod legal;

pub use keys::{ADMIN_PASSWORD, KEYS};
pub use kind::AnswerKind;
pub use legal::{AnswerViolation, find_kind, find_violation};
