//! Where Windows keeps a machine's factors.
//!
//! What stands in the registry is read through the file port ([`crate::storage`] shows it there);
//! the rest comes as [`Shown`], just as the system gave it. Every user may see all of it, so a store
//! of one user and one of all users know the same host.
//!
//! | factor | from |
//! |---|---|
//! | machine ID | `MachineGuid`, drawn when Windows is installed |
//! | system UUID, board's serial number | the firmware's table |
//! | disks | serial numbers of the disks that are built in. Not the serial number of a volume: a copy of the disk has that too |
//! | network | the addresses that their makers gave to the cards that are built in |
//! | processor | its name |
//!
//! A processor that runs under a hypervisor is no sign of a virtual machine here: Windows puts one
//! under itself on real machines.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::path::Path;

use lm_protocol::evidence::{FactorKind, MachineKind};

use super::Raw;
use super::factors::{address_text, is_virtual, network_address};
use super::placeholder::genuine;
use super::smbios::{self, Firmware};
use crate::error::{Code, Error, Result};
use crate::ports::Files;

const MACHINE_ID: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography\MachineGuid";
const MAKER: &str = r"HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\BIOS\SystemManufacturer";
const PRODUCT: &str = r"HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\BIOS\SystemProductName";
const PROCESSOR: &str =
    r"HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\CentralProcessor\0\ProcessorNameString";
/// There in containers only.
const CONTAINER_MARK: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ContainerType";
/// Below it, for each card by its ID: the device that it is.
const CARDS: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}";
const DEVICE: &str = r"Connection\PnPInstanceID";
/// What hangs on these comes and goes, or is no hardware.
const PASSING: [&str; 5] = [r"USB\", r"BTH\", r"PCMCIA\", r"ROOT\", r"SWD\"];

const TEXT_MAX: usize = 4096;

/// What isn't in the registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The firmware's table; empty where there is none.
    pub(super) firmware: Vec<u8>,
    /// A descriptor of each disk.
    pub(super) disks: Vec<Vec<u8>>,
    pub(super) cards: Vec<Card>,
}

/// A network card.
#[derive(Clone, Debug)]
pub(super) struct Card {
    /// Its ID, `{…}`.
    pub(super) id: String,
    /// The address that its maker gave it.
    pub(super) address: Vec<u8>,
}

/// What this machine says of itself, raw.
pub(super) fn read(files: &dyn Files, shown: &Shown) -> Result<Raw> {
    let firmware = smbios::parse(&shown.firmware);
    let machine = kind(files, &firmware)?;
    let mut values = Vec::new();
    let mut add = |kind: FactorKind, raw: Option<&str>| {
        values.extend(raw.and_then(genuine).map(|value| (kind, value)));
    };
    add(FactorKind::MachineId, text(files, MACHINE_ID)?.as_deref());
    add(FactorKind::SystemUuid, firmware.uuid.as_deref());
    add(FactorKind::BoardSerial, firmware.board_serial.as_deref());
    for disk in &shown.disks {
        add(FactorKind::Disk, serial_of(disk).as_deref());
    }
    add(FactorKind::Processor, text(files, PROCESSOR)?.as_deref());
    for card in &shown.cards {
        if is_built_in(files, card)? {
            let address = network_address(&address_text(&card.address), machine);
            values.extend(address.map(|address| (FactorKind::Network, address)));
        }
    }
    Ok(Raw { machine, values })
}

fn kind(files: &dyn Files, firmware: &Firmware) -> Result<MachineKind> {
    if text(files, CONTAINER_MARK)?.is_some() {
        return Ok(MachineKind::Container);
    }
    let or_registry = |known: &Option<String>, path| match known {
        Some(known) => Ok(known.clone()),
        None => text(files, path).map(Option::unwrap_or_default),
    };
    let maker = or_registry(&firmware.maker, MAKER)?;
    let product = or_registry(&firmware.product, PRODUCT)?;
    let is_virtual = is_virtual(&maker, &product);
    Ok(if is_virtual { MachineKind::Virtual } else { MachineKind::Physical })
}

