//! Addresses → a connection: TCP, through the proxy where there is one, under TLS where it is asked.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::unversioned::transport::{ConnectionDetails, Connector as UreqConnector};

use super::address::Target;
use super::deadline::Deadline;
use super::proxy::ProxyServer;
use super::wire::{Socket, Wire};
use super::{failure, tunnel};
use crate::cancel::Watch;
use crate::error::{Code, Error, Result};
use crate::ports::{Progress, Step};

/// Makes the one connection of one call.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) target: Target,
    pub(super) proxy: Option<ProxyServer>,
    /// `None`: without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) deadline: Deadline,
    pub(super) progress: Progress,
}

impl UreqConnector for Connector {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Wire>, ureq::Error> {
        self.wire(&details.addrs).map(Some).map_err(failure::carried)
    }
}

impl Connector {
    fn wire(&self, addresses: &[SocketAddr]) -> Result<Wire> {
        let (stream, watch) = self.dial(addresses).map_err(|e| match &self.proxy {
            Some(proxy) => failure::of_proxy_connection(&e, &proxy.name()),
            None => failure::of_connection(&e, &self.target.authority()),
        })?;
        let mut socket = Socket::new(stream, self.deadline.clone(), watch);
        if let Some(proxy) = &self.proxy {
            tunnel::open(&mut socket, proxy, &self.target)?;
        }
        self.progress.reached(Step::Connected);
        let wire = match &self.tls {
            None => Wire::plain(socket, self.target.authority()),
            Some(config) => self.secured(socket, config.clone())?,
        };
        self.progress.reached(Step::Secured);
        Ok(wire)
    }

    /// The first address that answers. What is left of the time is shared out evenly among the
    /// addresses that are left, so that one that swallows everything doesn't take it all.
    fn dial(&self, addresses: &[SocketAddr]) -> io::Result<(TcpStream, Watch)> {
        let mut last = io::Error::from(ErrorKind::NotFound);
        for (tried, address) in addresses.iter().enumerate() {
            let untried = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = (self.deadline.left()? / untried).max(Duration::from_millis(1));
            match self.connect(address, share) {
                Ok(connected) => return Ok(connected),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    /// The socket is known to whoever cancels before it begins to connect.
    fn connect(&self, address: &SocketAddr, within: Duration) -> io::Result<(TcpStream, Watch)> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(*address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        let other = socket.try_clone()?;
        let watch = self.deadline.on_cancel(move || drop(other.shutdown(Shutdown::Both)));
        socket.connect_timeout(&(*address).into(), within)?;
        socket.set_tcp_nodelay(true)?;
        Ok((socket.into(), watch))
    }

    fn secured(&self, mut socket: Socket, config: Arc<ClientConfig>) -> Result<Wire> {
        let portal = self.target.authority();
        let name = ServerName::try_from(self.target.host.clone()).map_err(|_| {
            let host = &self.target.host;
            Error::new(Code::Tls, format!("{host:?} is no name that a certificate can have."))
        })?;
        let mut connection =
            ClientConnection::new(config, name).map_err(|e| failure::of_tls(&e, &portal))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|e| failure::of_connection(&e, &portal))?;
        }
        Ok(Wire::tls(StreamOwned::new(connection, socket), portal))
    }
}
