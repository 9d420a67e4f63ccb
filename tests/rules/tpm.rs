//! R53, R54 where a disk is put back whole, store and anchor together: the TPM's counter alone tells.
//! The TPM is in software, and serves the user's own place as a real one does: a home in a folder.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lm::log::Level;
use lm::machine::SystemClock;
use lm::ports::{Clock, Ports, Tpm};
use lm::{Client, Code, Finding, NextStep, State, Topic, trust};

use crate::common::machine::PRODUCT;
use crate::common::over_system::{Otherwise, OverSystem};
use crate::common::swtpm::{PATIENCE, Socket, Swtpm};
use crate::common::world::World;

/// A machine with a TPM, and a home where store and anchor have their own places.
struct Machine {
    trust_root: String,
    url: String,
    home: tempfile::TempDir,
    chip: Swtpm,
}

/// The system's files, of a user with that home, with this TPM in the device's place.
#[derive(Clone)]
struct AtHome {
    home: PathBuf,
    socket: PathBuf,
}

impl Otherwise for AtHome {
    fn home(&self) -> io::Result<PathBuf> {
        Ok(self.home.clone())
    }
    fn tpm(&self) -> io::Result<Box<dyn Tpm>> {
        Ok(Box::new(Socket::open(&self.socket)?))
    }
}

impl Tpm for Socket {
    fn exchange(&mut self, command: &[u8], within: Duration) -> io::Result<Vec<u8>> {
        self.answer(command, within)
    }
}

/// The clock by which the chip is waited for.
struct Patient;

impl Clock for Patient {
    fn wall(&self) -> i64 {
        SystemClock.wall()
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() / PATIENCE
    }
    fn boot(&self) -> Duration {
        SystemClock.boot()
    }
    fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration);
    }
}

impl Machine {
    /// `None`: there is no TPM in software.
    fn new(world: &World) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let chip = Swtpm::start(&home.path().join("chip"))?;
        let (trust_root, url) = (world.portal.trust_root(), world.url().to_owned());
        Some(Self { trust_root, url, home, chip })
    }

    /// A new process of the host.
    fn process(&self) -> Client {
        self.with_tpm_at(self.chip.socket())
    }

    /// One on the machine without its TPM.
    fn without_tpm(&self) -> Client {
        self.with_tpm_at(self.home.path().join("none"))
    }

    fn with_tpm_at(&self, socket: PathBuf) -> Client {
        self.open(socket, None)
    }

    /// `None`: the store is in the user's own place.
    fn open(&self, socket: PathBuf, storage: Option<PathBuf>) -> Client {
        let mut options = lm::Options::new(PRODUCT, self.trust_root.as_str());
        options.portal_url = Some(self.url.clone());
        options.host_identity = Some("desk-1".to_owned());
        options.storage_dir = storage;
        let files = AtHome { home: self.home.path().to_owned(), socket };
        let ports = Ports { clock: Arc::new(Patient), ..OverSystem::ports(files) };
        Client::open_with(options, ports).unwrap()
    }

    /// `a`, `b` and the anchor, as they are now.
    fn saved(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let client = self.without_tpm();
        let anchor = client.anchor_path().unwrap();
        assert!(anchor.starts_with(self.home.path()), "{anchor:?}");
        let store = client.storage_directory();
        assert!(store.starts_with(self.home.path()), "{store:?}");
        let paths = [store.join("a"), store.join("b"), anchor.to_owned()];
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).into()
    }
}

fn put_back(saved: &[(PathBuf, Vec<u8>)]) {
    saved.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
}

/// State, usable, cause and next step.
fn told(client: &Client, id: &str) -> (State, bool, Option<Code>, NextStep) {
    let status = client.status(Some(id)).unwrap();
    assert_eq!(status.trust & trust::RESTORE == 0, status.cause == Some(Code::Restored));
    (status.state, status.usable, status.cause, status.next_step)
}

const ACTIVE: (State, bool, Option<Code>, NextStep) = (State::Active, true, None, NextStep::None);
const RESTORED: (State, bool, Option<Code>, NextStep) =
    (State::Untrusted, false, Some(Code::Restored), NextStep::Repair);

/// What a report says of what seals the store: its name, and what is not as it should be.
fn sealer(client: &Client) -> (String, Vec<Finding>) {
    let found = client.health(false).unwrap();
    let of_sealer = found.into_iter().filter(|one| one.topic == Topic::Sealer);
    let (good, bad): (Vec<_>, Vec<_>) = of_sealer.partition(|one| one.level == Level::Info);
    let named = good.iter().find_map(|one| one.detail["sealer"].as_str());
    (named.expect("its name").to_owned(), bad)
}

