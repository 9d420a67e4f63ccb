//! From the bytes of anchor and images, and the platform's word, to the state of a store. Pure.
#![forbid(unsafe_code)]

use std::cmp::Ordering;

use super::anchor::{self, Found};
use super::contents::Contents;
use super::image::{Frame, Identity, Image, Parsed, closed_store, is_foreign, parse};
use super::platform::{Seal, SealerKind, Word};
use super::read::{Piece, Raw};
use super::seal::Sealer;
use super::standing::{Note, Standing, State};

/// What one reading comes to.
pub(super) struct Judged {
    pub(super) state: State,
    pub(super) anchor: Found,
    /// The newest valid image.
    pub(super) newest: Option<Box<Image>>,
    /// Whose file that is: 0 for `a`, 1 for `b`.
    pub(super) index: usize,
    /// The generations of `a` and `b`; `None` where there is no valid image.
    pub(super) generations: [Option<u64>; 2],
    /// Of `a` and `b`: whether the file is the one that its image names.
    pub(super) agrees: [bool; 2],
    pub(super) notes: Vec<Note>,
    /// What the platform was asked, and said.
    pub(super) seal: Option<Seal>,
    pub(super) word: Word,
    /// No anchor knows of a store here, and what stands in its place was never one; or it is another
    /// product's.
    pub(super) is_foreign: bool,
    newer: Option<([u8; 16], u64)>,
}

/// What an anchor has seen, beside the image that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    NothingLater,
    SomethingLater,
    Unknown,
}

impl Judged {
    /// `ask` gives the platform's word on a store with this seal.
    pub(super) fn of(
        raw: &Raw,
        sealer: &dyn Sealer,
        ask: impl FnOnce(Option<&Seal>, &Frame) -> Word,
    ) -> Self {
        let anchor = anchor::parse(raw.anchor.as_ref().map(|piece| piece.bytes.as_slice()));
        // Level images are the same bytes: deciphered once.
        let level = raw.is_level();
        let mut read = images(raw, level, sealer);
        let source = |index: usize| if level { 0 } else { index };
        let parsed = [0, 1].map(|index| read[source(index)].as_ref());
        let generations = parsed.map(|parsed| match parsed {
            Some(Parsed::Whole(image)) => Some(image.generation),
            _ => None,
        });
        let newer = parsed.into_iter().flatten().find_map(|parsed| match parsed {
            Parsed::Newer { store_id, generation } => Some((*store_id, *generation)),
            _ => None,
        });
        let notes = image_notes(raw, &parsed, generations);
        let agrees = [0, 1].map(|index| match (parsed[index], &raw.images[index]) {
            (Some(Parsed::Whole(image)), Some(piece)) => {
                image.identities[index].agrees(&Identity::of(&piece.stat))
            }
            _ => false,
        });
        // Of two that are level, the one that still is the file that was written here.
        let index = match generations[0].cmp(&generations[1]) {
            Ordering::Less => 1,
            Ordering::Equal if agrees[1] && !agrees[0] => 1,
            Ordering::Equal | Ordering::Greater => 0,
        };
        let newest = match read[source(index)].take() {
            Some(Parsed::Whole(image)) => Some(image),
            _ => None,
        };
        let seal = newest.as_ref().and_then(|image| image.frame.seal());
        let word = newest.as_ref().map_or(Word::Silent, |image| ask(seal.as_ref(), &image.frame));
        let mut judged = Self {
            state: State::Absent,
            anchor,
            newest,
            index,
            generations,
            agrees,
            notes,
            seal,
            word,
            is_foreign: false,
            newer,
        };
        judged.state = judged.decide(raw);
        judged.note_anchors(raw);
        judged.note_platform();
        judged.is_foreign = judged.belongs_to_another(raw, sealer);
        judged.notes.extend(judged.is_foreign.then_some(Note::Foreign));
        judged
    }

