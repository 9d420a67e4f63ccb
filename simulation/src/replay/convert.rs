//! Real messages, records and stores, in the model's terms.

use std::collections::BTreeSet;

use lm_model::replay::{NOBODY, Names as Known};
use lm_model::state::{
    Ask, Entry as ModelEntry, Fid, Host, NEVER, Op, Pending, Reason, Record as ModelRecord,
    Refusal as ModelRefusal, Request as ModelRequest, Time, Verdict as ModelVerdict,
};
use lm_protocol::{
    Answer, Evidence, Id, ObsoleteReason, Operation, Record, Refusal, Request, Verdict,
};
use serde_json::Value;

use crate::judge::Entry;
use crate::peek::payload;
use crate::plan::{BEGIN, DAY};

/// The model's time begins so long before the simulation's, for clocks that are far behind.
const BEFORE: i64 = 1000 * DAY;

/// A date.
pub(super) fn date(seconds: i64) -> Time {
    Time::try_from(seconds.saturating_sub(BEGIN - BEFORE).max(0))
        .map_or(NEVER - 1, |it| it.min(NEVER - 1))
}

/// A date; `None`: it never comes.
pub(super) fn end(seconds: Option<i64>) -> Time {
    seconds.map_or(NEVER, date)
}

/// A number that is small in a simulation.
pub(super) fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The names of one history.
#[derive(Default)]
pub(super) struct Names {
    known: Known,
    /// Hosts: each by an evidence that all of its evidence strictly matches, and whether it has had
    /// another one. Two that match a third strictly may not match each other.
    hosts: Vec<(Evidence, bool)>,
    /// Fulfillments of licenses whose term ends.
    ending: BTreeSet<Fid>,
}

impl Names {
    pub(super) fn epoch(&mut self, epoch: u64) -> u8 {
        self.known.epoch(epoch)
    }

    pub(super) fn op(&mut self, op: Id) -> Op {
        self.known.op(&op.to_string())
    }

    pub(super) fn fulfillment(&mut self, id: &str) -> Fid {
        self.known.fulfillment(id)
    }

    /// Whether the license of a record has a term that ends.
    pub(super) fn ends(&self, record: &ModelRecord) -> bool {
        self.ending.contains(&record.fid)
    }

    fn host(&mut self, evidence: &Evidence) -> Host {
        let at = self.hosts.iter().position(|(known, _)| known.matches_strictly(evidence));
        let at = at.unwrap_or_else(|| {
            self.hosts.push((evidence.clone(), false));
            self.hosts.len() - 1
        });
        let (known, varies) = &mut self.hosts[at];
        *varies |= known != evidence;
        Host::try_from(at).unwrap_or(Host::MAX - 1)
    }

    /// Other hosts that an evidence is like.
    pub(super) fn like(&mut self, evidence: &Evidence) -> Vec<Host> {
        let same = usize::from(self.host(evidence));
        let hosts = self.hosts.iter().enumerate();
        let like = hosts.filter(|(at, (known, _))| *at != same && known.matches(evidence));
        let stranger = self.hosts[same].1.then_some(NOBODY);
        like.filter_map(|(at, _)| Host::try_from(at).ok()).chain(stranger).collect()
    }

    pub(super) fn request(&mut self, request: &Request) -> ModelRequest {
        let op = self.op(request.op);
        let record = request.record.as_deref().and_then(payload::<Record>);
        let record = record.map(|record| self.record(&record));
        let device = request.device_key.to_string();
        let takes = matches!(request.operation, Operation::Activate { .. });
        let key = match record {
            None if takes => self.known.brought(&device, op),
            _ => self.known.key(&device),
        };
        if let Some(fresh) = request.fresh_key {
            self.known.brought(&fresh.to_string(), op);
        }
        let ask = match request.operation {
            Operation::Activate { seats } if record.is_some() => Ask::Reattach(few(seats)),
            Operation::Activate { seats } => Ask::Activate(few(seats)),
            Operation::MoreSeats { seats, .. } => Ask::More(few(seats)),
            Operation::Abandon { activate } => Ask::Abandon(self.op(activate)),
            Operation::Return { seats, .. } => Ask::Return(few(seats)),
            Operation::Refresh { .. } => Ask::Refresh,
            Operation::Repair { .. } => Ask::Repair,
        };
        ModelRequest {
            op,
            ask,
            host: self.host(&request.host),
            record,
            unanswered: request.unanswered.map(|op| self.op(op)),
            key,
            epoch: request.epoch.map(|epoch| self.epoch(epoch)),
        }
    }

