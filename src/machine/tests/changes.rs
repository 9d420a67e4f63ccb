//! The written list of legitimate changes: none of them, and no two of them, make another machine.

use super::kinds::{SIGHTS, all, kind};
use super::*;

/// What is done to a machine; `None` where it can't be done to this one.
type Change = fn(Host) -> Option<Host>;

const LIST: [(&str, Change); 19] = [
    ("a network card is added", |host| {
        Some(with_card(host, "enp129s0", "0000:81:00.0", "3c:fd:fe:9d:10:42\n"))
    }),
    ("a network card is removed", |host| {
        let card = host.cards().first()?.clone();
        Some(host.without(&format!("/sys/class/net/{card}")))
    }),
    ("a network card is replaced", |host| {
        let card = host.cards().first()?.clone();
        let own = |name: &str| format!("/sys/class/net/{card}/{name}");
        let new = |_: &str| "3c:fd:fe:77:e0:15\n".to_owned();
        let host = host.rewritten(&own("address"), new);
        let host = host.rewritten(&own("bonding_slave/perm_hwaddr"), new);
        Some(host.rewritten(&own("phy80211/macaddress"), new))
    }),
    ("the network cards come in another order", |host| {
        let names = host.cards();
        let path = |name: &str| format!("/sys/class/net/{name}");
        let aside = names
            .iter()
            .fold(host, |host, name| host.renamed(&path(name), &path(&format!("aside-{name}"))));
        let turned = names.iter().zip(names.iter().rev());
        Some(turned.fold(aside, |host, (name, new)| {
            host.renamed(&path(&format!("aside-{name}")), &path(new))
        }))
    }),
    ("all cards are put into a bond, which hides their addresses", |host| {
        host.cards().into_iter().try_fold(host, |host, card| {
            let own = |name: &str| format!("/sys/class/net/{card}/{name}");
            let address = host.read(Path::new(&own("address")), 99).ok()?;
            if host.shows(&own("phy80211")) || host.shows(&own("bonding_slave")) {
                return None;
            }
            let address = Own(String::from_utf8(address).ok()?, true);
            let host = host.with(&own("bonding_slave/perm_hwaddr"), address);
            let host = host.rewritten(&own("addr_assign_type"), |_| "3\n".to_owned());
            Some(host.rewritten(&own("address"), |_| "a0:36:9f:e1:4c:2f\n".to_owned()))
        })
    }),
    ("it is put into a dock", |host| {
        let place = "../../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.4/2-1.4:1.0/net/dock1";
        let disk = "../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.3/2-1.3:1.0/host9/block/sdz";
        Some(
            with_card(host, "dock1", "2-1.4:1.0", "00:50:b6:2d:81:aa\n")
                .with("/sys/class/net/dock1", Link(place))
                .with("/sys/block/sdz", Link(disk))
                .with("/sys/block/sdz/device/wwid", Text("naa.5000c500e1e2e3e4\n", true)),
        )
    }),
    ("it is taken out of its dock", |host| {
        let docked = "/sys/class/net/enx00e04c680001";
        host.shows(docked).then(|| host.clone().without(docked).without("/sys/block/sda"))
    }),
    ("a VPN and bridges come up", |host| {
        let with = |host: Host, name: &str, address: &'static str| {
            let place = OwnLink(format!("../../devices/virtual/net/{name}"));
            host.with(&format!("/sys/class/net/{name}"), place)
                .with(&format!("/sys/class/net/{name}/address"), Text(address, true))
        };
        let host = with(host, "tun0", "\n");
        let host = with(host, "br-4a1c", "02:42:8e:11:22:33\n");
        Some(with(host, "vmnet8", "00:50:56:c0:00:08\n"))
    }),
    ("a disk is added", |host| {
        let place = "../devices/pci0000:00/0000:00:17.0/ata5/host4/target4:0:0/4:0:0:0/block/sdq";
        Some(
            host.with("/sys/block/sdq", Link(place))
                .with("/sys/block/sdq/removable", Text("0\n", true))
                .with("/sys/block/sdq/device/wwid", Text("naa.50014ee2b9d8f1a3\n", true)),
        )
    }),
    ("the disks are numbered in another order", |host| {
        let path = |name: &str| format!("/sys/block/{name}");
        let swaps =
            [("sda", "sdb"), ("nvme0n1", "nvme1n1"), ("vda", "vdb"), ("mmcblk0", "mmcblk1")];
        Some(swaps.iter().fold(host, |host, (one, other)| {
            let host = host.renamed(&path(one), &path("aside"));
            host.renamed(&path(other), &path(one)).renamed(&path("aside"), &path(other))
        }))
    }),
    ("memory is added", |host| {
        Some(host.rewritten("/proc/meminfo", |_| "MemTotal:      131072000 kB\n".to_owned()))
    }),
    ("the firmware is updated and says nothing any more", |host| {
        let blank = |_: &str| "To be filled by O.E.M.\n".to_owned();
        host.shows("/sys/class/dmi").then_some(())?;
        let names = ["product_uuid", "board_serial", "board_asset_tag"];
        Some(host.everywhere(&names, blank))
    }),
    ("a kernel without DMI is started", |host| {
        host.shows("/sys/class/dmi").then(|| host.clone().without("/sys/class/dmi"))
    }),
    ("it gets another host name", |host| {
        Some(host.rewritten("/etc/hostname", |_| "renamed\n".to_owned()))
    }),
    ("its system is installed anew, with a new machine ID", |host| {
        let new = |_: &str| "77aa0c9f6f8e4d70b1d26f0c8a77e311\n".to_owned();
        Some(host.rewritten("/etc/machine-id", new))
    }),
    ("a newer kernel shows more of its disks", |host| {
        let host = host.with("/sys/block/nvme0n1/device/wwid", Text("eui.0000aa01\n", true));
        Some(host.with("/sys/block/sda/serial", Text("WX11A1234567\n", true)))
    }),
    ("its wireless card is under an address drawn by lot", |host| {
        let card = host
            .cards()
            .into_iter()
            .find(|card| host.shows(&format!("/sys/class/net/{card}/phy80211")))?;
        Some(host.rewritten(&format!("/sys/class/net/{card}/address"), |_| {
            "fa:11:22:33:44:55\n".to_owned()
        }))
    }),
    ("the container is made again of a newer image", |host| {
        host.shows("/.dockerenv").then_some(())?;
        let new = |_: &str| "00000000aa8e4d70b1d26f0c8a77e3b2\n".to_owned();
        let host = host.rewritten("/etc/machine-id", new);
        Some(host.everywhere(&["eth0/address"], |_| "02:42:ac:11:00:09\n".to_owned()))
    }),
    ("the virtual machine moves to another host", |host| {
        host.shows("/sys/block/vda").then_some(())?;
        let other = "model name\t: Intel Xeon Processor (Cascadelake)\nflags\t: hypervisor\n";
        Some(host.rewritten("/proc/cpuinfo", |_| other.to_owned()))
    }),
];

