//! What goes wrong in the portal.

/// Why something was not done. Each text is a sentence for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A message of the client protocol that is not accepted.
    #[error("{0}")]
    Message(#[from] lm_protocol::Error),
    /// A file that is not accepted.
    #[error("{0}")]
    File(#[from] lm_protocol::file::Fault),
    /// An operation's ID came again with other contents.
    #[error("the operation's ID was used before, for another request")]
    OperationReused,
    /// An abandon of an operation that is no activate.
    #[error("the operation to abandon is no activate")]
    NotAnActivate,
    /// A rule forbids it; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// A limit forbids it until a time, Unix seconds; 0: for ever. Nothing was changed.
    #[error("{sentence}")]
    LimitReached {
        /// What is said.
        sentence: String,
        /// When it is allowed again.
        again_at: i64,
    },
    /// Whoever asks has to say who they are, by a token that is good.
    #[error("a token is needed: Authorization: Bearer TOKEN")]
    Unauthorized,
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The arguments make no sense.
    #[error("{0}")]
    Invalid(String),
    /// The database.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database's tables could not be brought up to date.
    #[error("the database's tables: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Others were always first; to be asked again.
    #[error("the portal is busy; try again")]
    Busy,
    /// The database holds what the portal never wrote.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The operating system refused randomness, a file or a socket.
    #[error("{0}")]
    System(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the transaction lost against another one and may be run again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Database(sqlx::Error::Database(error)) => match error.code().as_deref() {
                // PostgreSQL: serialization failure, deadlock.
                Some("40001" | "40P01") => true,
                // SQLite: the low byte of BUSY and LOCKED.
                Some(code) => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xFF, 5 | 6)),
                None => false,
            },
            _ => false,
        }
    }

    /// Whether what came is no request that can be answered: the caller's fault, and neither the
    /// portal's nor of the moment.
    #[must_use]
    pub const fn is_the_callers(&self) -> bool {
        matches!(
            self,
            Self::Message(_) | Self::File(_) | Self::OperationReused | Self::NotAnActivate
        )
    }

    /// Whether the fault is the portal's and not the caller's.
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Migration(_) | Self::Damaged(_) | Self::System(_))
    }
}

/// Says what of the database was not as the portal writes it.
pub(crate) fn damaged(what: &str) -> Error {
    Error::Damaged(what.to_owned())
}
