//! Opening files that others created. A medium, a profile or an image may hold a named pipe, a
//! socket or a device under a file's name; opening such a thing can wait indefinitely.

use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What a program's standard input is called in the file system.
pub const STDIN: &str = "/dev/stdin";

/// How often waiting for a pipe polls for an interruption, in milliseconds.
const TICK: u16 = 100;
/// Bytes read from a pipe at a time.
const PIECE: usize = 64 << 10;

/// Opens a regular file for reading, following symbolic links, without ever waiting.
///
/// # Errors
/// The system's error, or what there is in place of a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let (file, meta) = open_at_once(path)?;
    match meta.is_file() {
        true => Ok(file),
        false => Err(not_regular(meta.file_type())),
    }
}

/// The content of a small file of the kernel's without white space around it; `None` where it cannot
/// be read.
pub fn read_word(path: &Path) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The content of a regular file that has at most `limit` bytes.
///
/// # Errors
/// As [`open_regular`], or that it has more.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    within(bytes, limit)
}

/// The content of a file that the user names, which may also be a pipe (`/dev/stdin`, a shell's
/// `<(…)`) or a terminal; `what` precedes the system's error. Waiting for a pipe ends
/// with an interruption.
///
/// # Errors
/// An input error when it cannot be read or has more than `limit` bytes; interruption.
pub fn read_named(path: &Path, limit: u64, what: impl Fn() -> String) -> Result<Vec<u8>> {
    let (mut file, meta) = open_at_once(path).or_input(&what)?;
    let kind = meta.file_type();
    if !(kind.is_file() || kind.is_fifo() || kind.is_char_device()) {
        return Err(Error::input(format!("{}: {}", what(), not_regular(kind))));
    }
    let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE]);
    loop {
        interrupt::check()?;
        if !kind.is_file() && !readable(&file).or_input(&what)? {
            continue;
        }
        match file.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e)
                if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(e) => return Err(e).or_input(&what),
        }
        if bytes.len() as u64 > limit {
            return within(bytes, limit).or_input(&what);
        }
    }
}

/// The names in a directory, sorted; an empty list when it does not exist.
///
/// # Errors
/// An environment error when it is there and cannot be read.
pub fn names_in(directory: &Path) -> Result<Vec<String>> {
    let what = || format!("cannot read {}", directory.display());
    let entries = match std::fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.or_environment(what)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.or_environment(what)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn open_at_once(path: &Path) -> io::Result<(File, Metadata)> {
    // std adds O_CLOEXEC; a named pipe without a writer is opened all the same.
    let open =
        File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    match open {
        Ok(file) => {
            let meta = file.metadata()?;
            Ok((file, meta))
        }
        // A socket is there and cannot be opened.
        Err(e) => match std::fs::metadata(path) {
            Ok(meta) if meta.file_type().is_socket() => Err(not_regular(meta.file_type())),
            _ => Err(e),
        },
    }
}

/// Whether there is something to read, or the end; waits for one tick at most. A named pipe
/// that nobody has written to yet has neither.
fn readable(file: &File) -> io::Result<bool> {
    match poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], PollTimeout::from(TICK)) {
        Ok(count) => Ok(count > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn within(bytes: Vec<u8>, limit: u64) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 <= limit {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")))
}

fn not_regular(kind: FileType) -> io::Error {
    let what = match kind {
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_char_device() => "a character device",
        _ if kind.is_block_device() => "a block device",
        _ => "something else",
    };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::thread;
    use std::time::Duration;

    fn what() -> String {
        "cannot read x".to_owned()
    }

    #[test]
    fn nothing_but_regular_files() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        assert_eq!(read_regular(&at("link"), 4).unwrap(), b"text");
        let said = |path: &Path| read_regular(path, 3).unwrap_err().to_string();
        assert_eq!(said(&at("file")), "it has more than 3 bytes");
        assert_eq!(said(&at("pipe")), "it is a named pipe, not a regular file");
        assert_eq!(said(&at("socket")), "it is a socket, not a regular file");
        assert_eq!(said(dir.path()), "it is a directory, not a regular file");
        assert_eq!(said(Path::new("/dev/zero")), "it is a character device, not a regular file");
    }

    #[test]
    fn the_user_may_name_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let writer = thread::spawn({
            let pipe = pipe.clone();
            move || {
                // The reader is there first, and sees no end before the writer has been there.
                thread::sleep(Duration::from_millis(300));
                fs::write(pipe, "late").unwrap();
            }
        });
        assert_eq!(read_named(&pipe, 10, what).unwrap(), b"late");
        writer.join().unwrap();
        let error = read_named(Path::new("/dev/zero"), 10, what).unwrap_err();
        assert_eq!(error.message, "cannot read x: it has more than 10 bytes");
        assert_eq!(read_named(Path::new("/dev/null"), 10, what).unwrap(), b"");
        let error = read_named(dir.path(), 10, what).unwrap_err();
        assert_eq!(error.message, "cannot read x: it is a directory, not a regular file");
    }
}
