//! A portal restored from a backup, message by message.

use lm_protocol::{Kind, ObsoleteReason, Operation, Refusal, Verdict};

use super::world::{DAY, Machine, World, key, op, prompt, strict};
use crate::ledger::fulfillment;

fn refusal(verdict: &Verdict) -> Option<Refusal> {
    match verdict {
        Verdict::Denied { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

/// The machine has heard of today's epoch.
fn hears(machine: &mut Machine, epoch: i64) {
    machine.request.epoch = Some(u64::try_from(epoch).unwrap());
}

#[tokio::test]
async fn an_operation_of_the_time_before_changes_nothing_and_stays_refused() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Cc, 3, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    machine.request.epoch = Some(1);
    let messages = [
        machine.more_seats(op(10), 2),
        machine.return_(op(11), 0),
        machine.refresh(op(12)),
        machine.abandon(op(13), op(1)),
        machine.activate(op(14), 2),
    ];
    world.backup("kept").await;
    world.restore("kept").await;
    for _ in 0..2 {
        for message in &messages {
            let verdict = world.send(message).await.verdict;
            assert_eq!(refusal(&verdict), Some(Refusal::PortalRestored));
        }
    }
    let held = world.show(id).await.fulfillments.remove(0);
    assert_eq!((held.seats, held.generation), (1, 1));
    // A stored answer that is still true is given again, whatever the epoch.
    let first = Machine::new(1, id).activate(op(1), 1);
    assert!(matches!(world.send(&first).await.verdict, Verdict::Granted { .. }));
}

/// What the model calls "no epoch": a late first activate would re-attach where its machine, which
/// has gone on since, doesn't know of it.
#[tokio::test]
async fn an_operation_that_names_no_epoch_takes_new_seats_or_nothing() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Nl, 2, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 1).await;
    world.backup("kept").await;
    world.restore("kept").await;
    let late = machine.copy().activate(op(20), 1);
    assert_eq!(refusal(&world.send(&late).await.verdict), Some(Refusal::PortalRestored));
    assert_eq!(
        refusal(&world.send(&machine.refresh(op(21))).await.verdict),
        Some(Refusal::PortalRestored)
    );
    let new = world.send(&Machine::new(2, id).activate(op(22), 1)).await;
    assert!(matches!(new.verdict, Verdict::Granted { .. }));
    assert_eq!(world.seats(id).await, (2, 0, 0));
}

#[tokio::test]
async fn an_unknown_fulfillment_of_todays_epoch_is_plainly_refused() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    // Put back by hand: the epoch is the same, and the fulfillment is gone.
    forget(&world, &machine).await;
    for epoch in [None, Some(1)] {
        machine.request.epoch = epoch;
        let number = if epoch.is_some() { 20 } else { 21 };
        let answer = world.send(&machine.refresh(op(number))).await;
        assert_eq!(refusal(&answer.verdict), Some(Refusal::HostMismatch));
    }
    assert_eq!(world.flagged().await, ["unknown fulfillment"; 2]);
    assert_eq!(world.seats(id).await, (0, 0, 1));
}

