//! HTTP: the client protocol, the page and `/healthz`, over one database. The server keeps no state
//! of its own, so several of them may share a database.

mod problem;
mod protocol;
pub(crate) mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum_server::Handle;

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
}

impl App {
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The address whose failures count: the peer's, or what the proxy in front says of it.
    pub(crate) fn caller(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let named = headers
            .get("x-forwarded-for")
            .filter(|_| self.behind_proxy)
            .and_then(|value| value.to_str().ok())
            .and_then(|list| list.rsplit(',').next())
            .and_then(|last| last.trim().parse().ok());
        named.unwrap_or_else(|| peer.ip())
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route(lm_protocol::exchange::PATH, post(protocol::post))
        .route("/healthz", get(health))
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
