//! A TPM 2.0 in software (`swtpm`), reached by its socket instead of the device: what a real chip
//! says to our commands. Where swtpm isn't there, each test says that it was skipped.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::chip::{PATIENCE, Socket, Swtpm};
use super::platform::{put_back, save};
use super::world::{
    RealClock, RealRandom, World, child, child_dir, count, counter, finished, paths_under, sound,
};
use crate::ports::{Clock, File, Files, OpenHow, Ports, Stat, Tpm};
use crate::secret::Secret;
use crate::storage::place::Paths;
use crate::storage::platform::{Counter, PlatformSealer as _, Seal, Word};
use crate::storage::tpm::TpmSealer;
use crate::storage::{Note, SealerKind, SoftwareSealer, State, Storage, SystemFiles};

impl Swtpm {
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(WithTpm(self.socket()))
    }

    fn sealer(&self, place: &str) -> TpmSealer {
        TpmSealer::new(place.as_bytes(), self.files(), Arc::new(Patient))
    }

    /// Sends one command and gives the response code.
    fn command(&self, bytes: &[u8]) -> u32 {
        let answer = Socket::open(&self.socket()).unwrap().answer(bytes, SOON).unwrap();
        u32::from_be_bytes(answer[6..10].try_into().unwrap())
    }

    /// `TPM2_Clear` by the platform's authority (part 3, 24.6): what a firmware's menu does.
    fn clear(&self) {
        let bytes = [0x80, 2, 0, 0, 0, 27, 0, 0, 1, 0x26, 0x40, 0, 0, 0x0C];
        let session = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];
        assert_eq!(self.command(&[&bytes[..], &session].concat()), 0);
    }

    /// Another program's NV index (part 3, 31.3): no counter, but eight bytes as anybody may keep.
    fn define_foreign(&self, index: u32) {
        let head = [0x80, 2, 0, 0, 0, 45, 0, 0, 1, 0x2A, 0x40, 0, 0, 1];
        let session = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];
        let public = [0, 0x0B, 0, 4, 0, 4, 0, 0, 0, 8];
        let body = [&[0, 0, 0, 14][..], &index.to_be_bytes(), &public].concat();
        assert_eq!(self.command(&[&head[..], &session, &body].concat()), 0);
    }
}

const SOON: Duration = Duration::from_secs(5);

/// The clock by which the chip is waited for.
struct Patient;

impl Clock for Patient {
    fn wall(&self) -> i64 {
        RealClock.wall()
    }
    fn monotonic(&self) -> Duration {
        RealClock.monotonic() / PATIENCE
    }
    fn boot(&self) -> Duration {
        RealClock.boot()
    }
    fn sleep(&self, duration: Duration) {
        RealClock.sleep(duration);
    }
}

impl Tpm for Socket {
    fn exchange(&mut self, command: &[u8], within: Duration) -> io::Result<Vec<u8>> {
        self.answer(command, within)
    }
}

/// The system's files, with this TPM in the device's place.
struct WithTpm(PathBuf);

impl Files for WithTpm {
    fn tpm(&self) -> io::Result<Box<dyn Tpm>> {
        Socket::open(&self.0).map(|socket| Box::new(socket) as Box<dyn Tpm>)
    }
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        SystemFiles.open(path, how)
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        SystemFiles.read(path, max)
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        SystemFiles.names(path)
    }
    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.link_target(path)
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        SystemFiles.stat(path)
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        SystemFiles.make_dir(path, mode)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemFiles.remove(path)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemFiles.replace(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        SystemFiles.sync_dir(path)
    }
    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        SystemFiles.is_remote(path)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.canonical(path)
    }
    fn user(&self) -> u32 {
        SystemFiles.user()
    }
    fn home(&self) -> io::Result<PathBuf> {
        SystemFiles.home()
    }
    fn group_name(&self, group: u32) -> Option<String> {
        SystemFiles.group_name(group)
    }
}

fn open(world: &World, tpm: &Swtpm) -> Storage {
    open_on(world.paths("s"), tpm.files())
}

fn open_on(paths: Paths, files: Arc<dyn Files>) -> Storage {
    let (clock, random) = (Arc::new(Patient), Arc::new(RealRandom));
    let sealer = Box::new(SoftwareSealer::new("Acme", "ortho").unwrap());
    let platform = Box::new(TpmSealer::new(b"place", files.clone(), clock.clone()));
    let ports = Ports { clock, random, files };
    Storage::with(paths, sealer, Some(platform), &ports)
}

