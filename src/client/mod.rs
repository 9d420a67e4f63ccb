//! The client: one use case a file.
//!
//! | file | what it does |
//! |---|---|
//! | `options` | what a host says when it opens a client |
//! | `activate`, `return_`, `refresh`, `repair`, `remove`, `resume` | the calls that change something |
//! | `health` | what a report on all of it finds |
//! | `checkout`, `in_use` | seats of this machine's own processes: taken, counted, out of use |
//! | `offline`, `response` | the same calls by request and response files |
//! | `status`, `list`, `look`, `published` | the calls that answer, and the table they answer from |
//! | `state`, `store`, `entry` | what trusted storage holds for us, read and changed |
//! | `intent`, `exchange`, `apply`, `backoff` | one operation: made durable, sent, its answer applied |
//! | `anew` | an operation that a restored portal has forgotten |
#![forbid(unsafe_code)]

mod activate;
mod anew;
mod apply;
mod backoff;
mod checkout;
mod entry;
mod exchange;
mod health;
mod in_use;
mod intent;
mod list;
mod look;
mod offline;
mod options;
mod published;
mod refresh;
mod remove;
mod repair;
mod response;
mod resume;
mod return_;
mod state;
mod status;
mod store;

use std::sync::Arc;
use std::time::Duration;

use lm_protocol::{ActivationId, Evidence, Holder, TrustRoot, evidence};

pub use checkout::Seat;
use exchange::{Call, Wish};
pub use list::RecordInfo;
pub use options::Options;
pub use response::Applied;
#[cfg(feature = "capi")]
pub(crate) use response::too_large as response_too_large;

use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::log::{Level, Log};
use crate::machine;
use crate::policy::Status;
use crate::policy::health::Finding;
use crate::ports::{Ports, Transport};
use crate::storage::{Place, Scope, Storage};
use crate::transport::{HttpsTransport, TransportOptions};

/// One product's licenses on this machine. Threads: any, any number at once; any number of clients
/// in one process, also over the same store. After `fork()` the child's calls answer
/// [`Code::Forked`]: open a client there. Dropping it does no I/O: what is pending stays so.
pub struct Client {
    product: String,
    root: TrustRoot,
    host: Evidence,
    host_id: String,
    host_label: String,
    holder: Holder,
    portal_url: Option<String>,
    timeout: Duration,
    transport: Arc<dyn Transport>,
    /// Whether the transport is the library's own, not the host's.
    own_transport: bool,
    log: Option<Log>,
    ports: Ports,
    storage: Storage,
    sight: look::Sight,
    published: published::Published,
    fork: machine::ForkMark,
    boot_id: Option<lm_protocol::Id>,
    cancel: Cancel,
}

impl Client {
    /// As [`Client::open`], in another world: for tests and simulations of the library itself.
    #[doc(hidden)]
    pub fn open_with(options: Options, ports: Ports) -> Result<Self> {
        let root = options.check()?;
        let host = host(&options, &root, &ports)?;
        let holder = holder(options.scope, &root, &ports)?;
        let storage = Storage::new(
            &Place {
                vendor: root.vendor.clone(),
                product: options.product.clone(),
                scope: options.scope,
                dir: options.storage_dir.clone(),
            },
            &ports,
        )?;
        let timeout = options.timeout();
        let own_transport = options.transport.is_none();
        let transport = match options.transport {
            Some(transport) => transport,
            None => Arc::new(HttpsTransport::new(TransportOptions {
                proxy: options.proxy,
                ca_file: options.ca_file,
                files: ports.files.clone(),
                clock: ports.clock.clone(),
            })?),
        };
        let client = Self {
            product: options.product,
            host_id: host.host_id(),
            host,
            host_label: options.host_label.unwrap_or_default(),
            holder,
            portal_url: options.portal_url,
            timeout,
            transport,
            own_transport,
            log: options.log,
            storage,
            sight: look::Sight::new(&ports),
            published: published::Published::default(),
            fork: machine::ForkMark::new(),
            boot_id: machine::boot_id(ports.files.as_ref()),
            cancel: Cancel::default(),
            root,
            ports,
        };
        client.first_look()?;
        client.mark_time();
        Ok(client)
    }

