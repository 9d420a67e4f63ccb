//! The database: SQLite in the data directory, or PostgreSQL by its URL, the same SQL for both.

pub(crate) mod backup;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Any, AnyConnection, AnyPool, Executor as _, SqlSafeStr as _, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{Error, Result};

/// How often a transaction that lost against another one is run again.
const TRIES: u32 = 20;

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "ledger", include_str!("../migrations/0001_ledger.sql")),
    (2, "people", include_str!("../migrations/0002_people.sql")),
    (3, "whole life", include_str!("../migrations/0003_whole_life.sql")),
];

/// An open database with today's tables.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    /// Whose turn it is to write to SQLite: one writes at a time, and those who wait for its lock by
    /// themselves only try now and then, so that one of them may be passed over for a second.
    turn: Option<Arc<Mutex<()>>>,
    /// Of SQLite, unless it is in memory.
    file: Option<PathBuf>,
}

/// A transaction that writes, and on SQLite this process's turn to.
pub struct Write {
    transaction: Transaction<'static, Any>,
    /// Given on when it has ended.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Write {
    /// Where it is done.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Makes what was done durable.
    pub async fn commit(self) -> Result<()> {
        Ok(self.transaction.commit().await?)
    }

    /// Undoes what was done.
    pub async fn rollback(self) -> Result<()> {
        Ok(self.transaction.rollback().await?)
    }
}

impl Database {
    /// Opens (and where new, makes) the SQLite database of a data directory. The directory is
    /// made for its owner only: the database holds the portal's keys.
    pub async fn open_directory(data: &Path) -> Result<Self> {
        let system = |error: std::io::Error| {
            Error::System(format!("the data directory {}: {error}", data.display()))
        };
        if !data.is_dir() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(data).map_err(system)?;
        }
        let file = std::path::absolute(data).map_err(system)?.join("portal.db");
        let path = file.to_str().ok_or_else(|| Error::Invalid("--data is not UTF-8".to_owned()))?;
        Self::open(&format!("sqlite://{}?mode=rwc", escaped(path))).await
    }

    /// Opens a database by its URL: `sqlite:…` or `postgres:…`.
    pub async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let file = if sqlite { guard(url)? } else { None };
        // A database in memory lives in one connection.
        let connections = if url.contains(":memory:") { 1 } else { 8 };
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(20))
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect(url)
            .await?;
        let database = Self { pool, turn: sqlite.then(Arc::default), file };
        database.migrate().await?;
        Ok(database)
    }

    async fn migrate(&self) -> Result<()> {
        let migrations = MIGRATIONS.map(|(version, name, sql)| {
            let kind = MigrationType::Simple;
            Migration::new(version, Cow::Borrowed(name), kind, sql.into_sql_str(), false)
        });
        let migrator = Migrator::with_migrations(migrations.to_vec());
        let mut tries = 0;
        loop {
            match migrator.run(&self.pool).await {
                Ok(()) => return Ok(()),
                // Two programs on a fresh database: the one that comes second finds the tables.
                Err(_) if tries < TRIES => {
                    tries += 1;
                    pause(tries).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, so that it
    /// can't fail later for having read first.
    pub async fn begin(&self) -> Result<Write> {
        let (turn, statement) = match &self.turn {
            Some(turn) => (Some(turn.clone().lock_owned().await), "BEGIN IMMEDIATE"),
            None => (None, "BEGIN"),
        };
        Ok(Write { transaction: self.pool.begin_with(statement).await?, _turn: turn })
    }

    /// A connection to read by.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<Any>> {
        Ok(self.pool.acquire().await?)
    }

    /// Waits for what is under way and closes the files.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Ends a transaction: commits what was done, rolls back what failed. `None`: it lost against
    /// another one and is to be run again from its beginning.
    pub(crate) async fn settle<T>(
        write: Write,
        done: Result<T>,
        tries: &mut u32,
    ) -> Result<Option<T>> {
        let ended = match done {
            Ok(value) => write.commit().await.map(|()| value),
            Err(error) => {
                // What failed has changed nothing, whether the rollback gets through or not.
                let _ = write.rollback().await;
                Err(error)
            }
        };
        Self::or_again(ended, tries).await
    }

    /// Turns a lost conflict into `None`, after a pause, as long as there are tries left.
    pub(crate) async fn or_again<T>(done: Result<T>, tries: &mut u32) -> Result<Option<T>> {
        match done {
            Err(error) if error.is_conflict() && *tries < TRIES => {
                *tries += 1;
                pause(*tries).await;
                Ok(None)
            }
            done => done.map(Some),
        }
    }
}

/// Runs `$work` with a write transaction as `$db`, again where it lost against another one.
macro_rules! in_transaction {
    ($database:expr, |$db:ident| $work:expr) => {{
        let run = async {
            let mut tries = 0;
            loop {
                let begun = $database.begin().await;
                let begun = $crate::database::Database::or_again(begun, &mut tries).await?;
                let Some(mut write) = begun else {
                    continue;
                };
                let done = {
                    let $db: &mut sqlx::AnyConnection = write.connection();
                    $work.await
                };
                let settled = $crate::database::Database::settle(write, done, &mut tries).await?;
                if let Some(value) = settled {
                    break Ok(value);
                }
            }
        };
        let done: $crate::error::Result<_> = run.await;
        done
    }};
}
pub(crate) use in_transaction;

async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(tries) * 5)).await;
}

