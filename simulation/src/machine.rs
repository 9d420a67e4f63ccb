//! A machine: its disk, its hardware as the system shows it, its clocks, its processes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use lm::{Client, Seat};

use crate::dice::Dice;
use crate::disk::Disk;
use crate::locked;
use crate::plan::MachinePlan;

/// Where the stores of a machine lie; the first is the one that every machine has.
const PLACES: [&str; 2] = ["/data/one", "/data/two"];
/// The home of the one user.
pub(crate) const HOME: &str = "/home/anna";

/// A machine.
pub(crate) struct Machine {
    pub(crate) number: usize,
    pub(crate) places: usize,
    /// Whether anybody uses it: a clone only once it was made.
    pub(crate) used: AtomicBool,
    pub(crate) disk: Mutex<Disk>,
    pub(crate) clocks: Mutex<Clocks>,
    /// Whose evidence it shows: another one once most of its hardware was replaced.
    pub(crate) host: Mutex<usize>,
    processes: Mutex<Vec<Arc<Process>>>,
}

/// One directory of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The machine's number.
    pub machine: usize,
    /// Which of its stores; 0: the first.
    pub directory: usize,
}

/// A process of a host application: one client over one store.
pub(crate) struct Process {
    pub(crate) number: u64,
    pub(crate) place: Place,
    alive: AtomicBool,
    /// Calls of it that are under way and can't be entered again.
    inside: AtomicU32,
    /// Of a process that lives. It sees the world through its process: whoever dies lets go of it.
    client: Mutex<Option<Arc<Client>>>,
    /// Seats that it has checked out, and how many.
    pub(crate) seats: Mutex<Vec<(Seat, u32)>>,
    /// In which state the record was that its last request is about, for the counts.
    pub(crate) asked_in: Mutex<String>,
    /// The activation ID of which its present call was granted something.
    pub(crate) granted: Mutex<Option<String>>,
}

/// A machine's clocks, in milliseconds of true time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// How far the wall clock is ahead of true time.
    pub(crate) ahead: i64,
    /// When it was booted.
    booted: i64,
    /// How long it has slept since.
    slept: i64,
    /// How fast its boot clock runs, in parts of a million.
    rate: i64,
}

impl Place {
    pub(crate) fn directory(self) -> &'static Path {
        Path::new(PLACES.get(self.directory).copied().unwrap_or_default())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "machine {}", self.machine)?;
        if self.directory > 0 { f.write_str(" (second store)") } else { Ok(()) }
    }
}

impl Machine {
    pub(crate) fn new(number: usize, plan: MachinePlan, now: i64, dice: &mut Dice) -> Self {
        let device = u64::try_from(number).unwrap_or(0) + 1;
        let mut disk = Disk::new(device);
        disk.make_dir(Path::new(HOME));
        install_hardware(&mut disk, plan.hardware, plan.is_virtual);
        Self {
            number,
            places: plan.places,
            used: AtomicBool::new(!plan.is_clone),
            disk: Mutex::new(disk),
            clocks: Mutex::new(Clocks {
                ahead: 0,
                booted: now,
                slept: 0,
                rate: dice.between(-50, 50),
            }),
            host: Mutex::new(usize::try_from(plan.hardware).unwrap_or(0)),
            processes: Mutex::default(),
        }
    }

    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn all_places(&self) -> impl Iterator<Item = Place> + use<> {
        let machine = self.number;
        (0..self.places).map(move |directory| Place { machine, directory })
    }

    /// The processes that live, of every place of it.
    pub(crate) fn live(&self) -> Vec<Arc<Process>> {
        locked(&self.processes).iter().filter(|process| process.is_alive()).cloned().collect()
    }

    pub(crate) fn live_at(&self, place: Place) -> Vec<Arc<Process>> {
        self.live().into_iter().filter(|process| process.place == place).collect()
    }

    pub(crate) fn add(&self, process: Arc<Process>) {
        let mut processes = locked(&self.processes);
        processes.retain(|process| process.is_alive());
        processes.push(process);
    }

    /// Ends a process: what it held open is closed, what it wrote is still on its way to the disk.
    pub(crate) fn kill(&self, process: &Process) {
        process.alive.store(false, Ordering::Relaxed);
        locked(&self.disk).process_died(process.number);
        locked(&process.seats).clear();
        let client = locked(&process.client).take();
        drop(client);
    }

