//! A machine and its portal, the same in every run: clock, randomness and files are made up, so a
//! seed that fits one run fits all.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lm::ports::{Clock, HttpRequest, HttpResponse, Ports, Random, Transport};
use lm::{Client, Code, Error, Options, Result};
use lm_protocol::exchange::Post;
use lm_protocol::{ActivationId, Bytes32, Request, SigningKey, TrustRoot, Verified};
use ring::digest::{SHA256, digest};

use crate::files::Memory;

pub const VENDOR: &str = "Terra";
pub const PRODUCT: &str = "ortho-studio";
/// The wall clock of every run.
pub const NOW: i64 = 1_800_000_000;

/// The root's key, the portal's, and one that nobody trusts.
pub fn key(of: Signer) -> SigningKey {
    SigningKey::from_seed([of as u8; 32]).expect("a seed")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    Root = 1,
    Portal = 7,
    Stranger = 9,
}

pub fn trust_root() -> TrustRoot {
    TrustRoot {
        vendor: VENDOR.to_owned(),
        keys: vec![key(Signer::Root).public()],
        salt: Bytes32([2; 32]),
    }
}

pub fn activation_id() -> ActivationId {
    ActivationId::from_random([5; 10])
}

/// The directory of the store, and its files.
pub fn store() -> PathBuf {
    PathBuf::from("/store")
}
pub fn image(name: &str) -> PathBuf {
    store().join(name)
}

/// What the portal replies to a request: a body.
pub type Replies = dyn Fn(&Verified<Request>, &Post) -> Vec<u8> + Send + Sync;

/// A machine; clones are the same one.
#[derive(Clone)]
pub struct World {
    pub files: Memory,
    /// Milliseconds.
    waited: Arc<AtomicU64>,
    drawn: Arc<AtomicU64>,
    replies: Arc<Mutex<Option<Arc<Replies>>>>,
}

impl World {
    pub fn new() -> Self {
        Self {
            files: Memory::default(),
            waited: Arc::default(),
            drawn: Arc::default(),
            replies: Arc::default(),
        }
    }

    /// Another world that has come as far as this one.
    pub fn copy(&self) -> Self {
        Self {
            files: self.files.copy(),
            waited: Arc::new(AtomicU64::new(self.waited.load(Relaxed))),
            drawn: Arc::new(AtomicU64::new(self.drawn.load(Relaxed))),
            replies: Arc::default(),
        }
    }

    fn waited(&self) -> Duration {
        Duration::from_millis(self.waited.load(Relaxed))
    }

    /// From here on the portal replies so; without, it isn't reached.
    pub fn portal(&self, replies: Option<Arc<Replies>>) {
        *self.replies.lock().expect("one thread") = replies;
    }

    pub fn client(&self) -> Result<Client> {
        let mut options = Options::new(PRODUCT, trust_root().to_string());
        options.portal_url = Some("https://portal.example".to_owned());
        options.storage_dir = Some(store());
        options.host_identity = Some("a fuzzed machine".to_owned());
        options.transport = Some(Arc::new(self.clone()));
        let ports = Ports {
            clock: Arc::new(self.clone()),
            random: Arc::new(self.clone()),
            files: Arc::new(self.files.clone()),
        };
        Client::open_with(options, ports)
    }

    /// The anchor's file.
    pub fn anchor(&self) -> PathBuf {
        let client = self.client().expect("a client");
        client.anchor_path().map(Path::to_owned).expect("a home")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Time stands still but where the library waits, so that two questions have one answer.
impl Clock for World {
    fn wall(&self) -> i64 {
        NOW + self.waited().as_secs() as i64
    }
    fn monotonic(&self) -> Duration {
        self.boot()
    }
    fn boot(&self) -> Duration {
        Duration::from_secs(1000) + self.waited()
    }
    fn sleep(&self, duration: Duration) {
        self.waited.fetch_add(duration.as_millis() as u64, Relaxed);
    }
}

impl Random for World {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        for chunk in bytes.chunks_mut(32) {
            let count = self.drawn.fetch_add(1, Relaxed);
            let block = digest(&SHA256, &count.to_le_bytes());
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
        Ok(())
    }
}

impl Transport for World {
    fn post(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        let replies = self.replies.lock().expect("one thread").clone();
        let Some(replies) = replies else { return Err(Error::from_code(Code::Network)) };
        let post = Post::parse(request.body).expect("the client's own post");
        let asked = Request::open(&post.request).expect("the client's own request");
        let mut body = replies(&asked, &post);
        body.truncate(request.response_max);
        Ok(HttpResponse { status: 200, body, retry_after: None })
    }
}
