//! The traits through which clock, randomness, files and transport come in.
//!
//! Every effect of the library passes one of them, so a test or a simulation replaces the world
//! without any door in the product: [`crate::Client::open_with`] takes a [`Ports`]. What a shipped
//! host gets is the system's own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::cancel::Token;
use crate::error::Result;

/// Time, in every sense that the library needs. Threads: any.
pub trait Clock: Send + Sync {
    /// The wall clock: Unix seconds. May be coarse (some milliseconds late), never a system call
    /// where the platform can avoid it.
    fn wall(&self) -> i64;
    /// Time that only rises, from an origin of its own. Coarse, for the hot path.
    fn monotonic(&self) -> Duration;
    /// Time since the machine was booted, sleep included. Exact; not for the hot path.
    fn boot(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// Randomness fit for keys and IDs. Threads: any.
pub trait Random: Send + Sync {
    /// Fills `bytes`, or fails where the system has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// One POST.
#[derive(Clone, Debug)]
pub struct HttpRequest<'a> {
    /// The whole address.
    pub url: &'a str,
    /// The body's media type.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The longest body that may come back, in bytes.
    pub response_max: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// Ends it sooner.
    pub cancel: Token,
    /// Told how far it got.
    pub progress: Progress,
}

/// How far an exchange got on its way, for a report when it failed. Copies share it. Threads: any.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU8>);

/// A step of an exchange, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// None yet; a transport that doesn't tell stays here.
    #[default]
    Nothing = 0,
    /// The name has addresses.
    Resolved = 1,
    /// There is a connection, through the proxy where there is one.
    Connected = 2,
    /// It is secured by TLS, or needs not be.
    Secured = 3,
    /// An HTTP answer came.
    Answered = 4,
}

impl Progress {
    /// Notes a step.
    pub fn reached(&self, step: Step) {
        self.0.fetch_max(step as u8, Ordering::Relaxed);
    }

    /// The last step.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.0.load(Ordering::Relaxed) {
            0 => Step::Nothing,
            1 => Step::Resolved,
            2 => Step::Connected,
            3 => Step::Secured,
            _ => Step::Answered,
        }
    }
}

/// What came back. Any HTTP status is an answer here; what it means is decided above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, at most `response_max` bytes.
    pub body: Vec<u8>,
    /// `Retry-After` in seconds, where the portal sent one.
    pub retry_after: Option<u32>,
}

