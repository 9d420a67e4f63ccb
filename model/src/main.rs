//! `lm-model`: explores the protocol, shows what breaks without each rule.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::sync::Arc;

use clap::Parser;
use lm_model::model::{Effort, Protocol};
use lm_model::rules::Rule;
use lm_model::runs;
use lm_model::setting::Cover;

#[derive(Parser)]
struct Args {
    name: String,
    #[arg(long)]
    without: Option<String>,
    #[arg(long)]
    states: Option<usize>,
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let mut out = io::stdout().lock();
    let mut rules = vec![None];
    if let Some(w) = &args.without {
        rules = Rule::ALL
            .iter()
            .filter(|r| w == "all" || format!("{r:?}") == *w)
            .map(|r| Some(*r))
            .collect();
    }
    for rule in rules {
        let mut best: Option<(usize, String)> = None;
        for bounds in runs::WHOLE.iter().filter(|b| args.name == "all" || b.name == args.name) {
            let cover = Arc::new(Cover::default());
            let effort = Effort { states: args.states, threads: args.threads, time: None };
            let found = Protocol::explore(bounds, rule, &cover, effort);
            if rule.is_none() || (args.name != "all" && found.broken.is_some()) {
                writeln!(
                    out,
                    "{}: {} states, depth {}, whole {}, {:?}",
                    bounds.name, found.states, found.depth, found.whole, found.broken
                )?;
                writeln!(out, "{}", found.numbered())?;
            }
            if found.broken.is_some() && best.as_ref().is_none_or(|b| b.0 > found.trace.len()) {
                best = Some((found.trace.len(), format!("{} {:?}", bounds.name, found.broken)));
            }
        }
        if let Some(rule) = rule {
            writeln!(out, "{rule:?}: {best:?}")?;
            out.flush()?;
        }
    }
    Ok(())
}
