//! Every number of the contract. They never change; a retired one stays reserved. Those of features
//! that come later have theirs already.

use lm_protocol::Kind;

use crate::error::Code;
use crate::log::Level;
use crate::policy::{NextStep, State, trust};
use crate::storage::Scope;

/// § Results
/// Done.
pub const LM_OK: i32 = 0;

/// § Results 1-9: the caller
/// A pointer, length, text or number is not valid.
pub const LM_ERR_INVALID_ARGUMENT: i32 = 1;
/// struct_size is too small, or was never set.
pub const LM_ERR_STRUCT_SIZE: i32 = 2;
/// The buffer is too small; out_len tells the need.
pub const LM_ERR_BUFFER: i32 = 3;
/// This version of the library cannot do that.
pub const LM_ERR_UNSUPPORTED: i32 = 4;
/// The client was opened in the parent process.
pub const LM_ERR_FORKED: i32 = 5;
/// The call was cancelled. Nothing is lost.
pub const LM_ERR_CANCELLED: i32 = 6;
/// No portal_url is set.
pub const LM_ERR_NO_PORTAL: i32 = 7;
/// The trust root is not valid.
pub const LM_ERR_TRUST_ROOT: i32 = 8;
/// The library failed: free the client, open another.
pub const LM_ERR_INTERNAL: i32 = 9;

/// § Results 20-26: here, on this machine
/// This machine holds no such license.
pub const LM_ERR_NOT_FOUND: i32 = 20;
/// No activation ID: its check characters do not fit.
pub const LM_ERR_ID_MALFORMED: i32 = 21;
/// The license's state does not allow it.
pub const LM_ERR_NOT_ALLOWED: i32 = 22;
/// Seats are checked out on this machine.
pub const LM_ERR_IN_USE: i32 = 23;
/// All seats of this machine are checked out.
pub const LM_ERR_NO_FREE_SEAT: i32 = 24;
/// No license on this machine has the feature.
pub const LM_ERR_FEATURE: i32 = 25;
/// Another process is changing the licenses here.
pub const LM_ERR_BUSY: i32 = 26;

/// § Results 40-48: trusted storage
/// This user may not change this storage.
pub const LM_ERR_PERMISSION: i32 = 40;
/// Trusted storage cannot be written.
pub const LM_ERR_STORAGE_READ_ONLY: i32 = 41;
/// The disk is full.
pub const LM_ERR_STORAGE_FULL: i32 = 42;
/// The disk failed.
pub const LM_ERR_STORAGE_IO: i32 = 43;
/// Trusted storage is damaged.
pub const LM_ERR_STORAGE_DAMAGED: i32 = 44;
/// Trusted storage is of a newer format.
pub const LM_ERR_STORAGE_NEWER: i32 = 45;
/// Its owner, its mode or a link is not as it must be.
pub const LM_ERR_STORAGE_UNSAFE: i32 = 46;
/// Trusted storage was here and is gone.
pub const LM_ERR_STORAGE_MISSING: i32 = 47;
/// Trusted storage lies on a network file system.
pub const LM_ERR_STORAGE_REMOTE: i32 = 48;

/// § Results 70-79: the portal was not reached. Nothing is lost, try later
/// Refused, reset, no route.
pub const LM_ERR_NETWORK: i32 = 70;
/// The portal's name was not resolved.
pub const LM_ERR_DNS: i32 = 71;
/// The proxy refused or failed.
pub const LM_ERR_PROXY: i32 = 72;
/// No secure connection.
pub const LM_ERR_TLS: i32 = 73;
/// No answer in time.
pub const LM_ERR_TIMEOUT: i32 = 74;
/// What answered is not the portal.
pub const LM_ERR_HTTP: i32 = 75;
/// The portal asks to come back later.
pub const LM_ERR_PORTAL_BUSY: i32 = 76;

/// § Results 90-96: a message
/// Not signed by this application's vendor.
pub const LM_ERR_SIGNATURE: i32 = 90;
/// Damaged, or no license message.
pub const LM_ERR_MALFORMED: i32 = 91;
/// Larger than a license message can be.
pub const LM_ERR_TOO_LARGE: i32 = 92;
/// Of a version that this library does not know.
pub const LM_ERR_VERSION: i32 = 93;
/// Of another request, machine or product.
pub const LM_ERR_MISMATCH: i32 = 94;
/// Used before.
pub const LM_ERR_REPLAYED: i32 = 95;
/// Came after its last day.
pub const LM_ERR_TOO_LATE: i32 = 96;

