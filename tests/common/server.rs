//! Small servers on loopback that do as a test says. They end with the test's process.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Serves every connection by `serve`, one after another.
pub fn serve(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    address
}

/// Answers every request with these bytes, and closes.
pub fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    serve(move |mut stream| {
        read_request(&mut stream);
        // A client that has seen enough may be gone.
        let _ = stream.write_all(&answer);
    })
}

/// Answers every request with `begin`, and goes on with `again` for as long as anybody listens.
pub fn dripping(begin: &'static [u8], again: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| {
        read_request(&mut stream);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        let mut more = begin;
        // Reading waits a little, and ends when the other side has closed.
        while stream.write_all(more).is_ok() && !matches!(stream.read(&mut [0; 64]), Ok(0)) {
            more = again;
        }
    })
}

/// An address at which nobody listens.
pub fn nobody() -> SocketAddr {
    // No test has this one: a port that was let go may be another's by now.
    SocketAddr::from(([127, 81, 7, 9], 9))
}

/// The body of a request; empty where it is none.
pub fn read_request(stream: &mut impl Read) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(reader.read_line(&mut head), Ok(read) if read > 0) {
            return Vec::new();
        }
    }
    let len = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned))
        .map_or(0, |len| len.trim().parse().unwrap());
    let mut body = vec![0; len];
    reader.read_exact(&mut body).map_or_else(|_| Vec::new(), |()| body)
}

/// An HTTP answer.
pub fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}
