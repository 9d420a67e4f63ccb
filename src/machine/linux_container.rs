//! Containers on Linux: how one is told, and the identity that its operator mounts into it.
//!
//! A container shows the hardware of its host and the machine ID of its image, so on another host it
//! is another machine. Who moves containers from host to host mounts a file with an identity of its
//! own at [`IDENTITY`]; it is then the only factor. It must come from a mount: what lies in the
//! image itself is the same in every container made of it, and is not looked at.
#![forbid(unsafe_code)]

use std::path::Path;

use super::linux::{ATTRIBUTE_MAX, Reader, is_not_there};
use super::linux_text::{is_container, is_mounted};
use super::placeholder::genuine;
use crate::error::{Code, Error, Result};
use crate::limits::HOST_IDENTITY_MAX;

const GROUPS: &str = "/proc/1/cgroup";
/// Each is there in containers of one kind only.
const MARKS: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
/// The identity of the container's operator.
const IDENTITY: &str = "/etc/lm/host-identity";
/// Where it may be mounted: the file, or its folder.
const IDENTITY_MOUNTS: [&str; 2] = [IDENTITY, "/etc/lm"];
const MOUNTS: &str = "/proc/self/mountinfo";
/// Of a container with some thousand mounts.
const MOUNTS_MAX: usize = 4 << 20;

impl Reader<'_> {
    pub(super) fn is_in_container(&self) -> Result<bool> {
        for mark in MARKS {
            if self.exists(Path::new(mark))? {
                return Ok(true);
            }
        }
        let groups = self.attribute(Path::new(GROUPS))?.unwrap_or_default();
        // OpenVZ: the host has both, a container has one.
        let in_vz = self.exists(Path::new("/proc/vz"))? && !self.exists(Path::new("/proc/bc"))?;
        Ok(in_vz || is_container(&groups))
    }

    /// The mounted identity, in its one form; `None` where nothing is mounted there. One that is
    /// there and can't be used is an error: the container would be taken for another machine.
    pub(super) fn mounted_identity(&self) -> Result<Option<String>> {
        let path = Path::new(IDENTITY);
        if !self.exists(path)? {
            return Ok(None);
        }
        let mounts = self.text(Path::new(MOUNTS), MOUNTS_MAX, is_not_there)?;
        if !is_mounted(&mounts.unwrap_or_default(), &IDENTITY_MOUNTS) {
            return Ok(None);
        }
        let Some(raw) = self.text(path, ATTRIBUTE_MAX, is_not_there)? else {
            let sentence = format!("This container's identity, {IDENTITY}, may not be read.");
            return Err(Error::new(Code::Permission, sentence)
                .with_hint("Make it readable for the user who runs the application."));
        };
        let identity = genuine(&raw).filter(|identity| identity.len() <= HOST_IDENTITY_MAX);
        identity.map(Some).ok_or_else(|| {
            let sentence = format!("This container's identity, {IDENTITY}, holds none.");
            Error::new(Code::Unsupported, sentence)
                .with_hint("Write into it what names this installation alone: a new UUID.")
        })
    }
}