/// SQLite's switches: readers beside a writer, and no answer that a power cut takes back.
async fn prepare(connection: &mut AnyConnection) -> sqlx::Result<()> {
    if connection.backend_name() == "SQLite" {
        let switches = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
        connection.execute(switches).await?;
    }
    Ok(())
}

/// Makes an SQLite database's file its owner's only, before anything is in it: it holds the portal's
/// keys. SQLite gives its files beside this one the same mode. Gives the file; `None`: it is in
/// memory, or only to be read.
fn guard(url: &str) -> Result<Option<PathBuf>> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let asks_for = |what: &str| query.split('&').any(|part| part == what);
    if url.contains(":memory:") || asks_for("mode=memory") || asks_for("mode=ro") {
        return Ok(None);
    }
    let options: SqliteConnectOptions = url.parse()?;
    let file = options.get_filename();
    if !file.exists() && !asks_for("mode=rwc") {
        // Opening it says so.
        return Ok(None);
    }
    let system = |error: std::io::Error| {
        Error::System(format!("making {} its owner's only: {error}", file.display()))
    };
    // A file that is there is not opened: SQLite's locks of this process end where any handle of it
    // is closed.
    if !file.exists() {
        let mut owners = std::fs::OpenOptions::new();
        owners.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut owners, 0o600);
        match owners.open(file) {
            // Another program was first.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            done => drop(done.map_err(system)?),
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).map_err(system)?.permissions().mode();
        if mode & 0o077 != 0 {
            let owners = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(file, owners).map_err(system)?;
        }
    }
    Ok(Some(file.to_owned()))
}

/// What a path must hide from the parser of a URL.
fn escaped(path: &str) -> String {
    path.chars()
        .map(|character| match character {
            '%' => "%25".to_owned(),
            '?' => "%3F".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite alone lets whoever tries at the right moment pass those who sleep between their tries.
    #[test]
    fn who_writes_to_sqlite_comes_in_the_order_of_asking() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::open_directory(folder.path()).await.unwrap();
            let first = database.begin().await.unwrap();
            let order = Arc::new(std::sync::Mutex::new(Vec::new()));
            let mut waiting = Vec::new();
            for number in 0..20 {
                let (database, order) = (database.clone(), order.clone());
                waiting.push(tokio::spawn(async move {
                    let write = database.begin().await.unwrap();
                    order.lock().unwrap().push(number);
                    Database::settle(write, Ok(()), &mut 0).await.unwrap();
                }));
                tokio::task::yield_now().await;
            }
            Database::settle(first, Ok(()), &mut 0).await.unwrap();
            for task in waiting {
                task.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
        });
    }
}
