//! R53, R60: stores that were put back or taken away, as a host application sees them.

use std::path::{Path, PathBuf};

use lm::ffi::*;
use lm_portal::Kind;

use crate::common::machine::Machine;
use crate::common::skipped;
use crate::common::world::World;
use crate::offline::DAY;

/// A store through a history: each step as its files were, `a`, `b` and the anchor.
struct History {
    machine: Machine,
    id: String,
    paths: [PathBuf; 3],
    steps: Vec<[Vec<u8>; 3]>,
}

/// Steps of the history before now.
const STEPS: usize = 20;

impl History {
    fn new(world: &World) -> Self {
        let (machine, id) = (world.machine("field-1"), world.cc(5));
        machine.activate(&id, 3).unwrap();
        let [a, b] = ["a", "b"].map(|name| machine.settings.storage.join(name));
        let paths = [a, b, machine.settings.anchor().unwrap()];
        let mut steps = Vec::new();
        for step in 0..=STEPS {
            if step > 0 {
                machine.refresh(Some(&id)).unwrap();
            }
            steps.push(paths.each_ref().map(|path| std::fs::read(path).unwrap()));
        }
        Self { machine, id, paths, steps }
    }

    /// Puts some of the files back, in place or as new ones; looks; and takes that back.
    fn looked_at(&self, step: usize, subset: usize, as_new: bool) -> lm_status_info {
        let chosen: Vec<_> = (0..3).filter(|index| subset >> index & 1 == 1).collect();
        for index in &chosen {
            let path = &self.paths[*index];
            if as_new {
                std::fs::rename(path, kept(path)).unwrap();
                std::fs::write(path, b"").unwrap();
                let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(path, private).unwrap();
            }
            std::fs::write(path, &self.steps[step][*index]).unwrap();
        }
        let status = self.machine.again().status(Some(&self.id));
        for index in &chosen {
            let path = &self.paths[*index];
            if as_new {
                std::fs::rename(kept(path), path).unwrap();
            } else {
                std::fs::write(path, &self.steps[STEPS][*index]).unwrap();
            }
        }
        status
    }
}

fn kept(path: &Path) -> PathBuf {
    path.with_extension("kept")
}

/// Rights hold only if no anchor has seen a later generation.
#[test]
fn r53_whatever_was_put_back_gives_rights_only_if_no_anchor_has_seen_more() {
    let world = World::new();
    let history = History::new(&world);
    if std::fs::metadata(&history.paths[0]).unwrap().created().is_err() {
        // The storage tests have the table.
        skipped("files put back: the file system keeps no times of birth");
        return;
    }
    for step in 0..STEPS {
        for subset in 1..8 {
            for as_new in [false, true] {
                let status = history.looked_at(step, subset, as_new);
                let [a_is_old, b_is_old, anchor_is_old] = [1, 2, 4].map(|bit| subset & bit != 0);
                let images_are_old = a_is_old && b_is_old;
                // One image that stayed is the newest, in its own file, whatever the other is.
                let holds = !images_are_old || (anchor_is_old && !as_new);
                let shown = (status.usable == 1, status.trust & LM_TRUST_RESTORE != 0);
                let told = format!("step {step}, files {subset:03b}, new ones: {as_new}");
                assert_eq!(shown, (holds, holds), "{told}");
                if !holds {
                    let expected = (LM_STATE_UNTRUSTED, LM_ERR_RESTORED, LM_NEXT_REPAIR);
                    assert_eq!((status.state, status.cause, status.next_step), expected, "{told}");
                }
            }
        }
    }
    assert_eq!(history.machine.again().state(&history.id), "ACTIVE", "all as it was");
}

/// Store and anchor put back together, and no TPM: nothing here can know better. But the portal has seen
/// a later generation of this very store, by a license that came afterwards; so with its next answer,
/// whatever it is about, all that was put back is marked, and each license is healed by its own refresh.
#[test]
fn r53_the_portals_memory_tells_of_a_store_that_was_put_back_with_its_anchor() {
    let world = World::new();
    let (one, two, later) = (world.nl(1), world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&one, 1).unwrap();
    machine.activate(&two, 1).unwrap();
    let anchor = machine.settings.anchor().unwrap();
    let (saved, saved_anchor) = (machine.images(), std::fs::read(&anchor).unwrap());
    machine.activate(&later, 1).unwrap();
    machine.refresh(Some(&later)).unwrap();
    machine.put_back(&saved);
    std::fs::write(&anchor, saved_anchor).unwrap();

    let restored = machine.again();
    assert_eq!([restored.told(&one), restored.told(&two)], ["ACTIVE", "ACTIVE"]);
    // Both are as the portal knows them: their own generations don't tell.
    restored.refresh(Some(&one)).unwrap();
    assert_eq!(restored.told(&one), "ACTIVE", "asked anew once the store was marked");
    assert_eq!(restored.told(&two), "UNTRUSTED, cause LM_ERR_RESTORED");
    assert_eq!(restored.status(Some(&two)).next_step, LM_NEXT_REPAIR);
    restored.refresh(Some(&two)).unwrap();
    restored.activate(&later, 1).unwrap();
    let process = machine.again();
    assert_eq!([&one, &two, &later].map(|id| process.told(id)), ["ACTIVE"; 3]);
    assert_eq!([&one, &two, &later].map(|id| world.seats(id)), [(1, 0); 3]);
}

#[test]
fn r60_deleting_the_store_neither_restarts_a_trial_nor_frees_a_seat() {
    let world = World::new();
    let end = world.now() + 10 * DAY;
    let trial = world.entitlement_with(1, |new| new.expires_at = end);
    let id = world.id(&trial, Kind::Nl, 1);
    let (machine, other) = (world.machine("field-1"), world.machine("field-2"));
    machine.activate(&id, 1).unwrap();
    assert_eq!(machine.status(Some(&id)).expires_at, end);
    let (storage, anchor) = (machine.settings.storage.clone(), machine.settings.anchor().unwrap());

    for anchor_too in [false, true] {
        std::fs::remove_dir_all(&storage).unwrap();
        if anchor_too {
            std::fs::remove_file(&anchor).unwrap();
        }
        let bare = machine.again();
        let status = bare.status(Some(&id));
        // Known but empty; or, where nothing here knows any more, a machine like a new one.
        let expected = if anchor_too {
            (LM_STATE_ABSENT, LM_OK)
        } else {
            (LM_STATE_UNTRUSTED, LM_ERR_STORAGE_MISSING)
        };
        assert_eq!((status.state, status.cause, status.usable), (expected.0, expected.1, 0));
        assert_eq!(world.seats(&id), (1, 0), "the seat is still taken");
        assert_eq!(other.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS);
        bare.activate(&id, 1).unwrap();
        let again = bare.status(Some(&id));
        assert_eq!((again.state, again.expires_at), (LM_STATE_ACTIVE, end), "the same term");
        assert_eq!(world.seats(&id), (1, 0), "no second seat");
    }
    world.pass(11 * DAY);
    std::fs::remove_dir_all(&storage).unwrap();
    assert_eq!(machine.again().activate(&id, 1).unwrap_err().code, LM_ERR_EXPIRED);
}
