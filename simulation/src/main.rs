//! `simulate`: runs seeds, replays one, shows that planted faults are found.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use lm_simulation::{Broken, Cover, Fault, Order, Outcome, Portal, Replay, run, shrunk};

/// Seeds after which a thread opens its portal anew.
const SEEDS_OF_A_PORTAL: u64 = 500;

/// Runs the real client and the real portal through seeded worlds and judges the promise.
#[derive(Parser)]
#[command(name = "simulate", version)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Runs on until so many minutes are over.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// Events of a seed.
    #[arg(long, default_value_t = 200)]
    events: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Replays this seed and tells its history.
    #[arg(long)]
    seed: Option<u64>,
    /// Events that the replay leaves out: 3,7,12.
    #[arg(long, value_delimiter = ',')]
    without: Vec<u64>,
    /// The only events that the replay has: 3,7,12.
    #[arg(long, value_delimiter = ',')]
    only: Vec<u64>,
    /// Fails where something that must be was never reached.
    #[arg(long)]
    all_reached: bool,
    /// Holds every so-manieth seed's history against the model; 0: none.
    #[arg(long, default_value_t = 4)]
    replay: u64,
    /// Only the model judges.
    #[arg(long)]
    alone: bool,
    /// Goes on after a broken seed and lists them all.
    #[arg(long)]
    go_on: bool,
    /// Plants a fault by its name; `all`: each in turn, and each must be found.
    #[arg(long)]
    fault: Option<String>,
}

fn main() -> ExitCode {
    match start(&Args::parse(), &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let fault = match args.fault.as_deref() {
        None => None,
        Some("all") => return faults(args, out),
        Some(name) => Some(Fault::named(name).ok_or_else(|| unknown(name))?),
    };
    if let Some(seed) = args.seed {
        return replay(&order(args, seed, fault), out);
    }
    let found = many(args, fault)?;
    tell(args, &found, out)?;
    for (order, Broken { check, text, event }) in &found.broken {
        writeln!(out, "seed {} breaks {check:?} at event {event}: {text}", order.seed)?;
    }
    if let Some((order, broken)) = found.broken.first() {
        tell_broken(order, broken, out)?;
        return Ok(false);
    }
    let missing = if args.all_reached { found.cover.missing() } else { Vec::new() };
    for what in &missing {
        writeln!(out, "never reached: {what}")?;
    }
    Ok(missing.is_empty())
}

fn unknown(name: &str) -> io::Error {
    let names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    io::Error::other(format!("There is no fault {name:?}, but: all, {}.", names.join(", ")))
}

fn order(args: &Args, seed: u64, fault: Option<Fault>) -> Order {
    let mut without = args.without.clone();
    if !args.only.is_empty() {
        without.extend((1..=args.events).filter(|event| !args.only.contains(event)));
    }
    let is_due = args.replay > 0 && seed.is_multiple_of(args.replay);
    let replay = match (args.alone, is_due) {
        (true, _) => Replay::Alone,
        (false, true) => Replay::Beside,
        (false, false) => Replay::No,
    };
    Order { seed, events: args.events, fault, without, told: false, replay }
}

/// What many seeds came to.
struct Found {
    seeds: u64,
    took: Duration,
    cover: Cover,
    /// The seeds that broke, the lowest first.
    broken: Vec<(Order, Broken)>,
}

#[expect(clippy::disallowed_methods, reason = "a tool, which only asks how long it has worked")]
fn now() -> Instant {
    Instant::now()
}

fn many(args: &Args, fault: Option<Fault>) -> io::Result<Found> {
    let (began, until) = (now(), Duration::from_secs(args.minutes * 60));
    let (next, stop) = (AtomicU64::new(args.first), AtomicBool::new(false));
    let found =
        Mutex::new(Found { seeds: 0, took: until, cover: Cover::default(), broken: Vec::new() });
    let work = || -> io::Result<()> {
        let mut portal = open()?;
        let mut ran = 0;
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= args.first.saturating_add(args.seeds) && began.elapsed() >= until {
                break;
            }
            ran += 1;
            if ran % SEEDS_OF_A_PORTAL == 0 {
                portal = open()?;
            }
            let order = order(args, seed, fault);
            let outcome = run(order.clone(), &portal).map_err(io::Error::other)?;
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.take(order, outcome);
            stop.fetch_or(!found.broken.is_empty() && !args.go_on, Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().map_err(|_| io::Error::other("a thread panicked"))?
        })
    })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.took = began.elapsed();
    Ok(found)
}

impl Found {
    fn take(&mut self, order: Order, outcome: Outcome) {
        self.seeds += 1;
        self.cover.add(&outcome.cover);
        if let Some(broken) = outcome.broken {
            self.broken.push((order, broken));
            self.broken.sort_by_key(|(order, _)| order.seed);
        }
    }
}

fn open() -> io::Result<Arc<Portal>> {
    Portal::open().map(Arc::new).map_err(io::Error::other)
}

fn tell(args: &Args, found: &Found, out: &mut impl Write) -> io::Result<()> {
    for (message, answer, state, count) in found.cover.exchanges() {
        writeln!(out, "{count:>9}  {message} × {answer} × {state}")?;
    }
    for (event, count) in found.cover.events() {
        writeln!(out, "{count:>9}  {event}")?;
    }
    let rate = found.seeds as f64 / found.took.as_secs_f64();
    let (seeds, took, threads) = (found.seeds, found.took.as_secs_f64(), args.threads);
    writeln!(out, "{seeds} seeds in {took:.0} s by {threads} threads: {rate:.1} a second")
}

fn replay(order: &Order, out: &mut impl Write) -> io::Result<bool> {
    let order = Order { told: true, ..order.clone() };
    let outcome = run(order, &open()?).map_err(io::Error::other)?;
    for line in &outcome.story {
        writeln!(out, "{line}")?;
    }
    Ok(outcome.broken.is_none())
}

fn tell_broken(order: &Order, broken: &Broken, out: &mut impl Write) -> io::Result<()> {
    let portal = open()?;
    let short = shrunk(order, broken, &portal).map_err(io::Error::other)?;
    let only = (1..=short.events).filter(|event| !short.without.contains(event));
    let only: Vec<_> = only.map(|event| event.to_string()).collect();
    let fault = order.fault.map(|fault| format!(" --fault {}", fault.name())).unwrap_or_default();
    writeln!(
        out,
        "replay: simulate --seed {} --events {}{fault} --only {}",
        short.seed,
        short.events,
        only.join(",")
    )?;
    replay(&short, out).map(|_| ())
}

fn faults(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let mut all = true;
    for fault in Fault::ALL {
        let found = many(args, Some(fault))?;
        let name = fault.name();
        match found.broken.first() {
            Some((order, broken)) => {
                let (seed, took) = (order.seed, found.took.as_secs_f64());
                writeln!(out, "{name}: seed {seed}, {:?}, {took:.1} s", broken.check)?;
            }
            None => {
                all = false;
                writeln!(out, "{name}: NOT FOUND in {} seeds", found.seeds)?;
            }
        }
        out.flush()?;
    }
    Ok(all)
}
