//! A real portal, served over HTTP on loopback, with what a test needs of it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lm_portal::Kind;
use lm_portal::admin::entitlements::NewEntitlement;
use lm_portal::admin::show::ActivationView;
use lm_portal::ports::Clock;
use lm_portal::{Location, Portal, PortalOptions, Restored, Running};

use super::machine::{Machine, PRODUCT};
use super::postgres::Server;

/// A portal being served, over a database in a folder of its own.
pub struct World {
    pub portal: Portal,
    running: Option<Running>,
    url: String,
    clock: Arc<Shifted>,
    options: PortalOptions,
    /// Of PostgreSQL: the server, and the database's URL.
    postgres: Option<(Arc<Server>, String)>,
    folder: tempfile::TempDir,
}

/// The portal's clock: the machine's own, and how far a test has moved it.
struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now(&self) -> i64 {
        lm_portal::ports::SystemClock.now() + self.0.load(Ordering::Relaxed)
    }
}

impl World {
    pub fn new() -> Self {
        Self::of(None, None, 0)
    }

    /// A portal that has been there for so long.
    pub fn founded(seconds_ago: i64) -> Self {
        let world = Self::of(None, None, -seconds_ago);
        world.pass(seconds_ago);
        world
    }

    /// A portal that calls itself by this vendor's name.
    pub fn named(vendor: &str) -> Self {
        Self::of(Some(vendor.to_owned()), None, 0)
    }

    /// A portal over a new database of PostgreSQL.
    pub fn on_postgres(server: &Arc<Server>, database: &str) -> Self {
        Self::of(None, Some((server.clone(), server.database(database))), 0)
    }

    fn of(vendor: Option<String>, postgres: Option<(Arc<Server>, String)>, moved: i64) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the portal");
        let clock = Arc::new(Shifted(AtomicI64::new(moved)));
        let mut options = match &postgres {
            Some((_, url)) => PortalOptions::at(Location::Url(url.clone())),
            None => PortalOptions::in_directory(folder.path()),
        };
        options.clock = clock.clone();
        options.vendor = vendor;
        let portal = Portal::open(options.clone()).expect("a portal");
        let running = portal.serve().expect("a server");
        let url = running.url().to_owned();
        Self { portal, running: Some(running), url, clock, options, postgres, folder }
    }

    /// Keeps a backup while the portal serves, by the means of its engine.
    pub fn backup(&self, name: &str) {
        let file = self.folder.path().join(name);
        match &self.postgres {
            Some((server, url)) => server.dump(url, &file),
            None => self.portal.backup(&file).expect("a backup"),
        }
    }

    /// Puts a backup back: SQLite's while the portal serves, PostgreSQL's while it doesn't.
    pub fn restore(&mut self, name: &str) -> Restored {
        let file = self.folder.path().join(name);
        let Some((server, url)) = &self.postgres else {
            return Portal::restore(&self.options, Some(&file), 0).expect("restored");
        };
        self.running.take().expect("a server").stop().expect("a clean stop");
        server.put_back(url, &file);
        let restored = Portal::restore(&self.options, None, 0).expect("restored");
        self.portal = Portal::open(self.options.clone()).expect("a portal");
        self.start();
        restored
    }

    /// Runs the portal's program on its database, while it serves, as its people do; all that it
    /// says. On a terminal at which somebody types `answer`, or on none.
    pub fn command_line(&self, words: &str, answer: Option<&str>) -> (bool, String) {
        let program = super::programs::portal().expect("the portal's program");
        let line = format!("{} --data {} {words}", program.display(), self.folder.path().display());
        let mut command = match answer {
            Some(_) => Command::new("script"),
            None => Command::new("sh"),
        };
        match answer {
            Some(_) => command.args(["--quiet", "--return", "--command", &line, "/dev/null"]),
            None => command.args(["-c", &format!("exec {line} 2>&1")]),
        };
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("a command line");
        let typed = format!("{}\n", answer.unwrap_or_default());
        // A program that asks nothing may be gone already.
        let _ = child.stdin.take().expect("its input").write_all(typed.as_bytes());
        let output = child.wait_with_output().expect("its end");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Its base address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was bought: a product with a feature, so many seats, no end of the term.
    pub fn entitlement(&self, quantity: u32) -> String {
        self.entitlement_with(quantity, |_| ())
    }

    pub fn entitlement_with(
        &self,
        quantity: u32,
        change: impl FnOnce(&mut NewEntitlement),
    ) -> String {
        let mut new =
            NewEntitlement::new(PRODUCT, &[("ortho", None), ("raster", Some(4))], quantity);
        change(&mut new);
        self.portal.create_entitlement(&new).expect("an entitlement")
    }

    /// One NL activation ID over an entitlement of its own.
    pub fn nl(&self, seats: u32) -> String {
        self.id(&self.entitlement(seats), Kind::Nl, seats)
    }

    /// One CC activation ID over an entitlement of its own.
    pub fn cc(&self, seats: u32) -> String {
        self.id(&self.entitlement(seats), Kind::Cc, seats)
    }

    pub fn id(&self, entitlement: &str, kind: Kind, seats: u32) -> String {
        let made = self.portal.generate(entitlement, kind, seats, 1).expect("an activation ID");
        made[0].activation_id.clone()
    }

    /// A machine with an identity of its own and an empty store.
    pub fn machine(&self, identity: &str) -> Machine {
        Machine::new(&self.portal.trust_root(), Some(&self.url), identity)
    }

    /// A machine that has no network, and never had.
    pub fn lone_machine(&self, identity: &str) -> Machine {
        Machine::new(&self.portal.trust_root(), None, identity)
    }

    /// Answers a request file, as the person at the portal does.
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        self.portal.answer_file(request).expect("a response").response.into_bytes()
    }

    /// Another process of a machine, over its store.
    pub fn machine_over(&self, identity: &str, storage: &std::path::Path) -> Machine {
        self.machine(identity).with(|settings| settings.storage = storage.to_owned())
    }

    pub fn show(&self, id: &str) -> ActivationView {
        self.portal.show(id).expect("an activation ID")
    }

    /// Fulfilled and available seats.
    pub fn seats(&self, id: &str) -> (i64, i64) {
        let shown = self.show(id);
        assert_eq!(
            shown.fulfilled + shown.cooling + shown.available,
            if shown.status == "active" { shown.seats + shown.excess } else { shown.fulfilled },
            "seats are conserved"
        );
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

    /// The portal's clock.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Moves it.
    pub fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }
}
