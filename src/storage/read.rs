//! Readers. They take no lock, so a break, or that no image is valid, is believed only when a
//! second reading finds the same bytes, or under the shared lock.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::Core;
use super::anchor::ANCHOR_LEN;
use super::image::{Frame, HEAD_LEN};
use super::judge::Judged;
use super::standing::{Look, Reading};
use crate::error::{Code, Error, Result};
use crate::limits::IMAGE_MAX;
use crate::ports::{File, OpenHow, Stat};

/// Readings without a lock before a reader gives up.
const READINGS: usize = 3;

/// The bytes of one file and what the system knew of it just before they were read.
pub(super) struct Piece {
    pub(super) stat: Stat,
    pub(super) bytes: Vec<u8>,
}

/// The bytes of a store.
pub(super) struct Raw {
    pub(super) anchor: Option<Piece>,
    /// `a` and `b`.
    pub(super) images: [Option<Piece>; 2],
    /// Whether there is a place for an anchor file.
    pub(super) anchor_possible: bool,
}

impl Raw {
    /// Whether both images are there and the same, as between two changes.
    pub(super) fn is_level(&self) -> bool {
        matches!(&self.images, [Some(a), Some(b)] if a.bytes == b.bytes)
    }

    fn same_bytes(&self, other: &Self) -> bool {
        self.files().map(|piece| piece.map(|piece| &piece.bytes))
            == other.files().map(|piece| piece.map(|piece| &piece.bytes))
    }

    fn files(&self) -> [Option<&Piece>; 3] {
        let [a, b] = &self.images;
        [self.anchor.as_ref(), a.as_ref(), b.as_ref()]
    }

    fn look(&self) -> Look {
        let mut limits = LOOK_LENS.into_iter();
        Look {
            files: self.files().map(|piece| {
                let limit = limits.next().unwrap_or(0);
                piece.map(|piece| {
                    let head = piece.bytes.get(..limit).unwrap_or(&piece.bytes);
                    (piece.stat, head.to_vec())
                })
            }),
        }
    }
}

/// How much a look reads of anchor, `a` and `b`.
const LOOK_LENS: [usize; 3] = [ANCHOR_LEN, HEAD_LEN, HEAD_LEN];

impl Core {
    /// Reads without a lock, and under the shared lock, waiting for it at most `wait`, where that
    /// comes to no end.
    pub(super) fn read(&self, wait: Duration) -> Result<Reading> {
        self.read_on(self.gather()?, wait)
    }

    /// The same, unless the files still look like this: `None`. What a look has opened isn't opened
    /// again. Where nothing can be opened, as in a process without a free descriptor, what the system
    /// tells of the files without opening them is enough: licenses don't end with that.
    pub(super) fn read_if_changed(&self, known: &Look, wait: Duration) -> Result<Option<Reading>> {
        let opened = match self.open_all() {
            Ok(opened) => opened,
            Err(error) if error.code() == Code::StorageIo && self.stand_as(known) => {
                return Ok(None);
            }
            // A reading says why it can't be read, in order.
            Err(_) => return self.read(wait).map(Some),
        };
        if look_of(&opened) == *known {
            return Ok(None);
        }
        self.read_on(self.gather_opened(opened)?, wait).map(Some)
    }

    /// Whether the files are the same and nothing was done to them since.
    fn stand_as(&self, known: &Look) -> bool {
        self.looked_at().into_iter().zip(&known.files).all(|(path, known)| {
            match (path.map(|path| self.files.stat(path)), known) {
                (Some(Ok(stat)), Some((known, _))) => stat == *known,
                (Some(Err(error)), None) => error.kind() == ErrorKind::NotFound,
                (None, None) => true,
                _ => false,
            }
        })
    }

    fn read_on(&self, first: Raw, wait: Duration) -> Result<Reading> {
        let mut first = Some(first);
        let mut last: Option<Raw> = None;
        for _ in 0..READINGS {
            let raw = match first.take() {
                Some(raw) => raw,
                None => self.gather()?,
            };
            let judged = self.judge(&raw);
            let seen_twice = last.as_ref().is_some_and(|last| last.same_bytes(&raw));
            if !judged.is_suspicious() || seen_twice {
                return Ok(reading(&raw, judged));
            }
            last = Some(raw);
        }
        let Some(lock) = self.lock(true, &wait.into())? else {
            // Without a lock file nobody can be writing, yet the bytes change.
            return Err(Error::from_code(Code::Busy));
        };
        let raw = self.gather();
        lock.release();
        let raw = raw?;
        let judged = self.judge(&raw);
        Ok(reading(&raw, judged))
    }