fn is_built_in(files: &dyn Files, card: &Card) -> Result<bool> {
    let device = text(files, &format!(r"{CARDS}\{}\{DEVICE}", card.id))?.unwrap_or_default();
    let device = device.to_uppercase();
    Ok(!PASSING.iter().any(|bus| device.starts_with(bus)))
}

/// Of a disk's descriptor: whether its medium can be taken out, where its serial number stands, and
/// the way by which it hangs on the machine.
const REMOVABLE: usize = 10;
const SERIAL: usize = 24;
const BUS: usize = 28;
/// FireWire, USB, iSCSI, SD cards, virtual disks, files as disks, pools of disks.
const PASSING_BUSES: [u32; 7] = [4, 7, 9, 12, 14, 15, 16];

/// The serial number by a disk's descriptor (`STORAGE_DEVICE_DESCRIPTOR`); `None` where the disk is
/// not built in or tells none.
fn serial_of(disk: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u32::from_le_bytes(*disk.get(at..)?.first_chunk()?));
    if *disk.get(REMOVABLE)? != 0 || PASSING_BUSES.contains(&number(BUS)?) {
        return None;
    }
    let at = usize::try_from(number(SERIAL)?).ok().filter(|at| *at > BUS)?;
    let text = disk.get(at..)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// A value of the registry; `None` where it isn't there, or this process may not read it.
fn text(files: &dyn Files, path: &str) -> Result<Option<String>> {
    match files.read(Path::new(path), TEXT_MAX) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
        Err(e) => Err(failed(path, &e)),
    }
}

