//! Request and response files: what is none of ours, what was damaged, what is another's, what comes too
//! late. Whatever it is, the operation that waits is not lost by it.

use lm_portal::Kind;
use lm_protocol::encoding::{to_base64, to_hex};
use lm_protocol::limits::{FILE_ENTRIES_MAX, RESPONSE_FILE_MAX};
use lm_protocol::{Request, file};

use crate::answers::{self, Lie};
use crate::common::machine::{Machine, nobodys_id};
use crate::common::world::World;
use crate::page::{Row, compare};

const DAY: i64 = 86_400;

/// A response file of any content, its check right.
fn armored(content: &serde_json::Value) -> Vec<u8> {
    let bytes = content.to_string().into_bytes();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let check = &to_hex(digest.as_ref())[..8];
    let base64 = to_base64(&bytes);
    format!("BEGIN LM LICENSE RESPONSE 1\n{base64}\nEND LM LICENSE RESPONSE 1 CHECK {check}\n")
        .into_bytes()
}

/// The one request of a file.
fn request_of(file: &[u8]) -> String {
    file::read_requests(file).unwrap().remove(0).request
}

/// What a portal that lies answers.
fn lied(request_file: &[u8], lie: Lie) -> Vec<u8> {
    let reply = answers::reply(&Request::open(&request_of(request_file)).unwrap(), lie);
    armored(&serde_json::json!({ "keyset": reply.keyset, "answers": [{ "answer": reply.answer }] }))
}

/// A machine that waits for a response, and that response.
struct Waiting {
    world: World,
    machine: Machine,
    id: String,
    response: String,
}

impl Waiting {
    fn new() -> Self {
        let world = World::new();
        let id = world.nl(3);
        let machine = world.lone_machine("field-1");
        let request = machine.request_activation(&id, 1).unwrap();
        let response = String::from_utf8(world.answer(&request)).unwrap();
        Self { world, machine, id, response }
    }

    fn row(&self, input: &str, file: &[u8]) -> Row {
        let outcome = self.machine.apply(file);
        Row::new(input, outcome, &self.machine.told(&self.id))
            .without(&[(&host_id(&self.machine), "HOST-ID")])
    }
}

fn host_id(machine: &Machine) -> String {
    let mut options = lm::Options::new(&machine.settings.product, &machine.settings.trust_root);
    options.storage_dir = Some(machine.settings.storage.clone());
    options.host_identity = Some(machine.settings.identity.clone());
    lm::Client::open(options).unwrap().host_id().to_owned()
}

fn of_the_way(waiting: &Waiting) -> Vec<Row> {
    let text = &waiting.response;
    let half = &text.as_bytes()[..text.len() / 2];
    let end = text.rfind("END").unwrap();
    let letter = {
        let mut bytes = text.clone().into_bytes();
        bytes[end - 100] = if bytes[end - 100] == b'A' { b'B' } else { b'A' };
        bytes
    };
    let later = text.replace("LICENSE RESPONSE 1", "LICENSE RESPONSE 2");
    let request = waiting.machine.request_activation(&waiting.id, 1).unwrap();
    let many = text.repeat(FILE_ENTRIES_MAX + 1);
    let head = &text[..text.find("BEGIN").unwrap()];
    [
        ("an empty file", &b"\r\n"[..]),
        ("a web page", b"<!doctype html><title>Sign in</title>"),
        ("a photograph", &[0xFF, 0xD8, 0xFF, 0xE0, 0, 16, b'J', b'F', b'I', b'F', 0]),
        ("a response file cut in the middle", half),
        ("a response file without its last line", &text.as_bytes()[..end]),
        ("the first lines of a response file alone", head.as_bytes()),
        ("a response file with one letter changed", &letter),
        ("a response file of a later version", later.as_bytes()),
        ("the request file itself", &request),
        ("16 MiB of zeros and one more", &vec![0; RESPONSE_FILE_MAX + 1]),
        ("501 responses in one file", many.as_bytes()),
    ]
    .map(|(input, file)| waiting.row(input, file))
    .into()
}

