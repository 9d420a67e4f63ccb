//! The host application's own faults: each is one code, and nothing is touched.

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

use lm::ffi::*;

use crate::common::machine::{Machine, Outcome, c_text, empty_status, nobodys_id, outcome};
use crate::common::world::World;
use crate::page::{Row, compare};

type Change = Box<dyn Fn(&mut lm_options, &mut Vec<CString>)>;

/// Opens a client with options that differ from good ones.
fn open(machine: &Machine, change: &Change) -> Outcome {
    let mut kept = Vec::new();
    let mut client = null_mut();
    let settings = &machine.settings;
    settings.with_options(|options| {
        change(options, &mut kept);
        // SAFETY: options whose texts live until the end of this block, places for the results.
        let opened = outcome(|error| unsafe { lm_client_open(options, &raw mut client, error) });
        if opened.is_ok() {
            // SAFETY: freed once.
            unsafe { lm_client_free(client) };
        }
        opened
    })
}

/// Sets one text of the options.
fn text(field: fn(&mut lm_options) -> &mut *const c_char, value: impl Into<Vec<u8>>) -> Change {
    let value = CString::new(value.into()).unwrap();
    Box::new(move |options, kept| {
        kept.push(value.clone());
        *field(options) = kept.last().unwrap().as_ptr();
    })
}

fn set(change: fn(&mut lm_options)) -> Change {
    Box::new(move |options, _| change(options))
}

fn of_options(machine: &Machine) -> Vec<Row> {
    let damaged = {
        // One character of the key is another.
        let mut root = machine.settings.trust_root.clone().into_bytes();
        let middle = root.len() / 2;
        root[middle] = if root[middle] == b'A' { b'B' } else { b'A' };
        root
    };
    let cases: Vec<(&str, Change)> = vec![
        ("`product` is NULL", set(|o| o.product = null())),
        ("`product` is empty", text(|o| &mut o.product, "")),
        ("`product` has a blank", text(|o| &mut o.product, "ortho studio")),
        ("`product` has 65 characters", text(|o| &mut o.product, "p".repeat(65))),
        ("`product` is not UTF-8", text(|o| &mut o.product, *b"ortho-\xFF")),
        ("`trust_root` is NULL", set(|o| o.trust_root = null())),
        ("`trust_root` is empty", text(|o| &mut o.trust_root, "")),
        (
            "`trust_root` is something else",
            text(|o| &mut o.trust_root, "-----BEGIN PUBLIC KEY-----"),
        ),
        ("`trust_root` has one wrong character", text(|o| &mut o.trust_root, damaged)),
        ("`trust_root` has 5000 characters", text(|o| &mut o.trust_root, "l".repeat(5000))),
        ("`portal_url` is no URL", text(|o| &mut o.portal_url, "licenses.example.com")),
        ("`portal_url` is of FTP", text(|o| &mut o.portal_url, "ftp://licenses.example.com")),
        (
            "`portal_url` is http:// beyond this machine",
            text(|o| &mut o.portal_url, "http://licenses.example.com"),
        ),
        ("`portal_url` has a password", text(|o| &mut o.portal_url, "https://me:pw@example.com")),
        (
            "`portal_url` has no valid port",
            text(|o| &mut o.portal_url, "https://example.com:99999"),
        ),
        ("`storage_dir` is empty", text(|o| &mut o.storage_dir, "")),
        ("`storage_dir` has 5000 bytes", text(|o| &mut o.storage_dir, "/s".repeat(2500))),
        ("`storage_dir` is not UTF-8", text(|o| &mut o.storage_dir, *b"/tmp/\xC3\x28")),
        ("`host_identity` is empty", text(|o| &mut o.host_identity, "")),
        ("`host_identity` has 1025 bytes", text(|o| &mut o.host_identity, "i".repeat(1025))),
        ("`host_label` has a line break", text(|o| &mut o.host_label, "field\n1")),
        ("`host_label` turns the text around", text(|o| &mut o.host_label, "field \u{202E}1")),
        ("`host_label` has 129 bytes", text(|o| &mut o.host_label, "l".repeat(129))),
        ("`proxy` is of SOCKS", text(|o| &mut o.proxy, "socks5://proxy.example.com")),
        ("`ca_file` is empty", text(|o| &mut o.ca_file, "")),
        ("`scope` is 3", set(|o| o.scope = 3)),
        ("`log_level` is 5", set(|o| o.log_level = 5)),
        ("`timeout_ms` is more than an hour", set(|o| o.timeout_ms = 3_600_001)),
        ("`flags` has a bit that nobody knows", set(|o| o.flags = 1 << 31)),
        ("`struct_size` is 0", set(|o| o.struct_size = 0)),
        ("`struct_size` is smaller than version 0.1's", set(|o| o.struct_size -= 8)),
        ("`struct_size` is absurd", set(|o| o.struct_size = usize::MAX)),
    ];
    let row = |(input, change): &(&str, Change)| Row::new(input, open(machine, change), "");
    cases.iter().map(row).collect()
}

