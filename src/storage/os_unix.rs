//! The file port of Unix systems.
//!
//! What std does safely is left to it; the few calls below are those that it doesn't have.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::bytes_unix;
use super::place::at_nearest;
use crate::ports::{File, FileKind, Files, OpenHow, Stat};

/// The longest entry of the account database that is read.
const ENTRY_MAX: usize = 1 << 20;

/// The files of the running system. Keeps nothing. Threads: any.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

struct OpenFile(std::fs::File);

impl Files for SystemFiles {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        // O_NONBLOCK: a FIFO in a file's place must be refused, not waited for.
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = match how {
            OpenHow::Read => above_stdio(options.open(path)?)?,
            OpenHow::Write => above_stdio(options.write(true).open(path)?)?,
            OpenHow::Create { mode } => {
                let made = options.write(true).create_new(true).mode(mode).open(path)?;
                let made = above_stdio(made)?;
                made.set_permissions(Permissions::from_mode(mode))?;
                made
            }
        };
        Ok(Box::new(OpenFile(file)))
    }

    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = above_stdio(options.open(path)?)?;
        if !file.metadata()?.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        (&file).take(bound).read_to_end(&mut bytes)?;
        if bytes.len() > max {
            return Err(ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::read_link(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        std::fs::symlink_metadata(path).map(|found| stat_of(&found))
    }

    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => return Err(ErrorKind::NotADirectory.into()),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.make_dir(parent, mode)?;
        match DirBuilder::new().mode(mode & 0o777).create(path) {
            // Set only on what was made here: another process may have made it in between.
            Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(mode))?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
        self.sync_dir(parent)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)?;
        self.sync_dir(to.parent().ok_or(ErrorKind::InvalidInput)?)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_DIRECTORY);
        above_stdio(options.open(path)?)?.sync_all()
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        at_nearest(path, super::space_unix::free)
    }

    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        at_nearest(path, super::remote_unix::is_remote)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = std::path::absolute(path)?;
        for ancestor in path.ancestors() {
            match std::fs::canonicalize(ancestor) {
                Ok(found) => {
                    let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                    // What doesn't exist yet can't be stepped out of.
                    if rest.components().any(|part| part == Component::ParentDir) {
                        return Err(ErrorKind::InvalidInput.into());
                    }
                    // Joining nothing would leave a slash at the end.
                    let whole = rest.as_os_str().is_empty();
                    return Ok(if whole { found } else { found.join(rest) });
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) if e.raw_os_error() == Some(libc::ELOOP) => {
                    return Err(io::Error::new(ErrorKind::InvalidInput, e));
                }
                Err(e) => return Err(e),
            }
        }
        Err(ErrorKind::NotFound.into())
    }

    fn user(&self) -> u32 {
        // SAFETY: takes nothing, always succeeds.
        unsafe { libc::geteuid() }
    }

    #[cfg(target_os = "linux")]
    fn tpm(&self) -> io::Result<Box<dyn crate::ports::Tpm>> {
        super::tpm_unix::open()
    }

    fn home(&self) -> io::Result<PathBuf> {
        let home = with_buffer(|buffer| user_home(self.user(), buffer))?;
        let home = home.filter(|path| path.is_absolute());
        home.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn group_name(&self, group: u32) -> Option<String> {
        with_buffer(|buffer| group_entry(group, buffer)).ok()?
    }
}

impl File for OpenFile {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(max);
        while bytes.len() < max {
            match read_behind(&self.0, &mut bytes, max) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        within_limit(offset.saturating_add(bytes.len() as u64))?;
        self.0.write_all_at(bytes, offset)
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        within_limit(len)?;
        if self.0.metadata()?.len() > len {
            self.0.set_len(len)?;
        }
        allocate(&self.0, len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn stat(&self) -> io::Result<Stat> {
        self.0.metadata().map(|found| stat_of(&found))
    }

    fn mark(&mut self, mark: u64) {
        // Where the file system has no such offsets, the one that it has stays.
        let _ = self.0.seek(SeekFrom::Start(mark));
    }

    fn marked(&self) -> Option<u64> {
        (&self.0).stream_position().ok()
    }

    fn set_group(&mut self, group: u32) -> io::Result<()> {
        std::os::unix::fs::fchown(&self.0, None, Some(group))
    }

    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        let tried = if shared { self.0.try_lock_shared() } else { self.0.try_lock() };
        match tried {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(e)) => Err(e),
        }
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.0.unlock()
    }

    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        bytes_unix::try_lock(&self.0, &bytes, shared)
    }

    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        bytes_unix::unlock(&self.0, &bytes)
    }

    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        bytes_unix::locked(&self.0, &bytes, shared)
    }

    fn abandon(self: Box<Self>) {
        let _number = self.0.into_raw_fd();
    }
}

