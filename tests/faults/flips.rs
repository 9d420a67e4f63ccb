//! R57: any flipped byte is detected; status still answers.
//!
//! Each byte of both images, alone and in both at once, and of the anchor. After each flip a fresh
//! client opens the store, as an application does that is started on that day, and one that was
//! open all along looks again.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use lm::ffi::*;

use crate::common::machine::Machine;
use crate::common::operations::Shown;
use crate::common::world::World;

/// How a store shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// As before: what is whole stands in for what is not.
    Whole,
    /// Untrusted, no rights, with this cause.
    Untrusted(lm_result),
    /// An answer that fits neither.
    Wrong,
}

/// A machine with a license of three seats, and the files that rot.
struct Scene {
    world: World,
    machine: Machine,
    id: String,
}

impl Scene {
    fn new(identity: &str) -> Self {
        let world = World::new();
        // The portal's clock is ahead, so no client writes a time mark before half an hour is over:
        // whatever is made good here, the test did.
        world.pass(1800);
        let (machine, id) = (world.machine(identity), world.cc(5));
        machine.activate(&id, 3).unwrap();
        machine.refresh(None).unwrap();
        Self { world, machine, id }
    }

    fn image(&self, name: &str) -> PathBuf {
        self.machine.settings.storage.join(name)
    }

    /// The bytes of an image that mean something, and some of the zeros behind it.
    fn places(&self) -> Vec<usize> {
        let bytes = std::fs::read(self.image("a")).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        assert!((1000..bytes.len() - 100).contains(&used), "{used} of {}", bytes.len());
        let zeros = (used..bytes.len()).step_by(61).chain([used + 1, bytes.len() - 1]);
        (0..used).chain(zeros).collect()
    }

    /// What a client makes of the store.
    fn seen_by(&self, machine: &Machine) -> Seen {
        // A list reads the store now, whatever the table said.
        let list = machine.try_list();
        let status = machine.status(Some(&self.id));
        let shown = Shown::on(machine, &self.id);
        let restore = status.trust & LM_TRUST_RESTORE != 0;
        if shown == Shown::active(3) && restore && list.is_ok_and(|list| list.len() == 1) {
            return Seen::Whole;
        }
        let best = machine.status(None);
        let refused = (shown.state, shown.usable, restore) == (LM_STATE_UNTRUSTED, false, false);
        if refused && best.usable == 0 { Seen::Untrusted(status.cause) } else { Seen::Wrong }
    }

    /// Flips a bit of a byte in each of the files, looks, and flips it back: unless it was made good
    /// meanwhile, since a client that is opened a minute after the last change writes its time marks.
    fn flip(&self, files: &[&Path], at: usize) -> Seen {
        files.iter().for_each(|path| flip(path, at));
        let read = || files.iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>();
        let rotten = read();
        let fresh = self.seen_by(&self.machine.again());
        let running = self.seen_by(&self.machine);
        let now = read();
        let as_left = rotten.iter().zip(&now).map(|(rotten, now)| rotten == now);
        files.iter().zip(as_left).filter(|(_, same)| *same).for_each(|(path, _)| flip(path, at));
        if fresh == running { fresh } else { Seen::Wrong }
    }
}

/// In place, so that it stays the same file. Over any eight bytes every bit has its turn.
fn flip(path: &Path, at: usize) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (at % 8))], at as u64).unwrap();
}

#[test]
fn r57_a_flipped_byte_in_one_image_is_made_good_by_the_other() {
    let scene = Scene::new("field-1");
    let (a, b) = (scene.image("a"), scene.image("b"));
    for at in scene.places() {
        for path in [&a, &b] {
            assert_eq!(scene.flip(&[path], at), Seen::Whole, "byte {at} of {}", path.display());
        }
    }
    // The next change makes the rotten one good: without the other, it serves.
    for (rotten, other) in [(&a, &b), (&b, &a)] {
        flip(rotten, 500);
        scene.machine.refresh(None).unwrap();
        assert_eq!(scene.flip(&[other], 500), Seen::Whole);
    }
}

#[test]
fn r57_a_flipped_byte_in_both_images_is_damage_and_gives_no_right() {
    let scene = Scene::new("field-1");
    let (a, b) = (scene.image("a"), scene.image("b"));
    for at in scene.places() {
        let seen = scene.flip(&[&a, &b], at);
        assert_eq!(seen, Seen::Untrusted(LM_ERR_STORAGE_DAMAGED), "byte {at} of both");
    }
    assert_eq!(scene.seen_by(&scene.machine.again()), Seen::Whole, "flipped back");
    // A person's activation makes a new store, and takes no second seat.
    [&a, &b].iter().for_each(|path| flip(path, 500));
    scene.machine.activate(&scene.id, 3).unwrap();
    assert_eq!(scene.seen_by(&scene.machine.again()), Seen::Whole);
    assert_eq!(scene.world.seats(&scene.id), (3, 2));
}

#[test]
fn r57_a_flipped_byte_of_the_anchor_breaks_no_trust() {
    const SLOTS: [Range<usize>; 2] = [0..512, 512..1024];
    let scene = Scene::new("field-1");
    let anchor = scene.machine.settings.anchor().unwrap();
    for at in SLOTS[0].start..SLOTS[1].end {
        assert_eq!(scene.flip(&[&anchor], at), Seen::Whole, "byte {at}");
    }
    // Both slots: the identity of the files is the other anchor, where the system keeps it.
    flip(&anchor, SLOTS[0].start);
    let seen = scene.flip(&[&anchor], SLOTS[1].start);
    let allowed = [Seen::Whole, Seen::Untrusted(LM_ERR_RESTORED)];
    assert!(allowed.contains(&seen), "{seen:?}");
}

/// What the tests above would not catch, they would not see.
#[test]
fn the_eye_sees_a_store_that_was_put_back_and_one_that_lost_a_record() {
    let scene = Scene::new("field-1");
    let old = scene.machine.images();
    scene.machine.refresh(None).unwrap();
    scene.machine.put_back(&old);
    let seen = scene.seen_by(&scene.machine.again());
    assert_eq!(seen, Seen::Untrusted(LM_ERR_RESTORED));
    scene.machine.activate(&scene.id, 3).unwrap();
    scene.machine.return_(&scene.id, 1).unwrap();
    assert_eq!(scene.seen_by(&scene.machine), Seen::Wrong);
}