    /// What stands here is not this product's to write over.
    fn belongs_to_another(&self, raw: &Raw, sealer: &dyn Sealer) -> bool {
        let written = || raw.images.iter().flatten().filter(|piece| !piece.bytes.is_empty());
        match self.state {
            State::Absent | State::Damaged | State::Missing if written().next().is_some() => {
                let never_ours = self.anchor == Found::Missing
                    && written().any(|piece| is_foreign(&piece.bytes));
                never_ours || written().any(|piece| is_of_another(raw, &piece.bytes, sealer))
            }
            _ => false,
        }
    }

    fn decide(&self, raw: &Raw) -> State {
        if self.newer.is_some() {
            return State::Newer;
        }
        let Some(image) = &self.newest else {
            return self.decide_without_image(raw);
        };
        if self.is_restored(image) { State::Restored } else { State::Sound }
    }

    /// The rule of restored stores: **rights hold only if no anchor has seen a later generation.**
    ///
    /// | anchor | nothing later | something later | it can't tell |
    /// |---|---|---|---|
    /// | the file | this store, up to this generation | a later one, or another store | missing, damaged |
    /// | the identity of the images | the very files that the image names | other files: what became of those is not known | no times of birth |
    /// | the platform's seal and counter | (never says so) | a later count, or another platform's seal | none, or it can't be asked |
    ///
    /// Where none can tell, rights don't hold either. A store that holds nothing gives no rights;
    /// only an older one is still said to be older. The portal's memory is the third anchor:
    /// [`Standing::is_behind`].
    fn is_restored(&self, image: &Image) -> bool {
        let file = match self.anchor {
            Found::Standing(anchor) if anchor.store_id == image.frame.store_id => {
                if image.generation < anchor.generation {
                    return true;
                }
                Seen::NothingLater
            }
            Found::Standing(_) => Seen::SomethingLater,
            Found::Missing | Found::Damaged => Seen::Unknown,
        };
        let identity = match (image.identities[self.index].is_known(), self.agrees[self.index]) {
            (false, _) => Seen::Unknown,
            (true, true) => Seen::NothingLater,
            (true, false) => Seen::SomethingLater,
        };
        if self.counted() < self.platform_count() {
            return true;
        }
        let platform = if self.word == Word::Other { Seen::SomethingLater } else { Seen::Unknown };
        let anchors = [file, identity, platform];
        let believed =
            anchors.contains(&Seen::NothingLater) && !anchors.contains(&Seen::SomethingLater);
        !image.contents.is_empty() && !believed
    }

    fn decide_without_image(&self, raw: &Raw) -> State {
        let [a, b] = [0, 1].map(|index| raw.images[index].as_ref());
        let nothing = |piece: Option<&Piece>| piece.is_none_or(|p| p.bytes.is_empty());
        match self.anchor {
            // Image 1 may be torn here, but nothing can have been lost with it.
            Found::Standing(anchor) if anchor.birth && anchor.generation == 0 => State::Absent,
            Found::Standing(anchor) if anchor.birth => State::Missing,
            _ if !(nothing(a) && nothing(b)) => {
                // Where no anchor can be kept: `b` gets its first byte once `a` is durable.
                let birth = self.anchor == Found::Missing && nothing(b) && b.is_some();
                if birth { State::Absent } else { State::Damaged }
            }
            Found::Missing => State::Absent,
            Found::Standing(_) | Found::Damaged => State::Missing,
        }
    }

    fn note_anchors(&mut self, raw: &Raw) {
        let Some(image) = &self.newest else {
            return;
        };
        let note = match self.anchor {
            Found::Missing if !raw.anchor_possible => Some(Note::AnchorUnavailable),
            Found::Missing => Some(Note::AnchorMissing),
            Found::Damaged => Some(Note::AnchorDamaged),
            Found::Standing(anchor) => {
                (anchor.generation < image.generation).then_some(Note::AnchorBehind)
            }
        };
        self.notes.extend(note);
        if !image.identities[self.index].is_known() {
            self.notes.push(Note::IdentityUnknown);
        } else if !self.agrees[self.index] {
            self.notes.push(Note::ImageCopied);
        }
    }

