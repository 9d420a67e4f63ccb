//! The clocks of Windows, and what it tells of a machine by calls only.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_BAD_UNIT, ERROR_GEN_FAILURE, ERROR_INVALID_FUNCTION, ERROR_INVALID_PARAMETER,
    ERROR_IO_DEVICE, ERROR_NO_MEDIA_IN_DRIVE, ERROR_NOT_READY, ERROR_NOT_SUPPORTED, FILETIME,
};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    FreeMibTable, GetIfTable2, MIB_IF_ROW2, MIB_IF_TABLE2,
};
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{
    IOCTL_STORAGE_QUERY_PROPERTY, PropertyStandardQuery, STORAGE_PROPERTY_QUERY,
    StorageDeviceProperty,
};
use windows_sys::Win32::System::SystemInformation::{
    GetSystemFirmwareTable, GetSystemTimeAsFileTime, GetTickCount64,
};
use windows_sys::Win32::System::WindowsProgramming::QueryUnbiasedInterruptTime;

use super::windows::{Card, Shown, failed};
use crate::error::Result;
use crate::ports::Clock;

/// The clocks of the running system. Keeps nothing. Threads: any.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// From 1601, where file times begin, to 1970, in seconds.
const EPOCH: i64 = 11_644_473_600;
/// Units of 100 ns in a second.
const UNITS: u64 = 10_000_000;

/// All are read from memory that the system shares, without a call into it, and are late by at most
/// its tick of some 16 ms.
impl Clock for SystemClock {
    fn wall(&self) -> i64 {
        let mut time = FILETIME::default();
        // SAFETY: the pointer is to a local that outlives the call.
        unsafe { GetSystemTimeAsFileTime(&mut time) };
        let units = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        i64::try_from(units / UNITS).unwrap_or(i64::MAX) - EPOCH
    }

    fn monotonic(&self) -> Duration {
        let mut units = 0;
        // SAFETY: as above. It fails only for a place that is none.
        unsafe { QueryUnbiasedInterruptTime(&mut units) };
        Duration::from_nanos(units.saturating_mul(100))
    }

