//! The file port of Windows. A path that begins with a root of the registry leads there
//! ([`super::registry_windows`]); every other one is a file's.
//!
//! What std does safely is left to it; the few calls below are those that it doesn't have. Files are
//! opened so that others may read, write, rename and delete them meanwhile, as on Unix, and handles
//! are not inherited.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::{Component, Path, PathBuf, Prefix};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_CANT_RESOLVE_FILENAME, ERROR_INSUFFICIENT_BUFFER, GENERIC_READ,
    GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetKernelObjectSecurity, OWNER_SECURITY_INFORMATION,
    SECURITY_ATTRIBUTES,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ADD_SUBDIRECTORY,
    FILE_ATTRIBUTE_DEVICE, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_NORMAL,
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_BASIC_INFO, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FileBasicInfo, GetFileInformationByHandle, GetFileInformationByHandleEx,
    GetVolumeInformationByHandleW, MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW,
    READ_CONTROL,
};
use windows_sys::Win32::System::SystemServices::FILE_SUPPORTS_OPEN_BY_FILE_ID;

use super::place::at_nearest;
use super::registry::At;
use super::registry_windows as registry;
use super::rights::{self, Rights};
use super::user_windows::{User, profile};
use super::{remote_windows, space_windows};
use crate::ports::{File, FileKind, Files, OpenHow, Stat};

/// The largest descriptor of owner and rights that is read.
const DESCRIPTOR_MAX: usize = 1 << 16;
/// From 1601, where file times begin, to 1970, in their unit of 100 ns.
const EPOCH: i64 = 116_444_736_000_000_000;
/// The longest path that is given back without the prefix `\\?\`, in units.
const PLAIN_MAX: usize = 240;
const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// The files of the running system. Keeps nothing. Threads: any.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

struct OpenFile(std::fs::File);

