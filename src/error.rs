//! The one error type of the library: a code of the contract, a sentence, a hint.
//!
//! The numbers are those of the C header and never change; a retired one stays reserved.

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $number:literal, $name:literal, $message:literal, $hint:literal;)*) => {
        /// The cause of a failure, or what stands behind a state. The numbers are a contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Code {
            $(#[doc = $message] $variant = $number,)*
        }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code with this number, or `None` where the number is no code of this version.
            #[must_use]
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name as the C header writes it: `LM_ERR_NETWORK`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// A sentence that says what happened, for a person at the machine.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// A sentence that says what to do next, for a person at the machine.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }
        }
    };
}

codes! {
    InvalidArgument = 1, "LM_ERR_INVALID_ARGUMENT", "An argument of the call is not valid.", "This is a fault of the application: report it to its maker.";
    StructSize = 2, "LM_ERR_STRUCT_SIZE", "A structure's size field is smaller than any version of it.", "This is a fault of the application: set struct_size to sizeof the structure.";
    Buffer = 3, "LM_ERR_BUFFER", "The buffer is too small for the text.", "Call again with a buffer of the length that the call reports.";
    Unsupported = 4, "LM_ERR_UNSUPPORTED", "This version of the license library cannot do that.", "Update the application or its license library.";
    Forked = 5, "LM_ERR_FORKED", "The license client was opened in the parent process.", "Open a client of your own in the child process after fork().";
    Cancelled = 6, "LM_ERR_CANCELLED", "The call was cancelled.", "Nothing is lost: call again to go on.";
    NoPortal = 7, "LM_ERR_NO_PORTAL", "No licensing portal is configured.", "Set the portal's address, or exchange request and response files.";
    TrustRoot = 8, "LM_ERR_TRUST_ROOT", "The trust root is not valid.", "Build the application with the line that the portal's trust-root command prints.";
    Internal = 9, "LM_ERR_INTERNAL", "The license library failed inside.", "Close the client and open a new one; report it to the application's maker if it comes again.";

    NotFound = 20, "LM_ERR_NOT_FOUND", "This machine holds no license with that activation ID.", "Look at the list of licenses on this machine for the right activation ID.";
    IdMalformed = 21, "LM_ERR_ID_MALFORMED", "This is not an activation ID: its check characters do not fit.", "Compare it with the one you were sent, character by character.";
    NotAllowed = 22, "LM_ERR_NOT_ALLOWED", "The license's state does not allow that.", "Return the license instead: that gives its seat back.";
    InUse = 23, "LM_ERR_IN_USE", "Seats of this license are in use on this machine.", "Close the programs that use it, then try again.";
    NoFreeSeat = 24, "LM_ERR_NO_FREE_SEAT", "All seats of this machine are in use.", "Wait until another program releases one, or activate more seats.";
    Feature = 25, "LM_ERR_FEATURE", "No license on this machine has that feature.", "Activate a license that includes it.";
    Busy = 26, "LM_ERR_BUSY", "Another program is changing the licenses of this machine.", "Try again in a moment.";

    Permission = 40, "LM_ERR_PERMISSION", "You may not change the licenses in this storage.", "Ask an administrator of this machine, or run as a member of its license group.";
    StorageReadOnly = 41, "LM_ERR_STORAGE_READ_ONLY", "Trusted storage cannot be written.", "Make the storage directory's file system writable.";
    StorageFull = 42, "LM_ERR_STORAGE_FULL", "The disk that holds trusted storage is full.", "Free some space, then try again.";
    StorageIo = 43, "LM_ERR_STORAGE_IO", "The disk that holds trusted storage failed.", "Check the disk, then try again.";
    StorageDamaged = 44, "LM_ERR_STORAGE_DAMAGED", "Trusted storage is damaged.", "Activate the licenses of this machine again; they take no second seat.";
    StorageNewer = 45, "LM_ERR_STORAGE_NEWER", "Trusted storage was written by a newer version.", "Update the application or its license library.";
    StorageUnsafe = 46, "LM_ERR_STORAGE_UNSAFE", "Trusted storage is not safe: its owner, its mode or a link is not as it must be.", "Look at the owner and the permissions of the storage directory and its files.";
    StorageMissing = 47, "LM_ERR_STORAGE_MISSING", "Trusted storage was here and is gone.", "Activate the licenses of this machine again; they take no second seat.";
    StorageRemote = 48, "LM_ERR_STORAGE_REMOTE", "Trusted storage lies on a network file system.", "Choose a storage directory on a local disk.";

    Network = 70, "LM_ERR_NETWORK", "The licensing portal could not be reached.", "Check the network connection, then try again; nothing is lost.";
    Dns = 71, "LM_ERR_DNS", "The licensing portal's name could not be resolved.", "Check the network connection and the portal's address, then try again; nothing is lost.";
    Proxy = 72, "LM_ERR_PROXY", "The proxy refused or failed.", "Check the proxy settings and its user name and password; nothing is lost.";
    Tls = 73, "LM_ERR_TLS", "The secure connection to the licensing portal failed.", "Check this machine's clock and certificates; behind TLS inspection, give the inspector's certificate as ca_file. Nothing is lost.";
    Timeout = 74, "LM_ERR_TIMEOUT", "The licensing portal did not answer in time.", "Try again later; nothing is lost.";
    Http = 75, "LM_ERR_HTTP", "The answer did not come from a licensing portal.", "Check the portal's address, and whether a proxy or a sign-in page stands between; nothing is lost.";
    PortalBusy = 76, "LM_ERR_PORTAL_BUSY", "The licensing portal is busy.", "Try again later; nothing is lost.";

    Signature = 90, "LM_ERR_SIGNATURE", "The answer is not signed by this application's vendor.", "Check the portal's address; if it is right, ask the vendor.";
    Malformed = 91, "LM_ERR_MALFORMED", "The message is damaged or not a license message.", "Ask for it again.";
    TooLarge = 92, "LM_ERR_TOO_LARGE", "The message is larger than a license message can be.", "Check the portal's address or the file.";
    Version = 93, "LM_ERR_VERSION", "The message is of a version that this library does not know.", "Update the application or its license library.";
    Mismatch = 94, "LM_ERR_MISMATCH", "The message belongs to another request, machine or product.", "Use the answer that was made for this machine's last request.";
    Replayed = 95, "LM_ERR_REPLAYED", "The message was used before.", "Make a new request.";
    TooLate = 96, "LM_ERR_TOO_LATE", "The answer came after its last day.", "Refresh the license to ask again; no second seat is taken.";

    IdUnknown = 110, "LM_ERR_ID_UNKNOWN", "The licensing portal does not know this activation ID.", "Compare it with the one you were sent.";
    IdInactive = 111, "LM_ERR_ID_INACTIVE", "This activation ID was retired and can no longer be activated.", "Ask the owner of the licenses for a new activation ID.";
    NoSeats = 112, "LM_ERR_NO_SEATS", "Not enough seats of this activation ID are free.", "Return it on a machine that no longer needs it, then try again.";
    WrongProduct = 113, "LM_ERR_WRONG_PRODUCT", "This activation ID is for another product.", "Use the activation ID of this product.";
    WrongKind = 114, "LM_ERR_WRONG_KIND", "A node-locked license takes exactly one seat on a machine.", "Activate it with one seat.";
    Expired = 115, "LM_ERR_EXPIRED", "The license's term is over.", "Ask the vendor to renew it.";
    NotYetValid = 116, "LM_ERR_NOT_YET_VALID", "The license's term has not begun.", "Wait for its first day, or check this machine's clock.";
    Obsolete = 117, "LM_ERR_OBSOLETE", "The license was given back from the portal; the copy on this machine has no rights.", "Remove it here, or activate an activation ID again.";
    Stale = 118, "LM_ERR_STALE", "The licensing portal knows a newer state of this license than this machine.", "Repair it, or activate it again, on this machine; it takes no second seat.";
    HostRefused = 119, "LM_ERR_HOST_REFUSED", "The vendor does not allow this license on this kind of machine.", "Use a physical machine, or ask the vendor.";
    HostMismatch = 120, "LM_ERR_HOST_MISMATCH", "This machine is not the one that the license was issued to.", "Activate the license on this machine, or ask its owner to re-host it.";
    ReturnLimit = 121, "LM_ERR_RETURN_LIMIT", "The limit of returns for this period is reached.", "Ask the owner of the licenses or the vendor to raise it.";
    RehostLimit = 122, "LM_ERR_REHOST_LIMIT", "The limit of re-hosts for this period is reached.", "Ask the vendor to raise it.";
    RepairLimit = 123, "LM_ERR_REPAIR_LIMIT", "The limit of repairs for this period is reached.", "Ask the owner of the licenses to re-host it, then activate it again.";
    OfflineRefused = 124, "LM_ERR_OFFLINE_REFUSED", "The vendor does not allow this license to be activated by files.", "Activate it over the network.";
    Abandoned = 125, "LM_ERR_ABANDONED", "The request was abandoned before the portal saw it.", "Activate again if the license is wanted.";
    HeldElsewhere = 126, "LM_ERR_HELD_ELSEWHERE", "The license is held by another storage of this machine.", "Use it from there, or activate it here again.";
    PortalRestored = 127, "LM_ERR_PORTAL_RESTORED", "The licensing portal was restored from a backup and does not know the request.", "Make the request again.";

    HostChanged = 140, "LM_ERR_HOST_CHANGED", "This machine is not the one that the license was issued to, or most of it was changed.", "Activate the license on this machine; ask its owner to re-host it if all seats are in use.";
    Restored = 141, "LM_ERR_RESTORED", "Trusted storage is an older copy than the one last seen on this machine.", "Repair the license, or activate it again, on this machine; it takes no second seat.";
    Clock = 142, "LM_ERR_CLOCK", "This machine's clock was set back.", "Correct the clock, or refresh the license over the network.";
    LeaseOver = 143, "LM_ERR_LEASE_OVER", "The license was not refreshed in time.", "Refresh the license over the network.";
}

