//! What one check found.

use crate::base::error::Error;
use serde::Serialize;

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Something is slower or missing, and the work can be done.
    Warn,
    /// It cannot.
    Fail,
}

impl Grade {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How good it is.
    pub grade: Grade,
    /// What there is.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// Nothing to do.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, grade: Grade::Ok, found: found.into(), remedy: None }
    }

    /// Not as good as it could be.
    pub fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, grade: Grade::Warn, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// What makes the work impossible.
    pub fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, grade: Grade::Fail, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// An error's words.
    pub fn of(name: &'static str, grade: Grade, error: Error) -> Self {
        Self { name, grade, found: error.message, remedy: error.hint }
    }
}
