//! The keys of packstack's answer file: which there are, and what each may hold.

mod keys;
mod kind;
mod legal;
mod misread;

pub use keys::{ADMIN_PASSWORD, KEYS};
pub use kind::AnswerKind;
pub use legal::{AnswerViolation, find_kind, find_violation};
pub use misread::{WORD_ALLOWED, find_word_violation};
