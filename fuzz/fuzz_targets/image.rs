//! What the files of a store may hold: any bytes in place of an image or the anchor, a changed image,
//! and, under a right seal, any contents and any state of the client.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use lm::Code;
use lm_fuzz::input::Input;
use lm_fuzz::is_planted;
use lm_fuzz::portal::Replied;
use lm_fuzz::sealed::{CONTACTED_AT, Plain};
use lm_fuzz::world::{World, activation_id, image};

struct Base {
    world: World,
    image: Vec<u8>,
    plain: Plain,
    /// The record as the portal signed it, as it stands in the state.
    record: String,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::new();
    world.portal(Some(Arc::new(|request, post| Replied::RIGHT.body(request, post))));
    let client = world.client().expect("a client");
    client.activate(&activation_id().to_string(), 2).expect("a license");
    world.portal(None);
    let image = world.files.get(&image("a")).expect("an image");
    let mut plain = Plain::open(&image);
    assert_eq!(plain.seal(plain.plaintext()), trimmed(&image), "the description fits");
    let state: serde_json::Value = serde_json::from_slice(plain.state()).expect("a state");
    let record = state["entries"][0]["record"].as_str().expect("a record").to_owned();
    Base { world, image, plain, record }
});

/// An image without the zeros behind it.
fn trimmed(image: &[u8]) -> &[u8] {
    let wrapped = usize::from(u16::from_le_bytes([image[82], image[83]]));
    let sealed = u32::from_le_bytes([image[12], image[13], image[14], image[15]]) as usize;
    &image[..84 + wrapped + sealed]
}

/// Whether the record that the portal signed stands in the state, so that rights may come of it.
fn holds_the_record(base: &Base, state: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(state).is_ok_and(|state| {
        let entries = state["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().any(|entry| entry["record"].as_str() == Some(&base.record))
    })
}

fuzz_target!(|bytes: &[u8]| {
    let base = &*BASE;
    let world = base.world.copy();
    let mut input = Input::new(bytes);
    let mode = input.byte() % 7;
    let into = input.byte();
    let mut plain = base.plain.clone();
    let mut may_work;
    let bytes = match mode {
        // Any bytes.
        0 => {
            let bytes = input.rest().to_vec();
            may_work = bytes.starts_with(trimmed(&base.image));
            bytes
        }
        // The anchor's.
        1 => {
            let anchor = world.anchor();
            world.files.set(&anchor, input.rest().to_vec());
            may_work = true;
            base.image.clone()
        }
        // An image, changed from some byte on.
        2 => {
            let at = usize::from(input.byte()) * 256 + usize::from(input.byte());
            let mut image = base.image.clone();
            let with = input.rest();
            let at = at % image.len();
            let until = (at + with.len()).min(image.len());
            image[at..until].copy_from_slice(&with[..until - at]);
            may_work = image == base.image || into % 3 != 2;
            image
        }
        // Any plaintext under a right seal.
        3 => {
            let bytes = input.rest();
            // As JSON writes it into the state.
            let record = serde_json::to_vec(&base.record).expect("a text");
            may_work = bytes.windows(record.len()).any(|window| window == record);
            plain.seal(bytes.to_vec())
        }
        // Any sections.
        4 => {
            plain.sections = vec![(u32::from(input.byte()), input.piece().to_vec())];
            plain.sections.push((u32::from(input.byte()), input.rest().to_vec()));
            may_work = plain.sections.iter().any(|(_, state)| holds_the_record(base, state));
            plain.seal(plain.plaintext())
        }
        // Any state.
        5 => {
            *plain.state() = input.rest().to_vec();
            may_work = holds_the_record(base, plain.state());
            plain.seal(plain.plaintext())
        }
        // A state, changed in some of its fields.
        _ => {
            let mut state: serde_json::Value =
                serde_json::from_slice(plain.state()).expect("a state");
            let of = if input.byte() == 1 { &mut state["entries"][0] } else { &mut state };
            if let (Some(object), Ok(serde_json::Value::Object(fields))) =
                (of.as_object_mut(), serde_json::from_slice(input.rest()))
            {
                object.extend(fields);
            }
            *plain.state() = serde_json::to_vec(&state).expect("a state");
            may_work = holds_the_record(base, plain.state());
            plain.seal(plain.plaintext())
        }
    };
    // Into one file or into both.
    if into % 3 != 1 {
        world.files.set(&image("a"), bytes.clone());
    }
    if into % 3 != 0 {
        world.files.set(&image("b"), bytes);
    }
    may_work |= into % 3 != 2;

    let client = world.client().expect("open succeeds over any store");
    let status = client.status(None).expect("a status always answers");
    assert!(!status.usable || may_work, "rights without the record that the portal signed");
    assert!(!status.usable || (status.trust == 7 && status.seats > 0));
    let _ = (client.feature_status("ortho"), client.feature_limit("raster"));
    // A store that can't be read has no list.
    let listed = client.list().unwrap_or_default();
    let id = activation_id().to_string();
    for call in
        [client.resume(), client.refresh(Some(&id)), client.remove(&id), client.activate(&id, 3)]
    {
        // Without a portal nothing is granted; with the store's state anything may be refused.
        assert!(call.as_ref().err().is_none_or(|error| error.code() != Code::Internal), "{call:?}");
    }
    let after = client.status(None).expect("a status always answers");
    let again = world.client().expect("a client").status(None).expect("a status");
    assert_eq!((after.state, after.usable), (again.state, again.usable));

    if is_planted() {
        // No seed's: the fuzzer has made the state, sealed as it must be, and the client reads it.
        let is_made = listed.iter().any(|record| !CONTACTED_AT.contains(&record.contacted_at));
        assert!(!is_made, "planted: behind the seal, a contact that no seed has");
    }
});
