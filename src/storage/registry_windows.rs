//! The file port's part for paths into the registry: the anchors stand there, in another tree than
//! any file, and the machine's factors are read there.
//!
//! A 32-bit process sees the same keys as a 64-bit one. A link is opened as itself and never
//! followed, in the last component. What is written is durable once the key is flushed.

use std::io::{self, ErrorKind};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_MORE_DATA, ERROR_SUCCESS, FILETIME,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION, SECURITY_ATTRIBUTES,
};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, KEY_CREATE_SUB_KEY, KEY_QUERY_VALUE,
    KEY_SET_VALUE, KEY_WOW64_64KEY, REG_BINARY, REG_OPTION_NON_VOLATILE, REG_OPTION_OPEN_LINK,
    RegCloseKey, RegCreateKeyExW, RegDeleteValueW, RegFlushKey, RegGetKeySecurity, RegOpenKeyExW,
    RegQueryInfoKeyW, RegQueryValueExW, RegSetValueExW,
};

use super::os_windows::{descriptor_for, security_attributes, unix_time};
use super::registry::{At, Root, content, written};
use super::rights::Rights;
use super::user_windows::User;
use crate::ports::{File, FileKind, OpenHow, Stat};

/// The right to read owner and rights of an object.
const READ_CONTROL: u32 = 0x0002_0000;
/// The largest value and the largest descriptor that are read.
const VALUE_MAX: usize = 1 << 20;

/// An open key; dropping it closes it.
struct Key(HKEY);

// SAFETY: a handle belongs to the process, not to a thread.
unsafe impl Send for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: opened by this module, and not used any more.
        unsafe { RegCloseKey(self.0) };
    }
}

