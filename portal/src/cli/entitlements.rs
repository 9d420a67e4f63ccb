//! `lm-portal entitlement …`.

use lm_protocol::{Feature, Terms};
use serde_json::json;

use super::arguments::{Create, Entitlement, Global};
use super::text::table;
use super::{Fresh, open, print, print_json};
use crate::admin::entitlements::{EntitlementView, NewEntitlement};
use crate::dates::{date_time_or, end_of_day, start_of_day};
use crate::error::{Error, Result};

const DAY: i64 = 86_400;

pub(super) fn run(global: &Global, command: Entitlement) -> Result<()> {
    match command {
        Entitlement::Create(create) => {
            let new = new_entitlement(&create)?;
            let id = open(global, Fresh::Make)?.create_entitlement(&new)?;
            if global.json {
                print_json(&json!({ "entitlement_id": id }))
            } else {
                print(&format!("{id}\n"))
            }
        }
        Entitlement::List => {
            let all = open(global, Fresh::Refuse)?.entitlements()?;
            if global.json { print_json(&all) } else { print(&rows(&all)) }
        }
        Entitlement::Show { entitlement } => {
            let one = open(global, Fresh::Refuse)?.entitlement(&entitlement)?;
            if global.json { print_json(&one) } else { print(&rows(&[one])) }
        }
    }
}

fn rows(all: &[EntitlementView]) -> String {
    let head = ["ENTITLEMENT", "PRODUCT", "FEATURES", "QUANTITY", "ISSUED", "LEFT", "EXPIRES"];
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
            ]
        })
        .collect();
    table(&head, &rows)
}

fn new_entitlement(create: &Create) -> Result<NewEntitlement> {
    let lease = match create.lease.as_str() {
        "none" => 0,
        days => days
            .parse::<u32>()
            .ok()
            .filter(|days| (1..=36_500).contains(days))
            .map(|days| i64::from(days) * DAY)
            .ok_or_else(|| Error::Invalid(format!("--lease {days} is no number of days")))?,
    };
    let terms = Terms {
        lease,
        grace: if lease == 0 { 0 } else { i64::from(create.grace) * DAY },
        strict: create.strict,
        reclaim: create.reclaim,
        virtual_machines: !create.no_virtual_machines,
        containers: !create.no_containers,
        ..Terms::default()
    };
    Ok(NewEntitlement {
        features: create.features.iter().map(|text| feature(text)).collect::<Result<_>>()?,
        starts_at: create.starts.as_deref().map(start_of_day).transpose()?.unwrap_or(0),
        expires_at: create.expires.as_deref().map(end_of_day).transpose()?.unwrap_or(0),
        terms,
        tell_holders: !create.hide_holders,
        return_limit: create.return_limit,
        rehost_limit: create.rehost_limit,
        repair_limit: create.repair_limit,
        limit_period: i64::from(create.limit_period) * DAY,
        ..NewEntitlement::new(&create.product, &[], create.quantity)
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
