//! The TFTP server: a thread for each transfer, from the address that was asked.

use super::tftp_request::{self, TftpRequest, TransferOptions, operation};
use crate::packages::media::{Medium, StoredFile};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The port (RFC 1350).
pub const PORT: u16 = 69;
/// How often the server looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(200);
/// A request is not longer; it is one packet.
const LONGEST: usize = 1500;
/// Transfers at a time.
const TRANSFERS: usize = 64;
/// How often the same is sent before a client is taken for gone.
const ATTEMPTS: u32 = 6;
const STACK: usize = 256 << 10;

/// What the server has, and how it sends it.
pub struct TftpServer {
    /// The directory.
    pub files: Arc<dyn Medium>,
    /// The address that it answers from.
    pub address: Ipv4Addr,
    /// Bytes that a packet of the interface holds.
    pub mtu: usize,
    /// Hears of each request: the client, the file, and whether it was found.
    pub heard: Box<Heard>,
}

/// See [`TftpServer::heard`].
pub type Heard = dyn Fn(SocketAddr, &str, bool) + Send + Sync;

impl TftpServer {
    /// Answers requests until `over` says that it is enough.
    pub fn run(self, socket: &UdpSocket, over: &dyn Fn() -> bool) -> io::Result<()> {
        socket.set_read_timeout(Some(GLANCE))?;
        let this = Arc::new(self);
        let transfers = Arc::new(AtomicUsize::new(0));
        let mut packet = [0; LONGEST];
        while !over() {
            let (length, client) = match socket.recv_from(&mut packet) {
                Ok(received) => received,
                Err(e) if is_timeout(&e) => continue,
                // An ICMP message about an earlier packet; an interface that is down for a moment.
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::ConnectionRefused | ErrorKind::NetworkDown
                    ) =>
                {
                    thread::sleep(GLANCE);
                    continue;
                }
                Err(e) => return Err(e),
            };
            if transfers.load(Ordering::Relaxed) >= TRANSFERS {
                // It asks again.
                continue;
            }
            let (this, packet) = (Arc::clone(&this), packet[..length].to_vec());
            let place = TransferPlace::take(&transfers);
            // Without a thread the client asks again.
            let _ = thread::Builder::new().stack_size(STACK).spawn(move || {
                // Clients come and go.
                let _ = this.answer(&packet, client);
                drop(place);
            });
        }
        Ok(())
    }

    /// Answers one request, from a port of its own (RFC 1350, 4).
    fn answer(&self, packet: &[u8], client: SocketAddr) -> io::Result<()> {
        let socket = UdpSocket::bind((self.address, 0))?;
        socket.connect(client)?;
        let request = match TftpRequest::parse(packet) {
            Ok(request) => request,
            // What is not a request is not answered: it may be a stray packet of a transfer.
            Err(tftp_request::BadTftp::Malformed) => return Ok(()),
            Err(e) => {
                return socket.send(&tftp_request::error(e.code(), &e.to_string())).map(drop);
            }
        };
        let path = plain_path(&request.file);
        let found = match &path {
            Some(path) => self.files.stored(path),
            None => Ok(None),
        };
        let name = path.as_deref().unwrap_or(&request.file);
        (self.heard)(client, name, matches!(found, Ok(Some(_))));
        match found {
            Ok(Some(file)) => send(&socket, &file, &request, self.mtu),
            Ok(None) => socket.send(&tftp_request::error(1, "file not found")).map(drop),
            Err(e) => socket.send(&tftp_request::error(2, &e.to_string())).map(drop),
        }
    }
}

/// A place among the transfers, given back when dropped.
struct TransferPlace(Arc<AtomicUsize>);

impl TransferPlace {
    fn take(of: &Arc<AtomicUsize>) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(of))
    }
}

impl Drop for TransferPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A name as a path below the server's directory: slashes at the beginning and doubled ones do not
/// count, some firmware writes backslashes. None where it leads upwards.
pub fn plain_path(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

/// Sends a file.
fn send(
    socket: &UdpSocket,
    file: &StoredFile,
    request: &TftpRequest,
    mtu: usize,
) -> io::Result<()> {
    let size = file.size();
    let options = TransferOptions::agree(request, size, mtu);
    socket.set_read_timeout(Some(options.timeout))?;
    if !options.agreed.is_empty() {
        let packet = options.acknowledgement();
        if acknowledged(socket, 0, 0, &|| socket.send(&packet).map(drop))?.is_none() {
            return Ok(());
        }
    }
    // A last block that is full is followed by an empty one.
    let blocks = size / options.block as u64 + 1;
    let mut done = 0;
    while done < blocks {
        let last = (done + options.window).min(blocks);
        let send =
            || (done + 1..=last).try_for_each(|n| send_block(socket, file, n, options.block));
        match acknowledged(socket, done, last, &send)? {
            Some(number) => done = number,
            None => return Ok(()),
        }
    }
    Ok(())
}

fn send_block(socket: &UdpSocket, file: &StoredFile, number: u64, block: usize) -> io::Result<()> {
    let offset = (number - 1) * block as u64;
    let length = usize::try_from(file.size() - offset).unwrap_or(block).min(block);
    // The number has 16 bits, and wraps around in large files.
    let mut packet = operation::DATA.to_be_bytes().to_vec();
    packet.extend((number as u16).to_be_bytes());
    packet.resize(4 + length, 0);
    file.read_exact_at(&mut packet[4..], offset)?;
    socket.send(&packet).map(drop)
}

/// Sends by `send`, again when nothing comes in time, until a block after `done`, or `last`, is
/// acknowledged; gives its number. None where the client ends it. A repeated acknowledgement makes
/// nothing be sent again, or every packet would go twice from then on (RFC 1123, 4.2.3.1).
fn acknowledged(
    socket: &UdpSocket,
    done: u64,
    last: u64,
    send: &dyn Fn() -> io::Result<()>,
) -> io::Result<Option<u64>> {
    let mut packet = [0; 64];
    for _ in 0..ATTEMPTS {
        send()?;
        loop {
            let length = match socket.recv(&mut packet) {
                Ok(length) => length,
                Err(e) if is_timeout(&e) => break,
                Err(e) => return Err(e),
            };
            let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
            match (length, if length < 4 { 0 } else { word(0) }) {
                (4.., operation::ACK) => {
                    let step = u64::from(word(2).wrapping_sub(done as u16));
                    if done + step <= last && (step > 0 || last == done) {
                        return Ok(Some(done + step));
                    }
                }
                (_, operation::ERROR) => return Ok(None),
                _ => {}
            }
        }
    }
    Ok(None)
}

/// What a socket's time limit ends with.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_directory() {
        assert_eq!(plain_path("/pxelinux.cfg//default").as_deref(), Some("pxelinux.cfg/default"));
        assert_eq!(plain_path("\\EFI\\BOOT\\x.efi").as_deref(), Some("EFI/BOOT/x.efi"));
        assert_eq!(plain_path("./a/../../etc/passwd"), None);
        assert_eq!(plain_path("..\\a"), None);
    }
}
