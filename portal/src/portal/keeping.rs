//! Backup and restore.

use std::path::Path;

use sqlx::{Connection as _, Row as _};

use super::{Location, Portal, PortalOptions, runtime};
use crate::admin::restore::{self, Restored};
use crate::admin::{Act, Actor};
use crate::database::backup::{Unpacked, must_be_a_portals, not_by_file, put_back};
use crate::database::{Database, in_transaction};
use crate::error::{Error, Result};
use crate::ledger::identity;

impl Portal {
    /// Keeps a backup in a new file, also while the portal serves. SQLite only: PostgreSQL has
    /// `pg_dump`.
    pub fn backup(&self, file: &Path) -> Result<()> {
        let now = self.app.now();
        self.runtime.block_on(self.app.database.keep(file, now))
    }

    /// Takes a backup into use in place of what the location holds: from a file (SQLite), or, with
    /// `None`, as the database was put back by other means (`pg_restore`, a snapshot of its disk).
    /// `longest_lease`: seconds of the longest lease, with its grace, that was sold since the
    /// backup, where one was longer than those of the backup; else 0.
    pub fn restore(
        options: &PortalOptions,
        file: Option<&Path>,
        longest_lease: i64,
    ) -> Result<Restored> {
        runtime()?.block_on(async {
            if let Some(file) = file {
                if matches!(&options.location, Location::Url(url) if !url.starts_with("sqlite:")) {
                    return Err(not_by_file());
                }
                must_be_a_portals(file).await?;
            }
            let database = open(&options.location).await?;
            let done = match file {
                Some(file) => from_file(&database, options, file, longest_lease).await,
                None => in_place(&database, options, longest_lease).await,
            };
            database.close().await;
            done
        })
    }
}

pub(super) async fn open(location: &Location) -> Result<Database> {
    match location {
        Location::Directory(directory) => Database::open_directory(directory).await,
        Location::Url(url) => Database::open(url).await,
    }
}

async fn in_place(
    database: &Database,
    options: &PortalOptions,
    longest_lease: i64,
) -> Result<Restored> {
    let (now, random, actor) = (options.clock.now(), options.random.as_ref(), &options.actor);
    in_transaction!(database, |db| async {
        let mut act = Act { db, now, random, actor };
        if restore::epoch(&mut act).await? == 0 {
            return Err(Error::NotFound("this database holds no portal".to_owned()));
        }
        restore::into_use(&mut act, 0, longest_lease).await
    })
}

/// As [`Portal::restore`], of an open database.
pub(crate) async fn from_file(
    database: &Database,
    options: &PortalOptions,
    file: &Path,
    longest_lease: i64,
) -> Result<Restored> {
    let unpacked = database.unpack(file).await?;
    replace(database, options, &unpacked, longest_lease).await
}

/// All of it in one transaction: whoever serves meanwhile answers before it, or after it.
async fn replace(
    database: &Database,
    options: &PortalOptions,
    unpacked: &Unpacked,
    longest_lease: i64,
) -> Result<Restored> {
    let mut connection = database.beside(unpacked).await?;
    let done = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let (now, random) = (options.clock.now(), options.random.as_ref());
        let actor: &Actor = &options.actor;
        let mut act = Act { db: &mut transaction, now, random, actor };
        let restored = put_back_in(&mut act, longest_lease).await?;
        transaction.commit().await?;
        Ok(restored)
    }
    .await;
    // Not back to the others: it still sees the backup.
    connection.close().await?;
    done
}

async fn put_back_in(act: &mut Act<'_>, longest_lease: i64) -> Result<Restored> {
    let kept =
        sqlx::query("SELECT p.root_public, h.seq, h.hash FROM kept.portal p, kept.history_head h")
            .fetch_one(&mut *act.db)
            .await?;
    let last = restore::epoch(act).await?;
    let mut forgotten = None;
    if last != 0 {
        let root = identity::trust_root(act.db).await?;
        let own = root.keys.first().map(ToString::to_string).unwrap_or_default();
        if own != kept.try_get::<String, _>("root_public")? {
            let sentence = "this is the backup of another portal, whose keys are not those here";
            return Err(Error::Refused(sentence.to_owned()));
        }
        let hash: String = kept.try_get("hash")?;
        forgotten = restore::done_since(act, kept.try_get("seq")?, &hash).await?;
    }
    put_back(act.db).await?;
    let restored = restore::into_use(act, last, longest_lease).await?;
    Ok(Restored { forgotten, ..restored })
}
