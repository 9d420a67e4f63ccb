//! Users, their passwords and sessions, and what counts failures.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use lm_protocol::encoding::{to_base64_url, to_hex};
use sqlx::{AnyConnection, Row as _};

use crate::error::{Error, Result, damaged};
use crate::ports::{Random, bytes};

/// How long a session lasts, in seconds.
pub(crate) const SESSION_LIFE: i64 = 12 * 3600;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Vendor,
    /// Activation IDs and seats.
    Administrator,
    /// To look.
    Viewer,
}

impl Role {
    /// Its text in the database and on the command line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Administrator => "administrator",
            Self::Viewer => "viewer",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [Self::Vendor, Self::Administrator, Self::Viewer]
            .into_iter()
            .find(|role| role.text() == text)
            .ok_or_else(|| damaged("users.role"))
    }
}

/// A new password of 100 random bits, in groups that can be copied from a screen.
pub(crate) fn new_password(random: &dyn Random) -> Result<String> {
    const ALPHABET: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u',
        'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7', '8', '9', '0',
    ];
    let random: [u8; 20] = bytes(random)?;
    let characters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
    let mut password = String::new();
    for (at, character) in characters.enumerate() {
        if at > 0 && at % 5 == 0 {
            password.push('-');
        }
        password.push(*character);
    }
    Ok(password)
}

/// The hash to keep of a password: Argon2id. Takes some tens of milliseconds.
pub(crate) fn hash_password(random: &dyn Random, password: &str) -> Result<String> {
    let salt: [u8; 16] = bytes(random)?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| Error::System(format!("hashing a password: {error}")))?;
    Ok(hash.to_string())
}

/// Whether a password is the one of the hash. Where there is no such user (`None`) it takes as
/// long, so that time tells nothing about names.
#[must_use]
pub(crate) fn is_password(hash: Option<&str>, password: &str) -> bool {
    /// Of a password that nobody knows.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS0$\
        Q2hlY2tpbmcgdGFrZXMgdGhlIHNhbWUgdGltZSBoZXJl";
    PasswordHash::new(hash.unwrap_or(NOBODY)).is_ok_and(|known| {
        Argon2::default().verify_password(password.as_bytes(), &known).is_ok() && hash.is_some()
    })
}

/// Makes a user, or gives an existing one another password and role and ends its sessions.
pub(crate) async fn set_user(
    db: &mut AnyConnection,
    now: i64,
    name: &str,
    role: Role,
    password_hash: &str,
) -> Result<()> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(Error::Invalid("a user's name has 1 to 64 printable bytes".to_owned()));
    }
    sqlx::query(
        "INSERT INTO users (user_name, password_hash, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_name) DO UPDATE SET password_hash = excluded.password_hash,
            role = excluded.role",
    )
    .bind(name.to_owned())
    .bind(password_hash.to_owned())
    .bind(role.text())
    .bind(now)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM sessions WHERE user_name = $1")
        .bind(name.to_owned())
        .execute(db)
        .await?;
    Ok(())
}

/// A user's role; `None`: no such user.
pub(crate) async fn role(db: &mut AnyConnection, name: &str) -> Result<Option<Role>> {
    let row = sqlx::query("SELECT role FROM users WHERE user_name = $1")
        .bind(name.to_owned())
        .fetch_optional(db)
        .await?;
    row.map(|row| Role::parse(&row.try_get::<String, _>("role")?)).transpose()
}

/// The hash of a user's password; `None`: no such user.
pub(crate) async fn password_hash(db: &mut AnyConnection, name: &str) -> Result<Option<String>> {
    let row = sqlx::query("SELECT password_hash FROM users WHERE user_name = $1")
        .bind(name.to_owned())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| row.try_get("password_hash")).transpose()?)
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// What every form of this session carries.
    pub csrf: String,
}

