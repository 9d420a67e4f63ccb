//! `lm-portal activation-id …`.

use super::arguments::{ActivationIds, Global, List};
use super::text::{confirmed, machines, table};
use super::{Fresh, open, print, print_json};
use crate::admin::generate::Generated;
use crate::admin::retire::NL_REASON;
use crate::admin::show::{ActivationView, FulfillmentView, Page, machine};
use crate::dates::{date_time, reach};
use crate::error::{Error, Result};
use crate::ledger::limits::Tally;
use crate::portal::Portal;

pub(super) fn run(global: &Global, command: ActivationIds) -> Result<()> {
    let portal = open(global, Fresh::Refuse)?;
    match command {
        ActivationIds::Generate(asked) => {
            let kind = asked.kind.into();
            let new = portal.generate(&asked.entitlement, kind, asked.seats, asked.count)?;
            generated(global, &new)
        }
        ActivationIds::List(asked) => list(global, &portal, &asked),
        ActivationIds::Show { activation_id } => one(global, &portal, &activation_id),
        ActivationIds::Return { activation_id } => return_(global, &portal, &activation_id),
        ActivationIds::Rehost { activation_id, host } => {
            rehost(global, &portal, &activation_id, host.as_deref())
        }
        ActivationIds::Allow { activation_id, returns, rehosts, repairs } => {
            let asked =
                [(Tally::Return, returns), (Tally::Rehost, rehosts), (Tally::Repair, repairs)];
            for (what, count) in asked {
                if let Some(count) = count {
                    portal.allow(&activation_id, what, count)?;
                }
            }
            one(global, &portal, &activation_id)
        }
        ActivationIds::Acknowledge { activation_id } => {
            portal.acknowledge(&activation_id)?;
            one(global, &portal, &activation_id)
        }
        ActivationIds::Split { activation_id, seats } => {
            generated(global, &portal.split(&activation_id, &seats)?)
        }
    }
}

fn one(global: &Global, portal: &Portal, activation_id: &str) -> Result<()> {
    let view = portal.show(activation_id)?;
    if global.json { print_json(&view) } else { print(&shown(&view)) }
}

fn generated(global: &Global, new: &[Generated]) -> Result<()> {
    if global.json {
        return print_json(&new);
    }
    print(&new.iter().map(|new| format!("{}\n", new.activation_id)).collect::<String>())
}

fn list(global: &Global, portal: &Portal, asked: &List) -> Result<()> {
    let all = portal.list(Page {
        all: asked.all,
        entitlement_id: &asked.entitlement,
        search: &asked.search,
        offset: i64::from(asked.offset),
        limit: i64::from(asked.limit),
    })?;
    if global.json {
        return print_json(&all);
    }
    let head = [
        "ACTIVATION ID",
        "KIND",
        "STATUS",
        "PRODUCT",
        "SEATS",
        "FULFILLED",
        "COOLING",
        "AVAILABLE",
        "FLAGS",
    ];
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            vec![
                one.activation_id.clone(),
                one.kind.to_uppercase(),
                one.status.to_owned(),
                one.product.clone(),
                one.seats.to_string(),
                one.fulfilled.to_string(),
                format!("{} {}", one.cooling, one.cools_until()).trim_end().to_owned(),
                one.available.to_string(),
                one.flags
                    .iter()
                    .map(|flag| format!("{} ({})", flag.reason, date_time(flag.last)))
                    .collect::<Vec<_>>()
                    .join(", "),
            ]
        })
        .collect();
    print(&table(&head, &rows))
}

