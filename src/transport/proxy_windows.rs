//! The proxy of Windows' settings. A script that would choose one (automatic configuration) isn't
//! run: it would come over the network and take time beyond every deadline.
#![expect(unsafe_code, reason = "an OS file")]

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, GetLastError, GlobalFree};
use windows_sys::Win32::Networking::WinHttp::{
    WINHTTP_CURRENT_USER_IE_PROXY_CONFIG, WinHttpGetIEProxyConfigForCurrentUser,
};

use super::proxy_settings::{entries, for_https, is_exempt};
use super::system_proxy::SystemProxy;
use crate::ports::Files;

/// The longest text of the settings, in units.
const TEXT_MAX: usize = 64 * 1024;

/// The settings of the user of this process.
pub(super) fn read(_: &dyn Files) -> SystemProxy {
    let mut found = WINHTTP_CURRENT_USER_IE_PROXY_CONFIG::default();
    // SAFETY: a place for the answer, which outlives the call.
    let known = unsafe { WinHttpGetIEProxyConfigForCurrentUser(&mut found) };
    if known == 0 {
        // SAFETY: asks for this thread's last failure.
        let error = unsafe { GetLastError() };
        return match error {
            ERROR_FILE_NOT_FOUND => SystemProxy::new(None, [], is_exempt),
            error => SystemProxy::unknown(&std::io::Error::from_raw_os_error(error as i32)),
        };
    }
    let [servers, exceptions, _] =
        [found.lpszProxy, found.lpszProxyBypass, found.lpszAutoConfigUrl].map(Given);
    let (servers, exceptions) = (servers.text(), exceptions.text());
    SystemProxy::new(for_https(&servers), entries(&exceptions), is_exempt)
}

/// A text that the system has given away; dropping it frees it. NULL where there is none.
struct Given(*mut u16);

impl Given {
    fn text(&self) -> String {
        if self.0.is_null() {
            return String::new();
        }
        let unit = |at: usize| {
            // SAFETY: nothing is read behind the NUL, which ends the text.
            unsafe { self.0.wrapping_add(at).read() }
        };
        let units = (0..TEXT_MAX).map(unit).take_while(|unit| *unit != 0);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: given to us by the system, to be freed in this way, and not used any more.
            unsafe { GlobalFree(self.0.cast()) };
        }
    }
}