#[test]
fn r53_a_tpm_seals_a_store_and_its_counter_exposes_a_disk_that_is_put_back() {
    let world = World::new();
    let chip = world.root().join("chip");
    let Some(tpm) = Swtpm::start(&chip) else { return };
    count(&open(&world, &tpm)).unwrap();
    let reading = sound(&open(&world, &tpm));
    assert_eq!((reading.sealer, &reading.notes[..]), (SealerKind::Tpm, &[][..]));
    let saved = save(&world);
    count(&open(&world, &tpm)).unwrap();

    // The machine is started again, after a power cut.
    drop(tpm);
    let tpm = Swtpm::start(&chip).unwrap();
    assert_eq!(sound(&open(&world, &tpm)).notes, []);
    put_back(&saved);
    assert_eq!(sound(&world.store("s")).notes, [Note::SealerUnreachable], "no file tells");
    let reading = open(&world, &tpm).read().unwrap();
    assert_eq!((reading.standing.state, counter(&reading.contents)), (State::Restored, 1));
    assert_eq!(reading.notes, [Note::CounterAhead]);
    count(&open(&world, &tpm)).unwrap();
    assert_eq!(sound(&open(&world, &tpm)).notes, []);
    put_back(&saved);
    assert_eq!(open(&world, &tpm).read().unwrap().standing.state, State::Restored);
}

#[test]
fn r50_a_tpm_knows_its_seal_from_another_tpms_and_outlives_being_cleared() {
    let world = World::new();
    let Some(tpm) = Swtpm::start(&world.root().join("chip")) else { return };
    count(&open(&world, &tpm)).unwrap();

    let other = Swtpm::start(&world.root().join("other")).unwrap();
    let reading = open(&world, &other).read().unwrap();
    assert_eq!(reading.standing.state, State::Restored);
    assert_eq!(reading.notes, [Note::SealedElsewhere]);

    tpm.clear();
    assert_eq!(sound(&open(&world, &tpm)).notes, [Note::CounterMissing]);
    count(&open(&world, &tpm)).unwrap();
    assert_eq!(sound(&open(&world, &tpm)).notes, []);

    drop(tpm);
    let gone = open_on(world.paths("s"), Arc::new(WithTpm(world.root().join("none"))));
    count(&gone).unwrap();
    assert_eq!(sound(&gone).notes, [Note::SealerUnreachable]);
}

/// Wherever its wrong answer comes, nothing is loaded any more, and another password raises nothing.
#[test]
fn a_counter_is_its_stores_alone_and_nothing_stays_loaded() {
    let world = World::new();
    let Some(tpm) = Swtpm::start(&world.root().join("chip")) else { return };
    let (master, other) = (Secret::new(vec![7; 32]), Secret::new(vec![8; 32]));
    let sealer = tpm.sealer("place");
    // A chip has room for three loaded objects: one left over each time would fill it.
    for _ in 0..5 {
        sealer.seal(&master, [1; 16]).unwrap();
    }
    let (sealed, value) = sealer.seal(&master, [2; 16]).unwrap();
    let counter = Counter { id: [2; 16], value: value.unwrap() + 3, raised_at: 0 };
    let seal = Seal { kind: 2, sealed: Secret::new(sealed), counter: Some(counter) };
    assert_eq!(sealer.ask(&seal, &master), Word::Stands(value));
    assert_eq!(sealer.raise(&counter, &master), Some(counter.value));
    assert_eq!(sealer.raise(&counter, &other), None);
    assert_eq!(sealer.ask(&seal, &other), Word::Other, "what it unseals is another key");
    // Another counter in its place.
    let (_, third) = sealer.seal(&master, [3; 16]).unwrap();
    assert!(third.unwrap() > counter.value, "a new counter begins above all former ones");
    for _ in 0..5 {
        assert_eq!(sealer.ask(&seal, &master), Word::CounterGone);
    }
    // Another store's stands apart.
    assert!(tpm.sealer("elsewhere").seal(&other, [1; 16]).is_some());
    // What another program keeps under the same number is left alone, and no counter is made.
    let sealer = tpm.sealer("taken");
    tpm.define_foreign(sealer.index);
    assert_eq!(sealer.seal(&master, [1; 16]), None);
}

#[test]
fn r81_a_user_without_the_tpms_group_reads_and_works_on() {
    const NOBODY: u32 = 65534;
    let world = World::new();
    if SystemFiles.user() != 0 {
        let _ = writeln!(io::stderr(), "skipped: only root can become another user");
        return;
    }
    let Some(tpm) = Swtpm::start(&world.root().join("chip")) else { return };
    count(&open(&world, &tpm)).unwrap();
    // As the device is: root's and the group's.
    let owned = Command::new("chown").args(["-R", &NOBODY.to_string()]).arg(world.root()).status();
    assert!(owned.unwrap().success());
    for (path, mode) in [(world.root().join("chip"), 0o700), (tpm.socket(), 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        std::os::unix::fs::chown(&path, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    finished(
        child("swtpm::unprivileged_child", world.root(), Some(NOBODY))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
}

#[test]
#[ignore = "the child of the test above"]
fn unprivileged_child() {
    let root = child_dir();
    let files = Arc::new(WithTpm(root.join("chip/socket")));
    let error = files.tpm().err().map(|e| e.kind());
    assert_eq!(error, Some(io::ErrorKind::PermissionDenied));
    let store = open_on(paths_under(&root, "s"), files);
    assert_eq!(sound(&store).notes, [Note::SealerUnreachable]);
    count(&store).unwrap();
    assert_eq!(counter(&store.read().unwrap().contents), 2);
}
