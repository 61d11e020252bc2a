//! Which connections may be open at once, and which one gives way when there are too many:
//! every host that reaches the port can open any number of them and send nothing.
//!
//! 1. An address has at most [`PER_ADDRESS`] of them.
//! 2. The lab's addresses (its nodes, its gateway) share [`LAB`]; all others share
//!    [`STRANGERS`], so that strangers never take the lab's places, however many addresses
//!    they have. Both are less where few files may be open, so that there is always one to
//!    answer with.
//! 3. When no place is left, the oldest connection among those that share it which
//!    has not shown a certificate of the lab is closed. If all have, the new one is.

use contract::spec::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::task::AbortHandle;

/// Connections of one address: a node opens one after the other, and a user's machine may
/// have several programs that ask.
const PER_ADDRESS: usize = 8;
/// Connections of the lab's addresses together, and not more than a quarter of the files that
/// may be open. Local users have the node's own address: it has half of them at most.
const LAB: usize = 256;
/// Connections of all other addresses together, and not more than a sixteenth of the files
/// that may be open.
const STRANGERS: usize = 64;

/// How long a handshake with a node may take; one that boots in an emulator is slow.
const LAB_HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a handshake with anyone else may take.
const STRANGERS_HANDSHAKE: Duration = Duration::from_secs(3);

/// The connections that are open.
pub(super) struct Connections {
    own: Ipv4Addr,
    lab: BTreeSet<Ipv4Addr>,
    max_of_lab: usize,
    max_of_strangers: usize,
    /// By number, which is by age.
    open: BTreeMap<u64, Open>,
}

struct Open {
    from: Ipv4Addr,
    authenticated: bool,
    task: AbortHandle,
}

/// What a new connection finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Free,
    /// The connection of this number gives way.
    InsteadOf(u64),
    Full,
}

impl Connections {
    /// None yet, on the node of `spec` in a process that may have `files` open.
    pub fn new(spec: &Spec, files: usize) -> Connections {
        let nodes = spec.hosts.iter().map(|host| host.address);
        let lab = nodes.chain([spec.network.gateway]).collect();
        Connections {
            own: spec.node.address,
            lab,
            max_of_lab: LAB.min(files / 4),
            max_of_strangers: STRANGERS.min(files / 16),
            open: BTreeMap::new(),
        }
    }

    /// How long a handshake with `from` may take.
    pub fn handshake_limit(&self, from: Ipv4Addr) -> Duration {
        if self.known(from) { LAB_HANDSHAKE } else { STRANGERS_HANDSHAKE }
    }

    /// Makes room for a connection from `from`; whose had to be closed for it, if one had.
    ///
    /// # Errors
    /// When there is no room and none may be closed.
    pub fn make_room(&mut self, from: Ipv4Addr) -> Result<Option<Ipv4Addr>, ()> {
        match self.room(from) {
            Room::Free => Ok(None),
            Room::InsteadOf(number) => Ok(self.close(number)),
            Room::Full => Err(()),
        }
    }

    /// Closes one connection, as there are too few descriptors: whose, if one may be closed.
    pub fn close_oldest(&mut self) -> Option<Ipv4Addr> {
        let oldest = |known| self.oldest(|one| self.known(one.from) == known);
        let number = oldest(false).or_else(|| oldest(true))?;
        self.close(number)
    }

    /// Adds the `number`th connection, which `task` serves.
    pub fn add(&mut self, number: u64, from: Ipv4Addr, task: AbortHandle) {
        self.open.insert(number, Open { from, authenticated: false, task });
    }

    /// From now on the `number`th connection is never closed for another.
    pub fn mark_authenticated(&mut self, number: u64) {
        if let Some(connection) = self.open.get_mut(&number) {
            connection.authenticated = true;
        }
    }

    /// Forgets the `number`th connection, which has ended.
    pub fn remove(&mut self, number: u64) {
        self.open.remove(&number);
    }

    fn room(&self, from: Ipv4Addr) -> Room {
        let own = self.is_own(from);
        let alike = |one: &Open| one.from == from || own && self.is_own(one.from);
        if self.count(alike) >= if own { self.max_of_lab / 2 } else { PER_ADDRESS } {
            return self.oldest(alike).map_or(Room::Full, Room::InsteadOf);
        }
        let known = self.known(from);
        let shares = |one: &Open| self.known(one.from) == known;
        if self.count(shares) >= if known { self.max_of_lab } else { self.max_of_strangers } {
            return self.oldest(shares).map_or(Room::Full, Room::InsteadOf);
        }
        Room::Free
    }

