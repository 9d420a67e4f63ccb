//! Containers, virtual machines and machines for rent: what stands in for hardware there.

use super::kinds::kind;
use super::*;
use FactorKind::{Identity, VmGeneration};

const FILE: &str = "/etc/lm/host-identity";
const VOLUME: &str = "700 612 254:1 /volumes/lm /etc/lm ro,relatime - ext4 /dev/sda2 rw\n";

/// A container into which an identity is mounted.
fn mounted(identity: &'static str) -> Host {
    let host = kind("container").with(FILE, Text(identity, true));
    host.rewritten("/proc/self/mountinfo", |mounts| format!("{mounts}{VOLUME}"))
}

#[test]
fn a_mounted_identity_stands_alone_wherever_its_container_runs() {
    let seen = mounted("6F1B2C3D-installation-7\n").evidence();
    assert_eq!(seen.machine, MachineKind::Container, "policy may still refuse containers");
    assert_eq!(seen.factors.len(), 1);
    assert_eq!(seen.values(Identity), hashes(Identity, &["6f1b2c3d-installation-7"]));
    let elsewhere = mounted("6F1B2C3D-installation-7\n").without("/sys").without("/etc/machine-id");
    assert!(seen.matches_strictly(&elsewhere.evidence()), "another host, another image");
    let other = mounted("9a8b7c6d-installation-8\n").evidence();
    assert!(!seen.matches(&other));
    assert!(!seen.matches(&kind("container").evidence()), "a store copied without its identity");
}

#[test]
fn an_identity_in_the_image_is_every_containers_and_counts_for_nothing() {
    let baked = kind("container").with(FILE, Text("6F1B2C3D-installation-7\n", true));
    assert_eq!(baked.evidence(), kind("container").evidence());
    // Outside of containers nobody looks there.
    let desktop = kind("desktop").with(FILE, Text("6F1B2C3D-installation-7\n", true));
    assert_eq!(desktop.evidence(), kind("desktop").evidence());
}

#[test]
fn a_mounted_identity_that_can_not_be_used_is_an_error_and_no_other_machine() {
    for (identity, code) in [
        (Text("\n", true), Code::Unsupported),
        (Text("none\n", true), Code::Unsupported),
        (Fails(libc::EACCES), Code::Permission),
        (Fails(libc::EIO), Code::StorageIo),
    ] {
        let host = mounted("").with(FILE, identity);
        assert_eq!(evidence(&host, &SALT, None).unwrap_err().code(), code);
    }
    let secret = mounted("").with(FILE, Text("6F1B2C3D-installation-7\n", false));
    let of_all_users = shared_evidence(&secret, &SALT, None).unwrap_err();
    assert_eq!(of_all_users.code(), Code::Permission, "root and users must see the same");
}

#[test]
fn a_processor_alone_identifies_nothing() {
    let bare = kind("container").without("/sys").without("/etc/machine-id");
    let error = evidence(&bare, &SALT, None).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.hint().contains(FILE), "{}", error.hint());
}

#[test]
fn a_new_generation_tells_no_other_machine_and_gains_nothing() {
    let original = kind("vm").evidence();
    assert_eq!(
        original.values(VmGeneration),
        hashes(VmGeneration, &["67656e65726174696f6e2d6e6f2d3031"])
    );
    let raw = "/sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw";
    let put_back = kind("vm").rewritten(raw, |page| page.replace("no-01", "no-02")).evidence();
    assert!(original.matches_strictly(&put_back), "a snapshot may be repaired");
    assert!(original.score(&put_back).equal < original.score(&original).equal);
    let older = kind("vm").rewritten(raw, |_| "short".to_owned());
    assert_eq!(older.evidence().values(VmGeneration), []);
}

#[test]
fn machines_for_rent_show_every_user_their_providers_id() {
    let rented = |vendor: &'static str, tag: &'static str| {
        kind("vm")
            .with("/sys/class/dmi/id/sys_vendor", Text(vendor, true))
            .with("/sys/class/dmi/id/board_asset_tag", Text(tag, true))
            .seen_by(Sight::Everyone)
    };
    let one = rented("Amazon EC2\n", "i-0a1b2c3d4e5f60718\n");
    assert_eq!(one.machine, MachineKind::Virtual);
    assert_eq!(one.values(SystemUuid), hashes(SystemUuid, &["i-0a1b2c3d4e5f60718"]));
    let other = rented("Amazon EC2\n", "i-0a1b2c3d4e5f60719\n");
    assert!(!one.matches(&other), "started of its image");
    let azure = rented("Microsoft Corporation\n", "7783-7084-3265-9085-8269-3286-77\n");
    assert!(azure.values(SystemUuid).is_empty(), "that one all machines there have");
}

#[test]
fn a_board_says_by_its_device_tree_whether_it_is_a_virtual_machine() {
    let tree = "/sys/firmware/devicetree/base";
    for (path, text) in [("compatible", "linux,dummy-virt\0"), ("hypervisor/compatible", "xen\0")] {
        let host = kind("board").with(&format!("{tree}/{path}"), Text(text, true));
        assert_eq!(host.evidence().machine, MachineKind::Virtual, "{path}");
    }
}
