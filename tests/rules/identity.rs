//! The machine: copies give no rights on another, honest changes cost none. Each client is on a
//! machine that `tests/hosts` shows, by the file port; at the end a process really is.

use std::path::{Path, PathBuf};
use std::process::Command;

use lm::{Client, Code, NextStep, State, Status, trust};
use lm_protocol::Terms;

use crate::common::hosts::Host;
use crate::common::machine::PRODUCT;
use crate::common::programs;
use crate::common::skipped;
use crate::common::user::set_mode;
use crate::common::world::World;

/// A store in a folder of its own, and what of it is kept outside.
struct Store {
    folder: tempfile::TempDir,
    trust_root: String,
    url: String,
}

impl Store {
    fn new(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, trust_root: world.portal.trust_root(), url: world.url().to_owned() }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// A process of the host application on this machine, over this store.
    fn on(&self, host: &Host) -> Client {
        let mut options = lm::Options::new(PRODUCT, self.trust_root.as_str());
        options.portal_url = Some(self.url.clone());
        options.storage_dir = Some(self.dir());
        host.open(options)
    }

    /// As a person copies it.
    fn copied(&self, world: &World) -> Self {
        let copy = Self::new(world);
        let options = ["--recursive", "--preserve=all"];
        let done = Command::new("cp").args(options).arg(self.dir()).arg(copy.dir()).status();
        assert!(done.unwrap().success());
        copy
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let mut options = lm::Options::new(PRODUCT, self.trust_root.as_str());
        options.storage_dir = Some(self.dir());
        options.host_identity = Some("whoever cleans up".to_owned());
        if let Ok(client) = Client::open(options)
            && let Some(anchor) = client.anchor_path()
        {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

fn status(client: &Client, id: &str) -> Status {
    client.status(Some(id)).unwrap()
}

#[track_caller]
fn works(client: &Client, id: &str) {
    let status = status(client, id);
    assert_eq!((status.state, status.usable, status.trust), (State::Active, true, trust::ALL));
}

#[test]
fn r50_a_store_copied_to_another_machine_gives_no_rights_there() {
    let world = World::new();
    let id = world.cc(2);
    let (store, desktop) = (Store::new(&world), Host::of_kind("desktop"));
    store.on(&desktop).activate(&id, 1).unwrap();
    for kind in ["laptop", "server", "vm", "container", "board"] {
        let (copy, other) = (store.copied(&world), Host::of_kind(kind));
        let client = copy.on(&other);
        let status = status(&client, &id);
        assert_eq!((status.state, status.usable), (State::Untrusted, false), "{kind}");
        assert_eq!(status.trust & trust::HOST, 0, "{kind}");
        assert_eq!(status.cause, Some(Code::HostChanged), "{kind}");
        assert_eq!(status.next_step, NextStep::Activate, "{kind}");
        assert_eq!(client.list().unwrap().len(), 1, "it opens, and lists its records");
        let refused = client.refresh(Some(&id)).unwrap_err();
        assert_eq!(refused.code(), Code::HostMismatch, "{kind}: the portal says so too");
    }
    works(&store.on(&desktop), &id);
    assert_eq!(world.seats(&id), (1, 1));
}

/// The disk itself in other hardware: its files and anchors are the same, the machine ID is too.
#[test]
fn r50_the_disk_of_a_machine_in_another_of_its_model_gives_no_rights() {
    let world = World::new();
    for kind in ["desktop", "laptop", "server", "vm", "board"] {
        let id = world.nl(1);
        let (store, host) = (Store::new(&world), Host::of_kind(kind));
        store.on(&host).activate(&id, 1).unwrap();
        for (file, new) in OTHER_NUMBERS {
            host.rewrite(file, new);
        }
        let status = status(&store.on(&host), &id);
        assert_eq!((status.usable, status.trust), (false, trust::ALL & !trust::HOST), "{kind}");
    }
}

/// What a cloned disk finds where it wakes up.
const OTHER_NUMBERS: [(&str, &str); 12] = [
    ("/sys/class/dmi/id/product_uuid", "11111111-2222-4333-8444-5555deadbeef\n"),
    ("/sys/class/dmi/id/board_serial", "BSN1234567\n"),
    ("/sys/firmware/devicetree/base/serial-number", "10000000deadbeef\0"),
    ("/sys/block/nvme0n1/wwid", "eui.00000000deadbeef\n"),
    ("/sys/block/nvme0n1/device/serial", "SNDEADBEEF\n"),
    ("/sys/block/sda/device/wwid", "naa.50000000deadbeef\n"),
    ("/sys/block/sdb/device/wwid", "naa.50000001deadbeef\n"),
    ("/sys/block/vda/serial", "deadbeef-1\n"),
    ("/sys/block/mmcblk0/device/serial", "0xdeadbeef\n"),
    ("/sys/class/net/*/address", "3c:fd:fe:de:ad:01\n"),
    ("/sys/class/net/*/phy80211/macaddress", "3c:fd:fe:de:ad:01\n"),
    ("/sys/class/net/*/bonding_slave/perm_hwaddr", "3c:fd:fe:de:ad:01\n"),
];

/// On its own machine a copy is told by its files: other inodes, other times of birth, no anchor.
#[test]
fn r50_a_store_copied_on_its_own_machine_is_no_second_one() {
    let world = World::new();
    let id = world.nl(1);
    let (store, laptop) = (Store::new(&world), Host::of_kind("laptop"));
    store.on(&laptop).activate(&id, 1).unwrap();
    let copy = store.copied(&world);
    let status = status(&copy.on(&laptop), &id);
    assert_eq!((status.state, status.usable), (State::Untrusted, false));
    assert_eq!(status.trust, trust::ALL & !trust::RESTORE);
    assert_eq!(status.cause, Some(Code::Restored));
    works(&store.on(&laptop), &id);
}

#[test]
fn r51_a_change_is_tolerated_and_a_refresh_learns_it_a_majority_is_not() {
    let world = World::new();
    let id = world.nl(1);
    let (store, desktop) = (Store::new(&world), Host::of_kind("desktop"));
    store.on(&desktop).activate(&id, 1).unwrap();
    let other_system_and_cards = |host: &Host| {
        host.write("/etc/machine-id", "00001111222233334444555566667777\n");
        host.rewrite("/sys/class/net/*/address", "3c:fd:fe:01:02:03\n");
    };
    let other_board = |host: &Host| {
        host.write("/sys/class/dmi/id/product_uuid", "11111111-2222-4333-8444-555566667777\n");
        host.write("/sys/class/dmi/id/board_serial", "BSN1234567\n");
    };
    other_system_and_cards(&desktop);
    works(&store.on(&desktop), &id);
    store.on(&desktop).refresh(Some(&id)).unwrap();
    other_board(&desktop);
    works(&store.on(&desktop), &id);

    // The same without a refresh in between is another machine; undone, it is this one again.
    let id = world.nl(1);
    let (store, desktop) = (Store::new(&world), Host::of_kind("desktop"));
    store.on(&desktop).activate(&id, 1).unwrap();
    other_system_and_cards(&desktop);
    other_board(&desktop);
    let status = status(&store.on(&desktop), &id);
    assert_eq!((status.usable, status.trust), (false, trust::ALL & !trust::HOST));
    works(&store.on(&Host::of_kind("desktop")), &id);
}

#[test]
fn r52_a_reboot_a_migration_and_another_container_keep_trust() {
    let world = World::new();
    for kind in ["desktop", "vm", "container"] {
        let id = world.nl(1);
        let (store, host) = (Store::new(&world), Host::of_kind(kind));
        store.on(&host).activate(&id, 1).unwrap();
        match kind {
            "desktop" => {
                host.rename("/sys/block/sda", "/sys/block/sdq");
                host.rename("/sys/block/sdb", "/sys/block/sda");
                host.rename("/sys/class/net/enp4s0", "/sys/class/net/eth1");
            }
            "vm" => host.write("/proc/cpuinfo", "model name\t: EPYC\nflags\t: hypervisor\n"),
            _ => host.remove("/etc/machine-id"),
        }
        works(&store.on(&host), &id);
        store.on(&host).refresh(Some(&id)).unwrap();
    }
}

/// Root, who activates for all users, sees more of a machine than they do: what only root sees is no
/// evidence there, or the store would be on another machine for everybody else.
#[test]
fn u01_a_store_of_all_users_knows_its_machine_by_what_each_of_them_sees() {
    let world = World::new();
    let (store, desktop) = (Store::new(&world), Host::of_kind("desktop"));
    for of_root in ["product_uuid", "board_serial"] {
        set_mode(&desktop.root().join("sys/class/dmi/id").join(of_root), 0o600);
    }
    let factors = |scope| {
        let mut options = lm::Options::new(PRODUCT, store.trust_root.as_str());
        options.storage_dir = Some(store.dir());
        options.scope = scope;
        let found = desktop.open(options).health(false).unwrap();
        let host = found.into_iter().find(|one| one.topic == lm::Topic::Host).unwrap();
        let factors = host.detail["factors"].as_array().unwrap().clone();
        factors.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let everyones = ["machine_id", "disk", "network", "processor"];
    assert_eq!(factors(lm::Scope::Machine), everyones);
    let own = factors(lm::Scope::User);
    assert!(["system_uuid", "board_serial"].iter().all(|kind| own.iter().any(|own| own == kind)));
}

/// A container whose operator mounts an identity: on any host it is the same, and copied without
/// it another.
#[test]
fn u02_a_container_with_a_mounted_identity_moves_from_host_to_host() {
    let world = World::new();
    let id = world.nl(1);
    let store = Store::new(&world);
    let container = |identity: Option<&str>, disk: &str| {
        let host = Host::of_kind("container");
        host.write("/sys/block/nvme0n1/wwid", disk);
        host.write("/sys/block/nvme0n1/device/serial", disk);
        if let Some(identity) = identity {
            let mount = "640 612 254:1 /volumes/id /etc/lm ro,relatime - ext4 /dev/sda2 rw\n";
            host.write("/etc/lm/host-identity", identity);
            host.write("/proc/self/mountinfo", mount);
        }
        host
    };
    store.on(&container(Some("studio-7-6f1b2c3d\n"), "disk 1\n")).activate(&id, 1).unwrap();
    let moved = container(Some("studio-7-6f1b2c3d\n"), "disk 2\n");
    works(&store.on(&moved), &id);
    store.on(&moved).refresh(Some(&id)).unwrap();
    for other in [None, Some("studio-8-9a8b7c6d\n")] {
        let status = status(&store.on(&container(other, "disk 1\n")), &id);
        assert_eq!(status.trust & trust::HOST, 0, "{other:?}");
    }
}

/// What a vendor's policy says of machines that are none is heard, whatever identity they are given.
#[test]
fn u02_a_vendor_who_refuses_virtual_machines_or_containers_refuses_them() {
    let world = World::new();
    let with = |change: fn(&mut Terms)| {
        let entitlement = world.entitlement_with(4, |new| change(&mut new.terms));
        world.id(&entitlement, lm_portal::Kind::Cc, 4)
    };
    let no_vm = with(|terms| terms.virtual_machines = false);
    let no_container = with(|terms| terms.containers = false);
    let named = Host::of_kind("container");
    named.write("/etc/lm/host-identity", "studio-7-6f1b2c3d\n");
    named.write(
        "/proc/self/mountinfo",
        "640 612 254:1 /volumes/id /etc/lm ro,relatime - ext4 /dev/sda2 rw\n",
    );
    for (what, host, refused) in [
        ("a desktop", Host::of_kind("desktop"), None),
        ("a virtual machine", Host::of_kind("vm"), Some(&no_vm)),
        ("a container", Host::of_kind("container"), Some(&no_container)),
        ("a container with an identity", named, Some(&no_container)),
    ] {
        for id in [&no_vm, &no_container] {
            let store = Store::new(&world);
            let answered = store.on(&host).activate(id, 1);
            if refused == Some(id) {
                let error = answered.unwrap_err();
                assert_eq!(error.code(), Code::HostRefused, "{what}");
                assert!(!error.hint().is_empty(), "{what}: {error}");
            } else {
                answered.unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
    }
}

/// The Administrator in mounts of its own, which show another machine.
#[test]
fn r50_a_process_on_another_machine_says_so() {
    let world = World::new();
    let id = world.nl(1);
    let (store, laptop) = (Store::new(&world), Host::of_kind("laptop"));
    let run = |host: &Host, words: &[&str]| {
        let show = host.root().display();
        let script = format!(
            "cd '{show}'; for at in sys etc/machine-id proc/cpuinfo; do \
             mount --bind \"$PWD/$at\" \"/$at\"; done; exec \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", &script, "sh"]);
        command.arg(programs::administrator().unwrap()).args(["--json", "--product", PRODUCT]);
        command.args(["--portal", world.url(), "--trust-root", &world.portal.trust_root()]);
        command.arg("--storage").arg(store.dir()).args(words).output().unwrap()
    };
    if !can_mount(&laptop) {
        skipped("a process on another machine: this user may not mount");
        return;
    }
    let activated = run(&laptop, &["activate", &id]);
    let said = String::from_utf8_lossy(&activated.stderr);
    assert!(activated.status.success(), "{said}");
    let status = |host: &Host| -> serde_json::Value {
        let told = run(host, &["status", &id]);
        serde_json::from_slice(&told.stdout).unwrap()
    };
    let here = status(&laptop);
    assert_eq!((&here["state"], &here["usable"]), (&"ACTIVE".into(), &1.into()), "{here}");
    let there = status(&Host::of_kind("server"));
    assert_eq!((&there["state"], &there["usable"]), (&"UNTRUSTED".into(), &0.into()), "{there}");
    assert_eq!(there["cause"], "LM_ERR_HOST_CHANGED");
    assert_eq!(there["trust"], trust::ALL & !trust::HOST);
}

fn can_mount(host: &Host) -> bool {
    let sys: &Path = &host.root().join("sys");
    let script = format!("mount --bind '{}' /sys", sys.display());
    let tried = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output();
    tried.is_ok_and(|tried| tried.status.success())
}
