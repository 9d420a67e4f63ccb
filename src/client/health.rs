//! The report on the health of this machine's licenses. What is found is gathered here; what it
//! means is judged in [`crate::policy::health`].

use lm_protocol::{Evidence, TimeStatement};

use super::exchange::{Call, Wish, hinted_for_the_network, reply_of};
use super::{Client, entry};
use crate::error::{Code, Error, Result};
use crate::policy::health::{self, Access, Finding, Via};
use crate::policy::{Facts, Status, evaluate};
use crate::ports::{Progress, Step};
use crate::storage::Reading;

/// One license, as it was last seen.
struct Seen {
    activation_id: String,
    status: Status,
    contacted_at: i64,
    /// What the record knows of its machine.
    host: Option<Evidence>,
    /// How far the clock may stand behind; `None`: it matters nothing.
    tolerance: Option<i64>,
}

/// Everything that can be told without changing anything. `ask_portal`: the way to the portal, too.
pub(super) fn health(client: &Client, ask_portal: bool) -> Result<Vec<Finding>> {
    let mut findings = match client.storage.read_within(client.lock_wait()) {
        Ok(reading) => stored(client, &reading),
        Err(error) => vec![health::closed(&error)],
    };
    findings.push(health::evidence(&client.host, &client.host_id));
    // What can't be read now was said above.
    let _ = client.look_now();
    let seen = client.licenses_seen();
    let now = client.now_seen();
    for license in &seen {
        if let Some(host) = &license.host {
            findings.push(health::score(&license.activation_id, host, &client.host));
        }
        findings.push(health::license(
            &license.activation_id,
            &license.status,
            license.contacted_at,
            now.time(),
        ));
    }
    findings.push(health::clock(&now, seen.iter().filter_map(|license| license.tolerance).min()));
    if ask_portal {
        findings.extend(reach(client)?);
    }
    Ok(findings)
}

fn stored(client: &Client, reading: &Reading) -> Vec<Finding> {
    let access = Access {
        directory: client.storage.directory().display().to_string(),
        in_memory: client.storage.is_in_memory(),
        closed: client.storage.check_may_change().err(),
        free: client.storage.free_space(),
    };
    health::store(reading, &access)
}

/// Asks the portal who it is. [`Code::Cancelled`] where another thread ended it; every other failure
/// is a finding.
fn reach(client: &Client) -> Result<Vec<Finding>> {
    let progress = Progress::default();
    let call = client.call(Wish::Person);
    let answered = greet(client, &call, &progress).map_err(hinted_for_the_network);
    call.cancel.check()?;
    let address = client.portal_url.as_deref().unwrap_or_default();
    let via = match (client.own_transport, address.starts_with("https://")) {
        (false, _) => Via::Host,
        (true, true) => Via::Https,
        (true, false) => Via::Http,
    };
    let reached = if answered.is_ok() { Step::Answered } else { progress.step() };
    let mut findings = health::portal(address, via, reached, answered.as_ref().err());
    if let Ok(time) = answered {
        findings.push(health::portal_time(client.ports.clock.wall(), time));
    }
    Ok(findings)
}

/// The portal's time, its signature verified.
fn greet(client: &Client, call: &Call, progress: &Progress) -> Result<i64> {
    let (nonce, response) = client.post("", call, progress)?;
    let reply = reply_of(&response)?;
    let statement = client.keyring_with(&reply.keyset)?.verify::<TimeStatement>(&reply.time)?;
    if statement.nonce == nonce {
        Ok(statement.time)
    } else {
        Err(Error::from_code(Code::Mismatch))
    }
}

impl Client {
    fn licenses_seen(&self) -> Vec<Seen> {
        let now = self.now_seen();
        self.with_seen(|entry, record| {
            let facts = entry::facts(entry, record, &self.holder, &self.host);
            Seen {
                activation_id: entry.activation_id.to_string(),
                status: evaluate(&facts, &now),
                contacted_at: entry.contacted_at,
                host: record.map(|record| record.host.clone()),
                tolerance: tolerance(&facts),
            }
        })
    }
}

fn tolerance(facts: &Facts) -> Option<i64> {
    (facts.has_record && facts.expires()).then_some(facts.clock_tolerance)
}
