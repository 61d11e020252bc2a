//! Why another node does not answer, as far as its ports tell.

use crate::host::{Runner, SystemRunner};
use contract::peers::places::{PORT, UNIT};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// ssh's port.
const SSH: u16 = 22;
/// How long a port may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// So many nodes are asked at the same time.
const AT_ONCE: usize = 64;

/// The reason for each of these nodes.
pub fn find_reasons<'a>(
    silent: impl Iterator<Item = (&'a str, Ipv4Addr)>,
) -> BTreeMap<String, String> {
    let silent: Vec<(&str, Ipv4Addr)> = silent.collect();
    silent.chunks(AT_ONCE).flat_map(ask_together).collect()
}

/// The names and reasons of these nodes, each asked by a thread.
fn ask_together(nodes: &[(&str, Ipv4Addr)]) -> Vec<(String, String)> {
    let reach = |address, port| SystemRunner.reach(SocketAddrV4::new(address, port), LIMIT);
    let find = move |address| {
        let peers = reach(address, PORT);
        let ssh = reach(address, SSH);
        describe(&peers, &ssh)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = nodes
            .iter()
            .map(|(name, address)| (name, scope.spawn(move || find(*address))))
            .collect();
        let reason = |(name, thread): (&&str, ScopedJoinHandle<'_, String>)| {
            Some(((*name).to_owned(), thread.join().ok()?))
        };
        threads.into_iter().filter_map(reason).collect()
    })
}

/// What it means how the ports of the peers' service and of ssh answer.
fn describe(peers: &io::Result<()>, ssh: &io::Result<()>) -> String {
    let refuses = |answer: &io::Result<()>| {
        answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    match (peers, ssh) {
        (Ok(()), _) => format!(
            "port {PORT} answers, but no announcement of it is accepted: `firstboot logs peers` \
             here and there shows why"
        ),
        (Err(_), Ok(())) if refuses(peers) => {
            format!("it is on, but {UNIT} does not run: `systemctl status {UNIT}` on it shows why")
        }
        (Err(error), Ok(())) => {
            format!("ssh answers, but port {PORT} does not ({error}): see its firewall")
        }
        (Err(_), Err(_)) if refuses(peers) || refuses(ssh) => {
            "it is on, but neither ssh nor firstboot runs there yet: see its console".to_owned()
        }
        (Err(error), Err(_)) => format!("it is off, or its network differs ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_tell_why() {
        let answer = |kind: Option<ErrorKind>| kind.map_or(Ok(()), |kind| Err(kind.into()));
        let (up, refused) = (None, Some(ErrorKind::ConnectionRefused));
        let (late, away) = (Some(ErrorKind::TimedOut), Some(ErrorKind::HostUnreachable));
        for (peers, ssh, words) in [
            (up, up, "no announcement of it is accepted"),
            (refused, up, "firstboot-peers.service does not run"),
            (late, up, "port 7878 does not (timed out): see its firewall"),
            (refused, refused, "see its console"),
            (late, refused, "see its console"),
            (late, late, "it is off, or its network differs (timed out)"),
            (away, away, "it is off, or its network differs (host unreachable)"),
        ] {
            let text = describe(&answer(peers), &answer(ssh));
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    /// On this machine's own addresses nobody listens on these ports, or somebody does.
    #[test]
    fn each_node_gets_its_reason() {
        let nodes = [("one", Ipv4Addr::new(127, 0, 0, 41)), ("two", Ipv4Addr::new(127, 0, 0, 42))];
        let reasons = find_reasons(nodes.into_iter());
        assert_eq!(reasons.keys().collect::<Vec<_>>(), ["one", "two"]);
        assert!(reasons.values().all(|reason| !reason.contains("it is off")), "{reasons:?}");
    }
}
