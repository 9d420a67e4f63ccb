//! What may stand where trusted storage is, or not so, or not any more. The calls are those of a C
//! program that runs as a user without rights.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cc;
use crate::common::machine::{Failure, Machine, PRODUCT, anchor_of};
use crate::common::remote::open_remote;
use crate::common::user::{self, set_mode};
use crate::common::world::World;
use crate::page::{Row, compare};

/// One machine with one active license, and the program that makes one call there.
struct Site<'a> {
    world: &'a World,
    program: &'a Path,
    folder: tempfile::TempDir,
    id: String,
    /// Of the user who runs the tests; the one without rights has no home.
    anchor: Option<PathBuf>,
}

impl<'a> Site<'a> {
    fn new(world: &'a World, program: &'a Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        user::give(&home);
        let anchor = anchor_of(&home.join("store"), &world.portal.trust_root(), PRODUCT);
        Self { world, program, folder, id: world.nl(1), anchor }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn store(&self) -> PathBuf {
        self.home().join("store")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.store().join(name)
    }

    /// The program with its arguments, as the user without rights.
    fn command(&self, call: &str) -> Command {
        let mut command = user::command(self.program);
        command.arg(self.world.portal.trust_root()).arg(self.world.url()).arg(self.store());
        command.args([call, &self.id]);
        command
    }

    /// The same within mounts of its own that a script of root makes first.
    fn command_after(&self, script: &str, call: &str) -> Command {
        let inner = self.command(call);
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "sh",
            "-euc",
            &format!("cd '{}'; {script}; exec \"$@\"", self.home().display()),
        ]);
        command.arg("sh").arg(inner.get_program()).args(inner.get_args());
        command
    }

    fn activated(self) -> Self {
        let told = told(self.command("activate"));
        assert!(told.0.is_ok(), "{told:?}");
        self
    }

    /// Nothing of what went wrong has cost a seat.
    fn row(&self, input: &str, command: Command) -> Row {
        let (outcome, afterwards) = told(command);
        let (fulfilled, available) = self.world.seats(&self.id);
        assert_eq!(fulfilled + available, 1, "{input}");
        let home = self.home();
        let row = match outcome {
            Ok(()) => Row::fine(input, &afterwards),
            Err(failure) => Row::new(input, Err(failure), &afterwards),
        };
        row.without(&[(home.to_str().unwrap(), "HOME")])
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        // What may not be entered can't be removed either.
        for dir in [self.home(), self.store()] {
            if dir.is_dir() && fs::symlink_metadata(&dir).is_ok_and(|stat| stat.is_dir()) {
                set_mode(&dir, 0o700);
            }
        }
        if let Some(anchor) = &self.anchor {
            let _ = fs::remove_file(anchor);
        }
    }
}

/// What the program printed: the outcome, and state and cause where it got so far.
fn told(mut command: Command) -> (Result<(), Failure>, String) {
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {} {printed} {said}", output.status);
    let mut lines = printed.lines();
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let code = line().parse().unwrap();
    let (message, hint) = (line(), line());
    let (state, cause) = (line(), line());
    let afterwards = if cause.is_empty() { state } else { format!("{state}, cause {cause}") };
    let failure = Failure { code, message, hint, detail: String::new() };
    (if code == 0 { Ok(()) } else { Err(failure) }, afterwards)
}

