//! One world: machines, a wire, a portal, true time, and the judgment that watches.

mod crash;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::cover::Cover;
use crate::dice::Dice;
use crate::events::{Carried, Kept};
use crate::fault::Fault;
use crate::history::Happened;
use crate::judge::Judge;
use crate::locked;
use crate::machine::{Machine, Place, Process};
use crate::plan::{BEGIN, DAY, Order, Plan, Replay};
use crate::portal::Portal;
use crate::wire::Wire;
use crash::Armed;
pub(crate) use crash::Point;

/// What broke the promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which check.
    pub check: &'static str,
    /// What is wrong.
    pub text: String,
    /// During which event.
    pub event: u64,
}

/// One world.
pub(crate) struct World {
    pub(crate) order: Order,
    pub(crate) plan: Plan,
    pub(crate) portal: Arc<Portal>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) wire: Mutex<Wire>,
    pub(crate) judge: Mutex<Judge>,
    pub(crate) cover: Mutex<Cover>,
    /// What people keep of stores and machines.
    pub(crate) kept: Mutex<Vec<Kept>>,
    /// Files that people carry.
    pub(crate) files: Mutex<Vec<Carried>>,
    hosts: AtomicUsize,
    /// Milliseconds since 1970.
    time: AtomicI64,
    /// By how many milliseconds the portal's clock is ahead of true time.
    portal_ahead: AtomicI64,
    event: AtomicU64,
    depth: AtomicU64,
    processes: AtomicU64,
    calm: AtomicBool,
    dice: Mutex<Dice>,
    secrets: Mutex<Dice>,
    given: Mutex<Vec<[u8; 16]>>,
    armed: Mutex<Option<Armed>>,
    broken: Mutex<Option<Broken>>,
    story: Mutex<Vec<String>>,
    pub(crate) history: Mutex<Vec<Happened>>,
}

impl World {
    pub(crate) fn new(order: Order, portal: Arc<Portal>) -> Arc<Self> {
        let plan = Plan::of(order.seed);
        let time = BEGIN * 1000;
        let dice = &mut Dice::of(order.seed, 0, 3);
        let machines = plan.machines.iter().enumerate();
        let machines = machines.map(|(n, plan)| Machine::new(n, *plan, time, dice)).collect();
        Arc::new(Self {
            dice: Mutex::new(Dice::of(order.seed, 0, 1)),
            secrets: Mutex::new(Dice::of(order.seed, 0, 2)),
            order,
            plan,
            portal,
            machines,
            wire: Mutex::default(),
            judge: Mutex::default(),
            cover: Mutex::default(),
            kept: Mutex::default(),
            files: Mutex::default(),
            hosts: AtomicUsize::new(100),
            time: AtomicI64::new(time),
            portal_ahead: AtomicI64::new(0),
            event: AtomicU64::new(0),
            depth: AtomicU64::new(0),
            processes: AtomicU64::new(0),
            calm: AtomicBool::new(true),
            given: Mutex::default(),
            armed: Mutex::default(),
            broken: Mutex::default(),
            story: Mutex::default(),
            history: Mutex::default(),
        })
    }

    // Time.

