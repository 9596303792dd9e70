//! What stands in the way, and what is left then: all that was there before, and no secret anywhere.

use pganalytics::state::{Locked, StateDir};

use super::*;
use crate::support::ports;

/// A run that ends so and leaves no file of its own; gives back what it said.
#[track_caller]
fn refused(home: &Home, args: &[&str], code: i32) -> String {
    let run = home.run(args);
    assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{}", run.stderr);
    assert!(!id_path(home).exists() && !token_path(home).exists());
    assert_secret(home, &run, SECRET, Path::new(""));
    run.stderr
}

#[test]
fn without_a_secret_nothing_is_asked() {
    let stub = desk(identity());
    let home = Home::new();
    configure(&home, &stub.url(), "", "");
    let file = home.config_path().with_file_name("secret");
    let named = ["register", "--secret-file", file.to_str().unwrap()];
    let mut said = vec![refused(&home, &["register"], 2), refused(&home, &named, 2)];
    assert!(said[1].contains("No such file"), "{}", said[1]);
    for unusable in ["", " \n\n", "one\ntwo\n"] {
        fs::write(&file, unusable).unwrap();
        said.push(refused(&home, &named, 2));
    }
    for said in said {
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() == 1 && lines[0].starts_with("pganalytics: "), "{said}");
        assert!(said.contains("REGISTRATION_SECRET") && said.contains("--secret-file"), "{said}");
    }
    assert!(stub.requests().is_empty(), "{:?}", stub.log());
}

#[test]
fn a_target_that_is_no_backend_has_nothing_to_register_with() {
    for url in ["{target}", "stdout:"] {
        let home = orders(url);
        let said = refused(&home, &["register"], 2);
        assert!(said.contains("nothing to register with at "), "{said}");
        assert!(said.contains("[backend] url must be"), "{said}");
    }
}

#[test]
fn each_refusal_says_what_to_do_next() {
    for (status, part) in [
        (401, "the registration secret is not the one that it has"),
        (403, "the registration secret is not the one that it has"),
        (409, "the name orders is taken: an admin of the backend has to allow it"),
        (429, "too many registrations, try again in 9 s"),
        (422, "see [collector]"),
        (404, "check [backend] url"),
        (307, "redirects are not followed"),
        (500, "see the log of the backend"),
        (200, "is this the backend, or a proxy or portal before it?"),
    ] {
        let body = json!({"code": "odd", "message": format!("its\nwords, {SECRET}")}).to_string();
        let stub = desk(Answer::reply(status, body).header("retry-after", "9"));
        let home = orders(&stub.url());
        let said = refused(&home, &["register"], 1);
        assert!(said.contains(&format!("answered {status}")) && said.contains(part), "{said}");
        assert_eq!(said.contains("(odd: its words, ***)"), status != 200, "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        assert_eq!(stub.log(), [format!("POST {REGISTER} -> reply {status}")], "once");
    }
}

#[test]
fn a_refusal_leaves_the_old_identity_and_tells_no_token() {
    let stub = Stub::start(|request: &Request| {
        let shown = request.header("authorization").unwrap_or_default().to_owned();
        Answer::reply(409, json!({"code": shown, "message": shown}).to_string())
    });
    let home = orders(&stub.url());
    fs::write(token_path(&home), format!("{TOKEN}\n")).unwrap();
    fs::write(id_path(&home), format!("{ID}\n")).unwrap();
    let run = home.run(&["register"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("(Bearer ***: Bearer ***)"), "{}", run.stderr);
    assert_secret(&home, &run, TOKEN, &token_path(&home));
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{TOKEN}\n"));
    assert_eq!(fs::read_to_string(id_path(&home)).unwrap(), format!("{ID}\n"));
}

#[test]
fn an_answer_that_could_not_be_used_is_not_stored() {
    for answer in [
        given("../x", TOKEN),
        given(SECRET, TOKEN),
        given(TOKEN, TOKEN),
        given(ID, "two words"),
        Answer::reply(200, json!({"collector_id": ID}).to_string()),
        Answer::reply(200, format!("<html>{SECRET}")),
    ] {
        let stub = desk(answer);
        let home = orders(&stub.url());
        let said = refused(&home, &["register"], 1);
        assert!(said.contains("no id and token that could be used"), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
        assert_eq!(stub.requests().len(), 1);
    }
}

#[test]
fn a_backend_that_is_not_there_is_told_as_such() {
    let port = ports::lease();
    let home = orders(&format!("http://127.0.0.1:{}", port.number));
    let said = refused(&home, &["register"], 1);
    assert!(
        said.contains("registering with 127.0.0.1:") && said.contains("check that the backend"),
        "{said}"
    );
    assert!(!said.contains("may have been taken in"), "{said}");
}

#[test]
fn an_answer_that_is_lost_may_have_been_a_registration() {
    for (fault, name) in [(Answer::ResetAfterBody, "reset after the body"), (Answer::Stall, "stall")] {
        let stub = desk(fault);
        let home = orders(&stub.url());
        configure(&home, &stub.url(), "", "timeout = 1");
        let said = refused(&home, &["register"], 1);
        assert!(said.contains("may have been taken in all the same"), "{said}");
        assert_eq!(stub.log(), [format!("POST {REGISTER} -> {name}")], "once");
    }
}

#[test]
fn a_run_under_way_is_not_disturbed() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    let Locked::Mine(lock) = StateDir::open(&home.state_dir()).unwrap().lock().unwrap() else {
        panic!("nobody else is there")
    };
    let said = refused(&home, &["register"], 75);
    assert!(said.contains(&format!("pid {}", std::process::id())) && said.contains("try again"), "{said}");
    assert!(stub.requests().is_empty(), "{:?}", stub.log());
    drop(lock);
    assert_eq!(home.run(&["register"]).code, Some(0));
}

#[test]
fn nothing_is_asked_that_could_not_be_kept() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    configure(&home, &stub.url(), "", "token_file = \"{state}/missing/token\"");
    let said = refused(&home, &["register"], 2);
    assert!(said.contains("/missing/token") && said.contains("nothing was asked of the backend"), "{said}");
    assert!(stub.requests().is_empty(), "{:?}", stub.log());
}

#[test]
fn who_could_store_the_token_alone_registers_again_with_it() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    fs::create_dir(id_path(&home)).unwrap();
    let run = home.run(&["register"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(run.stderr.contains(&format!("storing the id {ID} as ")), "{}", run.stderr);
    assert!(run.stderr.contains("register again"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{TOKEN}\n"));
    fs::remove_dir(id_path(&home)).unwrap();
    assert_eq!(home.run(&["register"]).code, Some(0));
    let shown = stub.requests()[1].request.header("authorization").map(str::to_owned);
    assert_eq!(shown, Some(format!("Bearer {TOKEN}")));
    assert_eq!(fs::read_to_string(id_path(&home)).unwrap(), format!("{ID}\n"));
}
