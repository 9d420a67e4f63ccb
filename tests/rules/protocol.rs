//! The nine rules of the protocol, as far as the client keeps them: what is on the disk when a
//! message goes out, which bytes go out, and which answers are taken. (The portal's part is tested
//! beside its ledger.)
//!
//! The wire between client and portal is the library's own, with a hand on it that loses or holds
//! messages.

use std::sync::{Arc, Mutex};

use lm::ports::{HttpRequest, HttpResponse, Transport};
use lm::transport::{HttpsTransport, Proxy, TransportOptions};
use lm::{Client, Code, Error, Options, State, Status};

use crate::common::machine::PRODUCT;
use crate::common::world::World;

type Look = Box<dyn Fn() + Send + Sync>;

/// What the hand does with the next message.
#[derive(Clone, Copy, PartialEq)]
enum Hand {
    Pass,
    /// The portal never sees it.
    LoseRequest,
    /// The portal has answered; the client never sees it.
    LoseReply,
    /// The client is given the reply to an earlier message instead.
    GiveOld,
}

struct Wire {
    real: HttpsTransport,
    hand: Mutex<Hand>,
    sent: Mutex<Vec<String>>,
    replies: Mutex<Vec<HttpResponse>>,
    look: Mutex<Option<Look>>,
}

impl Transport for Wire {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        let post = lm_protocol::Post::parse(request.body).unwrap();
        self.sent.lock().unwrap().push(post.request);
        if let Some(look) = &*self.look.lock().unwrap() {
            look();
        }
        let hand = *self.hand.lock().unwrap();
        if hand == Hand::LoseRequest {
            return Err(Error::from_code(Code::Timeout));
        }
        if hand == Hand::GiveOld {
            return Ok(self.replies.lock().unwrap()[0].clone());
        }
        let reply = self.real.post(request)?;
        self.replies.lock().unwrap().push(reply.clone());
        if hand == Hand::LoseReply { Err(Error::from_code(Code::Timeout)) } else { Ok(reply) }
    }
}

/// A machine whose messages pass through the hand.
struct Held {
    client: Client,
    wire: Arc<Wire>,
    world: World,
    folder: tempfile::TempDir,
}

impl Held {
    fn new() -> Self {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let real = HttpsTransport::new(TransportOptions {
            proxy: Proxy::None,
            ca_file: None,
            files: Arc::new(lm::storage::SystemFiles),
            clock: Arc::new(lm::machine::SystemClock),
        });
        let wire = Arc::new(Wire {
            real: real.unwrap(),
            hand: Mutex::new(Hand::Pass),
            sent: Mutex::default(),
            replies: Mutex::default(),
            look: Mutex::default(),
        });
        let client = open(&world, &wire, folder.path());
        Self { client, wire, world, folder }
    }

    fn again(&self) -> Client {
        open(&self.world, &self.wire, self.folder.path())
    }

    fn hand(&self, hand: Hand) {
        *self.wire.hand.lock().unwrap() = hand;
    }

    fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.wire.sent.lock().unwrap())
    }

    fn status(&self, id: &str) -> Status {
        self.client.status(Some(id)).unwrap()
    }

    /// While each message is on its way: what another process reads from the disk.
    fn look_while_sending(&self, id: &str) -> Arc<Mutex<Vec<Status>>> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (client, into, id) = (self.again(), seen.clone(), id.to_owned());
        let look = move || {
            // A list reads the store now, whatever the table said.
            client.list().unwrap();
            into.lock().unwrap().push(client.status(Some(&id)).unwrap());
        };
        *self.wire.look.lock().unwrap() = Some(Box::new(look));
        seen
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(anchor) = self.client.anchor_path() {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

fn open(world: &World, wire: &Arc<Wire>, folder: &std::path::Path) -> Client {
    let mut options = Options::new(PRODUCT, world.portal.trust_root());
    options.portal_url = Some(world.url().to_owned());
    options.storage_dir = Some(folder.join("store"));
    options.host_identity = Some("field-1".to_owned());
    options.transport = Some(wire.clone());
    Client::open(options).unwrap()
}

#[test]
fn rule_1_the_intent_is_durable_before_its_message_is_sent() {
    let held = Held::new();
    let id = held.world.nl(1);
    let seen = held.look_while_sending(&id);
    held.client.activate(&id, 1).unwrap();
    held.client.return_(&id, 0).unwrap();
    let states: Vec<_> = seen.lock().unwrap().iter().map(|status| status.state).collect();
    assert_eq!(states, [State::PendingActivation, State::PendingReturn]);
}

#[test]
fn rule_3_local_use_stops_durably_before_a_return_or_an_abandon_is_sent() {
    let held = Held::new();
    let (id, undone) = (held.world.cc(3), held.world.nl(1));
    held.client.activate(&id, 3).unwrap();
    let seen = held.look_while_sending(&id);
    held.client.return_(&id, 1).unwrap();
    held.client.return_(&id, 0).unwrap();
    let usable: Vec<_> = seen.lock().unwrap().iter().map(|s| (s.usable, s.seats)).collect();
    assert_eq!(usable, [(true, 2), (false, 0)]);

    held.hand(Hand::LoseReply);
    held.client.activate(&undone, 1).unwrap_err();
    assert_eq!(held.world.seats(&undone), (1, 0), "granted, but the machine doesn't know");
    held.hand(Hand::Pass);
    let seen = held.look_while_sending(&undone);
    held.client.return_(&undone, 0).unwrap();
    assert!(!seen.lock().unwrap()[0].usable);
    assert_eq!(held.world.seats(&undone), (0, 1));
}

/// A clock that notes how long it was asked to wait, and when the last message was sent.
#[test]
fn rule_3_a_return_waits_out_what_other_processes_may_still_believe() {
    struct Noted(lm::machine::SystemClock, Mutex<Vec<std::time::Duration>>);
    impl lm::ports::Clock for Noted {
        fn wall(&self) -> i64 {
            self.0.wall()
        }
        fn monotonic(&self) -> std::time::Duration {
            self.0.monotonic()
        }
        fn boot(&self) -> std::time::Duration {
            self.0.boot()
        }
        fn sleep(&self, duration: std::time::Duration) {
            self.1.lock().unwrap().push(duration);
        }
    }
    let held = Held::new();
    let id = held.world.nl(1);
    let clock = Arc::new(Noted(lm::machine::SystemClock, Mutex::default()));
    let mut options = Options::new(PRODUCT, held.world.portal.trust_root());
    options.portal_url = Some(held.world.url().to_owned());
    options.storage_dir = Some(held.folder.path().join("store"));
    options.host_identity = Some("field-1".to_owned());
    let client = Client::open_with(
        options,
        lm::ports::Ports {
            clock: clock.clone(),
            random: Arc::new(lm::machine::SystemRandom::new()),
            files: Arc::new(lm::storage::SystemFiles),
        },
    );
    let client = client.unwrap();
    client.activate(&id, 1).unwrap();
    assert!(clock.1.lock().unwrap().is_empty(), "an activation waits for nothing");
    client.return_(&id, 0).unwrap();
    assert_eq!(*clock.1.lock().unwrap(), [lm::limits::STATUS_AGE]);
}

#[test]
fn rule_5_only_the_answer_to_the_pending_operation_is_accepted() {
    let held = Held::new();
    let id = held.world.nl(1);
    held.client.activate(&id, 1).unwrap();
    held.hand(Hand::GiveOld);
    let refused = held.client.refresh(Some(&id)).unwrap_err();
    assert_eq!(refused.code(), Code::Mismatch, "another operation's answer");
    assert_eq!(held.status(&id).state, State::Active);
    held.hand(Hand::Pass);
    held.client.refresh(Some(&id)).unwrap();
}

#[test]
fn rule_5_an_answer_that_another_process_has_applied_is_success() {
    let held = Held::new();
    let id = held.world.nl(1);
    held.client.activate(&id, 1).unwrap();
    held.hand(Hand::LoseReply);
    held.client.return_(&id, 0).unwrap_err();
    held.hand(Hand::Pass);
    // While the first process' message is on its way, a second one finishes the same return.
    let second = held.world.machine_over("field-1", &held.folder.path().join("store"));
    *held.wire.look.lock().unwrap() = Some(Box::new(move || second.resume().unwrap()));
    held.client.resume().unwrap();
    assert_eq!(held.status(&id).state, State::Absent);
    assert_eq!(held.world.seats(&id), (0, 1));
}

#[test]
fn rule_6_a_retry_is_byte_identical_also_after_a_restart() {
    let held = Held::new();
    let id = held.world.nl(1);
    held.hand(Hand::LoseRequest);
    held.client.activate(&id, 1).unwrap_err();
    held.client.activate(&id, 1).unwrap_err();
    held.hand(Hand::LoseReply);
    held.again().resume().unwrap_err();
    held.hand(Hand::Pass);
    held.again().resume().unwrap();
    let sent = held.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|request| *request == sent[0]));
    held.client.list().unwrap();
    assert_eq!((held.status(&id).state, held.world.seats(&id)), (State::Active, (1, 0)));
}

