use super::*;

const TOKEN: &str = "tok-2236067977";
const PROBLEM: &str = r#"{"code":"invalid_batch","message":"no\nitems","request_id":"r1"}"#;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        retry_after: Some(Duration::from_secs(7)),
        headers: Default::default(),
        body: body.as_bytes().to_vec(),
    }
}

fn kind(reply: &Reply) -> &'static str {
    match reply {
        Reply::Accepted { .. } => "accepted",
        Reply::Retry { after: None, .. } => "retry",
        Reply::Retry { after: Some(_), .. } => "retry after",
        Reply::Fault { .. } => "fault",
        Reply::Unauthorized { .. } => "unauthorized",
        Reply::TooLarge { .. } => "too large",
        Reply::Reject { .. } => "reject",
    }
}

#[test]
fn each_answer_means_what_the_contract_says() {
    fn check(status: u16, body: &str, expected: &str) {
        let reply = of(&answer(status, body), "b1", "api:8080", TOKEN);
        assert_eq!(kind(&reply), expected, "{status} {body}");
        if let Reply::Retry { why, .. } | Reply::Reject { why } | Reply::Fault { why } = reply {
            assert!(why.starts_with(&format!("api:8080 answered {status}")), "{why}");
            assert!(why.contains(": ") && !why.contains('\n'), "{why}");
        }
    }
    let echo = r#"{"batch_id":"b1"}"#;
    check(200, echo, "accepted");
    check(201, echo, "accepted");
    check(202, r#"{"status":"success","batch_id":"b1","duplicate":true,"metrics_inserted":3}"#, "accepted");
    check(200, r#"{"batch_id":"b1","status":null,"want_texts":"x"}"#, "accepted");
    for body in [r#"{"batch_id":"b2"}"#, r#"{"batch_id":7}"#, r#"{"status":"success"}"#, "[]", "", "<html>"] {
        check(200, body, "retry");
        check(204, body, "retry");
    }
    for status in [400, 422] {
        check(status, PROBLEM, "reject");
        check(status, echo, "retry");
        check(status, "<html>Bad Request</html>", "retry");
        check(status, "", "retry");
    }
    check(401, PROBLEM, "unauthorized");
    check(413, "", "too large");
    check(413, PROBLEM, "too large");
    check(429, "", "retry after");
    check(503, PROBLEM, "retry after");
    check(500, echo, "fault");
    for status in [301, 302, 307, 308, 402, 403, 404, 405, 409, 418, 501, 502, 504, 599] {
        check(status, PROBLEM, "retry");
        check(status, echo, "retry");
    }
}

#[test]
fn wanted_texts_are_bounded() {
    let many: Vec<String> =
        (0..300).map(|n| format!(r#"{{"server":"s","queryid":"{n}"}}"#)).chain([long()]).collect();
    let body = format!(r#"{{"batch_id":"b1","want_texts":[{}]}}"#, many.join(","));
    let Reply::Accepted { wants } = of(&answer(200, &body), "b1", "h", TOKEN) else { panic!("not accepted") };
    assert_eq!((wants.len(), wants[99].queryid.as_str()), (100, "99"));
    let body = format!(r#"{{"batch_id":"b1","want_texts":[{}]}}"#, long());
    assert_eq!(of(&answer(200, &body), "b1", "h", TOKEN), Reply::Accepted { wants: Vec::new() });
}

fn long() -> String {
    format!(r#"{{"server":"s","queryid":"{}"}}"#, "9".repeat(21))
}

#[test]
fn what_the_backend_says_is_told_on_one_line_and_cut() {
    let Reply::Reject { why } = of(&answer(422, PROBLEM), "b1", "h", TOKEN) else { panic!("not rejected") };
    assert_eq!(why, "h answered 422 (invalid_batch: no items): it will never take this batch");
    let endless = format!(r#"{{"code":"c","message":"{}"}}"#, "x".repeat(9000));
    let Reply::Reject { why } = of(&answer(400, &endless), "b1", "h", TOKEN) else { panic!("not rejected") };
    assert!(why.len() < 300, "{}", why.len());
}

#[test]
fn a_token_that_is_repeated_is_not_told() {
    let long = "x".repeat(190);
    for message in [format!("{TOKEN} is unknown"), format!("{long}{TOKEN}")] {
        let body = format!(r#"{{"code":"{TOKEN}","message":"{message}"}}"#);
        let Reply::Unauthorized { why } = of(&answer(401, &body), "b1", "h", TOKEN) else { panic!("let in") };
        assert!(!why.contains("tok-") && why.contains("***"), "{why}");
    }
}
