//! A portal without HTTP and machines without a library: what the tests are told in.

use std::sync::{Arc, Mutex};

use lm_protocol::envelope::sign;
use lm_protocol::{
    ActivationId, Answer, Evidence, Factor, FactorKind, Holder, Id, Keyring, Keyset, KeysetKey,
    KeysetStatus, Kind, MachineKind, Operation, PublicKey, Record, Request, Scope, SigningKey,
    StoreRef, Terms, Verdict,
};
use sqlx::Row as _;

use crate::admin::entitlements::NewEntitlement;
use crate::admin::restore::Restored;
use crate::admin::show::ActivationView;
use crate::admin::{Act, Actor, entitlements, generate, rehost, retire, show};
use crate::database::{Database, in_transaction};
use crate::error::Result;
use crate::ledger::{answer, history, identity};
use crate::portal::{PortalOptions, keeping};
use crate::ports::{Clock, Random};

pub(super) const DAY: i64 = 86_400;

/// Numbers that never repeat, the same in every run.
#[derive(Default)]
pub(super) struct Counter(Mutex<u64>);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        let digest = ring::digest::digest(&ring::digest::SHA256, &count.to_be_bytes());
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Ok(())
    }
}

struct Stopped(i64);

impl Clock for Stopped {
    fn now(&self) -> i64 {
        self.0
    }
}

pub(super) struct World {
    pub(super) database: Database,
    directory: tempfile::TempDir,
    pub(super) now: i64,
    pub(super) random: Counter,
    keyring: Keyring,
    actor: Actor,
}

impl World {
    pub(super) async fn new() -> Self {
        let database = Database::open("sqlite::memory:").await.unwrap();
        Self::over(database, tempfile::tempdir().unwrap()).await
    }

