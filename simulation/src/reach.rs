//! What a run of ten thousand seeds must reach: what it never reaches is proven by nothing.

use crate::cover::Cover;
use crate::events;

/// Message, answer, and the states of the record in which they must have met; none: in any.
///
/// What happens so seldom that ten thousand seeds may miss it by chance isn't here: a row stands for
/// what they reach some thirty times, without states a dozen times.
type Row = (&'static str, &'static str, &'static [&'static str]);

const MUST: &[Row] = &[
    ("activate", "another's answer", &["PENDING_ACTIVATION", "ORPHANED", "UNTRUSTED HOST_CHANGED"]),
    (
        "activate",
        "denied: Inactive",
        &["PENDING_ACTIVATION", "ORPHANED", "UNTRUSTED RESTORED", "UNTRUSTED HOST_CHANGED"],
    ),
    ("activate", "denied: abandoned", &["PENDING_ACTIVATION", "PENDING_RETURN"]),
    ("activate", "denied: expired", &["PENDING_ACTIVATION"]),
    ("activate", "denied: host refused", &["PENDING_ACTIVATION"]),
    ("activate", "denied: no seats", &["PENDING_ACTIVATION", "UNTRUSTED HOST_CHANGED", "ORPHANED"]),
    ("activate", "denied: offline", &["PENDING_ACTIVATION"]),
    ("activate", "denied: portal restored", &["PENDING_ACTIVATION", "ORPHANED"]),
    ("activate", "denied: repair limit", &["PENDING_ACTIVATION"]),
    ("activate", "denied: unknown ID", &["PENDING_ACTIVATION"]),
    ("activate", "denied: wrong kind", &["PENDING_ACTIVATION"]),
    ("activate", "denied: wrong product", &["PENDING_ACTIVATION", "PENDING_RETURN"]),
    (
        "activate",
        "granted",
        &[
            "PENDING_ACTIVATION",
            "ORPHANED",
            "UNTRUSTED HOST_CHANGED",
            "UNTRUSTED RESTORED",
            "PENDING_RETURN",
            "ACTIVE",
        ],
    ),
    ("activate", "obsolete: held elsewhere", &[]),
    ("activate", "obsolete: re-hosted", &["PENDING_ACTIVATION", "ORPHANED"]),
    ("activate", "obsolete: reclaimed", &["PENDING_ACTIVATION"]),
    ("activate", "obsolete: retired", &["PENDING_ACTIVATION"]),
    ("activate", "obsolete: returned", &["PENDING_ACTIVATION"]),
    ("activate", "stale", &["PENDING_ACTIVATION"]),
    ("re-attach", "another's answer", &["EXPIRED TOO_LATE", "UNTRUSTED RESTORED"]),
    ("re-attach", "denied: Inactive", &["UNTRUSTED RESTORED"]),
    ("re-attach", "denied: expired", &["EXPIRED EXPIRED"]),
    ("re-attach", "denied: no seats", &["UNTRUSTED RESTORED", "EXPIRED TOO_LATE"]),
    ("re-attach", "denied: portal restored", &[]),
    ("re-attach", "denied: repair limit", &["UNTRUSTED RESTORED"]),
    (
        "re-attach",
        "granted",
        &["UNTRUSTED RESTORED", "EXPIRED TOO_LATE", "UNTRUSTED CLOCK", "EXPIRED EXPIRED"],
    ),
    ("re-attach", "obsolete: re-hosted", &[]),
    ("more seats", "another's answer", &["ACTIVE", "EXPIRED LEASE_OVER"]),
    ("more seats", "denied: abandoned", &[]),
    ("more seats", "denied: no seats", &["ACTIVE", "EXPIRED LEASE_OVER", "GRACE", "NOT_YET_VALID"]),
    ("more seats", "denied: portal restored", &["ACTIVE"]),
    ("more seats", "granted", &["ACTIVE", "EXPIRED LEASE_OVER", "GRACE", "NOT_YET_VALID"]),
    ("more seats", "obsolete: re-hosted", &["ACTIVE", "EXPIRED LEASE_OVER", "GRACE"]),
    ("more seats", "obsolete: reclaimed", &["EXPIRED LEASE_OVER"]),
    ("more seats", "obsolete: retired", &["ACTIVE", "EXPIRED LEASE_OVER"]),
    ("more seats", "obsolete: returned", &[]),
    ("more seats", "stale", &[]),
    ("abandon", "abandoned", &["PENDING_RETURN", "PENDING_ACTIVATION"]),
    ("abandon", "another's answer", &["PENDING_RETURN"]),
    ("abandon", "denied: portal restored", &["PENDING_RETURN"]),
    ("return some", "another's answer", &["PENDING_RETURN"]),
    ("return some", "denied: another host", &["PENDING_RETURN"]),
    ("return some", "denied: portal restored", &["PENDING_RETURN"]),
    ("return some", "denied: return limit", &[]),
    ("return some", "granted", &["PENDING_RETURN"]),
    ("return some", "obsolete: held elsewhere", &[]),
    ("return some", "obsolete: re-hosted", &["PENDING_RETURN"]),
    ("return some", "obsolete: reclaimed", &["PENDING_RETURN"]),
    ("return some", "obsolete: retired", &["PENDING_RETURN"]),
    ("return some", "obsolete: returned", &["PENDING_RETURN"]),
    ("return some", "stale", &["PENDING_RETURN"]),
    ("return all", "another's answer", &["PENDING_RETURN"]),
    ("return all", "denied: another host", &[]),
    ("return all", "denied: portal restored", &["PENDING_RETURN"]),
    ("return all", "denied: return limit", &["PENDING_RETURN"]),
    ("return all", "obsolete: held elsewhere", &["PENDING_RETURN"]),
    ("return all", "obsolete: re-hosted", &["PENDING_RETURN"]),
    ("return all", "obsolete: reclaimed", &["PENDING_RETURN"]),
    ("return all", "obsolete: retired", &["PENDING_RETURN"]),
    ("return all", "obsolete: returned", &["PENDING_RETURN"]),
    ("return all", "returned", &["PENDING_RETURN", "PENDING_ACTIVATION"]),
    ("return all", "stale", &["PENDING_RETURN"]),
    (
        "refresh",
        "another's answer",
        &["ACTIVE", "EXPIRED LEASE_OVER", "GRACE", "ORPHANED", "NOT_YET_VALID"],
    ),
    ("refresh", "denied: abandoned", &[]),
    ("refresh", "denied: another host", &["UNTRUSTED HOST_CHANGED"]),
    ("refresh", "denied: expired", &["EXPIRED EXPIRED"]),
    ("refresh", "denied: portal restored", &["ACTIVE", "EXPIRED LEASE_OVER"]),
    (
        "refresh",
        "granted",
        &[
            "ACTIVE",
            "EXPIRED LEASE_OVER",
            "GRACE",
            "EXPIRED TOO_LATE",
            "NOT_YET_VALID",
            "UNTRUSTED CLOCK",
            "UNTRUSTED RESTORED",
            "EXPIRED EXPIRED",
            "UNTRUSTED HOST_CHANGED",
        ],
    ),
    ("refresh", "obsolete: held elsewhere", &[]),
    (
        "refresh",
        "obsolete: re-hosted",
        &[
            "ACTIVE",
            "EXPIRED LEASE_OVER",
            "ORPHANED",
            "GRACE",
            "UNTRUSTED HOST_CHANGED",
            "UNTRUSTED RESTORED",
            "UNTRUSTED CLOCK",
            "NOT_YET_VALID",
            "EXPIRED EXPIRED",
        ],
    ),
    ("refresh", "obsolete: reclaimed", &["EXPIRED LEASE_OVER", "ORPHANED"]),
    ("refresh", "obsolete: retired", &["ACTIVE", "ORPHANED", "EXPIRED LEASE_OVER", "GRACE"]),
    ("refresh", "obsolete: returned", &["UNTRUSTED RESTORED", "UNTRUSTED HOST_CHANGED", "ACTIVE"]),
    ("refresh", "stale", &["UNTRUSTED HOST_CHANGED", "UNTRUSTED RESTORED"]),
    ("repair", "another's answer", &["ACTIVE", "EXPIRED LEASE_OVER"]),
    ("repair", "denied: abandoned", &[]),
    ("repair", "denied: another host", &["UNTRUSTED HOST_CHANGED"]),
    ("repair", "denied: expired", &[]),
    ("repair", "denied: portal restored", &["ACTIVE"]),
    ("repair", "denied: repair limit", &[]),
    (
        "repair",
        "granted",
        &[
            "ACTIVE",
            "EXPIRED LEASE_OVER",
            "UNTRUSTED RESTORED",
            "GRACE",
            "EXPIRED TOO_LATE",
            "UNTRUSTED CLOCK",
            "NOT_YET_VALID",
        ],
    ),
    ("repair", "obsolete: held elsewhere", &[]),
    (
        "repair",
        "obsolete: re-hosted",
        &["ACTIVE", "ORPHANED", "EXPIRED LEASE_OVER", "UNTRUSTED RESTORED", "GRACE"],
    ),
    ("repair", "obsolete: reclaimed", &["EXPIRED LEASE_OVER"]),
    ("repair", "obsolete: retired", &["ORPHANED", "ACTIVE"]),
    ("repair", "obsolete: returned", &["UNTRUSTED RESTORED"]),
    ("repair", "stale", &[]),
    ("response file", "denied: Inactive", &["PENDING_ACTIVATION"]),
    ("response file", "denied: abandoned", &[]),
    ("response file", "denied: host refused", &[]),
    ("response file", "denied: no seats", &["PENDING_ACTIVATION"]),
    ("response file", "denied: offline", &["PENDING_ACTIVATION"]),
    ("response file", "denied: portal restored", &["PENDING_ACTIVATION"]),
    ("response file", "denied: unknown ID", &["PENDING_ACTIVATION"]),
    ("response file", "denied: wrong product", &["PENDING_ACTIVATION"]),
    ("response file", "granted", &["PENDING_ACTIVATION", "ACTIVE"]),
    ("response file", "obsolete: re-hosted", &["PENDING_ACTIVATION", "PENDING_RETURN"]),
    ("response file", "obsolete: reclaimed", &[]),
    ("response file", "obsolete: returned", &[]),
    ("response file", "returned", &["PENDING_RETURN"]),
    ("response file", "stale", &[]),
];

