//! Rights as Windows keeps them ↔ owner and mode, by which storage judges. Pure.
//!
//! | in a mode | on Windows |
//! |---|---|
//! | the owner's bits | the object's owner, the user of this process, SYSTEM, Administrators |
//! | the group's bits | `Users`, and every account that is named and stands in no other row |
//! | everyone's bits | `Everyone`, guests, the anonymous, all of the network, programs in app containers |
//! | owner 0 | SYSTEM, Administrators, TrustedInstaller: who may do everything |
//!
//! The generic rights are used, so that one descriptor does for files, directories and keys of the
//! registry; reading and writing have the same bits in all three.
#![forbid(unsafe_code)]

use std::fmt;

use ring::digest::{SHA256, digest};

const READ: u32 = 0x0000_0001;
/// To write, to append; in a directory or key: to add.
const WRITE: u32 = 0x0000_0006;
const EXECUTE: u32 = 0x0000_0020;
/// Whoever may change the rights or take the object over may do everything.
const TAKE_OVER: u32 = 0x000C_0000;
const GENERIC_ALL: u32 = 0x1000_0000;
const GENERIC_EXECUTE: u32 = 0x2000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const GENERIC_READ: u32 = 0x8000_0000;

/// Of a descriptor: its offsets count from its own start; it has a list of rights; that list
/// inherits nothing.
const SELF_RELATIVE: u16 = 0x8000;
const LIST_PRESENT: u16 = 0x0004;
const LIST_PROTECTED: u16 = 0x1000;
const DESCRIPTOR_LEN: usize = 20;
const LIST_HEAD_LEN: usize = 8;

/// Of an entry: it speaks of what is made inside, not of the object itself.
const INHERIT_ONLY: u8 = 0x08;

/// `BUILTIN`, the authority over Administrators and Users.
const BUILTIN: u32 = 32;
const TRUSTED_INSTALLER: [u32; 6] =
    [80, 956_008_885, 3_418_522_649, 1_831_038_044, 1_853_292_631, 2_271_478_464];

/// Who somebody is: a security identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    pub(super) fn system() -> Self {
        Self { authority: 5, parts: vec![18] }
    }

    pub(super) fn administrators() -> Self {
        Self { authority: 5, parts: vec![BUILTIN, 544] }
    }

    fn users() -> Self {
        Self { authority: 5, parts: vec![BUILTIN, 545] }
    }

    fn everyone() -> Self {
        Self { authority: 1, parts: vec![0] }
    }

    /// Reads the one that `bytes` begin with.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&[1, count], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let (authority, rest) = rest.split_first_chunk::<6>()?;
        let authority = authority.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (parts, _) = rest.get(..4 * usize::from(count))?.as_chunks();
        Some(Self {
            authority,
            parts: parts.iter().map(|part| u32::from_le_bytes(*part)).collect(),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let count = u8::try_from(self.parts.len()).unwrap_or(u8::MAX);
        out.extend_from_slice(&[1, count]);
        out.extend_from_slice(&self.authority.to_be_bytes()[2..]);
        self.parts.iter().for_each(|part| out.extend_from_slice(&part.to_le_bytes()));
    }

    /// Whoever may do everything on this machine.
    pub(super) fn is_almighty(&self) -> bool {
        let parts = self.parts.as_slice();
        self.authority == 5
            && (matches!(parts, [18] | [BUILTIN, 544]) || parts == TRUSTED_INSTALLER)
    }

    fn is_everyone(&self) -> bool {
        match (self.authority, self.parts.as_slice()) {
            // Everyone; the network; the anonymous; guests; all programs in app containers.
            (1, [0]) | (5, [2] | [7] | [BUILTIN, 546]) => true,
            (15, parts) => parts.first() == Some(&2),
            _ => false,
        }
    }

    /// A number for a [`crate::ports::Stat`]: 0 for the almighty, else never 0. It is compared and
    /// never looked up, so the head of a hash serves.
    pub(super) fn number(&self) -> u32 {
        if self.is_almighty() {
            return 0;
        }
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        let hash = digest(&SHA256, &bytes);
        let head = hash.as_ref().first_chunk().map_or(0, |head| u32::from_le_bytes(*head));
        head | 1 << 31
    }
}

impl fmt::Display for Sid {
    /// `S-1-5-21-…-1001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

/// What an object's descriptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) owner: Sid,
    /// As the table at the head of this file has it; what is denied is left out, so it may say too
    /// much and never too little.
    pub(super) mode: u32,
}

impl Rights {
    /// Reads a self-relative descriptor, as the system gives it to the user `own`.
    pub(super) fn read(descriptor: &[u8], own: &Sid) -> Option<Self> {
        let owner = Sid::read(descriptor.get(offset(descriptor, 4)?..)?)?;
        let control = u16::from_le_bytes(*descriptor.get(2..)?.first_chunk()?);
        let mode = match offset(descriptor, 16)? {
            at if control & LIST_PRESENT != 0 && at != 0 => {
                mode_of(descriptor.get(at..)?, &owner, own)?
            }
            // No list at all: everything is open to everyone.
            _ => 0o777,
        };
        Some(Self { owner, mode })
    }
}

