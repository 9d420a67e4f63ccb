//! Operations that may be broken off anywhere, and what a machine may show of each.

use std::path::PathBuf;

use lm::ffi::*;

use super::machine::{Failure, Machine, Outcome};
use super::wire::{Fate, Wire};
use super::world::World;

/// One call on one activation ID of five seats, in a state of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The machine's first activation: the store is made with it.
    Birth,
    /// An activation in a store that stands.
    Activate,
    MoreSeats,
    Refresh,
    ReturnSome,
    ReturnAll,
    /// A return over an activation whose answer was lost.
    Abandon,
    /// What the call after a lost answer to an activation does.
    ResumeActivation,
    /// What the call after a lost answer to a return does.
    ResumeReturn,
    /// An activation over a record that came back from an older store.
    Reattach,
    /// The repair of such a record.
    Repair,
    /// The request file of an activation.
    RequestActivation,
    /// The request file of a return.
    RequestReturn,
    /// The request file of the repair of a record that came back from an older store.
    RequestRepair,
    /// The response to an activation by a file.
    ApplyActivation,
    /// The response to a return by a file.
    ApplyReturn,
    /// The response to a repair by a file.
    ApplyRepair,
    /// Taking out what the portal has given to another.
    Remove,
}

/// What a machine shows of an activation ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub state: u32,
    pub usable: bool,
    pub seats: u32,
}

impl Shown {
    pub const ABSENT: Self = Self::of(LM_STATE_ABSENT, false, 0);
    pub const ACTIVATING: Self = Self::of(LM_STATE_PENDING_ACTIVATION, false, 0);

    pub const fn of(state: u32, usable: bool, seats: u32) -> Self {
        Self { state, usable, seats }
    }

    pub const fn active(seats: u32) -> Self {
        Self::of(LM_STATE_ACTIVE, true, seats)
    }

    /// On its way back, but for the seats that stay.
    pub const fn returning(seats: u32) -> Self {
        Self::of(LM_STATE_PENDING_RETURN, seats > 0, seats)
    }

    pub fn on(machine: &Machine, id: &str) -> Self {
        let status = machine.status(Some(id));
        Self::of(status.state, status.usable == 1, status.seats)
    }
}

impl Operation {
    pub const ALL: [Self; 18] = [
        Self::Birth,
        Self::Activate,
        Self::MoreSeats,
        Self::Refresh,
        Self::ReturnSome,
        Self::ReturnAll,
        Self::Abandon,
        Self::ResumeActivation,
        Self::ResumeReturn,
        Self::Reattach,
        Self::Repair,
        Self::RequestActivation,
        Self::RequestReturn,
        Self::RequestRepair,
        Self::ApplyActivation,
        Self::ApplyReturn,
        Self::ApplyRepair,
        Self::Remove,
    ];

    /// Whether it begins with a store that was put back, so that the books are ahead of it.
    pub fn is_of_older_store(self) -> bool {
        matches!(self, Self::Reattach | Self::Repair | Self::RequestRepair | Self::ApplyRepair)
    }

    /// Whether it needs a store that holds nothing else.
    pub fn wants_own_store(self) -> bool {
        self == Self::Birth || self.is_of_older_store()
    }

    /// Brings a machine that holds nothing of the ID to where the operation begins. The wire leads
    /// to the same portal.
    pub fn prepare(self, world: &World, machine: &Machine, wire: &Wire, id: &str) {
        if !matches!(
            self,
            Self::Birth
                | Self::Activate
                | Self::Abandon
                | Self::ResumeActivation
                | Self::RequestActivation
                | Self::ApplyActivation
        ) {
            machine.activate(id, 3).unwrap();
        }
        match self {
            Self::Abandon | Self::ResumeActivation => {
                lose_the_answer(machine, wire, |machine| machine.activate(id, 3));
            }
            Self::ResumeReturn => {
                lose_the_answer(machine, wire, |machine| machine.return_(id, 0));
            }
            Self::Reattach | Self::Repair | Self::RequestRepair | Self::ApplyRepair => {
                let old = machine.images();
                machine.refresh(Some(id)).unwrap();
                machine.put_back(&old);
            }
            Self::Remove => {
                world.portal.rehost(id, None).unwrap();
                assert_eq!(machine.refresh(Some(id)).unwrap_err().code, LM_ERR_OBSOLETE);
            }
            _ => {}
        }
        if matches!(self, Self::ApplyActivation | Self::ApplyReturn | Self::ApplyRepair) {
            let response = world.answer(&self.request(&machine.again(), id).unwrap().unwrap());
            std::fs::write(response_file(machine, id), response).unwrap();
        }
    }

    /// The request file that belongs to it.
    fn request(self, machine: &Machine, id: &str) -> Option<Result<Vec<u8>, Failure>> {
        match self {
            Self::RequestActivation | Self::ApplyActivation => {
                Some(machine.request_activation(id, 3))
            }
            Self::RequestReturn | Self::ApplyReturn => Some(machine.request_return(id, 0)),
            Self::RequestRepair | Self::ApplyRepair => Some(machine.request_repair(id)),
            _ => None,
        }
    }

    /// Whether the host, which says that it has written the request file, wrote another one than is
    /// made now.
    pub fn wrote_another_file(self, machine: &Machine, id: &str) -> bool {
        if !self.is_request() {
            return false;
        }
        let request = self.request(machine, id).and_then(Result::ok);
        request.is_none() || request != std::fs::read(request_file(machine, id)).ok()
    }

