//! The real portal behind the wire: its ledger and its acts, each in one transaction over SQLite in
//! memory. One for each thread: a seed begins with empty tables and the same identity.

use std::sync::atomic::{AtomicU64, Ordering};

use lm_portal::admin::{Act, Actor, restore as restoring};
use lm_portal::ledger::{self, identity};
use lm_portal::ports::Random;
use lm_portal::{Database, Error, Result};
use lm_protocol::file::{self, RequestEntry};
use lm_protocol::{
    Answer, Id, Keyring, Post, Record, Reply, Request, SigningKey, TimeStatement, TrustRoot,
    Verified,
};
use sqlx::AnyConnection;
use tokio::runtime::Runtime;

use crate::dice::Dice;
use crate::plan::BEGIN;

/// The vendor.
pub(crate) const VENDOR: &str = "vendor";

/// The portal of one thread.
pub struct Portal {
    runtime: Runtime,
    database: Database,
    root: TrustRoot,
    trust_root: String,
    online: SigningKey,
    actor: Actor,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is committed.
    Commit,
    /// The portal dies before it commits: nothing has happened.
    DiesLate,
    /// The portal dies in the middle, at the so-manieth use of its randomness.
    DiesAt(u64),
    /// A planted fault: it is rolled back and answered all the same.
    AnswersAnyway,
}

/// The portal's randomness during one transaction.
struct Chance {
    dice: std::sync::Mutex<Dice>,
    left: AtomicU64,
}

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(killed());
        }
        crate::locked(&self.dice).fill(bytes);
        Ok(())
    }
}

impl Chance {
    fn new(dice: Dice, end: End) -> Self {
        let left = if let End::DiesAt(left) = end { left } else { u64::MAX };
        Self { dice: std::sync::Mutex::new(dice), left: AtomicU64::new(left) }
    }
}

/// What a hand does to the portal's tables within its transaction: planted faults.
pub(crate) type Hand = fn(&Request) -> Vec<String>;

/// What a seed begins without, those first that refer to others.
const TABLES: [&str; 12] = [
    "allowances",
    "tallies",
    "operations",
    "cooling_seats",
    "replaced_keys",
    "fulfillments",
    "stores",
    "history",
    "activation_ids",
    "entitlements",
    "products",
    "history_head",
];

