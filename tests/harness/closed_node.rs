//! A double of a node of which only what a test answers is there: programs and ssh ports.

use firstboot::host::http::{Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{DirectoryRunner, Host, Interface, Output, Program, Runner, SystemClock};
use serde_json::Value;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

/// The double; what has no answer of the test's fails as in a directory tree.
pub struct ClosedNode<P, S> {
    /// Runs a program.
    pub programs: P,
    /// Whether the ssh port of a host answers.
    pub ssh: S,
}

impl<P, S> ClosedNode<P, S>
where
    P: Fn(&Program) -> io::Result<Output> + 'static,
    S: Fn(Ipv4Addr) -> io::Result<()> + 'static,
{
    /// The node with its files below `root`.
    pub fn open(self, root: &Path) -> Host {
        Host::with(root, Box::new(self), Box::new(SystemClock::default()))
    }
}

impl<P, S> Runner for ClosedNode<P, S>
where
    P: Fn(&Program) -> io::Result<Output>,
    S: Fn(Ipv4Addr) -> io::Result<()>,
{
    fn run(&self, program: &Program) -> io::Result<Output> {
        (self.programs)(program)
    }

    fn reach(&self, to: SocketAddrV4, _: Duration) -> io::Result<()> {
        (self.ssh)(*to.ip())
    }

    fn exchange(&self, to: SocketAddrV4, sent: &[u8], length: u64) -> io::Result<Vec<u8>> {
        DirectoryRunner.exchange(to, sent, length)
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        DirectoryRunner.spawn(program, log)
    }

    fn http(&self, request: &Request) -> io::Result<Response> {
        DirectoryRunner.http(request)
    }

    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
        DirectoryRunner.ovsdb(socket, method, params)
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        DirectoryRunner.interfaces()
    }

    fn host_name(&self) -> io::Result<String> {
        DirectoryRunner.host_name()
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        DirectoryRunner.set_host_name(name)
    }
}
