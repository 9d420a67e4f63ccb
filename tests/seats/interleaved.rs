//! A checkout and a return, one inside the other: before each step that the one takes at a file, the
//! other runs from beginning to end. Exactly one of the two gets the seats.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lm::ports::Stat;
use lm::storage::{SystemFiles, bytes_of};
use lm::{Client, Code, Seat};

use crate::common::machine::Machine;
use crate::common::over_system::{Otherwise, OverSystem};
use crate::common::world::World;
use crate::{HOST, open};

/// What is left out of the rules, to see that these tests see it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    /// Once a seat is locked, the store is as it was: the checkout reads it in vain.
    ReadsOld,
    /// Locks are only said to be taken.
    LocksNothing,
}

type Action = Box<dyn FnOnce() + Send>;

struct Inner {
    fault: Fault,
    /// So many steps from now it happens.
    action: Option<(usize, Action)>,
    /// Under `ReadsOld`: what each file was at its first look.
    old: BTreeMap<PathBuf, (Option<Stat>, Option<Vec<u8>>)>,
}

/// The system's files, with something else in between. Clones are the same.
#[derive(Clone)]
struct Between(Arc<Mutex<Inner>>);

impl Between {
    fn new(fault: Fault) -> Self {
        Self(Arc::new(Mutex::new(Inner { fault, action: None, old: BTreeMap::new() })))
    }

    /// What both say, the inner one done before the given step of the outer one. `None`: that has no
    /// such step.
    fn with_inside<A, B: Send + 'static>(
        &self,
        step: usize,
        outer: impl FnOnce() -> A,
        inner: impl FnOnce() -> B + Send + 'static,
    ) -> Option<(A, B)> {
        let said = Arc::new(Mutex::new(None));
        let place = said.clone();
        let action: Action = Box::new(move || *place.lock().unwrap() = Some(inner()));
        self.0.lock().unwrap().action = Some((step, action));
        let outer = outer();
        self.0.lock().unwrap().action = None;
        let inner = said.lock().unwrap().take()?;
        Some((outer, inner))
    }

    fn fault(&self) -> Fault {
        self.0.lock().unwrap().fault
    }

    /// What was there first, where this is to be told for ever.
    fn old<T: Clone>(
        &self,
        path: &Path,
        now: T,
        place: impl Fn(&mut (Option<Stat>, Option<Vec<u8>>)) -> &mut Option<T>,
    ) -> T {
        if self.fault() != Fault::ReadsOld || path.ends_with("slots") {
            return now;
        }
        let mut inner = self.0.lock().unwrap();
        place(inner.old.entry(path.to_owned()).or_default()).get_or_insert(now).clone()
    }
}

impl Otherwise for Between {
    fn step(&self) {
        let mut inner = self.0.lock().unwrap();
        let due = match &mut inner.action {
            Some((0, _)) => inner.action.take(),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        drop(inner);
        if let Some((_, action)) = due {
            action();
        }
    }
    fn told(&self, path: &Path, stat: Stat) -> Stat {
        self.old(path, stat, |(stat, _)| stat)
    }
    fn read(&self, path: &Path, bytes: Vec<u8>) -> Vec<u8> {
        self.old(path, bytes, |(_, bytes)| bytes)
    }
    fn locks_bytes(&self) -> bool {
        self.fault() != Fault::LocksNothing
    }
}

/// One machine with three seats, and two clients on it.
struct Site {
    world: World,
    machine: Machine,
    id: String,
    fault: Fault,
}

/// What came of it: the seats of the checkout and what the return said.
type Both = (lm::Result<Seat>, lm::Result<()>);

impl Site {
    fn new(fault: Fault) -> Self {
        let world = World::new();
        let id = world.cc(3);
        let machine = world.machine(HOST);
        Self { world, machine, id, fault }
    }

    fn client(&self, files: Between) -> Arc<Client> {
        Arc::new(open(&self.world, &self.machine.settings.storage, Arc::new(OverSystem(files))))
    }

