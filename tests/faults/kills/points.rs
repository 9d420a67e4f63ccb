//! Goes through all points of all operations: four machines at a time, since much of a return is
//! waiting.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::books::{Case, GoOn};
use crate::common::harness::Outcome;
use crate::common::machine::Machine;
use crate::common::operations::{Operation, Shown};
use crate::common::wire::Wire;
use crate::common::world::World;
use crate::host::Host;
use crate::strace::{self, Calls, Fault};

/// Which faults are tried with an operation.
pub(crate) type Plan<'a> = (Operation, &'a [(&'static str, Fault)]);

/// One kind of fault at one kind of call of one operation, at the first such call and on.
struct Job {
    operation: Operation,
    call: &'static str,
    fault: Fault,
    first: usize,
    expected: usize,
}

/// What came of it.
#[derive(Default)]
struct Report {
    cases: usize,
    struck: usize,
    /// The portal had granted and the machine did not know.
    unsaved: usize,
    points: BTreeMap<(String, String), usize>,
    complaints: Vec<String>,
}

struct Scene {
    world: World,
    host: Host,
    ids: Mutex<Vec<String>>,
    machines: AtomicUsize,
}

const WORKERS: usize = 4;

/// `struck` says what a fault does to the host.
pub(crate) fn run(struck: &str, plan: &[Plan<'_>]) -> Outcome {
    if let Some(why) = strace::unavailable() {
        return Outcome::Skipped(why);
    }
    let scene = Scene::new();
    let mut jobs = Vec::new();
    for (operation, faults) in plan {
        jobs.extend(scene.jobs(*operation, faults));
    }
    // The longest last in the list: they are taken from its end.
    jobs.sort_by_key(|job| job.expected);
    let (jobs, report) = (Mutex::new(jobs), Mutex::new(Report::default()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(job) = next(&jobs) {
                    scene.work(&job, &report);
                }
            });
        }
    });
    if let Some(row) = scene.world.portal.history_break().unwrap() {
        report.lock().unwrap().complaints.push(format!("the history is broken at row {row}"));
    }
    report.into_inner().unwrap().conclude(struck, plan)
}

