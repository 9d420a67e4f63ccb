//! Two disks: one whose power can be cut, and one that stays.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shutdown_unix::shut_down;

/// Where store and anchor of a machine lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Together,
    /// The anchor on the disk that stays: it keeps even what was never synced.
    StoreCut,
    /// The store on the disk that stays.
    AnchorCut,
}

impl Layout {
    pub(crate) const ALL: [Self; 3] = [Self::Together, Self::StoreCut, Self::AnchorCut];
}

/// The disks, in a mount namespace that ends with this process.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    accounts: String,
}

const SIZE: u64 = 32 << 20;
const ACCOUNTS: &str = "/etc/passwd";

impl Ground {
    /// Or why it can't be had here.
    pub(crate) fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let accounts = std::fs::read_to_string(ACCOUNTS).map_err(|e| e.to_string())?;
        let ground = Self { folder, accounts };
        let [image, mount, file] = ["image", "disk", "passwd"].map(|name| ground.path(name));
        let made = std::fs::File::create(&image).and_then(|file| file.set_len(SIZE));
        made.map_err(|e| format!("a disk of {SIZE} bytes: {e}"))?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        std::fs::create_dir(&mount).map_err(|e| e.to_string())?;
        ground.mount()?;
        std::fs::write(&file, &ground.accounts).map_err(|e| e.to_string())?;
        run(Command::new("mount").arg("--bind").arg(&file).arg(ACCOUNTS))?;
        shut_down(&mount).map_err(|e| format!("ext4 can't be shut down here ({e})"))?;
        ground.power_on()?;
        Ok(ground)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The loop device goes with its mount.
    fn mount(&self) -> Result<(), String> {
        let mut mount = Command::new("mount");
        run(mount.args(["-t", "ext4", "-o", "loop"]).arg(self.path("image")).arg(self.path("disk")))
    }

    /// A directory for this life's store; root's home, and so the anchor, is beside it or not.
    pub(crate) fn lay_out(&self, layout: Layout, life: u64) -> PathBuf {
        let [disk, other] = ["disk", "other"].map(|name| self.path(name).join(life.to_string()));
        let (store, home) = match layout {
            Layout::Together => (&disk, &disk),
            Layout::StoreCut => (&disk, &other),
            Layout::AnchorCut => (&other, &disk),
        };
        let home = home.join("home");
        let of_root = |line: &str| {
            let mut fields: Vec<_> = line.split(':').collect();
            if fields.get(2) == Some(&"0") && fields.len() > 5 {
                fields[5] = home.to_str().unwrap();
            }
            fields.join(":") + "\n"
        };
        let accounts: String = self.accounts.lines().map(of_root).collect();
        std::fs::write(self.path("passwd"), accounts).unwrap();
        store.join("store")
    }

    /// Whether a path lies on the disk that is cut.
    pub(crate) fn is_cut(&self, path: &Path) -> bool {
        path.starts_with(self.path("disk"))
    }

    pub(crate) fn cut(&self) {
        shut_down(&self.path("disk")).unwrap();
    }

    /// What was synced is there again.
    pub(crate) fn power_on(&self) -> Result<(), String> {
        run(Command::new("umount").arg(self.path("disk")))?;
        self.mount()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // The folder can be removed only where nothing is mounted in it.
        for place in [Path::new(ACCOUNTS), &self.path("disk")] {
            let _ = Command::new("umount").args(["-q", "--lazy"]).arg(place).status();
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("it does not say why").to_owned();
            Err(format!("{name} does not do it here ({said})"))
        }
        Err(e) => Err(format!("{name} can't be run ({e})")),
    }
}
