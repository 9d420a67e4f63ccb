//! Machines of six kinds as `tests/hosts` shows them, laid out in a folder: a client is put on one
//! through the file port, a process through mounts of its own.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use lm::Client;

use super::over_system::{Otherwise, OverSystem};

/// What of a file system says which machine it is.
const SAYS_WHO: [&str; 9] = [
    "/sys",
    "/proc",
    "/etc/machine-id",
    "/etc/lm",
    "/etc/hostname",
    "/var/lib/dbus",
    "/.dockerenv",
    "/run/.containerenv",
    "/run/systemd/container",
];

/// The files of a machine, below a folder.
pub struct Host(tempfile::TempDir);

impl Host {
    /// `desktop`, `laptop`, `server`, `vm`, `container` or `board`.
    pub fn of_kind(kind: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hosts/{kind}.txt"));
        let tree = std::fs::read_to_string(file).expect("a kind of machine");
        let host = Self(tempfile::tempdir().expect("a folder for a machine"));
        let everyone = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(host.root(), everyone).unwrap();
        for line in tree.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let line = line.strip_prefix("! ").unwrap_or(line);
            if let Some((path, target)) = line.split_once(" -> ") {
                // Of a device's link its presence counts, of others where they lead.
                if path.ends_with("/device") {
                    host.folder(path);
                } else {
                    let real = format!("/sys/tree/{}", target.trim_start_matches("../"));
                    host.folder(&real);
                    let link = host.at(path);
                    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
                    symlink(relative(path, &real), link).unwrap();
                }
            } else {
                let (path, text) = line.split_once(" = ").unwrap();
                host.write(
                    path,
                    &text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0"),
                );
            }
        }
        host
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn folder(&self, path: &str) {
        std::fs::create_dir_all(self.at(path)).unwrap();
    }

    /// Writes a file of the machine.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.at(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Writes into a file that the machine has; `*` stands for every built-in network card.
    pub fn rewrite(&self, path: &str, text: &str) {
        let Some((cards, rest)) = path.split_once('*') else {
            if self.at(path).exists() {
                self.write(path, text);
            }
            return;
        };
        for card in std::fs::read_dir(self.at(cards)).unwrap() {
            let card = card.unwrap().file_name().into_string().unwrap();
            let file = format!("{cards}{card}{rest}");
            if self.at(&format!("{cards}{card}/device")).exists() && self.at(&file).exists() {
                self.write(&file, text);
            }
        }
    }

    pub fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.at(from), self.at(to)).unwrap();
    }

    /// Takes a file or a folder away.
    pub fn remove(&self, path: &str) {
        let file = self.at(path);
        if std::fs::symlink_metadata(&file).unwrap().is_dir() {
            std::fs::remove_dir_all(file).unwrap();
        } else {
            std::fs::remove_file(file).unwrap();
        }
    }

    /// A client on this machine.
    pub fn open(&self, options: lm::Options) -> Client {
        let ports = OverSystem::ports(On(self.root().to_owned()));
        Client::open_with(options, ports).expect("a client")
    }
}

/// From a link to what it stands for, both in the same tree.
fn relative(link: &str, target: &str) -> PathBuf {
    let up = "../".repeat(link.matches('/').count() - 1);
    Path::new(&up).join(target.trim_start_matches('/'))
}

/// The system's files, save those that say which machine it is.
#[derive(Clone)]
struct On(PathBuf);

impl Otherwise for On {
    fn real(&self, path: &Path) -> PathBuf {
        if SAYS_WHO.iter().any(|prefix| path.starts_with(prefix)) {
            self.0.join(path.strip_prefix("/").unwrap())
        } else {
            path.to_owned()
        }
    }
}
