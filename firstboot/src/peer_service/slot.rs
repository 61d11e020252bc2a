//! The place of one connection.

use super::shared::SharedService;
use std::rc::Rc;

/// The place of one connection, given back when it is dropped.
pub(super) struct ConnectionSlot {
    service: Rc<SharedService>,
    number: u64,
}

impl ConnectionSlot {
    /// The place of the `number`th connection of `service`.
    pub fn new(service: Rc<SharedService>, number: u64) -> ConnectionSlot {
        ConnectionSlot { service, number }
    }

    /// The connection's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// From now on it is never closed for another: the other side has the lab's certificate.
    pub fn mark_authenticated(&self) {
        self.service.connections.borrow_mut().mark_authenticated(self.number);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.service.connections.borrow_mut().remove(self.number);
    }
}
