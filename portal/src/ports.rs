//! The portal's clock and randomness. The ledger is given both; nothing else reads either.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::{Error, Result};

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Unix seconds.
    fn now(&self) -> i64;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the portal's one clock")]
    fn now(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|passed| i64::try_from(passed.as_secs()).ok())
            .unwrap_or(0)
    }
}

/// Where randomness comes from.
pub trait Random: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The operating system's randomness.
#[derive(Debug)]
pub struct SystemRandomness(SystemRandom);

impl Default for SystemRandomness {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        let refused = |_| Error::System("the operating system gives no randomness".to_owned());
        self.0.fill(bytes).map_err(refused)
    }
}

/// As many random bytes as asked for.
pub(crate) fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// An ID of the portal's own making: a letter and 80 random bits.
pub(crate) fn new_id(random: &dyn Random, letter: &str) -> Result<String> {
    Ok(format!("{letter}-{}", lm_protocol::encoding::to_hex(&bytes::<10>(random)?)))
}
