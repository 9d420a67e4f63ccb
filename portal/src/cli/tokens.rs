//! `lm-portal token …`.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::arguments::Global;
use super::text::table;
use super::{Fresh, open, print, print_json};
use crate::admin::tokens::TokenScope;
use crate::dates::{date_time, date_time_or};
use crate::error::Result;

#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a token; prints its text, which is nowhere kept.
    ///
    /// Its owner shows it as `Authorization: Bearer TOKEN`, or gives it to `lm-administrator release`.
    Create {
        /// Its name, by which it is listed and revoked, and which the history shows.
        #[arg(long)]
        name: String,
        /// What it is good for.
        #[arg(long, default_value = "rehost")]
        scope: ScopeName,
        /// Only for the activation IDs of this entitlement.
        #[arg(long, value_name = "ID", default_value = "")]
        entitlement: String,
    },
    /// List tokens; those that were revoked too.
    List,
    /// End a token for good.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ScopeName {
    /// Re-hosting machines.
    Rehost,
}

pub(super) fn run(global: &Global, command: Token) -> Result<()> {
    let portal = open(global, Fresh::Refuse)?;
    match command {
        Token::Create { name, scope, entitlement } => {
            let ScopeName::Rehost = scope;
            let token = portal.create_token(&name, TokenScope::Rehost, &entitlement)?;
            if global.json {
                print_json(&json!({ "name": name, "token": token }))
            } else {
                print(&format!("{token}\n"))
            }
        }
        Token::List => {
            let all = portal.tokens()?;
            if global.json {
                return print_json(&all);
            }
            let rows: Vec<_> = all
                .into_iter()
                .map(|token| {
                    let of =
                        if token.entitlement_id.is_empty() { "all" } else { &token.entitlement_id };
                    vec![
                        token.name.clone(),
                        "rehost".to_owned(),
                        of.to_owned(),
                        date_time(token.created_at),
                        date_time_or(token.revoked_at, ""),
                    ]
                })
                .collect();
            print(&table(&["TOKEN", "SCOPE", "ENTITLEMENT", "CREATED", "REVOKED"], &rows))
        }
        Token::Revoke { name } => {
            portal.revoke_token(&name)?;
            if global.json { print_json(&json!({ "name": name })) } else { Ok(()) }
        }
    }
}
