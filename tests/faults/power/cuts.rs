//! Lives of machines, each with some power cuts.

use std::io::{BufRead as _, BufReader};
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lm::ports::Clock as _;

use crate::common::dice::Dice;
use crate::common::machine::{PRODUCT, Settings};
use crate::common::world::World;
use crate::ground::{Ground, Layout};
use crate::host;
use crate::judge::{self, Left, License};

/// Within so many cuts a host that never syncs must be found.
pub(crate) const PLANTED_CUTS: u64 = 10;

/// Cuts in the life of one machine: the first comes while its store is made.
const CUTS_IN_A_LIFE: u64 = 8;
/// The wait for a host's line: far beyond the time of a call.
const PATIENCE: Duration = Duration::from_secs(60);

struct Cuts {
    ground: Ground,
    world: World,
    dice: Dice,
    syncs: bool,
    lives: u64,
    confirmed: usize,
    left: Vec<Left>,
}

/// The state of one machine.
struct Life {
    layout: Layout,
    settings: Settings,
    licenses: Vec<License>,
}

/// The part of this program that is in the namespace: what, how many cuts, seed.
#[allow(clippy::print_stdout, reason = "the report to the program outside")]
pub(crate) fn inside(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let what = arguments.next().unwrap();
    let mut number = || arguments.next().unwrap().parse().unwrap();
    let (cuts, seed) = (number(), number());
    let ground = match Ground::new() {
        Ok(ground) => ground,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(77);
        }
    };
    let mut run = Cuts {
        ground,
        world: World::new(),
        dice: Dice(seed),
        syncs: what != "planted",
        lives: 0,
        confirmed: 0,
        left: Vec::new(),
    };
    let (report, complaints) = if run.syncs { run.all(cuts) } else { run.planted(cuts) };
    println!("{report}");
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Cuts {
    fn all(&mut self, cuts: u64) -> (String, Vec<String>) {
        let (mut complaints, mut done, mut life) = (Vec::new(), 0, None);
        // Short runs have all layouts, too.
        let in_a_life = CUTS_IN_A_LIFE.min(cuts.div_ceil(Layout::ALL.len() as u64));
        while done < cuts {
            let mut current = life.take().unwrap_or_else(|| self.birth());
            let found = self.strike(&mut current);
            let is_broken = !found.is_empty();
            let when = format!("cut {done}, {:?}", current.layout);
            complaints.extend(found.into_iter().map(|what| format!("{when}: {what}")));
            done += 1;
            // What went wrong is not to be blamed on the next.
            if is_broken {
                continue;
            }
            if done % in_a_life == 0 || done == cuts {
                let at_the_end =
                    judge::at_the_end(&current.settings, &current.licenses, &self.world);
                complaints.extend(at_the_end.into_iter().map(|what| format!("{when}: {what}")));
            } else {
                life = Some(current);
            }
        }
        let report = format!(
            "{cuts} cases (power cuts), {} disagreements; {} machines, {} calls confirmed, cut in \
             a call {} times: {}",
            complaints.len(),
            self.lives,
            self.confirmed,
            self.left.len(),
            [Left::Before, Left::Pending, Left::After]
                .map(|left| {
                    let times = self.left.iter().filter(|seen| **seen == left).count();
                    format!("{left:?} {times}").to_lowercase()
                })
                .join(", ")
        );
        if self.confirmed == 0 || self.left.is_empty() {
            complaints.push("nobody had confirmed anything, or nobody was in a call".to_owned());
        }
        (report, complaints)
    }

    /// Each layout shows a host that never syncs in a way of its own; the anchor alone may be lost.
    fn planted(&mut self, cuts: u64) -> (String, Vec<String>) {
        let (mut report, mut missed) = (Vec::new(), Vec::new());
        for (layout, sign) in
            [(Layout::Together, "confirmed was"), (Layout::StoreCut, "trust is broken")]
        {
            self.lives = Layout::ALL.iter().position(|known| *known == layout).unwrap() as u64;
            let mut life = self.birth();
            // An honest host makes the store; its successor is the other.
            self.syncs = true;
            missed.extend(self.strike(&mut life));
            self.syncs = false;
            let seen = (1..=cuts).find(|_| {
                let found = self.strike(&mut life);
                found.iter().any(|what| what.contains(sign))
            });
            match seen {
                Some(cut) => report.push(format!("{layout:?} seen at cut {cut}")),
                None => missed.push(format!("{layout:?}: no \"{sign}\" within {cuts} cuts")),
            }
        }
        (report.join(", "), missed)
    }

    /// A machine that has nothing yet. The library makes all directories, and makes them durable.
    fn birth(&mut self) -> Life {
        let layout = Layout::ALL[self.lives as usize % Layout::ALL.len()];
        self.lives += 1;
        let storage = self.ground.lay_out(layout, self.lives);
        let settings = Settings {
            trust_root: self.world.portal.trust_root(),
            portal_url: Some(self.world.url().to_owned()),
            storage,
            identity: format!("machine {}", self.lives),
            product: PRODUCT.to_owned(),
            timeout: 0,
            proxy: None,
            ca_file: None,
        };
        let is_cut =
            [&settings.storage, &settings.anchor().unwrap()].map(|p| self.ground.is_cut(p));
        assert_eq!(is_cut, [layout != Layout::AnchorCut, layout != Layout::StoreCut]);
        let licenses = (0..4).map(|_| License::new(self.world.cc(5))).collect();
        Life { layout, settings, licenses }
    }

    /// Lets the host work until the power is cut; what does not hold then.
    fn strike(&mut self, life: &mut Life) -> Vec<String> {
        let ids = life.licenses.iter().map(|license| license.id.clone());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(host::NAME)
            .args(life.settings.to_words())
            .args([self.dice.below(u64::MAX).to_string(), self.syncs.to_string()])
            .args(ids)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = listen(child.stdout.take().unwrap());
        let (mut found, mut begun) = (Vec::new(), 0);
        // A host that never syncs must have something to lose.
        let after = self.dice.below(8) + if self.syncs { 0 } else { 8 };
        while begun < after {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => begun += u64::from(self.hear(life, &line, &mut found)),
                Err(_) => {
                    found.push("the host is stuck, or gone".to_owned());
                    break;
                }
            }
        }
        lm::machine::SystemClock.sleep(self.moment());
        self.ground.cut();
        child.kill().unwrap();
        child.wait().unwrap();
        while let Ok(line) = lines.recv() {
            self.hear(life, &line, &mut found);
        }
        self.ground.power_on().unwrap();
        let (broken, left) = judge::after_a_cut(&life.settings, &mut life.licenses, &self.world);
        self.left.extend(left);
        found.extend(broken);
        found
    }

    /// Within an activation mostly; a return takes longer, since it waits for other processes.
    fn moment(&mut self) -> Duration {
        let longest = if self.dice.below(4) == 0 { 200_000 } else { 30_000 };
        Duration::from_micros(self.dice.below(longest))
    }

    /// Whether a call was begun.
    fn hear(&mut self, life: &mut Life, line: &str, found: &mut Vec<String>) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        let license = life.licenses.iter_mut().find(|license| license.id == words[1]).unwrap();
        found.extend(license.hear(&words).err());
        self.confirmed += usize::from(words[0] == "did");
        words[0] == "do"
    }
}

fn listen(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