/// Of another machine, product, vendor or request.
fn of_others(waiting: &Waiting) -> Vec<Row> {
    let Waiting { world, id, .. } = waiting;
    let other = world.lone_machine("field-2");
    let of_other_machine = world.answer(&other.request_activation(id, 1).unwrap());
    let product = waiting.machine.with(|settings| {
        settings.product = "viewer".to_owned();
        settings.storage.set_file_name("viewer-store");
    });
    let of_other_product = world.answer(&product.request_activation(id, 1).unwrap());
    product.settings.remove_anchor();
    let foreign = World::new();
    let abroad = foreign.lone_machine("field-1");
    let of_other_vendor = foreign.answer(&abroad.request_activation(&foreign.nl(1), 1).unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let storage = waiting.machine.with(|s| s.storage = elsewhere.path().join("store"));
    let of_other_storage = world.answer(&storage.request_activation(id, 1).unwrap());
    storage.settings.remove_anchor();
    vec![
        waiting.row("the response of another machine", &of_other_machine),
        waiting.row("the response of another product", &of_other_product),
        waiting.row("the response of another vendor's portal", &of_other_vendor),
        waiting.row("the response to a request from another folder", &of_other_storage),
    ]
}

/// It was the right one once.
fn of_its_time(waiting: &Waiting) -> Vec<Row> {
    let Waiting { world, machine, id, response } = waiting;
    let once = response.as_bytes();
    machine.apply(once).unwrap();
    let mut rows = vec![waiting.row("a response that was applied before", once)];
    let refresh = machine.request_activation(id, 1).unwrap();
    let refreshed = world.answer(&refresh);
    let proof = machine.request_return(id, 0).unwrap();
    rows.push(waiting.row("the response to a refresh, once a return was requested", &refreshed));
    let returned = world.answer(&proof);
    machine.apply(&returned).unwrap();
    rows.push(waiting.row("the response to a return that was applied before", &returned));
    machine.request_activation(id, 1).unwrap();
    machine.request_return(id, 0).unwrap();
    rows
}

/// One of the two clocks is wrong, or the file was under way for too long.
fn of_clocks() -> Vec<Row> {
    let year = 365 * DAY;
    let world = World::founded(3 * year);
    let id = world.nl(9);
    let row = |input, moved: i64| {
        let machine = world.lone_machine("field-1");
        let request = machine.request_activation(&id, 1).unwrap();
        world.pass(moved);
        let response = world.answer(&request);
        world.pass(-moved);
        let row = Row::new(input, machine.apply(&response), &machine.told(&id));
        row.without_dates()
    };
    let ahead = row("the portal's clock is a year ahead", year);
    // The one before it holds the seat of this very machine.
    let late =
        row("the portal's clock is a year behind: the response is older than its request", -year);
    vec![ahead, late, held_back()]
}

/// The response of a machine whose clock was right, applied after its last day.
fn held_back() -> Row {
    let world = World::founded(3 * 365 * DAY);
    let short = world.entitlement_with(1, |new| (new.terms.lease, new.terms.grace) = (DAY / 4, 0));
    let id = world.id(&short, Kind::Nl, 1);
    let machine = world.lone_machine("field-1");
    let request = machine.request_activation(&id, 1).unwrap();
    world.pass(-DAY / 2);
    let response = world.answer(&request);
    Row::new(
        "a response that is applied after its last day",
        machine.apply(&response),
        &machine.told(&id),
    )
    .without_dates()
}

const LIES: &[(&str, Lie)] = &[
    ("an answer that is signed by a key that nobody named", |d| d.sign_answer_by(99)),
    ("a keyset that is signed by another root", |d| d.sign_keyset_by(98)),
    ("an answer to another try of the request", |d| d.answer_another_nonce()),
    ("a record for another machine's key", |d| d.name_another_key()),
];

/// A portal that lies, by files.
fn of_lies() -> Vec<Row> {
    LIES.iter()
        .map(|(input, lie)| {
            let machine = Machine::new(&answers::trust_root(), None, "field-1");
            let id = nobodys_id();
            let request = machine.request_activation(&id, 1).unwrap();
            let row = Row::new(input, machine.apply(&lied(&request, *lie)), &machine.told(&id));
            machine.apply(&lied(&request, |_| ())).unwrap_or_else(|e| panic!("{input}: {e:?}"));
            row
        })
        .collect()
}

/// What cannot be requested.
fn of_requests() -> Vec<Row> {
    let world = World::new();
    let (id, cc) = (world.nl(1), world.cc(5));
    let machine = world.lone_machine("field-1");
    let not_here = machine.request_return(&id, 0).map(|_| ());
    let mut rows = vec![Row::new("request a return of what isn't here", not_here, "ABSENT")];
    machine.request_activation(&id, 1).unwrap();
    let repair = machine.request_repair(&id).map(|_| ());
    let input = "request a repair while an activation waits for its response";
    rows.push(Row::new(input, repair, &machine.told(&id)));
    machine.apply(&world.answer(&machine.request_activation(&cc, 3).unwrap())).unwrap();
    machine.request_return(&cc, 1).unwrap();
    let more = machine.request_activation(&cc, 5).map(|_| ());
    let input = "request more seats while a return waits for its response";
    rows.push(Row::new(input, more, &machine.told(&cc)));
    machine.apply(&world.answer(&machine.request_return(&cc, 1).unwrap())).unwrap();
    world.portal.portal_return(&cc).unwrap();
    let refresh = world.answer(&machine.request_activation(&cc, 2).unwrap());
    let input = "a response that says that the license was given back from the portal";
    rows.push(Row::new(input, machine.apply(&refresh), &machine.told(&cc)));
    let orphan = machine.request_return(&cc, 0).map(|_| ());
    rows.push(Row::new("request a return of an orphaned license", orphan, &machine.told(&cc)));
    let online_only = world.entitlement_with(1, |new| new.terms.offline = false);
    let id = world.id(&online_only, Kind::Nl, 1);
    let refused = world.answer(&machine.request_activation(&id, 1).unwrap());
    let input = "a response that says that policy allows no activation by files";
    rows.push(Row::new(input, machine.apply(&refused), &machine.told(&id)));
    rows
}

#[test]
fn r74_what_is_wrong_with_a_file_is_told_apart_and_nothing_is_lost() {
    let waiting = Waiting::new();
    let mut rows = of_the_way(&waiting);
    rows.extend(of_others(&waiting));
    rows.extend(of_its_time(&waiting));
    rows.extend(of_lies());
    rows.extend(of_clocks());
    rows.extend(of_requests());
    let intro = "Machines without a network. A file that is not accepted changes nothing: what waits for its response \
                 goes on waiting, and the right file is applied all the same.";
    compare("Files", intro, &rows);
}