    fn is_own(&self, address: Ipv4Addr) -> bool {
        address == self.own || address.is_loopback()
    }

    fn known(&self, address: Ipv4Addr) -> bool {
        self.is_own(address) || self.lab.contains(&address)
    }

    fn count(&self, which: impl Fn(&Open) -> bool) -> usize {
        self.open.values().filter(|one| which(one)).count()
    }

    /// The oldest connection of these that is not authenticated.
    fn oldest(&self, which: impl Fn(&Open) -> bool) -> Option<u64> {
        let mut open = self.open.iter();
        open.find(|(_, one)| !one.authenticated && which(one)).map(|(number, _)| *number)
    }

    fn close(&mut self, number: u64) -> Option<Ipv4Addr> {
        let closed = self.open.remove(&number)?;
        closed.task.abort();
        Some(closed.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    const NODE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);
    const OTHER_NODE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 12);
    const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 254);

    fn stranger(number: usize) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 168, 2, 1)) + number as u32)
    }

    /// Runs `body` on the connections of the example's controller, 192.168.1.10.
    fn with(body: impl FnOnce(&mut Lab)) {
        let spec = Spec::parse(include_str!("../../examples/controller.spec.toml")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            body(&mut Lab { connections: Connections::new(&spec, 1024), number: 0 });
        });
    }

    struct Lab {
        connections: Connections,
        number: u64,
    }

    impl Lab {
        fn open(&mut self, from: Ipv4Addr) -> Result<Option<Ipv4Addr>, ()> {
            let closed = self.connections.make_room(from)?;
            self.number += 1;
            let task = tokio::task::spawn_local(std::future::pending::<()>());
            self.connections.add(self.number, from, task.abort_handle());
            Ok(closed)
        }

        fn authenticate(&mut self, number: u64) {
            self.connections.open.get_mut(&number).unwrap().authenticated = true;
        }
    }

    #[test]
    fn strangers_take_no_place_of_the_lab() {
        with(|lab| {
            for number in 0..STRANGERS {
                assert_eq!(lab.open(stranger(number % 200)), Ok(None));
            }
            // However many follow, they close each other's, the oldest first.
            for number in 0..1500 {
                let closed = lab.open(stranger(number % 200)).unwrap();
                assert!(closed.is_some_and(|from| from >= stranger(0) && from < stranger(200)));
            }
            assert_eq!(lab.connections.open.len(), STRANGERS);
            for from in [NODE, OTHER_NODE, GATEWAY] {
                for _ in 0..PER_ADDRESS {
                    assert_eq!(lab.open(from), Ok(None));
                }
            }
        });
    }

    #[test]
    fn one_address_closes_its_own_oldest_that_is_not_authenticated() {
        with(|lab| {
            for from in [stranger(0), NODE] {
                lab.open(OTHER_NODE).unwrap();
                let first = lab.number + 1;
                for _ in 0..PER_ADDRESS {
                    assert_eq!(lab.open(from), Ok(None));
                }
                lab.authenticate(first);
                assert_eq!(lab.open(from), Ok(Some(from)));
                assert!(lab.connections.open.contains_key(&first));
                assert!(!lab.connections.open.contains_key(&(first + 1)), "the second is closed");
                let open: Vec<u64> = lab.connections.open.keys().copied().collect();
                open.into_iter().for_each(|number| lab.authenticate(number));
                assert_eq!(lab.open(from), Err(()), "none is closed");
            }
        });
    }

    #[test]
    fn the_nodes_own_address_leaves_places_to_the_others() {
        with(|lab| {
            for from in [lab.connections.own, Ipv4Addr::LOCALHOST].repeat(LAB) {
                lab.open(from).unwrap();
            }
            assert_eq!(lab.connections.open.len(), LAB / 2);
            assert_eq!(lab.open(NODE), Ok(None));
        });
    }

    #[test]
    fn without_descriptors_strangers_go_first() {
        with(|lab| {
            lab.open(NODE).unwrap();
            lab.open(stranger(1)).unwrap();
            lab.open(OTHER_NODE).unwrap();
            lab.authenticate(3);
            assert_eq!(lab.connections.close_oldest(), Some(stranger(1)));
            assert_eq!(lab.connections.close_oldest(), Some(NODE));
            assert_eq!(lab.connections.close_oldest(), None);
        });
    }
}
