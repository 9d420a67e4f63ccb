//! The system's randomness.
#![forbid(unsafe_code)]

use ring::rand::SecureRandom;

use crate::error::{Code, Error, Result};
use crate::ports::Random;

/// Randomness of the operating system, fit for keys. Threads: any.
#[derive(Clone, Debug)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// Opens nothing and can't fail; a system without randomness shows at the first use.
    #[must_use]
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        self.0.fill(bytes).map_err(|_| {
            Error::new(Code::Internal, "The system has no randomness to give.")
                .with_hint("Start the machine again; report it to its administrator if it stays.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filling_differs() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        SystemRandom::new().fill(&mut a).unwrap();
        SystemRandom::new().fill(&mut b).unwrap();
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
    }
}
