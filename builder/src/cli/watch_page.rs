//! `imgbuild watch --web`: the page's server here, and a second process that watches, as it may have
//! to enter the lab's network.

use super::common::print;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::programs;
use crate::lab::serve::{self, Server, StatusFeed, StatusPage};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::thread;

/// Serves the page at `address` until a signal ends it, or watching fails.
///
/// # Errors
/// An environment error when nobody may listen there or the second process cannot be started; the
/// interruption; a build error when watching ended.
pub fn run(address: SocketAddr) -> Result<()> {
    let listener = serve::bind(address)?;
    let address = listener.local_addr().or_environment(|| "cannot listen".to_owned())?;
    let feed = Arc::new(StatusFeed::default());
    let page = StatusPage::new(Arc::clone(&feed));
    print(&format!("the lab's page: {}\nCtrl-C ends it\n", page.url(address)))?;
    let mut watcher = Watcher::start()?;
    let reader = watcher.0.stdout.take().map(|out| thread::spawn(move || publish(out, &feed)));
    let has_ended = || reader.as_ref().is_none_or(thread::JoinHandle::is_finished);
    let server = Server::new(Vec::new())?.with_page(page);
    server.run(&[listener], &|| interrupt::requested() || has_ended());
    interrupt::check()?;
    let status = watcher.0.wait().or_environment(|| "cannot wait for the watcher".to_owned())?;
    Err(Error::build(format!("watching the lab ended ({status})")))
}

/// Passes on every line of the watcher until its end.
fn publish(out: ChildStdout, feed: &StatusFeed) {
    for line in BufReader::new(out).lines().map_while(std::io::Result::ok) {
        feed.publish(&line);
    }
    feed.end();
}

/// The process that watches, ended when dropped.
struct Watcher(Child);

impl Watcher {
    /// With the arguments of this one, but that it writes instead of serving.
    fn start() -> Result<Self> {
        let mut command = programs::this_program();
        let is_web = |argument: &std::ffi::OsString| {
            argument == "--web" || argument.to_string_lossy().starts_with("--web=")
        };
        command.args(std::env::args_os().skip(1).filter(|argument| !is_web(argument)));
        command.args(["--json", "--details", "--follow"]).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).spawn();
        child.map(Self).or_environment(|| "cannot start the watcher".to_owned())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
