//! Two portals over one PostgreSQL: the same SQL text, and no seat too many. Says so and passes
//! where no PostgreSQL is installed.

#![cfg(unix)]

#[path = "support/postgres.rs"]
mod server;
mod support;

use std::io::Write as _;

use lm_portal::{
    Kind, Location, NewEntitlement, OwnerRelease, PolicyChange, Portal, PortalOptions, Tally, Terms,
};
use lm_protocol::envelope::sign;
use lm_protocol::{Operation, Refusal, Verdict};
use server::Server;
use support::{activate, key, post, request};

fn open(url: &str) -> Portal {
    let options = PortalOptions {
        vendor: Some("vendor".to_owned()),
        ..PortalOptions::at(Location::Url(url.to_owned()))
    };
    Portal::open(options).unwrap()
}

#[test]
fn r41_two_portals_over_one_postgresql_never_exceed_the_seats_and_keep_every_promise() {
    let Some(server) = Server::start() else {
        let _ = writeln!(std::io::stderr(), "skipped: PostgreSQL is not installed");
        return;
    };
    let portals = [open(&server.url()), open(&server.url())];
    assert!(portals[1].first_administrator().is_none(), "one identity");
    let root = portals[0].trust_root();
    assert_eq!(portals[1].trust_root(), root);
    let running = portals.each_ref().map(|portal| portal.serve().unwrap());
    let new = NewEntitlement {
        terms: Terms { strict: true, reclaim: true, ..Terms::default() },
        ..NewEntitlement::new("ortho", &[("raster", None)], 7)
    };
    let entitlement = portals[0].create_entitlement(&new).unwrap();
    let id = portals[0].generate(&entitlement, Kind::Cc, 7, 1).unwrap().remove(0).activation_id;
    let records: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..32u16)
            .map(|number| {
                let (id, root, running) = (&id, &root, &running[usize::from(number % 2)]);
                let asked = activate(number, id, 1);
                scope.spawn(move || (number, post(running.url(), root, &asked).verdict))
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let granted: Vec<_> = records
        .into_iter()
        .filter_map(|(number, verdict)| match verdict {
            Verdict::Granted { record } => Some((number, record)),
            Verdict::Denied { refusal: Refusal::NoSeats, .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(granted.len(), 7);

    // One of them gives its seat back: it cools, in strict mode, and its holder may have it at once.
    let (number, record) = &granted[0];
    let fulfillment_id = portals[0]
        .show(&id)
        .unwrap()
        .fulfillments
        .into_iter()
        .find(|held| held.host_label == format!("desk <{number}>"))
        .unwrap()
        .fulfillment_id;
    let operation = Operation::Return { seats: 0, fulfillment_id, generation: 1 };
    let mut asked = request(*number, &id, operation);
    (asked.op, asked.record) = (support::id(1000), Some(record.clone()));
    let envelope = sign(&asked, &[&key(*number)]).unwrap();
    for running in &running {
        assert_eq!(post(running.url(), &root, &envelope).verdict, Verdict::Returned);
    }
    let view = portals[1].show(&id).unwrap();
    assert_eq!((view.fulfilled, view.cooling, view.available), (6, 1, 0));
    let mut again = request(*number, &id, Operation::Activate { seats: 1 });
    again.op = support::id(1001);
    let again = sign(&again, &[&key(*number)]).unwrap();
    assert!(matches!(post(running[0].url(), &root, &again).verdict, Verdict::Granted { .. }));

    let change = PolicyChange {
        rehost_limit: Some(Some(1)),
        owner_release: Some(OwnerRelease::Id),
        ..PolicyChange::default()
    };
    assert_eq!(portals[1].set_policy(&entitlement, &change).unwrap().rehost_limit, Some(1));
    for (host, allowed) in [(0, true), (1, false), (1, true)] {
        let held = portals[0].show(&id).unwrap().fulfillments.remove(host).fulfillment_id;
        assert_eq!(portals[1].rehost(&id, Some(&held)).is_ok(), allowed);
        if !allowed {
            portals[0].allow(&id, Tally::Rehost, 1).unwrap();
        }
    }
    let limit = portals[1].show(&id).unwrap().limits.remove(0);
    assert_eq!((limit.what, limit.used, limit.allowed), ("rehost", 1, 0));

    portals[1].portal_return(&id).unwrap();
    let view = portals[0].show(&id).unwrap();
    assert_eq!((view.status, view.fulfilled, view.cooling), ("inactive", 0, 7));
    assert_eq!(portals[0].entitlement(&entitlement).unwrap().issued, 7, "until they have cooled");
    assert_eq!(portals[0].history_break().unwrap(), None);
    let told = portals[0].backup(&std::env::temp_dir().join("not made")).unwrap_err().to_string();
    assert!(told.contains("pg_dump") && told.contains("restore --in-place"), "{told}");
    let options = PortalOptions::at(Location::Url(server.url()));
    let told = Portal::restore(&options, Some("dump".as_ref()), 0).unwrap_err().to_string();
    assert!(told.contains("pg_restore") && told.contains("restore --in-place"), "{told}");
    for running in running {
        running.stop().unwrap();
    }
}
