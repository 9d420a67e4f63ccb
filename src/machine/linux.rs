//! Where Linux keeps a machine's factors.
//!
//! A file that isn't there, or that this user may not read, is a factor that isn't known; so is an
//! attribute of a device that answers with an error of the device's (there is no such number in
//! it). Any other failure, such as too many open files, is an error of the whole: a factor left
//! out for it would look like another machine.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::path::Path;

use lm_protocol::evidence::{FactorKind, MachineKind};

use super::factors::{is_virtual, network_address};
use super::linux_text::{can_be_disk, has_hypervisor, is_container, is_plugged_in, processors};
use super::placeholder::genuine;
use super::{Raw, Sight};
use crate::error::{Code, Error, Result};
use crate::ports::Files;

const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
const FIRMWARE: &str = "/sys/class/dmi/id";
const DISKS: &str = "/sys/block";
/// Where, beside a disk, its numbers stand. All are values: a newer kernel shows more of them, and
/// the one that was known must still be there.
const DISK_NUMBERS: [&str; 4] = ["serial", "wwid", "device/serial", "device/wwid"];
const CARDS: &str = "/sys/class/net";
const PROCESSORS: &str = "/proc/cpuinfo";
const GROUPS: &str = "/proc/1/cgroup";
/// Each is there in containers of one kind only.
const CONTAINER_MARKS: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];

/// The longest attribute of a device: the kernel hands out one page.
const ATTRIBUTE_MAX: usize = 4096;
/// `/proc/cpuinfo` of a machine with some thousand processors.
const PROCESSORS_MAX: usize = 8 << 20;

/// What this machine says of itself, raw.
pub(super) fn read(files: &dyn Files, sight: Sight) -> Result<Raw> {
    let reader = Reader { files, sight };
    let cpuinfo = reader.text(Path::new(PROCESSORS), PROCESSORS_MAX, says_nothing)?;
    let cpuinfo = cpuinfo.unwrap_or_default();
    let mut values = Vec::new();
    values.extend(reader.machine_id()?.map(|id| (FactorKind::MachineId, id)));
    for (kind, name) in
        [(FactorKind::SystemUuid, "product_uuid"), (FactorKind::BoardSerial, "board_serial")]
    {
        let raw = reader.attribute(&Path::new(FIRMWARE).join(name))?;
        values.extend(raw.and_then(|raw| genuine(&raw)).map(|value| (kind, value)));
    }
    values.extend(reader.disks()?.into_iter().map(|value| (FactorKind::Disk, value)));
    values.extend(reader.cards()?.into_iter().map(|value| (FactorKind::Network, value)));
    values.extend(processors(&cpuinfo).into_iter().map(|value| (FactorKind::Processor, value)));
    Ok(Raw { machine: reader.kind(&cpuinfo)?, values })
}

struct Reader<'a> {
    files: &'a dyn Files,
    sight: Sight,
}