    /// Of the three seats two are checked out while two are returned: before the given step of the one
    /// the other happens. `None`: the one has no such step.
    fn run(&self, outer: Outer, step: usize) -> Option<Both> {
        self.machine.activate(&self.id, 3).unwrap();
        // The fault is the checkout's: the return goes by the rules.
        let (of_checkout, of_return) = (Between::new(self.fault), Between::new(Fault::Nothing));
        let user = self.client(of_checkout.clone());
        let giver = self.client(of_return.clone());
        let id = self.id.clone();
        match outer {
            Outer::Checkout => {
                let inner = move || giver.return_(&id, 2);
                of_checkout.with_inside(step, || user.checkout("ortho", 2), inner)
            }
            Outer::Return => {
                let inner = move || user.checkout("ortho", 2);
                let both = of_return.with_inside(step, || giver.return_(&id, 2), inner);
                both.map(|(returned, taken)| (taken, returned))
            }
        }
    }

    /// What is wrong with it.
    fn judge(&self, (taken, returned): &Both) -> Option<String> {
        let left = self.machine.again().status(Some(&self.id)).seats;
        let storage = lm::storage::Storage::new(&self.place(), &self.ports()).unwrap();
        let slots = storage.slots_to_count().unwrap().unwrap();
        let first = bytes_of(&self.id).start;
        let held = slots.in_use(bytes_of(&self.id)).unwrap();
        let beyond = held.iter().any(|bytes| bytes.end > first + u64::from(left));
        match (taken, returned) {
            _ if beyond => Some(format!("{left} seats are left and {held:?} are held")),
            (Ok(_), Ok(())) => Some("both got the seats".to_owned()),
            (Ok(_), Err(refused)) if refused.code() == Code::InUse && left == 3 => None,
            (Err(refused), Ok(())) if refused.code() == Code::NoFreeSeat && left == 1 => None,
            other => Some(format!("{other:?}, {left} left")),
        }
    }

    fn place(&self) -> lm::storage::Place {
        lm::storage::Place {
            vendor: lm_protocol::TrustRoot::parse(&self.machine.settings.trust_root)
                .unwrap()
                .vendor,
            product: self.machine.settings.product.clone(),
            scope: lm::Scope::User,
            dir: Some(self.machine.settings.storage.clone()),
        }
    }

    fn ports(&self) -> lm::ports::Ports {
        lm::ports::Ports {
            clock: Arc::new(lm::machine::SystemClock),
            random: Arc::new(lm::machine::SystemRandom::new()),
            files: Arc::new(SystemFiles),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Outer {
    Checkout,
    Return,
}

/// All steps; how often the checkout and how often the return got the seats, and what was wrong.
fn all_steps(outer: Outer, fault: Fault) -> (usize, usize, Vec<String>) {
    let site = Site::new(fault);
    let (mut checkouts, mut returns, mut wrong) = (0, 0, Vec::new());
    for step in 0.. {
        let Some(results) = site.run(outer, step) else { break };
        let judged = site.judge(&results);
        wrong.extend(judged.map(|what| format!("{outer:?}, step {step}: {what}")));
        checkouts += usize::from(results.0.is_ok());
        returns += usize::from(results.1.is_ok());
        drop(results);
    }
    (checkouts, returns, wrong)
}

#[test]
fn a_return_inside_a_checkout_and_one_of_them_gets_the_seats() {
    let (checkouts, returns, wrong) = all_steps(Outer::Checkout, Fault::Nothing);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checkouts > 3 && returns > 3, "{checkouts} checkouts, {returns} returns");
}

#[test]
fn a_checkout_inside_a_return_and_one_of_them_gets_the_seats() {
    let (checkouts, returns, wrong) = all_steps(Outer::Return, Fault::Nothing);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checkouts > 3 && returns > 3, "{checkouts} checkouts, {returns} returns");
}

/// Rule "lock, then read": a checkout that doesn't read the store again keeps what was returned.
#[test]
fn a_checkout_that_does_not_read_again_is_seen() {
    let (_, _, wrong) = all_steps(Outer::Checkout, Fault::ReadsOld);
    assert!(wrong.iter().any(|what| what.contains("1 seats are left")), "{wrong:#?}");
}

#[test]
fn a_checkout_that_does_not_lock_is_seen() {
    let (_, _, wrong) = all_steps(Outer::Checkout, Fault::LocksNothing);
    assert!(wrong.iter().any(|what| what.contains("both got the seats")), "{wrong:#?}");
}
