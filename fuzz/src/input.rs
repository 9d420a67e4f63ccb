//! A fuzzer's bytes, taken apart: numbers from the front, and pieces that a byte of 0xFF ends, so that
//! what stands in them (JSON, mostly) is changed without moving the rest.

pub struct Input<'a>(&'a [u8]);

/// Ends a piece; it is in no UTF-8.
pub const END: u8 = 0xFF;

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; 0 at the end.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) =
            self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    /// What stands before the next end.
    pub fn piece(&mut self) -> &'a [u8] {
        let mut parts = self.0.splitn(2, |byte| *byte == END);
        let piece = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        piece
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
