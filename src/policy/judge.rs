//! Facts and time → status. The order of the states is the contract's.

use super::facts::{Facts, PendingKind};
use super::status::{NextStep, State, Status, trust};
use super::time::Now;
use crate::error::Code;

/// The status of one record.
#[must_use]
pub fn evaluate(facts: &Facts, now: &Now) -> Status {
    evaluate_here(facts, now)
}

/// As [`evaluate`], laid out in the caller: for the one path that counts nanoseconds.
#[inline(always)]
#[must_use]
pub fn evaluate_here(facts: &Facts, now: &Now) -> Status {
    let trust = trust_of(facts, now);
    let (state, cause, next_step) = standing(facts, now, trust);
    let works = matches!(state, State::Active | State::Grace);
    let status = Status {
        state,
        usable: works && facts.seats > 0,
        kind: facts.kind,
        trust,
        seats: facts.seats,
        seats_in_use: facts.seats_in_use,
        next_step,
        cause,
        expires_at: facts.expires_at,
        lease_until: facts.lease_until,
        grace_until: facts.grace_until,
    };
    match facts.pending {
        PendingKind::Activation if !facts.has_record => Status {
            state: State::PendingActivation,
            usable: false,
            next_step: NextStep::Resume,
            ..status
        },
        PendingKind::Abandon | PendingKind::ReturnAll => Status {
            state: State::PendingReturn,
            usable: false,
            next_step: NextStep::Resume,
            ..status
        },
        PendingKind::ReturnSome => {
            Status { state: State::PendingReturn, next_step: NextStep::Resume, ..status }
        }
        PendingKind::None | PendingKind::Activation => status,
    }
}

#[inline(always)]
fn trust_of(facts: &Facts, now: &Now) -> u32 {
    let time = !facts.expires() || now.is_trusted(facts.clock_tolerance);
    let bit = |trusted, bit| if trusted { bit } else { 0 };
    if !facts.has_record {
        return trust::ALL;
    }
    bit(facts.host_trusted, trust::HOST)
        | bit(facts.restore_trusted && facts.signature_trusted, trust::RESTORE)
        | bit(time, trust::TIME)
}

#[inline(always)]
fn standing(facts: &Facts, now: &Now, trusted: u32) -> (State, Option<Code>, NextStep) {
    let time = now.time();
    let over = |end: i64| end != 0 && time > end;
    if !facts.has_record {
        (State::Absent, None, NextStep::Activate)
    } else if !facts.signature_trusted {
        (State::Untrusted, Some(Code::Signature), NextStep::Activate)
    } else if trusted & trust::HOST == 0 {
        (State::Untrusted, Some(Code::HostChanged), NextStep::Activate)
    } else if trusted & trust::RESTORE == 0 {
        (State::Untrusted, Some(Code::Restored), NextStep::Repair)
    } else if trusted & trust::TIME == 0 {
        (State::Untrusted, Some(Code::Clock), NextStep::CorrectClock)
    } else if facts.orphaned {
        let cause = if facts.held_elsewhere { Code::HeldElsewhere } else { Code::Obsolete };
        (State::Orphaned, Some(cause), NextStep::Remove)
    } else if time < facts.starts_at {
        (State::NotYetValid, Some(Code::NotYetValid), NextStep::None)
    } else if over(facts.expires_at) {
        (State::Expired, Some(Code::Expired), NextStep::ContactVendor)
    } else if facts.too_late {
        (State::Expired, Some(Code::TooLate), NextStep::Refresh)
    } else if over(facts.grace_until) {
        (State::Expired, Some(Code::LeaseOver), NextStep::Refresh)
    } else if over(facts.lease_until) {
        (State::Grace, Some(Code::LeaseOver), NextStep::Refresh)
    } else {
        (State::Active, None, NextStep::None)
    }
}

/// The status of every ID where the store itself cannot answer.
#[must_use]
pub fn store_status(cause: Code) -> Status {
    let next_step = match cause {
        Code::StorageMissing | Code::StorageDamaged => NextStep::Activate,
        _ => NextStep::ContactVendor,
    };
    Status {
        state: State::Untrusted,
        trust: trust::ALL & !trust::RESTORE,
        cause: Some(cause),
        next_step,
        ..Status::ABSENT
    }
}

