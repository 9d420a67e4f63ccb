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

use super::factors::{instance_id, is_virtual, network_address};
use super::linux_text::{can_be_disk, has_hypervisor, is_of_network, is_plugged_in, processors};
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
/// What the firmware of a machine without DMI says: a board with an ARM processor.
const DEVICE_TREE: &str = "/sys/firmware/devicetree/base";
/// A page of the hypervisor's, in which its ID of this generation stands (root only).
const VM_GENERATION: &str = "/sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw";
const VM_GENERATION_AT: std::ops::Range<usize> = 40..56;

/// The longest attribute of a device: the kernel hands out one page.
pub(super) const ATTRIBUTE_MAX: usize = 4096;
/// `/proc/cpuinfo` of a machine with some thousand processors.
const PROCESSORS_MAX: usize = 8 << 20;

/// What this machine says of itself, raw.
pub(super) fn read(files: &dyn Files, sight: Sight) -> Result<Raw> {
    let reader = Reader { files, sight };
    let cpuinfo = reader.text(Path::new(PROCESSORS), PROCESSORS_MAX, says_nothing)?;
    let cpuinfo = cpuinfo.unwrap_or_default();
    let machine = reader.kind(&cpuinfo)?;
    if machine == MachineKind::Container
        && let Some(identity) = reader.mounted_identity()?
    {
        return Ok(Raw { machine, values: vec![(FactorKind::Identity, identity)] });
    }
    let mut values = Vec::new();
    let mut add = |kind: FactorKind, found: Vec<String>| {
        values.extend(found.into_iter().map(|value| (kind, value)));
    };
    add(FactorKind::MachineId, reader.machine_id()?.into_iter().collect());
    add(FactorKind::SystemUuid, reader.system_ids()?);
    add(FactorKind::BoardSerial, reader.board_serial()?.into_iter().collect());
    add(FactorKind::Disk, reader.disks()?);
    add(FactorKind::Network, reader.cards(machine)?);
    add(FactorKind::Processor, processors(&cpuinfo).into_iter().collect());
    if machine == MachineKind::Virtual {
        add(FactorKind::VmGeneration, reader.vm_generation()?.into_iter().collect());
    }
    Ok(Raw { machine, values })
}

pub(super) struct Reader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) sight: Sight,
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

    fn firmware(&self, name: &str) -> Result<String> {
        Ok(self.attribute(&Path::new(FIRMWARE).join(name))?.unwrap_or_default())
    }

    /// The system's UUID, which root alone may read, and the provider's ID of a machine for rent.
    fn system_ids(&self) -> Result<Vec<String>> {
        let uuid = genuine(&self.firmware("product_uuid")?);
        let vendor = self.firmware("sys_vendor")?;
        let instance = instance_id(&vendor, &self.firmware("board_asset_tag")?);
        Ok(uuid.into_iter().chain(instance).collect())
    }

    fn board_serial(&self) -> Result<Option<String>> {
        if let Some(serial) = genuine(&self.firmware("board_serial")?) {
            return Ok(Some(serial));
        }
        let serial = self.attribute(&Path::new(DEVICE_TREE).join("serial-number"))?;
        Ok(serial.and_then(|raw| genuine(&raw)))
    }

    fn vm_generation(&self) -> Result<Option<String>> {
        let page = self.bytes(Path::new(VM_GENERATION), ATTRIBUTE_MAX, says_nothing)?;
        let id = page.as_deref().and_then(|page| page.get(VM_GENERATION_AT));
        Ok(id.and_then(|id| genuine(&lm_protocol::encoding::to_hex(id))))
    }

    fn disks(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in self.names(Path::new(DISKS))? {
            let disk = Path::new(DISKS).join(&name);
            if !can_be_disk(&name) {
                continue;
            }
            let place = self.place(&disk)?;
            if is_plugged_in(&place) || is_of_network(&place) {
                continue;
            }
            let removable = self.attribute(&disk.join("removable"))?;
            if removable.is_some_and(|flag| flag.trim() == "1") {
                continue;
            }
            for number in DISK_NUMBERS {
                let raw = self.attribute(&disk.join(number))?;
                let value = raw.and_then(|raw| genuine(&raw));
                // One that the kernel makes of the serial number, which counts by itself.
                found.extend(value.filter(|value| !value.starts_with("nvme.")));
            }
        }
        Ok(found)
    }

    /// The addresses of the cards that are built in: a dock or an adapter comes and goes.
    fn cards(&self, machine: MachineKind) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in self.names(Path::new(CARDS))? {
            let card = Path::new(CARDS).join(name);
            if !self.exists(&card.join("device"))? || is_plugged_in(&self.place(&card)?) {
                continue;
            }
            found.extend(self.address(&card)?.and_then(|raw| network_address(&raw, machine)));
        }
        Ok(found)
    }

    fn address(&self, card: &Path) -> Result<Option<String>> {
        // In a bond all cards show one address, in a foreign wireless network one drawn by lot; the
        // card's own stands here.
        for own in ["bonding_slave/perm_hwaddr", "phy80211/macaddress"] {
            if let Some(address) = self.attribute(&card.join(own))? {
                return Ok(Some(address));
            }
        }
        if self.has_own_address(card)? { self.attribute(&card.join("address")) } else { Ok(None) }
    }

    /// Whether a card shows the address that its maker gave it, not one set or drawn by lot.
    fn has_own_address(&self, card: &Path) -> Result<bool> {
        let origin = self.attribute(&card.join("addr_assign_type"))?;
        Ok(origin.is_none_or(|origin| origin.trim() == "0"))
    }

    fn kind(&self, cpuinfo: &str) -> Result<MachineKind> {
        if self.is_in_container()? {
            return Ok(MachineKind::Container);
        }
        let tree = Path::new(DEVICE_TREE);
        let board = self.attribute(&tree.join("compatible"))?.unwrap_or_default();
        let is_virtual = has_hypervisor(cpuinfo)
            || is_virtual(&self.firmware("sys_vendor")?, &self.firmware("product_name")?)
            || board.contains("linux,dummy-virt")
            || self.exists(&tree.join("hypervisor"))?
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

    pub(super) fn attribute(&self, path: &Path) -> Result<Option<String>> {
        self.text(path, ATTRIBUTE_MAX, says_nothing)
    }

    pub(super) fn text(
        &self,
        path: &Path,
        max: usize,
        is_absent: fn(&io::Error) -> bool,
    ) -> Result<Option<String>> {
        let bytes = self.bytes(path, max, is_absent)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn bytes(
        &self,
        path: &Path,
        max: usize,
        is_absent: fn(&io::Error) -> bool,
    ) -> Result<Option<Vec<u8>>> {
        if self.sight == Sight::Everyone && !self.is_for_everyone(path)? {
            return Ok(None);
        }
        match self.files.read(path, max) {
            Ok(bytes) => Ok(Some(bytes)),
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

    pub(super) fn exists(&self, path: &Path) -> Result<bool> {
        match self.files.stat(path) {
            Ok(_) => Ok(true),
            Err(e) if says_nothing(&e) => Ok(false),
            Err(e) => Err(failed(path, &e)),
        }
    }
}

pub(super) fn is_not_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
    )
}

/// The ways in which a device, or the kernel for it, says that there is no such attribute.
pub(super) fn says_nothing(error: &io::Error) -> bool {
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
