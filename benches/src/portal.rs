//! What one portal on SQLite does: activations and returns that many machines have ready, sent as
//! fast as it answers.
//!
//! The machines are real clients; their way to the portal keeps what they send, so that only the
//! portal and the way to it are measured and not the machines' disks.
#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{Clock, HttpRequest, HttpResponse, Ports, Transport};
use lm::storage::SystemFiles;
use lm::transport::{HttpsTransport, Proxy, TransportOptions};
use lm::{Client, Code, Error};
use lm_benches::{PRODUCT, Site};

use crate::clocks::{monotonic, process_cpu};

const MACHINES: u32 = 400;

pub(crate) fn measure(site: &Site) -> Result<(), String> {
    for (shared, at_once) in [(false, 1), (false, 8), (true, 1), (true, 8)] {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let ids = if shared { site.nl(MACHINES, 1)? } else { site.nl(1, MACHINES)? };
        let whose = if shared { "all of one ID" } else { "each of its own ID" };
        println!("one portal on SQLite, {MACHINES} machines, {whose}, {at_once} at once:");
        let machines: Result<Vec<_>, _> =
            (0..MACHINES).map(|n| Machine::new(site, folder.path(), n)).collect();
        let machines = machines?;
        let activations = kept(&machines, &ids, |client, id| client.activate(id, 1))?;
        report("activations", &send(&activations, at_once)?);
        for machine in &machines {
            machine.client.resume().map_err(|error| error.to_string())?;
        }
        let returns = kept(&machines, &ids, |client, id| client.return_(id, 0))?;
        report("returns", &send(&returns, at_once)?);
    }
    Ok(())
}

struct Machine {
    client: Client,
    way: Arc<Keeper>,
}

impl Machine {
    fn new(site: &Site, folder: &Path, number: u32) -> Result<Self, String> {
        let text = |error: Error| error.to_string();
        let way = Arc::new(Keeper { wire: wire().map_err(text)?, kept: Mutex::default() });
        let mut options = lm::Options::new(PRODUCT, site.trust_root());
        options.portal_url = Some(site.url().to_owned());
        options.storage_dir = Some(folder.join(number.to_string()));
        options.host_identity = Some(format!("machine {number} of {}", folder.display()));
        options.transport = Some(way.clone());
        let ports = Ports {
            clock: Arc::new(Impatient),
            random: Arc::new(SystemRandom::new()),
            files: Arc::new(SystemFiles),
        };
        Ok(Self { client: Client::open_with(options, ports).map_err(text)?, way })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(anchor) = self.client.anchor_path() {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

/// A way to the portal that can keep a request instead of sending it.
struct Keeper {
    wire: HttpsTransport,
    kept: Mutex<Kept>,
}

#[derive(Default)]
enum Kept {
    #[default]
    Sends,
    Keeps(Option<Message>),
}

struct Message {
    url: String,
    content_type: String,
    body: Vec<u8>,
}

impl Transport for Keeper {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Kept::Keeps(message) = &mut *kept {
                *message = Some(Message {
                    url: request.url.to_owned(),
                    content_type: request.content_type.to_owned(),
                    body: request.body.to_vec(),
                });
                return Err(Error::from_code(Code::Network));
            }
        }
        self.wire.post(request)
    }
}

/// What each machine would send for a call about its ID.
fn kept(
    machines: &[Machine],
    ids: &[String],
    call: impl Fn(&Client, &str) -> lm::Result<()>,
) -> Result<Vec<Message>, String> {
    let one = |(machine, id): (&Machine, &String)| {
        let set = |kept| {
            let mut place = machine.way.kept.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, kept)
        };
        set(Kept::Keeps(None));
        let outcome = call(&machine.client, id);
        match (set(Kept::Sends), outcome) {
            (Kept::Keeps(Some(message)), Err(_)) => Ok(message),
            (_, outcome) => Err(format!("nothing was sent: {outcome:?}")),
        }
    };
    machines.iter().zip(ids.iter().cycle()).map(one).collect()
}

/// What it took: all of it, and each exchange.
struct Spent {
    wall: Duration,
    cpu: Duration,
    each: Vec<Duration>,
}

/// Sends all, so many at once, as the library sends: a connection each.
fn send(messages: &[Message], at_once: usize) -> Result<Spent, String> {
    let (next, each) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (begun, cpu) = (monotonic(), process_cpu());
    let done: Result<Vec<()>, String> = std::thread::scope(|scope| {
        let one = || {
            let wire = wire().map_err(|error| error.to_string())?;
            while let Some(message) = messages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let begun = monotonic();
                must_be_answered(&wire, message)?;
                let took = monotonic() - begun;
                each.lock().unwrap_or_else(PoisonError::into_inner).push(took);
            }
            Ok(())
        };
        let running: Vec<_> = (0..at_once).map(|_| scope.spawn(one)).collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined.map(|done| done.unwrap_or_else(|_| Err("a panic".to_owned()))).collect()
    });
    done?;
    let (wall, cpu) = (monotonic() - begun, process_cpu() - cpu);
    let mut each = each.into_inner().unwrap_or_else(PoisonError::into_inner);
    each.sort();
    Ok(Spent { wall, cpu, each })
}

fn must_be_answered(wire: &HttpsTransport, message: &Message) -> Result<(), String> {
    let response = wire.post(&HttpRequest {
        url: &message.url,
        content_type: &message.content_type,
        body: &message.body,
        response_max: lm_protocol::limits::REPLY_MAX,
        timeout: Duration::from_secs(30),
        cancel: lm::cancel::Token::default(),
        progress: lm::ports::Progress::default(),
    });
    match response {
        Ok(response) if response.status == 200 => Ok(()),
        Ok(response) => Err(format!("the portal answered with {}", response.status)),
        Err(error) => Err(error.to_string()),
    }
}

fn report(what: &str, spent: &Spent) {
    let count = spent.each.len();
    let at = |percent: usize| {
        let place = (count * percent / 100).min(count.saturating_sub(1));
        spent.each.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    println!(
        "  {:.0} {what} a second, p50 {:.1} ms, p99 {:.1} ms, \
         {:.1} ms of CPU each",
        count as f64 / spent.wall.as_secs_f64(),
        at(50),
        at(99),
        spent.cpu.as_secs_f64() * 1e3 / count as f64
    );
}

fn wire() -> lm::Result<HttpsTransport> {
    HttpsTransport::new(TransportOptions {
        proxy: Proxy::None,
        ca_file: None,
        files: Arc::new(SystemFiles),
        clock: Arc::new(SystemClock),
    })
}

/// The system's clock, by which a return waits for nobody.
struct Impatient;

impl Clock for Impatient {
    fn wall(&self) -> i64 {
        SystemClock.wall()
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
    fn boot(&self) -> Duration {
        SystemClock.boot()
    }
    fn sleep(&self, _: Duration) {}
}
