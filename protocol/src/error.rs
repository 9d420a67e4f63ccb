//! Why a message is not accepted.

/// A message that is not accepted, by cause. Nothing of the message is used after any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than such a message can be.
    #[error("the message is larger than a license message can be")]
    TooLarge,
    /// Not such a message, or one whose fields break their bounds.
    #[error("the message is damaged or not a license message")]
    Malformed,
    /// A version that this build does not know.
    #[error("the message is of a version that this build does not know")]
    Version,
    /// No signature by a key that may sign it.
    #[error("the message is not signed by a key that may sign it")]
    Signature,
    /// Signed, but for another vendor, product, machine or request.
    #[error("the message belongs to another request, machine or product")]
    Mismatch,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
