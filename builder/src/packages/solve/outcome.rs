//! The result of a request.

/// The result of a request's names.
#[derive(Default)]
pub struct SelectionOutcome {
    /// Names that match nothing, as sentences.
    pub problems: Vec<String>,
    /// What is left out, and why that is not an error.
    pub skipped: Vec<String>,
}
