//! What a system says of itself → the values of factors and the kind of machine, as far as every
//! system says it alike. Pure.
#![forbid(unsafe_code)]

use lm_protocol::evidence::MachineKind;

use super::placeholder::genuine;

/// Who makes virtual machines, as the firmware says it: the beginning of the system's vendor.
const VIRTUAL_VENDORS: [&str; 17] = [
    "alibaba cloud",
    "amazon ec2",
    "bhyve",
    "bochs",
    "cloudstack",
    "digitalocean",
    "google",
    "hetzner",
    "innotek",
    "kvm",
    "nutanix",
    "openstack",
    "ovirt",
    "parallels",
    "qemu",
    "vmware",
    "xen",
];

/// Products of makers who also build real machines.
const VIRTUAL_PRODUCTS: [&str; 6] =
    ["virtual machine", "virtualbox", "vmware", "kvm", "hvm domu", "openstack"];

/// The addresses that virtual machines have which nobody gave one: QEMU's, from `…:56` on.
const COMMON_ADDRESSES: &str = "52:54:00:12:34:";

/// A network card's own address, `None` for one that names no card: for groups, all zero, or not of
/// Ethernet's length; made up (locally administered) too, save in a virtual machine, whose cards
/// have no other.
pub(super) fn network_address(raw: &str, machine: MachineKind) -> Option<String> {
    let address = genuine(raw)?;
    let parts: Vec<_> = address.split(':').collect();
    let bytes: Vec<_> = parts.iter().filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let first = *bytes.first()?;
    let (is_group, is_made_up) = (first & 0b01 != 0, first & 0b10 != 0);
    let names_a_card = bytes.len() == 6
        && parts.len() == 6
        && !is_group
        && (!is_made_up || machine == MachineKind::Virtual)
        && !address.starts_with(COMMON_ADDRESSES);
    names_a_card.then_some(address)
}

/// An address as [`network_address`] takes it: `a4:bf:01:5c:22:9e`.
#[cfg(any(windows, target_os = "macos", test))]
pub(super) fn address_text(address: &[u8]) -> String {
    address.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// The ID that the provider gave a machine for rent, where its firmware shows it as an asset tag.
/// Every user may read that one. On other machines the tag is a sticker's, or the company's name.
#[cfg(any(target_os = "linux", test))]
pub(super) fn instance_id(vendor: &str, asset_tag: &str) -> Option<String> {
    let tag = genuine(asset_tag)?;
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let is_instance = match vendor.trim().to_lowercase().as_str() {
        "amazon ec2" => tag.strip_prefix("i-").is_some_and(|id| id.len() >= 8 && is_hex(id)),
        "google" => tag.len() == 36 && is_hex(&tag.replace('-', "")),
        _ => false,
    };
    is_instance.then_some(tag)
}

/// Whether the firmware is that of a virtual machine.
pub(super) fn is_virtual(vendor: &str, product: &str) -> bool {
    let (vendor, product) = (vendor.trim().to_lowercase(), product.trim().to_lowercase());
    // Whole machines for rent carry the vendor's name too.
    let is_metal = product.ends_with(".metal") || product.contains(".metal-");
    !is_metal
        && (VIRTUAL_VENDORS.iter().any(|name| vendor.starts_with(name))
            || VIRTUAL_PRODUCTS.iter().any(|name| product.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    use MachineKind::{Physical, Virtual};

    #[test]
    fn a_network_address_counts_when_its_maker_gave_it() {
        let own = network_address("A4:BF:01:5C:22:9E\n", Physical);
        assert_eq!(own.as_deref(), Some("a4:bf:01:5c:22:9e"));
        for (raw, why) in [
            ("00:00:00:00:00:00", "loopback"),
            ("ff:ff:ff:ff:ff:ff", "everyone"),
            ("02:fc:00:00:00:01", "locally administered"),
            ("52:54:00:a1:b2:c3", "a virtual machine's, on a real one"),
            ("01:00:5e:00:00:fb", "a group"),
            ("80:00:02:08:fe:80:00:00:00:00:00:00:e4:1d:2d:03:00:4f:11:22", "InfiniBand"),
            ("a4:bf:01:5c:22", "too short"),
            ("a4:bf:01:5c:22:zz", "no number"),
        ] {
            assert_eq!(network_address(raw, Physical), None, "{why}");
        }
    }

    #[test]
    fn in_a_virtual_machine_a_made_up_address_is_the_cards_own() {
        assert!(network_address("52:54:00:a1:b2:c3", Virtual).is_some());
        assert_eq!(network_address("52:54:00:12:34:57", Virtual), None, "QEMU's default");
        assert_eq!(network_address("01:00:5e:00:00:fb", Virtual), None, "a group");
    }

    #[test]
    fn an_asset_tag_counts_where_it_is_a_providers_id() {
        let id = |vendor, tag| instance_id(vendor, tag).is_some();
        assert!(id("Amazon EC2\n", "i-0a1b2c3d4e5f60718\n"));
        assert!(id("Google\n", "5E8F5C3A-1B2C-4D3E-8F90-A1B2C3D4E5F6\n"));
        assert!(!id("Amazon EC2", "Amazon EC2"));
        assert!(!id("Google", "Default string"));
        assert!(
            !id("Microsoft Corporation", "7783-7084-3265-9085-8269-3286-77"),
            "Azure: all alike"
        );
        assert!(!id("Dell Inc.", "i-0a1b2c3d4e5f60718"));
    }

    #[test]
    fn virtual_machines_by_their_firmware() {
        for (vendor, product) in [
            ("QEMU", "Standard PC (Q35 + ICH9, 2009)"),
            ("innotek GmbH", "VirtualBox"),
            ("Microsoft Corporation", "Virtual Machine"),
            ("VMware, Inc.", "VMware Virtual Platform"),
            ("Amazon EC2", "t3.micro"),
            ("Xen", "HVM domU"),
            ("Red Hat", "KVM"),
        ] {
            assert!(is_virtual(vendor, product), "{vendor}, {product}");
        }
        for (vendor, product) in [
            ("Dell Inc.", "Precision 5560"),
            ("Microsoft Corporation", "Surface Laptop 4"),
            ("Amazon EC2", "m5.metal"),
            ("", ""),
        ] {
            assert!(!is_virtual(vendor, product), "{vendor}, {product}");
        }
    }
}
