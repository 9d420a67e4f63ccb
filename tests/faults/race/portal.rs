//! The portal's program, which can be killed and started again where it was.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lm::ports::Clock;
use lm_portal::{Portal, PortalOptions};

use crate::common::programs;

pub(crate) struct Program {
    folder: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
}

/// How often it is tried to start it where it was.
const TRIES: usize = 50;

impl Program {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // An address of loopback's that no connection begins at: nobody takes the port meanwhile.
        let address = SocketAddr::from((Ipv4Addr::new(127, 81, 7, 3), 0));
        let (child, address) = serve(&data(folder.path()), address).expect("a portal");
        Self { folder, child, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is in its database, looked at beside it.
    pub(crate) fn beside(&self) -> Portal {
        Portal::open(PortalOptions::in_directory(&data(self.folder.path()))).expect("its database")
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.code().is_none(), "the portal ended by itself: {status}");
    }

    pub(crate) fn start_again(&mut self) {
        for _ in 0..TRIES {
            if let Some((child, address)) = serve(&data(self.folder.path()), self.address) {
                assert_eq!(address, self.address);
                self.child = child;
                return;
            }
            lm::machine::SystemClock.sleep(Duration::from_millis(100));
        }
        panic!("the portal does not start again at {}", self.address);
    }

    /// Keeps its database as it is, while it is dead.
    pub(crate) fn keep(&self) {
        copy(&data(self.folder.path()), &self.folder.path().join("kept"));
    }

    /// Makes the one that was kept its database again.
    pub(crate) fn put_back(&self) {
        std::fs::remove_dir_all(data(self.folder.path())).unwrap();
        copy(&self.folder.path().join("kept"), &data(self.folder.path()));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Where it listens is its first line; none comes where it can't.
fn serve(data: &Path, listen: SocketAddr) -> Option<(Child, SocketAddr)> {
    let mut child = Command::new(programs::portal().unwrap())
        .arg("serve")
        .arg("--data")
        .arg(data)
        .args(["--listen", &listen.to_string(), "--log", "off"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned));
    match address {
        Some(address) => Some((child, address.parse().unwrap())),
        None => {
            child.wait().unwrap();
            None
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}
