//! What a host had confirmed when the power was cut, and what is to be found afterwards.

use lm::ffi::*;

use crate::common::books::disagreements;
use crate::common::machine::{Machine, Settings};
use crate::common::operations::Shown;
use crate::common::world::World;
use crate::host::Call;

/// A license of the host's, as it was last confirmed.
pub(crate) struct License {
    pub(crate) id: String,
    seats: u32,
    generation: u64,
    /// Begun and not confirmed.
    pub(crate) under_way: Option<Call>,
}

/// How a call that was broken off was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Before,
    Pending,
    After,
}

const READ_ONLY: u64 = LM_ERR_STORAGE_READ_ONLY as u64;
const BUSY: u64 = LM_ERR_BUSY as u64;
const FAILED_DISK: u64 = LM_ERR_STORAGE_IO as u64;
const ALL_TRUST: u32 = LM_TRUST_HOST | LM_TRUST_RESTORE | LM_TRUST_TIME;

impl License {
    pub(crate) fn new(id: String) -> Self {
        Self { id, seats: 0, generation: 0, under_way: None }
    }

    /// Takes in a line of the host's. `Err`: what must not be.
    pub(crate) fn hear(&mut self, words: &[&str]) -> Result<(), String> {
        let number = |index: usize| words[index].parse::<u64>().unwrap();
        match words[0] {
            "do" => self.under_way = Some(Call::from_words(words[2], number(3) as u32)),
            "did" => {
                (self.seats, self.generation) = (number(2) as u32, number(3));
                self.under_way = None;
            }
            // The disk fails from the cut on, and the portal may be slow: the call stays open.
            "failed" if matches!(number(2), BUSY | FAILED_DISK | READ_ONLY | 70..80) => {}
            _ => return Err(words.join(" ")),
        }
        Ok(())
    }

    fn confirmed(&self) -> Shown {
        if self.seats == 0 { Shown::ABSENT } else { Shown::active(self.seats) }
    }

    /// What may be found, and what that says.
    fn possible(&self) -> Vec<(Left, Shown)> {
        let before = self.confirmed();
        let after = |seats| if seats == 0 { Shown::ABSENT } else { Shown::active(seats) };
        let (pending, after) = match self.under_way {
            None => (before, before),
            Some(Call::Refresh) => (before, before),
            Some(Call::Activate(seats)) if self.seats == 0 => (Shown::ACTIVATING, after(seats)),
            Some(Call::Activate(seats)) => (before, after(seats)),
            Some(Call::Return(seats)) => {
                let stay = if seats == 0 { 0 } else { self.seats - seats };
                (Shown::returning(stay), after(stay))
            }
        };
        vec![(Left::Before, before), (Left::Pending, pending), (Left::After, after)]
    }

    /// On the first look: as confirmed, or the call that was under way is pending or done.
    fn look(&self, machine: &Machine, world: &World, found: &mut Vec<String>) -> Option<Left> {
        let status = machine.status(Some(&self.id));
        if status.trust != ALL_TRUST || status.state == LM_STATE_UNTRUSTED {
            found.push(format!("trust is broken: {:#b}, cause {}", status.trust, status.cause));
        }
        let (shown, possible) = (Shown::on(machine, &self.id), self.possible());
        let left = possible.iter().find(|(_, possible)| *possible == shown).map(|(left, _)| *left);
        if left.is_none() {
            found.push(format!("confirmed was {:?}, {:?}; found {shown:?}", self.seats, possible));
        }
        let generation = generation(machine, &self.id);
        if self.under_way.is_none() && generation < self.generation {
            found.push(format!("generation {generation}, confirmed was {}", self.generation));
        }
        let used = if shown.usable { i64::from(shown.seats) } else { 0 };
        let fulfilled = world.seats(&self.id).0;
        if used > fulfilled {
            found.push(format!("{used} seats are used, by the books {fulfilled} are fulfilled"));
        }
        left
    }

    /// Once resumed: before or after, and the portal agrees.
    fn settle(&mut self, machine: &Machine, world: &World, found: &mut Vec<String>) {
        let (shown, possible) = (Shown::on(machine, &self.id), self.possible());
        if ![possible[0].1, possible[2].1].contains(&shown) {
            found.push(format!("resumed it is {shown:?}, not of {possible:?}"));
        }
        found.extend(disagreements(machine, &self.id, &world.show(&self.id)));
        self.seats = shown.seats;
        self.generation = generation(machine, &self.id);
        self.under_way = None;
    }
}

fn generation(machine: &Machine, id: &str) -> u64 {
    let row = machine.try_list().unwrap_or_default().into_iter().find(|(known, ..)| known == id);
    row.map_or(0, |(.., generation)| generation)
}

/// What does not hold after a cut, and how each call that was broken off was found.
pub(crate) fn after_a_cut(
    settings: &Settings,
    licenses: &mut [License],
    world: &World,
) -> (Vec<String>, Vec<Left>) {
    let machine = match Machine::open(settings.clone()) {
        Ok(machine) => machine,
        Err(failure) => return (vec![format!("it can't be opened: {failure:?}")], Vec::new()),
    };
    if let Err(failure) = machine.try_list() {
        return (vec![format!("missing or damaged: {failure:?}")], Vec::new());
    }
    let (mut found, mut left) = (Vec::new(), Vec::new());
    for license in licenses.iter() {
        let seen = license.look(&machine, world, &mut found);
        left.extend(seen.filter(|_| license.under_way.is_some()));
    }
    found.extend(machine.resume().err().map(|failure| format!("resume: {failure:?}")));
    licenses.iter_mut().for_each(|license| license.settle(&machine, world, &mut found));
    (found, left)
}

/// At the end of a machine's life all seats come back, and the portal has nothing against it.
pub(crate) fn at_the_end(settings: &Settings, licenses: &[License], world: &World) -> Vec<String> {
    let machine = Machine::open(settings.clone()).unwrap();
    let mut found = Vec::new();
    for license in licenses {
        if license.seats > 0 {
            let returned = machine.return_(&license.id, 0).err();
            found.extend(returned.map(|failure| format!("returning all: {failure:?}")));
        }
        if world.seats(&license.id) != (0, 5) {
            found.push(format!("seats are missing: {:?}", world.seats(&license.id)));
        }
        let history = world.portal.history(Some(&license.id), 10_000).unwrap();
        let flagged = history.iter().filter(|row| row.flagged);
        found.extend(flagged.map(|row| format!("flagged: {row:?}")));
    }
    found
}
