//! In which world the client of a shipped host lives: the system's own.
//!
//! The one place that says so. The test kit compiles the library with another file here, so that
//! nothing in the product has a door for it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::client::{Client, Options};
use crate::error::Result;
use crate::machine::{SystemClock, SystemRandom};
use crate::ports::Ports;
use crate::storage::SystemFiles;

impl Client {
    /// Opens a client. Touches no network and makes no store; a missing, damaged, read-only or
    /// newer store is no failure: [`Client::status`] says which.
    ///
    /// Errors: [`Code::InvalidArgument`], [`Code::TrustRoot`], and a store that may not be read:
    /// [`Code::Permission`], [`Code::StorageUnsafe`], [`Code::StorageRemote`], [`Code::StorageIo`].
    ///
    /// [`Code::InvalidArgument`]: crate::Code::InvalidArgument
    /// [`Code::TrustRoot`]: crate::Code::TrustRoot
    /// [`Code::Permission`]: crate::Code::Permission
    /// [`Code::StorageUnsafe`]: crate::Code::StorageUnsafe
    /// [`Code::StorageRemote`]: crate::Code::StorageRemote
    /// [`Code::StorageIo`]: crate::Code::StorageIo
    pub fn open(options: Options) -> Result<Self> {
        let ports = Ports {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()),
            files: Arc::new(SystemFiles),
        };
        Self::open_with(options, ports)
    }
}
