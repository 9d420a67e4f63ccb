//! What Linux says of a machine → the values of factors and the kind of machine. Pure.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::placeholder::genuine;

/// Block devices that are no disk of this machine: in memory, on top of others, in another place.
const NO_DISKS: [&str; 11] =
    ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "rbd", "zd", "drbd"];

/// Words in the paths of control groups that only containers have.
const CONTAINER_GROUPS: [&str; 9] = [
    "docker",
    "kubepods",
    "containerd",
    "libpod",
    "crio-",
    "lxc",
    "garden",
    "ecs/",
    "machine.slice/machine-",
];

/// Whether a block device of this name can be a disk.
pub(super) fn can_be_disk(name: &str) -> bool {
    !NO_DISKS.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a device at this place in the device tree is plugged in from outside, and so comes and
/// goes.
pub(super) fn is_plugged_in(device: &str) -> bool {
    device.split('/').any(|part| part.starts_with("usb"))
}

/// Whether a disk at this place in the device tree is one of a network, which several machines may
/// see: Fibre Channel, iSCSI, NVMe over fabrics.
pub(super) fn is_of_network(device: &str) -> bool {
    device.split('/').any(|part| {
        part.starts_with("rport-") || part.starts_with("session") || part == "nvme-fabrics"
    })
}

/// Whether something is mounted at one of these places, by `/proc/self/mountinfo`.
pub(super) fn is_mounted(mountinfo: &str, places: &[&str]) -> bool {
    let mut points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    points.any(|point| places.contains(&point))
}

/// The models of the processors, by `/proc/cpuinfo`. Several where cores differ.
pub(super) fn processors(cpuinfo: &str) -> BTreeSet<String> {
    cpuinfo.split("\n\n").filter_map(processor).collect()
}

fn processor(block: &str) -> Option<String> {
    let value = |key: &str| fields(block).find(|(name, _)| *name == key).map(|(_, value)| value);
    let model = ["model name", "cpu model", "uarch", "cpu"].into_iter().find_map(value);
    match (model, value("CPU implementer"), value("CPU part")) {
        (Some(model), _, _) => genuine(model),
        // Where the kernel tells no name: arm64.
        (None, Some(implementer), Some(part)) => genuine(&format!("arm {implementer} {part}")),
        _ => None,
    }
}

/// Whether the processor says that it runs under a hypervisor.
pub(super) fn has_hypervisor(cpuinfo: &str) -> bool {
    fields(cpuinfo)
        .find(|(name, _)| *name == "flags")
        .is_some_and(|(_, flags)| flags.split(' ').any(|flag| flag == "hypervisor"))
}

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(a, b)| (a.trim(), b.trim()))
}

/// Whether the control groups of the first process are those of a container.
pub(super) fn is_container(cgroup: &str) -> bool {
    CONTAINER_GROUPS.iter().any(|word| cgroup.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_the_machines_own() {
        for name in ["sda", "nvme0n1", "vda", "mmcblk0", "xvda", "hda"] {
            assert!(can_be_disk(name), "{name}");
        }
        for name in ["loop0", "ram1", "zram0", "dm-0", "md127", "sr0", "nbd3"] {
            assert!(!can_be_disk(name), "{name}");
        }
    }

    #[test]
    fn what_is_plugged_in_passes() {
        let stick = "../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/block/sdb";
        assert!(is_plugged_in(stick));
        assert!(!is_plugged_in("../devices/pci0000:00/0000:00:17.0/ata1/host0/block/sda"));
        // So the kernel places a disk that has several ways to it.
        assert!(!is_plugged_in("../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1"));
    }

    #[test]
    fn a_disk_of_a_network_is_nobodys_own() {
        for place in [
            "../devices/pci0000:00/0000:04:00.0/host3/rport-3:0-1/target3:0:1/3:0:1:0/block/sdc",
            "../devices/platform/host5/session1/target5:0:0/5:0:0:1/block/sdd",
            "../devices/virtual/nvme-fabrics/ctl/nvme3/nvme3n1",
        ] {
            assert!(is_of_network(place), "{place}");
        }
        assert!(!is_of_network("../devices/pci0000:00/0000:00:17.0/ata1/host0/block/sda"));
    }

    #[test]
    fn mounts_by_their_place() {
        let mounts = "612 500 0:52 / / rw - overlay overlay rw\n\
                      640 612 254:1 /id /etc/lm ro,relatime - ext4 /dev/vda1 rw\n";
        assert!(is_mounted(mounts, &["/etc/lm/host-identity", "/etc/lm"]));
        assert!(!is_mounted(mounts, &["/etc"]));
        assert!(!is_mounted("", &["/"]));
    }

    #[test]
    fn processors_by_name_or_by_number() {
        let x86 = "processor\t: 0\nmodel name\t: Intel(R) Core(TM)  i7-9750H\nflags\t\t: fpu vme\n";
        assert_eq!(Vec::from_iter(processors(x86)), ["intel(r) core(tm) i7-9750h"]);
        let two = format!("{x86}\n{}", x86.replace("processor\t: 0", "processor\t: 1"));
        assert_eq!(processors(&two).len(), 1);
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n\
                   processor\t: 4\nCPU implementer\t: 0x41\nCPU part\t: 0xd41\n\nSerial: 0\n";
        assert_eq!(Vec::from_iter(processors(arm)), ["arm 0x41 0xd05", "arm 0x41 0xd41"]);
        assert!(processors("").is_empty());
    }

    #[test]
    fn hypervisor_is_a_flag_of_its_own() {
        assert!(has_hypervisor("flags\t\t: fpu rdrand hypervisor lahf_lm\n"));
        assert!(!has_hypervisor("flags\t\t: fpu hypervisor_like\nbugs\t: hypervisor\n"));
    }

    #[test]
    fn containers_by_their_control_groups() {
        for cgroup in [
            "12:cpu:/docker/3f5a\n",
            "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-9a.scope\n",
            "1:name=systemd:/lxc.payload.web\n",
            "0::/machine.slice/libpod-77.scope\n",
        ] {
            assert!(is_container(cgroup), "{cgroup}");
        }
        for cgroup in ["0::/init.scope\n", "0::/\n", "9:name=systemd:/\n8:pids:/\n", ""] {
            assert!(!is_container(cgroup), "{cgroup}");
        }
    }
}
