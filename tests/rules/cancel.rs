//! `lm_cancel`: a call that waits for anything ends at once and leaves a state that resumes. No test looks
//! at how long that took: a call that isn't ended never ends here, since nobody answers it.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use lm::ffi::*;

use crate::common::machine::{Failure, Machine};
use crate::common::server::{dripping, read_request, serve};
use crate::common::world::World;

/// An hour: whatever ends a call before is the cancellation.
const FOR_EVER: u32 = 3_600_000;

/// Makes a call that waits for ever, cancels it once `is_waiting` says so, and gives what it said.
fn cancelled(
    machine: &Machine,
    call: impl FnOnce(&Machine) -> Result<(), Failure> + Send,
    is_waiting: impl FnOnce(),
) -> Failure {
    thread::scope(|scope| {
        let under_way = scope.spawn(|| call(machine));
        is_waiting();
        // It may be about to wait: it is told until it has heard.
        while !under_way.is_finished() {
            machine.cancel();
            thread::park_timeout(std::time::Duration::from_millis(5));
        }
        under_way.join().unwrap().unwrap_err()
    })
}

/// A server that says when a request has come, and never answers.
fn silent() -> (SocketAddr, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let address = serve(move |mut stream| {
        read_request(&mut stream);
        sender.send(()).unwrap();
        // Held open until the other side goes.
        read_request(&mut stream);
    });
    (address, receiver)
}

#[test]
fn a_call_that_waits_for_the_portal_ends_and_resumes() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    let (address, asked) = silent();
    let stuck = machine.with(|settings| {
        settings.portal_url = Some(format!("http://{address}"));
        settings.timeout = FOR_EVER;
    });
    let told = cancelled(&stuck, |m| m.activate(&id, 1), || asked.recv().unwrap());
    assert_eq!(told.code, LM_ERR_CANCELLED);
    assert_eq!(stuck.state(&id), "PENDING_ACTIVATION");
    machine.resume().unwrap();
    assert_eq!(machine.state(&id), "ACTIVE");
    // A return is pending in the same way, and no seat is lost.
    let told = cancelled(&stuck, |m| m.return_(&id, 0), || asked.recv().unwrap());
    assert_eq!((told.code, stuck.state(&id)), (LM_ERR_CANCELLED, "PENDING_RETURN".to_owned()));
    machine.resume().unwrap();
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn wherever_a_call_waits_it_is_ended() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let full = full_backlog();
    let drip = dripping(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n");
    let mute = dripping(b"", b"");
    let through = |address: SocketAddr| Some(format!("http://{address}"));
    for (what, portal, proxy) in [
        ("connecting", through(full.1), None),
        ("the answer's head", through(drip), None),
        ("the proxy", None, through(mute)),
        ("TLS", Some(format!("https://{mute}")), None),
    ] {
        let stuck = machine.with(|settings| {
            settings.portal_url = portal.or(settings.portal_url.take());
            settings.proxy = proxy;
            settings.timeout = FOR_EVER;
        });
        let told = cancelled(&stuck, |m| m.repair(&id), || ());
        assert!([LM_ERR_CANCELLED, LM_ERR_TLS].contains(&told.code), "{what}: {told:?}");
        assert_eq!(stuck.state(&id), "ACTIVE", "{what}");
        machine.resume().unwrap();
    }
    // And where it waits for another process that holds the store's lock.
    let lock = std::fs::File::open(machine.settings.storage.join("lock")).unwrap();
    lock.lock().unwrap();
    let told = cancelled(&machine, |m| m.repair(&id), || ());
    assert_eq!(told.code, LM_ERR_CANCELLED);
    drop(lock);
    // Later calls are not ended.
    machine.repair(&id).unwrap();
    assert_eq!(world.seats(&id), (1, 0));
}

/// A listener whose queue is full: who connects waits for ever.
fn full_backlog() -> (Vec<socket2::Socket>, SocketAddr) {
    let socket =
        || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = socket();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = vec![listener];
    for _ in 0..4 {
        let client = socket();
        client.set_nonblocking(true).unwrap();
        // In progress, for ever from some point on.
        let _ = client.connect(&address.into());
        held.push(client);
    }
    (held, address)
}