impl Portal {
    /// Opens a portal in memory. Its keys are the same each time.
    pub fn open() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::System(error.to_string()))?;
        let chance = Chance::new(Dice::of(0, 0, 9), End::Commit);
        let (database, root, online) = runtime.block_on(async {
            let database = Database::open("sqlite::memory:").await?;
            let mut write = database.begin().await?;
            identity::create(write.connection(), BEGIN, &chance, Some(VENDOR)).await?;
            let root = identity::trust_root(write.connection()).await?;
            let online = identity::Identity::load(write.connection()).await?.online;
            write.commit().await?;
            Ok::<_, Error>((database, root, online))
        })?;
        let actor = Actor { name: "vera".to_owned(), origin: "library" };
        let trust_root = root.to_string();
        Ok(Self { runtime, database, root, trust_root, online, actor })
    }

    /// The line that is compiled into host applications.
    pub(crate) fn trust_root(&self) -> &str {
        &self.trust_root
    }

    /// The key that answers are signed by, for a hand that forges.
    pub(crate) const fn online(&self) -> &SigningKey {
        &self.online
    }

    /// Empties the tables; who the portal is stays.
    pub(crate) fn wipe(&self) -> Result<()> {
        self.runtime.block_on(async {
            let mut write = self.database.begin().await?;
            for table in TABLES {
                run(write.connection(), &format!("DELETE FROM {table}")).await?;
            }
            run(write.connection(), "INSERT INTO history_head (id, seq, hash) VALUES (1, 0, '')")
                .await?;
            run(write.connection(), "UPDATE portal SET epoch = 1").await?;
            write.commit().await?;
            Ok(())
        })
    }

    /// Keeps a copy of every table.
    pub(crate) fn back_up(&self) -> Result<()> {
        self.tables(async |db| {
            for table in TABLES {
                run(db, &format!("DROP TABLE IF EXISTS kept_{table}")).await?;
                run(db, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await?;
            }
            Ok(())
        })
    }

    /// Puts the copy back, as the database that was lost, and takes it into use. A planted fault keeps
    /// its old epoch.
    pub(crate) fn restore(
        &self,
        (now, dice): (i64, Dice),
        longest_lease: i64,
        keeps_epoch: bool,
    ) -> Result<()> {
        self.act(now, dice, async |act| {
            let last = restoring::epoch(act).await?;
            run(act.db, "PRAGMA defer_foreign_keys = ON").await?;
            for table in TABLES {
                run(act.db, &format!("DELETE FROM {table}")).await?;
                run(act.db, &format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await?;
            }
            restoring::into_use(act, last, longest_lease).await?;
            if keeps_epoch {
                run(act.db, &format!("UPDATE portal SET epoch = {last}")).await?;
            }
            Ok(())
        })
    }

    /// One act of a person, in one transaction.
    pub(crate) fn act<T>(
        &self,
        now: i64,
        dice: Dice,
        work: impl AsyncFn(&mut Act<'_>) -> Result<T>,
    ) -> Result<T> {
        let chance = Chance::new(dice, End::Commit);
        self.runtime.block_on(async {
            let mut write = self.database.begin().await?;
            let act = &mut Act { db: write.connection(), now, random: &chance, actor: &self.actor };
            let done = work(act).await?;
            write.commit().await?;
            Ok(done)
        })
    }

    /// Reads tables.
    pub(crate) fn read<T>(&self, work: impl AsyncFn(&mut AnyConnection) -> Result<T>) -> Result<T> {
        self.runtime.block_on(async { work(&mut *self.database.read().await?).await })
    }

    /// Reads or mends tables, in one transaction.
    pub(crate) fn tables<T>(
        &self,
        work: impl AsyncFn(&mut AnyConnection) -> Result<T>,
    ) -> Result<T> {
        self.runtime.block_on(async {
            let mut write = self.database.begin().await?;
            let done = work(write.connection()).await?;
            write.commit().await?;
            Ok(done)
        })
    }

    /// Answers what was posted, as the server does: opened, answered in one transaction, committed.
    pub(crate) fn reply(
        &self,
        now: i64,
        dice: Dice,
        body: &[u8],
        (end, hand): (End, Option<Hand>),
    ) -> Result<Reply> {
        let post = Post::parse(body)?;
        let request = Request::open(&post.request)?;
        let chance = Chance::new(dice, end);
        self.runtime.block_on(async {
            let mut write = self.database.begin().await?;
            let (reply, _) =
                ledger::reply(write.connection(), now, &chance, &request, post.time_nonce).await?;
            if let Some(hand) = hand {
                for statement in hand(&request) {
                    run(write.connection(), &statement).await?;
                }
            }
            match end {
                End::Commit | End::DiesAt(_) => write.commit().await?,
                End::AnswersAnyway => write.rollback().await?,
                End::DiesLate => {
                    write.rollback().await?;
                    return Err(killed());
                }
            }
            Ok(reply)
        })
    }

    /// Answers one request of a file: its answer, the time where that was asked for, the keyset.
    pub(crate) fn reply_in_file(
        &self,
        now: i64,
        dice: Dice,
        entry: &RequestEntry,
        end: End,
    ) -> Result<(Verified<Request>, String, Option<String>, String)> {
        let request = Request::open(&entry.request)?;
        let chance = Chance::new(dice, end);
        let (answered, time, keyset) = self.runtime.block_on(async {
            let mut write = self.database.begin().await?;
            let answered = ledger::answer_in_file(
                write.connection(),
                now,
                &chance,
                &request,
                entry.time_nonce,
            )
            .await?;
            match end {
                End::Commit | End::DiesAt(_) => write.commit().await?,
                End::AnswersAnyway => write.rollback().await?,
                End::DiesLate => return Err(killed()),
            }
            Ok::<_, Error>(answered)
        })?;
        Ok((request, answered.envelope, time, keyset))
    }

    /// The text of a response file.
    pub(crate) fn response_file(
        &self,
        keyset: &str,
        answered: &[(Verified<Request>, String, Option<String>)],
    ) -> Result<Vec<u8>> {
        let mut keyring = Keyring::new(self.root.clone());
        keyring.learn(keyset)?;
        let mut verified = Vec::new();
        for (request, answer, time) in answered {
            verified.push((request, keyring.verify::<Answer>(answer)?, time.as_deref()));
        }
        let entries: Vec<file::Answered<'_>> =
            verified.iter().map(|(request, answer, time)| (&***request, answer, *time)).collect();
        Ok(file::write_answers(keyset, &entries, &[])?.into_bytes())
    }

    /// Signs an answer with the portal's own key: what no one but a planted fault can do.
    pub(crate) fn forge(
        &self,
        (answer, record): (Answer, Option<Record>),
        (keyset, now, nonce): (String, i64, Id),
    ) -> lm_protocol::Result<Reply> {
        use lm_protocol::envelope::sign;
        let mut answer = answer;
        if let Some(record) = record {
            let record = sign(&record, &[self.online()])?;
            answer.verdict = lm_protocol::Verdict::Granted { record };
        }
        let statement = TimeStatement { vendor: VENDOR.to_owned(), nonce, time: now };
        Ok(Reply {
            answer: sign(&answer, &[self.online()])?,
            keyset,
            time: sign(&statement, &[self.online()])?,
        })
    }
}

fn killed() -> Error {
    Error::System("the portal was killed".to_owned())
}

/// Runs a statement that is made here and takes no arguments.
pub(crate) async fn run(db: &mut AnyConnection, statement: &str) -> Result<()> {
    sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(db).await?;
    Ok(())
}
