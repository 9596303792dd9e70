//! The last link of ureq's chain of connectors: TLS by the configuration that [`crate::trust`] makes.
//!
//! ureq's own link knows no verifier but webpki's, and panics on a client certificate that does not fit its key.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// `None`: the backend, and the proxy to it, speak plain HTTP.
pub(super) struct TlsConnector(pub(super) Option<Arc<ClientConfig>>);

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(&self, to: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(below) = chained else {
            return Ok(None);
        };
        if !to.needs_tls() || below.is_tls() {
            return Ok(Some(Either::A(below)));
        }
        let config = self.0.clone().ok_or(Error::TlsRequired)?;
        let host = to.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Tls("no valid host name"))?;
        let mut connection = ClientConnection::new(config, name)?;
        let mut below = TransportAdapter::new(below.boxed(), to.current_time.clone());
        below.set_timeout(NextTimeout { after: left(to), ..to.timeout });
        connection.complete_io(&mut below)?;
        Ok(Some(Either::B(TlsTransport {
            buffers: LazyBuffers::new(to.config.input_buffer_size(), to.config.output_buffer_size()),
            stream: StreamOwned::new(connection, below),
        })))
    }
}

/// The time for connecting began before the TCP connect, and the handshake may have only what that left.
fn left(to: &ConnectionDetails) -> Duration {
    match (to.timeout.after, to.now, (to.current_time)()) {
        (Duration::Exact(whole), Instant::Exact(began), Instant::Exact(now)) => {
            Duration::Exact(whole.saturating_sub(now.saturating_duration_since(began)))
        }
        (after, _, _) => after,
    }
}

pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
