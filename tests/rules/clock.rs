//! R55, U6: a clock that was set back gains no more than its tolerance, and nobody honest is locked out.
//!
//! A machine whose wall clock is wrong as a test says, and whose true time nobody on it can know; the
//! real client over it, killed and started again, and a portal that signs by the true time. The
//! programs at the end are real processes under `faketime`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lm::ports::{Clock, Files, OpenHow, Ports};
use lm::storage::MemoryFiles;
use lm::{Client, Code, NextStep, Options, State, Status, trust};
use lm_protocol::ActivationId;

use crate::common::dice::Dice;
use crate::common::machine::PRODUCT;
use crate::common::programs;
use crate::common::signer::{Grant, Signer, trust_root};
use crate::common::skipped;
use crate::common::world::World;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Noon of a Thursday; the day of every test's activation.
const START: i64 = 1_767_268_800;
/// How far a clock may stand behind, by the terms of the signer's records.
const TOLERANCE: i64 = DAY;
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// True time, and what the machine's clocks make of it. Seconds.
struct Clocks {
    truth: AtomicI64,
    wall_ahead: AtomicI64,
    booted: AtomicI64,
    /// Milliseconds: a look is due at each question.
    asked: AtomicU64,
}

impl Clock for Clocks {
    fn wall(&self) -> i64 {
        self.truth.load(Relaxed) + self.wall_ahead.load(Relaxed)
    }
    fn monotonic(&self) -> Duration {
        self.boot() + Duration::from_millis(self.asked.load(Relaxed))
    }
    fn boot(&self) -> Duration {
        let seconds = self.truth.load(Relaxed) - self.booted.load(Relaxed);
        Duration::from_secs(u64::try_from(seconds).expect("booted before"))
    }
    fn sleep(&self, _: Duration) {
        self.asked.fetch_add(1_000, Relaxed);
    }
}

/// A machine with one license, and the process that has the library open.
struct Machine {
    clocks: Arc<Clocks>,
    files: MemoryFiles,
    grant: Grant,
    id: String,
    process: Option<Client>,
    /// Whether the system tells one start of the machine from the next.
    shows_boot: bool,
}

impl Machine {
    /// Activated at [`START`], its clock right.
    fn activated(grant: Grant) -> Self {
        let clocks = Arc::new(Clocks {
            truth: AtomicI64::new(START),
            wall_ahead: AtomicI64::new(0),
            booted: AtomicI64::new(START - HOUR),
            asked: AtomicU64::new(0),
        });
        let files = MemoryFiles::new(0);
        files.make_dir(Path::new("/proc/sys/kernel/random"), 0o555).unwrap();
        files.open(Path::new(BOOT_ID), OpenHow::Create { mode: 0o444 }).unwrap();
        let id = ActivationId::from_random([7; 10]).to_string();
        let mut machine = Self { clocks, files, grant, id, process: None, shows_boot: true };
        machine.boot();
        machine.start();
        machine.client().activate(&machine.id.clone(), 1).unwrap();
        machine
    }

    /// Its processes are killed, and it is started again.
    fn boot(&mut self) {
        self.process = None;
        let truth = self.clocks.truth.load(Relaxed);
        self.clocks.booted.store(truth, Relaxed);
        if !self.shows_boot {
            return;
        }
        let mut file = self.files.open(Path::new(BOOT_ID), OpenHow::Write).unwrap();
        file.write_at(0, format!("{truth:08x}-1c2d-4e3f-8a9b-0123456789ab\n").as_bytes()).unwrap();
    }

    /// The process is killed, where there is one, and another one opens the library.
    fn start(&mut self) {
        self.process = None;
        let mut options = Options::new("ortho-studio", trust_root());
        options.portal_url = Some("https://portal.invalid".to_owned());
        options.storage_dir = Some("/store".into());
        options.host_identity = Some("field-1".to_owned());
        let clocks = self.clocks.clone();
        let now = Arc::new(move || clocks.truth.load(Relaxed));
        options.transport = Some(Arc::new(Signer { grant: self.grant, now }));
        let ports = Ports {
            clock: self.clocks.clone(),
            random: Arc::new(lm::machine::SystemRandom::new()),
            files: Arc::new(self.files.clone()),
        };
        self.process = Some(Client::open_with(options, ports).unwrap());
    }

    fn client(&self) -> &Client {
        self.process.as_ref().expect("a process")
    }

