//! What became of a request.

/// What became of a request's words.
#[derive(Default)]
pub struct SelectionOutcome {
    /// Words that name nothing, as sentences.
    pub problems: Vec<String>,
    /// What is left out, and why that is not an error.
    pub skipped: Vec<String>,
}
