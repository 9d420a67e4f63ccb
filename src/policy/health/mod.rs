//! What a report on a machine's licenses says: each finding with its severity and the next step.
//!
//! | file | what it judges |
//! |---|---|
//! | `storage` | the store, its images and anchors, rights, free space |
//! | `host` | what this machine shows of itself, and how much of it each license still finds |
//! | `clock` | how far the clock may be set back, how far it is from the portal's |
//! | `license` | each license: lease, grace, trust |
//! | `portal` | how far the way to the portal reaches |

mod clock;
mod host;
mod license;
mod portal;
mod storage;

use serde_json::Value;

use super::NextStep;
use crate::error::{Code, Error};
use crate::log::Level;

pub use clock::{clock, portal_time};
pub use host::{evidence, score};
pub use license::license;
pub use portal::{Via, portal};
pub use storage::{Access, closed, store};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The store as a whole.
    Storage,
    /// One of its two images.
    Image,
    /// What exposes a restored store.
    Anchor,
    /// Who keeps its master key.
    Sealer,
    /// Whether this user may change it.
    Permission,
    /// Free space where it lies.
    Space,
    /// This machine's identity.
    Host,
    /// This machine's clock.
    Clock,
    /// One license.
    License,
    /// The portal's name, or the proxy's.
    Dns,
    /// The connection to the portal.
    Connect,
    /// Its security.
    Tls,
    /// Its answer.
    Http,
}

impl Topic {
    /// Its word, as scripts read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Image => "image",
            Self::Anchor => "anchor",
            Self::Sealer => "sealer",
            Self::Permission => "permission",
            Self::Space => "space",
            Self::Host => "host",
            Self::Clock => "clock",
            Self::License => "license",
            Self::Dns => "portal.dns",
            Self::Connect => "portal.connect",
            Self::Tls => "portal.tls",
            Self::Http => "portal.http",
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is about.
    pub topic: Topic,
    /// [`Level::Info`]: as it should be. [`Level::Warn`]: it works, and may soon not. [`Level::Error`]:
    /// it doesn't.
    pub level: Level,
    /// The code behind it.
    pub code: Option<Code>,
    /// What a person does next.
    pub next_step: NextStep,
    /// The activation ID, path or address that it is about; empty where there is one only.
    pub subject: String,
    /// A sentence.
    pub text: String,
    /// What to do, as a sentence; empty where nothing is to be done.
    pub hint: String,
    /// The numbers behind it, for programs.
    pub detail: Value,
}

impl Finding {
    fn new(topic: Topic, level: Level, text: impl Into<String>) -> Self {
        Self {
            topic,
            level,
            code: None,
            next_step: NextStep::None,
            subject: String::new(),
            text: text.into(),
            hint: String::new(),
            detail: Value::Null,
        }
    }

    fn good(topic: Topic, text: impl Into<String>) -> Self {
        Self::new(topic, Level::Info, text)
    }

    /// A failure of the library, as a finding.
    fn failed(topic: Topic, error: &Error) -> Self {
        Self::new(topic, Level::Error, error.message()).code(error.code()).hint(error.hint())
    }

    fn code(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    fn next(self, next_step: NextStep) -> Self {
        Self { next_step, ..self }
    }

    fn detail(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}