    fn judge(&self, raw: &Raw) -> Judged {
        let ask = |seal: Option<&_>, frame: &Frame| self.platform.word(seal, &frame.master);
        Judged::of(raw, self.sealer.as_ref(), ask)
    }

    /// All bytes, in the order in which a reader must see them: what a writer raises last first.
    pub(super) fn gather(&self) -> Result<Raw> {
        let directory = self.directory_stat()?;
        if directory.is_some() {
            self.check_local()?;
        }
        let anchor = match &self.paths.anchor {
            Some(path) => self.piece(path, ANCHOR_LEN)?,
            None => None,
        };
        let [a, b] = &self.paths.images;
        Ok(Raw {
            anchor,
            images: [self.piece(a, IMAGE_MAX + 1)?, self.piece(b, IMAGE_MAX + 1)?],
            anchor_possible: self.paths.anchor.is_some(),
        })
    }

    fn piece(&self, path: &Path, max: usize) -> Result<Option<Piece>> {
        Ok(self.opened(path, max)?.map(|opened| opened.piece))
    }

    fn opened(&self, path: &Path, max: usize) -> Result<Option<Opened>> {
        let Some((mut file, stat)) = self.open(path, OpenHow::Read)? else {
            return Ok(None);
        };
        let bytes = self.bytes(path, file.as_mut(), &stat, max)?;
        Ok(Some(Opened { file, piece: Piece { stat, bytes } }))
    }

    fn bytes(&self, path: &Path, file: &mut dyn File, stat: &Stat, max: usize) -> Result<Vec<u8>> {
        let len = usize::try_from(stat.len).unwrap_or(max);
        file.read_head(len.min(max)).map_err(|e| self.io_error(path, "read", &e))
    }

    pub(super) fn look(&self) -> Result<Look> {
        Ok(look_of(&self.open_all()?))
    }

    /// Anchor, `a` and `b`.
    fn looked_at(&self) -> [Option<&Path>; 3] {
        let [a, b] = self.paths.images.each_ref().map(|path| Some(path.as_path()));
        [self.paths.anchor.as_deref(), a, b]
    }

    /// The same, as far as a look reads them.
    fn open_all(&self) -> Result<[Option<Opened>; 3]> {
        let mut all = [const { None }; 3];
        for ((opened, path), len) in all.iter_mut().zip(self.looked_at()).zip(LOOK_LENS) {
            if let Some(path) = path {
                *opened = self.opened(path, len)?;
            }
        }
        Ok(all)
    }

    /// All bytes of what was opened for a look, in the order of [`Self::gather`]. The anchor's are
    /// there. What is written meanwhile shows at the next look, since what the system knew of the
    /// files is older than the bytes; and a break that is no more than that is not found again by
    /// the second reading, which opens anew.
    fn gather_opened(&self, [anchor, a, b]: [Option<Opened>; 3]) -> Result<Raw> {
        if self.directory_stat()?.is_some() {
            self.check_local()?;
        }
        let [path_a, path_b] = &self.paths.images;
        Ok(Raw {
            anchor: anchor.map(|anchor| anchor.piece),
            images: [self.whole(path_a, a)?, self.whole(path_b, b)?],
            anchor_possible: self.paths.anchor.is_some(),
        })
    }

    fn whole(&self, path: &Path, opened: Option<Opened>) -> Result<Option<Piece>> {
        match opened {
            Some(Opened { mut file, piece: Piece { stat, .. } }) => {
                let bytes = self.bytes(path, file.as_mut(), &stat, IMAGE_MAX + 1)?;
                Ok(Some(Piece { stat, bytes }))
            }
            None => self.piece(path, IMAGE_MAX + 1),
        }
    }
}

/// A file that is still open, and its head.
struct Opened {
    file: Box<dyn File>,
    piece: Piece,
}

fn look_of(opened: &[Option<Opened>; 3]) -> Look {
    let head = |opened: &Opened| (opened.piece.stat, opened.piece.bytes.clone());
    Look { files: opened.each_ref().map(|opened| opened.as_ref().map(head)) }
}

fn reading(raw: &Raw, mut judged: Judged) -> Reading {
    Reading {
        standing: judged.standing(),
        sealer: judged.sealer_kind(),
        contents: judged.contents(),
        notes: std::mem::take(&mut judged.notes),
        look: raw.look(),
    }
}
