//! How many connections may be open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of all clients together: more wait to be accepted. Each may need two of the files
/// that a process may have open, of which there are 1024 by default.
const ALL: usize = 480;
/// Connections of one address: more are refused, so that others have places.
const PER_ADDRESS: usize = 64;

/// The connections that are open, by address.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of a connection, given back when dropped.
pub struct Place {
    of: Places,
    address: IpAddr,
}

impl Places {
    /// Whether another connection may be accepted at all.
    pub fn any(&self) -> bool {
        self.with(|open| open.values().sum::<usize>() < ALL)
    }

    /// A place for a connection from `address`, if that has not got too many.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        self.with(|open| {
            let count = open.entry(address).or_default();
            (*count < PER_ADDRESS).then(|| {
                *count += 1;
                Place { of: self.clone(), address }
            })
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<IpAddr, usize>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.with(|open| {
            if let Some(count) = open.get_mut(&self.address) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&self.address);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn nobody_takes_all_places() {
        let places = Places::default();
        let of = |last: u8| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let mut held: Vec<Place> = (0..PER_ADDRESS).filter_map(|_| places.take(of(1))).collect();
        assert_eq!(held.len(), PER_ADDRESS);
        assert!(places.take(of(1)).is_none() && places.any());
        held.pop();
        held.extend(places.take(of(1)));
        for last in 2.. {
            if !places.any() {
                break;
            }
            held.extend(places.take(of(last)));
        }
        assert_eq!(held.len(), ALL);
        drop(held);
        assert!(places.any() && places.with(|open| open.is_empty()));
    }
}
