//! `lm-portal entitlement …`.

use lm_protocol::Feature;
use serde_json::json;

use super::arguments::{Create, Entitlement, Global};
use super::text::table;
use super::{Fresh, open, policy, print, print_json};
use crate::admin::entitlements::{EntitlementView, NewEntitlement};
use crate::admin::policy::Policy;
use crate::dates::{date_time_or, end_of_day, start_of_day};
use crate::error::{Error, Result};

pub(super) fn run(global: &Global, command: Entitlement) -> Result<()> {
    match command {
        Entitlement::Create(create) => {
            let portal = open(global, Fresh::Make)?;
            let policy = create.policy.change().over(&portal.product_policy(&create.product)?);
            let id = portal.create_entitlement(&new_entitlement(&create, &policy)?)?;
            if global.json {
                print_json(&json!({ "entitlement_id": id }))
            } else {
                print(&format!("{id}\n"))
            }
        }
        Entitlement::Set { entitlement, policy } => {
            let portal = open(global, Fresh::Refuse)?;
            portal.set_policy(&entitlement, &policy.change())?;
            one(global, &portal.entitlement(&entitlement)?)
        }
        Entitlement::List => {
            let all = open(global, Fresh::Refuse)?.entitlements()?;
            if global.json { print_json(&all) } else { print(&rows(&all)) }
        }
        Entitlement::Show { entitlement } => {
            one(global, &open(global, Fresh::Refuse)?.entitlement(&entitlement)?)
        }
    }
}

fn one(global: &Global, view: &EntitlementView) -> Result<()> {
    if global.json {
        return print_json(view);
    }
    let table = rows(std::slice::from_ref(view));
    print(&format!("{table}\nPolicy:\n{}", policy::shown(&view.policy)))
}

fn rows(all: &[EntitlementView]) -> String {
    let head = [
        "ENTITLEMENT",
        "PRODUCT",
        "FEATURES",
        "QUANTITY",
        "ISSUED",
        "LEFT",
        "EXPIRES",
        "LEASE + GRACE, MODE",
    ];
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            vec![
                one.entitlement_id.clone(),
                one.product.clone(),
                one.features.join(" "),
                one.quantity.to_string(),
                one.issued.to_string(),
                one.available.to_string(),
                date_time_or(one.expires_at, "never"),
                one.policy.brief(),
            ]
        })
        .collect();
    table(&head, &rows)
}

fn new_entitlement(create: &Create, policy: &Policy) -> Result<NewEntitlement> {
    Ok(NewEntitlement {
        features: create.features.iter().map(|text| feature(text)).collect::<Result<_>>()?,
        starts_at: create.starts.as_deref().map(start_of_day).transpose()?.unwrap_or(0),
        expires_at: create.expires.as_deref().map(end_of_day).transpose()?.unwrap_or(0),
        ..NewEntitlement::under(policy, &create.product, &[], create.quantity)
    })
}

fn feature(text: &str) -> Result<Feature> {
    let Some((name, limit)) = text.split_once('=') else {
        return Ok(Feature { name: text.to_owned(), limit: None });
    };
    let limit = limit
        .parse()
        .map_err(|_| Error::Invalid(format!("--feature {text}: a limit is a whole number")))?;
    Ok(Feature { name: name.to_owned(), limit: Some(limit) })
}