    fn pass(&self, seconds: i64) {
        self.clocks.truth.fetch_add(seconds, Relaxed);
    }

    fn truth(&self) -> i64 {
        self.clocks.truth.load(Relaxed)
    }

    fn wall(&self) -> i64 {
        self.clocks.wall()
    }

    /// The wall clock is this far ahead of the truth.
    fn is_ahead(&self, seconds: i64) {
        self.clocks.wall_ahead.store(seconds, Relaxed);
    }

    fn status(&self) -> Status {
        self.clocks.asked.fetch_add(1_000, Relaxed);
        self.client().status(Some(&self.id)).unwrap()
    }

    fn is_usable(&self) -> bool {
        self.status().usable
    }
}

fn until(days: i64) -> Grant {
    Grant { expires_at: START + days * DAY, ..Grant::default() }
}

/// How far a wall clock is ahead when the machine is started on a day.
type AheadOnDay = Box<dyn Fn(i64) -> i64>;

/// What happens to honest people's clocks, day by day: how far it is ahead at each start of the
/// machine. None of it may block a license that is good for a year.
#[test]
fn u06_no_honest_clock_locks_anybody_out() {
    let zones = |hours: i64| move |day: i64| if day % 2 == 0 { hours * HOUR } else { 0 };
    let rows: [(&str, AheadOnDay); 10] = [
        ("a clock that is right", Box::new(|_| 0)),
        ("daylight saving kept in the hardware clock", Box::new(|day| (day / 15) * -HOUR)),
        ("and back again", Box::new(|day| if day < 15 { HOUR } else { 0 })),
        ("a leap second, counted twice", Box::new(|day| -(day / 15))),
        ("another system writes local time, UTC+14", Box::new(zones(14))),
        ("another system writes local time, UTC-12", Box::new(zones(-12))),
        ("a different zone at every boot, east", Box::new(|day| day * 5 % 15 * HOUR)),
        ("a different zone at every boot, west", Box::new(|day| (day * 5 % 15 - 14) * HOUR)),
        ("a bad quartz: a minute a day", Box::new(|day| -60 * day)),
        ("five minutes ahead, corrected, again", Box::new(|day| day % 2 * 300)),
    ];
    for (what, ahead) in rows {
        for lease in [0, 60 * DAY] {
            let mut machine = Machine::activated(Grant { lease, ..until(365) });
            for day in 0..30 {
                machine.boot();
                machine.is_ahead(ahead(day));
                machine.start();
                for hour in 0..8 {
                    let status = machine.status();
                    assert!(status.usable, "{what}: day {day}, hour {hour}: {status:?}");
                    machine.pass(HOUR);
                    if hour == 4 {
                        // A time server, or the user, corrects it while the program runs.
                        machine.is_ahead(0);
                    }
                }
                machine.process = None;
                machine.pass(16 * HOUR);
            }
        }
    }
}

/// A virtual machine that is paused, or moved, and goes on three days later: its wall clock is set
/// right again, and its boot clock has stood still.
#[test]
fn r52_a_pause_and_a_new_start_of_the_machine_keep_trust() {
    let mut machine = Machine::activated(until(60));
    for paused in [false, true, true] {
        machine.pass(3 * DAY);
        if paused {
            machine.clocks.booted.fetch_add(3 * DAY, Relaxed);
        } else {
            machine.boot();
            machine.start();
        }
        let status = machine.status();
        assert_eq!((status.state, status.trust), (State::Active, trust::ALL), "paused: {paused}");
        machine.client().refresh(Some(&machine.id)).unwrap();
        assert_eq!(machine.status().trust, trust::ALL);
    }
}

/// Which wall clocks are refused; what is said; and that it heals by itself.
#[test]
fn r55_a_clock_set_back_beyond_the_tolerance_is_untrusted_until_it_is_right() {
    let rows = [
        // Set back by, trusted.
        (0, true),
        (HOUR, true),
        (DAY - 60, true),
        (DAY + 60, false),
        (30 * DAY, false),
        (365 * DAY, false),
    ];
    for (back, trusted) in rows {
        let mut machine = Machine::activated(until(60));
        machine.pass(10 * DAY);
        machine.start();
        assert!(machine.is_usable());
        // In a new boot the library doesn't know what has passed; the high mark does.
        machine.boot();
        machine.is_ahead(-back);
        machine.start();
        let status = machine.status();
        assert_eq!(status.usable, trusted, "{back} s back: {status:?}");
        if !trusted {
            assert_eq!((status.state, status.cause), (State::Untrusted, Some(Code::Clock)));
            assert_eq!((status.trust & trust::TIME, status.next_step), (0, NextStep::CorrectClock));
        }
        machine.is_ahead(0);
        assert!(machine.is_usable(), "{back} s back, and corrected");
    }
}

