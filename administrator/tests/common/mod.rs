//! A machine with the Administrator on it, and a real portal.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lm_portal::{
    ActivationView, Kind, NewEntitlement, PolicyChange, Portal, PortalOptions, Running,
};
use lm_protocol::{ActivationId, Bytes32, SigningKey, TrustRoot};
use serde_json::Value;
use tempfile::TempDir;

pub const PRODUCT: &str = "orthomap";

/// A machine: an identity of its own, a store of its own.
pub struct Machine {
    pub trust_root: String,
    pub portal: Option<String>,
    pub identity: String,
    folder: TempDir,
}

impl Machine {
    pub fn new(trust_root: &str, portal: Option<&str>, identity: &str) -> Self {
        Self {
            trust_root: trust_root.to_owned(),
            portal: portal.map(str::to_owned),
            identity: identity.to_owned(),
            folder: tempfile::tempdir().expect("a folder for the machine"),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn storage(&self) -> PathBuf {
        self.folder().join("store")
    }

    /// Runs the Administrator with this machine's settings, as a person would.
    pub fn run(&self, words: &[&str]) -> Run {
        Run::of(&mut self.command(words))
    }

    /// As [`Self::run`], before it is run.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = administrator();
        command.args(words).args(["--product", PRODUCT, "--trust-root", &self.trust_root]);
        command.arg("--storage").arg(self.storage());
        command.args(["--host-identity", &self.identity, "--host-label", &self.identity]);
        if let Some(url) = &self.portal {
            command.args(["--portal", url]);
        }
        command
    }

    /// As a script would: the exit code and the document.
    pub fn json(&self, words: &[&str]) -> (i32, Value) {
        let run = self.run(&[words, &["--json"]].concat());
        let document = serde_json::from_str(&run.stdout);
        (run.code, document.unwrap_or_else(|error| panic!("{error}: {run:?}")))
    }

    /// The exit code and the result of a command with one outcome.
    pub fn result(&self, words: &[&str]) -> (i32, String) {
        let (code, document) = self.json(words);
        assert_eq!(document.as_array().map(Vec::len), Some(1), "{document}");
        (code, document[0]["result"].as_str().expect("a result").to_owned())
    }

    /// Its state, by name.
    pub fn state(&self, id: &str) -> String {
        let (code, status) = self.json(&["status", id]);
        assert_eq!(code, 0, "{status}");
        status["state"].as_str().expect("a state").to_owned()
    }

    /// Every byte of the store.
    pub fn images(&self) -> Vec<Option<Vec<u8>>> {
        ["a", "b"].iter().map(|name| std::fs::read(self.storage().join(name)).ok()).collect()
    }
}

impl Drop for Machine {
    /// Takes away what the library keeps outside of the store.
    fn drop(&mut self) {
        let mut options = lm::Options::new(PRODUCT, &self.trust_root);
        options.storage_dir = Some(self.storage());
        options.host_identity = Some(self.identity.clone());
        let Ok(client) = lm::Client::open(options) else { return };
        if let Some(anchor) = client.anchor_path() {
            // Not there, where the machine never wrote.
            let _ = std::fs::remove_file(anchor);
        }
    }
}

/// What a run of the Administrator gave.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the Administrator runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: status.code().expect("an exit code"),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }
}

pub fn administrator() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lm-administrator"))
}

/// A vendor whose portal is not there.
pub fn lone_trust_root() -> String {
    let key = SigningKey::from_seed([7; 32]).expect("a key");
    let root = TrustRoot {
        vendor: "example".to_owned(),
        keys: vec![key.public()],
        salt: Bytes32([9; 32]),
    };
    root.to_string()
}

/// An activation ID whose check characters fit, and that no portal knows.
pub fn unknown_id() -> String {
    ActivationId::from_random([0x5A; 10]).to_string()
}

/// A portal being served, over a database in a folder of its own.
pub struct Vendor {
    pub portal: Portal,
    running: Option<Running>,
    url: String,
    folder: TempDir,
}

impl Vendor {
    pub fn new() -> Self {
        Self::with(|_, _| ())
    }

    /// A portal with other options; it is told its folder.
    pub fn with(change: impl FnOnce(&Path, &mut PortalOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the portal");
        let mut options = PortalOptions::in_directory(folder.path());
        change(folder.path(), &mut options);
        let portal = Portal::open(options).expect("a portal");
        let running = portal.serve().expect("a server");
        let url = running.url().to_owned();
        Self { portal, running: Some(running), url, folder }
    }

    /// The directory of its database.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// An activation ID over an entitlement of its own.
    pub fn sells(&self, kind: Kind, seats: u32) -> String {
        let new = NewEntitlement::new(PRODUCT, &[("ortho", None), ("raster", Some(4))], seats);
        let entitlement = self.portal.create_entitlement(&new).expect("an entitlement");
        let made = self.portal.generate(&entitlement, kind, seats, 1).expect("an activation ID");
        made[0].activation_id.clone()
    }

    /// Its base address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the policy of an activation ID's entitlement.
    pub fn policy(&self, id: &str, change: &PolicyChange) {
        let entitlement = self.show(id).entitlement_id;
        self.portal.set_policy(&entitlement, change).expect("a policy");
    }

    pub fn machine(&self, identity: &str) -> Machine {
        Machine::new(&self.portal.trust_root(), Some(&self.url), identity)
    }

    pub fn show(&self, id: &str) -> ActivationView {
        self.portal.show(id).expect("an activation ID")
    }

    /// Fulfilled and available seats.
    pub fn seats(&self, id: &str) -> (i64, i64) {
        let shown = self.show(id);
        (shown.fulfilled, shown.available)
    }

    /// The portal can't be reached any more.
    pub fn stop(&mut self) {
        self.running.take().expect("a server").stop().expect("a clean stop");
    }

    /// It can again, where it was.
    pub fn start(&mut self) {
        let address = self.url.trim_start_matches("http://").parse().expect("an address");
        self.running = Some(self.portal.serve_at(address).expect("a server"));
    }
}
