//! A PostgreSQL for tests, where one is installed.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A PostgreSQL of the test's own, on loopback.
pub struct Server {
    directory: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    /// Starts it; `None`: PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { directory, programs, port };
        let data = server.data();
        if is_root() {
            let owner = Command::new("chown").arg("postgres").arg(server.directory.path()).status();
            assert!(owner.unwrap().success());
        }
        server.run("initdb", &["-D", &data, "-A", "trust", "-U", "postgres", "--no-sync"]);
        let sockets = server.directory.path().display();
        let switches = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={sockets} -c fsync=off"
        );
        let log = format!("{sockets}/log");
        server.run("pg_ctl", &["-D", &data, "-o", &switches, "-l", &log, "-w", "start"]);
        Some(server)
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    /// Its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A new database of it.
    pub fn database(&self, name: &str) -> String {
        self.psql(&self.url(), &["--command", &format!("CREATE DATABASE {name}")]);
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Keeps a database in a file that is not there.
    pub fn dump(&self, url: &str, file: &Path) {
        let mut dump = Command::new(self.programs.join("pg_dump"));
        let dumped = dump.args(["--dbname", url, "--file"]).arg(file).status();
        assert!(dumped.unwrap().success());
    }

    /// Puts a dump back in place of what is there.
    pub fn put_back(&self, url: &str, file: &Path) {
        self.psql(url, &["--command", "DROP SCHEMA public CASCADE; CREATE SCHEMA public"]);
        self.psql(url, &["--file", file.to_str().unwrap()]);
    }

    fn psql(&self, url: &str, arguments: &[&str]) {
        let done = Command::new(self.programs.join("psql"))
            .args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", url])
            .args(arguments)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        assert!(done.unwrap().success(), "{arguments:?}");
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        // PostgreSQL refuses to run as root.
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let done = command.args(arguments).stdout(std::process::Stdio::null()).status().unwrap();
        assert!(done.success(), "{arguments:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders.filter(|folder| folder.join("initdb").is_file()).max()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|metadata| metadata.uid() == 0)
}
