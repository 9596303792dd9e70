//! The HTTP client against a backend, and proxies, that do what they should not.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use pganalytics::config::{Backend, BackendTls, Target, Token};
use pganalytics::http::{Answer as Reply, Failure, Kind, Request, agent, get, post};
use secrecy::SecretString;

use crate::support::stub::{Answer, Stub, in_turn};

const TOKEN: &str = "eyJ.secret.sig";

pub(crate) fn backend(url: &str) -> Backend {
    Backend {
        url: url.into(),
        target: Target::Http(url.into()),
        token: Token::Inline {
            token: SecretString::from(TOKEN),
            from: "the test".into(),
            refreshed: "/nowhere".into(),
            from_environment: false,
        },
        kept: "/nowhere".into(),
        timeout: Duration::from_secs(60),
        // none at all, whatever the environment of this test says
        proxy: Some(SecretString::from("")),
        tls: BackendTls { verify: true, ca_file: None, client: None },
    }
}

pub(crate) fn request(url: &str) -> Request<'_> {
    Request { url, token: None, headers: &[], max_reply_bytes: 1000, timeout: Duration::from_secs(60) }
}

fn push(stub: &Stub, timeout: Duration) -> Result<Reply, Failure> {
    let token = SecretString::from(TOKEN);
    let url = format!("{}/push", stub.url());
    let agent = agent(&backend(&stub.url()), Duration::from_secs(60)).unwrap();
    post(&agent, &Request { token: Some(&token), timeout, ..request(&url) }, b"batch")
}

#[track_caller]
fn failed(result: Result<Reply, Failure>, kind: Kind, part: &str) {
    let failure = result.expect_err("a failure");
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.message.contains(part), "{failure} lacks {part:?}");
    assert!(!format!("{failure} {failure:?}").contains(TOKEN), "{failure}");
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_body_goes_out_with_token_and_headers() {
    let stub = Stub::start(in_turn(vec![Answer::reply(200, "ok")]));
    let agent = agent(&backend(&stub.url()), LONG).unwrap();
    let (url, token) = (format!("{}/push", stub.url()), SecretString::from(TOKEN));
    let request = Request { token: Some(&token), headers: &[("x-batch", "b-1")], ..request(&url) };
    post(&agent, &request, b"batch").unwrap();
    get(&agent, &request).unwrap();
    let seen = stub.requests();
    let bodies: Vec<_> = seen.iter().map(|seen| seen.request.body.as_slice()).collect();
    assert_eq!(bodies, [b"batch".as_slice(), b""]);
    for seen in seen {
        assert_eq!(seen.request.header("authorization"), Some("Bearer eyJ.secret.sig"));
        assert_eq!(seen.request.header("x-batch"), Some("b-1"));
        assert_eq!(
            seen.request.header("user-agent"),
            Some(concat!("pganalytics/", env!("CARGO_PKG_VERSION")))
        );
    }
}

#[test]
fn any_status_is_an_answer_and_no_redirect_is_followed() {
    for status in [200, 304, 401, 413, 429, 500, 503] {
        let stub = Stub::start(in_turn(vec![Answer::reply(status, "").header("retry-after", "7200")]));
        let answer = push(&stub, LONG).unwrap();
        assert_eq!((answer.status, answer.retry_after), (status, Some(Duration::from_secs(3600))));
        assert_eq!(answer.header("retry-after"), Some("7200"));
    }
    let elsewhere = Stub::start(in_turn(vec![Answer::reply(200, "")]));
    let stub = Stub::start(in_turn(vec![Answer::redirect(&elsewhere.url())]));
    assert_eq!(push(&stub, LONG).unwrap().status, 307);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_date_to_retry_after_is_taken_by_the_backends_own_clock() {
    let stub = Stub::start(in_turn(vec![
        Answer::reply(503, "")
            .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
    ]));
    assert_eq!(push(&stub, LONG).unwrap().retry_after, Some(Duration::from_secs(30)));
}

#[test]
fn a_long_reply_is_cut() {
    let stub = Stub::start(in_turn(vec![Answer::reply(502, "x".repeat(100_000))]));
    let answer = push(&stub, LONG).unwrap();
    assert_eq!((answer.status, answer.body.len()), (502, 1000));
}

#[test]
fn broken_replies_are_failures() {
    for fault in [Answer::Half, Answer::WrongLength(10), Answer::ResetAfterBody] {
        let stub = Stub::start(in_turn(vec![fault]));
        failed(push(&stub, LONG), Kind::Reset, "see the log");
    }
    let stub = Stub::start(in_turn(vec![Answer::reply(200, "").header("bad header", "x")]));
    failed(push(&stub, LONG), Kind::Other, "backend's URL");
}

#[test]
fn nothing_outlasts_its_time() {
    for fault in [Answer::Stall, Answer::Drip(Duration::from_millis(50))] {
        let stub = Stub::start(in_turn(vec![fault]));
        let began = Instant::now();
        failed(push(&stub, Duration::from_millis(400)), Kind::Timeout, "out of time (");
        let took = began.elapsed();
        assert!(took > Duration::from_millis(300) && took < Duration::from_secs(20), "{took:?}");
    }
}

#[track_caller]
fn is_left_in_time(url: &str) {
    let mut backend = backend(url);
    backend.tls.verify = false;
    let agent = agent(&backend, Duration::from_millis(400)).unwrap();
    let began = Instant::now();
    failed(post(&agent, &request(url), b"x"), Kind::Timeout, "");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Accepts and says nothing, so that a TLS handshake has no end of its own.
#[test]
fn a_silent_tls_server_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    is_left_in_time(&url);
}

/// A record of TLS that comes byte by byte, each of them long before a read would give up.
#[test]
fn a_tls_server_that_drips_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let dripping = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        // Handshake, a server's greeting of 16 kB.
        let begin = [22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc];
        let mut dripped = 0;
        for byte in begin.into_iter().chain(std::iter::repeat_n(0, 16 << 10)) {
            if client.write_all(&[byte]).is_err() {
                break;
            }
            dripped += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        dripped
    });
    is_left_in_time(&url);
    let dripped = dripping.join().unwrap();
    assert!(dripped > 1, "only {dripped} bytes were sent");
}

