//! `lm-portal serve`.

use super::arguments::{Global, Serve};
use super::{Fresh, open_with, options, print};
use crate::error::{Error, Result};
use crate::portal::PortalOptions;
use crate::server::tls::TlsFiles;

pub(super) fn serve(global: &Global, serve: &Serve) -> Result<()> {
    log_to_standard_error(serve)?;
    let tls = serve.tls_cert.clone().zip(serve.tls_key.clone());
    let options = PortalOptions {
        listen: serve.listen,
        tls: tls.map(|(certificates, key)| TlsFiles { certificates, key }),
        behind_proxy: serve.behind_proxy,
        vendor: serve.vendor.clone(),
        ..options(global)
    };
    let portal = open_with(options, Fresh::Make)?;
    let stop = portal.watch_for_stop()?;
    let running = portal.serve()?;
    print(&format!("listening on {}\n", running.url()))?;
    tracing::info!(url = running.url(), "serving");
    stop.wait()?;
    tracing::info!("stopping");
    running.stop()
}

fn log_to_standard_error(serve: &Serve) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&serve.log)
        .map_err(|error| Error::Invalid(format!("--log {}: {error}", serve.log)))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = if serve.log_json {
        builder.json().try_init()
    } else {
        let colors = std::io::IsTerminal::is_terminal(&std::io::stderr());
        builder.with_ansi(colors).try_init()
    };
    begun.map_err(|error| Error::System(format!("the log: {error}")))
}
