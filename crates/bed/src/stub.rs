//! A backend that does what a script tells it: acknowledges, refuses, lies, stalls, cuts, resets. It records every
//! request with the answer that it gave, so that a test can prove from here that its fault happened.

mod answer;
mod http;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use answer::Answer;
pub use http::Request;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::poll::eventually;

pub struct Stub {
    address: SocketAddr,
    tls: bool,
    inner: Arc<Inner>,
}

struct Inner {
    /// Asked when the head of a request is there; see [`Answer::WithBody`] for scripts that need its body.
    script: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
    tls: Option<Arc<ServerConfig>>,
    seen: Mutex<Vec<Seen>>,
    broken: Mutex<Vec<String>>,
    arrived: AtomicUsize,
    stopping: AtomicBool,
}

/// A request and the name of the answer that it got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub request: Request,
    pub answer: String,
}

/// A script: these answers one after the other, the last one for ever.
pub fn in_turn(answers: Vec<Answer>) -> impl Fn(&Request) -> Answer + Send + Sync {
    let last = answers.len().checked_sub(1).expect("a script has an answer");
    move |request| answers[request.ordinal.min(last)].clone()
}

impl Stub {
    pub fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Stub {
        Stub::open(script, None)
    }

    /// Over TLS, with a certificate chain and its key.
    pub fn https(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Stub {
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .expect("the certificate fits its key");
        Stub::open(script, Some(Arc::new(config)))
    }

    fn open(
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
        tls: Option<Arc<ServerConfig>>,
    ) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            script: Box::new(script),
            tls,
            seen: Mutex::default(),
            broken: Mutex::default(),
            arrived: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        let accepting = inner.clone();
        std::thread::spawn(move || accepting.accept(&listener));
        Stub { address, tls: inner.tls.is_some(), inner }
    }

    /// Named `localhost` where a certificate has to fit.
    pub fn url(&self) -> String {
        match self.tls {
            true => format!("https://localhost:{}", self.address.port()),
            false => format!("http://{}", self.address),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// One line for each request: method, path, answer.
    pub fn log(&self) -> Vec<String> {
        let line = |s: Seen| format!("{} {} -> {}", s.request.method, s.request.path, s.answer);
        self.requests().into_iter().map(line).collect()
    }

    /// Why connections ended in the middle, handshakes that the client broke off among them.
    pub fn broken(&self) -> Vec<String> {
        self.inner.broken.lock().unwrap().clone()
    }

    /// All requests so far, for who has thousands of them.
    pub fn forget(&self) {
        self.inner.seen.lock().unwrap().clear();
    }

    /// Returns once `count` requests have been answered, or are being stalled.
    #[track_caller]
    pub fn wait_for(&self, count: usize, ceiling: Duration) -> Vec<Seen> {
        eventually(ceiling, || match self.requests() {
            seen if seen.len() >= count => Ok(seen),
            _ => Err(self.log()),
        })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// Bytes in and out, with or without TLS.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Inner {
    fn accept(self: &Arc<Inner>, listener: &TcpListener) {
        for socket in listener.incoming().flatten() {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            let inner = self.clone();
            std::thread::spawn(move || inner.serve(socket));
        }
    }

    /// One connection, request after request. A client that breaks off ends it.
    fn serve(&self, socket: TcpStream) {
        let Ok(raw) = socket.try_clone() else { return };
        let _ = socket.set_nodelay(true);
        let mut wire: Box<dyn Wire> = match &self.tls {
            Some(config) => {
                Box::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket))
            }
            None => Box::new(socket),
        };
        loop {
            match self.exchange(&mut *wire, &raw) {
                Ok(Some(true)) => {}
                Ok(_) => return,
                Err(e) => return self.broken.lock().unwrap().push(e.to_string()),
            }
        }
    }

    /// `None`: the client is done; else whether the connection lives on.
    fn exchange(&self, wire: &mut dyn Wire, raw: &TcpStream) -> std::io::Result<Option<bool>> {
        let Some(mut request) = http::read_head(wire)? else { return Ok(None) };
        request.ordinal = self.arrived.fetch_add(1, Ordering::Relaxed);
        let mut answer = (self.script)(&request);
        if !matches!(answer, Answer::ResetBeforeBody) {
            http::read_body(wire, &mut request)?;
        }
        if let Answer::WithBody(decide) = answer {
            answer = decide(&request);
        }
        self.seen.lock().unwrap().push(Seen { request: request.clone(), answer: answer.name() });
        answer.give(wire, raw, &request, &self.stopping).map(Some)
    }
}
