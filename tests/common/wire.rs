//! A small TCP proxy between a machine and its portal that loses, cuts, repeats or holds back what
//! it is told to. It knows of HTTP no more than where a message ends.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The portal never sees it.
    LoseRequest,
    /// The portal sees the first half of it.
    CutRequest,
    /// The portal has answered; the machine sees nothing of it.
    LoseReply,
    /// The machine sees so many sixteenths of the reply, and then the connection is gone.
    CutReply(usize),
    /// The machine sees all of the reply but its last byte.
    AllButOneByte,
    /// After so many bytes on their way to the portal both connections are gone; where the request
    /// has fewer, it passes.
    CutRequestAt(usize, End),
    /// After so many bytes on their way to the machine its connection is gone; where the reply has
    /// no more, it passes.
    CutReplyAt(usize, End),
    /// The portal sees it twice; the machine sees the second reply.
    Twice,
    /// The machine's connection is cut at once; the portal sees the request when
    /// [`Wire::deliver_late`] is called.
    Late,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order: FIN.
    Closed,
    /// RST.
    Reset,
}

/// The proxy. An exchange without a fate passes.
pub struct Wire {
    address: SocketAddr,
    portal: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    fates: Mutex<VecDeque<Fate>>,
    late: Mutex<Vec<Vec<u8>>>,
    /// Exchanges that were cut at a byte.
    cuts: AtomicUsize,
    over: AtomicBool,
}

impl Wire {
    /// Between whoever uses [`Wire::url`] and the portal at this address.
    pub fn to(portal_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let portal = portal_url.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared::default());
        let (thread_portal, thread_shared) = (portal.clone(), shared.clone());
        let thread = std::thread::spawn(move || serve(&listener, &thread_portal, &thread_shared));
        Self { address, portal, shared, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What becomes of the next exchanges, one each.
    pub fn next(&self, fates: &[Fate]) {
        self.shared.fates.lock().unwrap().extend(fates);
    }

    /// How many of the fates have not come about.
    pub fn left(&self) -> usize {
        self.shared.fates.lock().unwrap().len()
    }

    /// How many exchanges were cut at a byte so far.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// The portal sees the requests that were held back; how many there were.
    pub fn deliver_late(&self) -> usize {
        let held = std::mem::take(&mut *self.shared.late.lock().unwrap());
        for request in &held {
            ask(&self.portal, request).expect("an answer of the portal");
        }
        held.len()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread where it waits.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, portal: &str, shared: &Shared) {
    for connection in listener.incoming() {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        // A machine that was killed has closed its end: nobody is left to be told.
        if let Ok(mut machine) = connection {
            let _ = exchange(&mut machine, portal, shared);
        }
    }
}

/// One request and its reply; the connection is closed after it.
fn exchange(machine: &mut TcpStream, portal: &str, shared: &Shared) -> io::Result<()> {
    let fate = shared.fates.lock().unwrap().pop_front();
    let most = match fate {
        // The rest stays unread, so that the machine is cut while it speaks.
        Some(Fate::CutRequestAt(at, End::Reset)) => at,
        _ => usize::MAX,
    };
    let request = message(machine, most)?;
    match fate {
        Some(Fate::CutRequestAt(at, end)) if at <= request.len() => {
            let mut portal = TcpStream::connect(portal)?;
            portal.write_all(&request[..at])?;
            shared.cuts.fetch_add(1, Ordering::SeqCst);
            return end_all(&[&portal, machine], end);
        }
        Some(Fate::LoseRequest) => return Ok(()),
        Some(Fate::CutRequest) => {
            let half = request.get(..request.len() / 2).unwrap_or_default();
            return TcpStream::connect(portal)?.write_all(half);
        }
        Some(Fate::Late) => {
            shared.late.lock().unwrap().push(request);
            return Ok(());
        }
        Some(Fate::Twice) => drop(ask(portal, &request)?),
        _ => {}
    }
    let reply = ask(portal, &request)?;
    if let Some(Fate::CutReplyAt(at, end)) = fate
        && at < reply.len()
    {
        machine.write_all(&reply[..at])?;
        shared.cuts.fetch_add(1, Ordering::SeqCst);
        return end_all(&[machine], end);
    }
    let seen = match fate {
        Some(Fate::LoseReply) => 0,
        Some(Fate::CutReply(sixteenths)) => reply.len() * sixteenths / 16,
        Some(Fate::AllButOneByte) => reply.len() - 1,
        _ => reply.len(),
    };
    machine.write_all(reply.get(..seen).unwrap_or(&reply))
}

fn ask(portal: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut portal = TcpStream::connect(portal)?;
    portal.write_all(request)?;
    message(&mut portal, usize::MAX)
}

/// What becomes of connections once they are dropped.
fn end_all(streams: &[&TcpStream], end: End) -> io::Result<()> {
    let at_once = (end == End::Reset).then_some(Duration::ZERO);
    streams.iter().try_for_each(|stream| SockRef::from(*stream).set_linger(at_once))
}

/// Head and body of one HTTP message that names its length; no more than so many bytes of it.
fn message(stream: &mut TcpStream, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    loop {
        if bytes.len() >= most || length(&bytes).is_some_and(|length| bytes.len() >= length) {
            return Ok(bytes);
        }
        let wanted = room.len().min(most - bytes.len());
        match stream.read(&mut room[..wanted])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&room[..read]),
        }
    }
}

/// How long the message is that begins so; `None` while its head isn't whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(bytes.get(..head)?).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some(head + body.map_or(0, |number| number.trim().parse().expect("a length")))
}
