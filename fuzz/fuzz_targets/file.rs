//! Files of sites without a network: any bytes as a request or response file, any contents in right
//! armor, and what a response file does to the machine that asked.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lm::{Client, Code, Status};
use lm_fuzz::input::Input;
use lm_fuzz::is_planted;
use lm_fuzz::portal::{EXPIRES_AT, Make, Replied, response_file};
use lm_fuzz::world::{World, activation_id};
use lm_protocol::file::{read_answers, read_requests};
use lm_protocol::{Id, Request};

/// A machine whose request file is on its way: what it asks, and the nonce of the time that it wants.
struct Asked {
    world: World,
    request: Request,
    time_nonce: Option<Id>,
}

/// For a first activation, a return of one seat, of all, and a repair.
static ASKED: LazyLock<[Asked; 4]> = LazyLock::new(|| {
    let id = activation_id().to_string();
    [0, 1, 2, 3].map(|which| {
        let world = World::new();
        let client = world.client().expect("a client");
        if which > 0 {
            let file = client.request_activation(&id, 2).expect("a request file");
            let (request, time_nonce) = asked(&file);
            let right = Replied::RIGHT.answers(&request, time_nonce);
            client.apply_response(response_file("", &right).as_bytes()).expect("a license");
            assert!(client.status(None).expect("a status").usable);
        }
        let file = match which {
            0 => client.request_activation(&id, 2),
            1 => client.request_return(&id, 1),
            2 => client.request_return(&id, 0),
            _ => client.request_repair(&id),
        };
        let (request, time_nonce) = asked(&file.expect("a request file"));
        Asked { world, request, time_nonce }
    })
});

fn asked(file: &[u8]) -> (Request, Option<Id>) {
    let entry = read_requests(file).expect("the client's own file").remove(0);
    let request = Request::open(&entry.request).expect("the client's own request");
    (request.into_inner(), entry.time_nonce)
}

/// What another process reads of the store is what this one says.
fn is_durable(world: &World, told: &Status) {
    let read = world.client().expect("the store that was just written").status(None);
    let read = read.expect("a status always answers");
    assert_eq!((read.state, read.usable, read.seats), (told.state, told.usable, told.seats));
    assert!(read.cause != Some(Code::StorageDamaged), "it can't read what it wrote");
}

fn apply(client: &Client, file: &[u8]) -> bool {
    match client.apply_response(file) {
        Ok(()) => true,
        Err(error) => {
            assert!(error.code() != Code::Internal, "{error:?}");
            false
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let asked = &ASKED[usize::from(input.byte()) % ASKED.len()];
    let mut is_forged = false;
    let file = match mode {
        // Any bytes.
        0 => input.rest().to_vec(),
        // Any contents in right armor.
        1 => response_file("a response", input.rest()).into_bytes(),
        // As the portal answers, but for some of it.
        _ => {
            let modes = [input.byte(), input.byte(), input.byte(), input.byte()];
            let [keyset, answer, record, time] = modes.map(|mode| Make::of(mode, &mut input));
            // Where no time is asked for, none is in the file.
            let time = if asked.time_nonce.is_some() { time } else { Make::Right };
            let replied = Replied { keyset, answer, record, time };
            is_forged = replied.is_forged();
            let answers = replied.answers(&asked.request, asked.time_nonce);
            // What stands around the armor counts for nothing.
            let head = String::from_utf8_lossy(input.rest()).replace("LM", "");
            response_file(&head, &answers).into_bytes()
        }
    };
    let (requests, answers) = (read_requests(&file), read_answers(&file));
    if let (Ok(requests), Err(_)) = (&requests, &answers) {
        let _ = requests.iter().map(|entry| Request::open(&entry.request)).count();
    }

    let world = asked.world.copy();
    let client = world.client().expect("a store of its own");
    let before = client.status(None).expect("a status");
    let is_applied = apply(&client, &file);
    let after = client.status(None).expect("a status always answers");
    assert!(!is_applied || answers.is_ok(), "a file was applied that can't be read");
    if is_forged
        && !matches!(asked.request.operation, lm_protocol::Operation::Return { seats: 0, .. })
    {
        // Return all needs no record, so a forged one is not looked at.
        assert!(!is_applied, "what a stranger signed was taken");
        assert!(!after.usable || before.usable, "it gave rights");
    }
    assert!(!after.usable || after.seats > 0);
    is_durable(&world, &after);
    // Once more: it changes nothing. And the right one after it: nothing is stuck for ever.
    apply(&client, &file);
    let again = client.status(None).expect("a status");
    assert_eq!((after.state, after.seats), (again.state, again.seats), "the second time does more");
    let right = Replied::RIGHT.answers(&asked.request, asked.time_nonce);
    apply(&client, response_file("", &right).as_bytes());
    is_durable(&world, &client.status(None).expect("a status"));

    if is_planted() {
        // No seed's: the fuzzer has made the record, signed and armored as it must be.
        let is_made = after.expires_at != 0 && !EXPIRES_AT.contains(&after.expires_at);
        assert!(!is_made, "planted: behind armor and signatures, a term that no seed has");
    }
});
