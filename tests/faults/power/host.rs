//! The host under whom the power is cut: two threads, each with licenses of its own. What a call is
//! about is said before it, and what it has confirmed after it.

use std::io::Write as _;
use std::process::ExitCode;

use lm::Client;

use crate::common::dice::Dice;
use crate::common::disk::{Disk, Trouble};
use crate::common::machine::Settings;

/// The first argument of this program where it is to be the host.
pub(crate) const NAME: &str = "host-of-the-cut";

const THREADS: usize = 2;

/// One call on a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Activate(u32),
    Return(u32),
    Refresh,
}

impl Call {
    /// What can be done with a license of which so many of five seats are here.
    fn of(seats: u32, dice: &mut Dice) -> Self {
        match (seats, dice.below(4)) {
            (0, _) => Self::Activate(1 + dice.below(3) as u32),
            (1..5, 0) => Self::Activate(seats + 1),
            (2.., 1) => Self::Return(1),
            (_, 2) => Self::Return(0),
            _ => Self::Refresh,
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            Self::Activate(seats) => format!("activate {seats}"),
            Self::Return(seats) => format!("return {seats}"),
            Self::Refresh => "refresh 0".to_owned(),
        }
    }

    pub(crate) fn from_words(name: &str, seats: u32) -> Self {
        match name {
            "activate" => Self::Activate(seats),
            "return" => Self::Return(seats),
            _ => Self::Refresh,
        }
    }

    fn make(self, client: &Client, id: &str) -> lm::Result<()> {
        match self {
            Self::Activate(seats) => client.activate(id, seats),
            Self::Return(seats) => client.return_(id, seats),
            Self::Refresh => client.refresh(Some(id)),
        }
    }
}

/// Settings, seed, whether its disk syncs, activation IDs.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let settings = Settings::from_words(&mut arguments);
    let seed: u64 = arguments.next().unwrap().parse().unwrap();
    let syncs = arguments.next().unwrap() == "true";
    let ids: Vec<_> = arguments.collect();
    let client = if syncs {
        Client::open(settings.options())
    } else {
        Client::open_with(settings.options(), Disk::default().with(Trouble::NeverSyncs))
    };
    // Only where the power is cut already.
    let Ok(client) = client else { return ExitCode::FAILURE };
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let own: Vec<_> = ids.iter().skip(number).step_by(THREADS).cloned().collect();
            let (client, mut dice) = (&client, Dice(seed.wrapping_add(number as u64)));
            scope.spawn(move || while work(client, dice.pick(&own), &mut dice).is_ok() {});
        }
    });
    ExitCode::SUCCESS
}

/// An error ends the thread: how the license stands now is for whoever looks next.
fn work(client: &Client, id: &str, dice: &mut Dice) -> Result<(), ()> {
    let call = Call::of(client.status(Some(id)).map_err(|_| ())?.seats, dice);
    tell(&format!("do {id} {}\n", call.words()));
    if let Err(e) = call.make(client, id) {
        tell(&format!("failed {id} {} {e}\n", e.code() as i32));
        return Err(());
    }
    let rows = client.list().map_err(|_| ())?;
    let row = rows.iter().find(|row| row.activation_id == id);
    let (seats, generation) = row.map_or((0, 0), |row| (row.status.seats, row.generation));
    tell(&format!("did {id} {seats} {generation}\n"));
    Ok(())
}

/// At once, and whole.
fn tell(line: &str) {
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}