/// § Results 110-129: the portal refused
/// The portal does not know the activation ID.
pub const LM_ERR_ID_UNKNOWN: i32 = 110;
/// The activation ID was retired.
pub const LM_ERR_ID_INACTIVE: i32 = 111;
/// All seats of the activation ID are taken.
pub const LM_ERR_NO_SEATS: i32 = 112;
/// The activation ID is for another product.
pub const LM_ERR_WRONG_PRODUCT: i32 = 113;
/// A node-locked license takes exactly one seat.
pub const LM_ERR_WRONG_KIND: i32 = 114;
/// The license's term is over.
pub const LM_ERR_EXPIRED: i32 = 115;
/// The license's term has not begun.
pub const LM_ERR_NOT_YET_VALID: i32 = 116;
/// Given back from the portal; no rights here.
pub const LM_ERR_OBSOLETE: i32 = 117;
/// The portal knows a newer state than this machine.
pub const LM_ERR_STALE: i32 = 118;
/// Not on this kind of machine (VM, container).
pub const LM_ERR_HOST_REFUSED: i32 = 119;
/// The license was issued to another machine.
pub const LM_ERR_HOST_MISMATCH: i32 = 120;
/// The limit of returns is reached.
pub const LM_ERR_RETURN_LIMIT: i32 = 121;
/// The limit of re-hosts is reached.
pub const LM_ERR_REHOST_LIMIT: i32 = 122;
/// The limit of repairs is reached.
pub const LM_ERR_REPAIR_LIMIT: i32 = 123;
/// Not allowed by files.
pub const LM_ERR_OFFLINE_REFUSED: i32 = 124;
/// The request was abandoned before the portal saw it.
pub const LM_ERR_ABANDONED: i32 = 125;
/// Held by another storage of this machine.
pub const LM_ERR_HELD_ELSEWHERE: i32 = 126;
/// The portal came back from a backup: ask again.
pub const LM_ERR_PORTAL_RESTORED: i32 = 127;

/// § Results 140-143: causes, in a status
/// Another machine, or most of this one changed.
pub const LM_ERR_HOST_CHANGED: i32 = 140;
/// Trusted storage is an older copy.
pub const LM_ERR_RESTORED: i32 = 141;
/// This machine's clock was set back.
pub const LM_ERR_CLOCK: i32 = 142;
/// Not refreshed in time.
pub const LM_ERR_LEASE_OVER: i32 = 143;

/// § States: where a license stands on this machine
/// This machine holds no such license.
pub const LM_STATE_ABSENT: u32 = 0;
/// Work.
pub const LM_STATE_ACTIVE: u32 = 1;
/// Work; the lease is over: refresh.
pub const LM_STATE_GRACE: u32 = 2;
/// The term, or lease and grace, are over: see cause.
pub const LM_STATE_EXPIRED: u32 = 3;
/// The term has not begun.
pub const LM_STATE_NOT_YET_VALID: u32 = 4;
/// Activated; the portal's answer is not known yet.
pub const LM_STATE_PENDING_ACTIVATION: u32 = 5;
/// Returned; the portal's answer is not known yet.
pub const LM_STATE_PENDING_RETURN: u32 = 6;
/// Given back from the portal; no rights here.
pub const LM_STATE_ORPHANED: u32 = 7;
/// No rights: trust or storage is broken, see cause.
pub const LM_STATE_UNTRUSTED: u32 = 8;

/// § Trust flags: a set bit is trusted
/// This is the machine that the license was issued to.
pub const LM_TRUST_HOST: u32 = 1;
/// Trusted storage is no older copy.
pub const LM_TRUST_RESTORE: u32 = 2;
/// The clock was not set back.
pub const LM_TRUST_TIME: u32 = 4;

/// § Kinds of license
/// Node-locked: one seat a machine.
pub const LM_KIND_NL: u32 = 1;
/// Concurrent: seats that are shared out.
pub const LM_KIND_CC: u32 = 2;

