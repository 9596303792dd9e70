//! A token is refreshed when half of its life is over: once, before the first batch, and never at the batch's cost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::desk::*;
use crate::support::home::Home;
use crate::support::stub::{Answer, Request, Stub};

const DAY: i64 = 86_400;

/// A token of 30 days that was given so long ago; `mark` is what tells it from others.
fn jwt(age_s: i64, mark: &str) -> String {
    let iat = jiff::Timestamp::now().as_second() - age_s;
    let claims = json!({"sub": "c-1", "iat": iat, "exp": iat + 30 * DAY}).to_string();
    format!("e30.{}.{mark}", BASE64_URL_SAFE_NO_PAD.encode(claims))
}

/// Takes batches with one of these tokens; every refresh is answered so.
fn door(good: &[&str], refresh: Answer) -> Stub {
    let good: Vec<String> = good.iter().map(|token| format!("Bearer {token}")).collect();
    Stub::start(move |request: &Request| match request.path.as_str() {
        PUSH if good.iter().any(|g| request.header("authorization") == Some(g)) => Answer::Accept,
        PUSH => Answer::reply(401, ""),
        REFRESH => refresh.clone(),
        _ => Answer::reply(404, ""),
    })
}

fn renewal(token: &str) -> Answer {
    Answer::reply(200, json!({ "token": token }).to_string())
}

/// Path and token of each request.
fn seen(stub: &Stub) -> Vec<(String, String)> {
    let shown = |r: &Request| r.header("authorization").unwrap_or("none").replace("Bearer ", "");
    stub.requests().iter().map(|s| (s.request.path.clone(), shown(&s.request))).collect()
}

fn expected(requests: &[(&str, &str)]) -> Vec<(String, String)> {
    requests.iter().map(|(path, token)| ((*path).to_owned(), (*token).to_owned())).collect()
}

fn home_of(stub: &Stub, token: &str) -> Home {
    let home = home_for(&stub.url());
    store_token(&home, token);
    home
}

#[test]
fn a_token_in_its_first_half_is_left_alone() {
    let token = jwt(15 * DAY - 3600, "young");
    let stub = door(&[&token], renewal("new"));
    let home = home_of(&stub, &token);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(seen(&stub), expected(&[(PUSH, &token)]));
    assert!(!home.log().contains("refresh"), "{}", home.log());
}

#[test]
fn past_half_of_its_life_it_is_refreshed_once_and_the_new_one_kept() {
    let (old, new) = (jwt(15 * DAY + 1, "old"), jwt(0, "new"));
    let stub = door(&[&old, &new], renewal(&new));
    let home = home_of(&stub, &old);
    let run = home.cron();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", home.log());
    assert_eq!(seen(&stub), expected(&[(REFRESH, &old), (PUSH, &new)]));
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{new}\n"));
    assert_eq!(fs::metadata(token_path(&home)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lines(&home.log(), " INFO: Token refreshed successfully").len(), 1, "{}", home.log());
    assert!(lines(&home.log(), " WARN: ").is_empty(), "{}", home.log());
    for secret in [&old, &new] {
        assert_secret(&home, &run, secret);
    }
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(seen(&stub)[2..], expected(&[(PUSH, &new)]), "the next run begins with it");
}

#[test]
fn a_refresh_that_fails_costs_a_warning_and_no_batch() {
    let old = jwt(20 * DAY, "old");
    for (answer, name, said) in [
        (Answer::reply(403, ""), "reply 403", "answered 403"),
        (Answer::reply(500, &*old), "reply 500", "answered 500"),
        (Answer::reply(200, "{}"), "reply 200", "holds no token"),
        (renewal("two words"), "reply 200", "holds no token"),
        (Answer::ResetAfterBody, "reset after the body", "see the log of the backend"),
        (Answer::Stall, "stall", "out of time"),
    ] {
        let stub = door(&[&old], answer);
        let home = home_of(&stub, &old);
        let run = home.cron();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", home.log());
        assert_eq!(seen(&stub), expected(&[(REFRESH, &old), (PUSH, &old)]), "{name}");
        assert_eq!(stub.requests()[0].answer, name);
        assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{old}\n"));
        let log = home.log();
        let warned = lines(&log, " WARN: Half of the auth token's life is over");
        assert!(warned.len() == 1 && warned[0].contains(said), "{log}");
        assert!(!log.contains("refreshed successfully"), "{log}");
        assert_secret(&home, &run, &old);
    }
}

#[test]
fn an_expired_token_is_refreshed_and_the_batch_delivered() {
    let (old, new) = (jwt(45 * DAY, "old"), jwt(0, "new"));
    let stub = door(&[&new], renewal(&new));
    let home = home_of(&stub, &old);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(seen(&stub), expected(&[(REFRESH, &old), (PUSH, &new)]));
    assert!(entries(&home).is_empty());
}

/// Its end is not to be read out of it: the 401 tells.
#[test]
fn an_expired_token_that_tells_no_life_is_refreshed_when_it_is_rejected() {
    let new = jwt(0, "new");
    let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({"sub": "c-1", "exp": 1_600_000_000}).to_string());
    let old = format!("e30.{claims}.old");
    let stub = door(&[&new], renewal(&new));
    let home = home_of(&stub, &old);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(seen(&stub), expected(&[(PUSH, &old), (REFRESH, &old), (PUSH, &new)]));
    assert!(entries(&home).is_empty());
}

