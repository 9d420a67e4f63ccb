//! Files that people carry: a request goes out, a response comes in, late, twice, to the wrong machine,
//! damaged, or never.

use std::sync::Arc;

use lm::Client;
use lm_protocol::file;

use super::calls::{change, open_at, some_id, some_process, some_record};
use crate::locked;
use crate::machine::{Place, Process};
use crate::peek::short;
use crate::world::World;

/// How many files are kept.
const KEPT: usize = 16;

/// A request file on its way, and the response that the portal made of it.
#[derive(Clone)]
pub(crate) struct Carried {
    place: Place,
    request: Vec<u8>,
    response: Option<Vec<u8>>,
}

pub(super) fn request(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let record = some_record(world, process.place);
    let id = some_id(world, process.place);
    let written = match (world.below(6), record, id) {
        (0, Some((id, _)), _) => made(world, &process, "repair", |c| c.request_repair(&id)),
        (1, Some((id, held)), _) => {
            let most = usize::try_from(held).unwrap_or(1).max(1);
            let seats = 1 + u32::try_from(world.below(most)).unwrap_or(0);
            made(world, &process, "return of some", |c| c.request_return(&id, seats))
        }
        (2, Some((id, _)), _) => made(world, &process, "return", |c| c.request_return(&id, 0)),
        (3, Some((id, held)), _) => {
            made(world, &process, "more", |c| c.request_activation(&id, held + 1))
        }
        (_, _, Some(id)) => made(world, &process, "activation", |c| c.request_activation(&id, 1)),
        _ => None,
    };
    let Some(request) = written else { return };
    let mut files = locked(&world.files);
    if files.len() == KEPT {
        files.remove(0);
    }
    files.push(Carried { place: process.place, request, response: None });
}

fn made(
    world: &Arc<World>,
    process: &Arc<Process>,
    what: &str,
    call: impl FnOnce(&Client) -> lm::Result<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut file = None;
    change(
        world,
        process,
        || format!("request file for {what}"),
        |client| {
            file = Some(call(client)?);
            Ok(())
        },
    );
    file
}

/// The portal answers a file, or two that were joined.
pub(super) fn answered(world: &Arc<World>) {
    let files = locked(&world.files).clone();
    let Some(first) = world.dice(|dice| dice.index(files.len())) else { return };
    let mut chosen = vec![first];
    if world.percent(20) {
        chosen.extend(world.dice(|dice| dice.index(files.len())));
    }
    let joined: Vec<u8> = chosen.iter().flat_map(|at| files[*at].request.iter().copied()).collect();
    let place = files[first].place;
    let Some(response) = world.answer_file(place, &joined) else { return };
    let mut files = locked(&world.files);
    for at in chosen {
        if let Some(file) = files.get_mut(at) {
            file.response = Some(response.clone());
        }
    }
}

/// Somebody applies a response, mostly where it belongs.
pub(super) fn applied(world: &Arc<World>) {
    let mut files = locked(&world.files).clone();
    files.retain(|file| file.response.is_some());
    let Some(file) = world.pick(&files) else { return };
    let process = if world.percent(85) { at(world, file.place) } else { some_process(world) };
    let (Some(process), Some(response)) = (process, file.response) else { return };
    let response = on_its_way(world, response);
    let parts = file::read_answers(&response).unwrap_or_default();
    let states = world.file_states(&process, &parts);
    change(
        world,
        &process,
        || "apply a response".to_owned(),
        |client| {
            let applied = client.apply_each(&response)?;
            world.judge_applied(&process, &parts, &states);
            applied.into_iter().try_for_each(|part| {
                world.tell(|| {
                    let code = part.result.as_ref().err().map_or("OK", |error| error.code().name());
                    format!("  {}: {code}", short(&part.activation_id))
                });
                part.result
            })
        },
    );
}

/// A process at this place.
fn at(world: &Arc<World>, place: Place) -> Option<Arc<Process>> {
    let mut live = world.machine(place.machine).live_at(place);
    live.retain(|process| process.is_free());
    world.pick(&live).or_else(|| open_at(world, place))
}

/// What mail makes of a file, and worse.
fn on_its_way(world: &World, file: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&file).into_owned();
    match world.below(12) {
        0 => text.replace('\n', "\r\n").into_bytes(),
        1 => format!("\u{feff}{text}").into_bytes(),
        2 => file.get(..world.below(file.len())).unwrap_or_default().to_vec(),
        3 => {
            let (mut file, at) = (file.clone(), world.below(file.len()));
            file[at] ^= 1;
            file
        }
        _ => file,
    }
}