/// § Next steps: what a person does now
/// Nothing.
pub const LM_NEXT_NONE: u32 = 0;
/// lm_activate.
pub const LM_NEXT_ACTIVATE: u32 = 1;
/// lm_refresh, online.
pub const LM_NEXT_REFRESH: u32 = 2;
/// lm_resume finishes what is pending.
pub const LM_NEXT_RESUME: u32 = 3;
/// Repair; if lm_supports("repair") is 0: lm_activate.
pub const LM_NEXT_REPAIR: u32 = 4;
/// lm_remove.
pub const LM_NEXT_REMOVE: u32 = 5;
/// Set this machine's clock right.
pub const LM_NEXT_CORRECT_CLOCK: u32 = 6;
/// Ask the vendor.
pub const LM_NEXT_CONTACT_VENDOR: u32 = 7;

/// § Scopes: whose licenses
/// Those of the effective user.
pub const LM_SCOPE_USER: u32 = 0;
/// Those of all users of the machine.
pub const LM_SCOPE_MACHINE: u32 = 1;
/// Those of the effective user, in memory only: nothing is written, and they end with the client.
/// For hosts that want no storage, a CI machine say. Return the license before; activating anew at
/// each start takes no second seat, but counts against the repair limit.
pub const LM_SCOPE_MEMORY: u32 = 2;

/// § Log levels
/// No lines.
pub const LM_LOG_NONE: u32 = 0;
/// Something failed.
pub const LM_LOG_ERROR: u32 = 1;
/// Something is not as it should be.
pub const LM_LOG_WARN: u32 = 2;
/// What a person would tell of the day.
pub const LM_LOG_INFO: u32 = 3;
/// Each step.
pub const LM_LOG_DEBUG: u32 = 4;

/// The numbers that have a name, each tied to the library's own: a table of number and name.
macro_rules! names {
    ($table:ident: $number:ty, $($constant:ident = $own:expr, $name:literal;)*) => {
        pub(super) const $table: &[($number, &std::ffi::CStr)] = &[$(($constant, $name),)*];
        $(const _: () = assert!($constant == $own as $number);)*
    };
}

