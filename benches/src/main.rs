//! `cargo run --profile static -p lm-benches --bin lm-figures [-- --dist PREFIX]`: the figures of
//! docs/figures.md that are no criterion benchmark. Each line is one figure. With `--dist` the check
//! is measured as a C host has it, against the release library that `.ci/dist` has built; where
//! strace and valgrind are there, its system calls and instructions are counted.
#![allow(clippy::print_stdout, reason = "it prints figures")]

mod clocks;
mod dist;
mod portal;
mod store;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clocks::{monotonic, thread_cpu};
use lm_benches::Site;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let prefix = match arguments.as_slice() {
        [] => None,
        [option, prefix] if option == "--dist" => Some(Path::new(prefix)),
        _ => {
            println!("usage: lm-figures [--dist PREFIX]");
            return ExitCode::from(2);
        }
    };
    match run(prefix) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(prefix: Option<&Path>) -> Result<(), String> {
    let site = Site::new()?;
    if let Some(prefix) = prefix {
        dist::measure(&site, prefix)?;
    }
    for threads in [1, 2] {
        println!("status, {threads} thread(s): {:.1} ns a call", status(&site, threads)?);
    }
    let [still, amid, returns] = status_amid_returns(&site)?;
    println!(
        "status while a return is under way ({returns:.0} of them): {amid:.1} ns a call, {still:.1} \
         with none: {:.2} times",
        amid / still
    );
    store::measure(&site)?;
    println!("another client's change is seen after: {} ms at most of 20", seen(&site)?);
    for used in [0, 100, 500] {
        let [out, back, list] = checkout(&site, used)?;
        println!(
            "with {used} seats in use, p50 / p99: checkout {} us, checkin {} us, a list, which \
             counts, {} us",
            shown(out),
            shown(back),
            shown(list)
        );
    }
    portal::measure(&site)
}

/// Microseconds of a checkout, of a checkin, and of a list, while others use so many seats, each
/// through an open file of its own.
fn checkout(site: &Site, used: u32) -> Result<[Vec<f64>; 3], String> {
    const TIMES: usize = 300;
    let text = |error: lm::Error| error.to_string();
    site.client.activate(&site.active, lm_benches::SEATS).map_err(text)?;
    let others = site.open().map_err(text)?;
    let seats: Result<Vec<_>, _> = (0..used).map(|_| others.checkout("ortho", 1)).collect();
    let seats = seats.map_err(text)?;
    let mut spent = [const { Vec::new() }; 3];
    for _ in 0..TIMES {
        let begun = monotonic();
        let seat = site.client.checkout("ortho", 1).map_err(text)?;
        let taken = monotonic();
        site.client.checkin(seat).map_err(text)?;
        let back = monotonic();
        black_box(site.client.list().map_err(text)?);
        let listed = monotonic();
        for (into, took) in spent.iter_mut().zip([taken - begun, back - taken, listed - back]) {
            into.push(took.as_secs_f64() * 1e6);
        }
    }
    drop(seats);
    Ok(spent)
}

/// Median and 99th percentile.
pub(crate) fn shown(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    format!("{:.1} / {:.1}", at(values.len() / 2), at(values.len() * 99 / 100))
}

/// Nanoseconds of CPU of a status, with nothing under way and while another thread of the same
/// client activates and returns without a pause; and how many returns that were.
fn status_amid_returns(site: &Site) -> Result<[f64; 3], String> {
    const ROUNDS: u32 = 5;
    let still = status(site, 1)?;
    let is_over = AtomicBool::new(false);
    let (amid, returns) = std::thread::scope(|scope| {
        let returning = scope.spawn(|| {
            let mut returns = 0.0;
            while !is_over.load(Ordering::Relaxed) {
                site.client.activate(&site.spare, 1)?;
                site.client.return_(&site.spare, 0)?;
                returns += 1.0;
            }
            Ok::<f64, lm::Error>(returns)
        });
        let amid: Result<f64, String> = (0..ROUNDS).map(|_| status(site, 1)).sum();
        is_over.store(true, Ordering::Relaxed);
        (amid, returning.join())
    });
    let returns = returns.map_err(|_| "a panic".to_owned())?.map_err(|error| error.to_string())?;
    Ok([still, amid? / f64::from(ROUNDS), returns])
}

/// Nanoseconds of CPU a call, over threads that call at once.
fn status(site: &Site, threads: u32) -> Result<f64, String> {
    const CALLS: u32 = 20_000_000;
    let spent: Vec<Result<f64, String>> = std::thread::scope(|scope| {
        let one = || {
            let before = thread_cpu();
            for _ in 0..CALLS {
                let status = site.client.status(Some(black_box(&site.active)));
                if !black_box(status).is_ok_and(|status| status.usable) {
                    return Err("the license is not usable".to_owned());
                }
            }
            Ok((thread_cpu() - before).as_secs_f64() * 1e9 / f64::from(CALLS))
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_| Err("a panic".to_owned())))
            .collect()
    });
    let sum: f64 = spent.into_iter().sum::<Result<f64, String>>()?;
    Ok(sum / f64::from(threads))
}

/// How long after a commit of one client the other's status tells of it.
fn seen(site: &Site) -> Result<u128, String> {
    let text = |error: lm::Error| error.to_string();
    let other = site.open().map_err(text)?;
    let mut longest = Duration::ZERO;
    for round in 0..20u32 {
        other.status(None).map_err(text)?;
        let seats = 2 + round;
        site.client.activate(&site.active, seats).map_err(text)?;
        let committed = monotonic();
        while other.status(Some(&site.active)).map_err(text)?.seats != seats {
            std::hint::spin_loop();
        }
        longest = longest.max(monotonic() - committed);
    }
    Ok(longest.as_millis())
}
