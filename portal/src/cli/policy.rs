//! Policy on the command line: the words by which it is said, and the text in which it is shown.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::arguments::Global;
use super::text::table;
use super::{Fresh, open, print, print_json};
use crate::admin::policy::{OwnerRelease, Policy, PolicyChange};
use crate::dates::length;
use crate::error::Result;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What is said of a policy; what isn't stays as it is.
#[derive(Args)]
pub(super) struct PolicyWords {
    /// How long rights hold without contact; `none` for offline sites [at first: 7].
    #[arg(long, value_name = "DAYS|none", value_parser = lease, help_heading = "Policy")]
    lease: Option<i64>,
    /// How long they go on after that, with a warning; without a lease there is none [at first: 3].
    #[arg(long, value_name = "DAYS", value_parser = days, help_heading = "Policy")]
    grace: Option<i64>,
    /// How far a machine's clock may stand behind [at first: 24].
    #[arg(long, value_name = "HOURS", value_parser = hours, help_heading = "Policy")]
    clock_tolerance: Option<i64>,
    /// strict: a seat that is freed without the machine's word cools until its reach, so that no
    /// seat has two users; prompt: it is free at once [at first: prompt].
    #[arg(long, value_name = "prompt|strict", help_heading = "Policy")]
    mode: Option<Mode>,
    /// Whether a lease that has long been over frees its seat: for containers and CI machines
    /// [at first: no].
    #[arg(long, value_name = "yes|no", help_heading = "Policy")]
    reclaim: Option<YesNo>,
    /// Whether virtual machines may hold it [at first: yes].
    #[arg(long, value_name = "yes|no", help_heading = "Policy")]
    virtual_machines: Option<YesNo>,
    /// Whether containers may hold it [at first: yes].
    #[arg(long, value_name = "yes|no", help_heading = "Policy")]
    containers: Option<YesNo>,
    /// Whether it may be activated by files [at first: yes].
    #[arg(long, value_name = "yes|no", help_heading = "Policy")]
    offline: Option<YesNo>,
    /// Whether a refusal for want of seats names the machines that hold them [at first: yes].
    #[arg(long, value_name = "yes|no", help_heading = "Policy")]
    tell_holders: Option<YesNo>,
    /// Who may Re-host beside those who sign in: nobody, whoever has a token, or whoever has the
    /// activation ID (that needs --rehost-limit) [at first: token].
    #[arg(long, value_name = "no|token|id", help_heading = "Policy")]
    owner_release: Option<Release>,
    /// Client returns of one activation ID in a period [at first: none].
    #[arg(long, value_name = "N|none", value_parser = limit, help_heading = "Policy")]
    return_limit: Option<Limit>,
    /// Re-hosts of one activation ID in a period [at first: none].
    #[arg(long, value_name = "N|none", value_parser = limit, help_heading = "Policy")]
    rehost_limit: Option<Limit>,
    /// Repairs of one activation ID in a period [at first: none].
    #[arg(long, value_name = "N|none", value_parser = limit, help_heading = "Policy")]
    repair_limit: Option<Limit>,
    /// The period of these limits [at first: 365].
    #[arg(long, value_name = "DAYS", value_parser = days, help_heading = "Policy")]
    limit_period: Option<i64>,
}