#[test]
fn nobody_there() {
    let agent = agent(&backend("http://127.0.0.1:1"), LONG).unwrap();
    failed(get(&agent, &request("http://127.0.0.1:1/x?key=hidden")), Kind::Connect, "127.0.0.1:1: ");
    let told = get(&agent, &request("http://127.0.0.1:1/x?key=hidden")).expect_err("nobody");
    assert!(!told.message.contains("hidden"), "{told}");
    failed(get(&agent, &request("http://no-such-host.invalid/")), Kind::Resolve, "name resolution");
    failed(get(&agent, &request("not a url")), Kind::Other, "[backend] url");
}

#[test]
fn plain_http_where_tls_is_expected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = std::io::copy(&mut client, &mut std::io::sink());
    });
    let mut backend = backend(&url);
    backend.tls.verify = false;
    let agent = agent(&backend, LONG).unwrap();
    failed(get(&agent, &request(&url)), Kind::Tls, "speaks TLS");
}

#[test]
fn a_token_that_fits_no_header_is_told_without_its_text() {
    let stub = Stub::start(in_turn(vec![Answer::reply(200, "")]));
    let token = SecretString::from(format!("{TOKEN}\n{TOKEN}"));
    let url = stub.url();
    let agent = agent(&backend(&url), LONG).unwrap();
    failed(get(&agent, &Request { token: Some(&token), ..request(&url) }), Kind::Other, "token_file");
    assert_eq!(stub.requests().len(), 0);
}

/// Serves one CONNECT, and returns its head once the tunnel has closed.
fn proxy(allow: bool) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        if !allow {
            client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").unwrap();
            return head;
        }
        let mut target = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), target.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut target, &mut client);
        head
    });
    (address, served)
}

#[test]
fn a_proxy_tunnels_and_never_sees_the_token() {
    let stub = Stub::start(in_turn(vec![Answer::reply(200, "ok")]));
    let (address, served) = proxy(true);
    let mut backend = backend(&stub.url());
    backend.proxy = Some(SecretString::from(format!("http://user:p%40ss@{address}")));
    let token = SecretString::from(TOKEN);
    let url = stub.url();
    let agent = agent(&backend, LONG).unwrap();
    let answer = get(&agent, &Request { token: Some(&token), ..request(&url) }).unwrap();
    assert_eq!(answer.body, b"ok");
    drop((agent, stub));
    let head = served.join().unwrap();
    assert!(head.contains("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    assert!(!head.contains(TOKEN), "{head}");
}

#[test]
fn a_proxy_that_refuses_is_named_as_such() {
    let (address, _) = proxy(false);
    let mut backend = backend("http://backend.invalid");
    backend.proxy = Some(SecretString::from(format!("http://user:hunter2@{address}")));
    let agent = agent(&backend, LONG).unwrap();
    let failure = get(&agent, &request("http://backend.invalid/")).expect_err("refused");
    assert_eq!(failure.kind, Kind::Connect, "{failure}");
    assert!(failure.message.contains("[backend] proxy") && !failure.message.contains("hunter2"), "{failure}");
}

#[test]
fn only_http_targets_have_an_agent() {
    let mut backend = backend("stdout:");
    backend.target = Target::Stdout;
    assert!(agent(&backend, LONG).is_err());
}
