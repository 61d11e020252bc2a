//! The result of a request.

/// The result of a request's names.
#[derive(Default)]
pub struct SelectionOutcome {
    /// Names that match nothing, as sentences.
    pub problems: Vec<String>,
    /// What is left out, and why that is not an error.
    pub skipped: Vec<String>,
}

impl SelectionOutcome {
    /// Notes once that nothing matches a name: left out if it `may_lack`, else a problem.
    pub fn note_missing(&mut self, text: String, may_lack: bool) {
        let list = if may_lack { &mut self.skipped } else { &mut self.problems };
        if !list.contains(&text) {
            list.push(text);
        }
    }
}
