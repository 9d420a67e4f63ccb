//! The portal for programs that embed it: tests, the quick start and the binary itself. Its calls
//! block, and must not be made from within an asynchronous runtime.

pub(crate) mod keeping;
mod overrides;
mod policy;
mod tokens;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::Handle;
use lm_protocol::Kind;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::admin::entitlements::{EntitlementView, NewEntitlement};
use crate::admin::generate::Generated;
use crate::admin::show::{ActivationView, FulfillmentView, Page};
use crate::admin::{
    About, Act, Actor, entitlements, generate, parse_id, rehost, retire, show, split,
};
use crate::database::{Database, in_transaction};
use crate::error::{Error, Result};
use crate::ledger::history::{self, HistoryRow};
use crate::ledger::identity;
use crate::offline::{self, AnsweredFile};
use crate::people::{self, Role};
use crate::ports::{Clock, Random, SystemClock, SystemRandomness};
use crate::server::tls::TlsFiles;
use crate::server::{self, App, HASHING_AT_ONCE};
use crate::stop::StopWatch;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Location {
    /// SQLite in this directory, which is made where it isn't there.
    Directory(PathBuf),
    /// A database of this URL: `postgres://…` or `sqlite:…`.
    Url(String),
}

/// How a portal is opened and served.
#[derive(Clone)]
pub struct PortalOptions {
    /// Where the database is.
    pub location: Location,
    /// Where it listens; port 0: one that is free.
    pub listen: SocketAddr,
    /// TLS; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether a proxy in front speaks TLS with browsers and names the caller in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// The vendor's name, where the portal is new; fixed from then on. `None`: a name of its own.
    pub vendor: Option<String>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Who acts through the calls of [`Portal`], for the history.
    pub actor: Actor,
}

impl PortalOptions {
    /// On loopback, at a free port, over SQLite in a directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self::at(Location::Directory(directory.to_owned()))
    }

    /// On loopback, at a free port.
    #[must_use]
    pub fn at(location: Location) -> Self {
        Self {
            location,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            behind_proxy: false,
            vendor: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandomness::default()),
            actor: Actor { name: "library".to_owned(), origin: "library" },
        }
    }
}

/// The administrator of a new portal. Its password is known here only.
#[derive(Clone, Debug)]
pub struct FirstAdministrator {
    /// To sign in with.
    pub user: String,
    /// To sign in with; nowhere kept.
    pub password: String,
}

/// An open portal.
pub struct Portal {
    runtime: Arc<Runtime>,
    app: App,
    options: PortalOptions,
    first: Option<FirstAdministrator>,
    trust_root: String,
}

impl Portal {
    /// Opens a portal: brings its tables up to date and, where it is new, makes its keys and one
    /// administrator.
    pub fn open(options: PortalOptions) -> Result<Self> {
        let runtime = runtime()?;
        let (app, first, trust_root) = runtime.block_on(open(&options))?;
        Ok(Self { runtime: Arc::new(runtime), app, options, first, trust_root })
    }

    /// The text for `lm_options.trust_root`.
    #[must_use]
    pub fn trust_root(&self) -> String {
        self.trust_root.clone()
    }

    /// The administrator that was made just now, where the portal is new.
    #[must_use]
    pub const fn first_administrator(&self) -> Option<&FirstAdministrator> {
        self.first.as_ref()
    }

    /// Listens and serves, on threads of its own, until it is stopped.
    pub fn serve(&self) -> Result<Running> {
        self.serve_at(self.options.listen)
    }

