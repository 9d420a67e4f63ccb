//! Which of what macOS says of a machine counts.
//!
//! | factor | from |
//! |---|---|
//! | system UUID | `IOPlatformUUID`, the hardware's; `gethostuuid` gives the same |
//! | board's serial number | `IOPlatformSerialNumber`, the machine's |
//! | network | the addresses that their maker gave to the cards that are built in, whichever address a private network sees |
//! | processor | its name |
//!
//! Everything comes as [`Shown`], just as the system gave it, and every user may see all of it. There
//! is no machine ID beside the hardware's, and no serial number of a disk: it is part of the board.
#![forbid(unsafe_code)]

use lm_protocol::evidence::{FactorKind, MachineKind};

use super::Raw;
use super::factors::{address_text, is_virtual, network_address};
use super::placeholder::genuine;

/// How the models of machines begin that Apple's own hypervisor makes up.
const VIRTUAL_MODEL: &str = "virtualmac";

/// What the system's calls gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) uuid: Option<String>,
    pub(super) serial: Option<String>,
    /// `hw.model`, such as `Mac14,2`.
    pub(super) model: Option<String>,
    pub(super) processor: Option<String>,
    /// `kern.hv_vmm_present`; systems before macOS 11 don't say.
    pub(super) is_under_hypervisor: bool,
    pub(super) cards: Vec<Card>,
}

/// A network card.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) is_built_in: bool,
    /// The address that its maker gave it.
    pub(super) address: Vec<u8>,
}

/// What this machine says of itself, raw.
pub(super) fn read(shown: &Shown) -> Raw {
    let machine = kind(shown);
    let mut values = Vec::new();
    for (kind, raw) in [
        (FactorKind::SystemUuid, &shown.uuid),
        (FactorKind::BoardSerial, &shown.serial),
        (FactorKind::Processor, &shown.processor),
    ] {
        values.extend(raw.as_deref().and_then(genuine).map(|value| (kind, value)));
    }
    for card in shown.cards.iter().filter(|card| card.is_built_in) {
        let address = network_address(&address_text(&card.address), machine);
        values.extend(address.map(|address| (FactorKind::Network, address)));
    }
    Raw { machine, values }
}

fn kind(shown: &Shown) -> MachineKind {
    let model = shown.model.as_deref().unwrap_or_default().to_lowercase();
    let is_virtual =
        shown.is_under_hypervisor || model.starts_with(VIRTUAL_MODEL) || is_virtual(&model, &model);
    if is_virtual { MachineKind::Virtual } else { MachineKind::Physical }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FactorKind::{BoardSerial, Network, Processor, SystemUuid};

    fn card(is_built_in: bool, last: u8) -> Card {
        Card { is_built_in, address: vec![0xA4, 0x83, 0xE7, 1, 2, last] }
    }

    fn laptop() -> Shown {
        Shown {
            uuid: Some("4A1E2B7C-93D5-5F60-8B1C-2D3E4F506172".to_owned()),
            serial: Some("C02ZK1ABMD6R".to_owned()),
            model: Some("Mac14,2".to_owned()),
            processor: Some("Apple M2".to_owned()),
            is_under_hypervisor: false,
            cards: vec![card(true, 1)],
        }
    }

    fn values(shown: &Shown) -> Vec<(FactorKind, String)> {
        read(shown).values
    }

    #[test]
    fn a_laptop_shows_every_factor() {
        let raw = read(&laptop());
        assert_eq!(raw.machine, MachineKind::Physical);
        let expected = [
            (SystemUuid, "4a1e2b7c-93d5-5f60-8b1c-2d3e4f506172"),
            (BoardSerial, "c02zk1abmd6r"),
            (Processor, "apple m2"),
            (Network, "a4:83:e7:01:02:01"),
        ];
        assert_eq!(raw.values, expected.map(|(kind, value)| (kind, value.to_owned())));
    }

    #[test]
    fn r52_docks_adapters_and_made_up_addresses_change_nothing() {
        let mut shown = laptop();
        shown.cards.push(card(false, 2));
        // The bridge of Thunderbolt ports has one of its own making, and is built in.
        shown.cards.push(Card { is_built_in: true, address: vec![0x36, 0x83, 0xE7, 1, 2, 3] });
        shown.cards.push(Card { is_built_in: true, address: Vec::new() });
        assert_eq!(values(&shown), values(&laptop()));
    }

    #[test]
    fn placeholders_and_what_is_not_shown_are_left_out() {
        let shown = Shown {
            serial: Some("Not Available".to_owned()),
            uuid: Some("00000000-0000-0000-0000-000000000000".to_owned()),
            ..Shown::default()
        };
        assert_eq!(values(&shown), []);
    }

    #[test]
    fn virtual_machines_by_the_kernels_word_and_by_their_model() {
        let kind = |model: &str, is_under_hypervisor| {
            let model = Some(model.to_owned());
            read(&Shown { model, is_under_hypervisor, ..laptop() }).machine
        };
        for model in ["VirtualMac2,1", "VMware7,1", "Parallels17,1"] {
            assert_eq!(kind(model, false), MachineKind::Virtual, "{model}");
        }
        assert_eq!(kind("Mac14,2", true), MachineKind::Virtual);
        assert_eq!(kind("MacBookPro18,3", false), MachineKind::Physical);
    }
}
