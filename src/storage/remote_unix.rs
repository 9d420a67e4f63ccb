//! Whether a path lies on a network file system, where neither locks nor syncs can be relied on.

use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
pub(super) fn is_remote(path: &Path) -> io::Result<bool> {
    let kind = linux::kind_of(path)?;
    if kind != linux::FUSE {
        return Ok(linux::REMOTE.contains(&kind));
    }
    // FUSE carries local file systems too: the mount's type tells which this is.
    let device = std::os::unix::fs::MetadataExt::dev(&std::fs::metadata(path)?);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(linux::fuse_is_remote(&mounts, device))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_remote(path: &Path) -> io::Result<bool> {
    let path = super::os_unix::c_path(path)?;
    // SAFETY: a C structure of integers and arrays of them, for which all zeros are valid.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a NUL-terminated path and a structure, both alive during the call.
    match unsafe { libc::statfs(path.as_ptr(), &mut found) } {
        0 => Ok(found.f_flags as u64 & libc::MNT_LOCAL as u64 == 0),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::path::Path;

    /// The kernel's number of FUSE, virtiofs included.
    pub(super) const FUSE: u64 = 0x6573_5546;

    /// The kernel's numbers of file systems whose other users aren't on this machine.
    pub(super) const REMOTE: &[u64] = &[
        0x6969,      // NFS
        0x517B,      // SMB
        0xFE53_4D42, // SMB 2
        0xFF53_4D42, // CIFS
        0x0102_1997, // 9P
        0x5346_414F, // AFS
        0x6B41_4653, // AFS of the kernel
        0x00C3_6400, // Ceph
        0x7375_7245, // Coda
        0x564C,      // NCP
        0x0BD0_0BD0, // Lustre
        0x4750_4653, // GPFS
        0x1983_0326, // BeeGFS
        0x2003_0528, // OrangeFS
        0x0116_1970, // GFS2
        0x7461_636F, // OCFS2
        0x786F_4256, // VirtualBox shared folders
        0xBACB_ACBC, // VMware shared folders
    ];

    /// Types of FUSE mounts that lead off the machine, without "fuse.".
    const REMOTE_FUSE: &[&str] = &[
        "sshfs",
        "s3fs",
        "gcsfuse",
        "goofys",
        "mount-s3",
        "rclone",
        "glusterfs",
        "davfs",
        "davfs2",
        "smbnetfs",
        "curlftpfs",
        "blobfuse",
        "blobfuse2",
        "ceph",
        "ceph-fuse",
        "moosefs",
        "mfs",
        "juicefs",
        "seaweedfs",
        "gvfsd-fuse",
        "vmhgfs-fuse",
        "prl_fsd",
        "virtiofs",
        "grpcfuse",
    ];

    pub(super) fn kind_of(path: &Path) -> io::Result<u64> {
        let path = crate::storage::os_unix::c_path(path)?;
        // SAFETY: a C structure of integers and arrays of them, for which all zeros are valid.
        let mut found: libc::statfs = unsafe { std::mem::zeroed() };
        // SAFETY: a NUL-terminated path and a structure, both alive during the call.
        match unsafe { libc::statfs(path.as_ptr(), &mut found) } {
            // The numbers have 32 bits; their type differs between platforms, the sign with it.
            #[allow(clippy::unnecessary_cast, reason = "the type differs between platforms")]
            0 => Ok(found.f_type as u64 & 0xFFFF_FFFF),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// `mounts` is `/proc/self/mountinfo`: "36 35 98:0 /mnt1 /mnt2 rw shared:1 - fuse.sshfs host: rw".
    pub(super) fn fuse_is_remote(mounts: &str, device: u64) -> bool {
        let wanted = format!("{}:{}", libc::major(device), libc::minor(device));
        mounts
            .lines()
            .filter(|line| line.split(' ').nth(2) == Some(wanted.as_str()))
            .filter_map(|line| line.split_once(" - ")?.1.split(' ').next())
            .any(|kind| REMOTE_FUSE.contains(&kind.strip_prefix("fuse.").unwrap_or(kind)))
    }

    #[cfg(test)]
    mod tests {
        use super::fuse_is_remote;

        #[test]
        fn a_fuse_mount_is_judged_by_its_type() {
            let mounts = "36 35 0:50 / /home/u/far rw,nosuid shared:9 - fuse.sshfs u@host: rw\n\
                          37 35 0:51 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n\
                          38 35 0:52 / /shared rw - virtiofs share rw\n";
            let device = |minor| libc::makedev(0, minor);
            assert!(fuse_is_remote(mounts, device(50)));
            assert!(!fuse_is_remote(mounts, device(51)));
            assert!(fuse_is_remote(mounts, device(52)));
        }
    }
}