    /// As [`Portal::serve`], at another address: the port that an earlier server had, say.
    pub fn serve_at(&self, listen: SocketAddr) -> Result<Running> {
        let tls = self.options.tls.as_ref().map(TlsFiles::load).transpose()?;
        let busy = |error| Error::System(format!("listening on {listen}: {error}"));
        let listener = {
            // Binding by tokio sets SO_REUSEADDR, so that a port can be taken again at once.
            let bound = self.runtime.block_on(tokio::net::TcpListener::bind(listen));
            bound.and_then(tokio::net::TcpListener::into_std).map_err(busy)?
        };
        let address = listener.local_addr().map_err(busy)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let app = App { secure: tls.is_some() || self.options.behind_proxy, ..self.app.clone() };
        let handle = Handle::new();
        let task = self.runtime.spawn(server::serve(app, listener, tls, handle.clone()));
        let url = format!("{scheme}://{address}");
        Ok(Running { runtime: Arc::clone(&self.runtime), handle, address, url, task: Some(task) })
    }

    /// From now on SIGINT and SIGTERM don't end the process; who waits with this hears of them. So it
    /// is made before anybody is told that the portal is there.
    pub fn watch_for_stop(&self) -> Result<StopWatch> {
        StopWatch::new(&self.runtime)
    }

