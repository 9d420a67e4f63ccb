//! The portal's memory of stores: the highest generation that it has seen of each. Only the client
//! compares, with what it holds.

use lm_protocol::StoreRef;
use sqlx::{AnyConnection, Row as _};

use crate::error::{Result, damaged};

/// Notes a store's generation and gives the highest one seen.
pub(super) async fn note(db: &mut AnyConnection, now: i64, store: StoreRef) -> Result<u64> {
    let generation = i64::try_from(store.generation).map_err(|_| lm_protocol::Error::Malformed)?;
    let id = store.id.to_string();
    sqlx::query(
        "INSERT INTO stores (store_id, generation, seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (store_id) DO UPDATE SET seen_at = excluded.seen_at,
            generation = CASE WHEN excluded.generation > stores.generation
                THEN excluded.generation ELSE stores.generation END",
    )
    .bind(id.as_str())
    .bind(generation)
    .bind(now)
    .execute(&mut *db)
    .await?;
    let row = sqlx::query("SELECT generation FROM stores WHERE store_id = $1")
        .bind(id.as_str())
        .fetch_one(db)
        .await?;
    u64::try_from(row.try_get::<i64, _>("generation")?).map_err(|_| damaged("stores.generation"))
}