/// The system failed while it was asked. A factor left out for that would look like another
/// machine, so it is an error of the whole.
pub(super) fn failed(what: &str, error: &io::Error) -> Error {
    let sentence = format!("This machine can't be identified: {what} can't be read: {error}.");
    Error::new(Code::StorageIo, sentence)
        .with_hint("Try again; if it comes again, restart Windows.")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::machine::tests::Host;
    use crate::machine::tests::Node::{Fails, Text};
    use FactorKind::{BoardSerial, Disk, MachineId, Network, Processor, SystemUuid};

    const CARD: &str = "{5C6B7A10-0A2C-4E1B-9D0F-1A2B3C4D5E6F}";

    fn device_of(id: &str) -> String {
        format!(r"{CARDS}\{id}\{DEVICE}")
    }

    fn registry() -> Host {
        Host::new(&[])
            .with(MACHINE_ID, Text("3D1219C7-C4C5-404A-AA1F-6D2A48ADFDA4", true))
            .with(PROCESSOR, Text("Intel(R) Core(TM) i7-11850H @ 2.50GHz", true))
            .with(
                &device_of(CARD),
                Text(r"PCI\VEN_8086&DEV_15BE&SUBSYS_087C1028\3&11583659&0&FE", true),
            )
    }

    fn disk(bus: u32, removable: u8, serial: &str) -> Vec<u8> {
        let mut bytes = vec![0; 36];
        bytes[REMOVABLE] = removable;
        bytes[SERIAL..SERIAL + 4].copy_from_slice(&36_u32.to_le_bytes());
        bytes[BUS..BUS + 4].copy_from_slice(&bus.to_le_bytes());
        bytes.extend_from_slice(serial.as_bytes());
        bytes.push(0);
        bytes
    }

    const NVME: u32 = 17;
    const SATA: u32 = 11;
    const USB: u32 = 7;

    fn shown() -> Shown {
        Shown {
            firmware: smbios::tests::desk(),
            disks: vec![disk(NVME, 0, "0025_3852_01B0_2A11.")],
            cards: vec![Card {
                id: CARD.to_owned(),
                address: vec![0xA4, 0xBF, 1, 0x5C, 0x22, 0x9E],
            }],
        }
    }

    #[test]
    fn a_desk_shows_every_factor() {
        let raw = read(&registry(), &shown()).unwrap();
        assert_eq!(raw.machine, MachineKind::Physical);
        let expected = [
            (MachineId, "3d1219c7-c4c5-404a-aa1f-6d2a48adfda4"),
            (SystemUuid, "4c4c4544-0042-3510-8052-b4c04f4d3332"),
            (BoardSerial, "/8rb5m32/cn1/"),
            (Disk, "0025_3852_01b0_2a11."),
            (Processor, "intel(r) core(tm) i7-11850h @ 2.50ghz"),
            (Network, "a4:bf:01:5c:22:9e"),
        ];
        assert_eq!(raw.values, expected.map(|(kind, value)| (kind, value.to_owned())));
    }

    #[test]
    fn what_is_plugged_in_or_made_up_passes() {
        let mut shown = shown();
        shown.disks.extend([
            disk(USB, 0, "a stick's"),
            disk(SATA, 1, "a cage's"),
            disk(15, 0, "a file's"),
            disk(SATA, 0, "S3Z9NB0K "),
            disk(SATA, 0, "  "),
            vec![0; 20],
        ]);
        let docked = "{00000000-0000-0000-0000-000000000001}";
        let random = "{00000000-0000-0000-0000-000000000002}";
        shown.cards.push(Card { id: docked.to_owned(), address: vec![0xA4, 1, 2, 3, 4, 5] });
        shown.cards.push(Card { id: random.to_owned(), address: vec![0x02, 1, 2, 3, 4, 5] });
        let registry =
            registry().with(&device_of(docked), Text(r"usb\VID_0BDA&PID_8153\000001", true));
        let values = read(&registry, &shown).unwrap().values;
        let of = |wanted: FactorKind| {
            let of_kind = values.iter().filter(move |(kind, _)| *kind == wanted);
            of_kind.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of(Disk), ["0025_3852_01b0_2a11.", "s3z9nb0k"]);
        assert_eq!(of(Network), ["a4:bf:01:5c:22:9e"]);
    }

    #[test]
    fn a_serial_number_is_read_inside_the_descriptor_only() {
        let mut wrong = disk(SATA, 0, "S3Z9NB0K");
        for at in [0_u32, 4, 28, 1000] {
            wrong[SERIAL..SERIAL + 4].copy_from_slice(&at.to_le_bytes());
            assert_eq!(serial_of(&wrong), None, "{at}");
        }
    }

    #[test]
    fn machines_that_are_none_are_named() {
        let kind = |host: &Host, shown: &Shown| read(host, shown).unwrap().machine;
        let of_firmware = |maker: &'static str, product: &'static str| {
            registry().with(MAKER, Text(maker, true)).with(PRODUCT, Text(product, true))
        };
        let nothing = Shown::default();
        let hyper_v = of_firmware("Microsoft Corporation", "Virtual Machine");
        assert_eq!(kind(&hyper_v, &nothing), MachineKind::Virtual);
        let surface = of_firmware("Microsoft Corporation", "Surface Laptop 4");
        assert_eq!(kind(&surface, &nothing), MachineKind::Physical);
        // The firmware's own table is believed first.
        assert_eq!(kind(&hyper_v, &shown()), MachineKind::Physical);
        let container = registry().with(CONTAINER_MARK, Text("2", true));
        assert_eq!(kind(&container, &shown()), MachineKind::Container);
    }

    #[test]
    fn little_is_no_failure_and_a_failure_is_no_little() {
        let raw = read(&Host::new(&[]), &Shown::default()).unwrap();
        assert_eq!(raw.values, []);
        let failing = registry().with(MACHINE_ID, Fails(libc::EMFILE));
        assert_eq!(read(&failing, &shown()).unwrap_err().code(), Code::StorageIo);
    }
}