impl PolicyWords {
    pub(super) fn change(&self) -> PolicyChange {
        PolicyChange {
            lease: self.lease,
            grace: self.grace,
            clock_tolerance: self.clock_tolerance,
            strict: self.mode.map(|mode| matches!(mode, Mode::Strict)),
            reclaim: self.reclaim.map(YesNo::is_yes),
            virtual_machines: self.virtual_machines.map(YesNo::is_yes),
            containers: self.containers.map(YesNo::is_yes),
            offline: self.offline.map(YesNo::is_yes),
            tell_holders: self.tell_holders.map(YesNo::is_yes),
            owner_release: self.owner_release.map(|release| match release {
                Release::No => OwnerRelease::No,
                Release::Token => OwnerRelease::Token,
                Release::Id => OwnerRelease::Id,
            }),
            return_limit: self.return_limit.map(|limit| limit.0),
            rehost_limit: self.rehost_limit.map(|limit| limit.0),
            repair_limit: self.repair_limit.map(|limit| limit.0),
            limit_period: self.limit_period,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Prompt,
    Strict,
}

#[derive(Clone, Copy, ValueEnum)]
enum Release {
    No,
    Token,
    Id,
}

#[derive(Clone, Copy, ValueEnum)]
enum YesNo {
    Yes,
    No,
}

impl YesNo {
    const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// A limit as it is said; none is said too.
#[derive(Clone, Copy)]
struct Limit(Option<u32>);

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        number => {
            number.parse().map(|n| Limit(Some(n))).map_err(|_| "a number, or none".to_owned())
        }
    }
}

fn lease(text: &str) -> Result<i64, String> {
    let wrong = "days from 1 to 36500, or none".to_owned();
    match text {
        "none" => Ok(0),
        number => days(number).ok().filter(|seconds| *seconds > 0).ok_or(wrong),
    }
}

fn days(text: &str) -> Result<i64, String> {
    let days = text.parse::<u32>().ok().filter(|days| *days <= 36_500);
    days.map(|days| i64::from(days) * DAY).ok_or_else(|| "days from 0 to 36500".to_owned())
}

fn hours(text: &str) -> Result<i64, String> {
    let hours = text.parse::<u32>().ok().filter(|hours| *hours <= 8760);
    hours.map(|hours| i64::from(hours) * HOUR).ok_or_else(|| "hours from 0 to 8760".to_owned())
}

/// All of it, a line each.
pub(super) fn shown(policy: &Policy) -> String {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let limit = |limit: Option<u32>| match limit {
        Some(limit) => format!("{limit} in {}", length(policy.limit_period)),
        None => "none".to_owned(),
    };
    let lease = if policy.lease == 0 { "none".to_owned() } else { length(policy.lease) };
    let mode = if policy.strict {
        "strict: a seat freed without the machine's word cools until its reach"
    } else {
        "prompt: a seat freed without the machine's word is free at once"
    };
    let rows = [
        ("lease", lease),
        ("grace", length(policy.grace)),
        ("clock tolerance", length(policy.clock_tolerance)),
        ("mode", mode.to_owned()),
        ("reclaim", yes(policy.reclaim)),
        ("virtual machines", yes(policy.virtual_machines)),
        ("containers", yes(policy.containers)),
        ("offline", yes(policy.offline)),
        ("tell holders", yes(policy.tell_holders)),
        ("owner release", policy.owner_release.text().to_owned()),
        ("return limit", limit(policy.return_limit)),
        ("re-host limit", limit(policy.rehost_limit)),
        ("repair limit", limit(policy.repair_limit)),
    ];
    rows.iter().map(|(name, value)| format!("  {name:18}{value}\n")).collect()
}

/// `lm-portal product …`.
#[derive(Subcommand)]
pub(super) enum Product {
    /// Change what new entitlements of a product take; those that there are keep their own.
    Set {
        /// The product.
        product: String,
        #[command(flatten)]
        policy: PolicyWords,
    },
    /// Show what new entitlements of a product take.
    Show {
        /// The product.
        product: String,
    },
    /// List the products that have a policy of their own.
    List,
}

pub(super) fn run(global: &Global, command: Product) -> Result<()> {
    let fresh = if matches!(command, Product::Set { .. }) { Fresh::Make } else { Fresh::Refuse };
    let portal = open(global, fresh)?;
    let (product, policy) = match command {
        Product::Set { product, policy } => {
            let after = portal.set_product_policy(&product, &policy.change())?;
            (product, after)
        }
        Product::Show { product } => {
            let policy = portal.product_policy(&product)?;
            (product, policy)
        }
        Product::List => {
            let all = portal.product_policies()?;
            if global.json {
                let all: Vec<_> = all.iter().map(|(name, policy)| document(name, policy)).collect();
                return print_json(&all);
            }
            let rows: Vec<_> =
                all.into_iter().map(|(name, policy)| vec![name, policy.brief()]).collect();
            return print(&table(&["PRODUCT", "LEASE + GRACE, MODE"], &rows));
        }
    };
    if global.json {
        print_json(&document(&product, &policy))
    } else {
        print(&format!("{product}: new entitlements take\n{}", shown(&policy)))
    }
}

fn document(product: &str, policy: &Policy) -> serde_json::Value {
    let mut document = json!(policy);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("product".to_owned(), product.into());
    }
    document
}
