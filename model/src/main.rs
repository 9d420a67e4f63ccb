//! `lm-model`: explores the protocol, and shows what breaks without each of its rules.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use lm_model::events::Event;
use lm_model::model::{Effort, Found, Protocol};
use lm_model::rules::Rule;
use lm_model::setting::{Bounds, Cover};
use lm_model::walk::walk;
use lm_model::{mutants, runs};

/// Steps after which a large world is broad enough: it is kept in memory.
const BROAD: usize = 4_000_000;
/// States of one series of random walks.
const WALKED: usize = 200_000;

/// Explores the protocol: the small worlds whole, the large ones broadly, then walks through these
/// at random for the rest of the time.
#[derive(Parser)]
#[command(name = "lm-model", version)]
struct Args {
    /// How long all of it takes, at least.
    #[arg(long, default_value_t = 2)]
    minutes: u64,
    /// Threads. With one, the way to a broken promise is a shortest one.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The seed of the first walks; each series has the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Explores one run, with all rules or without one.
    Run {
        /// The run, as `runs.rs` names it.
        name: String,
        /// The rule that is left out, as `rules.rs` names it.
        #[arg(long)]
        without: Option<String>,
        /// Stops after about so many steps.
        #[arg(long)]
        states: Option<usize>,
    },
    /// Walks through one run at random.
    Walk {
        /// The run, as `runs.rs` names it.
        name: String,
        /// Stops after about so many steps.
        #[arg(long, default_value_t = 1_000_000)]
        states: usize,
    },
    /// Leaves each rule out, and writes the shortest way to what breaks to `model/traces/`.
    Traces,
}

fn main() -> ExitCode {
    match run(&Args::parse(), &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    match &args.command {
        None => everything(args, out),
        Some(Command::Traces) => traces(out),
        Some(Command::Walk { name, states }) => {
            let bounds = runs::find(name).ok_or_else(|| unknown(name))?;
            let cover = Arc::new(Cover::default());
            tell(out, bounds, &walk(bounds, None, &cover, args.seed, *states))
        }
        Some(Command::Run { name, without, states }) => {
            let bounds = runs::find(name).ok_or_else(|| unknown(name))?;
            let without = without.as_deref().map(rule).transpose()?;
            let effort = Effort { threads: args.threads, states: *states };
            let found = Protocol::explore(bounds, without, &Arc::new(Cover::default()), effort);
            tell(out, bounds, &found)
        }
    }
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("There is no {name:?}."))
}

fn rule(name: &str) -> io::Result<Rule> {
    let named = |rule: &&Rule| mutants::file_name(**rule) == name || format!("{rule:?}") == name;
    Rule::ALL.iter().find(named).copied().ok_or_else(|| unknown(name))
}

fn everything(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let until = now() + Duration::from_secs(args.minutes * 60);
    let cover = Arc::new(Cover::default());
    let mut holds = true;
    for bounds in runs::WHOLE {
        let whole = Effort { threads: args.threads, states: None };
        holds &= tell(out, bounds, &Protocol::explore(bounds, None, &cover, whole))?;
    }
    for bounds in &runs::LARGE {
        let broad = Effort { threads: args.threads, states: Some(BROAD) };
        holds &= tell(out, bounds, &Protocol::explore(bounds, None, &cover, broad))?;
    }
    let mut seed = args.seed;
    while now() < until {
        for bounds in &runs::LARGE {
            holds &= tell(out, bounds, &walk(bounds, None, &cover, seed, WALKED))?;
        }
        seed += 1;
    }
    for event in Event::ALL {
        writeln!(out, "{:>12}  {}", cover.count(*event), event.text())?;
    }
    Ok(holds)
}

#[expect(clippy::disallowed_methods, reason = "a tool, which only asks how long it has worked")]
fn now() -> Instant {
    Instant::now()
}

fn tell(out: &mut impl Write, bounds: &Bounds, found: &Found) -> io::Result<bool> {
    writeln!(out, "{}", found.line(bounds.name))?;
    if let Some((property, why)) = &found.broken {
        write!(out, "{}Broken: {property}. {why}.\n\n", found.numbered())?;
    }
    out.flush()?;
    Ok(found.broken.is_none())
}

fn traces(out: &mut impl Write) -> io::Result<bool> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    std::fs::create_dir_all(&folder)?;
    let mut killed = true;
    for rule in Rule::ALL {
        let found = mutants::explore(*rule);
        killed &= found.broken.is_some();
        let name = mutants::file_name(*rule);
        writeln!(out, "{}", found.line(&name))?;
        out.flush()?;
        std::fs::write(folder.join(name).with_extension("md"), mutants::trace(*rule, &found))?;
    }
    Ok(killed)
}
