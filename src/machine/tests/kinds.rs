//! Six real kinds of machine, as the trees in `tests/hosts` show them, and what can be done to one.

use super::*;

/// The name of a kind and what the file system of such a machine shows.
const TREES: [(&str, &str); 6] = [
    ("desktop", include_str!("../../../tests/hosts/desktop.txt")),
    ("laptop", include_str!("../../../tests/hosts/laptop.txt")),
    ("server", include_str!("../../../tests/hosts/server.txt")),
    ("vm", include_str!("../../../tests/hosts/vm.txt")),
    ("container", include_str!("../../../tests/hosts/container.txt")),
    ("board", include_str!("../../../tests/hosts/board.txt")),
];

/// Whose eyes: root's, and every user's.
pub(super) const SIGHTS: [Sight; 2] = [Sight::Own, Sight::Everyone];

pub(super) fn all() -> impl Iterator<Item = (&'static str, Host)> {
    TREES.into_iter().map(|(name, tree)| (name, parse(tree)))
}

pub(super) fn kind(wanted: &str) -> Host {
    all().find(|(name, _)| *name == wanted).map(|(_, host)| host).unwrap()
}

fn parse(tree: &'static str) -> Host {
    let mut host = Host::default();
    for line in tree.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (is_public, line) = line.strip_prefix("! ").map_or((true, line), |rest| (false, rest));
        let (path, node) = if let Some((path, target)) = line.split_once(" -> ") {
            (path, Link(target))
        } else {
            let (path, text) = line.split_once(" = ").unwrap();
            let text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
            (path, Own(text, is_public))
        };
        host = host.with(path, node);
    }
    host
}

impl Host {
    pub(super) fn seen_by(&self, sight: Sight) -> Evidence {
        look(self, &SALT, None, sight).unwrap()
    }

    pub(super) fn shows(&self, path: &str) -> bool {
        self.stat(Path::new(path)).is_ok()
    }

    /// Writes into a file that is there; one that isn't stays away.
    pub(super) fn rewritten(mut self, path: &str, change: impl Fn(&str) -> String) -> Self {
        if let Some(Own(text, _)) = self.0.get_mut(Path::new(path)) {
            *text = change(text);
        }
        self
    }

    /// Into every file of these names, wherever it is.
    pub(super) fn everywhere(mut self, names: &[&str], change: impl Fn(&str) -> String) -> Self {
        for (path, node) in &mut self.0 {
            if let (true, Own(text, _)) = (names.iter().any(|name| path.ends_with(name)), node) {
                *text = change(text);
            }
        }
        self
    }

    /// Moves a file or a directory.
    pub(super) fn renamed(self, from: &str, to: &str) -> Self {
        let moved = self.0.into_iter().map(|(path, node)| match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => (PathBuf::from(to), node),
            Ok(rest) => (Path::new(to).join(rest), node),
            Err(_) => (path, node),
        });
        Self(moved.collect())
    }

    /// The network cards that are built in.
    pub(super) fn cards(&self) -> Vec<String> {
        let is_built_in = |name: &String| {
            let place = self.link_target(&Path::new("/sys/class/net").join(name)).unwrap();
            let place = place.to_string_lossy().into_owned();
            !place.contains("/virtual/") && !place.contains("/usb")
        };
        self.names(Path::new("/sys/class/net")).unwrap().into_iter().filter(is_built_in).collect()
    }
}

#[test]
fn every_kind_shows_what_its_users_may_see() {
    use FactorKind::VmGeneration;
    use MachineKind::{Container, Physical, Virtual};
    let firmware = [SystemUuid, BoardSerial];
    for (name, machine, root_only, everyones) in [
        (
            "desktop",
            Physical,
            &firmware[..],
            &[(MachineId, 1), (Disk, 4), (Network, 2), (Processor, 1)][..],
        ),
        ("laptop", Physical, &firmware, &[(MachineId, 1), (Disk, 2), (Network, 1), (Processor, 1)]),
        ("server", Physical, &firmware, &[(MachineId, 1), (Disk, 3), (Network, 2), (Processor, 1)]),
        (
            "vm",
            Virtual,
            &[SystemUuid, VmGeneration],
            &[(MachineId, 1), (Disk, 1), (Network, 1), (Processor, 1)],
        ),
        ("container", Container, &firmware, &[(MachineId, 1), (Disk, 2), (Processor, 1)]),
        (
            "board",
            Physical,
            &[],
            &[(MachineId, 1), (BoardSerial, 1), (Disk, 1), (Network, 1), (Processor, 1)],
        ),
    ] {
        let (root, user) = (kind(name).evidence(), kind(name).seen_by(Sight::Everyone));
        assert_eq!(user.machine, machine, "{name}");
        let counted = |of: &Evidence| {
            of.factors.iter().map(|factor| (factor.kind, factor.values.len())).collect::<Vec<_>>()
        };
        assert_eq!(counted(&user), everyones, "{name}");
        let mut all: Vec<_> =
            root_only.iter().map(|kind| (*kind, 1)).chain(everyones.to_vec()).collect();
        all.sort();
        assert_eq!(counted(&root), all, "{name}");
    }
}
