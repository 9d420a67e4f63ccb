//! One world: machines, a wire, a portal, true time, and the judgment that watches.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lm::Client;

use crate::cover::Cover;
use crate::dice::Dice;
use crate::events::{self, Carried, Kept};
use crate::fault::Fault;
use crate::history::Happened;
use crate::judge::Judge;
use crate::locked;
use crate::machine::{Machine, Place, Process};
use crate::plan::{BEGIN, DAY, Order, Plan};
use crate::portal::{End, Portal};
use crate::wire::Wire;

/// How deep an event may happen within another.
const DEEPEST: u64 = 2;

/// Where in a call of the library a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before a file or a name changes.
    Changes,
    /// Before a sync.
    Syncs,
    /// After a wait.
    Slept,
    /// Before seats are locked.
    Locks,
    /// Before a request is sent. No lock is held.
    Sends,
    /// Before its answer is taken. No lock is held.
    Received,
}

/// A crash that is on its way: at the so-manieth point from now.
#[derive(Clone, Copy, Debug)]
struct Armed {
    points: u64,
    crash: Crash,
}

/// What crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    /// The process is killed: what it wrote stays.
    Process,
    /// The machine loses power: what wasn't synced may be gone.
    Power,
    /// The portal dies during its next transaction.
    Portal,
}

/// What is thrown through a call of a process that dies.
struct Killed;

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
        if broken.is_none() {
            let text = text();
            *broken = Some(Broken { check, text: text.clone(), event: self.event() });
            drop(broken);
            self.tell(|| format!("BROKEN ({check}): {text}"));
        }
    }

    pub(crate) fn broken(&self) -> Option<Broken> {
        locked(&self.broken).clone()
    }

    pub(crate) fn story(&self) -> Vec<String> {
        locked(&self.story).clone()
    }

    // What happens.

    /// One event of the seed: its own dice, and now and then a crash on its way.
    pub(crate) fn begin_event(&self, number: u64) {
        self.event.store(number, Ordering::Relaxed);
        *locked(&self.dice) = Dice::of(self.order.seed, number, 1);
        *locked(&self.secrets) = Dice::of(self.order.seed, number, 2);
        let crash = match self.below(100) {
            0..2 => Some(Crash::Process),
            2..4 => Some(Crash::Power),
            4..5 => Some(Crash::Portal),
            _ => None,
        };
        *locked(&self.armed) = crash.map(|crash| {
            let points = self.dice(|dice| 1 + dice.below(1 + dice.clone().below(40)));
            Armed { points, crash }
        });
    }

    /// From here on nothing fails.
    pub(crate) fn calm_down(&self) {
        self.begin_event(self.order.events + 1);
        *locked(&self.armed) = None;
        self.set_calm(true);
    }

    /// A crash that met nobody during the event comes now.
    pub(crate) fn end_event(&self) {
        let Some(armed) = locked(&self.armed).take() else { return };
        let Some(process) = self.pick(&self.live()) else { return };
        self.strike(&process, armed.crash);
    }

    /// Before a process does something to the world. It may die here; others may come first.
    pub(crate) fn at(self: &Arc<Self>, process: &Process, point: Point) {
        die_if_dead(process);
        if self.is_calm() {
            return;
        }
        if let Some(crash) = self.due() {
            self.strike(process, crash);
            die_if_dead(process);
        }
        if self.depth() < DEEPEST && self.percent(chance_of_others(point, self.depth())) {
            self.depth.fetch_add(1, Ordering::Relaxed);
            events::meanwhile(self, process, point);
            self.depth.fetch_sub(1, Ordering::Relaxed);
            die_if_dead(process);
        }
    }

    fn due(&self) -> Option<Crash> {
        let mut armed = locked(&self.armed);
        let left = armed.as_mut().filter(|armed| armed.crash != Crash::Portal)?;
        left.points -= 1;
        if left.points > 0 {
            return None;
        }
        armed.take().map(|armed| armed.crash)
    }

    /// Whether the next point of this process is its last: a write is torn there.
    pub(crate) fn dies_at_write(&self, process: &Process) -> bool {
        let armed = *locked(&self.armed);
        process.is_alive()
            && !self.is_calm()
            && armed.is_some_and(|armed| armed.points == 1 && armed.crash != Crash::Portal)
    }

    fn strike(&self, process: &Process, crash: Crash) {
        let machine = self.machine(process.place.machine);
        self.tell(|| format!("  crash of {}: {crash:?}", process.place));
        match crash {
            Crash::Process => machine.kill(process),
            Crash::Power => self.dice(|dice| machine.lose_power(self.now(), dice)),
            Crash::Portal => {}
        }
    }

    /// How the portal's next transaction ends.
    pub(crate) fn portal_end(&self) -> End {
        if self.has(Fault::AnsweredBeforeCommit) && self.percent(5) {
            return End::AnswersAnyway;
        }
        let mut armed = locked(&self.armed);
        if armed.is_none_or(|armed| armed.crash != Crash::Portal) {
            return End::Commit;
        }
        *armed = None;
        let half = self.percent(50);
        if half { End::DiesAtEnd } else { End::DiesAt(self.dice(|dice| dice.below(3))) }
    }

    /// A call of a process. `None`: it died in it.
    pub(crate) fn call<T>(&self, process: &Process, call: impl FnOnce(&Client) -> T) -> Option<T> {
        let client = process.client()?;
        process.enter();
        let done = self.survives(process, || call(client));
        process.leave();
        done
    }

    /// `None`: the process died in it.
    pub(crate) fn survives<T>(&self, process: &Process, work: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => process.is_alive().then_some(done),
            Err(thrown) if thrown.is::<Killed>() => None,
            Err(thrown) => {
                let text = thrown.downcast_ref::<String>().cloned();
                let text = text.or_else(|| Some((*thrown.downcast_ref::<&str>()?).to_owned()));
                self.accuse("no panic", || text.unwrap_or_default());
                self.machine(process.place.machine).kill(process);
                None
            }
        }
    }

    /// Ends the world: processes hold clients, and clients the world.
    pub(crate) fn end(&self) {
        for machine in &self.machines {
            machine.forget();
        }
    }
}

/// A dead process does nothing any more: the call that it was in is left, and what it has open is
/// closed, as the kernel does it.
fn die_if_dead(process: &Process) {
    if !process.is_alive() {
        resume_unwind(Box::new(Killed));
    }
}

/// How often others come first, in a hundred. A lock is held at most points: who waits for it takes
/// its time.
fn chance_of_others(point: Point, depth: u64) -> u64 {
    match (point, depth) {
        (Point::Sends | Point::Received, _) => 8,
        (Point::Slept | Point::Locks, 0) => 4,
        (Point::Syncs, 0) => 2,
        _ => 0,
    }
}
