//! Bounds of everything that comes from outside, each named once. Messages have theirs in
//! [`lm_protocol::limits`].

use std::time::Duration;

/// A directory, an address, a certificate file's path: bytes of UTF-8.
pub const PATH_MAX: usize = 4096;
/// The host application's own identity: bytes of UTF-8.
pub const HOST_IDENTITY_MAX: usize = 1024;
/// The label shown beside the host ID: bytes of UTF-8.
pub const HOST_LABEL_MAX: usize = 128;
/// A trust root: one line of ASCII.
pub const TRUST_ROOT_MAX: usize = 4096;
/// One image of trusted storage.
pub const IMAGE_MAX: usize = 1 << 20;
/// Records in one store.
pub const RECORDS_MAX: usize = 1000;
/// A whole call, when the host says 0.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// A whole call at most.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// How long a change waits for another process that holds the store's lock.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How old a status may be: the freshness bound between processes.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long another process may go by what it saw before: a look, and the tick of a coarse clock.
/// A return that takes seats out of use waits so long before it is sent.
pub const STATUS_AGE: Duration = Duration::from_millis(120);
/// A CA file.
pub const CA_FILE_MAX: usize = 1 << 20;
