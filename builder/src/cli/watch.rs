//! `imgbuild watch`.

use super::common::{limit, print};
use super::watch_page;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::progress::Mode;
use crate::lab::vm;
use crate::lab::watch::{DetailedView, Row, View, WatchTarget, ask_nodes, open_lab};
use clap::Args;
use contract::peers::wire::PeerState;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use std::fmt::Write;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

/// Set where this process is in the lab network already, to the seconds watched before.
const INSIDE: &str = "IMGBUILD_IN_LAB";

/// Of a terminal that does not say how wide it is.
const COLUMNS: usize = 80;

#[derive(Args)]
pub struct Watch {
    /// Node names; by default all of the lab's.
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// Poll once and do not wait: exit 0 when all are ready, else 1.
    #[arg(long)]
    once: bool,
    /// Print each change as a line of JSON, with a schema number.
    #[arg(short, long)]
    json: bool,
    /// With --json: each node with its steps and services.
    #[arg(long, requires = "json")]
    details: bool,
    /// Go on after all are ready or one has failed, until interrupted.
    #[arg(long, conflicts_with = "once")]
    follow: bool,
    /// Show the lab on a page for a browser, until interrupted; by default at a free port of this
    /// machine's own address, which other machines cannot reach.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true,
          default_missing_value = "127.0.0.1:0", conflicts_with_all = ["once", "json", "timeout"])]
    web: Option<SocketAddr>,
    /// Seconds between two polls.
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    /// When waiting ends: 90s, 30m, 2h, or a number of seconds; by default it is indefinite.
    #[arg(long, value_name = "TIME", value_parser = limit)]
    timeout: Option<Duration>,
    /// How the lab is shown: on a terminal as a table that changes, else a line for each change.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Mode,
    #[command(flatten)]
    which: super::secrets::Which,
}

pub fn run(a: Watch) -> Result<()> {
    let (store, lab) = a.which.store()?;
    let (pki, all) = open_lab(&store)?;
    let targets = choose(all, &a.nodes)?;
    // Others may build while we watch.
    drop(store);
    if let Some(address) = a.web {
        return watch_page::run(address);
    }
    let table = match a.progress {
        Mode::Auto => !a.json && std::io::stdout().is_terminal(),
        _ => false,
    };
    let before: Option<u64> = std::env::var(INSIDE).ok().and_then(|seconds| seconds.parse().ok());
    let started = Instant::now();
    let mut shown = Shown { json: a.json, table, before: None, details: None, lines: 0 };
    loop {
        // Its virtual machines may be brought up while we watch.
        if before.is_none()
            && let Some(mut inside) = vm::inside(&a.which.state.directory()?, &lab)?
        {
            let seconds = started.elapsed().as_secs().to_string();
            inside.args(std::env::args_os().skip(1)).env(INSIDE, seconds);
            return Err(inside.exec()).or_environment(|| "cannot enter the lab network".to_owned());
        }
        let answers = ask_nodes(&pki, &targets);
        let view = answers.view(&lab, &targets);
        match a.details {
            true => shown.show_details(answers.details(view.clone()))?,
            false => shown.show(&view)?,
        }
        match view.state {
            PeerState::Ready if !a.follow => return Ok(()),
            PeerState::Failed if !a.follow => return Err(failed(&view)),
            _ if is_unread() => return Ok(()),
            _ => {}
        }
        let watched = started.elapsed().as_secs() + before.unwrap_or(0);
        let over = a.timeout.is_some_and(|limit| watched >= limit.as_secs());
        if a.once || over {
            return Err(waiting(&view));
        }
        let next = Instant::now() + Duration::from_secs(a.interval);
        while Instant::now() < next {
            interrupt::check()?;
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whether whoever read the output has gone.
fn is_unread() -> bool {
    let stdout = std::io::stdout();
    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0)
        && polled[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
}

fn choose(all: Vec<WatchTarget>, names: &[String]) -> Result<Vec<WatchTarget>> {
    if names.is_empty() {
        return Ok(all);
    }
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|t| t.name == **name)) {
        let known: Vec<&str> = all.iter().map(|t| t.name.as_str()).collect();
        return Err(Error::input(format!("the lab has no node `{unknown}`"))
            .hint(format!("its nodes: {}", known.join(", "))));
    }
    Ok(all.into_iter().filter(|t| names.contains(&t.name)).collect())
}

fn names<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    rows.map(|row| row.node.as_str()).collect::<Vec<_>>().join(", ")
}