    /// As [`World::new`], with a database that can be backed up and restored.
    pub(super) async fn on_disk() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_directory(directory.path()).await.unwrap();
        Self::over(database, directory).await
    }

    pub(super) async fn backup(&self, name: &str) {
        self.database.keep(&self.directory.path().join(name), self.now).await.unwrap();
    }

    pub(super) async fn restore(&self, name: &str) -> Restored {
        let options = PortalOptions {
            clock: Arc::new(Stopped(self.now)),
            ..PortalOptions::in_directory(self.directory.path())
        };
        let file = self.directory.path().join(name);
        keeping::from_file(&self.database, &options, &file, 0).await.unwrap()
    }

    async fn over(database: Database, directory: tempfile::TempDir) -> Self {
        let (now, random) = (1_800_000_000, Counter::default());
        let root = in_transaction!(database, |db| async {
            identity::create(&mut *db, now, &random, Some("vendor")).await?;
            let keyset = identity::Identity::load(&mut *db).await?.keyset;
            Ok((identity::trust_root(db).await?, keyset))
        })
        .unwrap();
        let mut keyring = Keyring::new(root.0);
        keyring.learn(&root.1).unwrap();
        let actor = Actor { name: "anna".to_owned(), origin: "library" };
        Self { database, directory, now, random, keyring, actor }
    }

    /// An activation ID of an entitlement that holds exactly its seats.
    pub(super) async fn id(&self, kind: Kind, seats: u32, terms: Terms) -> ActivationId {
        let new = NewEntitlement { terms, ..ortho(seats) };
        self.id_of(&new, kind, seats).await
    }

    pub(super) async fn id_of(&self, new: &NewEntitlement, kind: Kind, seats: u32) -> ActivationId {
        let generated = self
            .act(async |act| {
                let entitlement = entitlements::create(act, new).await?;
                generate::generate(act, &entitlement, kind, seats, 1).await
            })
            .await
            .unwrap();
        generated[0].activation_id.parse().unwrap()
    }

    pub(super) async fn act<T>(&self, work: impl AsyncFn(&mut Act<'_>) -> Result<T>) -> Result<T> {
        in_transaction!(self.database, |db| work(&mut Act {
            db,
            now: self.now,
            random: &self.random,
            actor: &self.actor,
        }))
    }

    /// Revokes the key that signs, which leaves another one in its place, in the keyset too.
    pub(super) async fn replace_online_key(&mut self) {
        let now = self.now;
        let keyset = in_transaction!(self.database, |db| async {
            let old = sqlx::query("SELECT public_key FROM online_keys").fetch_one(&mut *db).await?;
            let root = sqlx::query("SELECT root_seed FROM portal").fetch_one(&mut *db).await?;
            let root = lm_protocol::encoding::from_hex(&root.try_get::<String, _>("root_seed")?)?;
            let keyset = Keyset {
                vendor: "vendor".to_owned(),
                version: 2,
                issued_at: now,
                keys: vec![
                    KeysetKey {
                        key: PublicKey(old.try_get::<String, _>("public_key")?.parse()?),
                        status: KeysetStatus::Revoked,
                        valid_from: now - DAY,
                        valid_until: now + DAY,
                    },
                    KeysetKey {
                        key: key(200).public(),
                        status: KeysetStatus::Active,
                        valid_from: now - DAY,
                        valid_until: now + 365 * DAY,
                    },
                ],
            };
            let keyset = sign(&keyset, &[&SigningKey::from_seed(root)?])?;
            sqlx::query("UPDATE online_keys SET status = 'revoked'").execute(&mut *db).await?;
            sqlx::query(
                "INSERT INTO online_keys (public_key, seed, status, valid_from, valid_until)
                 VALUES ($1, $2, 'active', $3, $4)",
            )
            .bind(key(200).public().to_string())
            .bind(lm_protocol::encoding::to_hex(key(200).seed()))
            .bind(now - DAY)
            .bind(now + 365 * DAY)
            .execute(&mut *db)
            .await?;
            sqlx::query("UPDATE portal SET keyset = $1").bind(keyset.clone()).execute(db).await?;
            Ok(keyset)
        })
        .unwrap();
        self.keyring.learn(&keyset).unwrap();
    }

    pub(super) async fn retire(&self, id: ActivationId) -> Result<()> {
        self.act(async |act| retire::retire(act, id).await).await
    }

    pub(super) async fn rehost(&self, id: ActivationId) -> Result<()> {
        self.act(async |act| rehost::rehost(act, id, None).await.map(|_| ())).await
    }

    pub(super) async fn show(&self, id: ActivationId) -> ActivationView {
        let view = self.act(async |act| show::show(act, id).await).await.unwrap();
        let held: i64 = view.fulfillments.iter().map(|held| held.seats).sum();
        assert_eq!(view.fulfilled, held, "fulfilled is what the machines hold");
        if view.status == "active" {
            let sum = view.fulfilled + view.cooling + view.available;
            assert_eq!(sum, view.seats + view.excess, "seats are conserved");
        }
        view
    }

    /// (fulfilled, cooling, available)
    pub(super) async fn seats(&self, id: ActivationId) -> (i64, i64, i64) {
        let view = self.show(id).await;
        (view.fulfilled, view.cooling, view.available)
    }

    pub(super) async fn flagged(&self) -> Vec<String> {
        let mut db = self.database.read().await.unwrap();
        let rows = history::read(&mut db, "", 0, 1000).await.unwrap();
        rows.into_iter().filter(|row| row.flagged).map(|row| row.action).collect()
    }

    pub(super) async fn try_send(&self, envelope: &str) -> Result<Answer> {
        let answered =
            in_transaction!(self.database, |db| answer(db, self.now, &self.random, envelope))?;
        Ok(self.keyring.verify::<Answer>(&answered.envelope).unwrap().into_inner())
    }

    /// Sends a request as its machine does and checks what every answer promises.
    pub(super) async fn send(&self, envelope: &str) -> Answer {
        let request = Request::open(envelope).unwrap();
        let answer = self.try_send(envelope).await.unwrap();
        answer.must_answer(&request).unwrap();
        answer
    }

    pub(super) fn record(&self, answer: &Answer) -> Record {
        self.keyring.verify::<Record>(text_of(answer)).unwrap().into_inner()
    }
}

pub(super) fn ortho(quantity: u32) -> NewEntitlement {
    NewEntitlement::new("ortho", &[("raster", None), ("points", Some(500))], quantity)
}

/// The text of the record that an answer grants.
pub(super) fn text_of(answer: &Answer) -> &str {
    match &answer.verdict {
        Verdict::Granted { record } => record,
        other => panic!("not granted: {other:?}"),
    }
}

pub(super) fn prompt() -> Terms {
    Terms::default()
}