names! { RESULTS: i32,
    LM_ERR_INVALID_ARGUMENT = Code::InvalidArgument, c"LM_ERR_INVALID_ARGUMENT";
    LM_ERR_STRUCT_SIZE = Code::StructSize, c"LM_ERR_STRUCT_SIZE";
    LM_ERR_BUFFER = Code::Buffer, c"LM_ERR_BUFFER";
    LM_ERR_UNSUPPORTED = Code::Unsupported, c"LM_ERR_UNSUPPORTED";
    LM_ERR_FORKED = Code::Forked, c"LM_ERR_FORKED";
    LM_ERR_CANCELLED = Code::Cancelled, c"LM_ERR_CANCELLED";
    LM_ERR_NO_PORTAL = Code::NoPortal, c"LM_ERR_NO_PORTAL";
    LM_ERR_TRUST_ROOT = Code::TrustRoot, c"LM_ERR_TRUST_ROOT";
    LM_ERR_INTERNAL = Code::Internal, c"LM_ERR_INTERNAL";
    LM_ERR_NOT_FOUND = Code::NotFound, c"LM_ERR_NOT_FOUND";
    LM_ERR_ID_MALFORMED = Code::IdMalformed, c"LM_ERR_ID_MALFORMED";
    LM_ERR_NOT_ALLOWED = Code::NotAllowed, c"LM_ERR_NOT_ALLOWED";
    LM_ERR_IN_USE = Code::InUse, c"LM_ERR_IN_USE";
    LM_ERR_NO_FREE_SEAT = Code::NoFreeSeat, c"LM_ERR_NO_FREE_SEAT";
    LM_ERR_FEATURE = Code::Feature, c"LM_ERR_FEATURE";
    LM_ERR_BUSY = Code::Busy, c"LM_ERR_BUSY";
    LM_ERR_PERMISSION = Code::Permission, c"LM_ERR_PERMISSION";
    LM_ERR_STORAGE_READ_ONLY = Code::StorageReadOnly, c"LM_ERR_STORAGE_READ_ONLY";
    LM_ERR_STORAGE_FULL = Code::StorageFull, c"LM_ERR_STORAGE_FULL";
    LM_ERR_STORAGE_IO = Code::StorageIo, c"LM_ERR_STORAGE_IO";
    LM_ERR_STORAGE_DAMAGED = Code::StorageDamaged, c"LM_ERR_STORAGE_DAMAGED";
    LM_ERR_STORAGE_NEWER = Code::StorageNewer, c"LM_ERR_STORAGE_NEWER";
    LM_ERR_STORAGE_UNSAFE = Code::StorageUnsafe, c"LM_ERR_STORAGE_UNSAFE";
    LM_ERR_STORAGE_MISSING = Code::StorageMissing, c"LM_ERR_STORAGE_MISSING";
    LM_ERR_STORAGE_REMOTE = Code::StorageRemote, c"LM_ERR_STORAGE_REMOTE";
    LM_ERR_NETWORK = Code::Network, c"LM_ERR_NETWORK";
    LM_ERR_DNS = Code::Dns, c"LM_ERR_DNS";
    LM_ERR_PROXY = Code::Proxy, c"LM_ERR_PROXY";
    LM_ERR_TLS = Code::Tls, c"LM_ERR_TLS";
    LM_ERR_TIMEOUT = Code::Timeout, c"LM_ERR_TIMEOUT";
    LM_ERR_HTTP = Code::Http, c"LM_ERR_HTTP";
    LM_ERR_PORTAL_BUSY = Code::PortalBusy, c"LM_ERR_PORTAL_BUSY";
    LM_ERR_SIGNATURE = Code::Signature, c"LM_ERR_SIGNATURE";
    LM_ERR_MALFORMED = Code::Malformed, c"LM_ERR_MALFORMED";
    LM_ERR_TOO_LARGE = Code::TooLarge, c"LM_ERR_TOO_LARGE";
    LM_ERR_VERSION = Code::Version, c"LM_ERR_VERSION";
    LM_ERR_MISMATCH = Code::Mismatch, c"LM_ERR_MISMATCH";
    LM_ERR_REPLAYED = Code::Replayed, c"LM_ERR_REPLAYED";
    LM_ERR_TOO_LATE = Code::TooLate, c"LM_ERR_TOO_LATE";
    LM_ERR_ID_UNKNOWN = Code::IdUnknown, c"LM_ERR_ID_UNKNOWN";
    LM_ERR_ID_INACTIVE = Code::IdInactive, c"LM_ERR_ID_INACTIVE";
    LM_ERR_NO_SEATS = Code::NoSeats, c"LM_ERR_NO_SEATS";
    LM_ERR_WRONG_PRODUCT = Code::WrongProduct, c"LM_ERR_WRONG_PRODUCT";
    LM_ERR_WRONG_KIND = Code::WrongKind, c"LM_ERR_WRONG_KIND";
    LM_ERR_EXPIRED = Code::Expired, c"LM_ERR_EXPIRED";
    LM_ERR_NOT_YET_VALID = Code::NotYetValid, c"LM_ERR_NOT_YET_VALID";
    LM_ERR_OBSOLETE = Code::Obsolete, c"LM_ERR_OBSOLETE";
    LM_ERR_STALE = Code::Stale, c"LM_ERR_STALE";
    LM_ERR_HOST_REFUSED = Code::HostRefused, c"LM_ERR_HOST_REFUSED";
    LM_ERR_HOST_MISMATCH = Code::HostMismatch, c"LM_ERR_HOST_MISMATCH";
    LM_ERR_RETURN_LIMIT = Code::ReturnLimit, c"LM_ERR_RETURN_LIMIT";
    LM_ERR_REHOST_LIMIT = Code::RehostLimit, c"LM_ERR_REHOST_LIMIT";
    LM_ERR_REPAIR_LIMIT = Code::RepairLimit, c"LM_ERR_REPAIR_LIMIT";
    LM_ERR_OFFLINE_REFUSED = Code::OfflineRefused, c"LM_ERR_OFFLINE_REFUSED";
    LM_ERR_ABANDONED = Code::Abandoned, c"LM_ERR_ABANDONED";
    LM_ERR_HELD_ELSEWHERE = Code::HeldElsewhere, c"LM_ERR_HELD_ELSEWHERE";
    LM_ERR_PORTAL_RESTORED = Code::PortalRestored, c"LM_ERR_PORTAL_RESTORED";
    LM_ERR_HOST_CHANGED = Code::HostChanged, c"LM_ERR_HOST_CHANGED";
    LM_ERR_RESTORED = Code::Restored, c"LM_ERR_RESTORED";
    LM_ERR_CLOCK = Code::Clock, c"LM_ERR_CLOCK";
    LM_ERR_LEASE_OVER = Code::LeaseOver, c"LM_ERR_LEASE_OVER";
}