impl Code {
    /// The number that crosses the C ABI.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// 70 to 79: the portal was not reached, nothing is lost, try later.
    #[must_use]
    pub const fn is_network(self) -> bool {
        matches!(self as i32, 70..=79)
    }
}

/// A failure: its code, a sentence, a hint, and what a program may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
    hint: String,
    detail: String,
    retry_at: i64,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with its code's own sentence and hint.
    #[must_use]
    pub fn from_code(code: Code) -> Self {
        Self {
            code,
            message: code.message().to_owned(),
            hint: code.hint().to_owned(),
            detail: String::new(),
            retry_at: 0,
        }
    }

    /// A failure with a sentence of its own and its code's hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::from_code(code) }
    }

    /// The same failure with another hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same failure with a JSON document for programs.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same failure with the time (Unix seconds) before which trying again is pointless.
    #[must_use]
    pub fn with_retry_at(mut self, retry_at: i64) -> Self {
        self.retry_at = retry_at;
        self
    }

    /// Which cause.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What happened, as a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Empty, or a JSON document.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Unix seconds; 0: at will.
    #[must_use]
    pub const fn retry_at(&self) -> i64 {
        self.retry_at
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.message, self.hint)
    }
}

impl std::error::Error for Error {}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::from_code(code)
    }
}

