//! Ports of the lab network that a process outside of it listens at: it answers the nodes there, and
//! asks web servers over this machine's own network.

use super::setup::ARGUMENT;
use crate::base::error::{Context, Error, Result};
use crate::base::programs;
use crate::lab::serve;
use crate::lab::vm::process::Process;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Most listeners that are handed over at once (Linux has 253).
const MOST: usize = 16;

/// Listens at addresses of the network that `keeper` holds, or of this machine's own.
///
/// # Errors
/// An environment error when nobody may listen there.
pub fn listen(keeper: Option<&Process>, addresses: &[SocketAddrV4]) -> Result<Vec<TcpListener>> {
    let Some(Process { pid, started, boot }) = keeper else {
        return addresses.iter().map(|address| serve::bind(SocketAddr::V4(*address))).collect();
    };
    let what = || "cannot listen on the lab network".to_owned();
    let mut all = Vec::new();
    for addresses in addresses.chunks(MOST) {
        let (ours, theirs) = UnixStream::pair().or_environment(what)?;
        let mut command = programs::this_program();
        command.args([ARGUMENT, "listen", &pid.to_string(), &started.to_string(), boot]);
        command.args(addresses.iter().map(SocketAddrV4::to_string));
        command.stdin(OwnedFd::from(theirs));
        programs::run(&mut command).map_err(|e| Error::environment(e.to_string()))?;
        all.append(&mut receive(&ours).or_environment(what)?);
    }
    Ok(all)
}

/// Inside the lab network: listens and hands the listeners over at standard input, a socket.
///
/// # Errors
/// When nobody may listen there, or standard input is not a socket.
pub(super) fn hand_over(addresses: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    let bind = |address: &&str| Ok(serve::bind(address.parse()?).map_err(|e| e.message)?);
    let listeners: Vec<TcpListener> =
        addresses.iter().map(bind).collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let listeners: Vec<BorrowedFd> = listeners.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    if !message.push(SendAncillaryMessage::ScmRights(&listeners)) {
        return Err("too many addresses".into());
    }
    sendmsg(io::stdin(), &[IoSlice::new(b"!")], &mut message, SendFlags::empty())?;
    Ok(())
}

/// The listeners that were handed over at the other end of a socket.
fn receive(from: &UnixStream) -> io::Result<Vec<TcpListener>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut message, RecvFlags::CMSG_CLOEXEC)?;
    let rights = message.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(rights.flatten().map(TcpListener::from).collect())
}
