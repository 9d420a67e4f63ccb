//! The user of this process, as Windows knows it. A thread that acts for somebody else meanwhile
//! (impersonates) changes nothing: the store is the process's.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::path::PathBuf;

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, HANDLE};
use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_ELEVATION, TOKEN_INFORMATION_CLASS, TOKEN_USER, TokenElevation,
    TokenUser,
};
use windows_sys::Win32::UI::Shell::GetUserProfileDirectoryW;

use super::rights::Sid;

/// A user with the longest identifier takes 84 bytes.
const TOKEN_WORDS: usize = 16;
/// The longest path that Windows has, in units.
const PATH_UNITS: usize = 32 * 1024;

/// What `GetCurrentProcessToken` gives: a handle that needs no closing.
fn process_token() -> HANDLE {
    std::ptr::without_provenance_mut(-4_isize as usize)
}

/// Who runs this process.
pub(super) struct User {
    pub(super) sid: Sid,
    /// Whether it has an administrator's rights now.
    pub(super) is_elevated: bool,
}

impl User {
    pub(super) fn current() -> io::Result<Self> {
        Ok(Self { sid: sid()?, is_elevated: is_elevated()? })
    }

    /// The number that stands for this user: 0 with an administrator's rights.
    pub(super) fn number(&self) -> u32 {
        if self.is_elevated { 0 } else { self.sid.number() }
    }

    /// The number of a file's owner, seen by this user: what is one's own is one's own, with an
    /// administrator's rights and without.
    pub(super) fn number_of(&self, owner: &Sid) -> u32 {
        if *owner == self.sid { self.number() } else { owner.number() }
    }
}

fn sid() -> io::Result<Sid> {
    let token = token_information(TokenUser)?;
    // SAFETY: the system has filled the buffer with this structure, and it is aligned to it.
    let user = unsafe { token.as_ptr().cast::<TOKEN_USER>().read() };
    // The identifier stands behind the structure, in the same buffer.
    let at = user.User.Sid.addr().wrapping_sub(token.as_ptr().addr());
    let bytes: Vec<u8> = token.iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.get(at..).and_then(Sid::read).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn is_elevated() -> io::Result<bool> {
    let token = token_information(TokenElevation)?;
    // SAFETY: the system has filled the buffer with this structure, and it is aligned to it.
    let elevation = unsafe { token.as_ptr().cast::<TOKEN_ELEVATION>().read() };
    Ok(elevation.TokenIsElevated != 0)
}

/// On the heap: what is filled in points to its own address.
fn token_information(class: TOKEN_INFORMATION_CLASS) -> io::Result<Vec<u64>> {
    let mut buffer = vec![0_u64; TOKEN_WORDS];
    let len = u32::try_from(size_of_val(buffer.as_slice())).unwrap_or(0);
    let mut written = 0;
    // SAFETY: the buffer and its length; both pointers are to locals that outlive the call.
    let done = unsafe {
        GetTokenInformation(process_token(), class, buffer.as_mut_ptr().cast(), len, &mut written)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(buffer) }
}

/// The user's profile folder by the account database (the machine's list of profiles, which only
/// administrators write), not by a variable of the environment.
pub(super) fn profile() -> io::Result<PathBuf> {
    let mut len = 512_u32;
    loop {
        let mut buffer = vec![0_u16; len as usize];
        // SAFETY: a token that is always open, the buffer and its length, all alive during the call.
        let done =
            unsafe { GetUserProfileDirectoryW(process_token(), buffer.as_mut_ptr(), &mut len) };
        if done != 0 {
            let end = buffer.iter().position(|unit| *unit == 0).unwrap_or(buffer.len());
            return Ok(PathBuf::from(OsString::from_wide(buffer.get(..end).unwrap_or_default())));
        }
        let error = io::Error::last_os_error();
        let too_small = error.raw_os_error() == Some(ERROR_INSUFFICIENT_BUFFER as i32);
        if !too_small || buffer.len() >= len as usize || len as usize > PATH_UNITS {
            return Err(error);
        }
    }
}
