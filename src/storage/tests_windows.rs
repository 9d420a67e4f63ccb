//! The file port of Windows, over files and over the registry. `.ci/wine` runs it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::SystemFiles;
use crate::ports::{FileKind, Files, OpenHow};

const CREATE: OpenHow = OpenHow::Create { mode: 0o600 };

/// What holds for an image and for an anchor alike: made once, grown, synced, read back, replaced.
fn is_kept(dir: &Path, other: &Path) {
    let files = SystemFiles;
    files.make_dir(dir, 0o700).unwrap();
    let (kept, new) = (dir.join("kept"), dir.join("new"));
    let mut file = files.open(&kept, CREATE).unwrap();
    assert_eq!(files.open(&kept, CREATE).err().unwrap().kind(), ErrorKind::AlreadyExists);
    file.write_at(0, b"older").unwrap();
    file.write_at(3, b"est").unwrap();
    file.sync().unwrap();
    assert_eq!(file.read_head(99).unwrap(), b"oldest");
    drop(file);
    let stat = files.stat(&kept).unwrap();
    assert_eq!((stat.len, stat.kind, stat.links), (6, FileKind::File, 1));
    assert_eq!(stat.owner, files.user(), "what this user makes is this user's");
    assert_eq!(stat.mode & 0o022, 0, "nobody else may write it");

    files.open(&new, CREATE).unwrap().write_at(0, b"newer").unwrap();
    files.replace(&new, &kept).unwrap();
    files.sync_dir(dir).unwrap();
    assert_eq!(files.read(&kept, 99).unwrap(), b"newer");
    assert_eq!(files.read(&kept, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(files.stat(&new).unwrap_err().kind(), ErrorKind::NotFound);
    files.remove(&kept).unwrap();
    for absent in [&kept, other] {
        assert_eq!(files.open(absent, OpenHow::Write).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(files.read(absent, 9).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    is_kept(&folder.path().join("store"), &folder.path().join("nowhere").join("a"));
}

#[test]
fn a_value_of_the_registry_is_kept() {
    let root = r"HKEY_CURRENT_USER\Software\Classes\Local Settings\Software\lm";
    let key = format!(r"{root}\tests {}", std::process::id());
    is_kept(Path::new(&key), &PathBuf::from(format!(r"{root}\nowhere\a")));
}

#[test]
fn a_lock_is_of_one_open_file_and_not_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let mut first = SystemFiles.open(&path, CREATE).unwrap();
    let mut second = SystemFiles.open(&path, OpenHow::Write).unwrap();
    assert!(first.try_lock(false).unwrap());
    assert!(!second.try_lock(false).unwrap() && !second.try_lock(true).unwrap());
    drop(SystemFiles.open(&path, OpenHow::Read).unwrap());
    assert!(!second.try_lock(false).unwrap(), "an unrelated close lets nothing go");
    // std lets go twice, and takes wine's word for the second for a failure. As in the product, what
    // counts is that another can lock.
    let _ = first.unlock();
    assert!(second.try_lock(true).unwrap() && first.try_lock(true).unwrap());
    assert!(!SystemFiles.open(&path, OpenHow::Write).unwrap().try_lock(false).unwrap());
    drop((first, second));
    let mut third = SystemFiles.open(&path, OpenHow::Write).unwrap();
    assert!(third.try_lock(false).unwrap(), "with the last of them it is gone");
}

#[test]
fn a_second_hard_link_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    drop(SystemFiles.open(&path, CREATE).unwrap());
    std::fs::hard_link(&path, folder.path().join("b")).unwrap();
    assert_eq!(SystemFiles.stat(&path).unwrap().links, 2);
}
