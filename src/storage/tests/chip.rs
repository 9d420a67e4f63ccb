//! A TPM 2.0 in software (`swtpm`), reached by its socket instead of the device: what a real chip
//! says to our commands. The tests of clients use it, too.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A chip in software answers late on a machine with much else to do: the clock by which it is waited
/// for goes so much slower.
pub(crate) const PATIENCE: u32 = 50;

/// A running TPM. Its state outlives it in its folder.
pub(crate) struct Swtpm {
    process: Child,
    dir: PathBuf,
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        // It ends without a shutdown, as at a power cut.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Swtpm {
    /// `None`: swtpm isn't there, and that was said.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        std::fs::create_dir_all(dir).unwrap();
        let _ = std::fs::remove_file(dir.join("socket"));
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate"]);
        command.arg(format!("dir={}", dir.display()));
        command.arg("--server").arg(format!("type=unixio,path={}/socket", dir.display()));
        let process = match command.stdin(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(process) => process,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // Not by a macro: what a passing test prints is kept back.
                let _ = writeln!(io::stderr(), "skipped: swtpm is not there");
                return None;
            }
            Err(e) => panic!("swtpm: {e}"),
        };
        let mut swtpm = Self { process, dir: dir.to_owned() };
        // Between its name and its listening a connection is refused.
        while UnixStream::connect(swtpm.socket()).is_err() {
            assert!(swtpm.process.try_wait().unwrap().is_none(), "swtpm has ended");
            #[expect(clippy::disallowed_methods, reason = "no port is there yet")]
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(swtpm)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }
}

/// The socket of swtpm takes and gives what the device does.
pub(crate) struct Socket(UnixStream);

impl Socket {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).map(Self)
    }

    pub(crate) fn answer(&mut self, command: &[u8], within: Duration) -> io::Result<Vec<u8>> {
        self.0.set_read_timeout(Some(within * PATIENCE))?;
        self.0.write_all(command)?;
        let mut answer = vec![0; 10];
        self.0.read_exact(&mut answer)?;
        let len = u32::from_be_bytes(answer[2..6].try_into().unwrap());
        answer.resize(len as usize, 0);
        self.0.read_exact(&mut answer[10..])?;
        Ok(answer)
    }
}
