//! The command line's words, and the help that teaches them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lm_protocol::Kind;

use super::policy::{PolicyWords, Product};
use super::tokens::Token;
use crate::people::Role;

/// The Licensing Portal: entitlements, activation IDs, seats, Return, Re-host, history.
#[derive(Parser)]
#[command(name = "lm-portal", version, propagate_version = true, after_long_help = EXAMPLES)]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  lm-portal serve --data portal --listen 127.0.0.1:8080
      makes a portal on first use: database, keys, one administrator
  lm-portal --data portal trust-root > trust-root.txt
      what a host application compiles in
  lm-portal --data portal entitlement create --product ortho --feature raster \\
      --feature points=500 --quantity 5 --expires 2030-12-31
  lm-portal --data portal activation-id generate --entitlement E-… --kind nl --seats 1 --count 5
  lm-portal --data portal activation-id show 7F3KM-Q0W2E-XT9VB-4HJN8
  lm-portal --data portal activation-id rehost 7F3KM-Q0W2E-XT9VB-4HJN8
  lm-portal --data portal offline answer request.txt -o response.txt

Commands work beside a running `serve` on the same database.
Exit codes: 0 done; 1 refused or failed, with the reason; 2 wrong usage.";

#[derive(Args)]
pub(super) struct Global {
    /// The directory of the SQLite database, which holds the portal's keys too.
    #[arg(long, global = true, value_name = "DIR", default_value = "lm-portal-data")]
    pub(super) data: PathBuf,
    /// A database by its URL instead: postgres://… (or sqlite:…).
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database: Option<String>,
    /// Print one JSON document instead of text for people.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Do not ask before Return and Re-host.
    #[arg(long, short, global = true)]
    pub(super) yes: bool,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve the page and the client protocol, until SIGINT or SIGTERM.
    Serve(Serve),
    /// Print the text for lm_options.trust_root.
    TrustRoot,
    /// Entitlements: what was bought.
    #[command(subcommand)]
    Entitlement(Entitlement),
    /// Products: the policy that their new entitlements take.
    #[command(subcommand)]
    Product(Box<Product>),
    /// Activation IDs: the codes that are activated.
    #[command(subcommand)]
    ActivationId(ActivationIds),
    /// Request and response files, for machines without a network.
    #[command(subcommand)]
    Offline(Offline),
    /// Who did what, when, from where; the newest first.
    History(History),
    /// Who may sign in to the page.
    #[command(subcommand)]
    User(User),
    /// Tokens, by which owners and their programs act without signing in.
    #[command(subcommand)]
    Token(Token),
    /// Keep a backup in a new file, also while the portal serves (SQLite).
    ///
    /// It holds the portal's keys and is readable by its owner only. PostgreSQL is backed up by
    /// pg_dump.
    Backup {
        /// The file, which is not there yet.
        file: PathBuf,
    },
    /// Take a backup into use, in place of what the portal holds.
    ///
    /// The portal gets a new epoch, by which machines and portal know that it has forgotten: what was
    /// asked before is refused and asked anew, what was signed since the backup is taken in from the
    /// machines' records, seats above the quantity are counted as excess. It says what people have to
    /// repeat. With PostgreSQL stop the portals, put the dump back with pg_restore or psql, then run
    /// this with --in-place.
    Restore(Restore),
}

#[derive(Args)]
#[group(required = true, multiple = false, id = "from")]
pub(super) struct Source {
    /// The backup (SQLite).
    pub(super) file: Option<PathBuf>,
    /// The database was put back by other means: pg_restore, psql, a snapshot of its disk.
    #[arg(long)]
    pub(super) in_place: bool,
}

#[derive(Args)]
pub(super) struct Restore {
    #[command(flatten)]
    pub(super) from: Source,
    /// The longest lease with its grace that was sold since the backup, where it is longer than
    /// those of the backup.
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    pub(super) longest_lease: u32,
}

#[derive(Args)]
pub(super) struct Serve {
    /// The address to listen on; port 0: one that is free, named in the first line of output.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// The vendor's name, when the portal is made; fixed from then on.
    #[arg(long, value_name = "NAME")]
    pub(super) vendor: Option<String>,
    /// A certificate chain (PEM); without one the portal speaks plain HTTP.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The chain's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// A proxy in front speaks TLS with browsers and sets X-Forwarded-For.
    #[arg(long, conflicts_with = "tls_cert")]
    pub(super) behind_proxy: bool,
    /// What to log to standard error: error, warn, info, debug, trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(super) log: String,
    /// Log one JSON document a line.
    #[arg(long)]
    pub(super) log_json: bool,
}

