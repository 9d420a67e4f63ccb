//! The nine rules of the protocol, as far as the portal keeps them. Rules 1, 3, 5, 6 and 8 are the
//! client's; what the portal owes them stands here too.

use lm_protocol::{Kind, Refusal, Verdict};

use super::world::{DAY, Machine, World, op, prompt, strict};
use crate::error::Error;

fn abandoned() -> Verdict {
    Verdict::Denied { refusal: Refusal::Abandoned, retry_at: 0, detail: String::new() }
}

#[tokio::test]
async fn rule_2_a_stored_grant_is_given_again_identical_while_it_is_true() {
    let mut world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::new(1, id);
    let asked = machine.activate(op(1), 1);
    let granted = world.send(&asked).await;
    machine.apply(&world, &granted);
    world.now += DAY;
    assert_eq!(world.send(&asked).await, granted, "identical, its time too");
    world.send(&machine.refresh(op(2))).await;
    assert_eq!(world.send(&asked).await.verdict, Verdict::Stale, "another generation by now");
    world.rehost(id).await.unwrap();
    let gone = world.send(&asked).await.verdict;
    assert!(matches!(gone, Verdict::Obsolete { .. }), "{gone:?}");
}

#[tokio::test]
async fn rule_2_a_denial_is_for_ever_even_once_there_are_seats() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let holder = Machine::activated(&world, 1, id, 1).await;
    let asked = Machine::new(2, id).activate(op(2), 1);
    let denied = world.send(&asked).await;
    world.send(&holder.return_(op(3), 0)).await;
    assert_eq!(world.send(&asked).await, denied);
    assert_eq!(world.seats(id).await, (0, 0, 1));
}

#[tokio::test]
async fn rule_4_an_unseen_activate_that_is_abandoned_is_refused_when_it_comes_late() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let machine = Machine::new(1, id);
    let late = machine.activate(op(1), 1);
    for number in [2, 3] {
        let answer = world.send(&machine.abandon(op(number), op(1))).await;
        assert_eq!(answer.verdict, Verdict::Abandoned);
    }
    for _ in 0..2 {
        assert_eq!(world.send(&late).await.verdict, abandoned());
    }
    assert_eq!(world.seats(id).await, (0, 0, 1));
}

/// Rule 7: what a return that finds nothing took the place of must not come afterwards.
#[tokio::test]
async fn rule_7_an_obsolete_return_tombstones_the_unseen_operation() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 3, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let unseen = machine.more_seats(op(20), 2);
    world.rehost(id).await.unwrap();
    machine.request.unanswered = Some(op(20));
    let answer = world.send(&machine.return_(op(21), 0)).await;
    assert!(matches!(answer.verdict, Verdict::Obsolete { .. }), "{answer:?}");
    assert_eq!(world.send(&unseen).await.verdict, abandoned());
}

#[tokio::test]
async fn an_abandoned_grant_is_freed_only_while_it_stands_as_it_was_given() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let machine = Machine::new(1, id);
    let asked = machine.activate(op(1), 1);
    assert_eq!(world.record(&world.send(&asked).await).seats, 1);
    assert_eq!(world.send(&machine.abandon(op(2), op(1))).await.verdict, Verdict::Abandoned);
    assert_eq!(world.seats(id).await, (0, 0, 1));
    assert!(matches!(world.send(&asked).await.verdict, Verdict::Obsolete { .. }));

    let second = Machine::activated(&world, 30, id, 1).await;
    world.send(&second.refresh(op(31))).await;
    let answer = world.send(&second.abandon(op(32), op(30))).await;
    assert_eq!(answer.verdict, Verdict::Abandoned);
    assert_eq!(world.seats(id).await, (1, 0, 0), "moved on since: it is kept");
}

#[tokio::test]
async fn an_abandoned_grant_cools_in_strict_mode_and_nobody_else_can_abandon_it() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, strict()).await;
    let machine = Machine::new(1, id);
    world.send(&machine.activate(op(1), 1)).await;
    let mut thief = Machine::new(1, id);
    thief.device_key = 66;
    let refused = world.send(&thief.abandon(op(2), op(1))).await.verdict;
    assert!(matches!(refused, Verdict::Denied { refusal: Refusal::HostMismatch, .. }));
    assert_eq!(world.seats(id).await, (1, 0, 0));
    assert_eq!(world.send(&machine.abandon(op(3), op(1))).await.verdict, Verdict::Abandoned);
    assert_eq!(world.seats(id).await, (0, 1, 0));
}

#[tokio::test]
async fn rule_5_and_6_an_operation_comes_again_byte_for_byte_or_not_at_all() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 2, prompt()).await;
    let machine = Machine::new(1, id);
    world.send(&machine.activate(op(1), 1)).await;
    let other = world.try_send(&machine.activate(op(1), 2)).await;
    assert!(matches!(other, Err(Error::OperationReused)), "{other:?}");
    assert_eq!(world.seats(id).await, (1, 0, 1));
}

#[tokio::test]
async fn rule_7_current_is_the_portals_generation_or_the_one_before_by_an_unanswered_op() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 4, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 2).await;
    // The refresh's answer is lost.
    world.send(&machine.refresh(op(2))).await;
    assert_eq!(world.send(&machine.return_(op(3), 1)).await.verdict, Verdict::Stale);
    machine.request.unanswered = Some(op(9));
    assert_eq!(world.send(&machine.return_(op(4), 1)).await.verdict, Verdict::Stale);
    assert_eq!(world.seats(id).await, (2, 0, 2), "stale changes nothing");
    machine.request.unanswered = Some(op(2));
    let rest = world.send(&machine.return_(op(5), 1)).await;
    assert_eq!(world.record(&rest).generation, 3);
    assert_eq!(world.seats(id).await, (1, 0, 3));
    assert!(world.flagged().await.contains(&"clone or restored copy".to_owned()));
}

#[tokio::test]
async fn rule_7_a_return_tombstones_the_unseen_operation_whose_place_it_takes() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 4, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 2).await;
    let late = machine.more_seats(op(2), 4);
    machine.request.unanswered = Some(op(2));
    let rest = world.send(&machine.return_(op(3), 1)).await;
    assert_eq!(world.send(&late).await.verdict, abandoned());
    assert_eq!(world.record(&rest).seats, 1);
    assert_eq!(world.seats(id).await, (1, 0, 3));
}

#[tokio::test]
async fn r54_a_restored_store_cannot_return_twice() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 4, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 4).await;
    let backup = machine.copy();
    world.send(&machine.return_(op(2), 3)).await;
    assert_eq!(world.send(&backup.return_(op(3), 3)).await.verdict, Verdict::Stale);
    assert_eq!(world.seats(id).await, (1, 0, 3));
}

#[tokio::test]
async fn rule_9_a_late_grant_is_asked_anew_and_reattaches_free() {
    let mut world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let late = Machine::activated(&world, 1, id, 1).await;
    world.now = late.record.as_ref().unwrap().0.apply_by + 1;
    let answer = world.send(&late.activate(op(2), 1)).await;
    assert!(world.record(&answer).apply_by > world.now);
    assert_eq!(world.flagged().await, [""; 0]);
    assert_eq!(world.seats(id).await, (1, 0, 0));
}
