use lm_protocol::{Kind, ObsoleteReason, Refusal, Terms, Verdict};

use super::world::{DAY, Machine, World, host, no_lease, op, ortho, prompt, strict};
use crate::admin::entitlements::NewEntitlement;

fn denied(refusal: Refusal) -> Verdict {
    Verdict::Denied { refusal, retry_at: 0, detail: String::new() }
}

#[tokio::test]
async fn r01_r03_a_returned_id_is_valid_available_and_credited_once() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 1).await;
    let asked = machine.return_(op(20), 0);
    for _ in 0..3 {
        assert_eq!(world.send(&asked).await.verdict, Verdict::Returned);
        assert_eq!(world.seats(id).await, (0, 0, 1));
    }
    assert_eq!(world.show(id).await.status, "active");
    let again = world.send(&Machine::new(1, id).activate(op(21), 1)).await;
    let first = &machine.record.as_ref().unwrap().0.fulfillment_id;
    assert_ne!(&world.record(&again).fulfillment_id, first);
}

#[tokio::test]
async fn r13_some_seats_go_back_and_the_rest_is_a_new_generation() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 5, prompt()).await;
    let mut machine = Machine::activated(&world, 1, id, 5).await;
    let answer = world.send(&machine.return_(op(20), 2)).await;
    machine.apply(&world, &answer);
    let record = &machine.record.as_ref().unwrap().0;
    assert_eq!((record.seats, record.generation), (3, 2));
    assert_eq!(world.seats(id).await, (3, 0, 2));
    let too_many = world.send(&machine.return_(op(21), 4)).await;
    assert_eq!(too_many.verdict, denied(Refusal::TooManySeats));
    assert_eq!(world.send(&machine.return_(op(22), 3)).await.verdict, Verdict::Returned);
    assert_eq!(world.seats(id).await, (0, 0, 5));
}

#[tokio::test]
async fn strict_seats_cool_until_the_reach_and_their_holder_may_have_them_at_once() {
    let mut world = World::new().await;
    let id = world.id(Kind::Cc, 2, strict()).await;
    let machine = Machine::activated(&world, 1, id, 2).await;
    assert_eq!(world.send(&machine.return_(op(20), 0)).await.verdict, Verdict::Returned);
    assert_eq!(world.seats(id).await, (0, 2, 0));
    let other = world.send(&Machine::new(2, id).activate(op(21), 1)).await;
    assert!(matches!(other.verdict, Verdict::Denied { refusal: Refusal::NoSeats, .. }));
    let mut same = Machine::new(1, id);
    same.device_key = 9;
    let same = world.send(&same.activate(op(22), 1)).await;
    assert_eq!(world.record(&same).seats, 1);
    assert_eq!(world.seats(id).await, (1, 1, 0));
    world.now += 11 * DAY;
    assert_eq!(world.seats(id).await, (1, 1, 0), "in that very second the old copy may still work");
    world.now += 1;
    assert_eq!(world.seats(id).await, (1, 0, 1), "cooled, lazily");
    let other = world.send(&Machine::new(2, id).activate(op(23), 1)).await;
    assert_eq!(world.record(&other).seats, 1);
}

/// Else a shorter lease, sold meanwhile, would end the wait for the copy of the longer one.
#[tokio::test]
async fn seats_taken_while_they_cool_keep_the_reach_of_the_copy_that_they_cooled_for() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 1, strict()).await;
    let machine = Machine::activated(&world, 1, id, 1).await;
    let reach = world.show(id).await.fulfillments[0].reach;
    assert_eq!(world.send(&machine.return_(op(20), 0)).await.verdict, Verdict::Returned);
    world
        .act(async |act| {
            sqlx::query("UPDATE entitlements SET lease = 3600, grace = 0")
                .execute(&mut *act.db)
                .await?;
            Ok(())
        })
        .await
        .unwrap();
    let again = world.send(&Machine::new(1, id).activate(op(21), 1)).await;
    assert!(world.record(&again).reach() < reach);
    assert_eq!(world.show(id).await.fulfillments[0].reach, reach);
}

#[tokio::test]
async fn a_return_from_another_host_cools_and_without_a_lease_is_refused() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut moved = Machine::activated(&world, 1, id, 1).await;
    moved.request.host = host(7);
    assert_eq!(world.send(&moved.return_(op(20), 0)).await.verdict, Verdict::Returned);
    assert_eq!(world.seats(id).await, (0, 1, 0), "the old host may still work");

    let id = world.id(Kind::Cc, 2, prompt()).await;
    let mut moved = Machine::activated(&world, 3, id, 2).await;
    moved.request.host = host(7);
    let answer = world.send(&moved.return_(op(22), 1)).await;
    assert_eq!(answer.verdict, denied(Refusal::HostMismatch), "no record for another host");
    assert_eq!(world.seats(id).await, (2, 0, 0));

    let id = world.id(Kind::Nl, 1, no_lease()).await;
    let mut moved = Machine::activated(&world, 2, id, 1).await;
    moved.request.host = host(7);
    let answer = world.send(&moved.return_(op(21), 0)).await;
    assert_eq!(answer.verdict, denied(Refusal::HostMismatch));
    assert_eq!(world.seats(id).await, (1, 0, 0));
}