#[derive(Subcommand)]
pub(super) enum Entitlement {
    /// Make an entitlement; prints its ID. What is not said of its policy is its product's.
    Create(Box<Create>),
    /// Change an entitlement's policy; machines are given it at their next contact.
    Set {
        /// Its ID.
        entitlement: String,
        #[command(flatten)]
        policy: Box<PolicyWords>,
    },
    /// List entitlements, the newest first.
    List,
    /// Show one entitlement with its policy.
    Show {
        /// Its ID, as printed by `entitlement create`.
        entitlement: String,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// The product: A-Z, a-z, 0-9, '.', '_', '-'.
    #[arg(long)]
    pub(super) product: String,
    /// A feature, and what the product makes of its limit; given once for each.
    #[arg(long = "feature", value_name = "FEATURE[=LIMIT]", required = true)]
    pub(super) features: Vec<String>,
    /// Seats in all, over its activation IDs.
    #[arg(long, value_name = "N")]
    pub(super) quantity: u32,
    /// First day of the term (UTC); without it, it has begun.
    #[arg(long, value_name = "DATE")]
    pub(super) starts: Option<String>,
    /// Last day of the term (UTC); without it, it has no end.
    #[arg(long, value_name = "DATE")]
    pub(super) expires: Option<String>,
    #[command(flatten)]
    pub(super) policy: PolicyWords,
}

#[derive(Subcommand)]
pub(super) enum ActivationIds {
    /// Make activation IDs out of an entitlement's seats; prints them.
    Generate(Generate),
    /// List Active activation IDs, the newest first.
    List(List),
    /// Show one activation ID: its seats, machines, leases, and until when each may work unreached.
    Show {
        /// The activation ID.
        activation_id: String,
    },
    /// Portal Return (CC only): retire an ID for good; its seats go back to the entitlement.
    ///
    /// It cannot reach the machines. While one still works, Deactivate / Return on that machine is
    /// the better first step.
    Return {
        /// The activation ID.
        activation_id: String,
    },
    /// Re-host (NL and CC): free the seat of a machine that is gone; the ID stays.
    Rehost {
        /// The activation ID.
        activation_id: String,
        /// Which machine, where several hold the ID: its host ID (or fulfillment ID).
        #[arg(long, value_name = "HOSTID")]
        host: Option<String>,
    },
    /// Allow more returns, Re-hosts or repairs beyond the limit, each for one use.
    #[command(group(clap::ArgGroup::new("what").required(true).multiple(true)))]
    Allow {
        /// The activation ID.
        activation_id: String,
        /// So many more client returns.
        #[arg(long, value_name = "N", group = "what")]
        returns: Option<u32>,
        /// So many more Re-hosts.
        #[arg(long, value_name = "N", group = "what")]
        rehosts: Option<u32>,
        /// So many more repairs.
        #[arg(long, value_name = "N", group = "what")]
        repairs: Option<u32>,
    },
    /// Acknowledge an ID's flags (clones, restored copies, repairs …): they leave the list and stay
    /// in the history.
    Acknowledge {
        /// The activation ID.
        activation_id: String,
    },
    /// Split an ID of which nothing is in use into several.
    Split {
        /// The activation ID.
        activation_id: String,
        /// The seats of each part; they come to the ID's quantity.
        #[arg(long, value_name = "N,M,…", value_delimiter = ',', required = true)]
        seats: Vec<u32>,
    },
}

#[derive(Args)]
pub(super) struct Generate {
    /// Out of which entitlement.
    #[arg(long, value_name = "ID")]
    pub(super) entitlement: String,
    /// nl: node-locked, one seat a machine; cc: concurrent.
    #[arg(long)]
    pub(super) kind: KindName,
    /// Seats of each ID.
    #[arg(long, value_name = "N")]
    pub(super) seats: u32,
    /// How many IDs.
    #[arg(long, value_name = "M", default_value_t = 1)]
    pub(super) count: u32,
}

#[derive(Args)]
pub(super) struct List {
    /// Inactive ones too.
    #[arg(long)]
    pub(super) all: bool,
    /// Only of this entitlement.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(super) entitlement: String,
    /// Only those whose ID, host ID or host label contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) search: String,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) limit: u32,
    /// Pass over so many.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) offset: u32,
}

#[derive(Subcommand)]
pub(super) enum Offline {
    /// Answer a request file: one file in, one file out.
    ///
    /// It may hold the requests of many machines; the response file serves them all. What was
    /// answered before is answered again the same, as long as it is true: so a lost response is
    /// issued again by answering its request file again.
    Answer {
        /// The request file, made by `lm-administrator request` or a host application.
        file: PathBuf,
        /// Where the response file goes; one that is there is replaced.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Args)]
pub(super) struct History {
    /// Only of this activation ID.
    #[arg(long, value_name = "ID")]
    pub(super) activation_id: Option<String>,
    /// At most so many rows.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) limit: u32,
    /// Follow the whole chain of hashes, and fail where a row was changed or taken out.
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Subcommand)]
pub(super) enum User {
    /// Make a user; prints its password, which is nowhere kept.
    Add {
        /// Its name.
        name: String,
        /// What it may do.
        #[arg(long, default_value = "administrator")]
        role: RoleName,
    },
    /// Give a user a new password, and end its sessions.
    Password {
        /// Its name.
        name: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum KindName {
    Nl,
    Cc,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Nl => Self::Nl,
            KindName::Cc => Self::Cc,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RoleName {
    /// Everything.
    Vendor,
    /// Activation IDs and seats.
    Administrator,
    /// To look.
    Viewer,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Vendor => Self::Vendor,
            RoleName::Administrator => Self::Administrator,
            RoleName::Viewer => Self::Viewer,
        }
    }
}
