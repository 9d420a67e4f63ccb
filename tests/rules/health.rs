//! U17: what is about to break is told before it does, each finding with its severity and next step.

use lm::Topic;
use lm::ffi::*;
use lm::log::Level;
use lm_portal::Kind;

use crate::common::days::Days;
use crate::common::reports::Found;
use crate::common::world::World;

const DAY: i64 = 86_400;

/// What is not as it should be: topic and code.
fn troubles(found: &[Found]) -> Vec<(&str, u32, lm_result)> {
    let bad = found.iter().filter(|one| one.level != LM_LOG_INFO);
    bad.map(|one| (one.topic.as_str(), one.level, one.code)).collect()
}

#[test]
fn u17_a_sound_machine_has_a_report_without_a_trouble() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("desk-1");
    machine.activate(&id, 1).unwrap();
    let (store, seats) = (machine.images(), world.seats(&id));
    let found = machine.health(true);
    assert_eq!(troubles(&found), []);
    for topic in [
        "storage",
        "image",
        "anchor",
        "permission",
        "space",
        "host",
        "license",
        "clock",
        "portal.http",
    ] {
        assert!(found.iter().any(|one| one.topic == topic), "{topic}");
    }
    for one in &found {
        assert!(one.text.ends_with('.') && (one.code == LM_OK) && one.hint.is_empty(), "{one:?}");
        assert!(one.detail.is_empty() || one.detail.starts_with('{'), "{one:?}");
    }
    assert_eq!((machine.images(), world.seats(&id)), (store, seats), "nothing was changed");
    assert!(machine.health(false).iter().all(|one| !one.topic.starts_with("portal")));
}

/// The disk rots, an anchor is lost: the license works, and the report says what stands behind it no
/// more. A refresh mends both.
#[test]
fn u17_a_rotten_image_and_a_lost_anchor_are_told_while_the_license_works() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("desk-1");
    machine.activate(&id, 1).unwrap();
    let mut rotten = std::fs::read(machine.settings.storage.join("b")).unwrap();
    rotten[200] ^= 1;
    std::fs::write(machine.settings.storage.join("b"), rotten).unwrap();
    machine.settings.remove_anchor();
    let found = machine.health(false);
    assert_eq!(
        troubles(&found),
        [("image", LM_LOG_WARN, LM_OK), ("anchor", LM_LOG_WARN, LM_OK)],
        "{found:#?}"
    );
    assert!(found.iter().all(|one| (one.level == LM_LOG_INFO) == one.hint.is_empty()));
    assert_eq!(machine.status(Some(&id)).usable, 1);
    machine.refresh(None).unwrap();
    assert_eq!(troubles(&machine.health(true)), []);
}

/// A name that isn't known, a port where nobody listens, somebody who is no portal, another vendor's
/// portal: each is another step of the way.
#[test]
fn u17_the_way_to_the_portal_is_told_step_by_step() {
    let (world, other) = (World::new(), World::named("another-vendor"));
    let machine = world.machine("desk-1");
    let with = |url: &str| {
        let url = url.to_owned();
        let found = machine.with(|settings| settings.portal_url = Some(url)).health(true);
        let way: Vec<_> = found.into_iter().filter(|one| one.topic.starts_with("portal")).collect();
        let last = way.last().expect("a finding").clone();
        assert_eq!(last.level == LM_LOG_ERROR, !last.hint.is_empty(), "{last:?}");
        (way.len(), last.topic, last.code)
    };
    let closed = crate::common::server::nobody();
    let step = |count, topic: &str, code| (count, topic.to_owned(), code);
    assert_eq!(with(world.url()), step(3, "portal.http", LM_OK));
    assert_eq!(with("https://nobody.invalid"), step(1, "portal.dns", LM_ERR_DNS));
    assert_eq!(with(&format!("http://{closed}")), step(2, "portal.connect", LM_ERR_NETWORK));
    assert_eq!(
        with(&world.url().replace("http:", "https:")),
        step(3, "portal.tls", LM_ERR_TLS),
        "a portal without TLS"
    );
    assert_eq!(with(other.url()), step(3, "portal.http", LM_ERR_SIGNATURE));
}

/// What comes over the network can't be asked for again as a file can: the hint says what to look at.
#[test]
fn u17_an_answer_that_is_none_says_to_look_at_the_address() {
    use std::io::{Read as _, Write as _};
    let world = World::new();
    let machine = world.machine("desk-1");
    let liar = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", liar.local_addr().unwrap());
    let lying = std::thread::spawn(move || {
        let (mut stream, _) = liar.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let body = r#"{"answer":"","keyset":"","time":""}"#;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let found = machine.with(|settings| settings.portal_url = Some(url)).health(true);
    lying.join().unwrap();
    let last = found.iter().rfind(|one| one.topic == "portal.http").unwrap();
    assert_eq!((last.level, last.code), (LM_LOG_ERROR, LM_ERR_MALFORMED));
    assert!(last.hint.contains("the portal's address"), "{}", last.hint);
}

/// Days pass without a contact, then the clock is set back: told before the license stops for it.
#[test]
fn u17_lease_and_clock_are_told_before_they_stop_a_license() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.terms.lease = 8 * DAY);
    let id = world.id(&entitlement, Kind::Nl, 1);
    let machine = world.machine("desk-1");
    machine.activate(&id, 1).unwrap();
    let (days, start) = (Days::default(), world.now());
    let client = days.client_of(&machine);
    let level = |topic| {
        let found = client.health(false).unwrap();
        found
            .into_iter()
            .filter(|one| one.topic == topic)
            .map(|one| one.level)
            .max_by_key(|level| std::cmp::Reverse(*level))
    };
    assert_eq!(level(Topic::License), Some(Level::Info));
    days.reach(start + 7 * DAY);
    assert_eq!(level(Topic::License), Some(Level::Warn), "a day is left");
    assert!(client.status(Some(&id)).unwrap().usable);
    // Another start of the host notes the day, and the clock goes back over night.
    drop(days.client_of(&machine));
    days.reach(start + 7 * DAY - 20 * 3600);
    let client = days.client_of(&machine);
    let found = client.health(false).unwrap();
    let clock = found.iter().find(|one| one.topic == Topic::Clock).unwrap();
    assert_eq!(clock.level, Level::Warn, "{clock:?}");
    assert!(client.status(Some(&id)).unwrap().usable, "within the tolerance of a day");
}
