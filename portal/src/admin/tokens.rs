//! Tokens of programs and owners: each for one purpose, for all or for one entitlement. A token is
//! told once; the database has its hash.

use lm_protocol::encoding::{to_base64_url, to_hex};
use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, Row as _};

use super::{About, Act, Actor, entitlements};
use crate::error::{Error, Result, damaged};
use crate::ports::bytes;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenScope {
    /// Re-hosting machines.
    Rehost,
}

impl TokenScope {
    const fn text(self) -> &'static str {
        match self {
            Self::Rehost => "rehost",
        }
    }
}

/// A token, without its text.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// Its name.
    pub name: String,
    /// What it is good for.
    pub scope: TokenScope,
    /// Only for the activation IDs of this entitlement; empty: for all.
    pub entitlement_id: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; 0: it is good.
    pub revoked_at: i64,
}

impl TokenView {
    /// Who acts by it, for the history.
    pub(crate) fn actor(&self) -> Actor {
        Actor { name: format!("token {}", self.name), origin: "api" }
    }
}

/// Makes a token and gives its text, which is nowhere kept.
pub async fn create(
    act: &mut Act<'_>,
    name: &str,
    scope: TokenScope,
    entitlement_id: &str,
) -> Result<String> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(Error::Invalid("a token's name has 1 to 64 printable bytes".to_owned()));
    }
    if !entitlement_id.is_empty() {
        entitlements::show(act.db, entitlement_id).await?;
    }
    let text = format!("lmt_{}", to_base64_url(&bytes::<32>(act.random)?));
    let done = sqlx::query(
        "INSERT INTO tokens (token_name, token_hash, scope, entitlement_id, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token_name) DO NOTHING",
    )
    .bind(name.to_owned())
    .bind(hash(&text))
    .bind(scope.text())
    .bind(entitlement_id.to_owned())
    .bind(act.now)
    .execute(&mut *act.db)
    .await?;
    if done.rows_affected() != 1 {
        return Err(Error::Refused(format!("there is, or was, a token \"{name}\" already")));
    }
    let about = About { entitlement_id, ..About::default() };
    act.tell("create token", about, json!({ "token": name, "scope": scope.text() })).await?;
    Ok(text)
}

/// Ends a token for good.
pub async fn revoke(act: &mut Act<'_>, name: &str) -> Result<()> {
    let done =
        sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE token_name = $2 AND revoked_at = 0")
            .bind(act.now)
            .bind(name.to_owned())
            .execute(&mut *act.db)
            .await?;
    if done.rows_affected() != 1 {
        return Err(Error::NotFound(format!("there is no token \"{name}\" that is good")));
    }
    act.tell("revoke token", About::default(), json!({ "token": name })).await
}

/// All tokens, by name; those that were revoked too.
pub async fn list(db: &mut AnyConnection) -> Result<Vec<TokenView>> {
    let rows = sqlx::query("SELECT * FROM tokens ORDER BY token_name").fetch_all(db).await?;
    rows.iter().map(view).collect()
}

/// The token with this text, where it is good.
pub(crate) async fn find(db: &mut AnyConnection, text: &str) -> Result<Option<TokenView>> {
    let row = sqlx::query("SELECT * FROM tokens WHERE token_hash = $1 AND revoked_at = 0")
        .bind(hash(text))
        .fetch_optional(db)
        .await?;
    row.as_ref().map(view).transpose()
}

/// Of 256 random bits: what can't be guessed needs no slow hash.
fn hash(text: &str) -> String {
    to_hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref())
}

fn view(row: &sqlx::any::AnyRow) -> Result<TokenView> {
    let scope: String = row.try_get("scope")?;
    Ok(TokenView {
        name: row.try_get("token_name")?,
        scope: match scope.as_str() {
            "rehost" => TokenScope::Rehost,
            _ => return Err(damaged("tokens.scope")),
        },
        entitlement_id: row.try_get("entitlement_id")?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
