//! Inside the lab network: the keeper, and the pipe that ssh goes through.

use super::listeners;
use super::namespace::Namespace;
use super::setup::{BRIDGE, RepositorySetup, Setup};
use crate::base::private;
use crate::base::programs::{self, IP, ProgramError};
use crate::lab::serve::{self, Server};
use crate::lab::vm::daemon;
use crate::lab::vm::process::Process;
use crate::packages::cache::CacheDirectory;
use crate::packages::media::Network;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::Arc;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// What `imgbuild __lab …` does: `keep` holds a network, `serve` serves repositories,
/// `listen PID START BOOT ADDRESS:PORT…` hands over listeners in it,
/// `connect PID START BOOT ADDRESS PORT` joins standard input and output with a TCP port in it,
/// `connect-here ADDRESS PORT` with one of this machine's own network.
pub fn main(arguments: &[String]) -> ! {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["keep"] => keep(),
        ["serve"] => serve_repositories(),
        ["listen", pid, started, boot, addresses @ ..] => {
            enter(pid, started, boot).and_then(|()| listeners::hand_over(addresses))
        }
        ["connect", pid, started, boot, address, port] => {
            enter(pid, started, boot).and_then(|()| connect(address, port))
        }
        ["connect-here", address, port] => connect(address, port),
        _ => Err("this argument is for imgbuild itself".into()),
    };
    if let Err(e) = result {
        let _ = writeln!(io::stderr(), "{e}");
        process::exit(3);
    }
    process::exit(0)
}

fn keep() -> Result<()> {
    let setup: Setup = daemon::read_setup()?;
    enter_new().map_err(|e| format!("no namespace: {e}"))?;
    run_ip(&["link", "set", "lo", "up"])?;
    run_ip(&["link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"])?;
    for address in &setup.addresses {
        run_ip(&["address", "add", address, "dev", BRIDGE])?;
    }
    run_ip(&["link", "set", BRIDGE, "up"])?;
    let time = setup.chronyd.as_ref().map(|chronyd| serve_time(chronyd, &setup)).transpose()?;
    daemon::be_ready()?;
    if let Some(mut time) = time {
        let status = time.wait()?;
        let _ = writeln!(io::stderr(), "the time server ended: {status}");
    }
    loop {
        nix::unistd::pause();
    }
}

/// Serves until a signal ends it.
fn serve_repositories() -> Result<()> {
    let setup: RepositorySetup = daemon::read_setup()?;
    // What to do about an error is for the user's command to say.
    let (server, listeners) = prepare(&setup).map_err(|e| e.message)?;
    daemon::be_ready()?;
    server.run(&listeners, &|| false);
    Ok(())
}

fn prepare(setup: &RepositorySetup) -> crate::base::error::Result<(Server, Vec<TcpListener>)> {
    let cache = Arc::new(CacheDirectory::new(&setup.cache));
    let network = Network { cache, offline: false };
    let open = |place| serve::open(place, &network);
    let repositories = setup.places.iter().map(open).collect::<Result<_, _>>()?;
    let listeners = listeners::listen(setup.keeper.as_ref(), &setup.listen)?;
    Ok((Server::new(repositories)?, listeners))
}

/// A network namespace; without root, in a user namespace in which we are root.
fn enter_new() -> Result<()> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if user.is_root() {
        return Ok(unshare(CloneFlags::CLONE_NEWNET)?);
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    Ok(())
}

fn run_ip(arguments: &[&str]) -> Result<()> {
    let name = IP.name;
    match programs::run(IP.command().args(arguments).stdin(Stdio::null())) {
        Ok(_) => Ok(()),
        Err(ProgramError::Start(e)) => {
            Err(format!("cannot run `{name}`: {e} ({})", IP.packages()).into())
        }
        Err(ProgramError::Failed { message, .. }) => {
            Err(format!("{name} {}: {message}", arguments.join(" ")).into())
        }
    }
}

/// chronyd as the lab's time server; `-x`: it leaves the clock alone. It ends with us.
fn serve_time(chronyd: &Path, setup: &Setup) -> Result<process::Child> {
    let directory = setup.directory.join("chrony");
    private::own_dir(&directory)?;
    let pid = directory.join("pid");
    let _ = fs::remove_file(&pid);
    let conf = directory.join("chrony.conf");
    let text = format!(
        "local stratum 3\nallow {}\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
        setup.network,
        pid.display()
    );
    fs::write(&conf, text)?;
    let mut command = programs::command(chronyd);
    command.args(["-x", "-d", "-u", "root", "-f"]).arg(&conf);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: prctl is a plain system call.
    unsafe {
        command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
    }
    command.spawn().map_err(|e| format!("{}: {e}", chronyd.display()).into())
}

/// Moves this process into the keeper's network.
fn enter(pid: &str, started: &str, boot: &str) -> Result<()> {
    let keeper = Process { pid: pid.parse()?, started: started.parse()?, boot: boot.to_owned() };
    let namespace = Namespace::of(Some(&keeper)).map_err(|e| e.to_string())?;
    Ok(namespace.enter().map_err(|e| format!("cannot enter the lab network: {e}"))?)
}

/// Joins standard input and output with a port, for ssh's ProxyCommand and for forwards.
fn connect(address: &str, port: &str) -> Result<()> {
    let address: Ipv4Addr = address.parse()?;
    let stream = TcpStream::connect((address, port.parse()?))
        .map_err(|e| format!("{address} does not answer at port {port}: {e}"))?;
    let mut to = stream.try_clone()?;
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut from = stream;
    let mut out = io::stdout();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..n])?;
        out.flush()?;
    }
}