    fn record(&mut self, record: &Record) -> ModelRecord {
        let fid = self.fulfillment(&record.fulfillment_id);
        if record.expires_at != 0 {
            self.ending.insert(fid);
        }
        ModelRecord {
            fid,
            generation: u8::try_from(record.generation).unwrap_or(u8::MAX),
            op: self.op(record.op),
            epoch: self.epoch(record.epoch),
            seats: few(record.seats),
            host: self.host(&record.host),
            key: self.known.key(&record.device_key.to_string()),
            until: end(record.reach()),
            apply_by: date(record.apply_by),
            untrue: false,
        }
    }

    /// `to`: what was asked, where the portal answers now and a grant may make a fulfillment.
    pub(super) fn verdict(
        &mut self,
        answer: &Answer,
        to: Option<&ModelRequest>,
    ) -> Option<ModelVerdict> {
        Some(match &answer.verdict {
            Verdict::Granted { record } => {
                let record = payload::<Record>(record)?;
                if let Some(to) = to {
                    let epoch = self.epoch(record.epoch);
                    self.known.granted(&record.fulfillment_id, to.op, epoch);
                }
                ModelVerdict::Granted(self.record(&record))
            }
            Verdict::Returned => ModelVerdict::Returned,
            Verdict::Abandoned => ModelVerdict::Abandoned,
            Verdict::Stale => ModelVerdict::Stale,
            Verdict::Denied { refusal, .. } => ModelVerdict::Denied(refused(*refusal)),
            Verdict::Obsolete { reason } => ModelVerdict::Obsolete(gone(*reason)),
        })
    }

    /// What a store holds of an activation ID.
    pub(super) fn entry(&mut self, entry: &Entry) -> Option<ModelEntry> {
        let whole = &entry.whole;
        let flag = |of: &Value, name| of.get(name).and_then(Value::as_bool).unwrap_or_default();
        let orphaned: Option<ObsoleteReason> =
            serde_json::from_value(whole.get("orphaned")?.clone()).ok()?;
        let pending = whole.get("pending").filter(|pending| !pending.is_null());
        let pending = pending.and_then(|pending| {
            let displaced = pending.get("displaced").filter(|displaced| !displaced.is_null());
            Some(Pending {
                request: self.kept(pending)?,
                displaced: displaced.and_then(|displaced| self.kept(displaced)),
                marked: flag(pending, "restored"),
            })
        });
        Some(ModelEntry {
            record: entry.record.as_ref().map(|record| self.record(record)),
            restored: flag(whole, "restored"),
            orphaned: orphaned.map(gone),
            too_late: flag(whole, "too_late"),
            pending,
            began: 0,
        })
    }

    fn kept(&mut self, pending: &Value) -> Option<ModelRequest> {
        let request = payload::<Request>(pending.get("request")?.as_str()?)?;
        Some(self.request(&request))
    }
}

fn few(seats: u32) -> u8 {
    u8::try_from(seats).unwrap_or(u8::MAX)
}

/// What the model has no name for is refused by policy there.
const fn refused(refusal: Refusal) -> ModelRefusal {
    match refusal {
        Refusal::NoSeats => ModelRefusal::NoSeats,
        Refusal::IdInactive => ModelRefusal::Inactive,
        Refusal::HostMismatch => ModelRefusal::HostMismatch,
        Refusal::RepairLimit => ModelRefusal::RepairLimit,
        Refusal::ReturnLimit => ModelRefusal::ReturnLimit,
        Refusal::Abandoned => ModelRefusal::Abandoned,
        Refusal::PortalRestored => ModelRefusal::PortalRestored,
        Refusal::TooManySeats => ModelRefusal::TooMany,
        _ => ModelRefusal::Policy,
    }
}

const fn gone(reason: ObsoleteReason) -> Reason {
    match reason {
        ObsoleteReason::Returned => Reason::Returned,
        ObsoleteReason::Retired => Reason::Retired,
        ObsoleteReason::Rehosted => Reason::Rehosted,
        ObsoleteReason::Reclaimed => Reason::Reclaimed,
        ObsoleteReason::HeldElsewhere => Reason::HeldElsewhere,
    }
}
