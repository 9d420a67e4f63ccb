//! Against small servers on this machine. No test looks at how long anything took.

mod plain;
mod proxies;
mod tls;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error as IoError, ErrorKind, Read, Result as IoResult, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::cancel::Token;
use crate::ports::{File, OpenHow, Stat};

/// Long enough for any machine; nothing here waits for it.
const PATIENT: Duration = Duration::from_secs(60);
/// Over soon; what takes this long never ends by itself.
const SHORT: Duration = Duration::from_millis(300);
const CA_FILE: &str = "/host/ca.pem";

/// A clock that runs, with a wall of its own.
struct TestClock {
    start: Instant,
    wall: i64,
}

impl TestClock {
    #[expect(clippy::disallowed_methods, reason = "this is a clock port")]
    fn new(wall: i64) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), wall })
    }
}

impl Clock for TestClock {
    fn wall(&self) -> i64 {
        self.wall
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
    fn boot(&self) -> Duration {
        self.start.elapsed()
    }
    fn sleep(&self, _: Duration) {}
}

/// The few files that a transport reads.
#[derive(Clone, Default)]
struct TestFiles(BTreeMap<PathBuf, Vec<u8>>);

impl TestFiles {
    fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), bytes.into());
        self
    }
}

fn never<T>() -> IoResult<T> {
    Err(ErrorKind::Unsupported.into())
}

impl Files for TestFiles {
    fn read(&self, path: &Path, _: usize) -> IoResult<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| IoError::from(ErrorKind::NotFound))
    }
    fn open(&self, _: &Path, _: OpenHow) -> IoResult<Box<dyn File>> {
        never()
    }
    fn names(&self, _: &Path) -> IoResult<Vec<String>> {
        never()
    }
    fn link_target(&self, _: &Path) -> IoResult<PathBuf> {
        never()
    }
    fn stat(&self, _: &Path) -> IoResult<Stat> {
        never()
    }
    fn make_dir(&self, _: &Path, _: u32) -> IoResult<()> {
        never()
    }
    fn remove(&self, _: &Path) -> IoResult<()> {
        never()
    }
    fn replace(&self, _: &Path, _: &Path) -> IoResult<()> {
        never()
    }
    fn sync_dir(&self, _: &Path) -> IoResult<()> {
        never()
    }
    fn is_remote(&self, _: &Path) -> IoResult<bool> {
        never()
    }
    fn canonical(&self, _: &Path) -> IoResult<PathBuf> {
        never()
    }
    fn user(&self) -> u32 {
        1000
    }
    fn home(&self) -> IoResult<PathBuf> {
        never()
    }
    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

/// A day in 2025.
const TODAY: i64 = 1_750_000_000;

fn options() -> TransportOptions {
    TransportOptions {
        proxy: Proxy::None,
        ca_file: None,
        files: Arc::new(TestFiles::default()),
        clock: TestClock::new(TODAY),
    }
}

fn request(url: &str) -> HttpRequest<'_> {
    HttpRequest {
        url,
        content_type: "application/json",
        body: b"the request",
        response_max: 1000,
        timeout: PATIENT,
        cancel: Token::default(),
        progress: crate::ports::Progress::default(),
    }
}

fn post(url: &str) -> Result<HttpResponse> {
    HttpsTransport::new(options())?.post(&request(url))
}

fn post_in_short(url: &str) -> Result<HttpResponse> {
    HttpsTransport::new(options())?.post(&HttpRequest { timeout: SHORT, ..request(url) })
}

/// Serves one connection on a thread of its own.
fn serve(server: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || server(listener.accept().unwrap().0));
    address
}

/// Reads one request, then sends `answer` and closes.
fn answer_with(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    serve(move |mut stream| {
        read_request(&mut stream);
        // A client that has seen enough may be gone.
        let _ = stream.write_all(&answer);
    })
}

/// Head and body of a request.
fn read_request(stream: &mut impl Read) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let len = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned))
        .map_or(0, |len| len.trim().parse().unwrap());
    let mut body = vec![0; len];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    // No test has this one: a port that was let go may be another's by now.
    SocketAddr::from(([127, 81, 7, 9], 9))
}

/// Sends `bytes` again and again, slowly, until the other side has had enough.
fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
    while stream.write_all(bytes).is_ok() {
        // Waits a little, and ends when the other side has closed.
        if matches!(stream.read(&mut [0; 64]), Ok(0)) {
            return;
        }
    }
}

fn code_of<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.unwrap_err().code()
}
