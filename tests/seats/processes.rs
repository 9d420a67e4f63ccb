//! What ends a use: a checkin, or the death of the process. Nothing less.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use lm::ffi::*;

use crate::common::machine::Machine;
use crate::common::world::World;
use crate::{HOST, cc};

fn build(world: &World, dir: &Path, name: &str) -> PathBuf {
    cc::install_library(dir).unwrap();
    let trust_root = format!("-DAPP_TRUST_ROOT=\"{}\"", world.portal.trust_root());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let standard = if name.ends_with(".cpp") { "-std=c++11" } else { "-std=c11" };
    cc::build(&source, dir, &[standard, &trust_root]).unwrap_or_else(|e| panic!("{e}"))
}

/// Builds a program and runs it where so many seats are active; it says itself what doesn't hold.
fn holds(name: &str, seats: u32) {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let id = world.cc(seats);
    let machine = world.machine(HOST);
    machine.activate(&id, seats).unwrap();
    let program = build(&world, dir.path(), name);
    let given = [&machine.settings.trust_root, &id].map(String::as_str);
    let output = cc::runner(&program).args(given).arg(&machine.settings.storage).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(machine.listed_in_use(&id), 0);
}

#[test]
fn a_use_ends_with_its_process_and_not_before() {
    holds("tests/c/seats.c", 3);
}

#[test]
fn the_cpp_owner_of_a_seat_frees_it() {
    holds("tests/c/seat_owner.cpp", 2);
}

/// The example, at work.
struct Renderer {
    child: Child,
    tiles: Option<ChildStdin>,
    printed: BufReader<ChildStdout>,
}

impl Renderer {
    fn start(program: &Path, machine: &Machine) -> Self {
        let mut command = Command::new(program);
        command.arg(&machine.settings.storage).arg(&machine.settings.identity);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let tiles = child.stdin.take();
        let printed = BufReader::new(child.stdout.take().unwrap());
        Self { child, tiles, printed }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn render(&mut self, tile: &str) -> String {
        writeln!(self.tiles.as_mut().unwrap(), "{tile}").unwrap();
        self.line()
    }

    fn finish(mut self) -> (String, Option<i32>) {
        self.tiles = None;
        let line = self.line();
        (line, self.child.wait().unwrap().code())
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: a child of this process that has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }
}

#[test]
fn r11_a_return_waits_for_no_dead_process_and_for_each_living_one() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let id = world.cc(2);
    let machine = world.machine("renderers");
    machine.activate(&id, 2).unwrap();
    let program = build(&world, dir.path(), "examples/seats.c");

    let [mut one, mut other] = [(); 2].map(|()| Renderer::start(&program, &machine));
    assert_eq!([one.line(), other.line()], ["seat taken", "seat taken"]);
    assert_eq!(one.render("17/3"), "rendered 17/3");
    let mut third = Renderer::start(&program, &machine);
    assert!(third.line().starts_with("LM_ERR_NO_FREE_SEAT: All seats"), "{}", third.line());
    let told = third.line();
    let pid = format!("\"pid\":{},\"program\":\"seats\"", one.child.id());
    assert!(told.contains("\"seats_in_use\":2") && told.contains(&pid), "{told}");
    assert_eq!(third.finish().1, Some(1));

    // Stopped is not dead.
    other.signal(libc::SIGSTOP);
    assert_eq!(one.finish(), ("seat free".to_owned(), Some(0)));
    assert_eq!(machine.listed_in_use(&id), 1);
    let refused = machine.return_(&id, 0).unwrap_err();
    assert_eq!(refused.code, LM_ERR_IN_USE);
    assert!(refused.detail.contains(&format!("\"pid\":{}", other.child.id())), "{refused:?}");
    other.child.kill().unwrap();
    other.child.wait().unwrap();
    assert_eq!(machine.listed_in_use(&id), 0);
    machine.return_(&id, 0).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 2)));
}
