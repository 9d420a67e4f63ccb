//! The copies: none of them is taken for its original.

use super::kinds::{SIGHTS, all, kind};
use super::*;

/// The files by which one machine is told from another of its model.
const NAMING: [&str; 9] = [
    "machine-id",
    "product_uuid",
    "board_serial",
    "serial",
    "wwid",
    "address",
    "perm_hwaddr",
    "macaddress",
    "serial-number",
];

/// Makes a copy, the `n`th, of a machine; `None` where there is no such copy of this kind.
type Copy = fn(&Host, u32) -> Option<Host>;

const COPIES: [(&str, Copy); 9] = [
    ("the same model of hardware, under the same name", |host, n| Some(another(host, &[], n))),
    ("its disk cloned onto the same model of hardware", |host, n| Some(cloned(host, n))),
    ("its disk cloned, a kernel without DMI", |host, n| {
        Some(cloned(host, n).without("/sys/class/dmi").without("/sys/firmware"))
    }),
    ("its disk cloned into a container that shows no hardware", |host, n| {
        let host = cloned(host, n).without("/sys");
        Some(host.with("/.dockerenv", Text("", true)))
    }),
    ("its disk cloned into a virtual machine", |host, n| {
        let flags = |info: &str| info.replace("flags\t\t: fpu", "flags\t\t: hypervisor fpu");
        Some(as_vm(another(host, &["machine-id"], n)).rewritten("/proc/cpuinfo", flags))
    }),
    ("its store copied to a machine of another kind", |host, n| {
        let others: Vec<_> = all().filter(|(_, other)| other.0 != host.0).collect();
        Some(another(&others[n as usize % others.len()].1, &[], n))
    }),
    ("a virtual machine cloned, with a new UUID, disk and card", |host, n| {
        host.shows("/sys/block/vda").then(|| cloned(host, n))
    }),
    ("a virtual machine cloned, its UUID alone is new", |host, n| {
        let rest: Vec<_> = NAMING.into_iter().filter(|name| *name != "product_uuid").collect();
        host.shows("/sys/block/vda").then(|| another(host, &rest, n))
    }),
    ("the server next to it, which sees the same disk of the storage network", |host, n| {
        let shared = "/sys/block/sdb/device/wwid";
        let place = host.link_target(Path::new("/sys/block/sdb")).ok()?;
        place.to_string_lossy().contains("rport-").then(|| {
            let wwid = String::from_utf8(host.read(Path::new(shared), 99).unwrap()).unwrap();
            another(host, &[], n).rewritten(shared, |_| wwid.clone())
        })
    }),
];

/// A machine with other numbers in the files by which it is told from its like, save the kept ones.
fn another(host: &Host, kept: &[&str], n: u32) -> Host {
    let new: Vec<_> = NAMING.into_iter().filter(|name| !kept.contains(name)).collect();
    host.clone().everywhere(&new, |text| renumbered(text, n))
}

/// What is copied with a disk, or an image, is the machine ID.
fn cloned(host: &Host, n: u32) -> Host {
    another(host, &["machine-id"], n)
}

fn as_vm(host: Host) -> Host {
    host.without("/sys/block")
        .rewritten("/sys/class/dmi/id/sys_vendor", |_| "QEMU\n".to_owned())
        .everywhere(&["address", "macaddress"], |text| format!("52:54:00{}", &text[8..]))
}

/// Other digits, by lot, in the second half: the maker's part is the same.
fn renumbered(text: &str, n: u32) -> String {
    let dice = ring::digest::digest(&ring::digest::SHA512, format!("{n} {text}").as_bytes());
    let new = |(at, sign): (usize, char)| {
        let digit = char::from_digit(u32::from(dice.as_ref()[at % 64]) % 16, 16).unwrap();
        let is_digit = matches!(sign, '0'..='9' | 'a'..='f');
        if is_digit && at * 2 >= text.len() - 1 { digit } else { sign }
    };
    text.chars().enumerate().map(new).collect()
}

/// So many pairs of a machine and its copy, by turns.
fn pairs(count: usize) -> Vec<(String, Evidence, Evidence)> {
    let mut pairs = Vec::new();
    for n in 0_u32.. {
        for (name, original) in all() {
            for (copied, copy) in COPIES {
                let Some(copy) = copy(&original, n) else { continue };
                for sight in SIGHTS {
                    // What only root sees can't help a user.
                    if sight == Sight::Everyone && copied.ends_with("alone is new") {
                        continue;
                    }
                    let title = format!("{name}, {sight:?}, {copied}, copy {n}");
                    pairs.push((title, original.seen_by(sight), copy.seen_by(sight)));
                }
            }
        }
        if pairs.len() >= count {
            return pairs;
        }
    }
    pairs
}

#[test]
fn r50_of_1000_copies_none_is_taken_for_its_original() {
    let pairs = pairs(1000);
    let accepted = |judge: fn(&Evidence, &Evidence) -> bool| {
        let accepted = pairs.iter().filter(|(_, original, copy)| judge(original, copy));
        accepted.map(|(title, ..)| title.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(accepted(Evidence::matches), Vec::<&str>::new());
    assert_eq!(accepted(Evidence::matches_strictly), Vec::<&str>::new());
    assert!(pairs.iter().all(|(_, original, _)| original.matches(original)));
    // The pairs are worth something: whom the machine ID alone satisfies takes hundreds of them.
    let by_machine_id =
        accepted(|original, copy| original.values(MachineId) == copy.values(MachineId));
    assert!(by_machine_id.len() > 400, "{} of {}", by_machine_id.len(), pairs.len());
}

/// Where a machine shows too little, a copy can't be told from it: the portal tells them by their
/// generations, and the lease bounds the time until then.
#[test]
fn what_shows_its_machine_id_alone_can_not_be_told_from_its_copy() {
    let bare = |host: Host| host.without("/sys");
    let (original, copy) = (bare(kind("board")), bare(cloned(&kind("board"), 1)));
    assert!(original.evidence().matches(&copy.evidence()));
    let user = |host: &Host| host.seen_by(Sight::Everyone);
    let vm = kind("vm").without("/sys/block");
    assert!(!user(&vm).matches(&user(&cloned(&vm, 1))), "a network card is enough");
}
