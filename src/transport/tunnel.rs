//! Through an HTTP proxy: CONNECT, and what the proxy answers.

use std::io::{Read, Write};

use super::address::Target;
use super::failure;
use super::proxy::ProxyServer;
use super::wire::Socket;
use crate::error::Result;

/// The longest head of a proxy's answer.
const HEAD_MAX: usize = 16 * 1024;
const END: &[u8] = b"\r\n\r\n";

/// Asks the proxy for a tunnel to the target; afterwards the socket speaks with the target.
pub(super) fn open(socket: &mut Socket, proxy: &ProxyServer, target: &Target) -> Result<()> {
    let name = proxy.name();
    let answered = ask(socket, proxy, target).and_then(|()| head(socket));
    let head = answered.map_err(|e| failure::of_proxy_connection(&e, &name))?;
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(failure::proxy_wants_password(&format!("The proxy {name}"))),
        Some(status) => Err(failure::proxy_refused(&name, &target.authority(), status)),
        None => Err(failure::no_proxy(&name)),
    }
}

fn ask(socket: &mut Socket, proxy: &ProxyServer, target: &Target) -> std::io::Result<()> {
    let target = target.authority();
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"Proxy-Authorization: Basic ");
        request.extend_from_slice(authorization.expose());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    socket.write_all(&request)
}

/// The head of the answer. Byte by byte: what comes after it belongs to the target.
fn head(socket: &mut Socket) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(END) && head.len() < HEAD_MAX {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    Ok(head)
}

/// The status of a whole head; `None` where it is no HTTP.
fn status(head: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(head.strip_suffix(END)?).ok()?;
    let (version, rest) = text.split_once(' ')?;
    let digits = rest.get(..3)?;
    version.starts_with("HTTP/1.").then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_a_whole_head_only() {
        for (head, expected) in [
            (&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], Some(200)),
            (b"HTTP/1.0 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", Some(407)),
            (b"HTTP/1.1 200\r\n\r\n", Some(200)),
            (b"HTTP/1.1 200 OK\r\n", None),
            (b"HTTP/1.1 2\r\n\r\n", None),
            (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", None),
            (b"\xFF 200 \r\n\r\n", None),
            (b"", None),
        ] {
            assert_eq!(status(head), expected, "{}", String::from_utf8_lossy(head));
        }
    }
}
