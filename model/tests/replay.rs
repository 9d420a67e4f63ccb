//! Replay accepts what the protocol allows and refuses what it doesn't: histories by hand, and the same
//! with one illegal step in them.

use lm_model::replay::{Act, Asked, Books, Cools, Held, Replay, Seen, Terms};
use lm_model::state::{
    Answer, Ask, Entry, Fid, Op, Pending, Reason, Record, Refusal, Request, Verdict,
};

const STORE: usize = 0;
const ACTIVATE: Op = Op(1);
const NEXT: Op = Op(2);
const LEASE: u32 = 700;

type Step = Result<(), String>;

fn replay(strict: bool) -> Replay {
    Replay::new(Terms { quantity: 2, strict, reclaim: false }, 1)
}

fn record(now: u32, op: Op, generation: u8, seats: u8) -> Record {
    Record {
        fid: Fid { op: ACTIVATE, epoch: 1 },
        generation,
        op,
        epoch: 1,
        seats,
        host: 0,
        key: ACTIVATE,
        until: now + LEASE,
        apply_by: now + LEASE,
        untrue: false,
    }
}

fn request(op: Op, ask: Ask, record: Option<Record>) -> Request {
    let epoch = record.map(|record| record.epoch);
    Request { op, ask, host: 0, record, unanswered: None, key: ACTIVATE, epoch }
}

fn entry(record: Option<Record>, request: Option<Request>) -> Entry {
    let pending = request.map(|request| Pending { request, displaced: None, marked: false });
    Entry { record, restored: false, orphaned: None, too_late: false, pending, began: 0 }
}

fn seen(entry: Option<Entry>) -> Seen {
    Seen { entry, touched: false, removable: false }
}

fn books(held: &[(u8, u8)], now: u32) -> Books {
    let held = held.iter().map(|(generation, seats)| Held {
        fid: Fid { op: ACTIVATE, epoch: 1 },
        generation: *generation,
        seats: *seats,
        reach: now + LEASE,
    });
    let held: Vec<_> = held.collect();
    let fulfilled = held.iter().map(|held| held.seats).sum();
    Books { epoch: 1, active: true, fulfilled, held, ..Books::default() }
}

fn answered(
    replay: &mut Replay,
    now: u32,
    request: Request,
    verdict: Verdict,
    books: &Books,
) -> Step {
    replay.answered(now, &Asked { request, like: Vec::new() }, verdict, books)
}

fn handed(replay: &mut Replay, op: Op, verdict: Verdict) {
    replay.handed(STORE, Answer { op, verdict, epoch: 1, older: false });
}

/// One machine has activated and knows it.
fn active(replay: &mut Replay) -> Result<Record, String> {
    let (asked, granted) = (request(ACTIVATE, Ask::Activate(1), None), record(10, ACTIVATE, 1, 1));
    replay.sent(STORE, asked);
    replay.seen(STORE, &seen(Some(entry(None, Some(asked)))))?;
    let verdict = Verdict::Granted(granted);
    answered(replay, 10, asked, verdict, &books(&[(1, 1)], 10))?;
    handed(replay, ACTIVATE, verdict);
    replay.seen(STORE, &seen(Some(entry(Some(granted), None))))?;
    Ok(granted)
}

/// It has asked to return all.
fn returning(replay: &mut Replay) -> Result<Request, String> {
    let held = active(replay)?;
    let asked = request(NEXT, Ask::Return(0), Some(held));
    replay.sent(STORE, asked);
    replay.seen(STORE, &seen(Some(entry(Some(held), Some(asked)))))?;
    Ok(asked)
}

#[test]
fn an_activation_and_a_return_are_allowed() -> Step {
    let replay = &mut replay(false);
    let asked = returning(replay)?;
    answered(replay, 20, asked, Verdict::Returned, &books(&[], 20))?;
    // Again: the stored answer, and no second credit.
    answered(replay, 30, asked, Verdict::Returned, &books(&[], 30))?;
    handed(replay, NEXT, Verdict::Returned);
    replay.seen(STORE, &seen(None))
}

#[test]
fn a_file_that_is_answered_again_after_its_grant_moved_on_is_stale() -> Step {
    let replay = &mut replay(false);
    let held = active(replay)?;
    let refresh = request(NEXT, Ask::Refresh, Some(held));
    let next = record(20, NEXT, 2, 1);
    answered(replay, 20, refresh, Verdict::Granted(next), &books(&[(2, 1)], 20))?;
    let again = request(ACTIVATE, Ask::Activate(1), None);
    let grant = Verdict::Granted(held);
    assert!(answered(replay, 25, again, grant, &books(&[(2, 1)], 20)).is_err());
    answered(replay, 25, again, Verdict::Stale, &books(&[(2, 1)], 20))
}

#[test]
fn what_a_person_does_at_the_portal_is_allowed() -> Step {
    let replay = &mut replay(true);
    let held = active(replay)?;
    let until = 10 + LEASE;
    let cools = Books {
        epoch: 1,
        active: true,
        cooling: 1,
        cools: vec![Cools { until, seats: 1 }],
        ..Books::default()
    };
    // Strict: what is re-hosted cools until its reach.
    assert!(replay.acted(20, Act::Rehost(held.fid), &books(&[], 20)).is_err());
    replay.acted(20, Act::Rehost(held.fid), &cools)?;
    let refresh = request(NEXT, Ask::Refresh, Some(held));
    answered(replay, 30, refresh, Verdict::Obsolete(Reason::Rehosted), &cools)?;
    // And no sooner.
    assert!(
        answered(replay, until, refresh, Verdict::Obsolete(Reason::Rehosted), &books(&[], 0))
            .is_err()
    );
    answered(replay, until + 1, refresh, Verdict::Obsolete(Reason::Rehosted), &books(&[], 0))
}

