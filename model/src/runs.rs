//! The runs: small worlds explored whole, one for each theme, and large ones as far as time goes.

use crate::setting::{Bounds, Budget as B};

/// All runs that are explored whole.
pub const WHOLE: &[Bounds] = &[
    Bounds { name: "network", places: &[0, 1], ops: 2, ..Bounds::BASE },
    Bounds { name: "network3", places: &[0, 1], ops: 3, ..Bounds::BASE },
    Bounds { name: "one", places: &[0], ops: 4, ..Bounds::BASE },
    Bounds {
        name: "fine",
        places: &[0],
        ops: 3,
        fine: true,
        tables: true,
        budgets: &[(B::Save, 1), (B::Restore, 1), (B::Crash, 1)],
        ..Bounds::BASE
    },
    Bounds { name: "seats", places: &[0, 1], quantity: 2, most: 2, ops: 3, ..Bounds::BASE },
    Bounds {
        name: "slots",
        places: &[0],
        quantity: 2,
        most: 2,
        ops: 3,
        budgets: &[(B::Checkout, 3), (B::Crash, 1)],
        ..Bounds::BASE
    },
    Bounds {
        name: "restore",
        places: &[0],
        ops: 4,
        budgets: &[(B::Save, 1), (B::Restore, 1), (B::Loss, 1)],
        ..Bounds::BASE
    },
    Bounds {
        name: "rollback",
        places: &[0, 1],
        ops: 3,
        end: 2,
        budgets: &[(B::Save, 1), (B::Rollback, 1)],
        ..Bounds::BASE
    },
    Bounds {
        name: "clone",
        places: &[0, 0],
        ops: 3,
        end: 3,
        budgets: &[(B::Clone, 1)],
        ..Bounds::BASE
    },
    Bounds {
        name: "strict",
        places: &[0, 1],
        strict: true,
        ops: 2,
        end: 3,
        tolerance: 1,
        budgets: &[(B::Rehost, 1)],
        ..Bounds::BASE
    },
    Bounds {
        name: "unleased",
        places: &[0, 1],
        lease: 0,
        ops: 2,
        end: 2,
        budgets: &[(B::Rehost, 1)],
        ..Bounds::BASE
    },
    Bounds {
        name: "portal",
        places: &[0, 1],
        ops: 3,
        budgets: &[(B::Backup, 1), (B::PortalRestore, 1), (B::Hears, 1)],
        ..Bounds::BASE
    },
];