/// Whether the first record serves better than the second: usable first, then the later end, then
/// more seats, then the lower ID.
#[must_use]
pub fn better<Id: Ord>(one: (&Facts, &Status, Id), other: (&Facts, &Status, Id)) -> bool {
    let key = |(facts, status, id): (&Facts, &Status, Id)| {
        (status.usable, facts.end(), facts.seats, std::cmp::Reverse(id))
    };
    key(one) > key(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::time::Marks;
    use lm_protocol::Kind;

    const NOW: i64 = 1_000_000;
    const DAY: i64 = 86_400;

    fn sound() -> Facts {
        Facts {
            has_record: true,
            signature_trusted: true,
            host_trusted: true,
            restore_trusted: true,
            kind: Some(Kind::Cc),
            seats: 3,
            starts_at: NOW - DAY,
            expires_at: NOW + 30 * DAY,
            lease_until: NOW + 7 * DAY,
            grace_until: NOW + 10 * DAY,
            clock_tolerance: DAY,
            ..Facts::default()
        }
    }

    fn at(wall: i64) -> Now {
        Now { wall, marks: Marks { high: NOW, low: NOW } }
    }

    #[test]
    fn the_order_of_the_states() {
        use NextStep as N;
        use State as S;
        let all_wrong = Facts {
            signature_trusted: false,
            host_trusted: false,
            restore_trusted: false,
            orphaned: true,
            starts_at: NOW + 90 * DAY,
            expires_at: NOW - 2 * DAY,
            lease_until: NOW - 3 * DAY,
            grace_until: NOW - 3 * DAY,
            too_late: true,
            ..sound()
        };
        // Each row mends what the row before it tripped over.
        type Row = (fn(&mut Facts), State, Option<Code>, NextStep);
        let rows: [Row; 11] = [
            (
                |f| f.pending = PendingKind::ReturnAll,
                S::PendingReturn,
                Some(Code::Signature),
                N::Resume,
            ),
            (|f| f.pending = PendingKind::None, S::Untrusted, Some(Code::Signature), N::Activate),
            (|f| f.signature_trusted = true, S::Untrusted, Some(Code::HostChanged), N::Activate),
            (|f| f.host_trusted = true, S::Untrusted, Some(Code::Restored), N::Repair),
            (|f| f.restore_trusted = true, S::Orphaned, Some(Code::Obsolete), N::Remove),
            (|f| f.orphaned = false, S::NotYetValid, Some(Code::NotYetValid), N::None),
            (|f| f.starts_at = 0, S::Expired, Some(Code::Expired), N::ContactVendor),
            (|f| f.expires_at = 0, S::Expired, Some(Code::TooLate), N::Refresh),
            (|f| f.too_late = false, S::Expired, Some(Code::LeaseOver), N::Refresh),
            (|f| f.grace_until = NOW, S::Grace, Some(Code::LeaseOver), N::Refresh),
            (|f| f.lease_until = NOW, S::Active, None, N::None),
        ];
        let mut facts = all_wrong;
        for (mend, state, cause, next) in rows {
            mend(&mut facts);
            let status = evaluate(&facts, &at(NOW));
            assert_eq!((status.state, status.cause, status.next_step), (state, cause, next));
            assert_eq!(status.usable, matches!(state, S::Active | S::Grace));
        }
    }

    #[test]
    fn a_wound_back_clock_is_untrusted_only_for_what_expires() {
        let back = at(NOW - 2 * DAY);
        let status = evaluate(&sound(), &back);
        assert_eq!((status.state, status.trust & trust::TIME), (State::Untrusted, 0));
        let for_ever =
            Facts { expires_at: 0, lease_until: 0, grace_until: 0, starts_at: 0, ..sound() };
        assert_eq!(evaluate(&for_ever, &back).state, State::Active);
    }

    #[test]
    fn while_some_seats_are_on_their_way_back_the_others_work() {
        let some = Facts { pending: PendingKind::ReturnSome, seats: 1, ..sound() };
        let status = evaluate(&some, &at(NOW));
        assert_eq!((status.state, status.usable, status.seats), (State::PendingReturn, true, 1));
        let late = evaluate(&Facts { lease_until: 1, grace_until: 1, ..some }, &at(NOW));
        assert!(!late.usable, "an expired record gives no rights, whatever is under way");
    }

    #[test]
    fn an_activation_is_pending_only_while_there_is_no_record() {
        let pending = Facts { pending: PendingKind::Activation, ..Facts::default() };
        assert_eq!(evaluate(&pending, &at(NOW)).state, State::PendingActivation);
        let beside = Facts { pending: PendingKind::Activation, ..sound() };
        assert_eq!(evaluate(&beside, &at(NOW)).state, State::Active);
        let abandoned = Facts { pending: PendingKind::Abandon, ..Facts::default() };
        let status = evaluate(&abandoned, &at(NOW));
        assert_eq!((status.state, status.usable), (State::PendingReturn, false));
    }

    #[test]
    fn the_best_record_is_usable_then_lasts_longest_then_is_largest() {
        let judged = |facts: Facts| (facts, evaluate(&facts, &at(NOW)));
        let serves_better = |one: Facts, two: Facts| {
            let ((f1, s1), (f2, s2)) = (judged(one), judged(two));
            assert!(better((&f1, &s1, 9), (&f2, &s2, 1)), "{one:?} before {two:?}");
            assert!(!better((&f2, &s2, 1), (&f1, &s1, 9)));
        };
        let expired_later = Facts { orphaned: true, grace_until: NOW + 20 * DAY, ..sound() };
        serves_better(sound(), expired_later);
        serves_better(Facts { grace_until: NOW + 11 * DAY, seats: 1, ..sound() }, sound());
        serves_better(Facts { seats: 9, ..sound() }, sound());
        let (facts, status) = judged(sound());
        assert!(better((&facts, &status, 1), (&facts, &status, 2)));
    }
}