/// Begins a session and gives its token, which only the browser keeps.
pub(crate) async fn begin_session(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    user: &str,
) -> Result<String> {
    let token = to_base64_url(&bytes::<32>(random)?);
    sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now).execute(&mut *db).await?;
    sqlx::query(
        "INSERT INTO sessions (token_hash, user_name, csrf, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(token_hash(&token))
    .bind(user.to_owned())
    .bind(to_base64_url(&bytes::<32>(random)?))
    .bind(now.saturating_add(SESSION_LIFE))
    .execute(db)
    .await?;
    Ok(token)
}

/// The session of a token, while it lasts.
pub(crate) async fn session(
    db: &mut AnyConnection,
    now: i64,
    token: &str,
) -> Result<Option<Session>> {
    let row = sqlx::query(
        "SELECT s.user_name, s.csrf, u.role FROM sessions s
         JOIN users u ON u.user_name = s.user_name
         WHERE s.token_hash = $1 AND s.expires_at > $2",
    )
    .bind(token_hash(token))
    .bind(now)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Session {
        user: row.try_get("user_name")?,
        role: Role::parse(&row.try_get::<String, _>("role")?)?,
        csrf: row.try_get("csrf")?,
    }))
}

/// Ends a session.
pub(crate) async fn end_session(db: &mut AnyConnection, token: &str) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(token_hash(token))
        .execute(db)
        .await?;
    Ok(())
}

fn token_hash(token: &str) -> String {
    to_hex(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref())
}

/// For how long failures count, in seconds. One window for all: whoever counts forgets the old ones.
const WINDOW: i64 = 900;

/// A limit on failures, never on successes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttle {
    /// Failures before it closes for the rest of the window.
    pub failures: i64,
}

impl Throttle {
    /// Seconds until the subject may try again; `None`: it may now.
    pub(crate) async fn closed_for(
        self,
        db: &mut AnyConnection,
        now: i64,
        subject: &str,
    ) -> Result<Option<i64>> {
        let row = sqlx::query("SELECT failures, since FROM throttle WHERE subject = $1")
            .bind(subject.to_owned())
            .fetch_optional(db)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (failures, since): (i64, i64) = (row.try_get("failures")?, row.try_get("since")?);
        let left = since.saturating_add(WINDOW).saturating_sub(now);
        Ok((failures >= self.failures && left > 0).then_some(left))
    }

    /// Counts a failure, in one statement with the question whether there is room for it. `false`:
    /// it is closed, and nothing was counted. What is counted before it is tried can't be tried
    /// more often by trying it many times at once.
    pub(crate) async fn count(
        self,
        db: &mut AnyConnection,
        now: i64,
        subject: &str,
    ) -> Result<bool> {
        let old = now.saturating_sub(WINDOW);
        sqlx::query("DELETE FROM throttle WHERE since <= $1").bind(old).execute(&mut *db).await?;
        let done = sqlx::query(
            "INSERT INTO throttle (subject, failures, since) VALUES ($1, 1, $2)
             ON CONFLICT (subject) DO UPDATE SET failures = throttle.failures + 1
             WHERE throttle.failures < $3",
        )
        .bind(subject.to_owned())
        .bind(now)
        .bind(self.failures)
        .execute(db)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes one back that was counted before it was tried, and was no failure.
    pub(crate) async fn refund(self, db: &mut AnyConnection, subject: &str) -> Result<()> {
        sqlx::query(
            "UPDATE throttle SET failures = failures - 1 WHERE subject = $1 AND failures > 0",
        )
        .bind(subject.to_owned())
        .execute(db)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemRandomness;

    #[test]
    fn a_password_is_known_by_its_hash_and_nobody_has_none() {
        let random = SystemRandomness::default();
        let password = new_password(&random).unwrap();
        assert_eq!(password.len(), 23);
        let hash = hash_password(&random, &password).unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(is_password(Some(&hash), &password));
        assert!(!is_password(Some(&hash), "another"));
        assert!(!is_password(None, &password));
    }
}