/// Reads behind what was read of a file, up to `max` bytes in all. Into room that is not filled with
/// zeros first, for which std has nothing stable yet: a look must cost little.
fn read_behind(file: &std::fs::File, bytes: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let filled = bytes.len();
    let offset = libc::off_t::try_from(filled).map_err(|_| ErrorKind::FileTooLarge)?;
    let room = bytes.spare_capacity_mut();
    let len = room.len().min(max - filled);
    // SAFETY: `room` is writable for its length, of which `len` is no more; `file` is open.
    let read = unsafe { libc::pread(file.as_raw_fd(), room.as_mut_ptr().cast(), len, offset) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has written the first `read` bytes of the spare room.
    unsafe { bytes.set_len(filled + read) };
    Ok(read)
}

/// A host that closed its standard streams must not find a license store in their place: what it
/// prints would be written into it.
pub(super) fn above_stdio(file: std::fs::File) -> io::Result<std::fs::File> {
    if file.as_raw_fd() > 2 {
        return Ok(file);
    }
    let low = OwnedFd::from(file);
    // SAFETY: duplicates a descriptor that `low` keeps open; no memory is involved.
    let high = unsafe { libc::fcntl(low.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
    if high < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given this descriptor to us alone.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(high) })
}

/// Refuses what would end beyond the limit of file sizes that this process was given (`ulimit -f`):
/// the system doesn't only refuse it, it sends SIGXFSZ, which ends a host that doesn't expect it.
fn within_limit(end: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer is to a local that outlives the call. Where it fails there is no limit.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    if end > limit.rlim_cur { Err(ErrorKind::FileTooLarge.into()) } else { Ok(()) }
}

#[cfg(target_os = "linux")]
fn allocate(file: &std::fs::File, len: u64) -> io::Result<()> {
    let end = libc::off_t::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
    loop {
        // SAFETY: acts on a descriptor that `file` keeps open; no memory is involved.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, end) } {
            0 => return Ok(()),
            // A signal of the host's.
            libc::EINTR => {}
            // The file system allocates only on writing; a full disk then shows up there.
            libc::EOPNOTSUPP | libc::EINVAL => return file.set_len(len),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(file: &std::fs::File, len: u64) -> io::Result<()> {
    file.set_len(len)
}

fn stat_of(found: &std::fs::Metadata) -> Stat {
    let kind = match found.file_type() {
        kind if kind.is_file() => FileKind::File,
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    let born = found.created().ok().and_then(|time| {
        let nanoseconds = time.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        i128::try_from(nanoseconds).ok()
    });
    Stat {
        device: found.dev(),
        inode: found.ino(),
        born: born.unwrap_or(0),
        changed: i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()),
        len: found.len(),
        owner: found.uid(),
        group: found.gid(),
        mode: found.mode() & 0o7777,
        links: found.nlink(),
        kind,
    }
}

/// Calls `entry` with a buffer that grows until the account database's entry fits.
fn with_buffer<T>(entry: impl Fn(&mut [libc::c_char]) -> Result<T, i32>) -> io::Result<T> {
    let mut len = 1024;
    loop {
        match entry(&mut vec![0; len]) {
            Ok(found) => return Ok(found),
            Err(libc::ERANGE) if len < ENTRY_MAX => len *= 4,
            Err(libc::EINTR) => {}
            Err(error) => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

fn user_home(user: u32, buffer: &mut [libc::c_char]) -> Result<Option<PathBuf>, i32> {
    // SAFETY: a C structure of pointers and integers, for which all zeros are valid.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: all pointers are to locals that outlive the call; the length is the buffer's.
    match unsafe {
        libc::getpwuid_r(user, &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found)
    } {
        0 if found.is_null() || entry.pw_dir.is_null() => Ok(None),
        0 => {
            // SAFETY: a NUL-terminated text inside `buffer`, which outlives its use here.
            let home = unsafe { CStr::from_ptr(entry.pw_dir) };
            Ok(Some(PathBuf::from(OsStr::from_bytes(home.to_bytes()))))
        }
        // What libraries say, beside 0, where there is no such entry.
        libc::ENOENT | libc::ESRCH => Ok(None),
        error => Err(error),
    }
}

fn group_entry(group: u32, buffer: &mut [libc::c_char]) -> Result<Option<String>, i32> {
    // SAFETY: a C structure of pointers and integers, for which all zeros are valid.
    let mut entry: libc::group = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: all pointers are to locals that outlive the call; the length is the buffer's.
    match unsafe {
        libc::getgrgid_r(group, &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found)
    } {
        0 if found.is_null() || entry.gr_name.is_null() => Ok(None),
        0 => {
            // SAFETY: a NUL-terminated text inside `buffer`, which outlives its use here.
            let name = unsafe { CStr::from_ptr(entry.gr_name) };
            Ok(Some(name.to_string_lossy().into_owned()))
        }
        error => Err(error),
    }
}

/// A path as C takes it.
pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_never_opened_as_a_standard_stream() {
        // Descriptor 0 of a process of its own: this one's belongs to the harness.
        let mut command = std::process::Command::new("/proc/self/exe");
        let name = "storage::os_unix::tests::child_without_input";
        let output = command.args([name, "--exact", "--ignored"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "the child of the test above"]
    fn child_without_input() {
        // SAFETY: nothing in this process uses its standard input.
        assert_eq!(unsafe { libc::close(0) }, 0);
        let low = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(low.as_raw_fd(), 0, "the system gives the lowest free number");
        let high = above_stdio(low).unwrap();
        assert!(high.as_raw_fd() > 2);
        // SAFETY: asks for the flags of a descriptor that `high` keeps open.
        let flags = unsafe { libc::fcntl(high.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        // SAFETY: asks for the flags of a descriptor, whether it is open or not.
        assert_eq!(unsafe { libc::fcntl(0, libc::F_GETFD) }, -1, "0 is free again");
    }

    #[test]
    fn small_files_are_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(SystemFiles.read(&path, 5).unwrap(), b"12345");
        let error = SystemFiles.read(&path, 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let error = SystemFiles.read(dir.path(), 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn files_have_their_length_allocated_and_their_birth_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut file = SystemFiles.open(&path, OpenHow::Create { mode: 0o640 }).unwrap();
        file.write_at(0, b"kept").unwrap();
        for len in [8192, 4096] {
            file.allocate(len).unwrap();
            assert_eq!(file.stat().unwrap().len, len);
        }
        assert_eq!(file.read_head(4).unwrap(), b"kept");
        let stat = file.stat().unwrap();
        assert_eq!((stat.mode, stat.links, stat.kind), (0o640, 1, FileKind::File));
        assert_eq!(stat.owner, SystemFiles.user());
        assert_eq!(SystemFiles.stat(&path).unwrap(), stat);
        let blocks = std::fs::metadata(&path).unwrap().blocks();
        assert!(blocks * 512 >= stat.len, "{blocks} blocks");
    }

    #[test]
    fn the_home_is_the_account_databases() {
        // "user:password:number:group:name:home:shell"
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
        let number = SystemFiles.user().to_string();
        let entry = accounts
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&number.as_str()));
        let home = SystemFiles.home();
        match entry {
            Some(fields) => assert_eq!(home.unwrap(), Path::new(fields[5])),
            // From another source than this file, or none.
            None => assert!(home.is_ok() || home.unwrap_err().kind() == ErrorKind::NotFound),
        }
        let longest = with_buffer(|buffer| match buffer.len() {
            len if len < 100_000 => Err(libc::ERANGE),
            len => Ok(len),
        });
        assert!(longest.unwrap() >= 100_000);
        assert!(SystemFiles.is_remote(Path::new("/proc/none/such")).is_ok_and(|remote| !remote));
    }
}
