//! The command line. The help is the manual: each command says what it means for the seats.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const ABOUT: &str =
    "List, activate, return, refresh, repair and remove the licenses of this machine.";

const LONG_ABOUT: &str = "\
List, activate, return, refresh, repair and remove the licenses of this machine.

A license is activated by its activation ID, such as 7F3KM-Q0W2E-XT9VB-4HJN8. It then lives in \
trusted storage on this machine and works without the network until it is to be refreshed. \
Returning it gives its seat back.";

const EXAMPLES: &str = "\
Examples:
  lm-administrator --config orthomap.conf activate 7F3KM-Q0W2E-XT9VB-4HJN8
  lm-administrator --config orthomap.conf list
  lm-administrator --config orthomap.conf return 7F3KM-Q0W2E-XT9VB-4HJN8

The settings may stand in a file: one `name = value` a line (or one JSON object), named as the
options are, `#` before a remark. Paths in it count from its directory. An option on the command
line goes before the file:
  portal     = https://licenses.example.com
  product    = orthomap
  trust-root = orthomap.root

Exit codes: 0 done; 1 refused or failed, with the reason; 2 wrong usage; 3 pending: the portal's
answer has not arrived, nothing is lost, `resume` finishes it. Of several licenses the worst
counts: 1, then 3, then 0.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "lm-administrator", version, about = ABOUT, long_about = LONG_ABOUT)]
#[command(after_long_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) settings: Settings,

    /// Print one JSON document on standard output instead of text for people
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// Tell on standard error each step that the license library takes
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which store, which portal; each may stand in the configuration file instead.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// Take settings from FILE that are not on the command line
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The licensing portal: https://…, or http:// to this machine
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) portal: Option<String>,
    /// The product whose licenses these are
    #[arg(long, global = true, value_name = "P")]
    pub(crate) product: Option<String>,
    /// The vendor's trust root: the line itself, or a file that holds it
    ///
    /// It decides only what this program believes: a host application verifies again with the
    /// trust root that it was built with.
    #[arg(long, global = true, value_name = "FILE|TEXT")]
    pub(crate) trust_root: Option<String>,
    /// The directory of trusted storage [default: the scope's own]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) storage: Option<PathBuf>,
    /// Whose licenses: the user's own, or those of all users of the machine [default: user]
    #[arg(long, global = true, value_name = "SCOPE")]
    pub(crate) scope: Option<Scope>,
    /// An identity of the host in place of the machine's factors (containers, tests)
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) host_identity: Option<String>,
    /// What the owner of the licenses sees beside the host ID
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) host_label: Option<String>,
    /// The way to the portal: a proxy's URL, or `system` [default: straight]
    #[arg(long, global = true, value_name = "URL|system")]
    pub(crate) proxy: Option<String>,
    /// A PEM file of certificates to trust beside the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How long one call to the portal may take [default: 30]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) timeout: Option<u32>,
}