/// As if it had never been.
async fn forget(world: &World, machine: &Machine) {
    let fulfillment = machine.record.as_ref().unwrap().0.fulfillment_id.clone();
    world
        .act(async |act| {
            for statement in [
                "DELETE FROM operations WHERE fulfillment_id = $1",
                "UPDATE activation_ids SET fulfilled = fulfilled - 1 WHERE activation_id =
                    (SELECT activation_id FROM fulfillments WHERE fulfillment_id = $1)",
                "DELETE FROM fulfillments WHERE fulfillment_id = $1",
            ] {
                sqlx::query(statement).bind(fulfillment.clone()).execute(&mut *act.db).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_higher_generation_of_todays_epoch_is_refused_and_flagged() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Cc, 5, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let more = world.send(&machine.more_seats(op(10), 4)).await;
    machine.apply(&world, &more);
    world
        .act(async |act| {
            sqlx::query("UPDATE fulfillments SET generation = 1").execute(&mut *act.db).await?;
            Ok(())
        })
        .await
        .unwrap();
    machine.request.epoch = Some(1);
    assert_eq!(world.send(&machine.return_(op(11), 0)).await.verdict, Verdict::Stale);
    assert_eq!(world.flagged().await, ["newer than this portal knows"]);
    assert_eq!(world.seats(id).await, (4, 0, 1), "nothing changed");
}

#[tokio::test]
async fn only_the_key_that_a_record_was_issued_to_can_show_it() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    world.backup("kept").await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let epoch = world.restore("kept").await.epoch;
    hears(&mut machine, epoch);
    let mut thief = machine.copy();
    thief.device_key = 66;
    let answer = world.send(&thief.refresh(op(20))).await;
    assert_eq!(refusal(&answer.verdict), Some(Refusal::HostMismatch));
    assert_eq!(world.seats(id).await, (0, 0, 1));
    let answer = world.send(&machine.refresh(op(21))).await;
    assert_eq!(world.record(&answer).generation, 2);
    assert_eq!(world.seats(id).await, (1, 0, 0));
}

/// An older copy that comes first is taken in, and so is the later one after it: which then stands.
#[tokio::test]
async fn the_latest_record_wins_whichever_comes_first() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Cc, 5, prompt()).await;
    world.backup("kept").await;
    let mut machine = Machine::activated(&world, 1, id, 2).await;
    let mut copy = machine.copy();
    for number in 10..13 {
        let answer = world.send(&machine.refresh(op(number))).await;
        machine.apply(&world, &answer);
    }
    let epoch = world.restore("kept").await.epoch;
    hears(&mut machine, epoch);
    hears(&mut copy, epoch);
    let answer = world.send(&copy.refresh(op(20))).await;
    copy.apply(&world, &answer);
    assert_eq!(world.record(&answer).generation, 2);
    let answer = world.send(&machine.refresh(op(21))).await;
    assert_eq!(world.record(&answer).generation, 5);
    assert_eq!(world.send(&copy.refresh(op(22))).await.verdict, Verdict::Stale);
    assert_eq!(world.seats(id).await, (2, 0, 3));
}

/// A key that a re-attach replaced after the backup is replaced again once the record shows it.
#[tokio::test]
async fn a_key_replaced_since_is_replaced_again() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut left = Machine::activated(&world, 1, id, 1).await;
    world.backup("kept").await;
    let mut other = Machine::new(1, id);
    other.device_key = 77;
    let answer = world.send(&other.activate(op(10), 1)).await;
    other.apply(&world, &answer);
    let epoch = world.restore("kept").await.epoch;
    hears(&mut left, epoch);
    hears(&mut other, epoch);
    let answer = world.send(&other.refresh(op(20))).await;
    assert_eq!(world.record(&answer).device_key, key(77).public());
    let told = Verdict::Obsolete { reason: ObsoleteReason::HeldElsewhere };
    assert_eq!(world.send(&left.refresh(op(21))).await.verdict, told);
}

/// A key that the restored portal doesn't know, of a fulfillment that people ended since: its machine is
/// told that, and is rid of it.
#[tokio::test]
async fn what_people_ended_since_is_gone_for_a_key_that_was_replaced_since_too() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    Machine::activated(&world, 1, id, 1).await;
    world.backup("kept").await;
    let mut other = Machine::new(1, id);
    other.device_key = 77;
    let answer = world.send(&other.activate(op(10), 1)).await;
    other.apply(&world, &answer);
    let epoch = world.restore("kept").await.epoch;
    hears(&mut other, epoch);
    world.rehost(id).await.unwrap();
    let told = Verdict::Obsolete { reason: ObsoleteReason::Rehosted };
    assert_eq!(world.send(&other.refresh(op(20))).await.verdict, told);
    assert_eq!(world.send(&other.return_(op(21), 0)).await.verdict, told);
    // Without a record of it the key is a stranger's.
    let mut stranger = other.copy();
    stranger.device_key = 78;
    let answer = world.send(&stranger.refresh(op(22))).await;
    assert_eq!(refusal(&answer.verdict), Some(Refusal::HostMismatch));
}

#[tokio::test]
async fn what_ended_before_the_backup_or_after_the_restore_is_not_taken_in() {
    let world = World::on_disk().await;
    let (before, after) =
        (world.id(Kind::Cc, 2, prompt()).await, world.id(Kind::Nl, 1, prompt()).await);
    let mut gone = Machine::activated(&world, 1, before, 2).await;
    let mut ended = Machine::activated(&world, 2, after, 1).await;
    world.retire(before).await.unwrap();
    world.backup("kept").await;
    let answer = world.send(&ended.refresh(op(10))).await;
    ended.apply(&world, &answer);
    let epoch = world.restore("kept").await.epoch;
    world.rehost(after).await.unwrap();
    for (machine, reason) in
        [(&mut gone, ObsoleteReason::Retired), (&mut ended, ObsoleteReason::Rehosted)]
    {
        hears(machine, epoch);
        let number = if reason == ObsoleteReason::Retired { 20 } else { 21 };
        let answer = world.send(&machine.refresh(op(number))).await;
        assert_eq!(answer.verdict, Verdict::Obsolete { reason });
    }
    assert_eq!(world.seats(after).await, (0, 0, 1));
}

