//! Who this portal is: vendor, salt, epoch, root key, online keys and the keyset that names them.
//!
//! The root key signs keysets only, but in this version it is kept in the same database, so that
//! one file is the whole portal; the README says how to guard it.

use lm_protocol::encoding::{from_hex, to_hex};
use lm_protocol::envelope::sign;
use lm_protocol::limits::is_vendor;
use lm_protocol::{
    Bytes32, Keyset, KeysetKey, KeysetStatus, PublicKey, Record, SigningKey, TrustRoot, Unverified,
    Verified,
};
use sqlx::{AnyConnection, Row as _};

use crate::error::{Error, Result, damaged};
use crate::ports::{Random, bytes};

const DAY: i64 = 86_400;
/// The epoch of a portal that was never restored.
pub(crate) const FIRST_EPOCH: i64 = 1;
/// How long an online key is valid unless it is rotated: longer than any release is in the field.
const ONLINE_KEY_LIFE: i64 = 20 * 365 * DAY;

/// What answers are signed by and bound to.
#[derive(Debug)]
pub struct Identity {
    /// Whose portal.
    pub vendor: String,
    /// Rises when a backup is restored.
    pub epoch: i64,
    /// Signs answers, records and time statements.
    pub online: SigningKey,
    /// The keyset's envelope.
    pub keyset: String,
    /// Keys whose records stand: all that are not revoked.
    pub standing: Vec<PublicKey>,
}

impl Identity {
    /// Reads it.
    pub async fn load(db: &mut AnyConnection) -> Result<Self> {
        let row = sqlx::query("SELECT vendor, epoch, keyset FROM portal WHERE id = 1")
            .fetch_one(&mut *db)
            .await?;
        let keys = sqlx::query(
            "SELECT public_key, seed, status FROM online_keys WHERE status <> 'revoked'
             ORDER BY valid_from DESC, public_key",
        )
        .fetch_all(db)
        .await?;
        let (mut online, mut standing) = (None, Vec::new());
        for key in &keys {
            let public: String = key.try_get("public_key")?;
            standing.push(PublicKey(public.parse().map_err(|_| damaged("online_keys"))?));
            if online.is_none() && key.try_get::<String, _>("status")? == "active" {
                online = Some(signing_key(&key.try_get::<String, _>("seed")?)?);
            }
        }
        Ok(Self {
            vendor: row.try_get("vendor")?,
            epoch: row.try_get("epoch")?,
            online: online.ok_or_else(|| damaged("no online key is active"))?,
            keyset: row.try_get("keyset")?,
            standing,
        })
    }

    /// A record that this portal signed, from its envelope.
    pub fn record(&self, envelope: &str) -> Result<Verified<Record>> {
        let record = Unverified::<Record>::parse(envelope)?.verify(&self.standing)?;
        if record.vendor == self.vendor {
            Ok(record)
        } else {
            Err(Error::Message(lm_protocol::Error::Mismatch))
        }
    }
}

/// Whether the portal has an identity already.
pub async fn exists(db: &mut AnyConnection) -> Result<bool> {
    Ok(sqlx::query("SELECT id FROM portal").fetch_optional(db).await?.is_some())
}

/// When this database was kept as a backup that was not restored yet; `None`: it is at work.
pub(crate) async fn kept_at(db: &mut AnyConnection) -> Result<Option<i64>> {
    let row = sqlx::query("SELECT backup_at FROM portal").fetch_one(db).await?;
    let at: i64 = row.try_get("backup_at")?;
    Ok((at != 0).then_some(at))
}

/// Gives a fresh portal its identity: root key, salt, one online key and the first keyset.
/// `vendor` is fixed for ever; `None`: a name of its own.
pub async fn create(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    vendor: Option<&str>,
) -> Result<()> {
    let vendor = match vendor {
        Some(vendor) => vendor.to_owned(),
        None => format!("vendor-{}", to_hex(&bytes::<4>(random)?)),
    };
    if !is_vendor(&vendor) {
        let sentence = "a vendor's name has 1 to 64 bytes and no control characters";
        return Err(Error::Invalid(sentence.to_owned()));
    }
    let root = SigningKey::from_seed(bytes(random)?)?;
    let online = SigningKey::from_seed(bytes(random)?)?;
    let key = KeysetKey {
        key: online.public(),
        status: KeysetStatus::Active,
        // A day's room for a clock that is corrected after the first start.
        valid_from: now.saturating_sub(DAY).max(0),
        valid_until: now.saturating_add(ONLINE_KEY_LIFE),
    };
    let keyset =
        Keyset { vendor: vendor.clone(), version: 1, issued_at: now, keys: vec![key.clone()] };
    insert(db, now, &vendor, &bytes(random)?, &root, &sign(&keyset, &[&root])?).await?;
    sqlx::query(
        "INSERT INTO online_keys (public_key, seed, status, valid_from, valid_until)
         VALUES ($1, $2, 'active', $3, $4)",
    )
    .bind(online.public().to_string())
    .bind(to_hex(online.seed()))
    .bind(key.valid_from)
    .bind(key.valid_until)
    .execute(db)
    .await?;
    Ok(())
}

async fn insert(
    db: &mut AnyConnection,
    now: i64,
    vendor: &str,
    salt: &[u8; 32],
    root: &SigningKey,
    keyset: &str,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO portal (id, vendor, salt, epoch, root_public, root_seed, keyset,
            keyset_version, created_at) VALUES (1, $1, $2, 1, $3, $4, $5, 1, $6)",
    )
    .bind(vendor.to_owned())
    .bind(to_hex(salt))
    .bind(root.public().to_string())
    .bind(to_hex(root.seed()))
    .bind(keyset.to_owned())
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// What is compiled into host applications.
pub async fn trust_root(db: &mut AnyConnection) -> Result<TrustRoot> {
    let row = sqlx::query("SELECT vendor, salt, root_public FROM portal WHERE id = 1")
        .fetch_optional(db)
        .await?
        .ok_or_else(|| Error::NotFound("this portal has no keys yet".to_owned()))?;
    let public: String = row.try_get("root_public")?;
    Ok(TrustRoot {
        vendor: row.try_get("vendor")?,
        keys: vec![PublicKey(public.parse().map_err(|_| damaged("portal.root_public"))?)],
        salt: Bytes32(
            from_hex(&row.try_get::<String, _>("salt")?).map_err(|_| damaged("portal.salt"))?,
        ),
    })
}

fn signing_key(seed: &str) -> Result<SigningKey> {
    let seed = zeroize::Zeroizing::new(from_hex(seed).map_err(|_| damaged("online_keys.seed"))?);
    Ok(SigningKey::from_seed(*seed)?)
}
