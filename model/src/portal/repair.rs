//! Repair: the same fulfillment, one generation up, under the same key. Free where the record is current;
//! else only on the same host, counted.

use super::issue::{self, Grant};
use super::judge::{about, is_current};
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Refusal, Request, Verdict, World};

pub(super) fn repair(set: &Setting<'_>, world: &mut World, request: &Request) -> Verdict {
    let at = match about(set, world, request) {
        Ok(at) => at,
        Err(verdict) => return verdict,
    };
    let held = &world.portal.fulfillments[at];
    let same_host = held.host == request.host;
    let current = request.record.is_some_and(|record| is_current(set, held, request, &record));
    if same_host && current {
        set.hit(Event::FreeRepair);
    } else {
        if !same_host && set.has(Rule::StrictHost) {
            set.hit(Event::ForeignRefused);
            return Verdict::Denied(Refusal::HostMismatch);
        }
        if set.has(Rule::RepairLimit) && world.portal.repairs >= set.bounds.repair_limit {
            set.hit(Event::RepairLimit);
            return Verdict::Denied(Refusal::RepairLimit);
        }
        set.hit(Event::Repaired);
        world.charged(request);
        world.portal.repairs = (world.portal.repairs + 1).min(set.bounds.repair_limit + 1);
    }
    let grant = Grant::fresh(set, world, request, world.portal.fulfillments[at].seats);
    issue::next(set, world, request, at, grant)
}
