//! 413: halves, halves of halves, and what no halving helps.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use pganalytics::batch::inflate;
use pganalytics::spool::Spool;
use serde_json::Value;

use super::desk::*;
use crate::support::stub::Answer;

/// Takes batches of so many items at most.
fn at_most(items: usize) -> Answer {
    by_batch(move |request| match request.json.as_ref().unwrap()["metrics"].as_array().unwrap().len() {
        count if count <= items => Answer::Accept,
        _ => Answer::reply(413, ""),
    })
}

#[test]
fn too_large_a_batch_arrives_in_parts_with_every_item_once() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    backend.answers(at_most(1));
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let requests = backend.stub.requests();
    let arrived = backend.accepted();
    for sequence in [1, 2] {
        let whole = requests.iter().cloned().filter_map(arrived_as(sequence)).next().unwrap();
        let parts: Vec<&Arrived> = arrived.iter().filter(|a| a.sequence == sequence).collect();
        let items: Vec<Value> = parts.iter().flat_map(|part| part.items()).collect();
        assert!(items.len() > 2, "{items:?}");
        assert_eq!(items, whole.items(), "all of them, once, in order");
        for part in &parts {
            let (from, _) = part.id.rsplit_once('.').unwrap();
            assert!(part.id.starts_with(&whole.id) && part.body["part_of"] == from, "{}", part.id);
        }
        let counted: u64 = parts.iter().map(|p| p.body["outcomes"]["ok"].as_u64().unwrap()).sum();
        assert_eq!(counted, whole.body["outcomes"]["ok"].as_u64().unwrap());
    }
    assert!(arrived.iter().map(|a| a.sequence).is_sorted());
    assert!(entries(&home).is_empty() && rejects(&home).is_empty());
    let log = home.log();
    assert_eq!(lines(&log, "Metrics pushed successfully").len(), 1, "{log}");
    assert!(log.contains("Spool buffer: ") && log.contains("is split in two"), "{log}");
}

fn arrived_as(sequence: u64) -> impl FnMut(crate::support::stub::Seen) -> Option<Arrived> {
    move |seen| arrived(seen).filter(|a| a.sequence == sequence)
}

#[test]
fn an_item_that_is_too_large_by_itself_goes_aside_alone() {
    let large = |request: &crate::support::stub::Request| {
        let text = request.json.as_ref().unwrap()["metrics"].to_string();
        if text.contains(r#""type":"agent""#) { Answer::reply(413, "") } else { Answer::Accept }
    };
    let backend = Backend::start(by_batch(large));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    assert!(entries(&home).is_empty());
    assert_eq!(rejects(&home).len(), 1);
    assert!(!home.log().contains("Metrics pushed successfully"), "{}", home.log());
    assert_eq!(read_ledger(&home).lost_sequences, [1]);
    let whole = arrived(backend.stub.requests()[0].clone()).unwrap();
    let items: usize = backend.accepted().iter().map(|a| a.items().len()).sum();
    assert_eq!(items, whole.items().len() - 1);
    backend.answers(Answer::Accept);
    assert_eq!(home.run(&["spool", "flush", "--rejected"]).code, Some(0));
    let last = backend.accepted().pop().unwrap();
    assert_eq!(last.items(), [whole.agent()]);
}

#[test]
fn a_split_that_was_cut_short_is_done_again_and_sends_nothing_twice() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    let original = entries(&home).remove(0);
    let whole = fs::read(&original.path).unwrap();
    // The first half is there, of the second only the beginning, and the original still.
    let items = arrived(backend.stub.requests()[0].clone()).unwrap().items().len();
    backend.answers(at_most(items.div_ceil(2)));
    assert_eq!(home.cron().code, Some(0));
    let first = backend.stub.requests().into_iter().find(|s| s.answer == "accept").unwrap().request;
    fs::write(&original.path, &whole).unwrap();
    let beside = |name: String| original.path.with_file_name(name);
    fs::write(beside(format!("000000001-{}.json.gz", first.batch_id().unwrap())), &first.body).unwrap();
    fs::write(beside(".000000001-killed.json.gz.new".to_owned()), &whole[..20]).unwrap();
    backend.answers(Answer::Accept);
    let before = backend.accepted().len();
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let arrived = backend.accepted().split_off(before);
    let ids: Vec<&str> = arrived.iter().filter(|a| a.sequence == 1).map(|a| a.id.as_str()).collect();
    assert_eq!(ids, [format!("{}.1", original.batch_id), format!("{}.2", original.batch_id)]);
    assert!(fs::read_dir(home.state_dir().join("spool")).unwrap().next().is_none(), "no rest either");
}

#[test]
fn a_refusal_before_the_body_is_heard() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let (seen, home) = (heads.clone(), home_for(&url));
    std::thread::spawn(move || server.incoming().flatten().for_each(|socket| serve(&socket, &seen)));
    let spool = Spool::open(&state(&home));
    let items: Vec<String> = (0..4).map(|n| format!("\"{}\"", noise(n))).collect();
    let head = r#""schema":1,"sequence":1,"collector_id":"c-1","hostname":"h","timestamp":"t","started_at":"t","version":"3.3.0""#;
    let tail = r#""metrics_count":4,"outcomes":{"ok":4,"partial":0,"skipped":0,"failed":0}"#;
    let items = items.join(",");
    let text = format!(r#"{{"batch_id":"big",{head},"interval_s":60,"metrics":[{items}],{tail}}}"#);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    spool.put(1, "big", &gzip.finish().unwrap()).unwrap();
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert!(entries(&home).is_empty());
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 4, "the whole, its halves, the fresh one: {heads:?}");
    assert!(heads[0].contains("expect: 100-continue") && !heads[3].contains("expect:"), "{heads:?}");
}

/// Refuses by the announced length, as front ends do: at once, and without reading any further.
fn serve(mut socket: &TcpStream, seen: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(socket);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        seen.lock().unwrap().push(head.clone());
        let length: usize =
            head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        if length > 700_000 {
            let _ =
                socket.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return;
        }
        if head.contains("expect:") {
            socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).unwrap();
        let batch: Value = serde_json::from_slice(&inflate(&body).unwrap()).unwrap();
        let reply = format!(r#"{{"batch_id":{}}}"#, batch["batch_id"]);
        write!(socket, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{reply}", reply.len()).unwrap();
    }
}

/// Text that hardly compresses.
fn noise(seed: u64) -> String {
    let mut state = seed + 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 58) as u8)
    };
    (0..300_000).map(|_| next()).filter(|c| *c != '\\').collect()
}