/// Whose licenses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// The user's own.
    User,
    /// Those of all users of the machine.
    Machine,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the licenses of this machine
    ///
    /// Touches no network and no seat.
    ///
    /// Example: lm-administrator --config orthomap.conf list
    #[command(verbatim_doc_comment)]
    List,

    /// Say whether a license works, why not, and what to do next
    ///
    /// Without ID: the best license of the product. Touches no network and no seat. A license that
    /// does not work is an answer, not a failure: the exit code is 0, look at `usable`.
    ///
    /// Example: lm-administrator --config orthomap.conf status 7F3KM-Q0W2E-XT9VB-4HJN8
    #[command(verbatim_doc_comment)]
    Status {
        /// The activation ID
        id: Option<String>,
    },

    /// Take seats of an activation ID for this machine
    ///
    /// Afterwards this machine holds N seats in total: activating twice takes them once, a larger N
    /// takes the difference, a smaller one changes nothing. A node-locked (NL) license takes exactly
    /// one. Also after a re-installation, or when trusted storage was lost: no second seat is taken.
    ///
    /// Example: lm-administrator --config orthomap.conf activate 7F3KM-Q0W2E-XT9VB-4HJN8 --seats 3
    #[command(verbatim_doc_comment)]
    Activate {
        /// The activation ID
        id: String,
        /// How many seats this machine is to hold in total
        #[arg(long, value_name = "N", default_value_t = 1)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        seats: u32,
    },

    /// Give seats back to the portal (client return)
    ///
    /// There are two ways to return a license:
    ///
    /// 1. Here. The license leaves this machine's trusted storage, its seats are free again, and the
    ///    activation ID stays valid: activate it again on this machine or another. This is the only
    ///    ordinary return of a node-locked (NL) license, and the right first step for a concurrent
    ///    (CC) one.
    /// 2. On the licensing portal, by the owner of the licenses, for CC only: it retires the
    ///    activation ID for good, so that its seats can be shared out anew. It cannot reach this
    ///    machine: the record stays here, orphaned and without rights, until it is removed.
    ///
    /// Where the machine is gone or this return fails, the owner can Re-host the license on the portal.
    ///
    /// Seats that programs on this machine have checked out are not returned; it is said which programs
    /// have. The license stops working here before the portal is asked. Where the portal can't be reached
    /// the return is pending and no seat is lost: `resume` finishes it. An orphaned record is cleaned
    /// up; no seat is credited a second time. Each ID has its own outcome. On a terminal it asks
    /// first; in scripts it does not.
    ///
    /// Examples:
    ///   lm-administrator --config orthomap.conf return 7F3KM-Q0W2E-XT9VB-4HJN8
    ///   lm-administrator --config orthomap.conf return 7F3KM-Q0W2E-XT9VB-4HJN8 --seats 2 --yes
    #[command(verbatim_doc_comment)]
    Return {
        /// The activation IDs
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// How many seats of each to give back; without it all
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        seats: Option<u32>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },

    /// Ask the portal for a new lease and today's terms
    ///
    /// Without ID: of every license here, each with its own outcome. Takes and frees no seat. Shows
    /// whether the license was taken back on the portal meanwhile: then it is ORPHANED.
    ///
    /// Example: lm-administrator --config orthomap.conf refresh
    #[command(verbatim_doc_comment)]
    Refresh {
        /// The activation ID
        id: Option<String>,
    },

    /// Restore trust in a license whose trusted storage was put back from a backup
    ///
    /// Only on the machine that it was issued to, judged by its hardware; takes no second seat. The
    /// portal counts repairs, and may limit them. Where it refuses, the owner of the licenses can
    /// Re-host the license.
    ///
    /// Example: lm-administrator --config orthomap.conf repair 7F3KM-Q0W2E-XT9VB-4HJN8
    #[command(verbatim_doc_comment)]
    Repair {
        /// The activation ID
        id: String,
    },

    /// Take a license that is orphaned or over out of this machine's list
    ///
    /// Local only: works offline, asks no portal and credits no seat. Refused where it would strand
    /// one; `return` is the way then.
    ///
    /// Example: lm-administrator --config orthomap.conf remove 7F3KM-Q0W2E-XT9VB-4HJN8
    #[command(verbatim_doc_comment)]
    Remove {
        /// The activation ID
        id: String,
    },

    /// Finish what is pending: activations and returns whose answer has not arrived
    ///
    /// Repeats each exactly as it was sent, so no seat is taken or given twice.
    ///
    /// Example: lm-administrator --config orthomap.conf resume
    #[command(verbatim_doc_comment)]
    Resume,

    /// Free the seats of another machine from the portal's side (Re-host)
    ///
    /// For a machine that is gone, when no seat is left: a refused `activate` names the machines that hold
    /// them. The activation ID stays valid; that machine's license is told to be obsolete at its next
    /// contact. While the machine still works, `return` on it is the better way: it stops first.
    ///
    /// Needs a token of the owner's, unless the vendor's policy lets whoever has the activation ID do it.
    /// The token is read from a file, or from standard input (-), never from the command line. On a
    /// terminal it asks first; in scripts it does not.
    ///
    /// Example: lm-administrator --config orthomap.conf release 7F3KM-Q0W2E-XT9VB-4HJN8 --host H-0123456789abcdef0123 --token owner.token
    #[command(verbatim_doc_comment)]
    Release {
        /// The activation ID
        id: String,
        /// Which machine: its host ID, or the fulfillment ID where several of its users hold a seat
        #[arg(long, value_name = "HOSTID")]
        host: String,
        /// The file that holds the token; - for standard input
        #[arg(long, value_name = "FILE|-")]
        token: Option<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },

    /// Make a request file, for a machine without a network
    ///
    /// The file goes to the owner of the licenses, who answers it on the licensing portal (its page
    /// "Offline", or `lm-portal offline answer FILE -o RESPONSE`). The response file comes back to this
    /// machine: `lm-administrator apply RESPONSE`. One round trip, also on a new machine. Asked again,
    /// the same request is written, and the portal answers it the same, so nothing is ever lost.
    ///
    /// With --append many machines' requests stand in one file; the one response serves them all, and
    /// each machine takes its own part. Where a network is there after all, `resume` finishes what was
    /// begun by a file.
    ///
    /// Examples:
    ///   lm-administrator --config orthomap.conf request activate 7F3KM-Q0W2E-XT9VB-4HJN8 -o request.txt
    ///   lm-administrator --config orthomap.conf request return 7F3KM-Q0W2E-XT9VB-4HJN8 -o site.txt --append
    #[command(verbatim_doc_comment)]
    Request {
        #[command(subcommand)]
        what: Request,
    },

    /// Apply this machine's part of a response file
    ///
    /// Works once, for the machine and the request that it answers. What is damaged or another's is
    /// refused, and says which; the request goes on waiting then.
    ///
    /// Example: lm-administrator --config orthomap.conf apply response.txt
    #[command(verbatim_doc_comment)]
    Apply {
        /// The response file
        file: PathBuf,
    },

    /// Report on the health of this machine's licenses, and say what to do
    ///
    /// Looks at trusted storage, its images, anchors, permissions and free space, at this machine's
    /// identity and how much of it each license still finds, at the clock, at each license and its
    /// lease, and at the way to the portal: name, connection, TLS, answer. Changes nothing. Exit code
    /// 1 where something is broken; a warning works today and may soon not.
    ///
    /// Example: lm-administrator --config orthomap.conf doctor
    #[command(verbatim_doc_comment)]
    Doctor {
        /// Leave the network alone: only what is on this machine
        #[arg(long)]
        offline: bool,
    },

    /// Print this machine's host ID, as the portal shows it
    ///
    /// A hash: no serial number or name can be read from it. Touches no network and no seat.
    ///
    /// Example: lm-administrator --config orthomap.conf host-id
    #[command(verbatim_doc_comment)]
    HostId,

    /// Print the completions of a shell
    ///
    /// Example: lm-administrator completions bash > ~/.local/share/bash-completion/completions/lm-administrator
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print the manual page
    ///
    /// Example: lm-administrator man > ~/.local/share/man/man1/lm-administrator.1
    #[command(verbatim_doc_comment)]
    Man,
}

