//! Ports of nodes on this machine: whoever connects to the listener reaches the node's port, by a
//! process of its own in the lab network.

use super::network;
use super::process::Process;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::programs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How often waiting for connections polls for an interruption.
const TICK: Duration = Duration::from_millis(100);

/// Where a privileged port is offered to users who may not listen there: 80 as 8080.
const OFFSET: u16 = 8000;

/// The way to one port of a node.
#[derive(Clone, Debug)]
pub struct Way {
    /// The node's name.
    pub node: String,
    /// Its address on the lab network.
    pub address: Ipv4Addr,
    /// The port.
    pub port: u16,
    /// The keeper of the lab network, where that is a namespace of its own.
    pub keeper: Option<Process>,
}

impl Way {
    /// A command whose standard input and output are a connection.
    fn command(&self) -> Command {
        let mut command = programs::this_program();
        command.arg(network::ARGUMENT);
        match &self.keeper {
            Some(Process { pid, started, boot }) => {
                command.args(["connect", &pid.to_string(), &started.to_string(), boot]);
            }
            None => drop(command.arg("connect-here")),
        }
        command.args([self.address.to_string(), self.port.to_string()]);
        command
    }

    /// The first line of an HTTP server's answer to a request for `path`; `None` where none comes
    /// in time.
    ///
    /// # Errors
    /// When the connection cannot be tried.
    pub fn ask_http(&self, path: &str, limit: Duration) -> Result<Option<String>> {
        let what = || format!("cannot connect to {}", self.node);
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().or_environment(what)?;
        let request = format!("HEAD {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        // It stays open: some servers take its end for the client's.
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            // One that is not up reads nothing.
            let _ = stdin.write_all(request.as_bytes());
        }
        let (tell, answer) = mpsc::channel();
        if let Some(mut stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut bytes = [0; 256];
                let n = stdout.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
                let _ = tell.send(text.lines().next().unwrap_or_default().to_owned());
            });
        }
        let line = answer.recv_timeout(limit).ok().filter(|line| line.starts_with("HTTP/"));
        let _ = child.kill();
        let _ = child.wait();
        Ok(line)
    }
}

/// A port of this machine that leads to one of a node.
pub struct Forward {
    way: Way,
    listener: TcpListener,
    /// The connections that are open.
    connections: Vec<Child>,
}

impl Forward {
    /// Listens at `listen`; where the user does not say, at this machine's own address with the
    /// same port, or one near to it.
    ///
    /// # Errors
    /// An environment error when nobody may listen there.
    pub fn new(way: Way, listen: Option<SocketAddr>) -> Result<Self> {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = match listen {
            Some(address) => TcpListener::bind(address).map_err(|e| (address, e)),
            None => {
                let port = if way.port < 1024 { way.port + OFFSET } else { way.port };
                let free = |_| TcpListener::bind(here(0));
                TcpListener::bind(here(port)).or_else(free).map_err(|e| (here(port), e))
            }
        };
        let listener = bound.map_err(|(address, e)| {
            Error::environment(format!("cannot listen at {address}: {e}"))
                .hint("give another place by --listen 127.0.0.1:PORT; port 0 is any that is free")
        })?;
        listener.set_nonblocking(true).or_environment(|| "cannot listen".to_owned())?;
        Ok(Self { way, listener, connections: Vec::new() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().or_environment(|| "cannot listen".to_owned())
    }

    /// Leads connections to the node until the user interrupts.
    ///
    /// # Errors
    /// The interruption, or that connections can no longer be accepted.
    pub fn serve(&mut self) -> Result<()> {
        loop {
            interrupt::check()?;
            self.connections.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            match self.listener.accept() {
                Ok((client, _)) => self.connect(client)?,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(TICK),
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(e) => return Err(e).or_environment(|| "cannot accept connections".to_owned()),
            }
        }
    }

    /// The process has the connection alone: when it ends, the client sees the end.
    fn connect(&mut self, client: TcpStream) -> Result<()> {
        let what = || "cannot pass a connection on".to_owned();
        client.set_nonblocking(false).or_environment(what)?;
        let out = client.try_clone().or_environment(what)?;
        let mut command = self.way.command();
        command.stdin(OwnedFd::from(client)).stdout(OwnedFd::from(out));
        self.connections.push(command.spawn().or_environment(what)?);
        Ok(())
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        for child in &mut self.connections {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
