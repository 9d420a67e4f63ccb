//! Honest machines that crash again and again are never accused.

use super::memory::{Dice, Memory, tell};
use super::world::{count, counter};
use crate::storage::State;

/// One machine's life: crash upon crash, each at any step, with or without a loss of power.
fn life(restarts: usize, seed: u64) -> Vec<String> {
    let mut dice = Dice(seed);
    let mut memory = Memory::default();
    let (mut durable, mut seen) = (0, 0);
    let mut alarms = Vec::new();
    for restart in 0..restarts {
        memory.kill_after(dice.roll(40));
        if count(&memory.store()).is_ok() {
            // A success is durable.
            durable = seen + 1;
        }
        let most = seen + 1;
        let cut = dice.roll(2) == 0;
        if cut {
            let steps = memory.log_len();
            let kept = dice.some_of(&memory.uncertain(steps));
            memory = Memory::of(memory.after_power_loss(steps, &kept));
            // A new number at each boot, as on btrfs.
            memory.inner().device = dice.roll(1000) as u64;
        }
        memory.revive();
        let reading = memory.store().read().unwrap();
        let (state, found) = (reading.standing.state, counter(&reading.contents));
        let calm = matches!(state, State::Sound | State::Absent);
        if !calm || !(durable..=most).contains(&found) {
            let told = format!("{state:?}, {found} of {durable} to {most}");
            alarms.push(format!("seed {seed}, restart {restart}, cut {cut}: {told}"));
        }
        seen = found;
        if cut {
            durable = found;
        }
    }
    alarms
}

#[test]
fn r53_ten_thousand_honest_crashes_raise_no_false_alarm() {
    let lives: u64 = 200;
    let alarms: Vec<_> = (0..lives).flat_map(|seed| life(50, seed)).collect();
    tell(usize::try_from(lives).unwrap() * 50, "honest crashes and restarts");
    assert_eq!(alarms, [""; 0]);
}
