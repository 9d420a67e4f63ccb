//! The promise, judged from outside: by the portal's tables, by what the status of every living
//! process says, and by what only the simulation knows, which is who did what to whom.
//!
//! | file | when | what |
//! |---|---|---|
//! | `books` | after each transaction | the ledger: the columns are the sums of what they stand for |
//! | `seats` | after each transaction and event | no right without its seat |
//! | `trust` | after each event and call | no honest machine is accused, no good answer leaves it without rights |
//! | `agreement` | after each event | machine and portal agree, or an operation is pending that explains it |
//! | `drain` | at the end | with faults off, everything is finished, returned and free |

mod agreement;
mod books;
mod drain;
mod seats;
mod store;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lm_protocol::file::Answers;
use lm_protocol::{Answer, Operation, Record, Reply, Request, Verdict};

pub use books::{Books, CoolingRow, EntitlementRow, HeldRow, IdRow};
pub use store::Entry;
pub(crate) use store::examine;
pub(crate) use trust::{HONEST, state_label};

use crate::history::Happened;
use crate::locked;
use crate::machine::{Place, Process};
use crate::peek;
use crate::wire::Sent;
use crate::world::World;

/// What the judgment knows and no part of the system does.
#[derive(Default)]
pub(crate) struct Judge {
    /// The portal's tables, as of its last transaction.
    pub(crate) books: Books,
    /// Of each host and activation ID.
    accounts: BTreeMap<(usize, String), Account>,
    /// Hosts at which a store was lost, restored or copied, or is one of two.
    disturbed: BTreeSet<usize>,
    /// Hosts of which several copies may work.
    copied: BTreeSet<usize>,
    /// Whose a fulfillment is.
    owners: BTreeMap<String, usize>,
    /// The host behind a host ID.
    hosts: BTreeMap<String, usize>,
    /// Places whose own store was lost, restored, copied or replaced.
    tampered: BTreeSet<Place>,
    /// Machines whose clock went further than honest ones go, at some time.
    unsteady: BTreeSet<usize>,
    /// Rises with every call, so that one can see whether others came between.
    calls: BTreeMap<Place, u64>,
    /// A backup of the portal is there.
    pub(crate) backed_up: bool,
    /// One was restored: what the portal has forgotten, only the machines know.
    restored: bool,
    /// Rises with what people do at the portal.
    pub(crate) acts: u64,
    stores: BTreeMap<Place, store::Seen>,
}

/// How old a grant may be, in seconds, and still promise that its machine works.
const FRESH: i64 = 60;

/// A host and an activation ID.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// The latest reach of any record ever signed for it; `i64::MAX`: without bound.
    reach: i64,
    /// Until then copies without a seat are to be expected, by the portal's clock.
    excused: Option<i64>,
}

impl Judge {
    /// A store of this host was lost, restored or copied, or is one of two.
    pub(crate) fn disturb(&mut self, host: usize) {
        self.disturbed.insert(host);
    }

    /// As above, and an older copy may work until its reach.
    pub(crate) fn copied(&mut self, host: usize) {
        self.disturb(host);
        self.copied.insert(host);
        for ((owner, _), account) in &mut self.accounts {
            if *owner == host {
                account.excused = Some(account.reach);
            }
        }
    }

    pub(crate) fn tamper(&mut self, place: Place) {
        self.tampered.insert(place);
    }

    pub(crate) fn is_tampered(&self, place: Place) -> bool {
        self.tampered.contains(&place)
    }

    pub(crate) fn is_disturbed(&self, host: usize) -> bool {
        self.disturbed.contains(&host)
    }

    /// A host has removed what it may hold of an activation ID.
    pub(crate) fn forgot(&mut self, host: usize, id: &str) {
        let held = self
            .books
            .live
            .iter()
            .any(|held| held.id == id && self.owners.get(&held.fulfillment) == Some(&host));
        if held {
            self.disturb(host);
        }
    }

    pub(crate) fn unsteady(&mut self, machine: usize) {
        self.unsteady.insert(machine);
    }

    pub(crate) fn is_steady(&self, machine: usize) -> bool {
        !self.unsteady.contains(&machine)
    }

