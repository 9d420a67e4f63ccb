//! What macOS tells of a machine: by the registry of its devices (IOKit) and the kernel's table of
//! settings (`sysctl`). Type-checked for it, and never run there: see `docs/platforms.md`.

use std::ffi::{CStr, c_char, c_void};
use std::io::{self, ErrorKind};
use std::ptr::{NonNull, null, null_mut};

use super::macos::{Card, Shown};
use crate::error::{Code, Error, Result};

/// The longest text of a device or of the kernel.
const TEXT_MAX: usize = 1024;
/// Far above what machines have.
const CARDS_MAX: usize = 256;

/// What of this machine counts, as the system gives it.
pub(super) fn shown() -> Result<Shown> {
    let platform = matching(c"IOPlatformExpertDevice").map_err(|e| failed("the hardware", &e))?;
    let platform = platform.next();
    let text = |key| platform.as_ref().and_then(|device| device.property(key)?.text());
    let cards = matching(c"IOEthernetInterface").map_err(|e| failed("the network cards", &e))?;
    let setting = |name| setting(name).map_err(|e| failed("the kernel's settings", &e));
    Ok(Shown {
        uuid: text(c"IOPlatformUUID"),
        serial: text(c"IOPlatformSerialNumber"),
        model: setting(c"hw.model")?.and_then(into_text),
        processor: setting(c"machdep.cpu.brand_string")?.and_then(into_text),
        is_under_hypervisor: setting(c"kern.hv_vmm_present")?
            .is_some_and(|number| number.iter().any(|byte| *byte != 0)),
        cards: std::iter::from_fn(|| cards.next()).take(CARDS_MAX).map(|card| of(&card)).collect(),
    })
}

/// What the kernel draws anew at each start.
pub(super) fn boot_session() -> Option<String> {
    setting(c"kern.bootsessionuuid").ok().flatten().and_then(into_text)
}

/// The system failed while it was asked. A factor left out for that would look like another
/// machine, so it is an error of the whole.
fn failed(what: &str, error: &io::Error) -> Error {
    let sentence = format!("This machine can't be identified: {what} can't be read: {error}.");
    Error::new(Code::StorageIo, sentence).with_hint("Try again; if it comes again, restart macOS.")
}

/// The interface says whether it is built in, and the controller above it which address it was given
/// by its maker: the interface's own may be one that is drawn for each network.
fn of(card: &Device) -> Card {
    Card {
        is_built_in: card.property(c"IOBuiltin").is_some_and(|value| value.is_true()),
        address: card.property_above(c"IOMACAddress").and_then(|v| v.bytes()).unwrap_or_default(),
    }
}

fn into_text(bytes: Vec<u8>) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    String::from_utf8(text.to_vec()).ok()
}

/// A setting of the kernel's; `None` where this kernel has none of that name.
fn setting(name: &CStr) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0_u8; TEXT_MAX];
    let mut len = bytes.len();
    // SAFETY: a NUL-terminated name, the buffer with its length; nothing is set.
    let code = unsafe {
        libc::sysctlbyname(name.as_ptr(), bytes.as_mut_ptr().cast(), &mut len, null_mut(), 0)
    };
    if code == 0 {
        bytes.truncate(len);
        return Ok(Some(bytes));
    }
    match io::Error::last_os_error() {
        error if error.kind() == ErrorKind::NotFound => Ok(None),
        error => Err(error),
    }
}

// -- the registry of devices -------------------------------------------------------------------------

type Port = u32;
type Code32 = i32;

/// The port of the registry, which the system finds itself.
const MAIN: Port = 0;
const SERVICES: &CStr = c"IOService";
const ITSELF_ONLY: u32 = 0;
/// `kIORegistryIterateRecursively | kIORegistryIterateParents`.
const PARENTS: u32 = 3;
const UTF_8: u32 = 0x0800_0100;

#[link(name = "IOKit", kind = "framework")]
unsafe extern "C" {
    fn IOServiceMatching(name: *const c_char) -> *mut c_void;
    fn IOServiceGetMatchingServices(main: Port, what: *mut c_void, found: *mut Port) -> Code32;
    fn IOIteratorNext(iterator: Port) -> Port;
    fn IOObjectRelease(object: Port) -> Code32;
    fn IORegistryEntrySearchCFProperty(
        entry: Port,
        plane: *const c_char,
        key: *const c_void,
        allocator: *const c_void,
        options: u32,
    ) -> *const c_void;
}

