//! HTTP: the client protocol, the page and `/healthz`, over one database. The server keeps no state
//! of its own, so several of them may share a database.

pub(crate) mod offline;
mod problem;
mod protocol;
mod rest;
pub(crate) mod tls;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum_server::Handle;
use tokio::sync::Semaphore;

use self::problem::Problem;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page;
use crate::ports::{Clock, Random};

/// How long answers that are under way may take once a stop is asked for.
const GRACE: Duration = Duration::from_secs(10);
/// How long a connection may take to send its first request, and a body to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every handler is given.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Whether browsers come by TLS, here or at the proxy in front.
    pub(crate) secure: bool,
    /// Whether a proxy in front names the caller in `X-Forwarded-For`.
    pub(crate) behind_proxy: bool,
    /// Turns of checking a password, so that many at once can't take all memory.
    pub(crate) hashing: Arc<Semaphore>,
}

/// How many passwords are checked at a time.
pub(crate) const HASHING_AT_ONCE: usize = 4;

impl App {
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The address whose failures count: the peer's, or what the proxy in front says of it.
    pub(crate) fn caller(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        let named = if self.behind_proxy { forwarded_for(headers) } else { None };
        address(named.unwrap_or_else(|| peer.ip()))
    }
}

/// Whom the proxy in front names: the last entry of the last line. All before it came with the
/// request, so anybody may have written it.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    let last = line.rsplit(',').next()?.trim();
    last.parse().or_else(|_| last.parse().map(|named: SocketAddr| named.ip())).ok()
}

/// An address as failures are counted: IPv6 by its /64, of which one machine has all addresses.
fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let network = Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX));
            format!("{network}/64")
        }
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route(lm_protocol::exchange::PATH, post(protocol::post))
        .route(offline::PATH, post(offline::answer))
        .route("/healthz", get(health))
        .merge(rest::router())
        .merge(page::router())
        .fallback(nothing_here)
        .with_state(app)
}

async fn health(State(app): State<App>) -> std::result::Result<&'static str, Problem> {
    let mut db = app.database.read().await?;
    sqlx::query("SELECT id FROM portal").fetch_one(&mut *db).await.map_err(Error::from)?;
    Ok("ok\n")
}

async fn nothing_here() -> impl IntoResponse {
    Problem::new(axum::http::StatusCode::NOT_FOUND, "there is nothing here")
}

/// Serves until the handle says stop, then lets what is under way finish.
pub(crate) async fn serve(
    app: App,
    listener: std::net::TcpListener,
    tls: Option<axum_server::tls_rustls::RustlsConfig>,
    handle: Handle<SocketAddr>,
) -> Result<()> {
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let served = match tls {
        Some(config) => {
            axum_server::from_tcp_rustls(listener, config)
                .map_err(broken)?
                .handle(handle)
                .first_request_timeout(PATIENCE)
                .serve(service)
                .await
        }
        None => {
            axum_server::from_tcp(listener)
                .map_err(broken)?
                .handle(handle)
                .first_request_timeout(PATIENCE)
                .serve(service)
                .await
        }
    };
    served.map_err(broken)
}

/// Asks a server to stop.
pub(crate) fn stop(handle: &Handle<SocketAddr>) {
    handle.graceful_shutdown(Some(GRACE));
}

fn broken(error: std::io::Error) -> Error {
    Error::System(format!("the server: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        address(forwarded_for(&headers).unwrap_or([127, 0, 0, 1].into()))
    }

    #[test]
    fn what_the_proxy_itself_wrote_last_is_the_caller() {
        assert_eq!(from(&["192.0.2.1", "192.0.2.2, 192.0.2.3"]), "192.0.2.3");
        assert_eq!(from(&["192.0.2.1:4711"]), "192.0.2.1");
        for unclear in [&[][..], &["192.0.2.1, unknown"], &["192.0.2.1", ""]] {
            assert_eq!(from(unclear), "127.0.0.1", "{unclear:?}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        assert_eq!(from(&["2001:db8:1:2:3::4"]), "2001:db8:1:2::/64");
        assert_eq!(from(&["[2001:db8:1:2:9::9]:443"]), "2001:db8:1:2::/64");
        assert_eq!(from(&["::ffff:192.0.2.1"]), "192.0.2.1");
    }
}
