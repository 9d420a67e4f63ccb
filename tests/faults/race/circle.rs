//! R8 with a portal that is killed: machines take their seats and give them back, again and again.
//! Each answer that a machine was given is in the books once, and at the end all seats are back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lm::ffi::*;
use lm::ports::Clock;
use lm_portal::Portal;

use crate::common::books::disagreements;
use crate::common::dice::Dice;
use crate::common::machine::{Machine, Outcome};
use crate::portal::Program;
use crate::racers::new_id;

const MACHINES: usize = 16;
/// Calls done, of all machines, from one kill to the next.
const CALLS: usize = 12;

#[derive(Default)]
struct Circle {
    is_over: AtomicBool,
    activations: AtomicUsize,
    returns: AtomicUsize,
    unreached: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

/// What does not hold at the end.
pub(crate) fn run(kills: usize, seed: u64) -> Vec<String> {
    let mut program = Program::start();
    let portal = program.beside();
    let (trust_root, id) = (portal.trust_root(), new_id(&portal, MACHINES as u32));
    drop(portal);
    let machine = |n| Machine::new(&trust_root, Some(&program.url()), &format!("round-{n}"));
    let machines: Vec<_> = (0..MACHINES).map(machine).collect();
    let circle = Circle::default();
    std::thread::scope(|scope| {
        for machine in &machines {
            scope.spawn(|| circle.go_round(machine, &id));
        }
        circle.kill(&mut program, kills, seed);
        circle.is_over.store(true, Ordering::SeqCst);
    });
    circle.conclude(&machines, &id, &program.beside(), kills)
}

impl Circle {
    fn go_round(&self, machine: &Machine, id: &str) {
        while !self.is_over.load(Ordering::SeqCst) {
            self.call(&self.activations, || machine.activate(id, 1));
            self.call(&self.returns, || machine.return_(id, 0));
        }
    }

    /// The same call, until it is answered.
    fn call(&self, done: &AtomicUsize, call: impl Fn() -> Outcome) {
        const TRIES: usize = 2000;
        for _ in 0..TRIES {
            match call() {
                Ok(()) => {
                    done.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                Err(failure) if (LM_ERR_NETWORK..80).contains(&failure.code) => {
                    self.unreached.fetch_add(1, Ordering::SeqCst);
                    lm::machine::SystemClock.sleep(Duration::from_millis(20));
                }
                Err(failure) => return self.complain(format!("{failure:?}")),
            }
        }
        self.complain("the portal was never reached".to_owned());
    }

    fn kill(&self, program: &mut Program, kills: usize, seed: u64) {
        let (clock, mut dice) = (lm::machine::SystemClock, Dice(seed));
        let calls =
            || self.activations.load(Ordering::SeqCst) + self.returns.load(Ordering::SeqCst);
        for _ in 0..kills {
            let from = calls();
            while calls() < from + CALLS && self.complaints.lock().unwrap().is_empty() {
                clock.sleep(Duration::from_millis(1));
            }
            clock.sleep(Duration::from_millis(dice.below(30)));
            program.kill();
            program.start_again();
        }
    }

    #[allow(clippy::print_stdout, reason = "the program's report")]
    fn conclude(
        self,
        machines: &[Machine],
        id: &str,
        portal: &Portal,
        kills: usize,
    ) -> Vec<String> {
        let [activations, returns, unreached] = [self.activations, self.returns, self.unreached]
            .map(|count| count.load(Ordering::SeqCst));
        println!(
            "  {activations} activations and {returns} returns of {MACHINES} machines, {kills} kills, \
             {unreached} calls that did not get through"
        );
        let mut found = self.complaints.into_inner().unwrap();
        let books = portal.show(id).unwrap();
        if (books.fulfilled, books.available, books.excess) != (0, MACHINES as i64, 0) {
            found.push(format!("not all seats are back: {books:?}"));
        }
        for machine in machines {
            found.extend(disagreements(&machine.again(), id, &books));
        }
        let history = portal.history(Some(id), 100_000).unwrap();
        for (action, answers) in [("activate", activations), ("return", returns)] {
            let rows = history.iter().filter(|row| row.action == action).count();
            if rows != answers {
                found.push(format!(
                    "{answers} times told of \"{action}\", {rows} times in the books"
                ));
            }
        }
        if kills > 0 && unreached == 0 {
            found.push("no kill was noticed".to_owned());
        }
        found.extend(portal.history_break().unwrap().map(|row| format!("the history, row {row}")));
        found
    }

    fn complain(&self, what: String) {
        self.complaints.lock().unwrap().push(what);
    }
}
