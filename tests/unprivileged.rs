//! What needs no right, shown by a user who has none: the C host runs as one, dropped to where this
//! test runs as root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "common/cc.rs"]
mod cc;
#[path = "common/mod.rs"]
mod common;

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use common::machine::{PRODUCT, anchor_of};
use common::skipped;
use common::user::{self, set_mode};
use common::world::World;

/// A machine on which a user without rights runs the host.
struct Machine {
    world: World,
    folder: tempfile::TempDir,
    host: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        cc::install_library(folder.path()).unwrap();
        let trust_root = format!("-DAPP_TRUST_ROOT=\"{}\"", world.portal.trust_root());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/host.c");
        let host = cc::build(&source, folder.path(), &[&trust_root]).unwrap();
        set_mode(folder.path(), 0o755);
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        user::give(&home);
        Self { world, folder, host }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("home/store")
    }

    /// Runs the host as the user without rights.
    fn run(&self, arguments: &[&str]) -> (String, i32) {
        let mut command = user::command(&self.host);
        command.args(["--portal", self.world.url(), "--identity", "field-1", "--storage"]);
        let output = command.arg(self.store()).args(arguments).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap_or(-1))
    }

    fn lock_up(&self, directory: u32, file: u32) {
        for name in ["a", "b", "lock"] {
            set_mode(&self.store().join(name), file);
        }
        set_mode(&self.store(), directory);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(anchor) = anchor_of(&self.store(), &self.world.portal.trust_root(), PRODUCT) {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

#[test]
fn r81_status_needs_no_write_permission_and_no_elevated_right() {
    let machine = Machine::new();
    let id = machine.world.nl(1);
    assert_eq!(machine.run(&["activate", &id]).1, 0);
    assert_ne!(std::fs::metadata(machine.store()).unwrap().uid(), 0, "the user's own store");
    machine.lock_up(0o500, 0o400);
    let (printed, code) = machine.run(&["work"]);
    assert!(code == 0 && printed.contains("strip 3 of 3"), "{printed}");
    let (printed, code) = machine.run(&["return", &id]);
    assert!(code == 1 && printed.starts_with("LM_ERR_PERMISSION"), "{printed}");
    assert_eq!(machine.world.seats(&id), (1, 0), "nothing was begun that could not be written");
    assert_eq!(machine.run(&["work"]).1, 0, "and nothing was lost");
    machine.lock_up(0o700, 0o600);
    assert_eq!(machine.run(&["return", &id]).1, 0);
    assert_eq!(machine.world.seats(&id), (0, 1));
}

/// Of a renderer (`examples/seats.c`) in this scope: what it printed, and its exit code.
fn render(machine: &Machine, storage: &Path, scope: &str) -> (String, i32) {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o755);
    cc::install_library(dir.path()).unwrap();
    let trust_root = format!("-DAPP_TRUST_ROOT=\"{}\"", machine.world.portal.trust_root());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/seats.c");
    let scope = format!("-DAPP_SCOPE=LM_SCOPE_{scope}");
    let program = cc::build(&source, dir.path(), &[&trust_root, &scope]).unwrap();
    let mut command = user::command(&program);
    command.arg(storage).arg("field-1").stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap_or(-1))
}

#[test]
fn a_checkout_needs_no_right_to_write_the_store() {
    let machine = Machine::new();
    let id = machine.world.cc(1);
    assert_eq!(machine.run(&["activate", &id]).1, 0);
    machine.lock_up(0o500, 0o400);
    let taken = ("seat taken\nseat free\n".to_owned(), 0);
    assert_eq!(render(&machine, &machine.store(), "USER"), taken);
    // Of `slots` alone; where that can't be written, that is said.
    set_mode(&machine.store().join("slots"), 0o400);
    let (printed, code) = render(&machine, &machine.store(), "USER");
    assert!(code == 1 && printed.starts_with("LM_ERR_PERMISSION"), "{printed}");
    assert!(printed.contains("slots") && printed.contains("0600"), "{printed}");
    machine.lock_up(0o700, 0o600);
}

/// In machine scope every user who may read uses the machine's seats.
#[test]
fn any_user_checks_out_what_root_has_activated_for_the_machine() {
    if !user::is_root() {
        skipped("all users of a machine: only root keeps its anchors");
        return;
    }
    let machine = Machine::new();
    let id = machine.world.cc(1);
    let mut options = lm::Options::new(PRODUCT, machine.world.portal.trust_root());
    options.portal_url = Some(machine.world.url().to_owned());
    options.storage_dir = Some(machine.folder.path().join("shared"));
    options.host_identity = Some("field-1".to_owned());
    options.scope = lm::Scope::Machine;
    let root = lm::Client::open(options).unwrap();
    root.activate(&id, 1).unwrap();
    let rendered = render(&machine, root.storage_directory(), "MACHINE");
    let seat = root.checkout("ortho", 1).unwrap();
    let refused = render(&machine, root.storage_directory(), "MACHINE");
    drop(seat);
    std::fs::remove_file(root.anchor_path().unwrap()).unwrap();
    assert_eq!(rendered, ("seat taken\nseat free\n".to_owned(), 0));
    assert!(refused.0.starts_with("LM_ERR_NO_FREE_SEAT") && refused.1 == 1, "{}", refused.0);
}

#[test]
fn u10_another_users_store_is_not_read() {
    let machine = Machine::new();
    let id = machine.world.nl(1);
    assert_eq!(machine.run(&["activate", &id]).1, 0);
    if !user::is_root() {
        skipped("another user's store: only root can give files away");
        return;
    }
    chown(machine.store(), Some(4711), Some(4711)).unwrap();
    let (printed, code) = machine.run(&["status"]);
    assert!(code == 1 && printed.starts_with("LM_ERR_"), "{printed}");
    assert!(printed.contains("PERMISSION") || printed.contains("STORAGE_UNSAFE"), "{printed}");
}
