//! What asks the program to stop: SIGINT or SIGTERM.

use std::io;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::error::{Error, Result};

/// Watches for the signals from the moment it is made: what comes before [`StopWatch::wait`] is kept.
pub struct StopWatch {
    runtime: Arc<Runtime>,
    signals: Signals,
}

impl StopWatch {
    pub(crate) fn new(runtime: &Arc<Runtime>) -> Result<Self> {
        let _entered = runtime.enter();
        let signals = Signals::new().map_err(failed)?;
        Ok(Self { runtime: Arc::clone(runtime), signals })
    }

    /// Blocks until the process is asked to stop.
    pub fn wait(mut self) -> Result<()> {
        self.runtime.block_on(self.signals.next()).map_err(failed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: io::Error) -> Error {
    Error::System(format!("waiting for signals: {error}"))
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}
