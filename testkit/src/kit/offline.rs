//! The pretended portal answers a request file, as people at a real one do.
#![forbid(unsafe_code)]

use lm_protocol::envelope::sign;
use lm_protocol::file::{self, Fault};
use lm_protocol::{Answer, Keyring, Request, TimeStatement};

use super::failures::Whose;
use super::portal::{self, How};
use super::world::{Opening, World};
use super::{answer, locked};
use crate::error::{Code, Error, Result};

/// The response file, as bytes.
pub(super) fn answer_file(world: &World, opening: &Opening, requests: &[u8]) -> Result<Vec<u8>> {
    let failing = world.failures.take(Whose::Portal);
    let how = failing.and_then(answer::refused).map_or(How::Honest, How::Verdict);
    let how = if failing == Some(Code::TooLate) { How::TooLate } else { how };
    let time = world.clocks.of_portal();
    let keyset = portal::keyset(opening.vendor())?;
    let mut keyring = Keyring::new(opening.trust_root().clone());
    keyring.learn(&keyset)?;
    let key = portal::online_key()?;
    let mut answered = Vec::new();
    for entry in file::read_requests(requests).map_err(no_request)? {
        let asked = Request::open(&entry.request)?;
        let answer = locked(&world.portal).answer(&asked, time, how)?;
        let answer = keyring.verify::<Answer>(&sign(&answer, &[&key])?)?;
        let statement = entry.time_nonce.map(|nonce| {
            sign(&TimeStatement { vendor: opening.vendor().to_owned(), nonce, time }, &[&key])
        });
        answered.push((asked, answer, statement.transpose()?));
    }
    let answers: Vec<_> =
        answered.iter().map(|(asked, answer, time)| (&**asked, answer, time.as_deref())).collect();
    let text = file::write_answers(&keyset, &answers, &[]).map_err(no_request)?;
    Ok(text.into_bytes())
}

fn no_request(fault: Fault) -> Error {
    Error::new(Code::Malformed, format!("This is no request file: {fault}."))
        .with_hint("Give what lm_request_activation, lm_request_return or lm_request_repair made.")
}