    /// What the machine slept is counted.
    fn boot(&self) -> Duration {
        // SAFETY: takes nothing, always succeeds.
        Duration::from_millis(unsafe { GetTickCount64() })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// What of this machine isn't in the registry.
pub(super) fn shown() -> Result<Shown> {
    Ok(Shown {
        firmware: firmware().map_err(|e| failed("the firmware's table", &e))?,
        disks: disks().map_err(|e| failed("a disk", &e))?,
        cards: cards().map_err(|e| failed("the list of network cards", &e))?,
    })
}

/// The provider of SMBIOS' table: the letters RSMB.
const SMBIOS: u32 = u32::from_be_bytes(*b"RSMB");
/// Far above what firmwares have.
const FIRMWARE_MAX: usize = 1 << 20;

/// Empty where the machine has none.
fn firmware() -> io::Result<Vec<u8>> {
    let mut table = vec![0_u8; 16 * 1024];
    loop {
        let room = u32::try_from(table.len()).unwrap_or(0);
        // SAFETY: the buffer with its length.
        let len = unsafe { GetSystemFirmwareTable(SMBIOS, 0, table.as_mut_ptr(), room) } as usize;
        match len {
            0 => return nothing_where_absent(io::Error::last_os_error()).map(|()| Vec::new()),
            len if len <= table.len() => {
                table.truncate(len);
                return Ok(table);
            }
            len if len <= FIRMWARE_MAX => table.resize(len, 0),
            _ => return Err(ErrorKind::FileTooLarge.into()),
        }
    }
}

/// The ways in which the system, or a device for it, says that there is no such thing.
fn nothing_where_absent(error: io::Error) -> io::Result<()> {
    const ABSENT: [u32; 8] = [
        ERROR_INVALID_FUNCTION,
        ERROR_NOT_SUPPORTED,
        ERROR_INVALID_PARAMETER,
        ERROR_NOT_READY,
        ERROR_NO_MEDIA_IN_DRIVE,
        ERROR_BAD_UNIT,
        ERROR_GEN_FAILURE,
        ERROR_IO_DEVICE,
    ];
    let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
    let is_absent = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
        || code.is_some_and(|code| ABSENT.contains(&code));
    if is_absent { Ok(()) } else { Err(error) }
}

/// The numbers of disks that are looked at; gaps in them are usual.
const DISKS: u32 = 32;
/// A descriptor of a disk with all its texts.
const DISK_LEN: usize = 1024;

/// The descriptors of all disks. They are opened without any right, which every user may.
fn disks() -> io::Result<Vec<Vec<u8>>> {
    let mut disks = Vec::new();
    for number in 0..DISKS {
        let path = format!(r"\\.\PhysicalDrive{number}");
        let disk = OpenOptions::new().access_mode(0).open(path);
        match disk.and_then(|disk| descriptor(&disk)) {
            Ok(descriptor) => disks.push(descriptor),
            Err(e) => nothing_where_absent(e)?,
        }
    }
    Ok(disks)
}

fn descriptor(disk: &std::fs::File) -> io::Result<Vec<u8>> {
    let query = STORAGE_PROPERTY_QUERY {
        PropertyId: StorageDeviceProperty,
        QueryType: PropertyStandardQuery,
        AdditionalParameters: [0],
    };
    let mut bytes = vec![0_u8; DISK_LEN];
    let mut len = 0;
    // SAFETY: a handle that `disk` keeps open; question and buffer with their lengths; a place for
    // the answer's length. The handle isn't overlapped, so the call ends before it returns.
    let answer = unsafe {
        DeviceIoControl(
            disk.as_raw_handle(),
            IOCTL_STORAGE_QUERY_PROPERTY,
            (&raw const query).cast(),
            size_of::<STORAGE_PROPERTY_QUERY>() as u32,
            bytes.as_mut_ptr().cast(),
            DISK_LEN as u32,
            &mut len,
            std::ptr::null_mut(),
        )
    };
    if answer == 0 {
        return Err(io::Error::last_os_error());
    }
    bytes.truncate(len as usize);
    Ok(bytes)
}

/// Ethernet and Wi-Fi.
const CARD_KINDS: [u32; 2] = [6, 71];
/// Of the flags of an interface: a device stands behind it; it filters another; it has a plug, or
/// an antenna.
const HARDWARE: u8 = 1;
const FILTER: u8 = 2;
const CONNECTOR: u8 = 4;

/// The table of interfaces; dropping it gives it back.
struct Interfaces(*mut MIB_IF_TABLE2);

impl Drop for Interfaces {
    fn drop(&mut self) {
        // SAFETY: the system's own, given to us, and not used any more.
        unsafe { FreeMibTable(self.0.cast()) };
    }
}

fn cards() -> io::Result<Vec<Card>> {
    let mut table = std::ptr::null_mut();
    // SAFETY: a place for the table.
    let code = unsafe { GetIfTable2(&mut table) };
    if code != 0 || table.is_null() {
        return nothing_where_absent(io::Error::from_raw_os_error(code as i32))
            .map(|()| Vec::new());
    }
    let table = Interfaces(table);
    // SAFETY: the table lives as long as `table`, and its head was filled in by the system.
    let count = unsafe { (*table.0).NumEntries } as usize;
    // SAFETY: a place inside the table; nothing is read there yet.
    let first = unsafe { &raw const (*table.0).Table }.cast::<MIB_IF_ROW2>();
    // SAFETY: so many rows stand there, filled in by the system, as long as `table` lives.
    let rows = unsafe { std::slice::from_raw_parts(first, count) };
    Ok(rows.iter().filter_map(card).collect())
}

fn card(row: &MIB_IF_ROW2) -> Option<Card> {
    let flags = row.InterfaceAndOperStatusFlags._bitfield;
    let is_card = CARD_KINDS.contains(&row.Type)
        && flags & (HARDWARE | CONNECTOR) == HARDWARE | CONNECTOR
        && flags & FILTER == 0;
    let len = usize::try_from(row.PhysicalAddressLength).ok()?;
    let address = row.PermanentPhysicalAddress.get(..len)?.to_vec();
    let id = row.InterfaceGuid;
    let [a, b, rest @ ..] = id.data4;
    let rest: String = rest.iter().map(|byte| format!("{byte:02X}")).collect();
    let id =
        format!("{{{:08X}-{:04X}-{:04X}-{a:02X}{b:02X}-{rest}}}", id.data1, id.data2, id.data3);
    is_card.then_some(Card { id, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_run_forward_and_the_wall_is_todays() {
        let clock = SystemClock;
        let (monotonic, boot) = (clock.monotonic(), clock.boot());
        clock.sleep(Duration::from_millis(50));
        assert!(clock.monotonic() > monotonic && clock.boot() > boot);
        assert!(clock.wall() > 1_750_000_000, "seconds since 1970, not another unit");
    }

    #[test]
    fn a_machine_shows_the_same_each_time() {
        let (once, again) = (shown().unwrap(), shown().unwrap());
        assert_eq!(format!("{once:?}"), format!("{again:?}"));
    }
}
