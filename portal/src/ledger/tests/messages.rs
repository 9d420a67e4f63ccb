use lm_protocol::{Kind, Operation, Refusal, Verdict};

use super::world::{DAY, Machine, World, host, op, ortho, prompt};
use crate::admin::entitlements::NewEntitlement;
use crate::error::Error;
use crate::ledger::history;

fn refusal(verdict: &Verdict) -> Option<Refusal> {
    match verdict {
        Verdict::Denied { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

#[tokio::test]
async fn a_refresh_gives_a_new_lease_and_takes_todays_evidence() {
    let mut world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    world.now += 3 * DAY;
    machine.request.host.factors.pop();
    let answer = world.send(&machine.refresh(op(2))).await;
    let record = world.record(&answer);
    assert_eq!((record.generation, record.lease_until), (2, world.now + 7 * DAY));
    assert_eq!(record.host, machine.request.host);
    assert_eq!(world.show(id).await.fulfillments[0].last_contact, world.now);
}

#[tokio::test]
async fn a_refresh_from_another_host_or_after_the_term_is_refused_and_changes_nothing() {
    let mut world = World::new().await;
    let new = NewEntitlement { expires_at: world.now + 2 * DAY, ..ortho(1) };
    let id = world.id_of(&new, Kind::Nl, 1).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    machine.request.host = host(8);
    let answer = world.send(&machine.refresh(op(2))).await;
    assert_eq!(refusal(&answer.verdict), Some(Refusal::HostMismatch));
    machine.request.host = host(1);
    world.now += 3 * DAY;
    let answer = world.send(&machine.refresh(op(3))).await;
    assert_eq!(refusal(&answer.verdict), Some(Refusal::Expired));
    assert_eq!(world.show(id).await.fulfillments[0].generation, 1);
}

#[tokio::test]
async fn more_seats_take_the_difference_or_change_nothing() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 3, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    let answer = world.send(&machine.more_seats(op(2), 3)).await;
    machine.apply(&world, &answer);
    assert_eq!((world.record(&answer).seats, world.record(&answer).generation), (3, 2));
    let answer = world.send(&machine.more_seats(op(3), 4)).await;
    assert_eq!(refusal(&answer.verdict), Some(Refusal::NoSeats));
    assert_eq!(world.seats(id).await, (3, 0, 0));
}

#[tokio::test]
async fn the_portal_remembers_the_highest_generation_of_a_store() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 1).await;
    machine.request.store.generation = 40;
    assert_eq!(world.send(&machine.refresh(op(2))).await.store_generation, 40);
    machine.request.store.generation = 12;
    assert_eq!(world.send(&machine.refresh(op(3))).await.store_generation, 40);
}

#[tokio::test]
async fn a_message_about_a_record_carries_that_record_as_the_portal_signed_it() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 1).await;
    let (record, text) = machine.record.clone().unwrap();
    let mut forger = machine.copy();
    for (number, carried) in [(2, None), (3, Some((record.clone(), text.replace('A', "B"))))] {
        forger.record = carried;
        let generation = record.generation;
        let fulfillment_id = record.fulfillment_id.clone();
        let asked = forger.ask(op(number), Operation::Refresh { fulfillment_id, generation });
        assert_eq!(world.send(&asked).await.verdict, Verdict::Stale);
    }
    // A generation that the portal never gave to this copy, and another record of its own.
    forger.record = machine.record.clone();
    world.send(&machine.refresh(op(4))).await;
    let fulfillment_id = record.fulfillment_id.clone();
    let asked = forger.ask(op(5), Operation::Refresh { fulfillment_id, generation: 2 });
    assert_eq!(world.send(&asked).await.verdict, Verdict::Stale);
    assert_eq!(world.flagged().await, ["record that does not stand"; 3]);
    assert_eq!(world.show(id).await.fulfillments[0].generation, 2, "only the honest one rose");
}

/// The client's operation ends, and a repair gives it a record that stands.
#[tokio::test]
async fn a_record_whose_key_was_revoked_is_answered_stale_and_repaired() {
    let mut world = World::new().await;
    let id = world.id(Kind::Cc, 3, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 2).await;
    world.replace_online_key().await;
    for asked in [machine.refresh(op(2)), machine.return_(op(3), 0), machine.more_seats(op(4), 3)] {
        assert_eq!(world.send(&asked).await.verdict, Verdict::Stale);
    }
    assert_eq!(world.seats(id).await, (2, 0, 1));
    let repaired = world.send(&machine.activate(op(5), 2)).await;
    machine.apply(&world, &repaired);
    assert_eq!(world.send(&machine.return_(op(6), 0)).await.verdict, Verdict::Returned);
}

#[tokio::test]
async fn another_vendors_request_is_no_message_of_ours() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut machine = Machine::new(1, id);
    machine.request.vendor = "another".to_owned();
    let answer = world.try_send(&machine.activate(op(1), 1)).await;
    assert!(matches!(answer, Err(Error::Message(lm_protocol::Error::Mismatch))));
}

#[tokio::test]
async fn the_history_is_a_chain_that_shows_a_changed_row() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    Machine::activated(&world, 1, id, 1).await;
    world.rehost(id).await.unwrap();
    let mut db = world.database.read().await.unwrap();
    let rows = history::read(&mut db, &id.to_string(), 0, 100).await.unwrap();
    let actions: Vec<_> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["re-host", "activate", "generate"]);
    assert_eq!(history::first_break(&mut db).await.unwrap(), None);
    sqlx::query("UPDATE history SET actor = 'nobody' WHERE seq = 3")
        .execute(&mut *db)
        .await
        .unwrap();
    assert_eq!(history::first_break(&mut db).await.unwrap(), Some(3));
}
