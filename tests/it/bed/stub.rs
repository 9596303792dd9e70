use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::poll::LONG;
use crate::support::stub::{Answer, Stub, in_turn};

const PUSH: &str = "/api/v1/metrics/push";

#[test]
fn acknowledges_what_it_was_sent_and_records_it() {
    let stub = Stub::start(in_turn(vec![Answer::Accept, Answer::AcceptOther]));
    let (status, reply) = push(&agent(), &stub).unwrap();
    assert_eq!((status, &reply["batch_id"]), (200, &json!("b-1")));
    assert_ne!(push(&agent(), &stub).unwrap().1["batch_id"], "b-1");
    let seen = stub.requests();
    assert_eq!(seen[0].request.json, Some(json!({"batch_id": "b-1"})));
    assert_eq!(seen[0].request.header("content-encoding"), Some("gzip"));
    assert_eq!(seen[0].request.body[..2], [0x1f, 0x8b], "the body as it came");
    assert_eq!(
        stub.log(),
        [format!("POST {PUSH} -> accept"), format!("POST {PUSH} -> accept another batch")]
    );
}

#[test]
fn replies_as_scripted_over_one_connection() {
    let stub = Stub::start(in_turn(vec![
        Answer::reply(429, "").header("retry-after", "7"),
        Answer::redirect("/elsewhere"),
        Answer::reply(200, "not json"),
    ]));
    let agent = agent();
    let replies: Vec<_> = (0..3).map(|_| post(&agent, &stub).unwrap()).collect();
    assert_eq!(replies[0].headers()["retry-after"], "7");
    assert_eq!(replies[1].headers()["location"], "/elsewhere");
    assert_eq!(replies.iter().map(|r| r.status().as_u16()).collect::<Vec<_>>(), [429, 307, 200]);
    assert_eq!(stub.log().len(), 3);
}

#[test]
fn a_script_can_decide_by_the_body() {
    let stub = Stub::start(|head| match head.path.as_str() {
        PUSH => Answer::with_body(|r| Answer::reply(if r.batch_id() == Some("b-1") { 413 } else { 200 }, "")),
        _ => Answer::reply(404, ""),
    });
    assert_eq!(post(&agent(), &stub).unwrap().status().as_u16(), 413);
    assert_eq!(stub.log(), [format!("POST {PUSH} -> reply 413")]);
}

#[test]
fn broken_replies_break_for_the_client() {
    for fault in [Answer::Half, Answer::WrongLength(10), Answer::ResetAfterBody, Answer::ResetBeforeBody] {
        let stub = Stub::start(in_turn(vec![fault]));
        assert!(push(&agent(), &stub).is_err(), "{:?}", stub.log());
        assert_eq!(stub.requests().len(), 1);
    }
    let stub = Stub::start(in_turn(vec![Answer::WrongLength(-1)]));
    assert!(push(&agent(), &stub).is_err(), "JSON that lacks its end");
}

#[test]
fn resets_are_resets() {
    for fault in [Answer::ResetBeforeBody, Answer::ResetAfterBody] {
        let stub = Stub::start(in_turn(vec![fault]));
        let mut socket = TcpStream::connect(stub.address()).unwrap();
        socket.write_all(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn stalls_and_drips() {
    let stub = Stub::start(in_turn(vec![Answer::Stall, Answer::Drip(Duration::from_millis(3))]));
    let mut socket = TcpStream::connect(stub.address()).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stub.wait_for(1, LONG);
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let start = Instant::now();
    assert_eq!(push(&agent(), &stub).unwrap().0, 200);
    assert!(start.elapsed() > Duration::from_millis(200), "{:?}", start.elapsed());
}

#[test]
fn speaks_tls_with_the_certificate_it_was_given() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let stub =
        Stub::https(vec![own.cert.der().clone()], key, in_turn(vec![Answer::Accept, Answer::ResetAfterBody]));
    let trusted = tls_agent(vec![ureq::tls::Certificate::from_der(own.cert.der()).to_owned()]);
    assert_eq!(push(&trusted, &stub).unwrap().0, 200);
    assert!(push(&trusted, &stub).is_err());
    assert!(push(&tls_agent(Vec::new()), &stub).is_err(), "nobody trusts it unasked");
    assert_eq!(stub.requests().len(), 2);
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

fn tls_agent(roots: Vec<ureq::tls::Certificate<'static>>) -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    ureq::Agent::config_builder().http_status_as_error(false).tls_config(tls).build().into()
}

fn post(agent: &ureq::Agent, stub: &Stub) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(br#"{"batch_id":"b-1"}"#).unwrap();
    let url = format!("{}{PUSH}", stub.url());
    agent.post(url).header("content-encoding", "gzip").send(gzip.finish().unwrap())
}

fn push(agent: &ureq::Agent, stub: &Stub) -> anyhow::Result<(u16, Value)> {
    let mut response = post(agent, stub)?;
    let body = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&body)?))
}