#[test]
fn r55_a_clock_matters_to_records_that_expire_only() {
    let mut machine = Machine::activated(Grant::default());
    machine.pass(10 * DAY);
    machine.start();
    machine.is_ahead(-400 * DAY);
    machine.start();
    let status = machine.status();
    assert_eq!((status.state, status.trust), (State::Active, trust::ALL));
}

/// A jump ahead (an empty battery, a typing error) that was noted, then corrected, would look like a
/// clock that was set back: the portal's time, asked for afresh, burns no license.
#[test]
fn u06_a_jump_ahead_is_healed_by_a_fresh_time_statement() {
    let mut machine = Machine::activated(Grant { lease: 30 * DAY, ..until(60) });
    machine.is_ahead(3_650 * DAY);
    machine.start();
    assert_eq!(machine.status().state, State::Expired);
    machine.is_ahead(0);
    let status = machine.status();
    assert_eq!((status.state, status.cause), (State::Untrusted, Some(Code::Clock)));
    machine.client().refresh(Some(&machine.id)).unwrap();
    assert!(machine.is_usable());
    machine.start();
    assert!(machine.is_usable(), "and stays so");
}

/// What happens in a sequence.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The program runs for so long; its user looks now and then.
    Run(i64),
    /// It is ended, and the machine stays on for so long.
    Idle(i64),
    /// It is off for so long.
    Off(i64),
    /// The wall clock is set to so far from the end of the term.
    Set(i64),
    /// A program that had been killed, or another one, opens the library.
    Start,
}

impl Event {
    fn roll(dice: &mut Dice) -> Self {
        let mut between = |low: i64, high: i64| {
            low + i64::try_from(dice.below(u64::try_from(high - low).unwrap())).unwrap()
        };
        match between(0, 10) {
            0..4 => Self::Run(between(60, 3 * DAY)),
            4 => Self::Idle(between(60, 4 * DAY)),
            5 => Self::Off(between(60, 6 * DAY)),
            // Mostly to where it would be of use: a little before the end.
            6 | 7 => Self::Set(between(-3 * DAY, DAY)),
            8 => Self::Set(between(-90 * DAY, 90 * DAY)),
            _ => Self::Start,
        }
    }
}

/// Judges by true time alone; knows nothing of marks.
#[derive(Default)]
struct Judge {
    /// How long the license was usable after its end, in seconds during which the library was open.
    gained: i64,
    /// How long nobody had the library open, or could say so afterwards, from the last word of the
    /// portal to the end of the term: the machine was off, or its last program was killed with it.
    unseen: i64,
    /// The highest wall clock at which a program opened the library.
    opened_at: i64,
}

/// Plays a sequence; says what is wrong with it.
fn play(seed: u64, machine: &mut Machine) -> Result<i64, String> {
    const EVENTS: usize = 24;
    let end = machine.grant.expires_at;
    let mut dice = Dice(seed);
    let mut judge = Judge { opened_at: START, ..Judge::default() };
    let mut events = Vec::new();
    let mut since_open = 0;
    for _ in 0..EVENTS {
        let event = Event::roll(&mut dice);
        events.push(event);
        match event {
            Event::Run(seconds) => run(machine, &mut judge, seconds),
            Event::Idle(seconds) => {
                machine.process = None;
                machine.pass(seconds);
            }
            Event::Off(seconds) => {
                machine.process = None;
                let before_end = (end - machine.truth()).max(0);
                judge.unseen += seconds.min(before_end) + since_open;
                machine.pass(seconds);
                machine.boot();
                since_open = 0;
            }
            Event::Set(from_end) => machine.is_ahead(end + from_end - machine.truth()),
            Event::Start => {}
        }
        match event {
            Event::Run(seconds) | Event::Idle(seconds) => since_open += seconds,
            Event::Start => since_open = 0,
            _ => {}
        }
        if machine.process.is_none() || matches!(event, Event::Start) {
            machine.start();
            since_open = 0;
            judge.opened_at = judge.opened_at.max(machine.wall());
        }
        if judge.opened_at > end + TOLERANCE && machine.is_usable() {
            return Err(format!("seed {seed}: usable, though a later day was seen: {events:?}"));
        }
        let bound = TOLERANCE + judge.unseen;
        if judge.gained > bound {
            let gained = judge.gained;
            return Err(format!("seed {seed}: {gained} s gained, {bound} allowed: {events:?}"));
        }
    }
    Ok(judge.gained)
}

