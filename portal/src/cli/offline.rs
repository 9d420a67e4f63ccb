//! `lm-portal offline …`.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use lm_protocol::file::Fault;
use lm_protocol::limits::REQUEST_FILE_MAX;

use super::arguments::{Global, Offline};
use super::text::table;
use super::{Fresh, open, print, print_json};
use crate::error::{Error, Result};
use crate::offline::EntryView;

pub(super) fn run(global: &Global, command: &Offline) -> Result<()> {
    let Offline::Answer { file, output } = command;
    let requests = read(file)?;
    if is_same(file, output) {
        let sentence = "the response would replace the request: name another file by -o";
        return Err(Error::Invalid(sentence.to_owned()));
    }
    let answered = open(global, Fresh::Refuse)?.answer_file(&requests)?;
    replace(output, answered.response.as_bytes())
        .map_err(|error| Error::System(format!("{}: {error}", output.display())))?;
    if global.json {
        print_json(&answered.entries)?;
    } else {
        print(&rows(&answered.entries))?;
    }
    let left_out = answered.entries.iter().filter(|entry| entry.result == "unanswered").count();
    if left_out > 0 {
        let all = answered.entries.len();
        return Err(Error::Refused(format!(
            "{left_out} of {all} requests could not be answered; the response serves the others"
        )));
    }
    Ok(())
}

/// Reads no more than a request file can have, whatever stands there.
fn read(path: &Path) -> Result<Vec<u8>> {
    let max = REQUEST_FILE_MAX as u64;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(max + 1).read_to_end(&mut bytes));
    match read {
        Ok(len) if len > REQUEST_FILE_MAX => Err(Fault::TooLarge.into()),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Error::System(format!("{}: {error}", path.display()))),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Never leaves half a file: written beside it, then put in its place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        // What could not be put in place is nobody's.
        let _ = std::fs::remove_file(&beside);
    }
    done
}

fn rows(entries: &[EntryView]) -> String {
    let head = ["MACHINE", "ACTIVATION ID", "ANSWER", "REASON", "ASKED"];
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let machine =
                if entry.host_label.is_empty() { &entry.host_id } else { &entry.host_label };
            vec![
                machine.clone(),
                entry.activation_id.clone(),
                entry.result.to_owned(),
                entry.reason.replace('_', " "),
                entry.asked.clone(),
            ]
        })
        .collect();
    table(&head, &rows)
}