fn failed(view: &View) -> Error {
    let failed = names(view.nodes.iter().filter(|row| row.state == PeerState::Failed));
    Error::build(format!("failed: {failed}"))
        .hint("`firstboot status` on the node shows why and what to do")
}

fn waiting(view: &View) -> Error {
    let ready = |row: &&Row| row.state != PeerState::Ready || !row.reachable;
    Error::build(format!("not ready: {}", names(view.nodes.iter().filter(ready))))
}

/// State of the screen.
struct Shown {
    json: bool,
    table: bool,
    before: Option<View>,
    details: Option<DetailedView>,
    /// Lines of the table.
    lines: usize,
}

impl Shown {
    fn show_details(&mut self, view: DetailedView) -> Result<()> {
        if self.details.as_ref() == Some(&view) {
            return Ok(());
        }
        print(&to_line(&view))?;
        self.details = Some(view);
        Ok(())
    }

    fn show(&mut self, view: &View) -> Result<()> {
        if self.before.as_ref() == Some(view) {
            return Ok(());
        }
        let mut text = String::new();
        if self.json {
            text = to_line(view);
        } else if self.table {
            if self.lines > 0 {
                // Up to the table's first line, and clear to the end of the screen (ECMA-48).
                let _ = write!(text, "\x1b[{}A\x1b[J", self.lines);
            }
            // A line that wraps would make the table longer than it is.
            let width = terminal_size::terminal_size()
                .map_or(COLUMNS, |(width, _)| usize::from(width.0))
                .saturating_sub(1);
            let heading = format!("{:<14} {:<8} {:<14} SINCE", "NODE", "STATE", "STEP");
            for line in std::iter::once(heading).chain(view.nodes.iter().map(line)) {
                let line: String = line.chars().take(width).collect();
                let _ = writeln!(text, "{line}");
            }
            self.lines = view.nodes.len() + 1;
        } else {
            let before = |row: &Row| self.before.as_ref().is_some_and(|v| v.nodes.contains(row));
            for row in view.nodes.iter().filter(|row| !before(row)) {
                let _ = writeln!(text, "{}", line(row));
            }
        }
        self.before = Some(view.clone());
        print(&text)
    }
}

/// A view in a line of JSON.
fn to_line(view: &impl Serialize) -> String {
    // Maps with non-string keys are what JSON cannot hold; there are none.
    serde_json::to_string(view).unwrap_or_default() + "\n"
}

/// A node in one line.
fn line(row: &Row) -> String {
    // What hinders us comes with the node's own message in its place.
    let why = if row.message.is_empty() { String::new() } else { format!(" ({})", row.message) };
    let told = match (&row.told_by, row.reachable) {
        (Some(by), _) => format!("does not answer{why}; reported by {by}"),
        (None, false) => format!("does not answer{why}"),
        (None, true) => String::new(),
    };
    let since = row.since.as_deref().unwrap_or_default();
    let message = if row.reachable { row.message.as_str() } else { "" };
    let words = [since, told.as_str(), message].into_iter().filter(|w| !w.is_empty());
    let rest = words.collect::<Vec<_>>().join("  ");
    let line = format!("{:<14} {:<8} {:<14} {rest}", row.node, row.state.as_str(), row.step);
    line.trim_end().to_owned()
}