/// The license is looked at twelve times on the way.
fn run(machine: &Machine, judge: &mut Judge, seconds: i64) {
    let end = machine.grant.expires_at;
    for _ in 0..12 {
        let step = seconds / 12;
        let usable = machine.is_usable();
        machine.pass(step);
        if usable {
            judge.gained += (machine.truth() - end).clamp(0, step);
        }
    }
}

/// Of machines that were made so, how many sequences gained anything, and the first that is wrong.
fn play_all(sequences: u64, make: impl Fn(Grant) -> Machine) -> Result<u32, String> {
    let mut gains = 0;
    for seed in 0..sequences {
        let days = 2 + i64::try_from(seed % 20).unwrap();
        gains += u32::from(play(seed, &mut make(until(days)))? > 0);
    }
    Ok(gains)
}

/// `LM_TEST_SEQUENCES` says how many; a hundred are played by default.
#[test]
fn u06_sequences_of_jumps_gain_at_most_the_tolerance() {
    #[allow(clippy::disallowed_methods, reason = "the ban is the library's")]
    let wanted = std::env::var("LM_TEST_SEQUENCES").ok().and_then(|count| count.parse().ok());
    let sequences = wanted.unwrap_or(100);
    let gains = play_all(sequences, Machine::activated).unwrap_or_else(|wrong| panic!("{wrong}"));
    let enough = u32::try_from(sequences / 20).unwrap();
    assert!(gains >= enough, "only {gains} sequences gained anything: they are too tame");
}

/// A client that can't know that the machine stayed on between two processes, and so forgets what it
/// has counted, is found out. (So it is where a system shows no ID of its boot.)
#[test]
fn u06_a_client_that_forgets_what_it_counted_is_found_out() {
    let forgetful = |grant| {
        let machine = Machine::activated(grant);
        machine.files.remove(Path::new(BOOT_ID)).unwrap();
        Machine { shows_boot: false, ..machine }
    };
    let found = play_all(60, forgetful).unwrap_err();
    assert!(found.contains("gained"), "{found}");
}

/// Real processes, whose wall clock `faketime` moves.
#[test]
fn r55_a_real_process_with_a_false_clock() {
    let present = Command::new("faketime").args(["-f", "+0", "true"]).output();
    if !present.is_ok_and(|done| done.status.success()) {
        skipped("real processes with a false clock: faketime is not there");
        return;
    }
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| {
        new.terms.lease = 0;
        new.expires_at = world.now() + 60 * DAY;
    });
    let id = world.id(&entitlement, lm_portal::Kind::Nl, 1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let said = |offset: &str, words: &[&str]| {
        let mut command = Command::new("faketime");
        command.args(["--exclude-monotonic", "-f", offset]).arg(programs::administrator().unwrap());
        command.args(words).args(["--json", "--product", PRODUCT]);
        command.args(["--trust-root", &world.portal.trust_root(), "--portal", world.url()]);
        command.arg("--storage").arg(&machine.settings.storage);
        command.args(["--host-identity", "field-1"]).env("TZ", "Pacific/Kiritimati");
        let done = command.output().unwrap();
        String::from_utf8(done.stdout).unwrap() + &String::from_utf8_lossy(&done.stderr)
    };
    let rows = [
        // Each is another process, and sees what the one before it has written.
        ("+0", "ACTIVE"),
        ("-14h", "ACTIVE"),
        ("+14h", "ACTIVE"),
        ("-2d", "UNTRUSTED"),
        ("-3650d", "UNTRUSTED"),
        ("+0", "ACTIVE"),
        ("+61d", "EXPIRED"),
        ("+0", "UNTRUSTED"),
    ];
    for (offset, state) in rows {
        let told = said(offset, &["status", &id]);
        assert!(told.contains(&format!("\"{state}\"")), "{offset}: {state} in {told}");
    }
    said("+0", &["refresh", &id]);
    let told = said("+0", &["status", &id]);
    assert!(told.contains("\"ACTIVE\""), "the portal's time heals: {told}");
}
