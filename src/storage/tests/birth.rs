//! How a store comes to be, and what stays of it.

use super::world::{WAIT, World, count, counter, sound, state};
use crate::storage::State;

#[test]
fn a_store_is_made_by_its_first_change_and_found_again() {
    let world = World::new();
    let store = world.real_store("s");
    assert_eq!(state(&store), State::Absent);
    assert!(!world.dir("s").exists(), "reading makes nothing");

    let seen = count(&store).unwrap();
    assert_eq!(seen.state, State::Absent);
    // Image 1 holds no record; the first change is the second.
    assert_eq!(seen.next_generation, 2);

    let again = world.real_store("s");
    let reading = sound(&again);
    assert_eq!(reading.standing.store_id, seen.next_store_id);
    assert_eq!(reading.standing.generation, 2);
    assert_eq!(reading.standing.highest_anchor, 2);
    assert_eq!(counter(&reading.contents), 1);
    assert_eq!(reading.notes, []);
    assert_eq!(again.look().unwrap(), reading.look);
    assert_eq!(again.read_if_changed(&reading.look, WAIT).unwrap(), None);

    count(&again).unwrap();
    assert_ne!(store.look().unwrap(), reading.look);
    assert_eq!(sound(&store).standing.generation, 3);
    assert_eq!(store.read_if_changed(&reading.look, WAIT).unwrap(), Some(sound(&store)));
}
