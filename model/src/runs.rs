//! The runs: small worlds that are explored whole, one for each theme, and a large one that is
//! explored as far as time goes.

use crate::setting::{Bounds, Budget as B};

const fn base(name: &'static str, places: &'static [u8], ops: u16) -> Bounds {
    Bounds { name, places, ops, ..Bounds::BASE }
}

/// All runs that are explored whole, in prompt mode with a lease unless they say otherwise.
/// Two places with the same number are one host: two stores of one holder, or a clone.
pub const WHOLE: &[Bounds] = &[
    // What the network alone can do to honest machines.
    base("network", &[0, 1], 3),
    Bounds { quantity: 2, ..base("three", &[0, 1, 2], 3) },
    Bounds { quantity: 2, most: 2, ..base("seats", &[0, 1], 3) },
    // Limits of return, and an outsider who has seen a record but not its key.
    Bounds {
        quantity: 2,
        most: 2,
        return_limit: 1,
        budgets: &[(B::Forge, 1)],
        ..base("limits", &[0], 4)
    },
    // Each step of store, anchors and message apart; another process with a table of its own.
    Bounds {
        quantity: 2,
        most: 2,
        fine: true,
        tables: true,
        budgets: &[(B::Save, 1), (B::Restore, 1), (B::Crash, 1)],
        ..base("fine", &[0], 3)
    },
    // Seats in use.
    Bounds {
        quantity: 2,
        most: 2,
        fine: true,
        end: 2,
        budgets: &[(B::Checkout, 3), (B::Crash, 1)],
        ..base("slots", &[0], 3)
    },
    // Files that arrive late.
    Bounds { quantity: 2, most: 2, end: 2, budgets: &[(B::Rehost, 1)], ..base("late", &[0], 4) },
    Bounds {
        quantity: 2,
        most: 2,
        end: 2,
        as_the_library: true,
        budgets: &[(B::Rehost, 1)],
        ..base("late-library", &[0], 4)
    },
    Bounds { lease: 0, end: 2, budgets: &[(B::Rehost, 1)], ..base("unleased", &[0, 1], 2) },
    // Request and response files: re-issued, carried late or to another machine, with requests of two
    // machines, beside the network; calls that are given up.
    Bounds { budgets: &[(B::File, 2), (B::GiveUp, 1)], ..base("files", &[0, 1], 3) },
    Bounds {
        quantity: 2,
        most: 2,
        end: 1,
        budgets: &[(B::File, 2), (B::Loss, 1)],
        ..base("files-one", &[0], 3)
    },
    Bounds { files_refused: true, budgets: &[(B::File, 2)], ..base("files-refused", &[0, 1], 2) },
    Bounds { fine: true, tables: true, budgets: &[(B::File, 1)], ..base("files-fine", &[0], 3) },
    Bounds {
        end: 2,
        budgets: &[(B::File, 1), (B::PortalClock, 1)],
        ..base("files-older", &[0, 1], 2)
    },
    Bounds {
        budgets: &[(B::File, 1), (B::Backup, 1), (B::PortalRestore, 1)],
        ..base("files-portal", &[0, 1], 2)
    },
    // Stores that are restored alone, lost, copied to another machine, or one of two.
    Bounds { budgets: &[(B::Save, 1), (B::Restore, 1), (B::Loss, 1)], ..base("restore", &[0], 4) },
    Bounds { quantity: 2, most: 2, end: 1, budgets: &[(B::Copy, 1)], ..base("copy", &[0, 1], 2) },
    base("stores", &[0, 0], 3),
    // Machines that are rolled back or cloned whole.
    Bounds { end: 1, budgets: &[(B::Save, 1), (B::Rollback, 1)], ..base("rollback", &[0, 1], 3) },
    Bounds { end: 2, budgets: &[(B::Clone, 1)], ..base("clone", &[0, 0], 2) },
    // What people do at the portal, in strict mode.
    Bounds {
        strict: true,
        tolerance: 1,
        end: 3,
        budgets: &[(B::Rehost, 1)],
        ..base("strict", &[0, 1], 2)
    },
    Bounds {
        strict: true,
        end: 1,
        budgets: &[(B::Clone, 1)],
        ..base("clone-strict", &[0, 0, 1], 2)
    },
    Bounds {
        strict: true,
        lease: 2,
        end: 2,
        budgets: &[(B::Shorten, 1), (B::Rehost, 1)],
        ..base("shorter", &[0], 4)
    },
    Bounds {
        strict: true,
        lease: 2,
        end: 2,
        budgets: &[(B::Shorten, 1), (B::Save, 1), (B::Rollback, 1)],
        ..base("taken-again", &[0], 4)
    },
    Bounds {
        strict: true,
        quantity: 2,
        end: 2,
        budgets: &[(B::Retire, 1), (B::Rehost, 1)],
        ..base("retire", &[0, 1], 2)
    },
    Bounds { grace: 1, reclaim: true, end: 3, ..base("reclaim", &[0, 1], 2) },
    // A portal that is restored from a backup.
    Bounds {
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Hears, 1), (B::Rehost, 1)],
        ..base("portal", &[0, 1], 2)
    },
    Bounds {
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Hears, 1), (B::Rehost, 1)],
        ..base("portal-one", &[0], 4)
    },
    Bounds {
        quantity: 2,
        most: 2,
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1)],
        ..base("portal-seats", &[0, 1], 2)
    },
    Bounds {
        budgets: &[(B::Backup, 2), (B::PortalRestore, 2), (B::Hears, 1)],
        ..base("portal-twice", &[0], 3)
    },
    Bounds {
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Loss, 1)],
        ..base("portal-loss", &[0, 1], 2)
    },
    Bounds {
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Retire, 1)],
        ..base("portal-retire", &[0, 1], 2)
    },
    Bounds {
        strict: true,
        end: 2,
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Rehost, 1)],
        ..base("portal-strict", &[0], 2)
    },
    Bounds {
        end: 2,
        as_the_library: true,
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Rehost, 1)],
        ..base("portal-library", &[0], 3)
    },
];

/// Three machines, two seats and everything that can happen to them, explored as far as time goes:
/// three hosts, or two of which one has a second store, or a clone.
pub const LARGE: [Bounds; 4] = [
    large("large", &[0, 1, 2], false),
    large("large-strict", &[0, 1, 2], true),
    large("large-clone", &[0, 0, 1], false),
    Bounds { as_the_library: true, ..large("large-clone-strict", &[0, 0, 1], true) },
];

const fn large(name: &'static str, places: &'static [u8], strict: bool) -> Bounds {
    Bounds {
        strict,
        quantity: 2,
        most: 2,
        grace: 1,
        tolerance: 1,
        end: 4,
        budgets: &[
            (B::Save, 1),
            (B::Restore, 1),
            (B::Rollback, 1),
            (B::Loss, 1),
            (B::Copy, 1),
            (B::Clone, 1),
            (B::Rehost, 1),
            (B::Retire, 1),
            (B::Backup, 1),
            (B::PortalRestore, 1),
            (B::Hears, 1),
            (B::Shorten, 1),
            (B::Forge, 1),
            (B::Checkout, 2),
            (B::Crash, 1),
            (B::File, 2),
            (B::GiveUp, 1),
        ],
        ..base(name, places, 4)
    }
}

/// A run by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Bounds> {
    WHOLE.iter().chain(&LARGE).find(|bounds| bounds.name == name)
}