fn offset(descriptor: &[u8], at: usize) -> Option<usize> {
    let bytes = descriptor.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn mode_of(list: &[u8], owner: &Sid, own: &Sid) -> Option<u32> {
    let count = u16::from_le_bytes(*list.get(4..)?.first_chunk()?);
    let mut rest = list.get(LIST_HEAD_LEN..)?;
    let mut mode = 0;
    for _ in 0..count {
        let (&[kind, flags, low, high], _) = rest.split_first_chunk()?;
        let entry;
        (entry, rest) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
        let mask = u32::from_le_bytes(*entry.get(4..)?.first_chunk()?);
        let shift = match kind {
            _ if flags & INHERIT_ONLY != 0 => continue,
            // To allow, and to allow under a condition.
            0 | 9 => match Sid::read(entry.get(8..)?)? {
                who if who == *owner || who == *own || is_owners(&who) => 6,
                who if who.is_everyone() => 0,
                _ => 3,
            },
            // The forms for parts of an object, which files don't have: for whom stands elsewhere.
            5 | 11 => 0,
            _ => continue,
        };
        mode |= bits(mask) << shift;
    }
    Some(mode)
}

/// The almighty, and the two names by which an owner is meant whoever it is.
fn is_owners(who: &Sid) -> bool {
    who.is_almighty() || (who.authority == 3 && matches!(who.parts.as_slice(), [0] | [4]))
}

fn bits(mask: u32) -> u32 {
    let any = |rights: u32| u32::from(mask & (rights | GENERIC_ALL) != 0);
    any(READ | GENERIC_READ) << 2
        | any(WRITE | TAKE_OVER | GENERIC_WRITE) << 1
        | any(EXECUTE | GENERIC_EXECUTE)
}

/// The descriptor, self-relative, of an object that is made with this mode: it inherits nothing.
/// The almighty and `user` may do everything, the others what the mode says. In whole words, since
/// the system wants it aligned to them.
pub(super) fn descriptor(mode: u32, user: Option<&Sid>) -> Vec<u32> {
    let mut entries = Vec::new();
    let owners = [Some(Sid::system()), Some(Sid::administrators()), user.cloned()];
    owners.into_iter().flatten().for_each(|sid| entries.push((GENERIC_ALL, sid)));
    for (bits, sid) in [(mode >> 3, Sid::users()), (mode, Sid::everyone())] {
        let right = |bit: u32, right: u32| if bits & bit != 0 { right } else { 0 };
        let mask = right(4, GENERIC_READ) | right(2, GENERIC_WRITE) | right(1, GENERIC_EXECUTE);
        if mask != 0 {
            entries.push((mask, sid));
        }
    }
    words(&with_head(&entries))
}

fn with_head(entries: &[(u32, Sid)]) -> Vec<u8> {
    let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
    let mut list = Vec::new();
    for (mask, sid) in entries {
        let mut bytes = mask.to_le_bytes().to_vec();
        sid.write(&mut bytes);
        list.extend_from_slice(&[0, 0]);
        list.extend_from_slice(&short(4 + bytes.len()));
        list.extend_from_slice(&bytes);
    }
    let control = SELF_RELATIVE | LIST_PRESENT | LIST_PROTECTED;
    let mut out = vec![1, 0];
    out.extend_from_slice(&control.to_le_bytes());
    // Neither owner nor group nor what is to be audited: the system's own choice.
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&[DESCRIPTOR_LEN as u8, 0, 0, 0]);
    // The list's own head: revision, length, count.
    out.extend_from_slice(&[2, 0]);
    out.extend_from_slice(&short(LIST_HEAD_LEN + list.len()));
    out.extend_from_slice(&short(entries.len()));
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&list);
    out
}