fn with_card(host: Host, name: &str, device: &str, address: &'static str) -> Host {
    let path = |file: &str| format!("/sys/class/net/{name}{file}");
    host.with(&path(""), OwnLink(format!("../../devices/pci0000:80/{device}/net/{name}")))
        .with(&path("/device"), OwnLink(format!("../../../{device}")))
        .with(&path("/addr_assign_type"), Text("0\n", true))
        .with(&path("/address"), Text(address, true))
}

/// Every change and every two of them, in either order: machine, what was done, before and after.
fn cases() -> Vec<(String, Evidence, Evidence)> {
    let mut cases = Vec::new();
    for (name, host) in all() {
        let before = SIGHTS.map(|sight| host.seen_by(sight));
        let mut add = |done: String, after: &Host| {
            for (sight, before) in SIGHTS.into_iter().zip(&before) {
                let title = format!("{name}, {sight:?}: {done}");
                cases.push((title, before.clone(), after.seen_by(sight)));
            }
        };
        for (first, change) in LIST {
            let Some(once) = change(host.clone()) else { continue };
            add(first.to_owned(), &once);
            for (second, change) in LIST.iter().filter(|(second, _)| *second != first) {
                if let Some(twice) = change(once.clone()) {
                    add(format!("{first}; {second}"), &twice);
                }
            }
        }
    }
    cases
}

