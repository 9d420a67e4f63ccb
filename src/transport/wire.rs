//! A connection as ureq uses it: a socket that gives up at the deadline, plain or under TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use rustls::{ClientConnection, StreamOwned};
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use super::BUFFER;
use super::deadline::Deadline;
use super::failure;
use crate::cancel::Watch;

/// A socket whose every read and write ends at the deadline, however little comes at a time.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    deadline: Deadline,
    /// Shuts the stream down when the call is cancelled, which ends whatever waits for it.
    _watch: Watch,
}

impl Socket {
    pub(super) const fn new(stream: TcpStream, deadline: Deadline, watch: Watch) -> Self {
        Self { stream, deadline, _watch: watch }
    }

    /// Does one operation again after a signal, within what is left of the time.
    fn within<T>(
        &mut self,
        limit: fn(&TcpStream, Option<std::time::Duration>) -> io::Result<()>,
        mut operation: impl FnMut(&mut TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            limit(&self.stream, Some(self.deadline.left()?))?;
            match operation(&mut self.stream) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // What a blocking socket says when its time is over.
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    return Err(ErrorKind::TimedOut.into());
                }
                done => return done,
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.within(TcpStream::set_read_timeout, |stream| stream.read(bytes))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.within(TcpStream::set_write_timeout, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// An open connection to the portal, with ureq's buffers.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    buffers: LazyBuffers,
    portal: String,
}

impl Wire {
    /// Without TLS: to this machine only.
    pub(super) fn plain(socket: Socket, portal: String) -> Self {
        Self::new(Stream::Plain(socket), portal)
    }

    /// Under TLS, the handshake done.
    pub(super) fn tls(stream: StreamOwned<ClientConnection, Socket>, portal: String) -> Self {
        Self::new(Stream::Tls(Box::new(stream)), portal)
    }

    fn new(stream: Stream, portal: String) -> Self {
        Self { stream, buffers: LazyBuffers::new(BUFFER, BUFFER), portal }
    }

    fn failed(&self, error: &io::Error) -> ureq::Error {
        failure::carried(failure::of_connection(error, &self.portal))
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let (output, _) = self.buffers.output().split_at(amount);
        let sent = match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(output),
            Stream::Tls(stream) => stream.write_all(output).and_then(|()| stream.flush()),
        };
        sent.map_err(|e| self.failed(&e))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let input = self.buffers.input_append_buf();
        let received = match &mut self.stream {
            Stream::Plain(socket) => socket.read(input),
            Stream::Tls(stream) => stream.read(input),
        };
        let amount = received.map_err(|e| self.failed(&e))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // Only asked before a connection is used again, and none is.
        false
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}
