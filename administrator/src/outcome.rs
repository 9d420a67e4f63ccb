//! What became of one license, and the exit code that scripts rely on.

use lm::{Client, Error, State, Status};

/// The exit codes; a greater one in this order is the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused or failed, with the reason.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// The portal's answer has not arrived; `resume` finishes it.
    Pending = 3,
}

impl Exit {
    /// The one that a batch ends with: what failed needs a person, what is pending finishes itself.
    fn worse(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Done => 0,
            Self::Pending => 1,
            Self::Failed => 2,
            Self::Usage => 3,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

/// What became of one license.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// As it was typed; empty where the outcome is not that of one license.
    pub(crate) activation_id: String,
    /// A sentence of what was done, or the failure.
    pub(crate) result: lm::Result<String>,
    /// The failure leaves something to be resumed.
    pub(crate) pending: bool,
}

impl Outcome {
    /// It was done; `message` says what.
    pub(crate) fn done(activation_id: &str, message: String) -> Self {
        Self { activation_id: activation_id.to_owned(), result: Ok(message), pending: false }
    }

    /// It failed, and nothing is left pending.
    pub(crate) fn failed(activation_id: &str, error: Error) -> Self {
        Self { activation_id: activation_id.to_owned(), result: Err(error), pending: false }
    }

    /// A call that asks the portal: its failure may leave the license pending.
    pub(crate) fn of_call(
        client: &Client,
        activation_id: &str,
        result: lm::Result<String>,
    ) -> Self {
        let pending = match &result {
            Ok(_) => false,
            Err(error) => leaves_pending(client, activation_id, error),
        };
        Self { activation_id: activation_id.to_owned(), result, pending }
    }

    pub(crate) fn exit(&self) -> Exit {
        match &self.result {
            Ok(_) => Exit::Done,
            Err(_) if self.pending => Exit::Pending,
            Err(_) => Exit::Failed,
        }
    }
}

/// The worst of a batch; an empty one is done.
pub(crate) fn worst(outcomes: &[Outcome]) -> Exit {
    outcomes.iter().map(Outcome::exit).fold(Exit::Done, Exit::worse)
}

/// Whether the state is that of an operation whose answer is not known.
pub(crate) const fn is_pending(status: &Status) -> bool {
    matches!(status.state, State::PendingActivation | State::PendingReturn)
}

/// The first code that isn't the caller's own fault: storage, network, messages, refusals.
const FIRST_OUTSIDE: i32 = 40;

/// Network codes always do; another failure of the way there and back does where the status says so
/// (an answer that could not be believed or saved). A fault of the call itself began nothing.
fn leaves_pending(client: &Client, activation_id: &str, error: &Error) -> bool {
    error.code().is_network()
        || (error.code().number() >= FIRST_OUTSIDE
            && client.status(Some(activation_id)).is_ok_and(|status| is_pending(&status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lm::Code;

    #[test]
    fn a_batch_ends_with_its_worst_outcome() {
        let failed = || Outcome::failed("A", Error::from_code(Code::NoSeats));
        let pending = || Outcome { pending: true, ..failed() };
        let done = || Outcome::done("B", String::new());
        assert_eq!(worst(&[]), Exit::Done);
        assert_eq!(worst(&[done(), pending()]), Exit::Pending);
        assert_eq!(worst(&[pending(), failed(), done()]), Exit::Failed);
    }
}
