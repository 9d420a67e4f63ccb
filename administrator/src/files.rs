//! Request and response files on disk: never more is read than such a file can have, never half of one
//! is left, and none is replaced by another machine's.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lm::{Code, Error, Result};
use lm_protocol::file::{self, Fault, Kind};
use lm_protocol::{Id, Request, Verified};

/// How often another program that adds to the same file is waited for.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Where a request is to be written. Taken before it is made, so that a place that can't be written
/// stops nothing from working.
pub(crate) struct Target<'a> {
    path: &'a Path,
    append: bool,
    _lock: Lock,
}

impl<'a> Target<'a> {
    /// Refuses what must not be replaced, or cannot be added to.
    pub(crate) fn new(path: &'a Path, append: bool) -> Result<Self> {
        let lock = Lock::take(path)?;
        if append {
            requests(path)?;
        } else if path.symlink_metadata().is_ok() {
            let sentence = format!("{} is there already.", path.display());
            return Err(Error::new(Code::InvalidArgument, sentence).with_hint(
                "Name another file, or give --append to add the request to those in it.",
            ));
        }
        Ok(Self { path, append, _lock: lock })
    }

    /// Writes a request file, or adds its requests to those that are there; one that is there is not
    /// added twice. Gives how many there are now.
    pub(crate) fn write(&self, request: &[u8]) -> Result<usize> {
        let mut all = if self.append { requests(self.path)? } else { Vec::new() };
        for (request, nonce) in parsed(request).map_err(|fault| unreadable(self.path, fault))? {
            if !all.iter().any(|(known, _)| known.op == request.op) {
                all.push((request, nonce));
            }
        }
        let asked: Vec<_> = all.iter().map(|(request, nonce)| (request, *nonce)).collect();
        let text = file::write_requests(&asked).map_err(|fault| unreadable(self.path, fault))?;
        replace(self.path, text.as_bytes()).map_err(|error| {
            unwritable(self.path, &error).with_hint(
                "The request is made and waits: name another file, and the same command writes the \
                 same request.",
            )
        })?;
        Ok(all.len())
    }
}

/// A response file's bytes; of a larger file, as many as show that.
pub(crate) fn response(path: &Path) -> Result<Vec<u8>> {
    read(path, Kind::Response).map_err(|error| {
        let sentence = format!("{} can't be read: {error}.", path.display());
        Error::new(Code::InvalidArgument, sentence).with_hint("Name the response file.")
    })
}

type Asked = (Verified<Request>, Option<Id>);

/// The requests in a file; none where there is no such file.
fn requests(path: &Path) -> Result<Vec<Asked>> {
    match read(path, Kind::Request) {
        Ok(bytes) => parsed(&bytes).map_err(|fault| unreadable(path, fault)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::new(
            Code::InvalidArgument,
            format!("{} can't be read: {error}.", path.display()),
        )
        .with_hint("Name another file.")),
    }
}

fn parsed(file: &[u8]) -> std::result::Result<Vec<Asked>, Fault> {
    let entries = file::read_requests(file)?;
    let open = |entry: file::RequestEntry| {
        let request = Request::open(&entry.request).map_err(|_| Fault::Damaged)?;
        Ok((request, entry.time_nonce))
    };
    entries.into_iter().map(open).collect()
}

fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    let max = file::max(kind) as u64;
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Written beside it, then put in its place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = with_end(path, &format!(".{}.tmp", std::process::id()));
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

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// One program at a time adds to a file: the lock is a file beside it, which works on every disk, also
/// one that several machines share.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self> {
        let lock = with_end(path, ".lock");
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => pause(),
                Err(error) => return Err(unwritable(path, &error)),
            }
        }
        let sentence = format!("Another program is adding to {}.", path.display());
        let hint = format!("Try again; if there is no such program, remove {}.", lock.display());
        Err(Error::new(Code::Busy, sentence).with_hint(hint))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Where it can't be removed, the next one says so.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[expect(clippy::disallowed_methods, reason = "a program waits for another")]
fn pause() {
    std::thread::sleep(PAUSE);
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    let sentence = format!("{} can't be written: {error}.", path.display());
    Error::new(Code::InvalidArgument, sentence).with_hint("Name a file that can be.")
}

/// A file that requests cannot be added to.
fn unreadable(path: &Path, fault: Fault) -> Error {
    let (code, what) = match fault {
        Fault::Empty => (Code::Malformed, "is empty"),
        Fault::NotOurs => (Code::Malformed, "is no license file"),
        Fault::Cut => (Code::Malformed, "is cut off"),
        Fault::Damaged => (Code::Malformed, "is damaged"),
        Fault::OtherWay => (Code::Mismatch, "is a response file"),
        Fault::TooLarge => (Code::TooLarge, "is larger than a request file can be"),
        Fault::TooMany => (Code::TooLarge, "is full"),
        Fault::Version => (Code::Version, "is of a later version"),
    };
    let sentence = format!("{} {what}: no request can be added to it.", path.display());
    Error::new(code, sentence).with_hint("Name another file.")
}
