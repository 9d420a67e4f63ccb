//! What a system says of itself → the values of factors and the kind of machine, as far as every
//! system says it alike. Pure.
#![forbid(unsafe_code)]

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

/// A network card's own address, `None` for one that names no card: made up by an administrator or
/// a virtual machine (locally administered), for groups, all zero, or not of Ethernet's length.
pub(super) fn network_address(raw: &str) -> Option<String> {
    let address = genuine(raw)?;
    let parts: Vec<_> = address.split(':').collect();
    let bytes: Vec<_> = parts.iter().filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let first = *bytes.first()?;
    let is_own = bytes.len() == 6 && parts.len() == 6 && first & 0b11 == 0;
    is_own.then_some(address)
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

    #[test]
    fn a_network_address_counts_when_its_maker_gave_it() {
        assert_eq!(network_address("A4:BF:01:5C:22:9E\n").as_deref(), Some("a4:bf:01:5c:22:9e"));
        for (raw, why) in [
            ("00:00:00:00:00:00", "loopback"),
            ("ff:ff:ff:ff:ff:ff", "everyone"),
            ("02:fc:00:00:00:01", "locally administered"),
            ("52:54:00:12:34:56", "a virtual machine's"),
            ("01:00:5e:00:00:fb", "a group"),
            ("80:00:02:08:fe:80:00:00:00:00:00:00:e4:1d:2d:03:00:4f:11:22", "InfiniBand"),
            ("a4:bf:01:5c:22", "too short"),
            ("a4:bf:01:5c:22:zz", "no number"),
        ] {
            assert_eq!(network_address(raw), None, "{why}");
        }
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
