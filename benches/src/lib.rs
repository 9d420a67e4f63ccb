//! What the measurements share: a portal on loopback and an active license.

use lm::{Client, Options};
use lm_portal::admin::entitlements::NewEntitlement;
use lm_portal::{Kind, Portal, PortalOptions, Running};

/// The product that is measured.
pub const PRODUCT: &str = "ortho-studio";
/// Seats of the license that is active.
pub const SEATS: u32 = 1000;

/// A portal being served and a machine with one active seat of a CC license of [`SEATS`].
pub struct Site {
    /// The machine's client.
    pub client: Client,
    /// The activation ID that is active on it.
    pub active: String,
    /// Another one, NL with one seat, which isn't.
    pub spare: String,
    /// Where the machine's store is.
    pub storage: std::path::PathBuf,
    portal: Portal,
    running: Running,
    // The last one to go.
    _folder: tempfile::TempDir,
}

impl Site {
    /// Sets everything up, or says why it could not.
    pub fn new() -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let folder = tempfile::tempdir().map_err(|error| text(&error))?;
        let options = PortalOptions::in_directory(&folder.path().join("portal"));
        let portal = Portal::open(options).map_err(|error| text(&error))?;
        let running = portal.serve().map_err(|error| text(&error))?;
        let new = NewEntitlement::new(PRODUCT, &[("ortho", None), ("raster", Some(4))], SEATS + 1);
        let entitlement = portal.create_entitlement(&new).map_err(|error| text(&error))?;
        let id = |kind, seats| {
            let made =
                portal.generate(&entitlement, kind, seats, 1).map_err(|error| text(&error))?;
            made.into_iter().next().map(|id| id.activation_id).ok_or_else(|| "no ID".to_owned())
        };
        let (active, spare) = (id(Kind::Cc, SEATS)?, id(Kind::Nl, 1)?);
        let storage = folder.path().join("store");
        let client = open(&portal.trust_root(), running.url(), &storage).map_err(|e| text(&e))?;
        client.activate(&active, 1).map_err(|error| text(&error))?;
        Ok(Self { client, active, spare, storage, portal, running, _folder: folder })
    }

    /// What the host has built in.
    #[must_use]
    pub fn trust_root(&self) -> String {
        self.portal.trust_root()
    }

    /// Where the portal is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.running.url()
    }

    /// So many NL activation IDs over an entitlement of their own, each for so many machines.
    pub fn nl(&self, seats: u32, count: u32) -> Result<Vec<String>, String> {
        let new = NewEntitlement::new(PRODUCT, &[("ortho", None)], seats * count);
        let entitlement = self.portal.create_entitlement(&new).map_err(|e| e.to_string())?;
        let made = self.portal.generate(&entitlement, Kind::Nl, seats, count);
        Ok(made.map_err(|e| e.to_string())?.into_iter().map(|id| id.activation_id).collect())
    }

    /// A store with so many records, each of an activation ID of its own.
    pub fn filled(&self, records: u32) -> Result<Filled, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let storage = folder.path().join("store");
        let trust_root = self.portal.trust_root();
        let client =
            open(&trust_root, self.running.url(), &storage).map_err(|error| error.to_string())?;
        for id in self.nl(1, records)? {
            client.activate(&id, 1).map_err(|error| error.to_string())?;
        }
        Ok(Filled {
            client,
            trust_root,
            url: self.running.url().to_owned(),
            storage,
            _folder: folder,
        })
    }

    /// Another client over the same store, as another process has one.
    pub fn open(&self) -> lm::Result<Client> {
        open(&self.portal.trust_root(), self.running.url(), &self.storage)
    }
}

/// A store of its own, and the machine's client over it.
pub struct Filled {
    /// The machine's client.
    pub client: Client,
    trust_root: String,
    url: String,
    storage: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Filled {
    /// Another client over it.
    pub fn open(&self) -> lm::Result<Client> {
        open(&self.trust_root, &self.url, &self.storage)
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        if let Some(anchor) = self.client.anchor_path() {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(anchor) = self.client.anchor_path() {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

fn open(trust_root: &str, url: &str, storage: &std::path::Path) -> lm::Result<Client> {
    let mut options = Options::new(PRODUCT, trust_root);
    options.portal_url = Some(url.to_owned());
    options.storage_dir = Some(storage.to_owned());
    options.host_identity = Some("the machine that is measured".to_owned());
    Client::open(options)
}
