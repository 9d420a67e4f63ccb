//! However many take seats at once, never more than there are.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;

use lm::Code;
use lm::storage::SystemFiles;

use crate::common::machine::Machine;
use crate::common::world::World;
use crate::{HOST, cc, open};

/// The numbers that the racers share, in the order of `seats_race.c`.
#[derive(Clone, Copy)]
enum Number {
    Limit = 1,
    Stop = 2,
    Broken = 3,
    Taken = 4,
    Refused = 5,
}

struct Race {
    world: World,
    machine: Machine,
    id: String,
    program: PathBuf,
    numbers: File,
    racers: Vec<Child>,
    dir: tempfile::TempDir,
}

impl Race {
    /// So many seats, and processes that fight for them with so many threads each.
    fn start(seats: u32, limit: u32, processes: usize, threads: usize) -> Self {
        let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
        let id = world.cc(seats);
        let machine = world.machine(HOST);
        machine.activate(&id, seats).unwrap();
        cc::install_library(dir.path()).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/seats_race.c");
        let program =
            cc::build(&source, dir.path(), &["-std=c11"]).unwrap_or_else(|e| panic!("{e}"));
        let path = dir.path().join("numbers");
        let numbers = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        numbers.set_len(4096).unwrap();
        let mut race = Self { world, machine, id, program, numbers, racers: Vec::new(), dir };
        race.set(Number::Limit, limit);
        race.racers = (0..processes).map(|_| race.racer(threads)).collect();
        race
    }

    fn racer(&self, threads: usize) -> Child {
        let settings = &self.machine.settings;
        let mut command = cc::runner(&self.program);
        command.arg(&settings.trust_root).arg(&settings.storage).arg(&settings.identity);
        command.arg(self.dir.path().join("numbers")).arg(threads.to_string());
        command.spawn().unwrap()
    }

    /// A file and its mapping are the same memory.
    fn get(&self, number: Number) -> u32 {
        let mut bytes = [0; 4];
        self.numbers.read_exact_at(&mut bytes, number as u64 * 4).unwrap();
        u32::from_ne_bytes(bytes)
    }

    fn set(&self, number: Number, value: u32) {
        self.numbers.write_all_at(&value.to_ne_bytes(), number as u64 * 4).unwrap();
    }

    fn wait_for(&self, number: Number, value: u32) {
        while self.get(number) < value {
            std::thread::yield_now();
            let mut racers = self.racers.iter();
            assert!(racers.all(|racer| Path::new(&format!("/proc/{}", racer.id())).exists()));
        }
    }

    /// How often a seat had two users, or one that nobody gave.
    fn finish(mut self) -> u32 {
        self.set(Number::Stop, 1);
        for mut racer in std::mem::take(&mut self.racers) {
            assert!(racer.wait().unwrap().success());
        }
        assert_eq!(self.machine.listed_in_use(&self.id), 0, "what was taken is given back");
        self.get(Number::Broken)
    }
}

#[test]
fn racing_processes_and_threads_never_use_more_seats_than_there_are() {
    let race = Race::start(5, 5, 8, 8);
    race.wait_for(Number::Taken, 1000);
    assert!(race.get(Number::Refused) > 0, "they fight");
    assert_eq!(race.finish(), 0);
}

/// The checker sees what it is there for: by a limit below what there is.
#[test]
fn one_user_too_many_is_seen() {
    let race = Race::start(5, 4, 2, 8);
    race.wait_for(Number::Taken, 500);
    assert!(race.finish() > 0);
}

/// Rules "lock, then read" and "high bytes", under real races: once some seats are returned, no more
/// than the rest are in use, and no return of seats in use succeeds.
#[test]
fn r11_seats_that_are_returned_have_no_user() {
    let race = Race::start(6, 6, 2, 3);
    let client = open(&race.world, &race.machine.settings.storage, Arc::new(SystemFiles));
    let mut returned = 0;
    while returned < 25 {
        match client.return_(&race.id, 3) {
            Ok(()) => {
                race.set(Number::Limit, 3);
                let taken = race.get(Number::Taken);
                race.wait_for(Number::Taken, taken + 20);
                race.set(Number::Limit, 6);
                client.activate(&race.id, 6).unwrap();
                returned += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), Code::InUse, "{error}");
                std::thread::yield_now();
            }
        }
    }
    assert_eq!(race.world.seats(&race.id), (6, 0));
    assert_eq!(race.finish(), 0);
}
