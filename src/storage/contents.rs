//! What an image holds for the layers above: sections, each a tag and its bytes.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// The sections of one image. Storage knows no meaning of any of them; one that a build doesn't
/// know stays in it, byte for byte, through every change. Its bytes are wiped when it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(
    /// In the order of the tags.
    Vec<(u32, Secret)>,
);

impl Contents {
    /// The bytes of a section, or `None` where there is no such section.
    #[must_use]
    pub fn get(&self, tag: u32) -> Option<&[u8]> {
        self.place(tag).ok().and_then(|place| self.0.get(place)).map(|(_, bytes)| bytes.expose())
    }

    /// Gives a section these bytes, whether it was there or not. The bytes are taken over and
    /// wiped later. How much fits in all is said by [`super::CONTENTS_MAX`] and checked on commit.
    pub fn set(&mut self, tag: u32, bytes: Vec<u8>) {
        let section = (tag, Secret::new(bytes));
        match self.place(tag) {
            Ok(place) => self.0[place] = section,
            Err(place) => self.0.insert(place, section),
        }
    }

    /// Takes a section out; false where it wasn't there.
    pub fn remove(&mut self, tag: u32) -> bool {
        self.place(tag).map(|place| self.0.remove(place)).is_ok()
    }

    /// Where a section is, or would be.
    fn place(&self, tag: u32) -> std::result::Result<usize, usize> {
        self.0.binary_search_by_key(&tag, |(tag, _)| *tag)
    }

    /// Every section, in the order of the tags.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.0.iter().map(|(tag, bytes)| (*tag, bytes.expose()))
    }

    /// Whether there is no section at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The coded length in bytes: a count, then tag, length and bytes of each.
    pub(super) fn coded_len(&self) -> usize {
        4 + self.iter().map(|(_, bytes)| 8 + bytes.len()).sum::<usize>()
    }

    /// Appends the coded form. The caller has checked that every length fits an image.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        out.extend_from_slice(&number(self.0.len()));
        for (tag, bytes) in self.iter() {
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&number(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }

    /// Reads what [`Self::encode`] wrote and nothing else: tags rise, nothing follows the last.
    pub(super) fn decode(mut input: &[u8]) -> Option<Self> {
        let mut sections: Vec<(u32, Secret)> = Vec::new();
        for _ in 0..take_u32(&mut input)? {
            let tag = take_u32(&mut input)?;
            let len = take_u32(&mut input)?;
            let bytes = take(&mut input, usize::try_from(len).ok()?)?;
            if sections.last().is_some_and(|(last, _)| *last >= tag) {
                return None;
            }
            sections.push((tag, Secret::new(bytes.to_vec())));
        }
        input.is_empty().then_some(Self(sections))
    }
}

/// The next `len` bytes.
pub(super) fn take<'a>(input: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(taken)
}

/// The next bytes as an array.
pub(super) fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    take(input, N)?.try_into().ok()
}

pub(super) fn take_u16(input: &mut &[u8]) -> Option<u16> {
    take_array(input).map(u16::from_le_bytes)
}

pub(super) fn take_u32(input: &mut &[u8]) -> Option<u32> {
    take_array(input).map(u32::from_le_bytes)
}

pub(super) fn take_u64(input: &mut &[u8]) -> Option<u64> {
    take_array(input).map(u64::from_le_bytes)
}