struct Case {
    input: &'static str,
    /// What is done to a store that was fine.
    wrong: fn(&Site<'_>),
    /// Which call meets it.
    call: &'static str,
    /// Only root can do that.
    root: bool,
}

const fn case(input: &'static str, call: &'static str, wrong: fn(&Site<'_>)) -> Case {
    Case { input, wrong, call, root: false }
}

const fn by_root(input: &'static str, call: &'static str, wrong: fn(&Site<'_>)) -> Case {
    Case { input, wrong, call, root: true }
}

const IMAGES: [&str; 2] = ["a", "b"];

const CASES: &[Case] = &[
    case("the directory may not be looked into", "status", |s| set_mode(&s.store(), 0o000)),
    case("the directory may not be written: `lm_status`", "status", lock_up),
    case("the directory may not be written: `lm_return`", "return", lock_up),
    case("the files may not be read", "status", |s| {
        IMAGES.iter().for_each(|name| set_mode(&s.file(name), 0o000));
    }),
    case("an image may be written by everyone", "status", |s| set_mode(&s.file("a"), 0o666)),
    case("an image is a symbolic link", "status", |s| {
        fs::rename(s.file("a"), s.home().join("elsewhere")).unwrap();
        symlink(s.home().join("elsewhere"), s.file("a")).unwrap();
    }),
    case("an image has another hard link", "status", |s| {
        fs::hard_link(s.file("a"), s.home().join("elsewhere")).unwrap();
    }),
    case("an image is a FIFO", "status", |s| {
        fs::remove_file(s.file("a")).unwrap();
        let made = Command::new("mkfifo").arg(s.file("a")).status().unwrap();
        assert!(made.success());
        user::give(&s.file("a"));
    }),
    case("an image is a directory", "status", |s| {
        fs::remove_file(s.file("a")).unwrap();
        fs::create_dir(s.file("a")).unwrap();
    }),
    case("the lock is a symbolic link", "return", |s| {
        fs::remove_file(s.file("lock")).unwrap();
        symlink("/dev/null", s.file("lock")).unwrap();
    }),
    case("the directory is a file", "status", |s| {
        fs::remove_dir_all(s.store()).unwrap();
        fs::write(s.store(), "").unwrap();
        user::give(&s.store());
    }),
    case("the directory is a link that leads nowhere", "activate", |s| {
        fs::remove_dir_all(s.store()).unwrap();
        symlink("nowhere/at/all", s.store()).unwrap();
    }),
    case("the directory is a link that leads to itself", "status", |s| {
        fs::remove_dir_all(s.store()).unwrap();
        symlink("store", s.store()).unwrap();
    }),
    case("a part of the path is a file", "status", |s| {
        fs::remove_dir_all(s.home()).unwrap();
        fs::write(s.home(), "").unwrap();
    }),
    case("a part of the path may not be entered", "status", |s| set_mode(&s.home(), 0o000)),
    by_root("an image belongs to another user", "status", |s| {
        chown(s.file("a"), Some(4711), Some(4711)).unwrap();
        set_mode(&s.file("a"), 0o644);
    }),
    by_root("the directory belongs to another user", "status", |s| {
        chown(s.store(), Some(4711), Some(4711)).unwrap();
        set_mode(&s.store(), 0o755);
    }),
    case("both images are overwritten", "status", |s| {
        IMAGES.iter().for_each(|name| fs::write(s.file(name), vec![b'x'; 4096]).unwrap());
    }),
    case("one image is overwritten, the other is good", "refresh", |s| {
        fs::write(s.file("b"), vec![b'x'; 4096]).unwrap();
    }),
    case("the images are of a newer format", "activate", |s| {
        IMAGES.iter().for_each(|name| newer(&s.file(name)));
    }),
    case("the directory was copied here from elsewhere", "refresh", |s| {
        fs::rename(s.store(), s.home().join("original")).unwrap();
        let copied = user::command(Path::new("/bin/cp"))
            .arg("-R")
            .arg(s.home().join("original"))
            .arg(s.store())
            .status();
        assert!(copied.unwrap().success());
    }),
];

fn lock_up(site: &Site<'_>) {
    ["a", "b", "lock"].iter().for_each(|name| set_mode(&site.file(name), 0o400));
    set_mode(&site.store(), 0o500);
}

/// The format number in the image's head, and the oldest reader that it asks for, one up.
fn newer(image: &Path) {
    let mut bytes = fs::read(image).unwrap();
    assert_eq!(&bytes[..8], b"lm-store");
    bytes[8..12].copy_from_slice(&[2, 0, 2, 0]);
    let check = ring::digest::digest(&ring::digest::SHA256, &bytes[..40]);
    bytes[40..48].copy_from_slice(&check.as_ref()[..8]);
    fs::write(image, bytes).unwrap();
}

fn mounts(world: &World, program: &Path) -> Vec<Row> {
    let (full, fixed) = ("the disk is full", "the file system is mounted read-only");
    if !user::is_root() {
        return [full, fixed].map(|input| Row::not_here(input, "only root can mount")).into();
    }
    let site = Site::new(world, program);
    let tmpfs =
        "mount -t tmpfs -o size=4k,mode=0777 none .; head -c 4096 /dev/zero >rest || true; cd /";
    let no_space = site.row(
        full,
        site.command_after(
            &tmpfs.replace("cd /", &format!("cd '{}'", site.home().display())),
            "activate",
        ),
    );
    let site = Site::new(world, program).activated();
    let read_only = "mount --bind . .; mount -o remount,bind,ro .";
    vec![no_space, site.row(fixed, site.command_after(read_only, "return"))]
}

/// As whoever runs the tests, who has a home and so an anchor there.
fn at_home(world: &World) -> Vec<Row> {
    let activated = |identity: &str| {
        let (machine, id) = (world.machine(identity), world.nl(1));
        machine.activate(&id, 1).unwrap();
        (machine, id)
    };
    let after = |input: &str, machine: &Machine, id: &str, outcome| {
        let store = machine.settings.storage.to_str().unwrap().to_owned();
        Row::new(input, outcome, &machine.told(id)).without(&[(&store, "STORE")])
    };
    let (busy, id) = activated("field-1");
    let busy = busy.with(|settings| settings.timeout = 300);
    let lock = fs::File::open(busy.settings.storage.join("lock")).unwrap();
    lock.lock().unwrap();
    let is_busy = after("another program holds the lock", &busy, &id, busy.return_(&id, 0));
    drop(lock);
    let (gone, id) = activated("field-1");
    fs::remove_dir_all(&gone.settings.storage).unwrap();
    let gone_row =
        after("the directory was deleted", &gone.again(), &id, gone.again().return_(&id, 0));
    let (emptied, id) = activated("field-1");
    emptied.put_back(&[Some(Vec::new()), Some(Vec::new())]);
    let emptied = emptied.again();
    let emptied_row = after("both images are empty", &emptied, &id, emptied.return_(&id, 0));
    let (restored, id) = activated("field-1");
    let saved: Vec<_> = restored.images();
    restored.refresh(Some(&id)).unwrap();
    restored.put_back(&saved);
    let restored = restored.again();
    let restored_row =
        after("an older copy was put back", &restored, &id, restored.refresh(Some(&id)));
    let (remote, _) = activated("field-1");
    let failure = open_remote(&remote.settings);
    let remote_row = Row::new("the directory lies on a network file system", Err(failure), "")
        .without(&[(remote.settings.storage.to_str().unwrap(), "STORE")]);
    vec![is_busy, gone_row, emptied_row, restored_row, remote_row]
}

#[test]
fn what_is_wrong_with_trusted_storage_is_told_apart_and_costs_nothing() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o755);
    cc::install_library(dir.path()).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/one_call.c");
    let program = cc::build(&source, dir.path(), &["-std=c99"]).unwrap();
    let mut rows: Vec<_> = CASES
        .iter()
        .map(|case| {
            if case.root && !user::is_root() {
                return Row::not_here(case.input, "only root can give files away");
            }
            let site = Site::new(&world, &program).activated();
            (case.wrong)(&site);
            site.row(case.input, site.command(case.call))
        })
        .collect();
    rows.extend(mounts(&world, &program));
    rows.extend(at_home(&world));
    let intro = "A call of a user without rights over the store of a license that was active. No line costs a seat: what \
                 was held is held, and what is put right again goes on.";
    compare("Trusted storage", intro, &rows);
}