    /// Makes this machine hold `seats` seats of the activation ID in total.
    pub fn activate(&self, activation_id: &str, seats: u32) -> Result<()> {
        self.check_fork()?;
        activate::activate(self, parse_id(activation_id)?, seats)
    }

    /// Gives `seats` seats back, 0 for all.
    pub fn return_(&self, activation_id: &str, seats: u32) -> Result<()> {
        self.check_fork()?;
        return_::return_(self, parse_id(activation_id)?, seats)
    }

    /// Asks for a new lease and today's terms, of one record or of all.
    pub fn refresh(&self, activation_id: Option<&str>) -> Result<()> {
        self.check_fork()?;
        refresh::refresh(self, activation_id.map(parse_id).transpose()?)
    }

    /// Takes an entry out, here only, where that strands no seat.
    pub fn remove(&self, activation_id: &str) -> Result<()> {
        self.check_fork()?;
        remove::remove(self, parse_id(activation_id)?)
    }

    /// Restores trust in a record on the machine that it was issued to: after an older storage was
    /// put back, say. Counted and limited by the portal.
    pub fn repair(&self, activation_id: &str) -> Result<()> {
        self.check_fork()?;
        repair::repair(self, parse_id(activation_id)?)
    }

    /// A request file by which [`Client::activate`] is asked of the portal without a network; where
    /// this machine holds as many seats already, it asks for a new lease. The bytes are the same
    /// until the operation is answered, and it may be finished either way.
    pub fn request_activation(&self, activation_id: &str, seats: u32) -> Result<Vec<u8>> {
        self.check_fork()?;
        offline::request_activation(self, parse_id(activation_id)?, seats)
    }

    /// A request file that proves a return: the seats are out of use here from now on. 0: all.
    pub fn request_return(&self, activation_id: &str, seats: u32) -> Result<Vec<u8>> {
        self.check_fork()?;
        offline::request_return(self, parse_id(activation_id)?, seats)
    }

    /// A request file by which [`Client::repair`] is asked of the portal. Its response sets the time
    /// marks right, too.
    pub fn request_repair(&self, activation_id: &str) -> Result<Vec<u8>> {
        self.check_fork()?;
        offline::request_repair(self, parse_id(activation_id)?)
    }

    /// Applies this machine's part of a response file. Several: one failure stops no other; the
    /// first is returned.
    pub fn apply_response(&self, response: &[u8]) -> Result<()> {
        let applied = self.apply_each(response)?;
        applied.into_iter().try_for_each(|applied| applied.result)
    }

    /// As [`Client::apply_response`], with what became of each license.
    pub fn apply_each(&self, response: &[u8]) -> Result<Vec<Applied>> {
        self.check_fork()?;
        response::apply(self, response)
    }

    /// Ends the calls under way on this client, from another thread: they return
    /// [`Code::Cancelled`] soon, unless they were done. What they began is pending and can be
    /// resumed. Later calls are not ended. The application's own transport ends its exchange itself.
    pub fn cancel(&self) -> Result<()> {
        self.check_fork()?;
        self.cancel.cancel();
        Ok(())
    }

    /// Finishes what is pending.
    pub fn resume(&self) -> Result<()> {
        self.check_fork()?;
        resume::resume(self)
    }

    /// A report on the store, this machine's identity, its clock, each license and, where `ask_portal`
    /// says so, the way to the portal. Changes nothing; reads what a status reads, and asks the portal
    /// who it is. What is broken is a finding and no error.
    ///
    /// Errors: [`Code::Cancelled`], [`Code::Forked`].
    pub fn health(&self, ask_portal: bool) -> Result<Vec<Finding>> {
        self.check_fork()?;
        health::health(self, ask_portal)
    }

    /// The status of an activation ID, or of the best record where it is `None`. No network, no
    /// write, no lock: tens of nanoseconds.
    pub fn status(&self, activation_id: Option<&str>) -> Result<Status> {
        self.status_of(activation_id.map(str::as_bytes))
    }

    /// As [`Client::status`], of an ID whose bytes may be anything.
    #[inline]
    pub(crate) fn status_of(&self, activation_id: Option<&[u8]>) -> Result<Status> {
        self.check_fork()?;
        status::status(self, activation_id)
    }