#[link(name = "CoreFoundation", kind = "framework")]
unsafe extern "C" {
    fn CFRelease(value: *const c_void);
    fn CFGetTypeID(value: *const c_void) -> usize;
    fn CFStringGetTypeID() -> usize;
    fn CFStringCreateWithCString(
        allocator: *const c_void,
        text: *const c_char,
        encoding: u32,
    ) -> *const c_void;
    fn CFStringGetCString(
        text: *const c_void,
        buffer: *mut c_char,
        len: isize,
        encoding: u32,
    ) -> u8;
    fn CFDataGetTypeID() -> usize;
    fn CFDataGetLength(data: *const c_void) -> isize;
    fn CFDataGetBytePtr(data: *const c_void) -> *const u8;
    fn CFBooleanGetTypeID() -> usize;
    fn CFBooleanGetValue(value: *const c_void) -> u8;
}

/// A device, or a list of them; dropping it gives it back.
struct Device(Port);

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: given to this module alone, and not used any more.
        unsafe { IOObjectRelease(self.0) };
    }
}

/// The devices of a class.
fn matching(class: &CStr) -> io::Result<Device> {
    // SAFETY: a NUL-terminated name.
    let what = unsafe { IOServiceMatching(class.as_ptr()) };
    if what.is_null() {
        return Err(ErrorKind::OutOfMemory.into());
    }
    let mut found = 0;
    // SAFETY: takes the description over, whatever it answers; a place for the list.
    let code = unsafe { IOServiceGetMatchingServices(MAIN, what, &mut found) };
    if code == 0 {
        return Ok(Device(found));
    }
    Err(io::Error::other(format!("IOKit says {code:#x}")))
}

impl Device {
    /// Of a list, the next one.
    fn next(&self) -> Option<Self> {
        // SAFETY: a list that is alive.
        let device = unsafe { IOIteratorNext(self.0) };
        (device != 0).then_some(Self(device))
    }

    fn property(&self, key: &CStr) -> Option<Value> {
        self.search(key, ITSELF_ONLY)
    }

    /// Its own, or that of the device that it hangs on.
    fn property_above(&self, key: &CStr) -> Option<Value> {
        self.search(key, PARENTS)
    }

    fn search(&self, key: &CStr, options: u32) -> Option<Value> {
        // SAFETY: a NUL-terminated text; what is made of it is this call's own.
        let key = unsafe { CFStringCreateWithCString(null(), key.as_ptr(), UTF_8) };
        let key = Value::owned(key)?;
        let (plane, name) = (SERVICES.as_ptr(), key.0.as_ptr());
        // SAFETY: a device, a name and a key that are alive; what comes is this call's own.
        let value =
            unsafe { IORegistryEntrySearchCFProperty(self.0, plane, name, null(), options) };
        Value::owned(value)
    }
}

/// A value of Core Foundation's; dropping it gives it back.
struct Value(NonNull<c_void>);

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: owned by this, and not used any more.
        unsafe { CFRelease(self.0.as_ptr()) };
    }
}

impl Value {
    /// Takes over what a call made or copied.
    fn owned(value: *const c_void) -> Option<Self> {
        NonNull::new(value.cast_mut()).map(Self)
    }

    fn is_of(&self, kind: usize) -> bool {
        // SAFETY: a value that is alive.
        kind == unsafe { CFGetTypeID(self.0.as_ptr()) }
    }

    fn text(&self) -> Option<String> {
        // SAFETY: takes nothing.
        if !self.is_of(unsafe { CFStringGetTypeID() }) {
            return None;
        }
        let mut bytes = vec![0_u8; TEXT_MAX];
        let (text, at) = (self.0.as_ptr(), bytes.as_mut_ptr().cast());
        // SAFETY: a text, by its kind; the buffer with its length.
        let done = unsafe { CFStringGetCString(text, at, TEXT_MAX as isize, UTF_8) };
        (done != 0).then(|| into_text(bytes)).flatten()
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        // SAFETY: takes nothing.
        if !self.is_of(unsafe { CFDataGetTypeID() }) {
            return None;
        }
        // SAFETY: bytes, by their kind.
        let len = usize::try_from(unsafe { CFDataGetLength(self.0.as_ptr()) }).ok()?;
        // SAFETY: as above.
        let first = NonNull::new(unsafe { CFDataGetBytePtr(self.0.as_ptr()) }.cast_mut())?;
        // SAFETY: so many bytes stand there, as long as the value lives.
        let bytes = unsafe { std::slice::from_raw_parts(first.as_ptr(), len) };
        (len <= TEXT_MAX).then(|| bytes.to_vec())
    }

    fn is_true(&self) -> bool {
        // SAFETY: takes nothing.
        let is_boolean = self.is_of(unsafe { CFBooleanGetTypeID() });
        // SAFETY: a truth value, by its kind.
        is_boolean && unsafe { CFBooleanGetValue(self.0.as_ptr()) } != 0
    }
}
