//! The race: machines that activate, somebody who kills the portal, and the accounts at the end.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lm::ffi::*;
use lm::ports::Clock;
use lm_portal::admin::entitlements::NewEntitlement;
use lm_portal::admin::show::ActivationView;
use lm_portal::{Kind, Portal};

use crate::common::dice::Dice;
use crate::common::machine::{Machine, PRODUCT};
use crate::common::operations::Shown;
use crate::portal::Program;

pub(crate) struct Plan {
    /// Machines that ask for a seat, each once.
    pub(crate) activations: usize,
    pub(crate) kills: usize,
    pub(crate) clients: usize,
    pub(crate) seats: u32,
    pub(crate) seed: u64,
    pub(crate) memory: Memory,
}

/// What the portal's database is after the second kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Kept,
    /// The one of the first kill.
    PutBack,
}

/// What became of the activations.
#[derive(Default)]
struct Told {
    /// Machines that were told that they hold a seat.
    granted: Mutex<Vec<Machine>>,
    grants: AtomicUsize,
    refused: AtomicUsize,
    told_to_wait: AtomicUsize,
    /// Kills while machines were refused: each may take the count of what was under way.
    kills_amid_refusals: AtomicUsize,
    /// Calls that ended with a code of the network, and were made again.
    unreached: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

struct Race<'a> {
    plan: &'a Plan,
    url: String,
    trust_root: String,
    id: String,
    begun: AtomicUsize,
    done: AtomicUsize,
    told: Told,
}

/// How long a portal that was killed may be away.
const PATIENCE: Duration = Duration::from_secs(120);
/// Refusals of one activation ID after which the portal asks strangers for patience.
const REFUSALS: usize = 300;

/// What does not hold at the end.
pub(crate) fn run(plan: &Plan) -> Vec<String> {
    let mut program = Program::start();
    let portal = program.beside();
    let (trust_root, id) = (portal.trust_root(), new_id(&portal, plan.seats));
    // Nobody else has the database open while the portal is killed and started again.
    drop(portal);
    let race = Race {
        plan,
        url: program.url(),
        trust_root,
        id,
        begun: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        told: Told::default(),
    };
    let kills = std::thread::scope(|scope| {
        for _ in 0..plan.clients {
            scope.spawn(|| race.client());
        }
        race.kill(&mut program)
    });
    race.conclude(&program.beside(), kills)
}

/// An NL activation ID for so many machines.
pub(crate) fn new_id(portal: &Portal, seats: u32) -> String {
    let new = NewEntitlement::new(PRODUCT, &[("ortho", None)], seats);
    let entitlement = portal.create_entitlement(&new).unwrap();
    portal.generate(&entitlement, Kind::Nl, seats, 1).unwrap()[0].activation_id.clone()
}