    fn act<T>(&self, work: impl AsyncFn(&mut Act<'_>) -> Result<T>) -> Result<T> {
        let (app, actor) = (&self.app, &self.options.actor);
        let now = app.now();
        self.runtime.block_on(async {
            in_transaction!(app.database, |db| work(&mut Act {
                db,
                now,
                random: app.random.as_ref(),
                actor,
            }))
        })
    }

    /// Makes an entitlement and gives its ID.
    pub fn create_entitlement(&self, new: &NewEntitlement) -> Result<String> {
        self.act(async |act| entitlements::create(act, new).await)
    }

    /// All entitlements, the newest first.
    pub fn entitlements(&self) -> Result<Vec<EntitlementView>> {
        self.act(async |act| entitlements::list(act.db).await)
    }

    /// One entitlement.
    pub fn entitlement(&self, id: &str) -> Result<EntitlementView> {
        self.act(async |act| entitlements::show(act.db, id).await)
    }

    /// Makes `count` activation IDs of `seats` seats each.
    pub fn generate(
        &self,
        entitlement_id: &str,
        kind: Kind,
        seats: u32,
        count: u32,
    ) -> Result<Vec<Generated>> {
        self.act(async |act| generate::generate(act, entitlement_id, kind, seats, count).await)
    }

    /// One activation ID with its machines.
    pub fn show(&self, activation_id: &str) -> Result<ActivationView> {
        let id = parse_id(activation_id)?;
        self.act(async |act| show::show(act, id).await)
    }

    /// Activation IDs, the newest first.
    pub fn list(&self, page: Page<'_>) -> Result<Vec<ActivationView>> {
        self.act(async |act| show::list(act, page).await)
    }

    /// The portal's Return: retires a CC activation ID for good.
    pub fn portal_return(&self, activation_id: &str) -> Result<()> {
        let id = parse_id(activation_id)?;
        self.act(async |act| retire::retire(act, id).await)
    }

    /// Re-host: ends one machine's fulfillment. `host`: a host ID or fulfillment ID; `None`: the
    /// only one. Gives what was ended.
    pub fn rehost(&self, activation_id: &str, host: Option<&str>) -> Result<FulfillmentView> {
        let id = parse_id(activation_id)?;
        self.act(async |act| rehost::rehost(act, id, host).await.map(FulfillmentView::of))
    }

    /// Splits an activation ID of which nothing is in use.
    pub fn split(&self, activation_id: &str, parts: &[u32]) -> Result<Vec<Generated>> {
        let id = parse_id(activation_id)?;
        self.act(async |act| split::split(act, id, parts).await)
    }

    /// Answers a request file: each request as online, in its own transaction.
    pub fn answer_file(&self, file: &[u8]) -> Result<AnsweredFile> {
        self.runtime.block_on(offline::answer(&self.app, file))
    }

    /// The newest rows of the history first; `None`: of everything.
    pub fn history(&self, activation_id: Option<&str>, limit: u32) -> Result<Vec<HistoryRow>> {
        let id = activation_id.map(parse_id).transpose()?;
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        self.act(async |act| history::read(act.db, &id, 0, i64::from(limit)).await)
    }

    /// The number of the first row of the history that doesn't continue its chain.
    pub fn history_break(&self) -> Result<Option<i64>> {
        self.act(async |act| history::first_break(act.db).await)
    }

    /// Makes a user and gives its password, which is nowhere kept.
    pub fn add_user(&self, name: &str, role: Role) -> Result<String> {
        let taken = || Error::Refused(format!("there is a user \"{name}\" already"));
        self.set_user(name, |known| if known.is_some() { Err(taken()) } else { Ok(role) })
    }

    /// Gives a user a new password, which is nowhere kept, and ends its sessions.
    pub fn reset_password(&self, name: &str) -> Result<String> {
        let unknown = || Error::NotFound(format!("there is no user \"{name}\""));
        self.set_user(name, |known| known.ok_or_else(unknown))
    }

    fn set_user(&self, name: &str, role: impl Fn(Option<Role>) -> Result<Role>) -> Result<String> {
        let password = people::new_password(self.app.random.as_ref())?;
        let hash = people::hash_password(self.app.random.as_ref(), &password)?;
        self.act(async |act| {
            let role = role(people::role(act.db, name).await?)?;
            people::set_user(act.db, act.now, name, role, &hash).await?;
            act.tell("set user", About::default(), json!({ "user": name, "role": role.text() }))
                .await
        })?;
        Ok(password)
    }
}

/// A portal that is being served. Dropping it stops it, too, without waiting.
pub struct Running {
    runtime: Arc<Runtime>,
    handle: Handle<SocketAddr>,
    address: SocketAddr,
    url: String,
    task: Option<JoinHandle<Result<()>>>,
}

impl Running {
    /// The base address: `http://127.0.0.1:34567`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it: what is under way is finished first.
    pub fn stop(mut self) -> Result<()> {
        server::stop(&self.handle);
        match self.task.take() {
            Some(task) => {
                let ended = self.runtime.block_on(task);
                ended.map_err(|error| Error::System(format!("the server: {error}")))?
            }
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::System(format!("starting threads: {error}")))
}

async fn open(options: &PortalOptions) -> Result<(App, Option<FirstAdministrator>, String)> {
    let database = keeping::open(&options.location).await?;
    let is_new = !identity::exists(&mut *database.read().await?).await?;
    if !is_new && let Some(at) = identity::kept_at(&mut *database.read().await?).await? {
        return Err(Error::Refused(format!(
            "this database is a backup of {}; `lm-portal restore --in-place` takes it into use",
            crate::dates::date_time(at)
        )));
    }
    let first = if is_new { make(&database, options).await? } else { None };
    let root = identity::trust_root(&mut *database.read().await?).await?;
    let app = App {
        database,
        clock: Arc::clone(&options.clock),
        random: Arc::clone(&options.random),
        secure: false,
        behind_proxy: options.behind_proxy,
        hashing: Arc::new(Semaphore::new(HASHING_AT_ONCE)),
    };
    Ok((app, first, root.to_string()))
}

/// Makes keys and one administrator. `None`: another program was first.
async fn make(database: &Database, options: &PortalOptions) -> Result<Option<FirstAdministrator>> {
    let (now, random) = (options.clock.now(), options.random.as_ref());
    let password = people::new_password(random)?;
    let hash = people::hash_password(random, &password)?;
    let made = in_transaction!(database, |db| async {
        if identity::exists(&mut *db).await? {
            return Ok(false);
        }
        identity::create(&mut *db, now, random, options.vendor.as_deref()).await?;
        people::set_user(db, now, "admin", Role::Vendor, &hash).await?;
        Ok(true)
    })?;
    Ok(made.then(|| FirstAdministrator { user: "admin".to_owned(), password }))
}