impl Files for SystemFiles {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        if let Some(at) = in_registry(path) {
            return registry::open(at, how);
        }
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        let file = match how {
            OpenHow::Read => options.open(path)?,
            OpenHow::Write => options.write(true).open(path)?,
            OpenHow::Create { mode } => create(path, mode)?,
        };
        Ok(Box::new(OpenFile(file)))
    }

    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        if let Some(at) = in_registry(path) {
            return registry::read(at, max);
        }
        let file = std::fs::File::open(path)?;
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
        if let Some(at) = in_registry(path) {
            return registry::stat(at);
        }
        let mut options = OpenOptions::new();
        options
            .access_mode(FILE_READ_ATTRIBUTES | READ_CONTROL)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS);
        stat_of(&options.open(path)?)
    }

    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        if let Some(at) = in_registry(path) {
            return registry::make_dir(at, mode);
        }
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => return Err(ErrorKind::NotADirectory.into()),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.make_dir(parent, mode)?;
        self.check_may_share(parent, mode)?;
        match create_dir(path, mode) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        self.sync_dir(parent)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match in_registry(path) {
            Some(at) => registry::remove(at),
            None => std::fs::remove_file(path),
        }
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let (Some(from), Some(to)) = (in_registry(from), in_registry(to)) {
            return registry::replace(from, to);
        }
        let (from, to) = (wide(from)?, wide(to)?);
        let how = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
        // SAFETY: two NUL-terminated paths, alive during the call.
        done(unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), how) })
    }

    /// NTFS and ReFS write the entry of a new file no later than the file itself: both stand in one
    /// journal, which a file's sync writes up to there. So a directory that this user may not sync
    /// by itself needs no syncing.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if let Some(at) = in_registry(path) {
            return registry::sync_dir(at);
        }
        let mut options = OpenOptions::new();
        options.access_mode(FILE_ADD_SUBDIRECTORY).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
        match options.open(path).and_then(|directory| directory.sync_all()) {
            Err(e) if e.raw_os_error() == Some(ERROR_ACCESS_DENIED as i32) => Ok(()),
            synced => synced,
        }
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        at_nearest(path, space_windows::free)
    }

    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        at_nearest(path, remote_windows::is_remote)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = std::path::absolute(path)?;
        match prefix(&path) {
            Some(Prefix::Disk(_) | Prefix::VerbatimDisk(_)) => {}
            // Refused for what it is before a file of it is opened.
            Some(Prefix::UNC(..) | Prefix::VerbatimUNC(..)) => return Ok(path),
            _ => return Err(ErrorKind::InvalidInput.into()),
        }
        for ancestor in path.ancestors() {
            match std::fs::canonicalize(ancestor) {
                Ok(found) => {
                    let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                    // What doesn't exist yet can't be stepped out of.
                    if rest.components().any(|part| part == Component::ParentDir) {
                        return Err(ErrorKind::InvalidInput.into());
                    }
                    let whole = rest.as_os_str().is_empty();
                    return Ok(plain(if whole { found } else { found.join(rest) }));
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                // Links that lead round in a circle.
                Err(e) if e.raw_os_error() == Some(ERROR_CANT_RESOLVE_FILENAME as i32) => {
                    return Err(io::Error::new(ErrorKind::InvalidInput, e));
                }
                Err(e) => return Err(e),
            }
        }
        Err(ErrorKind::NotFound.into())
    }

    fn user(&self) -> u32 {
        // A process that can't tell who runs it owns nothing.
        User::current().map_or(u32::MAX, |user| user.number())
    }

    fn user_id(&self) -> io::Result<String> {
        User::current().map(|user| user.sid.to_string())
    }

    fn home(&self) -> io::Result<PathBuf> {
        let home = Some(profile()?).filter(|path| path.is_absolute());
        home.ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// A store of all users is for `Users`, whatever the language calls them, and needs no group of
    /// its own.
    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

impl SystemFiles {
    /// Everyone may add folders to `C:\ProgramData`. What all users share is made there by an
    /// administrator all the same, so that nobody owns what the others must trust.
    fn check_may_share(&self, parent: &Path, mode: u32) -> io::Result<()> {
        let shared = mode & 0o077 != 0;
        if shared && self.user() != 0 && self.stat(parent)?.owner == 0 {
            return Err(ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}

impl File for OpenFile {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; max];
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.0.seek_read(room, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn write_at(&mut self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.0.seek_write(bytes, offset)?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            offset += written as u64;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// NTFS and ReFS give a file its clusters with its length; a full disk shows here.
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        // FlushFileBuffers.
        self.0.sync_all()
    }

    fn stat(&self) -> io::Result<Stat> {
        stat_of(&self.0)
    }

    /// Files are made for `Users` by their rights; the group has no say on Windows.
    fn set_group(&mut self, _: u32) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        // LockFileEx over every byte that a file can have. The lock is the handle's.
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
}

fn in_registry(path: &Path) -> Option<At<'_>> {
    path.to_str().and_then(At::of)
}

/// Answers of the system that are 0 for a failure.
fn done(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn prefix(path: &Path) -> Option<Prefix<'_>> {
    match path.components().next()? {
        Component::Prefix(prefix) => Some(prefix.kind()),
        _ => None,
    }
}

/// A path as the system takes it, however long it is.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let path = std::path::absolute(path)?;
    let lead = if matches!(prefix(&path), Some(Prefix::Disk(_))) { r"\\?\" } else { "" };
    let mut units: Vec<u16> = lead.encode_utf16().chain(path.as_os_str().encode_wide()).collect();
    if units.contains(&0) {
        return Err(ErrorKind::InvalidInput.into());
    }
    units.push(0);
    Ok(units)
}

/// Without the prefix `\\?\`, which no person writes, where the path means the same without it.
fn plain(path: PathBuf) -> PathBuf {
    let short = path.to_str().and_then(|text| text.strip_prefix(r"\\?\")).map(PathBuf::from);
    match short {
        Some(short)
            if short.as_os_str().len() <= PLAIN_MAX
                && matches!(prefix(&short), Some(Prefix::Disk(_)))
                && std::path::absolute(&short).is_ok_and(|same| same == short) =>
        {
            short
        }
        _ => path,
    }
}

/// Who may do what with something that is made with this mode. What all users share and an
/// administrator makes belongs to the administrators, not to that one.
pub(super) fn descriptor_for(mode: u32) -> io::Result<Vec<u32>> {
    let user = User::current()?;
    let shared = mode & 0o077 != 0;
    Ok(rights::descriptor(mode, (!shared || !user.is_elevated).then_some(&user.sid)))
}

/// They borrow from the descriptor, which must outlive them.
pub(super) fn security_attributes(descriptor: &[u32]) -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.as_ptr().cast_mut().cast(),
        bInheritHandle: 0,
    }
}

fn create(path: &Path, mode: u32) -> io::Result<std::fs::File> {
    let (path, descriptor) = (wide(path)?, descriptor_for(mode)?);
    let attributes = security_attributes(&descriptor);
    // SAFETY: a NUL-terminated path, and attributes whose descriptor outlives the call.
    let handle = unsafe {
        CreateFileW(
            path.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            SHARE_ALL,
            &attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
            null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just given this handle to us alone.
    Ok(unsafe { std::fs::File::from_raw_handle(handle) })
}

fn create_dir(path: &Path, mode: u32) -> io::Result<()> {
    let (path, descriptor) = (wide(path)?, descriptor_for(mode)?);
    let attributes = security_attributes(&descriptor);
    // SAFETY: a NUL-terminated path, and attributes whose descriptor outlives the call.
    done(unsafe { CreateDirectoryW(path.as_ptr(), &attributes) })
}

fn stat_of(file: &std::fs::File) -> io::Result<Stat> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: a handle that `file` keeps open, and a place for the answer.
    done(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut found) })?;
    let times = times_of(file)?;
    let user = User::current()?;
    let rights = Rights::read(&security_of(file)?, &user.sid).ok_or(ErrorKind::InvalidData)?;
    let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Stat {
        device: u64::from(found.dwVolumeSerialNumber),
        inode: pair(found.nFileIndexHigh, found.nFileIndexLow),
        born: if keeps_identity(file)? { unix_time(times.CreationTime) } else { 0 },
        // File systems that keep no time of a change of attributes say 0.
        changed: unix_time(times.ChangeTime.max(times.LastWriteTime)),
        len: pair(found.nFileSizeHigh, found.nFileSizeLow),
        owner: user.number_of(&rights.owner),
        group: 0,
        mode: rights.mode,
        links: u64::from(found.nNumberOfLinks),
        kind: kind_of(found.dwFileAttributes),
    })
}

/// What stands behind a reparse point isn't the file that was opened, so all of them count as links:
/// symbolic ones, junctions, and files that a cloud or an archive keeps elsewhere.
const fn kind_of(attributes: u32) -> FileKind {
    match attributes {
        a if a & FILE_ATTRIBUTE_REPARSE_POINT != 0 => FileKind::Link,
        a if a & FILE_ATTRIBUTE_DIRECTORY != 0 => FileKind::Directory,
        a if a & FILE_ATTRIBUTE_DEVICE != 0 => FileKind::Other,
        _ => FileKind::File,
    }
}

fn times_of(file: &std::fs::File) -> io::Result<FILE_BASIC_INFO> {
    let mut times = FILE_BASIC_INFO::default();
    let len = size_of::<FILE_BASIC_INFO>() as u32;
    let place = (&raw mut times).cast();
    // SAFETY: a handle that `file` keeps open, and a place of this length for the answer.
    done(unsafe { GetFileInformationByHandleEx(file.as_raw_handle(), FileBasicInfo, place, len) })?;
    Ok(times)
}

/// Whether the file system gives each file a number for good. Where it doesn't (FAT), numbers and
/// times of birth say nothing.
fn keeps_identity(file: &std::fs::File) -> io::Result<bool> {
    let mut flags = 0;
    // SAFETY: a handle that `file` keeps open, and a place for the flags; nothing else is asked for.
    done(unsafe {
        GetVolumeInformationByHandleW(
            file.as_raw_handle(),
            null_mut(),
            0,
            null_mut(),
            null_mut(),
            &mut flags,
            null_mut(),
            0,
        )
    })?;
    Ok(flags & FILE_SUPPORTS_OPEN_BY_FILE_ID != 0)
}

fn security_of(file: &std::fs::File) -> io::Result<Vec<u8>> {
    let what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut words = vec![0_u32; 128];
    loop {
        let room = size_of_val(words.as_slice());
        let mut wanted = 0;
        // SAFETY: a handle that `file` keeps open, the buffer, aligned as a descriptor is, with its
        // length, and a place for the length that is wanted.
        let answer = unsafe {
            GetKernelObjectSecurity(
                file.as_raw_handle(),
                what,
                words.as_mut_ptr().cast(),
                u32::try_from(room).unwrap_or(0),
                &mut wanted,
            )
        };
        match done(answer) {
            Ok(()) => return Ok(words.iter().flat_map(|word| word.to_ne_bytes()).collect()),
            Err(e) => {
                let wanted = wanted as usize;
                let too_small = e.raw_os_error() == Some(ERROR_INSUFFICIENT_BUFFER as i32);
                if !too_small || wanted <= room || wanted > DESCRIPTOR_MAX {
                    return Err(e);
                }
                words.resize(wanted.div_ceil(4), 0);
            }
        }
    }
}

/// A file time in nanoseconds since 1970; none stays 0.
pub(super) fn unix_time(time: i64) -> i128 {
    if time == 0 { 0 } else { i128::from(time.saturating_sub(EPOCH)) * 100 }
}