    /// Ends all processes.
    pub(crate) fn kill_all(&self) {
        for process in self.live() {
            self.kill(&process);
        }
    }

    /// The power goes, and the machine is started again.
    pub(crate) fn lose_power(&self, now: i64, dice: &mut Dice) {
        self.kill_all();
        locked(&self.disk).lose_power(dice);
        locked(&self.clocks).boot_now(now);
    }

    /// Forgets the clients, which hold the world.
    pub(crate) fn forget(&self) {
        self.kill_all();
        locked(&self.processes).clear();
    }
}

impl Process {
    pub(crate) fn new(number: u64, place: Place) -> Self {
        Self {
            number,
            place,
            alive: AtomicBool::new(true),
            inside: AtomicU32::new(0),
            client: Mutex::default(),
            seats: Mutex::default(),
            asked_in: Mutex::default(),
            granted: Mutex::default(),
        }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    pub(crate) fn opened(&self, client: Client) {
        *locked(&self.client) = Some(Arc::new(client));
    }

    /// Its client; `None` while it is being opened.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        locked(&self.client).clone()
    }

    /// Whether another call may begin in it.
    pub(crate) fn is_free(&self) -> bool {
        self.is_alive() && self.inside.load(Ordering::Relaxed) == 0 && self.client().is_some()
    }

    pub(crate) fn enter(&self) {
        self.inside.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Clocks {
    pub(crate) fn boot_now(&mut self, now: i64) {
        (self.booted, self.slept) = (now, 0);
    }

    pub(crate) fn sleep(&mut self, milliseconds: i64) {
        self.slept += milliseconds;
    }

    /// Unix seconds.
    pub(crate) const fn wall(&self, now: i64) -> i64 {
        (now + self.ahead).div_euclid(1000)
    }

    /// Milliseconds since the start, sleep included.
    pub(crate) const fn boot(&self, now: i64) -> i64 {
        self.counted(now - self.booted)
    }

    const fn counted(&self, milliseconds: i64) -> i64 {
        milliseconds + milliseconds * self.rate / 1_000_000
    }

    /// Milliseconds since the start, sleep left out.
    pub(crate) const fn monotonic(&self, now: i64) -> i64 {
        self.counted(now - self.booted - self.slept)
    }
}

/// What Linux shows of a machine. The library reads it through the file port as it does anywhere.
fn install_hardware(disk: &mut Disk, number: u32, is_virtual: bool) {
    let id = |what: &str| format!("{what}{number:04}a7c1e5\n");
    disk.install(
        "/etc/machine-id",
        format!("{number:032x}\n").replace("00000000000", "5f3c91d7b24").as_bytes(),
    );
    disk.install("/sys/class/dmi/id/product_uuid", uuid(number).as_bytes());
    disk.install("/sys/class/dmi/id/board_serial", id("BRD").as_bytes());
    disk.install("/sys/class/dmi/id/sys_vendor", b"Fine Machines\n");
    disk.install("/sys/class/dmi/id/product_name", b"Desk 7\n");
    disk.install("/sys/block/sda/serial", id("DSK").as_bytes());
    install_card(disk, number);
    let flags = if is_virtual { "flags : fpu vme hypervisor" } else { "flags : fpu vme" };
    let processor = format!("model name : Quick {}\n{flags}\n", number % 2);
    disk.install("/proc/cpuinfo", processor.as_bytes());
    disk.install("/proc/1/cgroup", b"0::/init.scope\n");
}

fn uuid(number: u32) -> String {
    format!("7d1c{number:04x}-51f2-4a1b-9d55-0c8e{number:04x}77aa\n")
}

/// A network card is replaced by another: an ordinary change.
pub(crate) fn install_card(disk: &mut Disk, number: u32) {
    disk.install(
        "/sys/class/net/eth0/address",
        format!("00:1b:21:{:02x}:7a:{:02x}\n", number / 256, number % 256).as_bytes(),
    );
    disk.make_dir(Path::new("/sys/class/net/eth0/device"));
    disk.install_link("/sys/class/net/lo", "../../devices/virtual/net/lo");
}

/// Everything is another machine's from now on, the disk moved into it.
pub(crate) fn replace_hardware(disk: &mut Disk, number: u32) {
    install_hardware(disk, number, false);
}

/// The directory in which the anchors of the one user lie.
pub(crate) fn anchors() -> PathBuf {
    Path::new(HOME).join(".config/lm/anchors")
}
