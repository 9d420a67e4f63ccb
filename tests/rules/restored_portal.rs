//! A portal restored from a backup, end to end, on both engines: what machines did meanwhile is taken
//! in from their records, nothing of the time before acts again, and no seat is lost.

use std::io::Write as _;
use std::sync::Arc;

use lm::ffi::*;
use lm_portal::Kind;

use crate::common::machine::Machine;
use crate::common::postgres::Server;
use crate::common::world::World;

/// Each story, told on SQLite by a test of its own and on PostgreSQL by one for all of them.
macro_rules! stories {
    ($($(#[$doc:meta])* fn $name:ident($world:ident) $story:block)*) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                super::$name(super::World::new());
            })*
        }
        $($(#[$doc])* fn $name(mut $world: World) $story)*
        const STORIES: &[(&str, fn(World))] = &[$((stringify!($name), $name)),*];
    };
}

#[test]
fn on_postgresql_too() {
    let Some(server) = Server::start().map(Arc::new) else {
        crate::common::skipped("PostgreSQL is not installed");
        return;
    };
    for (name, story) in STORIES {
        let _ = writeln!(std::io::stderr(), "{name}");
        story(World::on_postgres(&server, name));
    }
    walk(World::on_postgres(&server, "walk"), 5, 60);
}

/// Fulfilled, cooling, available and excess; conserved, as always.
fn books(world: &World, id: &str) -> (i64, i64, i64, i64) {
    let shown = world.show(id);
    world.seats(id);
    (shown.fulfilled, shown.cooling, shown.available, shown.excess)
}

fn flagged(world: &World, id: &str) -> Vec<String> {
    let rows = world.portal.history(Some(id), 100).unwrap();
    rows.into_iter().filter(|row| row.flagged).map(|row| row.action).collect()
}

fn told(machine: &Machine, id: &str) -> (String, u32) {
    let status = machine.status(Some(id));
    (machine.state(id), status.usable)
}

fn active() -> (String, u32) {
    ("ACTIVE".to_owned(), 1)
}

stories! {

fn u11_what_was_activated_and_refreshed_since_is_taken_in(world) {
    let (new, old) = (world.nl(1), world.cc(5));
    let machine = world.machine("field-1");
    machine.activate(&old, 3).unwrap();
    world.backup("kept");
    machine.activate(&new, 1).unwrap();
    machine.activate(&old, 4).unwrap();
    machine.refresh(Some(&old)).unwrap();
    let restored = world.restore("kept");
    assert!(restored.epoch > 1_700_000_000, "{restored:?}");
    assert_eq!((books(&world, &new), books(&world, &old)), ((0, 0, 1, 0), (3, 0, 2, 0)));
    machine.refresh(None).unwrap();
    assert_eq!((told(&machine, &new), told(&machine, &old)), (active(), active()));
    assert_eq!((books(&world, &new), books(&world, &old)), ((1, 0, 0, 0), (4, 0, 1, 0)));
    for id in [&new, &old] {
        assert_eq!(flagged(&world, id), ["taken in after a restore"]);
        // From now on it is as any other.
        machine.refresh(Some(id)).unwrap();
        assert_eq!(flagged(&world, id).len(), 1);
        machine.return_(id, 0).unwrap();
    }
    assert_eq!((books(&world, &new), books(&world, &old)), ((0, 0, 1, 0), (0, 0, 5, 0)));
    assert_eq!(world.portal.history_break().unwrap(), None);
}

fn u11_seats_above_the_quantity_are_excess_and_what_is_freed_lowers_it_first(world) {
    let id = world.nl(1);
    let (one, other, third) =
        (world.machine("field-1"), world.machine("field-2"), world.machine("field-3"));
    world.backup("kept");
    one.activate(&id, 1).unwrap();
    world.restore("kept");
    other.activate(&id, 1).unwrap();
    assert_eq!(books(&world, &id), (1, 0, 0, 0));
    one.refresh(Some(&id)).unwrap();
    assert_eq!(books(&world, &id), (2, 0, 0, 1), "both were sold it by this portal");
    assert_eq!((told(&one, &id), told(&other, &id)), (active(), active()));
    assert_eq!(third.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS);
    one.return_(&id, 0).unwrap();
    assert_eq!(books(&world, &id), (1, 0, 0, 0));
    assert_eq!(third.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS);
    other.return_(&id, 0).unwrap();
    assert_eq!(books(&world, &id), (0, 0, 1, 0));
    third.activate(&id, 1).unwrap();
}

fn r13_a_return_of_some_seats_that_was_forgotten_is_taken_in_by_the_record(world) {
    let id = world.cc(5);
    let machine = world.machine("server-1");
    machine.activate(&id, 5).unwrap();
    world.backup("kept");
    machine.return_(&id, 3).unwrap();
    world.restore("kept");
    assert_eq!(books(&world, &id), (5, 0, 0, 0));
    machine.activate(&id, 3).unwrap();
    assert_eq!((books(&world, &id), machine.status(Some(&id)).seats), ((3, 0, 2, 0), 3));
}

/// The portal forgot that the machine had stopped: only a person can tell it.
fn a_forgotten_return_is_told_and_repeated_by_a_rehost(world) {
    let id = world.nl(1);
    let (machine, other) = (world.machine("field-1"), world.machine("field-2"));
    machine.activate(&id, 1).unwrap();
    world.backup("kept");
    machine.return_(&id, 0).unwrap();
    let restored = world.restore("kept");
    if let Some(forgotten) = restored.forgotten {
        // Where the books that were replaced could still be read.
        let told: Vec<_> = forgotten.iter().map(|row| row.action.as_str()).collect();
        assert_eq!((told, &forgotten[0].activation_id), (vec!["return"], &id));
    }
    assert_eq!(other.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS);
    world.portal.rehost(&id, None).unwrap();
    other.activate(&id, 1).unwrap();
    assert_eq!(books(&world, &id), (1, 0, 0, 0));
}

fn r09_what_was_pending_when_the_portal_was_restored_is_asked_anew(world) {
    let (all, some, undone) = (world.nl(1), world.cc(5), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&all, 1).unwrap();
    machine.activate(&some, 5).unwrap();
    world.backup("kept");
    machine.refresh(None).unwrap();
    world.stop();
    for (id, seats) in [(&all, 0), (&some, 2)] {
        assert_eq!(machine.return_(id, seats).unwrap_err().code, LM_ERR_NETWORK);
    }
    machine.activate(&undone, 1).unwrap_err();
    machine.return_(&undone, 0).unwrap_err();
    world.start();
    world.restore("kept");
    // Out of use until it is answered, and answered once.
    assert_eq!(told(&machine, &all), ("PENDING_RETURN".to_owned(), 0));
    machine.again().resume().unwrap();
    let again = machine.again();
    for id in [&all, &undone] {
        assert_eq!((again.state(id), books(&world, id)), ("ABSENT".to_owned(), (0, 0, 1, 0)));
    }
    assert_eq!((again.status(Some(&some)).seats, books(&world, &some)), (3, (3, 0, 2, 0)));
}

fn an_activate_of_the_time_before_is_refused_and_made_anew(world) {
    let (known, id) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&known, 1).unwrap();
    world.backup("kept");
    world.stop();
    machine.activate(&id, 1).unwrap_err();
    world.start();
    world.restore("kept");
    assert_eq!(machine.resume().unwrap_err().code, LM_ERR_PORTAL_RESTORED);
    assert_eq!((machine.state(&id), books(&world, &id)), ("ABSENT".to_owned(), (0, 0, 1, 0)));
    machine.activate(&id, 1).unwrap();
    assert_eq!(books(&world, &id), (1, 0, 0, 0));
    // A machine that has never heard of the portal knows no epoch.
    let (fresh, other) = (world.nl(1), world.machine("field-2"));
    other.activate(&fresh, 1).unwrap();
}

fn r56_a_repair_is_of_what_is_taken_in(world) {
    let id = world.cc(3);
    let machine = world.machine("field-1");
    world.backup("kept");
    machine.activate(&id, 2).unwrap();
    let old = machine.images();
    machine.refresh(Some(&id)).unwrap();
    machine.put_back(&old);
    world.restore("kept");
    let put_back = machine.again();
    assert_eq!(put_back.state(&id), "UNTRUSTED");
    put_back.repair(&id).unwrap();
    assert_eq!((told(&put_back, &id), books(&world, &id)), (active(), (2, 0, 1, 0)));
}

fn a_holder_that_has_another_fulfillment_by_now_is_told_so(world) {
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.backup("kept");
    machine.return_(&id, 0).unwrap();
    machine.activate(&id, 1).unwrap();
    world.restore("kept");
    assert_eq!(machine.refresh(Some(&id)).unwrap_err().code, LM_ERR_HELD_ELSEWHERE);
    assert_eq!((told(&machine, &id).1, books(&world, &id)), (0, (1, 0, 0, 0)));
    machine.activate(&id, 1).unwrap();
    assert_eq!((told(&machine, &id), books(&world, &id)), (active(), (1, 0, 0, 0)));
}

fn r22_an_activation_id_that_is_not_known_any_more_is_made_again_inactive(world) {
    let machine = world.machine("field-1");
    world.backup("kept");
    let id = world.cc(3);
    machine.activate(&id, 2).unwrap();
    world.restore("kept");
    assert_eq!(machine.refresh(Some(&id)).unwrap_err().code, LM_ERR_OBSOLETE);
    assert_eq!(machine.state(&id), "ORPHANED");
    let shown = world.show(&id);
    assert_eq!((shown.status, shown.fulfilled, shown.available), ("inactive", 0, 0));
    assert_eq!(flagged(&world, &id), ["re-created after a restore"]);
    let made = world.portal.entitlement(&shown.entitlement_id).unwrap();
    assert_eq!((made.quantity, made.available), (2, 0), "no seat comes of it");
    assert_eq!(machine.activate(&id, 1).unwrap_err().code, LM_ERR_ID_INACTIVE);
    machine.return_(&id, 0).unwrap();
    assert_eq!(machine.state(&id), "ABSENT");
}

/// The same backup twice: what was signed in between is of another epoch than today's too.
fn each_restore_makes_an_epoch_of_its_own(world) {
    let (id, second) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    world.backup("kept");
    let first = world.restore("kept").epoch;
    machine.activate(&id, 1).unwrap();
    world.pass(2);
    assert!(world.restore("kept").epoch > first);
    machine.refresh(Some(&id)).unwrap();
    assert_eq!((told(&machine, &id), books(&world, &id)), (active(), (1, 0, 0, 0)));
    machine.activate(&second, 1).unwrap();
}

/// A lease may have been given until the second of the restore, so a seat cools that long.
fn r33_each_reach_is_raised_to_what_may_have_been_signed_since(world) {
    let entitlement = world.entitlement_with(1, |new| new.terms.strict = true);
    let id = world.id(&entitlement, Kind::Nl, 1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.backup("kept");
    let known = world.show(&id).fulfillments[0].reach;
    world.pass(5 * 86_400);
    machine.refresh(Some(&id)).unwrap();
    let signed = world.show(&id).fulfillments[0].reach;
    assert!(signed > known);
    world.pass(60);
    world.restore("kept");
    let raised = world.show(&id).fulfillments[0].reach;
    assert!(raised >= signed, "{raised:?} {signed:?}");
    world.portal.rehost(&id, None).unwrap();
    assert_eq!(books(&world, &id), (0, 1, 0, 0));
    // What was ended here is not taken in again.
    assert_eq!(machine.refresh(Some(&id)).unwrap_err().code, LM_ERR_OBSOLETE);
    assert_eq!(books(&world, &id), (0, 1, 0, 0));
    world.pass(raised.unwrap() - world.now() + 1);
    assert_eq!(books(&world, &id), (0, 0, 1, 0));
}

}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const MACHINES: u64 = 3;

/// Machines go on as if nothing were, while an old dump is put back again and again.
fn walk(mut world: World, seed: u64, steps: u32) {
    let mut numbers = Numbers(seed);
    let id = world.cc(4);
    let machines: Vec<_> = (0..MACHINES).map(|n| world.machine(&format!("m-{n}"))).collect();
    let (mut backups, mut restores) = (0, 0);
    for step in 0..steps {
        let machine = &machines[numbers.below(MACHINES) as usize];
        let seats = numbers.below(3) as u32;
        // Whatever comes of a call: seats are conserved.
        match numbers.below(12) {
            0..=3 => drop(machine.activate(&id, seats + 1)),
            4..=6 => drop(machine.return_(&id, seats)),
            7..=8 => drop(machine.refresh(Some(&id))),
            9 if seats == 0 => drop(machine.remove(&id)),
            9 => drop(machine.repair(&id)),
            10 => {
                world.backup(&format!("kept-{step}"));
                backups = step;
            }
            _ if backups != 0 => {
                world.pass(2);
                world.restore(&format!("kept-{backups}"));
                restores += 1;
            }
            _ => {}
        }
        books(&world, &id);
    }
    assert!(restores > 0, "seed {seed} restored nothing");
    for machine in &machines {
        let _ = machine.return_(&id, 0);
        books(&world, &id);
        assert!(
            ["ABSENT", "ORPHANED"].contains(&machine.state(&id).as_str()),
            "{:?}",
            told(machine, &id)
        );
    }
    // What is left is of returns that were forgotten: a person repeats them.
    for held in world.show(&id).fulfillments {
        world.portal.rehost(&id, Some(&held.fulfillment_id)).unwrap();
        books(&world, &id);
    }
    assert_eq!(books(&world, &id), (0, 0, 4, 0), "seed {seed}");
    assert_eq!(world.portal.history_break().unwrap(), None);
}

#[test]
fn an_old_dump_put_back_in_the_middle_of_a_run_loses_no_seat() {
    for seed in 1..=4 {
        walk(World::new(), seed, 60);
    }
}