impl Cover {
    /// What was never reached and must be.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let exchanges = MUST.iter().flat_map(|row| self.missing_of(row));
        let events = events::names().filter(|name| self.count_of(name) == 0).map(str::to_owned);
        exchanges.chain(events).collect()
    }

    fn missing_of(&self, (message, answer, states): &Row) -> Vec<String> {
        let met =
            |state| self.exchanges().any(|(m, a, s, _)| (m, a, s) == (*message, *answer, state));
        if states.is_empty() {
            let any = self.exchanges().any(|(m, a, ..)| (m, a) == (*message, *answer));
            return if any { Vec::new() } else { vec![format!("{message} × {answer}")] };
        }
        let missing = states.iter().filter(|state| !met(**state));
        missing.map(|state| format!("{message} × {answer} × {state}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row once, in each of its states, save one.
    fn all_but(left_out: Option<(usize, usize)>) -> Cover {
        let mut cover = Cover::default();
        for (number, (message, answer, states)) in MUST.iter().enumerate() {
            let any: &[&str] = if states.is_empty() { &["ACTIVE"] } else { states };
            for (nth, state) in any.iter().enumerate() {
                if left_out != Some((number, nth)) {
                    cover.exchange(message, answer, state);
                }
            }
        }
        events::names().for_each(|name| cover.event(name));
        cover
    }

    #[test]
    fn whatever_is_missing_is_named() {
        assert_eq!(all_but(None).missing(), Vec::<String>::new());
        assert!(MUST.len() > 80);
        for (number, (message, answer, states)) in MUST.iter().enumerate() {
            for nth in 0..states.len().max(1) {
                let missing = all_but(Some((number, nth))).missing();
                let state = states.get(nth).map(|state| format!(" × {state}")).unwrap_or_default();
                assert_eq!(missing, [format!("{message} × {answer}{state}")]);
            }
        }
        assert!(Cover::default().missing().contains(&"the portal is restored".to_owned()));
    }
}