    fn note_platform(&mut self) {
        let note = match self.word {
            Word::Silent => None,
            Word::Unreachable => Some(Note::SealerUnreachable),
            Word::Other => Some(Note::SealedElsewhere),
            Word::CounterGone => Some(Note::CounterMissing),
            Word::Stands(None) => None,
            Word::Stands(Some(stands)) => match stands.cmp(&self.counted()) {
                Ordering::Less => Some(Note::CounterBehind),
                Ordering::Equal => None,
                Ordering::Greater => Some(Note::CounterAhead),
            },
        };
        self.notes.extend(note);
    }

    /// Where the platform's counter stood by the newest image.
    fn counted(&self) -> u64 {
        let counter = self.seal.as_ref().and_then(|seal| seal.counter);
        counter.map_or(0, |counter| counter.value)
    }

    /// Where it stands, as far as it was asked.
    fn platform_count(&self) -> u64 {
        match self.word {
            Word::Stands(Some(stands)) => stands,
            _ => 0,
        }
    }

    pub(super) fn sealer_kind(&self) -> SealerKind {
        self.seal.as_ref().map(Seal::kind).unwrap_or_default()
    }

    /// The highest generation that an anchor names.
    pub(super) fn highest_anchor(&self) -> u64 {
        match self.anchor {
            Found::Standing(anchor) => anchor.generation,
            Found::Missing | Found::Damaged => 0,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let found = self.newest.as_ref();
        let (store_id, generation) = found
            .map(|image| (image.frame.store_id, image.generation))
            .or(self.newer)
            .unwrap_or_default();
        let highest_anchor = self.highest_anchor();
        Standing {
            state: self.state,
            store_id,
            generation,
            highest_anchor,
            next_store_id: store_id,
            next_generation: generation.max(highest_anchor).saturating_add(1),
        }
    }

    /// The sections, where they may be used.
    pub(super) fn contents(&mut self) -> Contents {
        match &mut self.newest {
            Some(image) if self.state != State::Newer => std::mem::take(&mut image.contents),
            _ => Contents::default(),
        }
    }

    /// What must be seen twice before it is believed: a writer at work can make it appear.
    pub(super) fn is_suspicious(&self) -> bool {
        matches!(self.state, State::Restored | State::Damaged | State::Missing)
    }
}

/// One that the anchor knows is this product's, and its wrapped key is damaged.
fn is_of_another(raw: &Raw, image: &[u8], sealer: &dyn Sealer) -> bool {
    let known = anchor::known(raw.anchor.as_ref().map(|piece| piece.bytes.as_slice()));
    closed_store(image, sealer).is_some_and(|store_id| !known.contains(&store_id))
}

fn images(raw: &Raw, level: bool, sealer: &dyn Sealer) -> [Option<Parsed>; 2] {
    let parsed = |piece: &Option<Piece>| piece.as_ref().map(|piece| parse(&piece.bytes, sealer));
    let [a, b] = &raw.images;
    [parsed(a), if level { None } else { parsed(b) }]
}

fn image_notes(
    raw: &Raw,
    parsed: &[Option<&Parsed>; 2],
    generations: [Option<u64>; 2],
) -> Vec<Note> {
    let newest = generations[0].max(generations[1]);
    if newest.is_none() {
        return Vec::new();
    }
    let mut notes = Vec::new();
    for (index, name) in [(0, 'a'), (1, 'b')] {
        match parsed[index] {
            None => notes.push(Note::ImageMissing(name)),
            Some(Parsed::Invalid) => {
                let empty = raw.images[index].as_ref().is_some_and(|p| p.bytes.is_empty());
                notes.push(if empty { Note::ImageBehind(name) } else { Note::ImageDamaged(name) });
            }
            Some(Parsed::Whole(_)) if generations[index] < newest => {
                notes.push(Note::ImageBehind(name));
            }
            Some(_) => {}
        }
    }
    notes
}