/// Of a store that a TPM seals: what is not as it should be.
fn of_sealer(client: &Client) -> Vec<Finding> {
    let (name, bad) = sealer(client);
    assert_eq!(name, "tpm");
    bad
}

/// What the counter tells, as a report says it: an error, with what to do.
fn accuses(found: &[Finding]) -> bool {
    let [one] = found else { return false };
    let told = (one.level, one.code, one.next_step);
    one.text.contains("counter")
        && !one.hint.is_empty()
        && told == (Level::Error, Some(Code::Restored), NextStep::Repair)
}

#[test]
fn r53_store_and_anchor_put_back_together_are_told_by_the_counter_alone_and_healed() {
    let mut world = World::new();
    let (id, other) = (world.nl(1), world.nl(1));
    let Some(machine) = Machine::new(&world) else { return };
    machine.process().activate(&id, 1).unwrap();
    assert!(of_sealer(&machine.process()).is_empty());

    // What happened since is here only, not in the portal's memory: a refresh heals.
    let saved = machine.saved();
    world.stop();
    assert!(machine.process().activate(&other, 1).is_err_and(|error| error.code().is_network()));
    world.start();
    put_back(&saved);
    assert_eq!(told(&machine.without_tpm(), &id), ACTIVE, "no file tells");
    let process = machine.process();
    assert_eq!(told(&process, &id), RESTORED);
    assert!(accuses(&of_sealer(&process)), "{:?}", of_sealer(&process));
    process.refresh(Some(&id)).unwrap();
    assert_eq!([told(&process, &id), told(&machine.process(), &id)], [ACTIVE, ACTIVE]);
    assert!(of_sealer(&machine.process()).is_empty());

    // The portal has seen what happened since: it takes a repair.
    let saved = machine.saved();
    machine.process().refresh(Some(&id)).unwrap();
    put_back(&saved);
    assert_eq!(told(&machine.without_tpm(), &id), ACTIVE, "no file tells");
    let process = machine.process();
    assert_eq!(told(&process, &id), RESTORED);
    assert_eq!(process.refresh(Some(&id)).unwrap_err().code(), Code::Stale);
    assert_eq!(told(&process, &id), RESTORED);
    process.repair(&id).unwrap();
    assert_eq!([told(&process, &id), told(&machine.process(), &id)], [ACTIVE, ACTIVE]);
    let history = world.portal.history(Some(&id), 1).unwrap();
    assert!(history[0].action == "repair" && history[0].flagged, "{history:?}");
}

#[test]
fn r54_with_a_tpm_a_backup_of_store_and_anchor_put_back_after_a_return_gives_nothing() {
    let world = World::new();
    let id = world.nl(1);
    let Some(machine) = Machine::new(&world) else { return };
    machine.process().activate(&id, 1).unwrap();
    let saved = machine.saved();
    machine.process().return_(&id, 0).unwrap();
    put_back(&saved);
    assert_eq!(told(&machine.without_tpm(), &id), ACTIVE, "no file tells");
    let process = machine.process();
    assert_eq!(told(&process, &id), RESTORED);
    process.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 1), "the seat was credited once");
    assert_eq!(told(&machine.process(), &id).0, State::Absent);
}

#[test]
fn u17_a_tpm_that_is_gone_is_told_with_what_to_do_and_the_licenses_go_on() {
    let world = World::new();
    let id = world.nl(1);
    let Some(machine) = Machine::new(&world) else { return };
    machine.process().activate(&id, 1).unwrap();
    let process = machine.without_tpm();
    let found = of_sealer(&process);
    let [gone] = &found[..] else { panic!("{found:?}") };
    assert_eq!(gone.level, Level::Warn);
    assert!(gone.hint.contains("the licenses go on without it"), "{gone:?}");
    process.refresh(Some(&id)).unwrap();
    assert_eq!([told(&process, &id), told(&machine.without_tpm(), &id)], [ACTIVE, ACTIVE]);
    // And it is asked again once it is back.
    assert!(of_sealer(&machine.process()).is_empty());
    assert_eq!(told(&machine.process(), &id), ACTIVE);
}

/// A TPM has room for a dozen counters or two, and directories that a host chooses come and go.
#[test]
fn a_store_in_a_directory_of_the_hosts_takes_no_counter_of_a_tpm() {
    let world = World::new();
    let id = world.nl(1);
    let Some(machine) = Machine::new(&world) else { return };
    let elsewhere = Some(machine.home.path().join("elsewhere"));
    let process = machine.open(machine.chip.socket(), elsewhere);
    process.activate(&id, 1).unwrap();
    let (name, bad) = sealer(&process);
    assert_eq!((name.as_str(), bad.len()), ("software", 0));
}
