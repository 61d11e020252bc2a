//! A double of a node with one program that is real.

use crate::double::FakeRunner;
use firstboot::host::http::{Request, Response};
use firstboot::host::job::Job;
use firstboot::host::{Interface, Output, Program, Runner, SystemRunner};
use serde_json::Value;
use std::io;
use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

/// One real program, by its name; everything else from the double.
pub struct RealProgram(pub FakeRunner, pub &'static str);

impl Runner for RealProgram {
    fn run(&self, program: &Program) -> io::Result<Output> {
        if program.name == self.1 { SystemRunner.run(program) } else { self.0.run(program) }
    }

    fn spawn(&self, program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
        self.0.spawn(program, log)
    }

    fn reach(&self, to: SocketAddrV4, limit: Duration) -> io::Result<()> {
        self.0.reach(to, limit)
    }

    fn exchange(&self, to: SocketAddrV4, sent: &[u8], length: u64) -> io::Result<Vec<u8>> {
        self.0.exchange(to, sent, length)
    }

    fn http(&self, request: &Request) -> io::Result<Response> {
        self.0.http(request)
    }

    fn ovsdb(&self, socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
        self.0.ovsdb(socket, method, params)
    }

    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        self.0.interfaces()
    }

    fn host_name(&self) -> io::Result<String> {
        self.0.host_name()
    }

    fn set_host_name(&self, name: &str) -> io::Result<()> {
        self.0.set_host_name(name)
    }
}