fn of_calls(machine: &Machine, id: &str) -> Vec<Row> {
    let client = machine.client().cast_mut();
    let activate = |id: *const c_char, seats: u32| {
        // SAFETY: a client that lives, NULL or text, a place for the error.
        outcome(|error| unsafe { lm_activate(client, id, seats, error) })
    };
    let of = |input: &str, outcome| Row::new(input, outcome, &machine.state(id));
    let (good, one_off) = (c_text(id), c_text(&mistyped(id)));
    let (long, not_utf8) = (c_text(&"A".repeat(300)), CString::new(*b"A\xFFB").unwrap());
    // SAFETY: NULL where a client is due is checked; a place for the error.
    let no_client = outcome(|error| unsafe { lm_activate(null_mut(), good.as_ptr(), 1, error) });
    vec![
        of("a call without a client", no_client),
        of("an activation ID that is NULL", activate(null(), 1)),
        of("an activation ID that is empty", activate(c"".as_ptr(), 1)),
        of("an activation ID with one character mistyped", activate(one_off.as_ptr(), 1)),
        of("an activation ID of 300 characters", activate(long.as_ptr(), 1)),
        of("an activation ID that is not UTF-8", activate(not_utf8.as_ptr(), 1)),
        of("`lm_activate` of 0 seats", activate(good.as_ptr(), 0)),
        of("`lm_activate` of 4294967295 seats", activate(good.as_ptr(), u32::MAX)),
        of("`lm_return` of more seats than are held", machine.return_(id, 4)),
        of("`lm_return` of an ID that isn't here", machine.return_(&nobodys_id(), 0)),
        of("`lm_remove` of a license that is active", machine.remove(id)),
    ]
}

/// The same ID with its first character exchanged.
fn mistyped(id: &str) -> String {
    let other = if id.starts_with('7') { "8" } else { "7" };
    format!("{other}{}", &id[1..])
}

fn of_outputs(machine: &Machine) -> Vec<Row> {
    let client = machine.client();
    let mut status = empty_status();
    let mut short = [0 as c_char; 4];
    let mut small = empty_status();
    small.struct_size = 8;
    let mut limit = 0;
    let mut list = null_mut();
    // SAFETY: a client that lives; NULL where a place is due is checked.
    let nowhere = unsafe { lm_status(client, null(), null_mut()) };
    // SAFETY: as above, and a struct that says it is small.
    let too_small = unsafe { lm_status(client, null(), &raw mut small) };
    // SAFETY: as above.
    let blank = unsafe { lm_feature_status(client, c"a b".as_ptr(), &raw mut status) };
    // SAFETY: as above.
    let unknown = unsafe { lm_feature_status(client, c"lidar".as_ptr(), &raw mut status) };
    // SAFETY: as above.
    let no_limit = unsafe { lm_feature_limit(client, c"lidar".as_ptr(), &raw mut limit) };
    // SAFETY: as above.
    let of_all = unsafe { lm_status(client, null(), &raw mut status) };
    assert_eq!(of_all, LM_OK);
    // SAFETY: a status as the library gave it, a buffer with its length.
    let sentence =
        unsafe { lm_status_text(&raw const status, short.as_mut_ptr(), short.len(), null_mut()) };
    // SAFETY: a client that lives, a buffer with its length.
    let host = unsafe { lm_host_id(client, short.as_mut_ptr(), short.len(), null_mut()) };
    outcome(|error| {
        // SAFETY: a client that lives, a place for the list.
        unsafe { lm_list_open(client, &raw mut list, error) }
    })
    .unwrap();
    // SAFETY: all zero is a struct of numbers and NULL pointers.
    let mut row: lm_record_info = unsafe { std::mem::zeroed() };
    row.struct_size = size_of::<lm_record_info>();
    // SAFETY: a list that lives, a struct with its size.
    let beyond = unsafe { lm_list_get(list, 99, &raw mut row) };
    // SAFETY: freed once.
    unsafe { lm_list_free(list) };
    vec![
        Row::of_code("`lm_status` into NULL", nowhere),
        Row::of_code("`lm_status` into a struct whose size is 8", too_small),
        Row::of_code("`lm_feature_status` of a feature with a blank", blank),
        Row::of_code("`lm_feature_status` of a feature that no license has", unknown),
        Row::of_code("`lm_feature_limit` of a feature that no license has", no_limit),
        Row::of_code("`lm_status_text` into 4 bytes", sentence),
        Row::of_code("`lm_host_id` into 4 bytes", host),
        Row::of_code("`lm_list_get` beyond the last record", beyond),
    ]
}

#[test]
fn r82_wrong_arguments_are_told_apart() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.machine("field-1");
    machine.activate(&id, 3).unwrap();
    let images = machine.images();
    let mut rows = of_options(&machine);
    rows.extend(of_calls(&machine, &id));
    rows.extend(of_outputs(&machine));
    let offline = machine.with(|settings| settings.portal_url = None);
    for (input, outcome) in [
        ("`lm_activate` without a portal", offline.activate(&world.nl(1), 1)),
        ("`lm_return` without a portal", offline.return_(&id, 0)),
        ("`lm_refresh` without a portal", offline.refresh(Some(&id))),
    ] {
        rows.push(Row::new(input, outcome, &offline.state(&id)));
    }
    let rows: Vec<_> = rows.into_iter().map(|row| row.without(&[(&id, "ID")])).collect();
    compare(
        "Arguments",
        "Faults of the application itself. A call that gives a code alone has the code's own sentence here.",
        &rows,
    );
    assert_eq!(machine.images(), images, "nothing was written");
    assert_eq!(world.seats(&id), (3, 2));
}
