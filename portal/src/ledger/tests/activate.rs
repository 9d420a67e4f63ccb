use lm_protocol::{Kind, MachineKind, Refusal, Terms, Verdict};

use super::world::{DAY, Machine, World, no_lease, op, ortho, prompt};
use crate::admin::entitlements::NewEntitlement;

fn refusal(verdict: &Verdict) -> Refusal {
    match verdict {
        Verdict::Denied { refusal, .. } => *refusal,
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_grant_carries_the_entitlements_features_term_and_lease() {
    let world = World::new().await;
    let end = world.now + 365 * DAY;
    let new = NewEntitlement { expires_at: end, ..ortho(3) };
    let id = world.id_of(&new, Kind::Cc, 3).await;
    let answer = world.send(&Machine::new(1, id).activate(op(1), 2)).await;
    let record = world.record(&answer);
    assert_eq!((record.seats, record.generation, record.op), (2, 1, op(1)));
    assert_eq!(record.features, new.features);
    assert_eq!((record.starts_at, record.expires_at), (0, end));
    assert_eq!(record.lease_until, world.now + 7 * DAY);
    assert_eq!(record.grace_until, world.now + 10 * DAY);
    assert_eq!(record.apply_by, record.lease_until, "applied within its lease");
    assert_eq!(answer.generation, 1);
    assert_eq!(world.seats(id).await, (2, 0, 1));
    let shown = &world.show(id).await.fulfillments[0];
    assert_eq!(shown.reach, Some(world.now + 11 * DAY), "grace and the clock's tolerance");
}

#[tokio::test]
async fn a_lease_ends_with_the_term_and_without_one_a_grant_waits_thirty_days() {
    let world = World::new().await;
    let new = NewEntitlement { expires_at: world.now + 2 * DAY, ..ortho(1) };
    let id = world.id_of(&new, Kind::Nl, 1).await;
    let short = world.record(&world.send(&Machine::new(1, id).activate(op(1), 1)).await);
    assert_eq!(short.lease_until, new.expires_at);
    assert_eq!(short.grace_until, new.expires_at);
    let id = world.id(Kind::Nl, 1, no_lease()).await;
    let endless = world.record(&world.send(&Machine::new(2, id).activate(op(2), 1)).await);
    assert_eq!((endless.lease_until, endless.grace_until), (0, 0));
    assert_eq!(endless.apply_by, world.now + 30 * DAY);
    assert_eq!(world.show(id).await.fulfillments[0].reach, None, "unbounded");
}

#[tokio::test]
async fn each_refusal_has_its_own_cause_and_takes_no_seat() {
    let world = World::new().await;
    let nl = world.id(Kind::Nl, 2, prompt()).await;
    let mut machine = Machine::new(1, nl);
    let asked = machine.activate(op(1), 2);
    assert_eq!(refusal(&world.send(&asked).await.verdict), Refusal::WrongKind);
    machine.request.product = "other".to_owned();
    let asked = machine.activate(op(2), 1);
    assert_eq!(refusal(&world.send(&asked).await.verdict), Refusal::WrongProduct);
    let unknown = lm_protocol::ActivationId::from_random([9; 10]);
    let asked = Machine::new(1, unknown).activate(op(3), 1);
    assert_eq!(refusal(&world.send(&asked).await.verdict), Refusal::IdUnknown);

    let terms = Terms { containers: false, virtual_machines: false, ..prompt() };
    let bare = world.id(Kind::Nl, 1, terms).await;
    for (number, kind) in [(4, MachineKind::Container), (5, MachineKind::Virtual)] {
        let mut machine = Machine::new(1, bare);
        machine.request.host.machine = kind;
        let asked = machine.activate(op(number), 1);
        assert_eq!(refusal(&world.send(&asked).await.verdict), Refusal::HostRefused);
    }
    let over = NewEntitlement { expires_at: world.now - 1, ..ortho(1) };
    let over = world.id_of(&over, Kind::Nl, 1).await;
    let asked = Machine::new(1, over).activate(op(6), 1);
    assert_eq!(refusal(&world.send(&asked).await.verdict), Refusal::Expired);
    for id in [nl, bare, over] {
        assert_eq!(world.seats(id).await.0, 0);
    }
}

#[tokio::test]
async fn a_term_that_has_not_begun_is_granted_and_not_yet_valid() {
    let world = World::new().await;
    let new = NewEntitlement { starts_at: world.now + 3 * DAY, ..ortho(1) };
    let id = world.id_of(&new, Kind::Nl, 1).await;
    let record = world.record(&world.send(&Machine::new(1, id).activate(op(1), 1)).await);
    assert_eq!(record.starts_at, new.starts_at);
}

#[tokio::test]
async fn a_refusal_for_want_of_seats_names_who_holds_them() {
    let world = World::new().await;
    let id = world.id(Kind::Nl, 1, prompt()).await;
    let holder = Machine::activated(&world, 1, id, 1).await;
    let answer = world.send(&Machine::new(2, id).activate(op(2), 1)).await;
    let Verdict::Denied { refusal: Refusal::NoSeats, detail, .. } = &answer.verdict else {
        panic!("{:?}", answer.verdict)
    };
    let detail: serde_json::Value = serde_json::from_str(detail).unwrap();
    assert_eq!(detail["holders"][0]["host_id"], holder.request.host.host_id());
    assert_eq!(detail["holders"][0]["host_label"], "desk-1");
    assert_eq!(detail["holders"][0]["last_contact"], world.now);
    assert_eq!(world.seats(id).await, (1, 0, 0), "nothing changed");
}

#[tokio::test]
async fn r22_inactive_is_final_and_r21_its_seats_are_the_entitlements_again() {
    let world = World::new().await;
    let id = world.id(Kind::Cc, 5, prompt()).await;
    Machine::activated(&world, 1, id, 3).await;
    world.retire(id).await.unwrap();
    let view = world.show(id).await;
    assert_eq!((view.status, view.fulfilled, view.available), ("inactive", 0, 0));
    let asked = Machine::new(2, id).activate(op(9), 1);
    assert_eq!(refusal(&world.send(&asked).await.verdict), Refusal::IdInactive);
    assert!(world.retire(id).await.is_err());
}
