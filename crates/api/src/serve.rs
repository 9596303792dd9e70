//! Answers requests until told to stop: listens, plain or over TLS, and lets what is under way come to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;

use crate::app::{self, App};
use crate::config::{Config, Secrets, Tls};
use crate::{certificate, log, upkeep};

/// How long requests under way may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(25);
/// The longest that the head of a request may take to come; the first from when its connection is there.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// How often the certificate's files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

pub async fn serve(config: Config, secrets: Secrets) -> Result<()> {
    log::start(&config)?;
    let app = App::new(config, &secrets)?;
    drop(secrets);
    let tls =
        app.config.tls.as_ref().map(|tls| Ok::<_, anyhow::Error>((certificate::load(tls)?, tls.clone())));
    let tls = tls.transpose().context("preparing TLS (TLS_CERT, TLS_KEY, TLS_CLIENT_CA)")?;
    let listener = std::net::TcpListener::bind(app.config.listen)
        .with_context(|| format!("listening on {}", app.config.listen))?;
    listener.set_nonblocking(true).context("listening")?;
    let how = if tls.is_some() { "https" } else { "http" };
    tracing::info!(environment = %app.config.environment, "listening on {how}://{}", listener.local_addr()?);
    let upkeep = tokio::spawn(upkeep::run(app.clone()));
    let handle = Handle::new();
    let service = app::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let mut serving = tokio::spawn(listen(listener, service, tls, handle.clone()));
    tokio::select! {
        ended = &mut serving => return ended?.context("serving"),
        ended = upkeep => return ended?,
        signal = signal() => tracing::info!("{signal}: finishing what is under way"),
    }
    handle.graceful_shutdown(Some(DRAIN));
    serving.await?.context("serving")?;
    tracing::info!("stopped");
    Ok(())
}

type Service = IntoMakeServiceWithConnectInfo<Router, SocketAddr>;

async fn listen(
    listener: std::net::TcpListener,
    service: Service,
    tls: Option<(Arc<rustls::ServerConfig>, Tls)>,
    handle: Handle<SocketAddr>,
) -> Result<()> {
    // Until a first byte has told which protocol it is, no limit of that protocol holds. A handshake of TLS has its own.
    let server = axum_server::from_tcp(listener)?.handle(handle);
    let mut server = server.first_request_timeout(HEAD_WITHIN);
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let Some((config, files)) = tls else { return Ok(server.serve(service).await?) };
    let config = RustlsConfig::from_config(config);
    tokio::spawn(follow(config.clone(), files));
    Ok(server.acceptor(RustlsAcceptor::new(config)).serve(service).await?)
}

/// A certificate that was renewed is used without a restart; one that cannot be used leaves the old one in its place.
async fn follow(config: RustlsConfig, files: Tls) {
    let mut seen = certificate::changed_at(&files);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = certificate::changed_at(&files);
        if now == seen {
            continue;
        }
        match certificate::load(&files) {
            Ok(loaded) => {
                config.reload_from_config(loaded);
                tracing::info!("the certificate was read anew");
            }
            Err(e) => tracing::error!("the certificate cannot be read anew, the old one stays: {e:#}"),
        }
        seen = now;
    }
}

async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}
