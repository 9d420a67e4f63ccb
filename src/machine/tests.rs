//! A host as Linux shows it, in memory.

mod changes;
mod containers;
mod copies;
mod kinds;
mod vectors;

use std::collections::BTreeMap;
use std::io::{Error as IoError, ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};

use super::*;
use crate::ports::{File, OpenHow, Stat};
use FactorKind::{BoardSerial, Disk, MachineId, Network, Processor, SystemUuid};

const SALT: [u8; 32] = [7; 32];

#[derive(Clone, PartialEq)]
pub(super) enum Node {
    /// Its text, and whether every user may read it.
    Text(&'static str, bool),
    Own(String, bool),
    Link(&'static str),
    OwnLink(String),
    Fails(i32),
}
use Node::{Fails, Link, Own, OwnLink, Text};

/// The files that a host shows; a directory is there when something is in it.
#[derive(Clone, Default)]
pub(super) struct Host(BTreeMap<PathBuf, Node>);

impl Host {
    pub(super) fn new(nodes: &[(&str, Node)]) -> Self {
        Self(nodes.iter().map(|(path, node)| (PathBuf::from(path), node.clone())).collect())
    }

    pub(super) fn with(mut self, path: &str, node: Node) -> Self {
        self.0.insert(path.into(), node);
        self
    }

    pub(super) fn without(mut self, prefix: &str) -> Self {
        self.0.retain(|path, _| !path.starts_with(prefix));
        self
    }

    fn evidence(&self) -> Evidence {
        evidence(self, &SALT, None).unwrap()
    }

    fn inside(&self, path: &Path) -> impl Iterator<Item = String> {
        let inner =
            self.0.keys().filter_map(move |key| key.strip_prefix(path).ok()?.components().next());
        inner.map(|name| name.as_os_str().to_string_lossy().into_owned())
    }
}

/// This port is only read from here.
fn never<T>() -> IoResult<T> {
    Err(ErrorKind::Unsupported.into())
}

impl Files for Host {
    fn read(&self, path: &Path, _: usize) -> IoResult<Vec<u8>> {
        match self.0.get(path) {
            Some(Text(text, _)) => Ok(text.as_bytes().to_vec()),
            Some(Own(text, _)) => Ok(text.as_bytes().to_vec()),
            Some(Fails(number)) => Err(IoError::from_raw_os_error(*number)),
            Some(Link(_) | OwnLink(_)) => Err(ErrorKind::InvalidInput.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
    fn names(&self, path: &Path) -> IoResult<Vec<String>> {
        let names: BTreeSet<_> = self.inside(path).collect();
        if names.is_empty() { Err(ErrorKind::NotFound.into()) } else { Ok(Vec::from_iter(names)) }
    }
    fn link_target(&self, path: &Path) -> IoResult<PathBuf> {
        match self.0.get(path) {
            Some(Link(target)) => Ok(target.into()),
            Some(OwnLink(target)) => Ok(target.into()),
            Some(_) => Err(ErrorKind::InvalidInput.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
    fn stat(&self, path: &Path) -> IoResult<Stat> {
        match self.0.get(path) {
            Some(Text(_, false) | Own(_, false)) => Ok(Stat { mode: 0o400, ..Stat::default() }),
            Some(_) => Ok(Stat { mode: 0o444, ..Stat::default() }),
            None if self.inside(path).next().is_some() => {
                Ok(Stat { mode: 0o755, ..Stat::default() })
            }
            None => Err(ErrorKind::NotFound.into()),
        }
    }
    fn open(&self, _: &Path, _: OpenHow) -> IoResult<Box<dyn File>> {
        never()
    }
    fn make_dir(&self, _: &Path, _: u32) -> IoResult<()> {
        never()
    }
    fn remove(&self, _: &Path) -> IoResult<()> {
        never()
    }
    fn replace(&self, _: &Path, _: &Path) -> IoResult<()> {
        never()
    }
    fn sync_dir(&self, _: &Path) -> IoResult<()> {
        never()
    }
    fn is_remote(&self, _: &Path) -> IoResult<bool> {
        never()
    }
    fn canonical(&self, _: &Path) -> IoResult<PathBuf> {
        never()
    }
    fn user(&self) -> u32 {
        1000
    }
    fn home(&self) -> IoResult<PathBuf> {
        never()
    }
    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

/// A workstation with a dock, a stick and a container engine, seen by root.
fn desk() -> Host {
    Host::new(&[
        ("/etc/machine-id", Text("3d1219c7c4c5404aaa1f6d2a48adfda4\n", true)),
        ("/proc/cpuinfo", Text("model name\t: Intel(R) Core(TM) i7-9750H\nflags\t: fpu\n", true)),
        ("/proc/1/cgroup", Text("0::/init.scope\n", true)),
        ("/sys/class/dmi/id/sys_vendor", Text("Dell Inc.\n", true)),
        ("/sys/class/dmi/id/product_name", Text("Precision 5560\n", true)),
        ("/sys/class/dmi/id/product_uuid", Text("4c4c4544-0042-3510-8052-b4c04f4d3332\n", false)),
        ("/sys/class/dmi/id/board_serial", Text("/8RB5M32/CNCMK0013A00F5/\n", false)),
        ("/sys/block/nvme0n1", Link("../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1")),
        ("/sys/block/nvme0n1/removable", Text("0\n", true)),
        ("/sys/block/nvme0n1/wwid", Text("eui.0025385b71b0e2c3\n", true)),
        ("/sys/block/nvme0n1/device/serial", Text("S4EWNX0M123456      \n", true)),
        ("/sys/block/sda", Link("../devices/pci0000:00/0000:00:14.0/usb1/1-2/host2/block/sda")),
        ("/sys/block/sda/removable", Text("0\n", true)),
        ("/sys/block/sda/device/wwid", Text("naa.5000c500a1b2c3d4\n", true)),
        ("/sys/block/loop0", Link("../devices/virtual/block/loop0")),
        ("/sys/block/loop0/removable", Text("0\n", true)),
        ("/sys/class/net/eth0", Link("../../devices/pci0000:00/0000:00:1f.6/net/eth0")),
        ("/sys/class/net/eth0/device", Link("../../../0000:00:1f.6")),
        ("/sys/class/net/eth0/addr_assign_type", Text("0\n", true)),
        ("/sys/class/net/eth0/address", Text("a4:bf:01:5c:22:9e\n", true)),
        ("/sys/class/net/dock0", Link("../../devices/pci0000:00/0000:00:14.0/usb1/1-4/net/dock0")),
        ("/sys/class/net/dock0/device", Link("../../../1-4:1.0")),
        ("/sys/class/net/dock0/addr_assign_type", Text("0\n", true)),
        ("/sys/class/net/dock0/address", Text("00:e0:4c:68:00:01\n", true)),
        ("/sys/class/net/docker0", Link("../../devices/virtual/net/docker0")),
        ("/sys/class/net/docker0/address", Text("00:15:5d:00:00:01\n", true)),
    ])
}

fn hashes(kind: FactorKind, values: &[&str]) -> Vec<lm_protocol::encoding::Id> {
    let set: BTreeSet<_> = values.iter().map(|value| hash_value(&SALT, kind, value)).collect();
    Vec::from_iter(set)
}

#[test]
fn a_workstation_shows_all_its_factors_and_nothing_that_comes_and_goes() {
    let seen = desk().evidence();
    assert_eq!(seen.machine, MachineKind::Physical);
    for (kind, values) in [
        (MachineId, &["3d1219c7c4c5404aaa1f6d2a48adfda4"][..]),
        (SystemUuid, &["4c4c4544-0042-3510-8052-b4c04f4d3332"]),
        (BoardSerial, &["/8rb5m32/cncmk0013a00f5/"]),
        (Disk, &["eui.0025385b71b0e2c3", "s4ewnx0m123456"]),
        (Network, &["a4:bf:01:5c:22:9e"]),
        (Processor, &["intel(r) core(tm) i7-9750h"]),
    ] {
        assert_eq!(seen.values(kind), hashes(kind, values), "{kind:?}");
    }
}

#[test]
fn stable_across_versions() {
    // Never to be changed: every license of every host hangs on it.
    let whole = serde_json::to_vec(&desk().evidence()).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &whole);
    assert_eq!(
        lm_protocol::encoding::to_hex(digest.as_ref()),
        "9573da388b8cd14f701a52223b9a86023fd9d67a0f9291f9ec6e5db0aab25e5f"
    );
    assert_eq!(desk().evidence().host_id(), "H-3dddaceb068dfb1ec31d");
    let given = evidence(&Host::default(), &SALT, Some("rack 7, node 12")).unwrap();
    assert_eq!(given.host_id(), "H-ec4123e6091af545eea9");
}

#[test]
fn a_bond_does_not_hide_its_cards() {
    let bonded = desk()
        .with("/sys/class/net/eth0/addr_assign_type", Text("3\n", true))
        .with("/sys/class/net/eth0/address", Text("a4:bf:01:5c:22:00\n", true))
        .with("/sys/class/net/eth0/bonding_slave/perm_hwaddr", Text("a4:bf:01:5c:22:9e\n", true));
    assert_eq!(bonded.evidence(), desk().evidence());
}

#[test]
fn a_newer_kernel_that_shows_more_numbers_of_a_disk_keeps_it() {
    let older = desk().without("/sys/block/nvme0n1/device").evidence();
    assert!(older.matches_strictly(&desk().evidence()));
}

#[test]
fn a_user_sees_less_than_root_and_a_store_of_all_users_the_same() {
    let locked = |path| desk().with(path, Fails(libc::EACCES));
    let user = locked("/sys/class/dmi/id/product_uuid")
        .with("/sys/class/dmi/id/board_serial", Fails(libc::EACCES));
    let seen = user.evidence();
    assert!(seen.values(SystemUuid).is_empty() && seen.values(BoardSerial).is_empty());
    assert_eq!(shared_evidence(&desk(), &SALT, None).unwrap(), seen);
}

#[test]
fn a_bare_machine_is_known_by_its_id_alone() {
    let bare = Host::new(&[("/var/lib/dbus/machine-id", Text("6d2a48adfda43d12\n", true))]);
    let seen = bare.evidence();
    assert_eq!(seen.factors.len(), 1);
    assert_eq!(seen.values(MachineId), hashes(MachineId, &["6d2a48adfda43d12"]));
}

#[test]
fn a_machine_that_shows_nothing_says_so_and_how_to_help() {
    let blank = Host::new(&[("/etc/machine-id", Text("uninitialized\n", true))]);
    let error = evidence(&blank, &SALT, None).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.hint().contains("host_identity"));
}

#[test]
fn a_failing_system_is_not_taken_for_another_machine() {
    for (path, errno) in [
        ("/etc/machine-id", libc::EIO),
        ("/etc/machine-id", libc::EMFILE),
        ("/sys/class/net/eth0/address", libc::EMFILE),
        ("/sys/block/nvme0n1/wwid", libc::ENOMEM),
    ] {
        let error = evidence(&desk().with(path, Fails(errno)), &SALT, None).unwrap_err();
        assert_eq!(error.code(), Code::StorageIo);
        assert!(error.message().contains(path), "{error}");
    }
    // A device that has no such number answers with an error of its own.
    let mute = desk().with("/sys/block/nvme0n1/wwid", Fails(libc::ENXIO));
    assert_eq!(mute.evidence().values(Disk), hashes(Disk, &["s4ewnx0m123456"]));
}

#[test]
fn virtual_machines_and_containers_are_named_as_such() {
    let flag = Text("flags\t: fpu hypervisor\n", true);
    let vendor = Text("QEMU\n", true);
    for (path, node, kind) in [
        ("/proc/cpuinfo", flag, MachineKind::Virtual),
        ("/sys/class/dmi/id/sys_vendor", vendor, MachineKind::Virtual),
        ("/sys/hypervisor/type", Text("xen\n", true), MachineKind::Virtual),
        ("/.dockerenv", Text("", true), MachineKind::Container),
        ("/run/.containerenv", Text("", true), MachineKind::Container),
        ("/proc/vz/version", Text("", true), MachineKind::Container),
        ("/proc/1/cgroup", Text("0::/kubepods.slice/a\n", true), MachineKind::Container),
    ] {
        assert_eq!(desk().with(path, node).evidence().machine, kind, "{path}");
    }
}

#[test]
fn an_identity_that_the_host_gives_stands_alone() {
    let seen = evidence(&desk(), &SALT, Some("node 12")).unwrap();
    assert_eq!(seen.machine, MachineKind::Given);
    assert_eq!(seen.factors.len(), 1);
    assert_eq!(seen.values(FactorKind::Identity), hashes(FactorKind::Identity, &["node 12"]));
    for wrong in [String::new(), "x".repeat(HOST_IDENTITY_MAX + 1)] {
        let error = evidence(&desk(), &SALT, Some(&wrong)).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[test]
fn of_many_disks_the_same_few_are_kept() {
    let values = (0..40).map(|n| (Disk, format!("serial {n}"))).collect();
    let seen = hashed(Raw { machine: MachineKind::Physical, values }, &SALT);
    let kept = seen.values(Disk);
    assert_eq!(kept.len(), FACTOR_VALUES_MAX);
    assert!(kept.is_sorted());
}
