//! The running system: programs and the few kernel calls that firstboot needs.

use super::http::{self, Request, Response};
use super::job::{self, Job};
use super::process::{self, Output, Program};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

/// How long each part of an exchange over TCP may take.
const EXCHANGE: Duration = Duration::from_secs(20);

/// A network interface as the kernel has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Name, `eth0`.
    pub name: String,
    /// Whether it is switched on (`IFF_UP`).
    pub up: bool,
    /// Whether it has a carrier (`IFF_RUNNING`).
    pub carrier: bool,
    /// IPv4 addresses with their prefix lengths in bits.
    pub addresses: Vec<(Ipv4Addr, u8)>,
}

/// Processes and kernel calls.
pub trait Runner {
    /// Runs a program to its end or its time limit.
    ///
    /// # Errors
    /// When it cannot be started.
    fn run(&self, program: &Program) -> io::Result<Output>;

    /// Starts a program with its output in the new file `log`, and does not wait.
    ///
    /// # Errors
    /// When it cannot be started.
    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>>;

    /// Whether something accepts TCP connections there.
    ///
    /// # Errors
    /// Why it does not, or not in time.
    fn reach(&self, to: SocketAddrV4, limit: Duration) -> io::Result<()>;

    /// Sends `sent` over TCP and reads the first `length` bytes of the answer, fewer where it
    /// ends before.
    ///
    /// # Errors
    /// Why there is no connection, or no answer in time.
    fn exchange(&self, to: SocketAddrV4, sent: &[u8], length: u64) -> io::Result<Vec<u8>>;

    /// Asks over HTTP.
    ///
    /// # Errors
    /// As [`http::ask`].
    fn http(&self, request: &Request) -> io::Result<Response>;

    /// Asks the OVS database at `socket`.
    ///
    /// # Errors
    /// As [`super::ovsdb::call`].
    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value>;

    /// The kernel's network interfaces.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn interfaces(&self) -> io::Result<Vec<Interface>>;

    /// The kernel's host name.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn host_name(&self) -> io::Result<String>;

    /// Sets the kernel's host name.
    ///
    /// # Errors
    /// When the kernel refuses (only root may).
    fn set_host_name(&self, name: &str) -> io::Result<()>;
}

/// The real system.
#[derive(Debug)]
pub struct SystemRunner;

impl Runner for SystemRunner {
    fn run(&self, program: &Program) -> io::Result<Output> {
        process::run(program)
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        job::spawn(program, log)
    }

    fn reach(&self, to: SocketAddrV4, limit: Duration) -> io::Result<()> {
        TcpStream::connect_timeout(&to.into(), limit).map(|_| ())
    }

    fn exchange(&self, to: SocketAddrV4, sent: &[u8], length: u64) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&to.into(), EXCHANGE)?;
        stream.set_read_timeout(Some(EXCHANGE))?;
        stream.set_write_timeout(Some(EXCHANGE))?;
        stream.write_all(sent)?;
        let mut answer = Vec::new();
        match stream.take(length).read_to_end(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))
            }
            read => read.map(|_| answer),
        }
    }

    fn http(&self, request: &Request) -> io::Result<Response> {
        http::ask(request)
    }

    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
        super::ovsdb::call(socket, method, params)
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        let mut found: Vec<Interface> = Vec::new();
        for entry in getifaddrs()? {
            let at = found.iter().position(|known| known.name == entry.interface_name);
            let at = at.unwrap_or_else(|| {
                found.push(Interface {
                    name: entry.interface_name.clone(),
                    up: entry.flags.contains(InterfaceFlags::IFF_UP),
                    carrier: entry.flags.contains(InterfaceFlags::IFF_RUNNING),
                    addresses: Vec::new(),
                });
                found.len() - 1
            });
            let ip = |storage: Option<nix::sys::socket::SockaddrStorage>| {
                Some(storage?.as_sockaddr_in()?.ip())
            };
            if let (Some(address), Some(mask)) = (ip(entry.address), ip(entry.netmask)) {
                // At most 32 ones.
                let prefix = u32::from(mask).count_ones() as u8;
                found[at].addresses.push((address, prefix));
            }
        }
        Ok(found)
    }

    fn host_name(&self) -> io::Result<String> {
        Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        Ok(nix::unistd::sethostname(name)?)
    }
}

/// A directory tree: it has no processes, interfaces or kernel.
#[derive(Debug)]
pub struct DirectoryRunner;

impl DirectoryRunner {
    fn refusal() -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, "a directory tree is not a running system")
    }
}

impl Runner for DirectoryRunner {
    fn run(&self, _: &Program) -> io::Result<Output> {
        Err(DirectoryRunner::refusal())
    }

    fn spawn(&self, _: &Program, _: &Path) -> io::Result<Box<dyn Job>> {
        Err(DirectoryRunner::refusal())
    }

    fn reach(&self, _: SocketAddrV4, _: Duration) -> io::Result<()> {
        Err(DirectoryRunner::refusal())
    }

    fn exchange(&self, _: SocketAddrV4, _: &[u8], _: u64) -> io::Result<Vec<u8>> {
        Err(DirectoryRunner::refusal())
    }

    fn http(&self, _: &Request) -> io::Result<Response> {
        Err(DirectoryRunner::refusal())
    }

    fn ovsdb(&self, _: &Path, _: &str, _: &Value) -> io::Result<Value> {
        Err(DirectoryRunner::refusal())
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        Err(DirectoryRunner::refusal())
    }

    fn host_name(&self) -> io::Result<String> {
        Err(DirectoryRunner::refusal())
    }

    fn set_host_name(&self, _: &str) -> io::Result<()> {
        Err(DirectoryRunner::refusal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_as_proc_has_it() {
        let interfaces = SystemRunner.interfaces().unwrap();
        let names: Vec<&str> = interfaces.iter().map(|one| one.name.as_str()).collect();
        let proc = std::fs::read_to_string("/proc/net/dev").unwrap();
        let mut listed: Vec<&str> =
            proc.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        listed.sort_unstable();
        assert_eq!(sorted, listed);
        let loopback = &interfaces[names.iter().position(|name| *name == "lo").unwrap()];
        assert!(loopback.up);
        assert!(loopback.addresses.contains(&(Ipv4Addr::LOCALHOST, 8)));
    }
}