impl Reader<'_> {
    fn machine_id(&self) -> Result<Option<String>> {
        for path in MACHINE_IDS {
            // A disk that fails here is no machine without an ID.
            let raw = self.text(Path::new(path), ATTRIBUTE_MAX, is_not_there)?;
            if let Some(id) = raw.and_then(|raw| genuine(&raw)) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn disks(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in self.names(Path::new(DISKS))? {
            let disk = Path::new(DISKS).join(&name);
            if !can_be_disk(&name) || is_plugged_in(&self.place(&disk)?) {
                continue;
            }
            let removable = self.attribute(&disk.join("removable"))?;
            if removable.is_some_and(|flag| flag.trim() == "1") {
                continue;
            }
            for number in DISK_NUMBERS {
                let raw = self.attribute(&disk.join(number))?;
                found.extend(raw.and_then(|raw| genuine(&raw)));
            }
        }
        Ok(found)
    }

    /// The addresses of the cards that are built in: a dock or an adapter comes and goes.
    fn cards(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in self.names(Path::new(CARDS))? {
            let card = Path::new(CARDS).join(name);
            if !self.exists(&card.join("device"))? || is_plugged_in(&self.place(&card)?) {
                continue;
            }
            // In a bond, all cards show one address; the card's own stands here.
            let own = self.attribute(&card.join("bonding_slave/perm_hwaddr"))?;
            let raw = match own {
                Some(own) => Some(own),
                None if self.has_own_address(&card)? => self.attribute(&card.join("address"))?,
                None => None,
            };
            found.extend(raw.and_then(|raw| network_address(&raw)));
        }
        Ok(found)
    }

    /// Whether a card shows the address that its maker gave it, not one set or drawn by lot.
    fn has_own_address(&self, card: &Path) -> Result<bool> {
        let origin = self.attribute(&card.join("addr_assign_type"))?;
        Ok(origin.is_none_or(|origin| origin.trim() == "0"))
    }

    fn kind(&self, cpuinfo: &str) -> Result<MachineKind> {
        for mark in CONTAINER_MARKS {
            if self.exists(Path::new(mark))? {
                return Ok(MachineKind::Container);
            }
        }
        let groups = self.attribute(Path::new(GROUPS))?.unwrap_or_default();
        // OpenVZ: the host has both, a container has one.
        let in_vz = self.exists(Path::new("/proc/vz"))? && !self.exists(Path::new("/proc/bc"))?;
        if in_vz || is_container(&groups) {
            return Ok(MachineKind::Container);
        }
        let of_firmware = |name| self.attribute(&Path::new(FIRMWARE).join(name));
        let vendor = of_firmware("sys_vendor")?.unwrap_or_default();
        let product = of_firmware("product_name")?.unwrap_or_default();
        let is_virtual = has_hypervisor(cpuinfo)
            || is_virtual(&vendor, &product)
            || self.exists(Path::new("/sys/hypervisor/type"))?;
        Ok(if is_virtual { MachineKind::Virtual } else { MachineKind::Physical })
    }

    /// Where in the tree of devices this one is; empty where that isn't told.
    fn place(&self, device: &Path) -> Result<String> {
        match self.files.link_target(device) {
            Ok(target) => Ok(target.to_string_lossy().into_owned()),
            Err(e) if says_nothing(&e) => Ok(String::new()),
            Err(e) => Err(failed(device, &e)),
        }
    }

    fn attribute(&self, path: &Path) -> Result<Option<String>> {
        self.text(path, ATTRIBUTE_MAX, says_nothing)
    }

    fn text(
        &self,
        path: &Path,
        max: usize,
        is_absent: fn(&io::Error) -> bool,
    ) -> Result<Option<String>> {
        if self.sight == Sight::Everyone && !self.is_for_everyone(path)? {
            return Ok(None);
        }
        match self.files.read(path, max) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(failed(path, &e)),
        }
    }

    fn is_for_everyone(&self, path: &Path) -> Result<bool> {
        match self.files.stat(path) {
            Ok(stat) => Ok(stat.mode & 0o004 != 0),
            Err(e) if is_not_there(&e) => Ok(false),
            Err(e) => Err(failed(path, &e)),
        }
    }

    fn names(&self, dir: &Path) -> Result<Vec<String>> {
        match self.files.names(dir) {
            Ok(names) => Ok(names),
            Err(e) if says_nothing(&e) => Ok(Vec::new()),
            Err(e) => Err(failed(dir, &e)),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        match self.files.stat(path) {
            Ok(_) => Ok(true),
            Err(e) if says_nothing(&e) => Ok(false),
            Err(e) => Err(failed(path, &e)),
        }
    }
}

fn is_not_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
    )
}

/// The ways in which a device, or the kernel for it, says that there is no such attribute.
fn says_nothing(error: &io::Error) -> bool {
    is_not_there(error)
        || matches!(
            error.kind(),
            ErrorKind::InvalidInput | ErrorKind::FileTooLarge | ErrorKind::Unsupported
        )
        || matches!(error.raw_os_error(), Some(libc::EIO | libc::ENXIO | libc::ENODEV))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let sentence =
        format!("This machine can't be identified: {} can't be read: {error}.", path.display());
    Error::new(Code::StorageIo, sentence)
        .with_hint("Try again; if it comes again, look at the disk and the limit of open files.")
}