#[tokio::test]
async fn a_stolen_record_cannot_be_returned_with_another_key() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let mut thief = Machine::activated(&world, 1, id, 1).await;
    thief.device_key = 66;
    let answer = world.send(&thief.return_(op(20), 0)).await;
    assert_eq!(answer.verdict, denied(Refusal::HostMismatch));
    assert_eq!(world.seats(id).await, (1, 0, 0));
    assert_eq!(world.flagged().await, ["foreign device key"]);
}

#[tokio::test]
async fn r12_over_the_return_limit_is_refused_until_the_period_has_passed() {
    let mut world = World::new().await;
    let new = NewEntitlement { return_limit: Some(1), limit_period: 30 * DAY, ..ortho(1) };
    let id = world.id_of(&new, Kind::Nl, 1).await;
    let first = Machine::activated(&world, 1, id, 1).await;
    assert_eq!(world.send(&first.return_(op(20), 0)).await.verdict, Verdict::Returned);
    let second = Machine::activated(&world, 2, id, 1).await;
    let retry_at = world.now + 30 * DAY;
    let refused =
        Verdict::Denied { refusal: Refusal::ReturnLimit, retry_at, detail: String::new() };
    assert_eq!(world.send(&second.return_(op(21), 0)).await.verdict, refused);
    assert_eq!(world.seats(id).await, (1, 0, 0));
    world.now = retry_at;
    assert_eq!(world.send(&second.return_(op(22), 0)).await.verdict, Verdict::Returned);
}

/// Else activate and abandon, over and over, would return a license past its limit unseen.
#[tokio::test]
async fn r12_an_abandoned_grant_counts_as_a_return_and_past_the_limit_it_is_flagged() {
    let world = World::new().await;
    let new = NewEntitlement { return_limit: Some(2), limit_period: 30 * DAY, ..ortho(1) };
    let id = world.id_of(&new, Kind::Nl, 1).await;
    for (number, flagged) in [(1, &[][..]), (2, &[]), (3, &["abandon"])] {
        let machine = Machine::activated(&world, number, id, 1).await;
        let answer = world.send(&machine.abandon(op(number + 10), op(number))).await;
        assert_eq!(answer.verdict, Verdict::Abandoned, "a crash strands no seat");
        assert_eq!(world.flagged().await, flagged);
    }
    let last = Machine::activated(&world, 4, id, 1).await;
    let refused = world.send(&last.return_(op(20), 0)).await.verdict;
    assert!(matches!(refused, Verdict::Denied { refusal: Refusal::ReturnLimit, .. }));
}

#[tokio::test]
async fn r24_r27_after_a_portal_return_the_machine_is_told_obsolete() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 3, prompt()).await;
    let machine = Machine::activated(&world, 1, id, 2).await;
    world.retire(id).await.unwrap();
    let obsolete = Verdict::Obsolete { reason: ObsoleteReason::Retired };
    assert_eq!(world.send(&machine.refresh(op(20))).await.verdict, obsolete);
    assert_eq!(world.send(&machine.return_(op(21), 0)).await.verdict, obsolete);
    assert_eq!(world.show(id).await.fulfilled, 0, "no second credit");
}

#[tokio::test]
async fn r29_r30_after_a_rehost_the_next_activation_is_a_new_fulfillment() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let old = Machine::activated(&world, 1, id, 1).await;
    world.rehost(id).await.unwrap();
    assert_eq!(world.seats(id).await, (0, 0, 1));
    let new = Machine::activated(&world, 2, id, 1).await;
    let fulfillment = |machine: &Machine| machine.record.as_ref().unwrap().0.fulfillment_id.clone();
    assert_ne!(fulfillment(&old), fulfillment(&new));
    let obsolete = Verdict::Obsolete { reason: ObsoleteReason::Rehosted };
    assert_eq!(world.send(&old.refresh(op(20))).await.verdict, obsolete);
    assert_eq!(world.send(&old.return_(op(21), 0)).await.verdict, obsolete);
    assert_eq!(world.seats(id).await, (1, 0, 0), "the new machine keeps its seat");
}

#[tokio::test]
async fn in_strict_mode_retired_seats_reach_the_entitlement_once_they_have_cooled() {
    let mut world = World::new().await;
    let id = world.id(Kind::Cc, 3, strict()).await;
    let entitlement = world.show(id).await.entitlement_id;
    Machine::activated(&world, 1, id, 2).await;
    world.retire(id).await.unwrap();
    let left = async |world: &World| {
        world.show(id).await;
        let shown = world
            .act(async |act| crate::admin::entitlements::show(act.db, &entitlement).await)
            .await;
        shown.unwrap().available
    };
    assert_eq!(left(&world).await, 1);
    world.now += 11 * DAY + 1;
    assert_eq!(left(&world).await, 3);
}

#[tokio::test]
async fn reclaim_frees_a_seat_once_nothing_can_work_with_it() {
    let mut world = World::new().await;
    let id = world.id(Kind::Nl, 1, Terms { reclaim: true, ..prompt() }).await;
    let gone = Machine::activated(&world, 1, id, 1).await;
    world.now += 11 * DAY;
    assert_eq!(world.seats(id).await, (1, 0, 0));
    world.now += 1;
    assert_eq!(world.seats(id).await, (0, 0, 1));
    let answer = world.send(&gone.refresh(op(20))).await;
    assert_eq!(answer.verdict, Verdict::Obsolete { reason: ObsoleteReason::Reclaimed });
}