/// Everything in a descriptor has whole words of four bytes.
fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u32::from_ne_bytes(*word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Sid {
        Sid { authority: 5, parts: vec![21, 1, 2, 3, 1001] }
    }

    fn bob() -> Sid {
        Sid { authority: 5, parts: vec![21, 1, 2, 3, 1002] }
    }

    /// A descriptor as the system gives it back: with the owner.
    fn owned(owner: &Sid, entries: &[(u32, Sid)]) -> Vec<u8> {
        let mut bytes = with_head(entries);
        let at = u32::try_from(bytes.len()).unwrap();
        bytes[4..8].copy_from_slice(&at.to_le_bytes());
        owner.write(&mut bytes);
        bytes
    }

    fn mode(entries: &[(u32, Sid)]) -> u32 {
        Rights::read(&owned(&ann(), entries), &ann()).unwrap().mode
    }

    #[test]
    fn identifiers_are_read_and_written_as_windows_does() {
        // Administrators, as every descriptor has them.
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let sid = Sid::read(&bytes).unwrap();
        assert_eq!(sid, Sid::administrators());
        assert_eq!(sid.to_string(), "S-1-5-32-544");
        assert_eq!(ann().to_string(), "S-1-5-21-1-2-3-1001");
        let mut written = Vec::new();
        sid.write(&mut written);
        assert_eq!(written, bytes);
        for broken in [&bytes[..15], &[2, 0, 0, 0, 0, 0, 0, 5], &[1], &[]] {
            assert_eq!(Sid::read(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn numbers_tell_users_apart_and_the_almighty_are_0() {
        let installer = Sid { authority: 5, parts: TRUSTED_INSTALLER.to_vec() };
        for sid in [Sid::system(), Sid::administrators(), installer] {
            assert_eq!(sid.number(), 0, "{sid}");
        }
        assert_ne!(ann().number(), bob().number());
        assert_ne!(Sid::users().number(), 0);
        assert_ne!(Sid { authority: 1, parts: vec![18] }.number(), 0, "another authority's 18");
    }

    #[test]
    fn what_is_made_with_a_mode_has_that_mode() {
        for made in [0o600, 0o700, 0o664, 0o666, 0o775] {
            let bytes: Vec<u8> =
                descriptor(made, Some(&ann())).iter().flat_map(|word| word.to_ne_bytes()).collect();
            let mut bytes = bytes;
            let at = u32::try_from(bytes.len()).unwrap();
            bytes[4..8].copy_from_slice(&at.to_le_bytes());
            ann().write(&mut bytes);
            let rights = Rights::read(&bytes, &ann()).unwrap();
            assert_eq!(rights.owner, ann());
            // The owner may always do everything.
            assert_eq!(rights.mode, made | 0o700, "{made:o}");
            let control = u16::from_le_bytes([bytes[2], bytes[3]]);
            assert_ne!(control & LIST_PROTECTED, 0, "rights of the folder around must not come in");
        }
    }

    #[test]
    fn a_folder_for_administrators_names_no_user() {
        let words = descriptor(0o775, None);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut sid = Vec::new();
        ann().write(&mut sid);
        assert!(!bytes.windows(sid.len()).any(|part| part == sid));
    }

    #[test]
    fn rights_are_told_by_who_has_them() {
        let guests = Sid { authority: 5, parts: vec![BUILTIN, 546] };
        let apps = Sid { authority: 15, parts: vec![2, 1] };
        let owner_rights = Sid { authority: 3, parts: vec![4] };
        // File: all, read and execute, modify.
        let (all, read, modify) = (0x001F_01FF, 0x0012_00A9, 0x0013_01BF);
        for (entries, expected) in [
            (vec![(all, Sid::system()), (all, Sid::administrators()), (all, ann())], 0o700),
            (vec![(all, ann()), (read, Sid::users())], 0o750),
            (vec![(all, ann()), (modify, bob())], 0o770),
            (vec![(all, owner_rights), (read, Sid::everyone())], 0o705),
            (vec![(modify, Sid::everyone())], 0o007),
            (vec![(0x0012_0116, guests)], 0o002),
            (vec![(0x0004_0000, apps)], 0o002),
            (vec![(GENERIC_ALL, Sid::everyone())], 0o007),
            (vec![], 0),
        ] {
            assert_eq!(mode(&entries), expected, "{entries:?}");
        }
    }

    #[test]
    fn entries_that_do_not_allow_here_give_nothing_and_unknown_forms_give_everyone() {
        let entries = [(GENERIC_ALL, Sid::everyone())];
        let with = |kind: u8, flags: u8| {
            let mut bytes = owned(&ann(), &entries);
            bytes[DESCRIPTOR_LEN + LIST_HEAD_LEN] = kind;
            bytes[DESCRIPTOR_LEN + LIST_HEAD_LEN + 1] = flags;
            Rights::read(&bytes, &ann()).unwrap().mode
        };
        assert_eq!(with(0, 0), 0o007);
        assert_eq!(with(0, INHERIT_ONLY), 0);
        assert_eq!(with(1, 0), 0, "what is denied");
        assert_eq!(with(9, 0), 0o007);
        assert_eq!(with(5, 0), 0o007);
    }

    #[test]
    fn no_list_is_open_to_everyone_and_a_broken_one_is_no_answer() {
        let whole = owned(&ann(), &[(GENERIC_ALL, ann())]);
        let mut open = whole.clone();
        open[16..20].fill(0);
        assert_eq!(Rights::read(&open, &ann()).unwrap().mode, 0o777);
        let mut open = whole.clone();
        open[2] &= !4;
        assert_eq!(Rights::read(&open, &ann()).unwrap().mode, 0o777);
        for len in 0..whole.len() {
            assert_eq!(Rights::read(&whole[..len], &ann()), None, "{len} bytes");
        }
    }
}
