//! The keys of packstack's answer file: which there are, what each may hold, and the values
//! that the lab gives.

mod defaults;
mod keys;
mod kind;
mod legal;

pub use defaults::lab_answers;
pub use keys::{ADMIN_PASSWORD, KEYS};
pub use kind::AnswerKind;
pub use legal::{AnswerViolation, find_kind, find_violation};
