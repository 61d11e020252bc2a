//! What is wrong with something that was read.

/// A text or a file is not what it should be: in words, with the place where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

impl From<String> for Malformed {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<&str> for Malformed {
    fn from(message: &str) -> Self {
        Self(message.to_owned())
    }
}