    pub(crate) fn knows_host(&mut self, host_id: &str, host: usize) {
        self.hosts.insert(host_id.to_owned(), host);
    }

    /// In the name of which host a request asks.
    pub(crate) fn host(&self, request: &Request) -> Option<usize> {
        self.hosts.get(&request.host.host_id()).copied()
    }

    /// People have ended what a fulfillment's machine may still use until its reach.
    pub(crate) fn ended(&mut self, fulfillment: &str, id: &str) {
        self.acts += 1;
        if let Some(host) = self.owners.get(fulfillment) {
            let account = self.accounts.entry((*host, id.to_owned())).or_default();
            account.excused = Some(account.reach);
        }
    }

    pub(crate) fn portal_restored(&mut self) {
        self.restored = true;
        self.acts += 1;
    }

    /// Another call works on this place.
    pub(crate) fn called(&mut self, place: Place) -> u64 {
        let calls = self.calls.entry(place).or_default();
        *calls += 1;
        *calls
    }

    pub(crate) fn owner(&self, fulfillment: &str) -> Option<usize> {
        self.owners.get(fulfillment).copied()
    }

    fn signed(&mut self, host: usize, record: &Record) {
        self.owners.entry(record.fulfillment_id.clone()).or_insert(host);
        let owner = self.owner(&record.fulfillment_id).unwrap_or(host);
        let copied = self.copied.contains(&owner);
        let account = self.accounts.entry((owner, record.activation_id.to_string())).or_default();
        account.reach = account.reach.max(record.reach().unwrap_or(i64::MAX));
        if copied || account.excused.is_some() {
            account.excused = Some(account.reach);
        }
    }

    /// A repair was charged: from now on an older copy may work until its reach.
    fn repaired(&mut self, host: usize, id: &str) {
        let account = self.accounts.entry((host, id.to_owned())).or_default();
        account.excused = Some(account.reach);
    }
}

impl World {
    /// A request leaves a machine.
    pub(crate) fn judge_sending(&self, process: &Process, sent: &Sent) {
        let state = state_label(process, &sent.request.activation_id.to_string());
        *locked(&process.asked_in) = state;
    }

    /// An answer is handed to a machine.
    pub(crate) fn judge_answer(&self, process: &Process, sent: &Sent, body: &[u8]) {
        let answer = Reply::parse(body).ok().and_then(|r| peek::payload::<Answer>(&r.answer));
        let Some(answer) = answer else { return };
        let place = process.place;
        self.note(|| Happened::Received { place, answer: Box::new(answer.clone()) });
        let to_another = answer.op != sent.request.op;
        let answered = if to_another { "another's answer" } else { answer_label(&answer) };
        let state = locked(&process.asked_in).clone();
        locked(&self.cover).exchange(message_label(&sent.request), answered, &state);
        let first = locked(&self.wire).first_answered(answer.op);
        let fresh = first.is_some_and(|first| self.portal_time() - first <= FRESH);
        if !to_another {
            let granted = fresh && matches!(answer.verdict, Verdict::Granted { .. });
            let id = sent.request.activation_id.to_string();
            *locked(&process.granted) = granted.then_some(id);
        }
    }

    /// In which states the records are that a response file is about, before it is applied.
    pub(crate) fn file_states(&self, process: &Process, parts: &[Answers]) -> Vec<String> {
        let answers = parts.iter().flat_map(|part| &part.answers);
        let answers = answers.filter_map(|entry| peek::payload::<Answer>(&entry.answer));
        let state = |answer: Answer| {
            let state = state_label(process, &answer.activation_id.to_string());
            let place = process.place;
            self.note(|| Happened::Received { place, answer: Box::new(answer) });
            state
        };
        answers.map(state).collect()
    }

    /// A response file was taken.
    pub(crate) fn judge_applied(&self, process: &Process, parts: &[Answers], states: &[String]) {
        let answers = parts.iter().flat_map(|part| &part.answers);
        let answers = answers.filter_map(|entry| peek::payload::<Answer>(&entry.answer));
        for (answer, state) in answers.zip(states) {
            if self.is_of_host(process, &answer) {
                locked(&self.cover).exchange("response file", answer_label(&answer), state);
            }
        }
    }