names! { STATES: u32,
    LM_STATE_ABSENT = State::Absent, c"ABSENT";
    LM_STATE_ACTIVE = State::Active, c"ACTIVE";
    LM_STATE_GRACE = State::Grace, c"GRACE";
    LM_STATE_EXPIRED = State::Expired, c"EXPIRED";
    LM_STATE_NOT_YET_VALID = State::NotYetValid, c"NOT_YET_VALID";
    LM_STATE_PENDING_ACTIVATION = State::PendingActivation, c"PENDING_ACTIVATION";
    LM_STATE_PENDING_RETURN = State::PendingReturn, c"PENDING_RETURN";
    LM_STATE_ORPHANED = State::Orphaned, c"ORPHANED";
    LM_STATE_UNTRUSTED = State::Untrusted, c"UNTRUSTED";
}

const _: () = {
    assert!(LM_NEXT_NONE == NextStep::None as u32);
    assert!(LM_NEXT_ACTIVATE == NextStep::Activate as u32);
    assert!(LM_NEXT_REFRESH == NextStep::Refresh as u32);
    assert!(LM_NEXT_RESUME == NextStep::Resume as u32);
    assert!(LM_NEXT_REPAIR == NextStep::Repair as u32);
    assert!(LM_NEXT_REMOVE == NextStep::Remove as u32);
    assert!(LM_NEXT_CORRECT_CLOCK == NextStep::CorrectClock as u32);
    assert!(LM_NEXT_CONTACT_VENDOR == NextStep::ContactVendor as u32);
    assert!(LM_TRUST_HOST == trust::HOST);
    assert!(LM_TRUST_RESTORE == trust::RESTORE);
    assert!(LM_TRUST_TIME == trust::TIME);
    assert!(LM_LOG_ERROR == Level::Error as u32);
    assert!(LM_LOG_WARN == Level::Warn as u32);
    assert!(LM_LOG_INFO == Level::Info as u32);
    assert!(LM_LOG_DEBUG == Level::Debug as u32);
};

/// NL or CC; `None`: the portal has not told it yet.
pub(super) const fn kind_number(kind: Option<Kind>) -> u32 {
    match kind {
        None => 0,
        Some(Kind::Nl) => LM_KIND_NL,
        Some(Kind::Cc) => LM_KIND_CC,
    }
}

/// The kind with this number; 0: not known.
pub(crate) const fn kind_from(number: u32) -> Option<Option<Kind>> {
    match number {
        0 => Some(None),
        LM_KIND_NL => Some(Some(Kind::Nl)),
        LM_KIND_CC => Some(Some(Kind::Cc)),
        _ => None,
    }
}

pub(super) const fn scope_from(number: u32) -> Option<Scope> {
    match number {
        LM_SCOPE_USER => Some(Scope::User),
        LM_SCOPE_MACHINE => Some(Scope::Machine),
        LM_SCOPE_MEMORY => Some(Scope::Memory),
        _ => None,
    }
}

/// The level with this number; 0: no lines.
pub(super) const fn level_from(number: u32) -> Option<Option<Level>> {
    match number {
        LM_LOG_NONE => Some(None),
        LM_LOG_ERROR => Some(Some(Level::Error)),
        LM_LOG_WARN => Some(Some(Level::Warn)),
        LM_LOG_INFO => Some(Some(Level::Info)),
        LM_LOG_DEBUG => Some(Some(Level::Debug)),
        _ => None,
    }
}
