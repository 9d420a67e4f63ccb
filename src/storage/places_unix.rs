//! Where stores and anchors stand on Unix systems: each kind in a tree of its own, so that a backup
//! of the stores doesn't bring their anchors with it.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use crate::ports::Files;

pub(super) fn user_stores(home: &Path) -> PathBuf {
    home.join(".local/share/lm")
}

pub(super) fn user_anchors(home: &Path) -> PathBuf {
    home.join(".config/lm/anchors")
}

pub(super) fn machine_stores(_: &dyn Files) -> io::Result<PathBuf> {
    Ok(PathBuf::from("/var/lib/lm"))
}

pub(super) fn machine_anchors() -> PathBuf {
    PathBuf::from("/var/opt/lm/anchors")
}
