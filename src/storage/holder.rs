//! Who holds seats, as the holders left word in `slots`. For display only: everyone who may use seats
//! may write there, so nothing rests on it and nothing of it is believed beyond its form.
//!
//! The file's head has room for a number of notes of one line each; a seat's note lies where its
//! byte's offset says. Two seats may share a place: the later note then stands, and names its seat.
#![forbid(unsafe_code)]

use std::ops::Range;

const NOTE_LEN: usize = 128;
const NOTES: u64 = 512;
/// Of all notes together.
pub(super) const HEAD_LEN: usize = NOTE_LEN * NOTES as usize;
/// The longest name of a program, in bytes.
const PROGRAM_MAX: usize = 64;

/// Seats that one process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// How many.
    pub seats: u64,
    /// The process' number and its program's name, where it left word.
    pub process: Option<(u32, String)>,
}

impl Holder {
    /// Those of the seats that are held, by the file's head.
    pub(super) fn of(held: &[Range<u64>], head: &[u8]) -> Vec<Self> {
        let mut holders: Vec<Self> = Vec::new();
        for bytes in held {
            let (seats, process) = (bytes.end - bytes.start, process(bytes.start, head));
            match holders.iter_mut().find(|holder| holder.process == process) {
                Some(holder) => holder.seats += seats,
                None => holders.push(Self { seats, process }),
            }
        }
        holders
    }
}

fn process(seat: u64, head: &[u8]) -> Option<(u32, String)> {
    let note = head.get(place(seat)..)?.get(..NOTE_LEN)?;
    let mut words = std::str::from_utf8(note).ok()?.trim_end().splitn(3, ' ');
    if u64::from_str_radix(words.next()?, 16).ok()? != seat {
        return None;
    }
    Some((words.next()?.parse().ok()?, program_of(words.next()?)))
}

/// One line: the first seat's byte, the process' number, the program's name.
pub(super) struct Note {
    offset: u64,
    bytes: Vec<u8>,
}

impl Note {
    pub(super) fn new(held: &Range<u64>, pid: u32, program: &str) -> Self {
        let mut text = format!("{:x} {pid} {}", held.start, program_of(program));
        text.extend(std::iter::repeat_n(' ', NOTE_LEN.saturating_sub(text.len() + 1)));
        text.push('\n');
        Self { offset: place(held.start) as u64, bytes: text.into_bytes() }
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where the note of a seat lies. Ranges begin anywhere, so their seats are spread.
const fn place(seat: u64) -> usize {
    let range = seat / super::slots::RANGE_LEN;
    ((range ^ seat) % NOTES) as usize * NOTE_LEN
}

/// What can be shown of a name.
fn program_of(name: &str) -> String {
    let mut shown = String::new();
    for letter in name.chars().filter(|letter| !letter.is_control()) {
        if shown.len() + letter.len_utf8() > PROGRAM_MAX {
            break;
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_named_where_they_left_word() {
        let (mut head, first) = (vec![0; HEAD_LEN], super::super::slots::bytes_of("x").start);
        let mut write = |held: Range<u64>, pid, program: &str| {
            let note = Note::new(&held, pid, program);
            assert_eq!(note.bytes().len(), NOTE_LEN);
            let at = usize::try_from(note.offset()).unwrap();
            head[at..at + NOTE_LEN].copy_from_slice(note.bytes());
            held
        };
        let long = "Ü".repeat(100);
        let held = [
            write(first..first + 2, 17, "gis server"),
            write(first + 2..first + 3, 18, &format!("\n\u{1b}{long}")),
            write(first + 3..first + 4, 17, "gis server"),
            first + 4..first + 9,
        ];
        let named = |seats, process: Option<(u32, &str)>| Holder {
            seats,
            process: process.map(|(pid, program)| (pid, program.to_owned())),
        };
        assert_eq!(
            Holder::of(&held, &head),
            [
                named(3, Some((17, "gis server"))),
                named(1, Some((18, &"Ü".repeat(32)))),
                named(5, None),
            ]
        );
    }

    #[test]
    fn what_is_no_note_of_the_seat_names_nobody() {
        let seat = super::super::slots::bytes_of("x").start;
        let written = Note::new(&(seat..seat + 1), 17, "gis");
        let place = usize::try_from(written.offset()).unwrap();
        for other in [&b"\xFF"[..], b"", b"zz 17 gis", b"1 17 gis", b"4000000000000000 x gis"] {
            let mut head = vec![b' '; HEAD_LEN];
            head[place..place + other.len()].copy_from_slice(other);
            assert_eq!(process(seat, &head), None, "{other:?}");
        }
        assert_eq!(process(seat, &[]), None);
        assert_eq!(process(seat + NOTES, written.bytes()), None);
    }
}
