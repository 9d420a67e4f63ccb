//! Backups of an SQLite database: kept while it is served, and put back beside whoever serves it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::{Database, escaped};
use crate::error::{Error, Result};

impl Database {
    /// Keeps a backup in a new file, consistent whatever is written meanwhile. It is its owner's
    /// only, marked with the time, and serves nobody until it is restored.
    pub(crate) async fn keep(&self, to: &Path, now: i64) -> Result<()> {
        if self.turn.is_none() {
            return Err(Error::Refused(
                "PostgreSQL keeps its own backups: `pg_dump --format=custom --file FILE URL`; \
                 after `pg_restore`, `lm-portal --database URL restore --in-place` takes what was \
                 put back into use"
                    .to_owned(),
            ));
        }
        if to.exists() {
            return Err(Error::Refused(format!("{} is there already", to.display())));
        }
        let part = beside(to, "part");
        drop(owners_only(&part)?);
        let kept = self.write_to(&part, now).await.and_then(|()| in_place(&part, to));
        if kept.is_err() {
            // What was begun is of no use, and has keys in it.
            let _ = fs::remove_file(&part);
        }
        kept
    }

    async fn write_to(&self, part: &Path, now: i64) -> Result<()> {
        let path = text(part)?;
        // SQLite takes an empty file for none.
        sqlx::query("VACUUM INTO $1").bind(path).execute(&mut *self.read().await?).await?;
        let mut copy = AnyConnection::connect(&format!("sqlite://{}", escaped(path))).await?;
        sqlx::query("UPDATE portal SET backup_at = $1").bind(now).execute(&mut copy).await?;
        copy.close().await?;
        File::open(part).and_then(|file| file.sync_all()).map_err(|error| failed(part, &error))
    }

    /// A copy of a backup beside this database, brought up to today's tables, to be put back from.
    pub(crate) async fn unpack(&self, from: &Path) -> Result<Unpacked> {
        let own = self.file.as_deref().ok_or_else(not_by_file)?;
        let unpacked = Unpacked(beside(own, "restore"));
        // Of an attempt that was cut off.
        unpacked.remove();
        let mut source = File::open(from).map_err(|error| failed(from, &error))?;
        let mut copy = owners_only(&unpacked.0)?;
        io::copy(&mut source, &mut copy).map_err(|error| failed(&unpacked.0, &error))?;
        drop(copy);
        let url = format!("sqlite://{}?mode=rw", escaped(text(&unpacked.0)?));
        Self::open(&url).await?.close().await;
        Ok(unpacked)
    }

    /// A connection of its own that sees the unpacked backup as `kept`.
    pub(crate) async fn beside(
        &self,
        unpacked: &Unpacked,
    ) -> Result<sqlx::pool::PoolConnection<sqlx::Any>> {
        let mut connection = self.pool.acquire().await?;
        sqlx::query("ATTACH DATABASE $1 AS kept")
            .bind(text(&unpacked.0)?.to_owned())
            .execute(&mut *connection)
            .await?;
        Ok(connection)
    }
}

/// What has no file can't be put back from one.
pub(crate) fn not_by_file() -> Error {
    Error::Refused(
        "stop the portals and put the dump back with `pg_restore` (or psql) first, then run `restore \
         --in-place`"
            .to_owned(),
    )
}

/// Refuses a file that is no portal's, before anything is made for it.
pub(crate) async fn must_be_a_portals(file: &Path) -> Result<()> {
    File::open(file).map_err(|error| failed(file, &error))?;
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}?mode=ro&immutable=true", escaped(text(file)?));
    let found = async {
        let mut backup = AnyConnection::connect(&url).await?;
        let found = sqlx::query("SELECT vendor FROM portal").fetch_optional(&mut backup).await?;
        backup.close().await?;
        Ok::<_, sqlx::Error>(found.is_some())
    };
    match found.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Refused(format!("{} holds no portal", file.display()))),
        Err(error) => {
            Err(Error::Refused(format!("{} is no backup of a portal: {error}", file.display())))
        }
    }
}

/// Replaces every row by the backup's, within the caller's transaction.
pub(crate) async fn put_back(db: &mut AnyConnection) -> Result<()> {
    // Rows go and come in any order; what they refer to is looked at when all are there.
    sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *db).await?;
    let tables = sqlx::query(
        "SELECT name FROM kept.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
            AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut *db)
    .await?;
    for table in &tables {
        let table: String = table.try_get("name")?;
        for statement in [
            format!("DELETE FROM main.\"{table}\""),
            // A plain copy of a table passes over who refers to it; one that asks doesn't.
            format!("INSERT INTO main.\"{table}\" SELECT * FROM kept.\"{table}\" WHERE true"),
        ] {
            // The names are those of this program's own tables.
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// An unpacked backup; it goes when it is dropped.
pub(crate) struct Unpacked(PathBuf);

impl Unpacked {
    fn remove(&self) {
        for file in [self.0.clone(), ending(&self.0, "-wal"), ending(&self.0, "-shm")] {
            // Most are not there.
            let _ = fs::remove_file(file);
        }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        self.remove();
    }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    ending(path, &format!(".{what}"))
}

fn ending(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A new file that nobody else can read: it holds the portal's keys.
fn owners_only(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(path, &error))
}

fn in_place(part: &Path, to: &Path) -> Result<()> {
    let moved = fs::rename(part, to);
    #[cfg(unix)]
    let moved = moved.and_then(|()| {
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    });
    moved.map_err(|error| failed(to, &error))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::Invalid(format!("{} is not UTF-8", path.display())))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::System(format!("{}: {error}", path.display()))
}
