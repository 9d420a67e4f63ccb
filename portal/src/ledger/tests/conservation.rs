//! A random walk of machines, lost replies, copies, re-hosts, restored backups and time, with the
//! seats counted after each step (by [`World::show`]).

use lm_protocol::{ActivationId, Id, Kind, Terms, Verdict};
use proptest::prelude::*;

use super::world::{DAY, Machine, World, prompt, strict};

const MACHINES: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    Activate { machine: u8, seats: u32, lost: bool },
    MoreSeats { machine: u8, seats: u32, lost: bool },
    Return { machine: u8, seats: u32, lost: bool },
    Refresh { machine: u8, lost: bool },
    AbandonLast { machine: u8 },
    Repeat { nth: usize },
    LoseStore { machine: u8 },
    Rehost,
    Days(i64),
    Backup,
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let machine = 0..MACHINES;
    prop_oneof![
        4 => (machine.clone(), 1u32..4, any::<bool>())
            .prop_map(|(machine, seats, lost)| Step::Activate { machine, seats, lost }),
        2 => (machine.clone(), 1u32..5, any::<bool>())
            .prop_map(|(machine, seats, lost)| Step::MoreSeats { machine, seats, lost }),
        4 => (machine.clone(), 0u32..3, any::<bool>())
            .prop_map(|(machine, seats, lost)| Step::Return { machine, seats, lost }),
        2 => (machine.clone(), any::<bool>())
            .prop_map(|(machine, lost)| Step::Refresh { machine, lost }),
        1 => machine.clone().prop_map(|machine| Step::AbandonLast { machine }),
        3 => any::<usize>().prop_map(|nth| Step::Repeat { nth }),
        1 => machine.prop_map(|machine| Step::LoseStore { machine }),
        1 => Just(Step::Rehost),
        1 => (1i64..9).prop_map(Step::Days),
        1 => Just(Step::Backup),
        2 => Just(Step::Restore),
    ]
}

struct Walk {
    world: World,
    id: ActivationId,
    machines: Vec<Machine>,
    last_activate: Vec<Option<Id>>,
    sent: Vec<String>,
    ops: u64,
    keys: u8,
    backups: u32,
}

impl Walk {
    async fn new(terms: Terms) -> Self {
        let world = World::on_disk().await;
        let id = world.id(Kind::Cc, 4, terms).await;
        let machines = (0..MACHINES).map(|number| Machine::new(number, id)).collect();
        let last_activate = vec![None; usize::from(MACHINES)];
        Self { world, id, machines, last_activate, sent: Vec::new(), ops: 0, keys: 100, backups: 0 }
    }

    fn next_op(&mut self) -> Id {
        self.ops += 1;
        Id((u128::from(self.ops) + 1000).to_be_bytes())
    }

    async fn send(&mut self, machine: u8, asked: String, lost: bool) {
        self.sent.push(asked.clone());
        let answer = self.world.send(&asked).await;
        let machine = &mut self.machines[usize::from(machine)];
        if lost {
            return;
        }
        machine.request.epoch = machine.request.epoch.max(Some(answer.epoch));
        match &answer.verdict {
            Verdict::Granted { .. } => machine.apply(&self.world, &answer),
            Verdict::Returned | Verdict::Obsolete { .. } => machine.record = None,
            _ => {}
        }
    }

    async fn take(&mut self, step: Step) {
        let op = self.next_op();
        match step {
            Step::Activate { machine, seats, lost } => {
                self.last_activate[usize::from(machine)] = Some(op);
                let asked = self.machines[usize::from(machine)].activate(op, seats);
                self.send(machine, asked, lost).await;
            }
            Step::MoreSeats { machine, seats, lost } => {
                if self.machines[usize::from(machine)].record.is_some() {
                    let asked = self.machines[usize::from(machine)].more_seats(op, seats);
                    self.send(machine, asked, lost).await;
                }
            }
            Step::Return { machine, seats, lost } => {
                if self.machines[usize::from(machine)].record.is_some() {
                    let asked = self.machines[usize::from(machine)].return_(op, seats);
                    self.send(machine, asked, lost).await;
                }
            }
            Step::Refresh { machine, lost } => {
                if self.machines[usize::from(machine)].record.is_some() {
                    let asked = self.machines[usize::from(machine)].refresh(op);
                    self.send(machine, asked, lost).await;
                }
            }
            Step::AbandonLast { machine } => {
                if let Some(activate) = self.last_activate[usize::from(machine)] {
                    let asked = self.machines[usize::from(machine)].abandon(op, activate);
                    self.send(machine, asked, true).await;
                }
            }
            Step::Repeat { nth } => {
                if !self.sent.is_empty() {
                    let asked = self.sent[nth % self.sent.len()].clone();
                    self.world.send(&asked).await;
                }
            }
            Step::LoseStore { machine } => {
                self.keys += 1;
                let machine = &mut self.machines[usize::from(machine)];
                (machine.record, machine.device_key) = (None, self.keys);
            }
            Step::Rehost => {
                // Refused where several machines hold it, or none.
                let _ = self.world.rehost(self.id).await;
            }
            Step::Days(days) => self.world.now += days * DAY,
            Step::Backup => {
                self.backups += 1;
                self.world.backup(&format!("kept-{}", self.backups)).await;
            }
            Step::Restore if self.backups > 0 => {
                self.world.now += 1;
                self.world.restore(&format!("kept-{}", self.backups)).await;
            }
            Step::Restore => {}
        }
        self.world.show(self.id).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn seats_are_conserved_whatever_is_lost_repeated_or_copied(
        steps in prop::collection::vec(step(), 1..24), is_strict: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut walk = Walk::new(if is_strict { strict() } else { prompt() }).await;
            for step in steps {
                walk.take(step).await;
            }
        });
    }
}
