//! The names of a history, and the small numbers that the model has for them.

use std::collections::BTreeMap;

use crate::state::{Fid, Host, Key, Op, Record, Request};

/// Names of operations, keys, fulfillments, hosts and epochs. Each has the same number throughout.
#[derive(Clone, Debug, Default)]
pub struct Names {
    ops: BTreeMap<String, Op>,
    keys: BTreeMap<String, Key>,
    fulfillments: BTreeMap<String, Fid>,
    hosts: BTreeMap<String, Host>,
    /// In their order.
    epochs: Vec<u64>,
}

impl Names {
    /// An operation.
    pub fn op(&mut self, name: &str) -> Op {
        let next = Op::new(0, u16::try_from(self.ops.len()).unwrap_or(Op::NUMBERS));
        *self.ops.entry(name.to_owned()).or_insert(next)
    }

    /// A device key that an operation brings.
    pub fn brought(&mut self, key: &str, by: Op) -> Key {
        *self.keys.entry(key.to_owned()).or_insert(by)
    }

    /// A device key. One that no operation has brought is a stranger's.
    pub fn key(&mut self, name: &str) -> Key {
        let next = Op::new(Op::OUTSIDE, u16::try_from(self.keys.len()).unwrap_or(Op::NUMBERS));
        *self.keys.entry(name.to_owned()).or_insert(next)
    }

    /// A fulfillment; where it is not known, the one that a grant to this operation has made.
    pub fn granted(&mut self, name: &str, to: Op, epoch: u8) -> Fid {
        *self.fulfillments.entry(name.to_owned()).or_insert(Fid { op: to, epoch })
    }

    /// A fulfillment; one that no grant has made is nobody's.
    pub fn fulfillment(&mut self, name: &str) -> Fid {
        let next = u16::try_from(self.fulfillments.len()).unwrap_or(Op::NUMBERS);
        let nobody = Fid { op: Op::new(Op::OUTSIDE, next), epoch: 0 };
        *self.fulfillments.entry(name.to_owned()).or_insert(nobody)
    }

    /// A host.
    pub fn host(&mut self, name: &str) -> Host {
        let next = Host::try_from(self.hosts.len()).unwrap_or(Host::MAX);
        *self.hosts.entry(name.to_owned()).or_insert(next)
    }

    /// The portal's epoch: the first is 1, each later one more.
    pub fn epoch(&mut self, epoch: u64) -> u8 {
        if !self.epochs.contains(&epoch) {
            self.epochs.push(epoch);
            self.epochs.sort_unstable();
        }
        let before = self.epochs.iter().filter(|known| **known < epoch).count();
        u8::try_from(before + 1).unwrap_or(u8::MAX)
    }
}

/// A request with another host's evidence.
pub(super) const fn from_host(request: Request, host: Host) -> Request {
    Request { host, ..request }
}

/// A request whose record was issued to another host.
pub(super) fn shown_as_of(request: Request, host: Host) -> Request {
    let record = request.record.map(|record| Record { host, ..record });
    Request { record, ..request }
}
