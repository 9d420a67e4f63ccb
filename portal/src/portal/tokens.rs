//! Tokens of programs and owners.

use super::Portal;
use crate::admin::tokens::{self, TokenScope, TokenView};
use crate::error::Result;

impl Portal {
    /// Makes a token and gives its text, which is nowhere kept. `entitlement_id`: only for its
    /// activation IDs; empty: for all.
    pub fn create_token(
        &self,
        name: &str,
        scope: TokenScope,
        entitlement_id: &str,
    ) -> Result<String> {
        self.act(async |act| tokens::create(act, name, scope, entitlement_id).await)
    }

    /// Ends a token for good.
    pub fn revoke_token(&self, name: &str) -> Result<()> {
        self.act(async |act| tokens::revoke(act, name).await)
    }

    /// All tokens, by name, without their text.
    pub fn tokens(&self) -> Result<Vec<TokenView>> {
        self.act(async |act| tokens::list(act.db).await)
    }
}