fn shown(view: &ActivationView) -> String {
    let mut text = format!(
        "{}  {}  {}  {} of entitlement {}\n\
         {} seats: {} fulfilled, {} cooling, {} available\n",
        view.activation_id,
        view.kind.to_uppercase(),
        view.status,
        view.product,
        view.entitlement_id,
        view.seats,
        view.fulfilled,
        view.cooling,
        view.available
    );
    if view.excess > 0 {
        text.push_str(&format!("{} seats above the quantity, after a restore\n", view.excess));
    }
    for cooling in &view.cools {
        let machine = machine(&cooling.host_id, &cooling.host_label);
        let until = date_time(cooling.until);
        text.push_str(&format!("{} cools until {until}, for {machine}\n", cooling.seats));
    }
    for limit in &view.limits {
        text.push_str(&format!("{}\n", limit.stands()));
    }
    for flag in &view.flags {
        let (times, last) = (flag.count, date_time(flag.last));
        text.push_str(&format!("FLAG: {} ({times} times, last {last})\n", flag.reason));
    }
    if !view.flags.is_empty() {
        text.push_str(ACKNOWLEDGE);
    }
    if view.fulfillments.is_empty() {
        text.push_str("No machine holds it.\n");
        return text;
    }
    text.push_str(&format!("\n{}\n", machines(view)));
    text.push_str(if view.is_cc() { CC_STEPS } else { NL_STEPS });
    text
}

const ACKNOWLEDGE: &str = "Look at the history; `activation-id acknowledge` takes the flags off.\n";
const CC_STEPS: &str = "To free a seat: Deactivate / Return on the machine; if it is gone, Re-host. \
    To change the number of seats: Return retires the ID.\n";
const NL_STEPS: &str =
    "To free a seat: Deactivate / Return on the machine; if it is gone, Re-host.\n";

fn return_(global: &Global, portal: &Portal, activation_id: &str) -> Result<()> {
    let view = portal.show(activation_id)?;
    if !view.is_cc() {
        return Err(Error::Refused(NL_REASON.to_owned()));
    }
    confirmed(&return_warning(&view), global.yes)?;
    portal.portal_return(activation_id)?;
    let view = portal.show(activation_id)?;
    if global.json {
        return print_json(&view);
    }
    print(&format!(
        "{} is Inactive; its seats are entitlement {}'s again.\n",
        view.activation_id, view.entitlement_id
    ))
}

/// What a portal Return will do, and the better first step while a copy is live.
fn return_warning(view: &ActivationView) -> String {
    let mut text = format!(
        "Return makes {} Inactive for good and gives its {} seats back to entitlement {}.",
        view.activation_id, view.seats, view.entitlement_id
    );
    for held in &view.fulfillments {
        text.push_str(&format!("\n  {}", fate(held)));
    }
    if !view.fulfillments.is_empty() {
        text.push_str(
            "\nWhile a machine still has its copy, Deactivate / Return on that machine is the \
             better first step: it stops the machine before the seat is freed.",
        );
    }
    text
}

fn fate(held: &FulfillmentView) -> String {
    let until = match held.reach {
        Some(_) => format!("until {}", reach(held.reach)),
        None => "without bound (unbounded: its record has no lease)".to_owned(),
    };
    format!(
        "{} holds {} seats; the portal cannot reach it: if it makes no contact it may work {until}",
        held.host(),
        held.seats
    )
}

fn rehost(global: &Global, portal: &Portal, activation_id: &str, host: Option<&str>) -> Result<()> {
    let view = portal.show(activation_id)?;
    let meant: Vec<_> = view
        .fulfillments
        .iter()
        .filter(|held| host.is_none_or(|host| held.host_id == host || held.fulfillment_id == host))
        .collect();
    if let [held] = meant.as_slice() {
        let warning = format!(
            "Re-host ends this activation of {}; the activation ID stays.\n  {}\n\
             While that machine still works, Deactivate / Return on it is the better first step.",
            view.activation_id,
            fate(held)
        );
        confirmed(&warning, global.yes)?;
    }
    let ended = portal.rehost(activation_id, host)?;
    if global.json {
        return print_json(&portal.show(activation_id)?);
    }
    print(&format!("{} no longer holds {}.\n", ended.host(), view.activation_id))
}