#[tokio::test]
async fn an_unknown_fulfillment_of_a_retired_id_is_retired() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Cc, 2, prompt()).await;
    world.backup("kept").await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let epoch = world.restore("kept").await.epoch;
    world.retire(id).await.unwrap();
    hears(&mut machine, epoch);
    let answer = world.send(&machine.return_(op(20), 0)).await;
    assert_eq!(answer.verdict, Verdict::Obsolete { reason: ObsoleteReason::Retired });
}

/// What is taken in may have been followed by a later lease: its reach is no sooner.
#[tokio::test]
async fn what_is_taken_in_reaches_at_least_until_what_may_have_been_signed_since() {
    let mut world = World::on_disk().await;
    let id = world.id(Kind::Nl, 1, strict()).await;
    world.backup("kept").await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let own = machine.record.as_ref().unwrap().0.reach();
    world.now += 3 * DAY;
    let restored = world.restore("kept").await;
    hears(&mut machine, restored.epoch);
    let operation = Operation::MoreSeats {
        seats: 2,
        fulfillment_id: machine.record.as_ref().unwrap().0.fulfillment_id.clone(),
        generation: 1,
    };
    let denied = world.send(&machine.ask(op(20), operation)).await;
    assert_eq!(refusal(&denied.verdict), Some(Refusal::WrongKind));
    let held = world.act(async |act| fulfillment::live(act.db, id).await).await.unwrap();
    assert_eq!(held[0].reach, own.map(|reach| reach + 3 * DAY));
}

/// Prompt mode: seats that another host returned cool, and their holder takes them again. When it
/// gives them back, the other host's copy may still work.
#[tokio::test]
async fn seats_taken_again_while_they_cool_cool_on_when_they_are_freed() {
    let mut world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 1).await;
    let reach = world.show(id).await.fulfillments[0].reach.unwrap();
    let mut moved = machine.copy();
    moved.request.host = super::world::host(7);
    assert_eq!(world.send(&moved.return_(op(20), 0)).await.verdict, Verdict::Returned);
    assert_eq!(world.seats(id).await, (0, 1, 0));
    let mut again = Machine::new(1, id);
    let answer = world.send(&again.activate(op(21), 1)).await;
    again.apply(&world, &answer);
    let answer = world.send(&again.refresh(op(22))).await;
    again.apply(&world, &answer);
    assert_eq!(world.send(&again.return_(op(23), 0)).await.verdict, Verdict::Returned);
    assert_eq!(world.seats(id).await, (0, 1, 0), "not at once");
    world.now = reach + 1;
    assert_eq!(world.seats(id).await, (0, 0, 1));
}

/// The wire repeats a machine's first activate, which names no epoch, after the backup: what the portal
/// grants to nobody then gives way to what its machine holds.
#[tokio::test]
async fn an_activate_that_came_again_after_the_restore_gives_way_to_what_it_was_granted_before() {
    let world = World::on_disk().await;
    let id = world.id(Kind::Cc, 2, prompt()).await;
    world.backup("kept").await;
    let first = Machine::new(1, id).activate(op(1), 2);
    let mut machine = Machine::activated(&world, 1, id, 2).await;
    let epoch = world.restore("kept").await.epoch;
    let late = world.record(&world.send(&first).await);
    let (own, _) = machine.record.clone().unwrap();
    assert_ne!(late.fulfillment_id, own.fulfillment_id);
    hears(&mut machine, epoch);
    let answer = world.send(&machine.refresh(op(20))).await;
    assert_eq!(world.record(&answer).fulfillment_id, own.fulfillment_id);
    machine.apply(&world, &answer);
    assert_eq!(world.seats(id).await, (2, 0, 0));
    let gone = Verdict::Obsolete { reason: ObsoleteReason::Returned };
    assert_eq!(world.send(&first).await.verdict, gone);
    assert_eq!(world.send(&machine.return_(op(21), 0)).await.verdict, Verdict::Returned);
    assert_eq!(world.seats(id).await, (0, 0, 2));
}