/// Carries one request to the portal. Threads: any, several at once. Redirects are not followed.
///
/// Errors: a code of 70 to 79, [`crate::Code::TooLarge`] or [`crate::Code::Cancelled`].
pub trait Transport: Send + Sync {
    /// Sends and waits for the answer.
    fn post(&self, request: &HttpRequest<'_>) -> Result<HttpResponse>;
}

/// The world of one client.
#[derive(Clone)]
pub struct Ports {
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Files.
    pub files: Arc<dyn Files>,
}

/// Files, as trusted storage needs them. Paths are absolute. Errors are [`std::io::Error`]s with
/// the system's own number, so that the layer above tells a full disk from a missing right.
/// What Windows has instead of owners and modes, docs/platforms.md says. Threads: any.
pub trait Files: Send + Sync {
    /// Opens what stands there as `how` says, without following a link in the last component.
    fn open(&self, path: &std::path::Path, how: OpenHow) -> std::io::Result<Box<dyn File>>;
    /// Reads a small regular file whole (for `machine/` and the certificate loader), links
    /// followed; `FileTooLarge` where it has more than `max` bytes.
    fn read(&self, path: &std::path::Path, max: usize) -> std::io::Result<Vec<u8>>;
    /// The names in a directory, in no order.
    fn names(&self, path: &std::path::Path) -> std::io::Result<Vec<String>>;
    /// The target of a symbolic link, as text.
    fn link_target(&self, path: &std::path::Path) -> std::io::Result<std::path::PathBuf>;
    /// Owner, mode, links and identity of what stands there, without following a link.
    fn stat(&self, path: &std::path::Path) -> std::io::Result<Stat>;
    /// Makes a directory and its missing parents, each durable and with this mode, whatever the
    /// umask. One that exists stays as it is.
    fn make_dir(&self, path: &std::path::Path, mode: u32) -> std::io::Result<()>;
    /// Removes one file.
    fn remove(&self, path: &std::path::Path) -> std::io::Result<()>;
    /// Renames a file over another in the same directory, and syncs the directory.
    fn replace(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()>;
    /// Syncs a directory's entries.
    fn sync_dir(&self, path: &std::path::Path) -> std::io::Result<()>;
    /// Whether the path, or its nearest ancestor that exists, lies on a network file system.
    fn is_remote(&self, path: &std::path::Path) -> std::io::Result<bool>;
    /// Bytes that this user may still write where the path, or its nearest ancestor that exists, lies.
    /// `ErrorKind::Unsupported` where the system doesn't tell.
    fn free_space(&self, path: &std::path::Path) -> std::io::Result<u64> {
        let _ = path;
        Err(std::io::ErrorKind::Unsupported.into())
    }
    /// The path made absolute, with the links resolved in whatever part of it exists.
    fn canonical(&self, path: &std::path::Path) -> std::io::Result<std::path::PathBuf>;
    /// The effective user's number, as [`Stat::owner`] has it; 0: who may do everything.
    fn user(&self) -> u32;
    /// By what the effective user is known on this machine for good: the number, on Windows the
    /// security identifier.
    fn user_id(&self) -> std::io::Result<String> {
        Ok(self.user().to_string())
    }
    /// The effective user's home by the account database; no environment variable has a say.
    /// `NotFound` where the user has no entry there.
    fn home(&self) -> std::io::Result<std::path::PathBuf>;
    /// The machine's TPM 2.0, opened; what is loaded into it is gone once this is dropped. An error
    /// where there is none, or where it is closed to this user.
    fn tpm(&self) -> std::io::Result<Box<dyn Tpm>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    /// The name of a group, for a sentence; `None` where the account database has none.
    fn group_name(&self, group: u32) -> Option<String>;
}

/// A TPM 2.0, as it is reached: command in, answer out.
pub trait Tpm {
    /// Sends one command and gives the answer to it, at most some thousand bytes, which may be
    /// anything. `TimedOut` where it doesn't come within that time.
    fn exchange(&mut self, command: &[u8], within: Duration) -> std::io::Result<Vec<u8>>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenHow {
    /// To read; it must exist.
    Read,
    /// To read and write; it must exist.
    Write,
    /// To read and write; it must not exist and is made with this mode, whatever the umask.
    Create {
        /// The permission bits.
        mode: u32,
    },
}

/// An open file. Dropping it closes it and nothing else.
pub trait File: Send {
    /// Reads up to `max` bytes from the start. Asks for that much memory: bound it by the length.
    fn read_head(&mut self, max: usize) -> std::io::Result<Vec<u8>>;
    /// Writes all the bytes at the offset.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<()>;
    /// Gives the file this length, its blocks allocated, what it holds kept.
    fn allocate(&mut self, len: u64) -> std::io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> std::io::Result<()>;
    /// Owner, mode, links and identity.
    fn stat(&self) -> std::io::Result<Stat>;
    /// Marks this open file by a number below 2^40, to be known again by whoever has only its
    /// descriptor's number. (Unix: as its offset, which no reading or writing here moves.)
    fn mark(&mut self, mark: u64) {
        let _ = mark;
    }
    /// The mark of what is open here; `None` where the system keeps none.
    fn marked(&self) -> Option<u64> {
        None
    }
    /// Gives the file to this group.
    fn set_group(&mut self, group: u32) -> std::io::Result<()>;
    /// Takes the whole-file lock, or says at once that another holds it.
    fn try_lock(&mut self, shared: bool) -> std::io::Result<bool>;
    /// Lets the lock go, explicitly: closing alone does not where a forked child shares it.
    fn unlock(&mut self) -> std::io::Result<()>;
    /// Locks a range of bytes, shared or for this open file alone, or says at once that a lock of
    /// another open file stands against it: then not one byte of it is locked. The bytes need not
    /// exist; none of them is read or written, and whoever reads or writes the head of the file is
    /// not hindered. Independent of [`File::try_lock`].
    ///
    /// The lock belongs to *this open file*, never to the process: another open file stands against
    /// it, in this process too, and its closing lets nothing go. The system lets it go when the last
    /// copy of this open file is closed, so also when the process dies, however it dies. (Linux:
    /// `F_OFD_SETLK`. Windows: `LockFileEx` with `LOCKFILE_FAIL_IMMEDIATELY`, exclusive unless
    /// `shared`; bytes that are read or written must lie elsewhere, since these locks are mandatory.)
    ///
    /// `ErrorKind::Unsupported` where the system has no such locks: then nobody holds one.
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> std::io::Result<bool> {
        let _ = (bytes, shared);
        Err(std::io::ErrorKind::Unsupported.into())
    }
    /// Lets a range go that this open file has locked, explicitly: a copy that a forked child has of
    /// it would keep the lock. A child must not call this: it would let go what its parent holds.
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> std::io::Result<()> {
        let _ = bytes;
        Err(std::io::ErrorKind::Unsupported.into())
    }
    /// Bytes, of those asked about, whose lock by another open file stands against locking them in
    /// this way; where there are several such locks, one of them, whichever. `None`: none stands.
    /// Asking `shared` finds exclusive locks only.
    ///
    /// Locks nothing (Linux: `F_OFD_GETLK`). A system that can't be asked may try instead, and halve
    /// the range until it knows, so that somebody else's try fails that would have succeeded a
    /// moment later: the callers bear that.
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> std::io::Result<Option<Range<u64>>> {
        let _ = (bytes, shared);
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Ends without closing: somebody else has closed the descriptor, and what is behind its number
    /// by now is not ours. Where there is no descriptor there is nothing to spare.
    fn abandon(self: Box<Self>) {}
}

/// What the system knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stat {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Time of birth in nanoseconds since 1970; 0 where the file system keeps none.
    pub born: i128,
    /// Time of the last change of content or attributes, in nanoseconds since 1970.
    pub changed: i128,
    /// Bytes.
    pub len: u64,
    /// Owner.
    pub owner: u32,
    /// Group.
    pub group: u32,
    /// Permission bits and the set-ID and sticky bits.
    pub mode: u32,
    /// Hard links.
    pub links: u64,
    /// Kind.
    pub kind: FileKind,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileKind {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket, a device.
    Other,
}
