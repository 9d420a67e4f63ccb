//! Where stores and anchors stand on Windows: stores in the local application data of the user's
//! profile and in that of all users, anchors in the registry, which a backup of files doesn't bring
//! back.
//!
//! Neither place comes from a variable of the environment, which whoever starts the process sets.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::windows::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use windows_sys::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;

use super::registry::without_variable;
use crate::ports::Files;

/// Where Windows keeps the folder of all users; only administrators write there.
const ALL_USERS: &str =
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\ProgramData";
const PATH_MAX: usize = 4096;
/// The longest path of the Windows directory, in units.
const WINDOWS_MAX: u32 = 260;

/// The part of the profile that doesn't roam to other machines.
pub(super) fn user_stores(home: &Path) -> PathBuf {
    home.join(r"AppData\Local\lm")
}

/// The part of the user's registry that doesn't roam to other machines.
pub(super) fn user_anchors(_: &Path) -> PathBuf {
    PathBuf::from(r"HKEY_CURRENT_USER\Software\Classes\Local Settings\Software\lm\anchors")
}

pub(super) fn machine_stores(files: &dyn Files) -> io::Result<PathBuf> {
    let drive = system_drive()?;
    let folder = match files.read(Path::new(ALL_USERS), PATH_MAX) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData)?,
        Err(e) if e.kind() == ErrorKind::NotFound => format!(r"{drive}\ProgramData"),
        Err(e) => return Err(e),
    };
    let folder = without_variable(&folder, "%SystemDrive%", &drive).map(PathBuf::from);
    let folder = folder.filter(|path| path.is_absolute()).ok_or(ErrorKind::InvalidData)?;
    Ok(folder.join("lm"))
}

pub(super) fn machine_anchors() -> PathBuf {
    PathBuf::from(r"HKEY_LOCAL_MACHINE\SOFTWARE\lm\anchors")
}

/// `C:`, by where Windows itself stands.
fn system_drive() -> io::Result<String> {
    let mut buffer = [0_u16; WINDOWS_MAX as usize];
    // SAFETY: the buffer and its length in units.
    let len = unsafe { GetSystemWindowsDirectoryW(buffer.as_mut_ptr(), WINDOWS_MAX) };
    if len == 0 {
        return Err(io::Error::last_os_error());
    }
    let path = OsString::from_wide(buffer.get(..len as usize).ok_or(ErrorKind::InvalidData)?);
    let drive = path.to_str().and_then(|path| path.get(..2)).filter(|drive| drive.ends_with(':'));
    Ok(drive.ok_or(ErrorKind::InvalidData)?.to_owned())
}