pub(super) fn strict() -> Terms {
    Terms { strict: true, ..Terms::default() }
}

pub(super) fn no_lease() -> Terms {
    Terms { lease: 0, grace: 0, ..Terms::default() }
}

/// A machine with one store, as far as the portal can tell. What it keeps is public, so that a test
/// can copy, restore and lose it.
pub(super) struct Machine {
    pub(super) request: Request,
    pub(super) device_key: u8,
    pub(super) fresh_key: Option<u8>,
    pub(super) record: Option<(Record, String)>,
}

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

pub(super) fn op(number: u8) -> Id {
    Id([number; 16])
}

pub(super) fn host(number: u8) -> Evidence {
    let factor = |kind, value| Factor { kind, values: vec![Id([value; 16])] };
    Evidence {
        machine: MachineKind::Physical,
        factors: vec![
            factor(FactorKind::MachineId, number),
            factor(FactorKind::SystemUuid, number),
            factor(FactorKind::Network, number),
        ],
    }
}

impl Machine {
    pub(super) fn new(number: u8, id: ActivationId) -> Self {
        let request = Request {
            vendor: "vendor".to_owned(),
            product: "ortho".to_owned(),
            op: op(0),
            nonce: op(0),
            activation_id: id,
            operation: Operation::Activate { seats: 1 },
            holder: Holder { scope: Scope::Machine, user: None },
            host: host(number),
            host_label: format!("desk-{number}"),
            store: StoreRef { id: Id([number; 16]), generation: 1 },
            epoch: None,
            record: None,
            unanswered: None,
            device_key: key(number).public(),
            fresh_key: None,
            client: "lm test".to_owned(),
        };
        Self { request, device_key: number, fresh_key: None, record: None }
    }

    /// Signs `operation` as `op`, about the record where there is one.
    pub(super) fn ask(&self, op: Id, operation: Operation) -> String {
        let mut request = self.request.clone();
        (request.op, request.nonce, request.operation) = (op, op, operation);
        request.record = self.record.as_ref().map(|(_, text)| text.clone());
        let device = key(self.device_key);
        request.device_key = device.public();
        let fresh = self.fresh_key.map(key);
        request.fresh_key = fresh.as_ref().map(SigningKey::public);
        let keys: Vec<_> = std::iter::once(&device).chain(&fresh).collect();
        sign(&request, &keys).unwrap()
    }

    fn about(&self) -> (String, u64) {
        let (record, _) = self.record.as_ref().expect("a record");
        (record.fulfillment_id.clone(), record.generation)
    }

    pub(super) fn activate(&self, op: Id, seats: u32) -> String {
        self.ask(op, Operation::Activate { seats })
    }

    pub(super) fn abandon(&self, op: Id, activate: Id) -> String {
        self.ask(op, Operation::Abandon { activate })
    }

    pub(super) fn more_seats(&self, op: Id, seats: u32) -> String {
        let (fulfillment_id, generation) = self.about();
        self.ask(op, Operation::MoreSeats { seats, fulfillment_id, generation })
    }

    pub(super) fn return_(&self, op: Id, seats: u32) -> String {
        let (fulfillment_id, generation) = self.about();
        self.ask(op, Operation::Return { seats, fulfillment_id, generation })
    }

    pub(super) fn refresh(&self, op: Id) -> String {
        let (fulfillment_id, generation) = self.about();
        self.ask(op, Operation::Refresh { fulfillment_id, generation })
    }

    /// Applies a grant as the library does.
    pub(super) fn apply(&mut self, world: &World, answer: &Answer) {
        self.record = Some((world.record(answer), text_of(answer).to_owned()));
        self.request.store.generation += 1;
    }

    /// A machine that holds `seats` seats.
    pub(super) async fn activated(world: &World, number: u8, id: ActivationId, seats: u32) -> Self {
        let mut machine = Self::new(number, id);
        let answer = world.send(&machine.activate(op(number), seats)).await;
        machine.apply(world, &answer);
        machine
    }

    /// What a copy of the store, or a backup of it, holds.
    pub(super) fn copy(&self) -> Self {
        Self {
            request: self.request.clone(),
            device_key: self.device_key,
            fresh_key: self.fresh_key,
            record: self.record.clone(),
        }
    }
}