impl Race<'_> {
    fn client(&self) {
        loop {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            if number >= self.plan.activations {
                return;
            }
            self.activate(number);
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// One machine's activation. A person whose portal isn't reached tries again; one who is refused
    /// or told to wait does as told.
    fn activate(&self, number: usize) {
        let clock = lm::machine::SystemClock;
        let machine = Machine::new(&self.trust_root, Some(&self.url), &format!("racer-{number}"));
        let until = clock.monotonic() + PATIENCE;
        while clock.monotonic() < until {
            let counted = match machine.activate(&self.id, 1).map_err(|failure| failure.code) {
                Ok(()) => {
                    self.told.granted.lock().unwrap().push(machine);
                    &self.told.grants
                }
                Err(LM_ERR_NO_SEATS) => &self.told.refused,
                Err(LM_ERR_PORTAL_BUSY) => &self.told.told_to_wait,
                Err(code) if (LM_ERR_NETWORK..80).contains(&code) => {
                    self.told.unreached.fetch_add(1, Ordering::SeqCst);
                    clock.sleep(Duration::from_millis(20));
                    continue;
                }
                Err(code) => return self.complain(format!("racer {number}: code {code}")),
            };
            counted.fetch_add(1, Ordering::SeqCst);
            return;
        }
        self.complain(format!("racer {number} never reached the portal"));
    }

    /// Kills the portal, most often while seats are left; how often it did.
    fn kill(&self, program: &mut Program) -> usize {
        let (clock, mut dice) = (lm::machine::SystemClock, Dice(self.plan.seed));
        for kill in 0..self.plan.kills {
            while !self.is_time_for(kill) {
                if self.done.load(Ordering::SeqCst) >= self.plan.activations {
                    return kill;
                }
                clock.sleep(Duration::from_millis(1));
            }
            clock.sleep(Duration::from_millis(dice.below(20)));
            let refusals = usize::from(self.told.refused.load(Ordering::SeqCst) > 0);
            self.told.kills_amid_refusals.fetch_add(refusals, Ordering::SeqCst);
            program.kill();
            match (self.plan.memory, kill) {
                (Memory::PutBack, 0) => program.keep(),
                (Memory::PutBack, 1) => program.put_back(),
                _ => {}
            }
            program.start_again();
        }
        self.plan.kills
    }

    /// Four fifths of the kills are spread over the grants, the others over all that comes after.
    fn is_time_for(&self, kill: usize) -> bool {
        let early = (self.plan.kills * 4).div_ceil(5);
        if kill < early {
            let grants = self.told.grants.load(Ordering::SeqCst);
            return grants >= (kill + 1) * self.plan.seats as usize / (early + 1);
        }
        let late = self.plan.kills - early;
        let done = self.done.load(Ordering::SeqCst);
        done >= (kill - early + 1) * self.plan.activations / (late + 1)
    }

    #[allow(clippy::print_stdout, reason = "the program's report")]
    fn conclude(self, portal: &Portal, kills: usize) -> Vec<String> {
        let books = portal.show(&self.id).unwrap();
        let granted = self.told.granted.lock().unwrap();
        let mut found = self.told.complaints.lock().unwrap().clone();
        found.extend(disagreements(&granted, &self.id, &books));
        let [grants, refused, waiting, unreached] =
            [&self.told.grants, &self.told.refused, &self.told.told_to_wait, &self.told.unreached]
                .map(|count| count.load(Ordering::SeqCst));
        println!(
            "  {} activations by {} clients for {} seats, {kills} kills: {grants} granted, \
             {refused} refused, {waiting} told to wait, {unreached} calls that did not get through; \
             by the books {} fulfilled, {} available",
            self.plan.activations,
            self.plan.clients,
            self.plan.seats,
            books.fulfilled,
            books.available
        );
        if grants + refused + waiting != self.plan.activations {
            found.push("not every activation came to an end".to_owned());
        }
        if kills != self.plan.kills || (kills > 0 && unreached == 0) {
            found.push("a race in which the portal was not killed as planned".to_owned());
        }
        // Those that are under way when the limit is reached are refused, too.
        let amid = 1 + self.told.kills_amid_refusals.load(Ordering::SeqCst);
        if refused > REFUSALS + self.plan.clients * amid {
            found.push("the limit of refusals did not hold".to_owned());
        }
        if let Some(row) = portal.history_break().unwrap() {
            found.push(format!("the history is broken at row {row}"));
        }
        found
    }

    fn complain(&self, what: String) {
        self.told.complaints.lock().unwrap().push(what);
    }
}

/// Whoever was told that it holds a seat does, on the next start and by the books, and nobody else.
fn disagreements(granted: &[Machine], id: &str, books: &ActivationView) -> Vec<String> {
    let mut found = Vec::new();
    let mut held = BTreeSet::new();
    for machine in granted {
        let machine = machine.again();
        if Shown::on(&machine, id) != Shown::active(1) {
            found.push(format!("{}: {:?}", machine.settings.identity, Shown::on(&machine, id)));
        }
        held.extend(machine.list().into_iter().map(|(_, fulfillment, generation)| {
            (fulfillment, generation as i64, machine.settings.identity.clone())
        }));
    }
    let listed = books.fulfillments.iter();
    let listed: BTreeSet<_> = listed
        .map(|row| (row.fulfillment_id.clone(), row.generation, row.host_label.clone()))
        .collect();
    for row in held.difference(&listed) {
        found.push(format!("told so, and not in the books: {row:?}"));
    }
    for row in listed.difference(&held) {
        found.push(format!("in the books, and nobody was told: {row:?}"));
    }
    let counted = (held.len() as i64, books.fulfilled, books.available);
    if counted != (books.seats, books.seats, 0) {
        found.push(format!("held, fulfilled and available of {}: {counted:?}", books.seats));
    }
    found
}
