//! `completions` and `man`, made from the command line itself.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::outcome::Exit;

pub(super) fn completions(shell: Shell) -> io::Result<Exit> {
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    io::stdout().lock().write_all(&text)?;
    Ok(Exit::Done)
}

/// One page for all: the program's own text, then each command's.
pub(super) fn page() -> io::Result<Exit> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let mut out = io::stdout().lock();
    clap_mangen::Man::new(command.clone()).render(&mut out)?;
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        let page = clap_mangen::Man::new(part.clone());
        writeln!(out, ".SH \"COMMAND {}\"", part.get_name().to_uppercase())?;
        page.render_description_section(&mut out)?;
        page.render_synopsis_section(&mut out)?;
    }
    Ok(Exit::Done)
}
