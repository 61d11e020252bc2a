//! Requests of the Trivial File Transfer Protocol, and the options that are agreed on (RFC 1350,
//! RFC 2347, RFC 2348, RFC 2349, RFC 7440).

use std::ops::RangeInclusive;
use std::time::Duration;

/// Operation codes.
pub mod operation {
    #![allow(missing_docs, reason = "the names are those of the RFCs")]
    pub const READ: u16 = 1;
    pub const WRITE: u16 = 2;
    pub const DATA: u16 = 3;
    pub const ACK: u16 = 4;
    pub const ERROR: u16 = 5;
    pub const OACK: u16 = 6;
}

/// Blocks without the option, and the largest ones (RFC 2348).
const BLOCK: usize = 512;
const BLOCKS: RangeInclusive<usize> = 8..=65464;
/// Blocks that are sent before the client acknowledges one; more than this gains nothing.
const WINDOW_MAX: u64 = 64;
/// IP's and UDP's headers and our own, which a packet holds beside a block.
const HEADERS: usize = 32;
/// How long an acknowledgement is waited for.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TftpRequest {
    /// The file's name as written.
    pub file: String,
    /// Options in the request's order, names in lower case.
    pub options: Vec<(String, String)>,
}

/// Why a packet is answered by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTftp {
    /// It is not a request.
    #[error("this is not a request")]
    Malformed,
    /// It wants to write.
    #[error("files are only read here")]
    Write,
    /// It wants a text translated.
    #[error("files are only sent as they are, in octet mode")]
    Mode,
}

impl BadTftp {
    /// The protocol's code for it.
    pub fn code(self) -> u16 {
        match self {
            Self::Write => 2,
            Self::Malformed | Self::Mode => 4,
        }
    }
}

impl TftpRequest {
    /// Reads a packet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(packet: &[u8]) -> Result<Self, BadTftp> {
        let (operation, rest) = packet.split_first_chunk().ok_or(BadTftp::Malformed)?;
        match u16::from_be_bytes(*operation) {
            operation::READ => {}
            operation::WRITE => return Err(BadTftp::Write),
            _ => return Err(BadTftp::Malformed),
        }
        let text = rest.strip_suffix(&[0]).ok_or(BadTftp::Malformed)?;
        let text = std::str::from_utf8(text).map_err(|_| BadTftp::Malformed)?;
        let mut words = text.split('\0');
        let (Some(file), Some(mode)) = (words.next(), words.next()) else {
            return Err(BadTftp::Malformed);
        };
        if !mode.eq_ignore_ascii_case("octet") {
            return Err(BadTftp::Mode);
        }
        let mut options = Vec::new();
        while let Some(name) = words.next() {
            // Some clients fill their packets with zeros.
            let Some(value) = words.next() else { break };
            options.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Ok(Self { file: file.to_owned(), options })
    }
}

/// How a file is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferOptions {
    /// Bytes of a block.
    pub block: usize,
    /// Blocks that are sent before one is acknowledged.
    pub window: u64,
    /// How long that is waited for.
    pub timeout: Duration,
    /// The options that are agreed to; where there is one, they are sent first.
    pub agreed: Vec<(String, String)>,
}

impl TransferOptions {
    /// What a request wants, as far as it can have it: of a file of `size` bytes, over a link whose
    /// packets have at most `mtu` bytes. An option that is unknown or has no sense is left out.
    pub fn agree(request: &TftpRequest, size: u64, mtu: usize) -> Self {
        let mut this = Self { block: BLOCK, window: 1, timeout: TIMEOUT, agreed: Vec::new() };
        for (name, value) in &request.options {
            let Ok(number) = value.parse::<u64>() else { continue };
            let agreed = match name.as_str() {
                "blksize" => {
                    let wanted = usize::try_from(number).unwrap_or(*BLOCKS.end());
                    if wanted < *BLOCKS.start() {
                        continue;
                    }
                    this.block = wanted
                        .min(*BLOCKS.end())
                        .min(mtu.saturating_sub(HEADERS))
                        .max(*BLOCKS.start());
                    this.block as u64
                }
                "timeout" if (1..=255).contains(&number) => {
                    this.timeout = Duration::from_secs(number);
                    number
                }
                "tsize" => size,
                "windowsize" if (1..=65535).contains(&number) => {
                    this.window = number.min(WINDOW_MAX);
                    this.window
                }
                _ => continue,
            };
            if this.agreed.iter().all(|(known, _)| known != name) {
                this.agreed.push((name.clone(), agreed.to_string()));
            }
        }
        this
    }

    /// The packet that says what is agreed to.
    pub fn acknowledgement(&self) -> Vec<u8> {
        let mut packet = operation::OACK.to_be_bytes().to_vec();
        for (name, value) in &self.agreed {
            packet.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
        }
        packet
    }
}

/// The packet that ends a transfer.
pub fn error(code: u16, why: &str) -> Vec<u8> {
    let (a, b) = (operation::ERROR.to_be_bytes(), code.to_be_bytes());
    [&a[..], &b, why.as_bytes(), &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<TftpRequest, BadTftp> {
        TftpRequest::parse(&[&[0, 1], words.as_bytes()].concat())
    }

    #[test]
    fn requests() {
        let request = read("pxelinux.0\0OCTET\0BlkSize\x001408\0tsize\x000\0").unwrap();
        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.file, "pxelinux.0");
        assert_eq!(request.options, [option("blksize", "1408"), option("tsize", "0")]);
        assert_eq!(read("a\0octet\0\0\0\0").unwrap().options.len(), 1);
        assert_eq!(read("a\0netascii\0"), Err(BadTftp::Mode));
        for bad in ["", "a", "a\0", "a\0octet"] {
            assert_eq!(read(bad), Err(BadTftp::Malformed), "{bad:?}");
        }
        assert_eq!(TftpRequest::parse(b"\0\x02a\0octet\0"), Err(BadTftp::Write));
        assert_eq!(TftpRequest::parse(b"\0\x04\0\x01"), Err(BadTftp::Malformed));
        assert_eq!(TftpRequest::parse(b"\0\x01\xff\0octet\0"), Err(BadTftp::Malformed));
    }

    #[test]
    fn options_are_agreed_to_within_bounds() {
        let agree = |options: &[(&str, &str)]| {
            let options = options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            let request = TftpRequest { file: String::new(), options: options.collect() };
            let agreed = TransferOptions::agree(&request, 1000, 1500);
            (agreed.block, agreed.window, String::from_utf8(agreed.acknowledgement()).unwrap())
        };
        assert_eq!(agree(&[]), (512, 1, "\0\x06".into()));
        let (block, window, sent) =
            agree(&[("blksize", "65464"), ("tsize", "0"), ("windowsize", "4"), ("x", "1")]);
        assert_eq!((block, window), (1468, 4));
        assert_eq!(sent, "\0\x06blksize\x001468\0tsize\x001000\0windowsize\x004\0");
        assert_eq!(agree(&[("windowsize", "65535")]).1, WINDOW_MAX);
        for senseless in [("blksize", "7"), ("windowsize", "0"), ("timeout", "0"), ("tsize", "x")] {
            assert_eq!(agree(&[senseless]), (512, 1, "\0\x06".into()), "{senseless:?}");
        }
    }
}
