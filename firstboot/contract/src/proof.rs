//! What a proof that the cloud works says, line by line.

use serde::{Deserialize, Serialize};

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineOutcome {
    /// It works.
    Ok,
    /// It does not.
    Failed,
    /// This cloud does not have it, or it could not be tried.
    Skipped,
}

impl LineOutcome {
    /// The word for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            LineOutcome::Ok => "ok",
            LineOutcome::Failed => "failed",
            LineOutcome::Skipped => "skipped",
        }
    }
}

/// One line of a proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What was tried.
    pub what: String,
    /// How it ended.
    pub outcome: LineOutcome,
    /// How long it took.
    pub seconds: f64,
    /// What shows that it works, or what is wrong.
    pub evidence: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Line {
    /// One line for people, and one for the hint.
    pub fn to_text(&self) -> String {
        let Line { what, outcome, seconds, evidence, hint } = self;
        let hint =
            hint.as_ref().map_or_else(String::new, |hint| format!("{:>9}hint: {hint}\n", ""));
        format!("{:<7} {what} ({seconds:.1} s): {evidence}\n{hint}", outcome.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text() {
        let mut line = Line {
            what: "image".to_owned(),
            outcome: LineOutcome::Ok,
            seconds: 1.25,
            evidence: "64 KiB".to_owned(),
            hint: None,
        };
        assert_eq!(line.to_text(), "ok      image (1.2 s): 64 KiB\n");
        (line.outcome, line.hint) = (LineOutcome::Failed, Some("start it".to_owned()));
        assert_eq!(line.to_text(), "failed  image (1.2 s): 64 KiB\n         hint: start it\n");
    }
}