    /// The status of the best record that has a feature. [`Code::Feature`] where none has it.
    pub fn feature_status(&self, feature: &str) -> Result<Status> {
        self.check_fork()?;
        status::feature_status(self, feature)
    }

    /// The limit of a feature; `None`: it has none. [`Code::Feature`] where no record has it.
    pub fn feature_limit(&self, feature: &str) -> Result<Option<i64>> {
        self.check_fork()?;
        status::feature_limit(self, feature)
    }

    /// Rises when an answer of [`Client::status`] may have changed. 0 in a forked child.
    #[must_use]
    pub fn change_count(&self) -> u64 {
        if self.fork.is_child() { 0 } else { status::change_count(self) }
    }

    /// Takes seats of a concurrent record that has the feature, for this process: the best usable one
    /// that has so many free. Several at once are of one record, all or none. Never waits for a seat.
    ///
    /// Errors: [`Code::NoFreeSeat`], [`Code::Feature`], [`Code::WrongKind`] where only node-locked
    /// records have it, why no record is usable, [`Code::InvalidArgument`].
    pub fn checkout(&self, feature: &str, seats: u32) -> Result<Seat> {
        self.check_fork()?;
        checkout::checkout(self, feature, seats)
    }

    /// Ends the use of what was checked out. Dropping it does so too; this one's status knows at once.
    pub fn checkin(&self, seat: Seat) -> Result<()> {
        self.check_fork()?;
        drop(seat);
        // What can't be read now is said by the next status.
        let _ = self.look_now();
        Ok(())
    }

    /// A snapshot of the records, sorted by activation ID.
    pub fn list(&self) -> Result<Vec<RecordInfo>> {
        self.check_fork()?;
        list::list(self)
    }

    /// The host ID: this machine's, or that of the application's own identity.
    #[must_use]
    pub fn host_id(&self) -> &str {
        &self.host_id
    }

    /// Where trusted storage lies.
    #[must_use]
    pub fn storage_directory(&self) -> &std::path::Path {
        self.storage.directory()
    }

    /// The anchor file outside of the store, where there is a place for one.
    #[must_use]
    pub fn anchor_path(&self) -> Option<&std::path::Path> {
        self.storage.anchor_path()
    }

    /// [`Code::Forked`] in a child that the opening process made by `fork()`.
    #[inline]
    pub(crate) fn check_fork(&self) -> Result<()> {
        if self.fork.is_child() { Err(Error::from_code(Code::Forked)) } else { Ok(()) }
    }

    /// A call that begins now.
    fn call(&self, wish: Wish) -> Call {
        let until = self.ports.clock.monotonic().saturating_add(self.timeout);
        Call { wish, until, cancel: self.cancel.begin() }
    }

    fn line(&self, level: Level, text: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            log.line(level, text);
        }
    }
}

fn parse_id(text: &str) -> Result<ActivationId> {
    ActivationId::parse(text).map_err(|_| Error::from_code(Code::IdMalformed))
}

/// In machine scope only what every user sees: root, who activates, and a user, who works, are on
/// the same host.
fn host(options: &Options, root: &TrustRoot, ports: &Ports) -> Result<Evidence> {
    let (files, salt, given) =
        (ports.files.as_ref(), &root.salt.0, options.host_identity.as_deref());
    match options.scope {
        Scope::User | Scope::Memory => machine::evidence(files, salt, given),
        Scope::Machine => machine::shared_evidence(files, salt, given),
    }
}

fn holder(scope: Scope, root: &TrustRoot, ports: &Ports) -> Result<Holder> {
    match scope {
        Scope::Machine => Ok(Holder { scope: lm_protocol::Scope::Machine, user: None }),
        Scope::User | Scope::Memory => {
            let user = ports.files.user_id().map_err(|e| {
                let sentence = format!("The system doesn't tell who runs this process: {e}.");
                Error::new(Code::StorageIo, sentence)
            })?;
            let hash = evidence::hash_user(&root.salt.0, &user);
            Ok(Holder { scope: lm_protocol::Scope::User, user: Some(hash) })
        }
    }
}
