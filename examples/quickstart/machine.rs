//! A machine: an identity, a store, and the C host run on it, one process a command.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One machine. Its anchor, which lies outside of the temporary folder, goes with it.
pub(crate) struct Machine {
    name: &'static str,
    host: PathBuf,
    portal_url: String,
    storage: PathBuf,
    trust_root: String,
}

/// What one run of the host printed, and how it ended.
pub(crate) struct Run {
    output: String,
    code: Option<i32>,
}

impl Machine {
    pub(crate) fn new(
        name: &'static str,
        host: &Path,
        portal_url: &str,
        folder: &Path,
        trust_root: &str,
    ) -> Self {
        Self {
            name,
            host: host.to_owned(),
            portal_url: portal_url.to_owned(),
            storage: folder.join(name),
            trust_root: trust_root.to_owned(),
        }
    }

    /// Runs the host with this command, and shows what it says.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Run, String> {
        println!("   [{}] $ host {}", self.name, arguments.join(" "));
        let output = Command::new(&self.host)
            .args(["--portal", &self.portal_url, "--identity", self.name])
            .arg("--storage")
            .arg(&self.storage)
            .args(arguments)
            .output()
            .map_err(|error| format!("{}: {error}", self.host.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in text.lines() {
            println!("       {line}");
        }
        Ok(Run { output: text, code: output.status.code() })
    }
}

impl Run {
    /// The story goes on only if the host said this and ended so.
    pub(crate) fn expect(self, said: &str, code: i32) -> Result<(), String> {
        if self.output.contains(said) && self.code == Some(code) {
            return Ok(());
        }
        Err(format!(
            "expected \"{said}\" and exit code {code}, got {:?} and\n{}",
            self.code, self.output
        ))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut options = lm::Options::new("ortho-studio", self.trust_root.as_str());
        options.storage_dir = Some(self.storage.clone());
        options.host_identity = Some(self.name.to_owned());
        let client = lm::Client::open(options).ok();
        if let Some(anchor) = client.as_ref().and_then(lm::Client::anchor_path) {
            let _ = std::fs::remove_file(anchor);
        }
    }
}
