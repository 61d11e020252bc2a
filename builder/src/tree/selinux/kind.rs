//! Kinds of files, as file contexts tell them apart.

/// What kind of file a specification is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeFileKind {
    /// `--`
    File,
    /// `-d`
    Directory,
    /// `-l`
    Link,
    /// `-c`
    CharDevice,
    /// `-b`
    BlockDevice,
    /// `-p`
    Fifo,
    /// `-s`
    Socket,
}
