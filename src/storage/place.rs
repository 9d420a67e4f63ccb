//! Where a store stands and where its anchor does.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

#[cfg(unix)]
use super::places_unix as places;
#[cfg(windows)]
use super::places_windows as places;
use super::seal::framed;
use crate::error::{Code, Error, Result};
use crate::ports::Files;

/// Whose licenses a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of the effective user. Directory 0700, files 0600.
    User,
    /// Those of all users of the machine. Made by an installer or the Administrator with rights,
    /// changed by the directory's group (2775, 0664), read by everyone.
    Machine,
    /// Those of the effective user, in memory only: they end with the client, and each client has a
    /// store of its own. [`Place::dir`] is nothing then.
    Memory,
}

/// Which store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The vendor's name, as the trust root has it.
    pub vendor: String,
    /// The product's name.
    pub product: String,
    /// Whose licenses.
    pub scope: Scope,
    /// The store's directory; `None`: the scope's own, `~/.local/share/lm/VENDOR/PRODUCT` or
    /// `/var/lib/lm/VENDOR/PRODUCT`, on Windows `AppData\Local\lm\VENDOR\PRODUCT` of the user's
    /// profile or `C:\ProgramData\lm\VENDOR\PRODUCT`.
    pub dir: Option<PathBuf>,
}

/// The files of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paths {
    pub(super) scope: Scope,
    pub(super) dir: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) slots: PathBuf,
    /// `a` and `b`.
    pub(super) images: [PathBuf; 2],
    /// `None`: the user has no home where it could be.
    pub(super) anchor: Option<PathBuf>,
}

/// The longest name in a directory that file systems take.
const NAME_MAX: usize = 255;

impl Paths {
    pub(super) fn of(place: &Place, files: &dyn Files) -> Result<Self> {
        let home = match place.scope {
            Scope::User | Scope::Memory => home(files)?,
            Scope::Machine => None,
        };
        let dir = match (&place.dir, place.scope) {
            (Some(dir), _) => dir.clone(),
            (None, Scope::Machine) => {
                let stores = places::machine_stores(files);
                own_dir(&stores.map_err(|e| unusable("The place for all users", &e))?, place)?
            }
            (None, Scope::User | Scope::Memory) => {
                let home = home.as_ref().ok_or_else(homeless)?;
                own_dir(&places::user_stores(home), place)?
            }
        };
        let dir = files.canonical(&dir).map_err(|e| {
            unusable(&format!("{} can't be a storage directory", dir.display()), &e)
                .with_hint("Choose another storage directory.")
        })?;
        let anchors = match place.scope {
            Scope::Machine => Some(places::machine_anchors()),
            Scope::User | Scope::Memory => home.map(|home| places::user_anchors(&home)),
        };
        let anchor = anchors.map(|anchors| anchors.join(anchor_name(place, &dir)));
        Ok(Self::new(place.scope, dir, anchor))
    }

    pub(super) fn new(scope: Scope, dir: PathBuf, anchor: Option<PathBuf>) -> Self {
        let (lock, slots) = (dir.join("lock"), dir.join("slots"));
        Self { scope, lock, slots, images: [dir.join("a"), dir.join("b")], dir, anchor }
    }

    pub(super) const fn dir_mode(&self) -> u32 {
        match self.scope {
            Scope::User | Scope::Memory => 0o700,
            Scope::Machine => 0o2775,
        }
    }

    /// Of the images and the anchor.
    pub(super) const fn file_mode(&self) -> u32 {
        match self.scope {
            Scope::User | Scope::Memory => 0o600,
            Scope::Machine => 0o664,
        }
    }

    /// Of what holds no data: in machine scope everyone who reads may take the lock, and seats in
    /// `slots`.
    pub(super) const fn lock_mode(&self) -> u32 {
        match self.scope {
            Scope::User | Scope::Memory => 0o600,
            Scope::Machine => 0o666,
        }
    }
}

/// What the system tells of a path, or of its nearest ancestor that exists.
pub(super) fn at_nearest<T>(
    path: &Path,
    ask: impl Fn(&Path) -> std::io::Result<T>,
) -> std::io::Result<T> {
    for ancestor in path.ancestors() {
        match ask(ancestor) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            known => return known,
        }
    }
    Err(ErrorKind::NotFound.into())
}

/// `None`: the user has none.
fn home(files: &dyn Files) -> Result<Option<PathBuf>> {
    match files.home() {
        Ok(home) => Ok(Some(home)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unusable("The account database can't be read", &e)),
    }
}

fn own_dir(stores: &Path, place: &Place) -> Result<PathBuf> {
    Ok(stores.join(component(&place.vendor)?).join(component(&place.product)?))
}

/// A name as one component of a path: no two names have the same one (but where the file system
/// ignores case), none leads elsewhere.
fn component(name: &str) -> Result<String> {
    let mut out = String::new();
    for (index, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if plain && !(byte == b'.' && index == 0) {
            out.push(char::from(byte));
        } else {
            // Writing into a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    #[cfg(windows)]
    let out = for_windows(out);
    if out.is_empty() || out.len() > NAME_MAX {
        let sentence =
            "The name of the vendor or the product is empty or too long for a directory.";
        return Err(Error::new(Code::InvalidArgument, sentence));
    }
    Ok(out)
}

/// Windows takes some names for devices, whatever follows after a dot, and drops a dot at the end.
#[cfg(any(windows, test))]
fn for_windows(mut name: String) -> String {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |kind| {
        let number = stem.strip_prefix(kind).map(str::as_bytes);
        matches!(number, Some([digit]) if digit.is_ascii_digit())
    };
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
    {
        let first = name.remove(0);
        name.insert_str(0, &format!("%{:02X}", u32::from(first)));
    }
    if name.ends_with('.') {
        name.truncate(name.len() - 1);
        name.push_str("%2E");
    }
    name
}

/// An anchor is found by vendor, product, scope and directory: a store that was copied elsewhere
/// finds none.
fn anchor_name(place: &Place, dir: &Path) -> String {
    let scope = match place.scope {
        Scope::User => "user",
        Scope::Machine => "machine",
        Scope::Memory => "memory",
    };
    let mut key = framed(&["lm anchor 1", &place.vendor, &place.product, scope]);
    key.extend_from_slice(dir.as_os_str().as_encoded_bytes());
    let hash = digest(&SHA256, &key);
    let (half, _) = hash.as_ref().split_at(16);
    half.iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

fn homeless() -> Error {
    Error::new(
        Code::StorageIo,
        "This user has no home directory, so there is no default place for trusted storage.",
    )
    .with_hint("Give a storage directory.")
}

fn unusable(what: &str, error: &std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            Code::InvalidArgument
        }
        ErrorKind::PermissionDenied => Code::Permission,
        _ => Code::StorageIo,
    };
    Error::new(code, format!("{what}: {error}."))
}

#[cfg(test)]
mod tests {
    use super::for_windows;

    #[test]
    fn names_that_windows_reads_otherwise_are_written_otherwise() {
        for (name, expected) in [
            ("ortho", "ortho"),
            ("nul", "%6Eul"),
            ("Con.studio", "%43on.studio"),
            ("COM1", "%43OM1"),
            ("lpt9.x.y", "%6Cpt9.x.y"),
            ("com", "com"),
            ("COM10", "COM10"),
            ("console", "console"),
            ("ortho.", "ortho%2E"),
            ("nul.", "%6Eul%2E"),
        ] {
            assert_eq!(for_windows(name.to_owned()), expected);
        }
    }
}
