//! Keeps this library loaded, as `-z nodelete` does on Linux.
#![expect(unsafe_code, reason = "an OS file")]

use std::io;

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

/// From now on the module that this code stands in isn't unloaded before the process ends: a thread
/// is about to run in it that may outlive the call, and with it the client.
pub(super) fn stay_loaded() -> io::Result<()> {
    let how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let here = stay_loaded as fn() -> io::Result<()> as *const u16;
    let mut module = std::ptr::null_mut();
    // SAFETY: an address inside this module, and a place for its handle.
    match unsafe { GetModuleHandleExW(how, here, &mut module) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