#[test]
fn rule_7_a_return_names_the_unanswered_operation_and_takes_its_place() {
    let held = Held::new();
    let id = held.world.nl(1);
    held.client.activate(&id, 1).unwrap();
    // The portal has refreshed to the next generation; the client doesn't know.
    held.hand(Hand::LoseReply);
    held.client.refresh(Some(&id)).unwrap_err();
    held.hand(Hand::Pass);
    held.client.return_(&id, 0).unwrap();
    assert_eq!((held.status(&id).state, held.world.seats(&id)), (State::Absent, (0, 1)));
    let history = held.world.portal.history(Some(&id), 20).unwrap();
    assert!(history.iter().all(|row| !row.flagged), "nobody takes it for a clone");
}

/// A re-attach whose fulfillment has ended meanwhile speaks of the very record that is here.
#[test]
fn rule_2_a_re_attach_whose_grant_is_gone_leaves_an_orphan() {
    let held = Held::new();
    let id = held.world.nl(1);
    held.client.activate(&id, 1).unwrap();
    let image = |name| held.folder.path().join("store").join(name);
    let saved = ["a", "b"].map(|name| std::fs::read(image(name)).unwrap());
    held.client.refresh(Some(&id)).unwrap();
    // An older store put back: the record is to re-attach. The answer to that is lost.
    for (name, bytes) in ["a", "b"].into_iter().zip(saved) {
        std::fs::write(image(name), bytes).unwrap();
    }
    let restored = held.again();
    assert_eq!(restored.status(Some(&id)).unwrap().state, State::Untrusted);
    held.hand(Hand::LoseReply);
    restored.activate(&id, 1).unwrap_err();
    held.hand(Hand::Pass);
    held.world.portal.rehost(&id, None).unwrap();
    assert_eq!(restored.resume().unwrap_err().code(), Code::Obsolete);
    let told = restored.list().unwrap();
    assert_eq!(told.len(), 1);
    restored.remove(&id).unwrap();
    assert_eq!(restored.status(Some(&id)).unwrap().state, State::Absent);
    assert_eq!(held.world.seats(&id), (0, 1));
}

#[test]
fn rule_8_what_is_outstanding_is_finished_first() {
    let held = Held::new();
    let id = held.world.cc(5);
    held.hand(Hand::LoseReply);
    held.client.activate(&id, 2).unwrap_err();
    held.hand(Hand::Pass);
    held.client.activate(&id, 3).unwrap();
    assert_eq!((held.status(&id).seats, held.world.seats(&id)), (3, (3, 2)));
    held.hand(Hand::LoseReply);
    held.client.return_(&id, 1).unwrap_err();
    held.hand(Hand::Pass);
    held.client.return_(&id, 2).unwrap();
    assert_eq!((held.status(&id).state, held.world.seats(&id)), (State::Absent, (0, 5)));
}

#[test]
fn rule_9_a_grant_that_comes_too_late_gives_no_right_and_is_asked_anew() {
    let held = Held::new();
    let id = held.world.nl(1);
    held.hand(Hand::LoseReply);
    held.client.activate(&id, 1).unwrap_err();
    held.hand(Hand::Pass);
    // Past the lease that the stored answer grants.
    held.world.pass(8 * 86_400);
    let late = held.client.resume().unwrap_err();
    assert_eq!(late.code(), Code::TooLate);
    assert!(!held.status(&id).usable);
    held.client.activate(&id, 1).unwrap();
    assert_eq!(held.world.seats(&id), (1, 0), "the same fulfillment, re-attached");
    assert_eq!(held.client.list().unwrap()[0].generation, 2);
}