impl From<lm_protocol::Error> for Error {
    fn from(error: lm_protocol::Error) -> Self {
        Self::from_code(match error {
            lm_protocol::Error::TooLarge => Code::TooLarge,
            lm_protocol::Error::Malformed => Code::Malformed,
            lm_protocol::Error::Version => Code::Version,
            lm_protocol::Error::Signature => Code::Signature,
            lm_protocol::Error::Mismatch => Code::Mismatch,
        })
    }
}

impl From<lm_protocol::Refusal> for Code {
    fn from(refusal: lm_protocol::Refusal) -> Self {
        use lm_protocol::Refusal;
        match refusal {
            Refusal::IdUnknown => Self::IdUnknown,
            Refusal::IdInactive => Self::IdInactive,
            Refusal::NoSeats => Self::NoSeats,
            Refusal::WrongProduct => Self::WrongProduct,
            Refusal::WrongKind => Self::WrongKind,
            Refusal::Expired => Self::Expired,
            Refusal::NotYetValid => Self::NotYetValid,
            Refusal::HostRefused => Self::HostRefused,
            Refusal::HostMismatch => Self::HostMismatch,
            Refusal::ReturnLimit => Self::ReturnLimit,
            Refusal::RehostLimit => Self::RehostLimit,
            Refusal::RepairLimit => Self::RepairLimit,
            Refusal::OfflineRefused => Self::OfflineRefused,
            Refusal::Abandoned => Self::Abandoned,
            Refusal::PortalRestored => Self::PortalRestored,
            Refusal::TooManySeats => Self::InvalidArgument,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_number_one_name_and_two_sentences() {
        let mut numbers = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(numbers.insert(code.number()), "{code:?} shares its number");
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert!(code.name().starts_with("LM_ERR_"));
            for sentence in [code.message(), code.hint()] {
                assert!(sentence.ends_with('.'), "{code:?}: {sentence:?} is no sentence");
            }
        }
        assert_eq!(Code::from_number(0), None);
    }
}