#[test]
fn a_run_refreshes_once_though_the_new_token_is_rejected_too() {
    let (old, new) = (jwt(45 * DAY, "old"), jwt(0, "new"));
    for (refresh, pushed) in [(renewal(&new), &new), (Answer::reply(500, ""), &old)] {
        let stub = door(&[], refresh);
        let home = home_of(&stub, &old);
        assert_eq!(home.cron().code, Some(1));
        assert_eq!(seen(&stub), expected(&[(REFRESH, &old), (PUSH, pushed)]));
        assert_eq!(entries(&home).len(), 1);
    }
}

/// The next run would begin with it again, and so ask each minute.
#[test]
fn a_token_that_the_environment_gives_is_left_alone() {
    let old = jwt(20 * DAY, "old");
    let stub = door(&[&old], renewal("new"));
    let home = Home::new().env("BACKEND_TOKEN", &old).env("MINE", &old);
    for token in ["", "token = \"env:MINE\""] {
        configure(&home, &stub.url(), "", token);
        assert_eq!(home.cron().code, Some(0), "{}", home.log());
    }
    assert_eq!(seen(&stub), expected(&[(PUSH, &old), (PUSH, &old)]));
    assert!(!token_path(&home).exists());
}

#[test]
fn a_token_of_the_file_is_outlived_by_its_refresh() {
    let (old, new) = (jwt(20 * DAY, "old"), jwt(0, "new"));
    let stub = door(&[&old, &new], renewal(&new));
    let home = home_with(&stub.url(), &format!("token = \"{old}\""));
    fs::remove_file(token_path(&home)).unwrap();
    for _ in 0..2 {
        assert_eq!(home.cron().code, Some(0), "{}", home.log());
    }
    assert_eq!(seen(&stub), expected(&[(REFRESH, &old), (PUSH, &new), (PUSH, &new)]));
}

/// As where root owns the directory: the token can be read there, and not replaced.
#[test]
fn a_token_file_that_cannot_be_replaced_is_outlived_by_what_the_state_directory_keeps() {
    let (old, new) = (jwt(20 * DAY, "old"), jwt(0, "new"));
    let stub = door(&[&old, &new], renewal(&new));
    let (home, named) = home_with_token_file(&stub, &old);
    in_the_way(&named);
    let first = home.cron();
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""), "{}", home.log());
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(seen(&stub), expected(&[(REFRESH, &old), (PUSH, &new), (PUSH, &new)]));
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{new}\n"));
    assert_eq!(lines(&home.log(), " WARN: ").len(), 1, "{}", home.log());
    let loaded = format!("Loaded auth token from {}", token_path(&home).display());
    assert_eq!(lines(&home.log(), &loaded).len(), 1, "{}", home.log());
    for secret in [&old, &new] {
        assert_secret(&home, &first, secret);
    }
    // Whatever its file's time: one that was issued earlier is not the newer one.
    fs::write(&named, jwt(3600, "between")).unwrap();
    assert_eq!(home.cron().code, Some(0));
    let last = jwt(-1, "last");
    fs::write(&named, &last).unwrap();
    home.cron();
    assert_eq!(seen(&stub)[3..5], expected(&[(PUSH, &new), (PUSH, &last)]));
}

#[test]
fn a_token_that_nowhere_takes_is_mailed_when_it_begins_and_when_it_ends() {
    let (old, new) = (jwt(20 * DAY, "old"), jwt(0, "new"));
    let stub = door(&[&old, &new], renewal(&new));
    let (home, named) = home_with_token_file(&stub, &old);
    let obstacles = [in_the_way(&named), in_the_way(&token_path(&home))];
    let first = home.cron();
    assert_eq!(first.code, Some(0), "the batch went out: {}", home.log());
    assert!(first.stderr.starts_with("pganalytics: the refreshed auth token cannot be stored"), "{first:?}");
    assert_eq!(first.stderr.lines().count(), 1, "{}", first.stderr);
    assert_secret(&home, &first, &new);
    assert_eq!(home.cron().stderr, "", "once a day");
    obstacles.iter().for_each(|path| fs::remove_dir(path).unwrap());
    let mended = home.cron();
    assert!(mended.stderr.contains("over after") && mended.stderr.contains("cannot be stored"), "{mended:?}");
    assert_eq!(fs::read_to_string(named).unwrap(), format!("{new}\n"));
}

/// A token in a directory of its own.
fn home_with_token_file(stub: &Stub, token: &str) -> (Home, PathBuf) {
    let home = Home::new();
    let named = home.state_dir().with_file_name("secrets").join("token");
    fs::create_dir(named.parent().unwrap()).unwrap();
    fs::write(&named, token).unwrap();
    configure(&home, &stub.url(), "", &format!("token_file = \"{}\"", named.display()));
    (home, named)
}

/// A directory where its replacement would be written, which stops root too.
fn in_the_way(path: &Path) -> PathBuf {
    let beside = path.with_file_name(format!(".{}.new", path.file_name().unwrap().to_str().unwrap()));
    fs::create_dir(&beside).unwrap();
    beside
}