/// What is requested by a file.
#[derive(Debug, Subcommand)]
pub(crate) enum Request {
    /// Seats of an activation ID for this machine, or a new lease for those that it has
    ///
    /// Afterwards this machine holds N seats in total, as by `activate`. Where it holds them already,
    /// the request asks for a new lease: that is how an offline site refreshes a license.
    ///
    /// Example: lm-administrator --config orthomap.conf request activate 7F3KM-Q0W2E-XT9VB-4HJN8 -o request.txt
    #[command(verbatim_doc_comment)]
    Activate {
        /// The activation ID
        id: String,
        /// How many seats this machine is to hold in total
        #[arg(long, value_name = "N", default_value_t = 1)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        seats: u32,
        #[command(flatten)]
        to: To,
    },

    /// The return of seats: the file is the proof, and the license stops working here at once
    ///
    /// The seats are credited once the portal has answered the file, once only. On a terminal it asks
    /// first; in scripts it does not.
    ///
    /// Example: lm-administrator --config orthomap.conf request return 7F3KM-Q0W2E-XT9VB-4HJN8 -o request.txt
    #[command(verbatim_doc_comment)]
    Return {
        /// The activation ID
        id: String,
        /// How many seats to give back; without it all
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        seats: Option<u32>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        to: To,
    },

    /// Trust again in a license whose trusted storage was put back, or whose clock ran ahead
    ///
    /// Example: lm-administrator --config orthomap.conf request repair 7F3KM-Q0W2E-XT9VB-4HJN8 -o request.txt
    #[command(verbatim_doc_comment)]
    Repair {
        /// The activation ID
        id: String,
        #[command(flatten)]
        to: To,
    },
}

impl Request {
    /// Of which activation ID.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Activate { id, .. } | Self::Return { id, .. } | Self::Repair { id, .. } => id,
        }
    }

    /// Where it goes.
    pub(crate) const fn to(&self) -> &To {
        match self {
            Self::Activate { to, .. } | Self::Return { to, .. } | Self::Repair { to, .. } => to,
        }
    }
}

/// Where a request goes.
#[derive(Debug, clap::Args)]
pub(crate) struct To {
    /// The request file; one that is there is never replaced
    #[arg(long, short, value_name = "FILE", required_unless_present = "qr")]
    pub(crate) output: Option<PathBuf>,
    /// Add the request to those of other machines in the file
    #[arg(long, requires = "output")]
    pub(crate) append: bool,
    /// Show the request as a QR picture, to be read by a phone; its text goes into the page "Offline"
    #[arg(long, conflicts_with = "json")]
    pub(crate) qr: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
