//! The one HTTP client: one POST or GET at a time, over TLS, bounded in time and in what it reads.
//!
//! Owns timeouts, TLS, proxies, the token's way into a header, and the classification of what goes wrong. Never
//! follows a redirect, as the token would travel with it, and never retries: that is for the caller to decide.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use ureq::http::header::{AUTHORIZATION, DATE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue, Uri};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, ProxyProtocol, RequestBuilder};

use crate::config::{Backend, BackendTls, Target};
use crate::trust::{self, Trust};

mod door;
mod failure;
mod proxy;
pub(crate) mod retry_after;
mod tls;

pub(crate) use door::{Door, JSON};
pub use failure::{Failure, Kind};
use tls::TlsConnector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What POST and GET have in common.
pub struct Request<'a> {
    pub url: &'a str,
    pub token: Option<&'a SecretString>,
    pub headers: &'a [(&'a str, &'a str)],
    /// A longer reply is cut there.
    pub max_reply_bytes: u64,
    /// For everything from name resolution to the last byte of the reply.
    pub timeout: Duration,
}

/// Any reply at all, whatever its status.
pub struct Answer {
    pub status: u16,
    /// At most an hour.
    pub retry_after: Option<Duration>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Without headers and body: an answer may bring a token.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer {} of {} bytes", self.status, self.body.len())
    }
}

impl Answer {
    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The clock of whoever answered, to the second.
    pub fn date(&self) -> Option<Timestamp> {
        self.header("date").and_then(retry_after::date)
    }
}

/// For the whole run: connections to the backend are kept open between requests. No request takes longer than
/// `timeout`, nor than the configured one.
pub fn agent(backend: &Backend, timeout: Duration) -> Result<Agent> {
    let Target::Http(base) = &backend.target else {
        bail!("{} is not reached over HTTP", backend.url);
    };
    let base: Uri =
        base.parse().context("reading the backend's URL: it must be http(s)://host[:port]/path")?;
    let proxy = proxy::choose(backend.proxy.as_ref(), &base, |name| std::env::var(name).ok())?;
    let timeout = timeout.min(backend.timeout);
    let encrypted = base.scheme_str() == Some("https")
        || proxy.as_ref().is_some_and(|proxy| proxy.protocol() == ProxyProtocol::Https);
    let tls = if encrypted { Some(tls_for(&backend.tls)?) } else { None };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("pganalytics/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy)
        .timeout_global(Some(timeout))
        .timeout_resolve(Some(timeout.min(CONNECT_TIMEOUT)))
        .timeout_connect(Some(timeout.min(CONNECT_TIMEOUT)))
        .timeout_send_body(Some(timeout))
        .timeout_recv_response(Some(timeout))
        .timeout_recv_body(Some(timeout))
        .build();
    let way =
        ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(TlsConnector(tls));
    Ok(Agent::with_parts(config, way, DefaultResolver::default()))
}

pub fn post(agent: &Agent, request: &Request, body: &[u8]) -> Result<Answer, Failure> {
    let builder = prepare(agent, agent.post(request.url), request)?;
    read(builder.send(body), request)
}

pub fn get(agent: &Agent, request: &Request) -> Result<Answer, Failure> {
    let builder = prepare(agent, agent.get(request.url), request)?;
    read(builder.call(), request)
}

fn prepare<B>(
    agent: &Agent,
    builder: RequestBuilder<B>,
    request: &Request,
) -> Result<RequestBuilder<B>, Failure> {
    let whole = agent.config().timeouts().global.map_or(request.timeout, |most| most.min(request.timeout));
    let mut builder = builder.config().timeout_global(Some(whole)).build();
    for (name, value) in request.headers {
        builder = builder.header(*name, *value);
    }
    if let Some(token) = request.token {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Failure::token(request.url))?;
        value.set_sensitive(true);
        builder = builder.header(AUTHORIZATION, value);
    }
    Ok(builder)
}

fn read(
    sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    request: &Request,
) -> Result<Answer, Failure> {
    let response = sent.map_err(|why| Failure::of(&why, request.url))?;
    let (head, mut body) = response.into_parts();
    let mut kept = Vec::new();
    let mut reader = body.as_reader().take(request.max_reply_bytes);
    reader.read_to_end(&mut kept).map_err(|why| Failure::of(&ureq::Error::from(why), request.url))?;
    let text = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let now = text(DATE).and_then(retry_after::date).unwrap_or_else(Timestamp::now);
    let wait = text(RETRY_AFTER).and_then(|value| retry_after::parse(value, now));
    Ok(Answer { status: head.status.as_u16(), retry_after: wait, headers: head.headers, body: kept })
}

/// Roots are read only for a backend that needs them: the host's own cost milliseconds.
fn whom(wanted: &BackendTls) -> Result<Trust> {
    match (&wanted.ca_file, wanted.verify) {
        (_, false) => Ok(Trust::Anyone),
        (Some(path), true) => Ok(Trust::ChainAndName(trust::certificates(path)?)),
        (None, true) => Ok(Trust::ChainAndName(trust::native()?.to_vec())),
    }
}

/// A configuration may name a client's certificate before there is one: both files absent are none, one is an
/// error.
fn tls_for(wanted: &BackendTls) -> Result<Arc<ClientConfig>> {
    let client = wanted.client.as_ref().filter(|(certificate, key)| certificate.exists() || key.exists());
    let config = whom(wanted).and_then(|trust| trust::client_config(trust, client));
    Ok(Arc::new(config.context("preparing TLS for the backend ([tls])")?))
}
