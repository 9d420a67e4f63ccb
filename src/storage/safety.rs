//! What stands at a path must be what storage put there: checked on the open file, each time.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::path::Path;

use super::Core;
use super::place::Scope;
use crate::error::{Code, Error, Result};
use crate::ports::{File, FileKind, OpenHow, Stat};

impl Core {
    /// Opens a file of the store or its anchor and checks it. `None`: nothing stands there.
    pub(super) fn open(&self, path: &Path, how: OpenHow) -> Result<Option<(Box<dyn File>, Stat)>> {
        match self.files.open(path, how) {
            Ok(file) => {
                let stat = file.stat().map_err(|e| self.io_error(path, "examined", &e))?;
                self.check_file(path, &stat)?;
                Ok(Some((file, stat)))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => {
                // A link, a directory or a socket fails to open in ways that differ by system.
                if let Ok(stat) = self.files.stat(path) {
                    check_kind(path, &stat, FileKind::File)?;
                }
                Err(self.io_error(path, "opened", &e))
            }
        }
    }

    /// The store's directory, checked. `None`: it doesn't exist.
    pub(super) fn directory_stat(&self) -> Result<Option<Stat>> {
        let path = &self.paths.dir;
        let stat = match self.files.stat(path) {
            Ok(stat) => stat,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.io_error(path, "examined", &e)),
        };
        check_kind(path, &stat, FileKind::Directory)?;
        let known = [0, self.files.user()].contains(&stat.owner);
        if self.paths.scope != Scope::Machine && !known {
            return Err(foreign_owner(path, &stat));
        }
        Ok(Some(stat))
    }

    /// Refuses a store on a network file system.
    pub(super) fn check_local(&self) -> Result<()> {
        let path = &self.paths.dir;
        match self.files.is_remote(path) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Error::new(
                Code::StorageRemote,
                format!("{} lies on a network file system.", path.display()),
            )),
            Err(e) => Err(self.io_error(path, "examined", &e)),
        }
    }

    /// Makes a file of the store or its anchor, in machine scope for the directory's group.
    pub(super) fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn File>> {
        let mut file = self.files.open(path, OpenHow::Create { mode })?;
        if self.paths.scope == Scope::Machine {
            let group = self.files.stat(&self.paths.dir)?.group;
            if file.stat()?.group != group {
                file.set_group(group)?;
            }
        }
        Ok(file)
    }

    /// Refuses to make a file that the other users of the store would have to refuse.
    pub(super) fn check_may_create(&self, directory: &Stat) -> Result<()> {
        let user = self.files.user();
        let may = self.paths.scope != Scope::Machine || user == 0 || user == directory.owner;
        if may {
            return Ok(());
        }
        let sentence = format!(
            "Files are missing in {}, and only its owner or root may make them.",
            self.paths.dir.display()
        );
        Err(Error::new(Code::Permission, sentence)
            .with_hint("Ask an administrator of this machine to set up trusted storage."))
    }

    fn check_file(&self, path: &Path, stat: &Stat) -> Result<()> {
        check_kind(path, stat, FileKind::File)?;
        if stat.links != 1 {
            let wrong = format!("has {} hard links instead of one", stat.links);
            return Err(unsafe_at(path, &wrong));
        }
        // Lock and slots are for everyone in machine scope; nothing that they hold is believed.
        let for_everyone = [&self.paths.lock, &self.paths.slots].iter().any(|open| *open == path);
        if stat.mode & 0o002 != 0 && !for_everyone {
            let wrong = format!("may be written by everyone (mode {:04o})", stat.mode);
            return Err(unsafe_at(path, &wrong));
        }
        if [0, self.files.user()].contains(&stat.owner) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(path);
        let directory = self.files.stat(parent);
        let directory = directory.map_err(|e| self.io_error(parent, "examined", &e))?;
        if self.paths.scope == Scope::Machine && directory.owner == stat.owner {
            return Ok(());
        }
        Err(foreign_owner(path, stat))
    }

    /// The failure of a file operation, as a code and a sentence with the path.
    pub(super) fn io_error(&self, path: &Path, verb: &str, error: &io::Error) -> Error {
        let code = match error.kind() {
            ErrorKind::PermissionDenied => Code::Permission,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StorageFull,
            ErrorKind::ReadOnlyFilesystem => Code::StorageReadOnly,
            ErrorKind::NotADirectory => Code::StorageUnsafe,
            _ => Code::StorageIo,
        };
        let sentence = format!("{} could not be {verb}: {error}.", path.display());
        let failure = Error::new(code, sentence);
        if let Some(hint) = limit_hint(error) {
            return failure.with_hint(hint);
        }
        if code != Code::Permission {
            return failure;
        }
        match (self.paths.scope, self.license_group()) {
            (Scope::User | Scope::Memory, _) => failure.with_hint(
                "It must belong to you, and be yours to read and to write: look at its owner and \
                 its permissions.",
            ),
            (Scope::Machine, Some(group)) => failure.with_hint(format!(
                "Ask an administrator of this machine, or run as a member of the group {group:?}."
            )),
            (Scope::Machine, None) => failure,
        }
    }

    /// The name of the group that may change the licenses of the machine.
    fn license_group(&self) -> Option<String> {
        let directory = self.files.stat(&self.paths.dir).ok()?;
        self.files.group_name(directory.group)
    }
}

/// What to do where it isn't the disk but a limit of this process or the system that stands against
/// it.
fn limit_hint(error: &io::Error) -> Option<&'static str> {
    #[cfg(unix)]
    const OPEN_FILES: [i32; 2] = [libc::EMFILE, libc::ENFILE];
    // ERROR_TOO_MANY_OPEN_FILES.
    #[cfg(windows)]
    const OPEN_FILES: [i32; 1] = [4];
    if error.raw_os_error().is_some_and(|number| OPEN_FILES.contains(&number)) {
        return Some("Too many files are open: close some, or raise the limit, then try again.");
    }
    (error.kind() == ErrorKind::FileTooLarge)
        .then_some("Raise the limit of file sizes (ulimit -f), then try again.")
}

fn check_kind(path: &Path, stat: &Stat, wanted: FileKind) -> Result<()> {
    let found = match stat.kind {
        kind if kind == wanted => return Ok(()),
        FileKind::Link => "is a symbolic link",
        FileKind::Directory => "is a directory instead of a file",
        FileKind::File => "is a file instead of a directory",
        FileKind::Other => "is neither a file nor a directory",
    };
    Err(unsafe_at(path, found))
}

fn foreign_owner(path: &Path, stat: &Stat) -> Error {
    unsafe_at(path, &format!("belongs to another user (number {})", stat.owner))
}

fn unsafe_at(path: &Path, wrong: &str) -> Error {
    let sentence = format!("Trusted storage is not safe: {} {wrong}.", path.display());
    Error::new(Code::StorageUnsafe, sentence)
}
