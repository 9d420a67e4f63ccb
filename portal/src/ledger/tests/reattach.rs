use lm_protocol::{Id, Kind, ObsoleteReason, Refusal, Scope, Verdict};

use super::world::{DAY, Machine, World, host, key, op, ortho, prompt};
use crate::admin::entitlements::NewEntitlement;

fn repaired(flagged: &[String]) -> usize {
    flagged.iter().filter(|action| *action == "re-attach as repair").count()
}

#[tokio::test]
async fn r40_the_same_store_reattaches_free() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    machine.fresh_key = Some(50);
    let answer = world.send(&machine.activate(op(20), 1)).await;
    let (before, now) = (&machine.record.as_ref().unwrap().0, world.record(&answer));
    assert_eq!(now.fulfillment_id, before.fulfillment_id);
    assert_eq!((now.generation, now.device_key), (2, key(1).public()), "the fresh key isn't used");
    assert_eq!(world.seats(id).await, (1, 0, 0));
    assert_eq!(world.flagged().await, [""; 0]);
}

#[tokio::test]
async fn r40_a_lost_store_on_the_same_host_takes_no_second_seat_and_counts_as_a_repair() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let lost = Machine::activated(&world, 1, id, 1).await;
    let mut new_store = Machine::new(1, id);
    new_store.device_key = 50;
    let answer = world.send(&new_store.activate(op(20), 1)).await;
    new_store.apply(&world, &answer);
    assert_eq!(world.record(&answer).device_key, key(50).public());
    assert_eq!(world.seats(id).await, (1, 0, 0));
    assert_eq!(repaired(&world.flagged().await), 1);
    // The store that was left is told so, and is not called a clone.
    let held_elsewhere = Verdict::Obsolete { reason: ObsoleteReason::HeldElsewhere };
    assert_eq!(world.send(&lost.refresh(op(21))).await.verdict, held_elsewhere);
    assert_eq!(world.send(&lost.return_(op(22), 0)).await.verdict, held_elsewhere);
    assert_eq!(world.seats(id).await, (1, 0, 0));
    assert_eq!(world.send(&new_store.return_(op(23), 0)).await.verdict, Verdict::Returned);
}

/// A store that waits for an answer while another store of its holder re-attaches was not restored.
#[tokio::test]
async fn an_unanswered_refresh_of_a_replaced_key_is_held_elsewhere_and_not_stale() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let left = Machine::activated(&world, 1, id, 1).await;
    let unanswered = left.refresh(op(20));
    world.send(&unanswered).await;
    let mut other = Machine::new(1, id);
    other.device_key = 50;
    world.send(&other.activate(op(21), 1)).await;
    let again = world.send(&unanswered).await;
    assert_eq!(again.verdict, Verdict::Obsolete { reason: ObsoleteReason::HeldElsewhere });
}

#[tokio::test]
async fn a_new_activate_with_a_replaced_key_reattaches_again() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut left = Machine::activated(&world, 1, id, 1).await;
    let mut other = Machine::new(1, id);
    other.device_key = 50;
    world.send(&other.activate(op(20), 1)).await;
    left.fresh_key = Some(51);
    let answer = world.send(&left.activate(op(21), 1)).await;
    assert_eq!(world.record(&answer).device_key, key(51).public());
    assert_eq!(world.record(&answer).generation, 3);
    // Without a fresh key a replaced one would come back to life.
    left.fresh_key = None;
    let answer = world.send(&left.activate(op(22), 1)).await;
    assert_eq!(answer.verdict, Verdict::Obsolete { reason: ObsoleteReason::HeldElsewhere });
}

#[tokio::test]
async fn r56_past_the_repair_limit_a_reattach_is_refused_and_flagged() {
    let mut world = World::new().await;
    let new = NewEntitlement { repair_limit: Some(1), limit_period: 30 * DAY, ..ortho(1) };
    let id = world.id_of(&new, Kind::Nl, 1).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let backup = machine.copy();
    let answer = world.send(&machine.refresh(op(20))).await;
    machine.apply(&world, &answer);
    let mut restored = backup.copy();
    restored.fresh_key = Some(50);
    world.record(&world.send(&restored.activate(op(21), 1)).await);
    restored.fresh_key = Some(51);
    let answer = world.send(&restored.activate(op(22), 1)).await;
    let retry_at = world.now + 30 * DAY;
    let limit = Verdict::Denied { refusal: Refusal::RepairLimit, retry_at, detail: String::new() };
    assert_eq!(answer.verdict, limit);
    assert_eq!(world.flagged().await[0], "refused: repair limit");
    world.now = retry_at;
    world.record(&world.send(&restored.activate(op(23), 1)).await);
}

#[tokio::test]
async fn a_record_that_does_not_stand_proves_nothing_and_hinders_nobody() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let (record, text) = machine.record.clone().unwrap();
    machine.record = Some((record, text.replacen("payload\":\"e", "payload\":\"f", 1)));
    machine.fresh_key = Some(50);
    let answer = world.send(&machine.activate(op(20), 1)).await;
    assert_eq!(world.record(&answer).device_key, key(50).public());
    assert_eq!(repaired(&world.flagged().await), 1);
}

#[tokio::test]
async fn another_host_is_another_holder_even_with_a_copied_store() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 2, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 1).await;
    let mut copy = machine.copy();
    copy.request.host = host(2);
    let answer = world.send(&copy.activate(op(20), 1)).await;
    let (theirs, ours) = (world.record(&answer), &machine.record.as_ref().unwrap().0);
    assert_ne!(theirs.fulfillment_id, ours.fulfillment_id);
    assert_eq!(world.seats(id).await, (2, 0, 0));
}

#[tokio::test]
async fn two_users_of_a_machine_are_two_holders() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 2, prompt()).await;
    for user in [1, 2] {
        let mut machine = Machine::new(1, id);
        machine.request.holder.scope = Scope::User;
        machine.request.holder.user = Some(Id([user; 16]));
        machine.device_key = user;
        world.record(&world.send(&machine.activate(op(user), 1)).await);
    }
    assert_eq!(world.seats(id).await, (2, 0, 0));
}

#[tokio::test]
async fn a_reattach_takes_the_difference_and_never_lowers_what_is_held() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 4, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 2).await;
    for (number, wanted, held) in [(20, 3, 3), (21, 1, 3)] {
        let answer = world.send(&machine.activate(op(number), wanted)).await;
        machine.apply(&world, &answer);
        assert_eq!(world.record(&answer).seats, held);
    }
    let answer = world.send(&machine.activate(op(22), 5)).await;
    assert!(matches!(answer.verdict, Verdict::Denied { refusal: Refusal::NoSeats, .. }));
    assert_eq!(world.seats(id).await, (3, 0, 1), "denied changes nothing");
}