fn done(code: u32) -> io::Result<()> {
    match code {
        ERROR_SUCCESS => Ok(()),
        code => Err(io::Error::from_raw_os_error(code as i32)),
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

const fn root(at: At<'_>) -> HKEY {
    match at.root {
        Root::CurrentUser => HKEY_CURRENT_USER,
        Root::LocalMachine => HKEY_LOCAL_MACHINE,
    }
}

impl Key {
    fn open(at: At<'_>, access: u32) -> io::Result<Self> {
        let (path, access) = (wide(at.path), access | KEY_WOW64_64KEY);
        let mut key = null_mut();
        // SAFETY: a root that is always open, a NUL-terminated path and a place for the handle.
        done(unsafe {
            RegOpenKeyExW(root(at), path.as_ptr(), REG_OPTION_OPEN_LINK, access, &mut key)
        })?;
        Ok(Self(key))
    }

    fn create(at: At<'_>, attributes: &SECURITY_ATTRIBUTES) -> io::Result<Self> {
        let (path, access) = (wide(at.path), KEY_QUERY_VALUE | KEY_WOW64_64KEY);
        let mut key = null_mut();
        // SAFETY: as above; the attributes and the descriptor that they point to outlive the call.
        done(unsafe {
            RegCreateKeyExW(
                root(at),
                path.as_ptr(),
                0,
                null(),
                REG_OPTION_NON_VOLATILE,
                access,
                attributes,
                &mut key,
                null_mut(),
            )
        })?;
        Ok(Self(key))
    }

    /// A value's type and bytes.
    fn value(&self, name: &str) -> io::Result<(u32, Vec<u8>)> {
        let name = wide(name);
        let mut bytes = vec![0_u8; 1024];
        loop {
            let (mut kind, mut len) = (0, u32::try_from(bytes.len()).unwrap_or(0));
            // SAFETY: an open key, a NUL-terminated name, the buffer with its length.
            let code = unsafe {
                RegQueryValueExW(
                    self.0,
                    name.as_ptr(),
                    null(),
                    &mut kind,
                    bytes.as_mut_ptr(),
                    &mut len,
                )
            };
            let len = len as usize;
            if code == ERROR_MORE_DATA && len > bytes.len() && len <= VALUE_MAX {
                bytes.resize(len, 0);
                continue;
            }
            done(code)?;
            bytes.truncate(len);
            return Ok((kind, bytes));
        }
    }

    fn set(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let name = wide(name);
        let len = u32::try_from(bytes.len()).map_err(|_| ErrorKind::FileTooLarge)?;
        // An empty slice points nowhere, which the system takes for a mistake.
        let start = if bytes.is_empty() { null() } else { bytes.as_ptr() };
        // SAFETY: an open key, a NUL-terminated name, the bytes with their length.
        done(unsafe { RegSetValueExW(self.0, name.as_ptr(), 0, REG_BINARY, start, len) })
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        let name = wide(name);
        // SAFETY: an open key and a NUL-terminated name.
        done(unsafe { RegDeleteValueW(self.0, name.as_ptr()) })
    }

    fn flush(&self) -> io::Result<()> {
        // SAFETY: an open key.
        done(unsafe { RegFlushKey(self.0) })
    }

    /// When anything in the key was written last.
    fn changed(&self) -> io::Result<i128> {
        let mut time = FILETIME::default();
        // SAFETY: an open key and a place for the time; all else is not asked for.
        done(unsafe {
            RegQueryInfoKeyW(
                self.0,
                null_mut(),
                null_mut(),
                null(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                &mut time,
            )
        })?;
        Ok(unix_time(i64::from(time.dwHighDateTime) << 32 | i64::from(time.dwLowDateTime)))
    }

    fn stat(&self) -> io::Result<Stat> {
        let user = User::current()?;
        let rights = Rights::read(&self.descriptor()?, &user.sid).ok_or(ErrorKind::InvalidData)?;
        Ok(Stat {
            changed: self.changed()?,
            owner: user.number_of(&rights.owner),
            mode: rights.mode,
            links: 1,
            kind: FileKind::Directory,
            ..Stat::default()
        })
    }

    fn descriptor(&self) -> io::Result<Vec<u8>> {
        let what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        let mut words = vec![0_u32; 128];
        loop {
            let room = size_of_val(words.as_slice());
            let mut len = u32::try_from(room).unwrap_or(0);
            // SAFETY: an open key, the buffer, aligned as a descriptor is, with its length.
            let code =
                unsafe { RegGetKeySecurity(self.0, what, words.as_mut_ptr().cast(), &mut len) };
            let len = len as usize;
            if code == ERROR_INSUFFICIENT_BUFFER && len > room && len <= VALUE_MAX {
                words.resize(len.div_ceil(4), 0);
                continue;
            }
            done(code)?;
            return Ok(words.iter().flat_map(|word| word.to_ne_bytes()).collect());
        }
    }
}

/// A value, open as a file. Others may write it meanwhile: each call asks anew.
struct Value {
    key: Key,
    name: String,
}

pub(super) fn open(at: At<'_>, how: OpenHow) -> io::Result<Box<dyn File>> {
    let (key, name) = at.value().ok_or(ErrorKind::NotFound)?;
    let access = match how {
        OpenHow::Read => KEY_QUERY_VALUE | READ_CONTROL,
        OpenHow::Write | OpenHow::Create { .. } => KEY_QUERY_VALUE | KEY_SET_VALUE | READ_CONTROL,
    };
    let value = Value { key: Key::open(key, access)?, name: name.to_owned() };
    match (how, value.bytes()) {
        (OpenHow::Create { .. }, Ok(_)) => return Err(ErrorKind::AlreadyExists.into()),
        // A value has no rights of its own: the key's were given with the mode of the directory.
        (OpenHow::Create { .. }, Err(e)) if e.kind() == ErrorKind::NotFound => {
            value.key.set(&value.name, &[])?;
        }
        (_, Err(e)) => return Err(e),
        (OpenHow::Read | OpenHow::Write, Ok(_)) => {}
    }
    Ok(Box::new(value))
}

/// A value's content; see [`content`].
pub(super) fn read(at: At<'_>, max: usize) -> io::Result<Vec<u8>> {
    let (key, name) = at.value().ok_or(ErrorKind::NotFound)?;
    let (kind, raw) = Key::open(key, KEY_QUERY_VALUE)?.value(name)?;
    let bytes = content(kind, raw);
    if bytes.len() > max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Of a key, or of a value in one.
pub(super) fn stat(at: At<'_>) -> io::Result<Stat> {
    match Key::open(at, KEY_QUERY_VALUE | READ_CONTROL) {
        Err(e) if e.kind() == ErrorKind::NotFound => open(at, OpenHow::Read)?.stat(),
        key => key?.stat(),
    }
}

/// Makes a key and those that are missing around it.
pub(super) fn make_dir(at: At<'_>, mode: u32) -> io::Result<()> {
    match Key::open(at, KEY_QUERY_VALUE) {
        Ok(_) => return Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    if let Some(parent) = at.parent() {
        make_dir(parent, mode)?;
    }
    let descriptor = descriptor_for(mode)?;
    Key::create(at, &security_attributes(&descriptor))?.flush()
}

pub(super) fn remove(at: At<'_>) -> io::Result<()> {
    let (key, name) = at.value().ok_or(ErrorKind::NotFound)?;
    Key::open(key, KEY_SET_VALUE)?.delete(name)
}

/// Values can't be renamed. One is written whole or not at all, so a copy does the same: whoever
/// looks sees the old one or the new one.
pub(super) fn replace(from: At<'_>, to: At<'_>) -> io::Result<()> {
    let (key, name) = from.value().ok_or(ErrorKind::NotFound)?;
    let (same, new_name) = to.value().ok_or(ErrorKind::NotFound)?;
    if same != key {
        return Err(ErrorKind::CrossesDevices.into());
    }
    let key = Key::open(key, KEY_QUERY_VALUE | KEY_SET_VALUE)?;
    key.set(new_name, &key.value(name)?.1)?;
    key.delete(name)?;
    key.flush()
}

pub(super) fn sync_dir(at: At<'_>) -> io::Result<()> {
    Key::open(at, KEY_QUERY_VALUE | KEY_CREATE_SUB_KEY)?.flush()
}

impl Value {
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let (kind, raw) = self.key.value(&self.name)?;
        Ok(content(kind, raw))
    }
}

impl File for Value {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.bytes()?;
        bytes.truncate(max);
        Ok(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
        self.key.set(&self.name, &written(self.bytes()?, offset, bytes))
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        let mut bytes = self.bytes()?;
        bytes.resize(len, 0);
        self.key.set(&self.name, &bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.key.flush()
    }

    fn stat(&self) -> io::Result<Stat> {
        let len = self.bytes()?.len() as u64;
        Ok(Stat { len, kind: FileKind::File, ..self.key.stat()? })
    }

    fn set_group(&mut self, _: u32) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// The registry has no locks; nothing that is locked stands in it.
    fn try_lock(&mut self, _: bool) -> io::Result<bool> {
        Err(ErrorKind::Unsupported.into())
    }

    fn unlock(&mut self) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }
}
