//! Values that name no machine: what makers of boards, disks and virtual machines leave in a field.
#![forbid(unsafe_code)]

/// Fewer letters and digits than this tell no machine from another.
const SHORTEST: usize = 4;

const NOTHING: [&str; 28] = [
    "0123456789",
    "01234567890123456789",
    "0123456789abcdef",
    "1234567890",
    "123456789",
    "12345678",
    "base board serial number",
    "board serial number",
    "default",
    "default string",
    "empty",
    "invalid",
    "none",
    "not applicable",
    "not available",
    "not set",
    "not specified",
    "null",
    "o.e.m.",
    "serial number",
    "system serial number",
    "to be filled by o.e.m",
    "to be filled by o.e.m.",
    "to be filled by oem",
    "type2 - board serial number",
    "undefined",
    "uninitialized",
    "unknown",
];

/// UUIDs that come with a firmware's source, on thousands of machines.
const COMMON_UUIDS: [&str; 4] = [
    "00020003-0004-0005-0006-000700080009",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "4c4c4544-0000-2010-8020-80c04f202020",
];

/// How names of virtual disks begin that every machine of a hypervisor or a provider has.
const COMMON_DISKS: [&str; 5] =
    ["drive-", "nvme_card", "persistent-disk-", "vmware nvme_", "local-ssd-"];

/// The kinds of a disk's world-wide ID.
const ID_KINDS: [&str; 5] = ["eui.", "naa.", "t10.", "uuid.", "nvme."];

/// A raw value in its one form: lower case, single spaces, no control characters. `None` where it
/// is a placeholder. Changing this would disown licenses.
pub(super) fn genuine(raw: &str) -> Option<String> {
    let plain = raw.replace(char::is_control, " ").to_lowercase();
    let value = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!is_placeholder(&value)).then_some(value)
}

fn is_placeholder(value: &str) -> bool {
    let bare = ID_KINDS.iter().find_map(|kind| value.strip_prefix(kind)).unwrap_or(value).trim();
    let bare = bare.strip_prefix("0x").unwrap_or(bare);
    let mut signs = bare.chars().filter(|c| c.is_alphanumeric());
    let first = signs.next();
    bare.chars().filter(|c| c.is_alphanumeric()).count() < SHORTEST
        // All zeros, all f, all x.
        || signs.all(|c| Some(c) == first)
        || NOTHING.contains(&bare)
        || COMMON_UUIDS.contains(&bare)
        || is_common_disk(bare)
}

/// The disks of a virtual machine to which nobody gave a serial number: QM00001, drive-scsi0. In
/// the ID by vendor, model and serial number (`t10.`) that is the last word.
fn is_common_disk(value: &str) -> bool {
    let last = value.rsplit(' ').next().unwrap_or(value);
    let is_default_of_qemu = last.len() == 7 && last.starts_with("qm000");
    is_default_of_qemu
        || COMMON_DISKS.iter().any(|name| value.starts_with(name) || last.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_machine_is_kept_in_one_form() {
        for (raw, kept) in [
            ("S4EWNX0M123456  \n", "s4ewnx0m123456"),
            ("4C4C4544-0042-3510-8052-B4C04F4D3332\n", "4c4c4544-0042-3510-8052-b4c04f4d3332"),
            ("t10.ATA     Samsung SSD 860   S3Z9NB0K", "t10.ata samsung ssd 860 s3z9nb0k"),
            ("eui.0025385b71b0e2c3", "eui.0025385b71b0e2c3"),
            (".ABC1234.CN7016.\0\0", ".abc1234.cn7016."),
            ("nothing in particular", "nothing in particular"),
        ] {
            assert_eq!(genuine(raw).as_deref(), Some(kept), "{raw:?}");
        }
    }

    #[test]
    fn what_names_no_machine_is_dropped() {
        for raw in [
            "",
            "\n",
            "None",
            "N/A",
            "0",
            "Default string\n",
            "To be filled by O.E.M.",
            "To Be Filled By O.E.M.",
            "System Serial Number",
            "Not Specified",
            "0123456789",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "xxxxxxxxxxxx",
            "..............",
            "03000200-0400-0500-0006-000700080009",
            "eui.0000000000000000",
            "QM00001",
            "t10.ATA     QEMU HARDDISK                           QM00002",
            "uninitialized\n",
            "0x00000000\n",
            "t10.QEMU    QEMU HARDDISK   drive-scsi0",
            "nvme_card-pd\n",
            "persistent-disk-0",
            "VMware NVME_0000",
        ] {
            assert_eq!(genuine(raw), None, "{raw:?}");
        }
    }
}
