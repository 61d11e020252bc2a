//! RabbitMQ, over which OpenStack's services talk to each other. Some of them go on calling
//! themselves up without it, so it is asked itself: by the first exchange of AMQP 0-9-1
//! (its specification, 2.2.4 and 4.2.2), for which no password is needed. That messages get
//! through is shown by the heartbeats of nova-compute and of neutron's agents, which use it.

use super::session::LIMIT;
use crate::host::Host;
use crate::services::answer_file::AnswerFile;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Its port, and the one with TLS.
const PORTS: (u16, u16) = (5672, 5671);
/// What a client says first: the protocol and its version.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// How much of the answer is looked at: a frame's head, class and method.
const LENGTH: u64 = 11;

/// Whether it answers at the host of the answer file, else on `controller`.
pub(super) fn ask(
    host: &Host,
    answers: &AnswerFile,
    controller: Ipv4Addr,
) -> Result<String, String> {
    let address = answers.get("CONFIG_AMQP_HOST").and_then(|text| text.parse().ok());
    let address = address.unwrap_or(controller);
    if answers.get("CONFIG_AMQP_ENABLE_SSL").as_deref() == Some("y") {
        let to = SocketAddrV4::new(address, PORTS.1);
        host.runner().reach(to, LIMIT).map_err(|error| describe_silence(to, &error))?;
        return Ok(format!("accepts connections at {to} (TLS, not looked into)"));
    }
    greet(host, SocketAddrV4::new(address, PORTS.0))
}

/// Begins a connection.
pub(super) fn greet(host: &Host, to: SocketAddrV4) -> Result<String, String> {
    let answer = host.runner().exchange(to, HEADER, LENGTH);
    match answer.map_err(|error| describe_silence(to, &error))?[..] {
        // A method's frame on channel 0, its length, and Connection.Start.
        [1, 0, 0, _, _, _, _, 0, 10, 0, 10] => Ok(format!("begins a connection at {to}")),
        [] => Err(format!("RabbitMQ does not answer at {to}: it closes the connection")),
        _ => Err(format!("what answers at {to} is not RabbitMQ (AMQP 0-9-1)")),
    }
}

fn describe_silence(to: SocketAddrV4, error: &io::Error) -> String {
    format!("RabbitMQ does not answer at {to}: {error}")
}