#[test]
fn u01_r51_r52_no_legitimate_change_and_no_two_of_them_make_another_machine() {
    let cases = cases();
    assert!(cases.len() > 2_500, "{} cases", cases.len());
    let refused: Vec<_> = cases
        .iter()
        .filter(|(_, before, after)| !before.matches(after))
        .map(|(title, before, after)| format!("{title}: {:?}", before.score(after)))
        .collect();
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
    // The list is worth something: who asks for every factor refuses hundreds of them.
    let unchanged = |before: &Evidence, after: &Evidence| {
        before.changes(after).all(|(_, change)| change == lm_protocol::evidence::Change::Equal)
    };
    let changed = cases.iter().filter(|(_, before, after)| !unchanged(before, after)).count();
    assert!(changed > 800, "{changed} of {} show a change", cases.len());
}

/// The table of `docs/host-identity.md`, of a machine with one card and one disk.
#[test]
fn what_a_change_costs_is_as_the_docs_say() {
    let page = include_str!("../../../docs/host-identity.md");
    let card = "a network card is replaced";
    let (system, blank) = (
        "its system is installed anew, with a new machine ID",
        "the firmware is updated and says nothing any more",
    );
    for (done, root, user) in [
        (&[card][..], "190 of 235", "100 of 145"),
        (&[blank], "145 of 190", "145 of 145"),
        (&[system], "215 of 235", "125 of 145"),
        (&[card, blank], "100 of 190", "100 of 145"),
        (&[card, system], "170 of 235", "80 of 145"),
        (&[blank, system], "125 of 190", "125 of 145"),
    ] {
        let before = kind("laptop");
        let after = done.iter().fold(before.clone(), |host, wanted| {
            let (_, change) = LIST.iter().find(|(name, _)| name == wanted).unwrap();
            change(host).unwrap()
        });
        let scores = SIGHTS.map(|sight| {
            let score = before.seen_by(sight).score(&after.seen_by(sight));
            format!("{} of {}", score.equal, score.known)
        });
        assert_eq!(scores, [root, user], "{done:?}");
        let user = if user == "145 of 145" { "all" } else { user };
        assert!(page.contains(&format!("| {root} | {user} |")), "{done:?} is not in the docs");
    }
}

#[test]
fn r51_a_majority_of_changes_makes_another_machine() {
    let new = |from: &str| from.replace(['1', '3', '5'], "8");
    let with_new = |host: &Host, parts: &[&[&str]]| host.clone().everywhere(&parts.concat(), new);
    let system: &[&str] = &["machine-id"];
    let disks: &[&str] = &["serial", "wwid"];
    let cards: &[&str] = &["address", "perm_hwaddr", "macaddress"];
    let board: &[&str] = &["product_uuid", "board_serial", "serial-number"];
    for name in ["desktop", "laptop", "server", "board"] {
        let before = kind(name);
        for (what, after) in [
            ("board, cards and system", with_new(&before, &[board, cards, system])),
            ("disks, cards and system", with_new(&before, &[disks, cards, system])),
            ("board, disks and cards", with_new(&before, &[board, disks, cards])),
        ] {
            let (before, after) = (before.evidence(), after.evidence());
            assert!(!before.matches(&after), "{name}, other {what}: {:?}", before.score(&after));
        }
    }
}