    fn is_of_host(&self, process: &Process, answer: &Answer) -> bool {
        let host = locked(&self.judge).hosts.get(&answer.host_id).copied();
        host == Some(self.host_of(process.place.machine))
    }

    /// The portal has committed a transaction.
    pub(crate) fn judge_portal(self: &Arc<Self>, answered: Option<(usize, &Answer)>) {
        if let Some((host, Answer { verdict: Verdict::Granted { record }, .. })) = answered
            && let Some(record) = peek::payload(record)
        {
            locked(&self.judge).signed(host, &record);
        }
        self.judge_books();
        self.judge_seats();
    }

    /// The portal has committed an answer.
    pub(crate) fn judge_answered(
        self: &Arc<Self>,
        now: i64,
        host: usize,
        request: &Request,
        answer: &Answer,
    ) {
        self.judge_portal(Some((host, answer)));
        self.note(|| Happened::Answered {
            now,
            host,
            request: Box::new(request.clone()),
            answer: Box::new(answer.clone()),
            ledger: Box::new(locked(&self.judge).books.clone()),
        });
    }

    /// Nothing is under way.
    pub(crate) fn judge_quiet(self: &Arc<Self>) {
        self.judge_seats();
        self.judge_trust();
        self.judge_seats_in_use();
        self.judge_agreement();
        self.places().into_iter().for_each(|place| self.note_store(place));
    }

    /// What a place's store holds now.
    pub(crate) fn note_store(self: &Arc<Self>, place: Place) {
        if !self.is_noted() {
            return;
        }
        let Some(store) = examine(self, place) else { return };
        let (host, entries) = (self.host_of(place.machine), Arc::clone(&store.entries));
        self.note(|| Happened::Store { place, host, entries });
    }
}

/// What was asked, for the counts.
pub(crate) fn message_label(request: &Request) -> &'static str {
    match (&request.operation, &request.record) {
        (Operation::Activate { .. }, None) => "activate",
        (Operation::Activate { .. }, Some(_)) => "re-attach",
        (Operation::MoreSeats { .. }, _) => "more seats",
        (Operation::Abandon { .. }, _) => "abandon",
        (Operation::Return { seats: 0, .. }, _) => "return all",
        (Operation::Return { .. }, _) => "return some",
        (Operation::Refresh { .. }, _) => "refresh",
        (Operation::Repair { .. }, _) => "repair",
    }
}

/// What was answered, for the counts.
pub(crate) fn answer_label(answer: &Answer) -> &'static str {
    use lm_protocol::{ObsoleteReason as O, Refusal as R};
    match &answer.verdict {
        Verdict::Granted { .. } => "granted",
        Verdict::Returned => "returned",
        Verdict::Abandoned => "abandoned",
        Verdict::Stale => "stale",
        Verdict::Obsolete { reason } => match reason {
            O::Retired => "obsolete: retired",
            O::Rehosted => "obsolete: re-hosted",
            O::Returned => "obsolete: returned",
            O::Reclaimed => "obsolete: reclaimed",
            O::HeldElsewhere => "obsolete: held elsewhere",
        },
        Verdict::Denied { refusal, .. } => match refusal {
            R::IdUnknown => "denied: unknown ID",
            R::IdInactive => "denied: Inactive",
            R::NoSeats => "denied: no seats",
            R::WrongProduct => "denied: wrong product",
            R::WrongKind => "denied: wrong kind",
            R::Expired => "denied: expired",
            R::NotYetValid => "denied: not yet valid",
            R::HostRefused => "denied: host refused",
            R::HostMismatch => "denied: another host",
            R::ReturnLimit => "denied: return limit",
            R::RehostLimit => "denied: re-host limit",
            R::RepairLimit => "denied: repair limit",
            R::OfflineRefused => "denied: offline",
            R::Abandoned => "denied: abandoned",
            R::PortalRestored => "denied: portal restored",
            R::TooManySeats => "denied: too many seats",
        },
    }
}