    /// True time, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.time.load(Ordering::Relaxed)
    }

    /// Time passes.
    pub(crate) fn pass(&self, milliseconds: i64) {
        self.time.fetch_add(milliseconds.max(0), Ordering::Relaxed);
    }

    /// What the portal's clock should say, Unix seconds.
    pub(crate) fn portal_time(&self) -> i64 {
        (self.now() + self.portal_ahead.load(Ordering::Relaxed)).div_euclid(1000)
    }

    /// What it says.
    pub(crate) fn portal_now(&self) -> i64 {
        let wrong = if self.event() % 40 >= 15 && !self.is_calm() { 30 * DAY } else { 0 };
        match self.fault() {
            Some(Fault::PortalClockBack) => self.portal_time() - wrong,
            Some(Fault::PortalClockAhead) => self.portal_time() + wrong,
            _ => self.portal_time(),
        }
    }

    pub(crate) fn set_portal_ahead(&self, milliseconds: i64) {
        self.portal_ahead.store(milliseconds, Ordering::Relaxed);
    }

    // Chance.

    pub(crate) fn dice<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut locked(&self.dice))
    }

    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.dice(|dice| dice.percent(chance))
    }

    pub(crate) fn below(&self, count: usize) -> usize {
        self.dice(|dice| dice.index(count)).unwrap_or(0)
    }

    pub(crate) fn pick<T: Clone>(&self, of: &[T]) -> Option<T> {
        self.dice(|dice| dice.pick(of).cloned())
    }

    /// The randomness of the machines.
    pub(crate) fn secrets(&self, bytes: &mut [u8]) {
        locked(&self.secrets).fill(bytes);
    }

    /// The portal's, for one transaction.
    pub(crate) fn portal_dice(&self) -> Dice {
        Dice::of(self.order.seed, locked(&self.secrets).roll(), 4)
    }

    /// A planted fault: what was given as random before is given again, now and then.
    pub(crate) fn repeated(&self, bytes: &mut [u8]) {
        let mut given = locked(&self.given);
        let before = if self.percent(5) { self.pick(&given) } else { None };
        match (before, <[u8; 16]>::try_from(&*bytes)) {
            (Some(before), _) => bytes.copy_from_slice(&before),
            (None, Ok(new)) => given.push(new),
            (None, Err(_)) => {}
        }
    }

    // Who is here.

    pub(crate) fn machine(&self, number: usize) -> &Machine {
        &self.machines[number]
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let used = self.machines.iter().filter(|machine| machine.is_used());
        used.flat_map(Machine::all_places).collect()
    }

    pub(crate) fn host_of(&self, machine: usize) -> usize {
        *locked(&self.machine(machine).host)
    }

    /// A host that there wasn't before.
    pub(crate) fn new_host(&self) -> usize {
        self.hosts.fetch_add(1, Ordering::Relaxed)
    }

    /// An activation ID that no portal has made.
    pub(crate) fn unknown_id(&self) -> String {
        let mut bytes = [0; 10];
        self.dice(|dice| dice.fill(&mut bytes));
        lm_protocol::ActivationId::from_random(bytes).to_string()
    }

    pub(crate) fn live(&self) -> Vec<Arc<Process>> {
        self.machines.iter().flat_map(Machine::live).collect()
    }

    pub(crate) fn new_process(&self, place: Place) -> Arc<Process> {
        let number = self.processes.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Process::new(number, place))
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.order.fault
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.order.fault == Some(fault)
    }

    /// Whether nothing fails: at the beginning, and at the end, when everything must drain.
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(crate) fn set_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::Relaxed);
    }

    pub(crate) fn event(&self) -> u64 {
        self.event.load(Ordering::Relaxed)
    }

    pub(crate) fn depth(&self) -> u64 {
        self.depth.load(Ordering::Relaxed)
    }

    // What is told.

    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        if self.order.told {
            let indent = "  ".repeat(usize::try_from(self.depth()).unwrap_or(0));
            locked(&self.story).push(format!("{indent}{}", text()));
        }
    }

    /// The first broken promise ends the seed.
    pub(crate) fn accuse(&self, check: &'static str, text: impl FnOnce() -> String) {
        let mut broken = locked(&self.broken);
        if self.order.replay == Replay::Alone {
            return;
        }
        if broken.is_none() {
            let text = text();
            *broken = Some(Broken { check, text: text.clone(), event: self.event() });
            drop(broken);
            self.tell(|| format!("BROKEN ({check}): {text}"));
        }
    }

    /// As [`World::accuse`], of an event that is over.
    pub(crate) fn accuse_of(&self, event: u64, check: &'static str, text: String) {
        self.tell(|| format!("BROKEN ({check}) at event {event}: {text}"));
        locked(&self.broken).get_or_insert(Broken { check, text, event });
    }

    pub(crate) fn broken(&self) -> Option<Broken> {
        locked(&self.broken).clone()
    }

    pub(crate) fn story(&self) -> Vec<String> {
        locked(&self.story).clone()
    }

    /// Ends the world: processes hold clients, and clients the world.
    pub(crate) fn end(&self) {
        for machine in &self.machines {
            machine.forget();
        }
    }
}