#[test]
fn a_record_that_turns_active_without_a_grant_is_refused() -> Step {
    let replay = &mut replay(false);
    let asked = request(ACTIVATE, Ask::Activate(1), None);
    replay.sent(STORE, asked);
    replay.seen(STORE, &seen(Some(entry(None, Some(asked)))))?;
    let here = seen(Some(entry(Some(record(10, ACTIVATE, 1, 1)), None)));
    assert!(replay.seen(STORE, &here).is_err());
    // Granted, and not yet handed over.
    let verdict = Verdict::Granted(record(10, ACTIVATE, 1, 1));
    answered(replay, 10, asked, verdict, &books(&[(1, 1)], 10))?;
    assert!(replay.seen(STORE, &here).is_err());
    handed(replay, ACTIVATE, verdict);
    replay.seen(STORE, &here)
}

#[test]
fn an_answer_that_the_portal_never_gave_is_nobodys() -> Step {
    let replay = &mut replay(false);
    let asked = returning(replay)?;
    handed(replay, NEXT, Verdict::Denied(Refusal::ReturnLimit));
    let back = seen(Some(entry(asked.record, None)));
    assert!(replay.seen(STORE, &back).is_err());
    Ok(())
}

#[test]
fn a_second_credit_is_refused() -> Step {
    let replay = &mut replay(false);
    let held = active(replay)?;
    let more = request(NEXT, Ask::More(2), Some(held));
    let two = record(20, NEXT, 2, 2);
    answered(replay, 20, more, Verdict::Granted(two), &books(&[(2, 2)], 20))?;
    let asked = request(Op(3), Ask::Return(1), Some(two));
    let rest = record(30, Op(3), 3, 1);
    let one = books(&[(3, 1)], 30);
    let twice = Books { fulfilled: 0, ..one.clone() };
    assert!(answered(replay, 30, asked, Verdict::Granted(rest), &twice).is_err());
    answered(replay, 30, asked, Verdict::Granted(rest), &one)?;
    // The same message again gives the stored answer; a generation up would be a second credit.
    let none = record(40, Op(3), 4, 1);
    assert!(answered(replay, 40, asked, Verdict::Granted(none), &books(&[(4, 1)], 40)).is_err());
    answered(replay, 40, asked, Verdict::Granted(rest), &one)
}

#[test]
fn an_answer_that_was_not_stored_is_found_when_it_is_asked_again() -> Step {
    let replay = &mut replay(false);
    let asked = returning(replay)?;
    // It is answered, and its transaction rolled back.
    assert!(answered(replay, 20, asked, Verdict::Returned, &books(&[(1, 1)], 10)).is_err());
    answered(replay, 20, asked, Verdict::Returned, &books(&[], 20))?;
    let forgotten = Verdict::Obsolete(Reason::Returned);
    assert!(answered(replay, 30, asked, forgotten, &books(&[], 30)).is_err());
    Ok(())
}

#[test]
fn what_was_pending_does_not_vanish() -> Step {
    let replay = &mut replay(false);
    let asked = returning(replay)?;
    // A cancelled return must not give its record back.
    let back = seen(Some(entry(asked.record, None)));
    assert!(replay.seen(STORE, &back).is_err());
    // Nor may it remove it.
    assert!(replay.seen(STORE, &seen(None)).is_err());
    Ok(())
}

#[test]
fn two_operations_are_never_outstanding() -> Step {
    let replay = &mut replay(false);
    let asked = returning(replay)?;
    let refresh = request(Op(3), Ask::Refresh, asked.record);
    assert!(replay.seen(STORE, &seen(Some(entry(asked.record, Some(refresh))))).is_err());
    Ok(())
}

#[test]
fn a_store_that_goes_back_is_refused_unless_somebody_put_it_back() -> Step {
    let replay = &mut replay(false);
    let asked = returning(replay)?;
    answered(replay, 20, asked, Verdict::Returned, &books(&[], 20))?;
    handed(replay, NEXT, Verdict::Returned);
    replay.seen(STORE, &seen(None))?;
    let old = seen(Some(entry(asked.record, None)));
    assert!(replay.seen(STORE, &old).is_err());
    replay.seen(STORE, &Seen { touched: true, ..old })?;
    // What nobody ever had can't be put back.
    let better = record(10, ACTIVATE, 1, 2);
    let never = seen(Some(entry(Some(better), None)));
    assert!(replay.seen(STORE, &Seen { touched: true, ..never }).is_err());
    Ok(())
}

#[test]
fn more_seats_than_there_are_are_refused() -> Step {
    let replay = &mut replay(false);
    let held = active(replay)?;
    let more = request(NEXT, Ask::More(3), Some(held));
    let three = Verdict::Granted(record(20, NEXT, 2, 3));
    assert!(answered(replay, 20, more, three, &books(&[(2, 3)], 20)).is_err());
    let denied = Verdict::Denied(Refusal::NoSeats);
    answered(replay, 20, more, denied, &books(&[(1, 1)], 10))
}

#[test]
fn a_restored_portal_has_a_new_epoch() -> Step {
    let replay = &mut replay(false);
    replay.acted(5, Act::BackUp, &books(&[], 5))?;
    active(replay)?;
    assert!(replay.acted(20, Act::Restore, &books(&[], 20)).is_err());
    replay.acted(20, Act::Restore, &Books { epoch: 2, ..books(&[], 20) })
}
