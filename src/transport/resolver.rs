//! Name → addresses, under the deadline.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::NextTimeout;

use super::address::{Target, literal};
use super::deadline::Deadline;
use super::failure;
use super::proxy::ProxyServer;
use crate::ports::{Progress, Step};

/// As many addresses as ureq takes.
const ADDRESSES_MAX: usize = 16;

/// Finds the addresses of whoever is connected to first: the proxy, else the portal.
#[derive(Debug)]
pub(super) struct Resolver {
    host: String,
    port: u16,
    is_proxy: bool,
    deadline: Deadline,
    progress: Progress,
}

impl Resolver {
    pub(super) fn new(
        proxy: Option<&ProxyServer>,
        target: &Target,
        deadline: Deadline,
        progress: Progress,
    ) -> Self {
        let (host, port) = match proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&target.host, target.port),
        };
        Self { host: host.clone(), port, is_proxy: proxy.is_some(), deadline, progress }
    }

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Some(addresses) = literal(&self.host) {
            return Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect());
        }
        lookup(self.host.clone(), self.port, &self.deadline)
    }
}

impl UreqResolver for Resolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.addresses().and_then(|addresses| {
            if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
        });
        let addresses = addresses
            .map_err(|e| failure::carried(failure::of_lookup(&e, &self.host, self.is_proxy)))?;
        self.progress.reached(Step::Resolved);
        let mut resolved = self.empty();
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            resolved.push(address);
        }
        Ok(resolved)
    }
}

/// Asks the system. Since its lookup can't be interrupted, it runs on a thread of its own, the only
/// one that this library ever starts; after the deadline it ends by itself, unheard.
fn lookup(host: String, port: u16, deadline: &Deadline) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::sync_channel(2);
    let woken = sender.clone();
    let _watch = deadline.on_cancel(move || drop(woken.try_send(Err(ErrorKind::TimedOut.into()))));
    #[cfg(windows)]
    super::pin_windows::stay_loaded()?;
    thread::Builder::new().name("lm-lookup".to_owned()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        // Nobody listens any more where the deadline has passed.
        let _ = sender.send(found);
    })?;
    match receiver.recv_timeout(deadline.left()?) {
        Ok(found) => found,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the lookup broke off")),
    }
}