fn next(jobs: &Mutex<Vec<Job>>) -> Option<Job> {
    jobs.lock().unwrap().pop()
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let host = Host::for_portal_of(&world);
        Self { world, host, ids: Mutex::default(), machines: AtomicUsize::new(0) }
    }

    /// A concurrent ID of five seats that nobody has used.
    fn id(&self) -> String {
        const SUPPLY: u32 = 200;
        let mut ids = self.ids.lock().unwrap();
        if ids.is_empty() {
            let entitlement = self.world.entitlement(5 * SUPPLY);
            let made = self.world.portal.generate(&entitlement, lm_portal::Kind::Cc, 5, SUPPLY);
            ids.extend(made.unwrap().into_iter().map(|made| made.activation_id));
        }
        ids.pop().unwrap()
    }

    fn machine(&self) -> Machine {
        let number = self.machines.fetch_add(1, Ordering::Relaxed);
        self.world.machine(&format!("field-{number}"))
    }

    /// A machine for an operation, and the ID that it holds beside, where there may be one.
    fn machine_for(&self, operation: Operation) -> (Machine, Option<String>) {
        let machine = self.machine();
        if operation.wants_own_store() {
            return (machine, None);
        }
        let id = self.id();
        machine.activate(&id, 1).unwrap();
        (machine, Some(id))
    }

    /// What there is to be tried of an operation, by the calls that the host makes for it.
    fn jobs(&self, operation: Operation, faults: &[(&'static str, Fault)]) -> Vec<Job> {
        let (machine, _) = self.machine_for(operation);
        let (wire, id) = (Wire::to(self.world.url()), self.id());
        operation.prepare(&self.world, &machine, &wire, &id);
        let kinds: Vec<_> = faults.iter().map(|(call, _)| *call).collect();
        let calls: Calls =
            strace::count(&self.host, &machine, &operation.arguments(&machine, &id), &kinds);
        let shown = Shown::on(&machine.again(), &id);
        assert_eq!(shown, operation.done(), "{operation:?}, undisturbed");
        assert!(!operation.wrote_another_file(&machine, &id), "{operation:?}, undisturbed");
        let made = faults.iter().filter_map(|(call, fault)| {
            let (before, all) = calls.get(*call)?;
            let (first, expected) = (before + 1, all - before);
            Some(Job { operation, call, fault: *fault, first, expected })
        });
        made.collect()
    }

    /// From the first call of the kind until the host makes no more of them.
    fn work(&self, job: &Job, report: &Mutex<Report>) {
        let wire = Wire::to(self.world.url());
        let mut home = None;
        for nth in job.first.. {
            if home.is_none() || job.operation.wants_own_store() {
                home = Some(self.machine_for(job.operation));
            }
            let (machine, neighbor) = home.as_ref().unwrap();
            let id = self.id();
            let case = Case {
                world: &self.world,
                machine,
                id: &id,
                operation: job.operation,
                neighbor: neighbor.as_deref(),
            };
            let (struck, unsaved, complaints) = self.strike(&case, job, &wire, nth);
            let broken = !complaints.is_empty();
            report.lock().unwrap().add(job, nth, struck, unsaved, complaints);
            if broken {
                // What went wrong is not to be blamed on the next.
                home = None;
            }
            if !struck {
                return;
            }
        }
    }

    fn strike(
        &self,
        case: &Case<'_>,
        job: &Job,
        wire: &Wire,
        nth: usize,
    ) -> (bool, bool, Vec<String>) {
        job.operation.prepare(&self.world, case.machine, wire, case.id);
        let arguments = job.operation.arguments(case.machine, case.id);
        let at = (job.call, nth, job.fault);
        let run = strace::inject(&self.host, case.machine, &arguments, at);
        let shown = Shown::on(&case.machine.again(), case.id);
        let unsaved = shown == Shown::ACTIVATING && self.world.seats(case.id).0 > 0;
        let go_on = if nth.is_multiple_of(2) { GoOn::Resume } else { GoOn::CallAgain };
        let other = run.done && job.operation.wrote_another_file(&case.machine.again(), case.id);
        let mut complaints = case.judge(go_on);
        if run.done && (other || shown != job.operation.done()) {
            complaints.push(format!("the host said that it was done: {shown:?}"));
        }
        (run.struck, unsaved, complaints)
    }
}

impl Report {
    fn add(&mut self, job: &Job, nth: usize, struck: bool, unsaved: bool, complaints: Vec<String>) {
        self.cases += 1;
        self.struck += usize::from(struck);
        self.unsaved += usize::from(unsaved);
        let point = (format!("{:?}", job.operation), job.call.to_owned());
        *self.points.entry(point).or_default() += usize::from(struck);
        let what = format!("{:?}, {} {nth}, {:?}", job.operation, job.call, job.fault);
        self.complaints.extend(complaints.into_iter().map(|found| format!("{what}: {found}")));
    }

    #[allow(clippy::print_stdout, reason = "the program's report")]
    fn conclude(mut self, struck: &str, plan: &[Plan<'_>]) -> Outcome {
        for (operation, _) in plan {
            let name = format!("{operation:?}");
            let of = |(point, count): (&(String, String), &usize)| {
                (point.0 == name).then(|| (point.1.clone(), *count))
            };
            let points: Vec<_> = self.points.iter().filter_map(of).collect();
            let all: usize = points.iter().map(|(_, count)| count).sum();
            let each: Vec<_> = points.iter().map(|(call, n)| format!("{call} {n}")).collect();
            println!("  {name}: {struck} at {all} points ({})", each.join(", "));
            if all == 0 {
                self.complaints.push(format!("{name} was {struck} nowhere"));
            }
        }
        println!(
            "  {} cases, {} {struck}, {} of them granted and not saved, {} disagreements",
            self.cases,
            self.struck,
            self.unsaved,
            self.complaints.len()
        );
        if self.unsaved == 0 {
            self.complaints.push("nobody was struck between the grant and its record".to_owned());
        }
        if self.complaints.is_empty() { Outcome::Passed } else { Outcome::Failed(self.complaints) }
    }
}