    fn is_request(self) -> bool {
        matches!(self, Self::RequestActivation | Self::RequestReturn | Self::RequestRepair)
    }

    /// The call; of a request, with all that a person does until its response is applied.
    pub fn call(self, world: &World, machine: &Machine, id: &str) -> Outcome {
        match self {
            Self::Birth | Self::Activate | Self::Reattach => machine.activate(id, 3),
            Self::MoreSeats => machine.activate(id, 4),
            Self::Refresh => machine.refresh(Some(id)),
            Self::ReturnSome => machine.return_(id, 1),
            Self::ReturnAll | Self::Abandon => machine.return_(id, 0),
            Self::ResumeActivation | Self::ResumeReturn => machine.resume(),
            Self::Repair => machine.repair(id),
            Self::RequestActivation | Self::RequestReturn | Self::RequestRepair => {
                let request = self.request(machine, id).expect("a file")?;
                machine.apply(&world.answer(&request))
            }
            Self::ApplyActivation | Self::ApplyReturn | Self::ApplyRepair => {
                machine.apply(&std::fs::read(response_file(machine, id)).unwrap())
            }
            Self::Remove => machine.remove(id),
        }
    }

    /// The same call, without the way of a request file, as arguments of `examples/host.c`.
    pub fn arguments(self, machine: &Machine, id: &str) -> Vec<String> {
        let (request, response) = (request_file(machine, id), response_file(machine, id));
        let [request, response] = [&request, &response].map(|path| path.to_str().unwrap());
        let words = match self {
            Self::Birth | Self::Activate | Self::Reattach => vec!["activate", id, "3"],
            Self::MoreSeats => vec!["activate", id, "4"],
            Self::Refresh => vec!["refresh", id],
            Self::ReturnSome => vec!["return", id, "1"],
            Self::ReturnAll | Self::Abandon => vec!["return", id],
            Self::ResumeActivation | Self::ResumeReturn => vec!["resume"],
            Self::Repair => vec!["repair", id],
            Self::RequestActivation => vec!["request-activation", id, request, "3"],
            Self::RequestReturn => vec!["request-return", id, request],
            Self::RequestRepair => vec!["request-repair", id, request],
            Self::ApplyActivation | Self::ApplyReturn | Self::ApplyRepair => {
                vec!["apply", response]
            }
            Self::Remove => vec!["remove", id],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    pub fn before(self) -> Shown {
        match self {
            Self::Birth | Self::Activate | Self::RequestActivation => Shown::ABSENT,
            Self::MoreSeats
            | Self::Refresh
            | Self::ReturnSome
            | Self::ReturnAll
            | Self::RequestReturn => Shown::active(3),
            Self::Abandon | Self::ResumeActivation | Self::ApplyActivation => Shown::ACTIVATING,
            Self::ResumeReturn | Self::ApplyReturn => Shown::returning(0),
            Self::Reattach | Self::Repair | Self::RequestRepair | Self::ApplyRepair => {
                Shown::of(LM_STATE_UNTRUSTED, false, 3)
            }
            Self::Remove => Shown::of(LM_STATE_ORPHANED, false, 3),
        }
    }

    /// While its answer isn't known. What doesn't change the machine's rights doesn't show.
    pub fn pending(self) -> Shown {
        match self {
            Self::Birth | Self::Activate | Self::RequestActivation => Shown::ACTIVATING,
            Self::ReturnSome => Shown::returning(2),
            Self::ReturnAll | Self::Abandon | Self::RequestReturn => Shown::returning(0),
            _ => self.before(),
        }
    }

    /// What resuming makes of the state before: something else where that is pending itself.
    pub fn resumed(self) -> Shown {
        match self {
            Self::Abandon => Shown::active(3),
            Self::ResumeActivation
            | Self::ResumeReturn
            | Self::ApplyActivation
            | Self::ApplyReturn
            | Self::ApplyRepair => self.after(),
            _ => self.before(),
        }
    }

    pub fn after(self) -> Shown {
        match self {
            Self::Birth
            | Self::Activate
            | Self::Refresh
            | Self::Reattach
            | Self::Repair
            | Self::RequestActivation
            | Self::RequestRepair
            | Self::ApplyActivation
            | Self::ApplyRepair
            | Self::ResumeActivation => Shown::active(3),
            Self::MoreSeats => Shown::active(4),
            Self::ReturnSome => Shown::active(2),
            Self::ReturnAll
            | Self::Abandon
            | Self::ResumeReturn
            | Self::RequestReturn
            | Self::ApplyReturn
            | Self::Remove => Shown::ABSENT,
        }
    }

    /// What the host's own part, [`Self::arguments`], comes to.
    pub fn done(self) -> Shown {
        if self.is_request() { self.pending() } else { self.after() }
    }
}

/// Where the host writes a machine's request.
fn request_file(machine: &Machine, id: &str) -> PathBuf {
    machine.settings.storage.with_file_name(format!("{id}.request.txt"))
}

/// Where the response to a machine's request is.
fn response_file(machine: &Machine, id: &str) -> PathBuf {
    machine.settings.storage.with_file_name(format!("{id}.txt"))
}

fn lose_the_answer(machine: &Machine, wire: &Wire, call: impl FnOnce(&Machine) -> Outcome) {
    wire.next(&[Fate::LoseReply]);
    let lost = call(&machine.with(|settings| settings.portal_url = Some(wire.url())));
    let code = lost.unwrap_err().code;
    assert!((70..80).contains(&code), "the portal was not reached, so far as one knows: {code}");
}
