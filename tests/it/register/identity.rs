//! What is asked for, and what becomes of it.

use std::os::unix::fs::{MetadataExt, chown};

use rustix::process::geteuid;

use super::*;
use crate::push::desk;

#[test]
fn id_and_token_are_kept_for_the_owner_alone() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    configure(&home, &stub.url(), "name = \"orders\"\naddress = \"10.1.2.3\"", "");
    let run = home.run(&["register"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), IN_THE_CLEAR));
    assert_eq!(
        run.stdout,
        format!(
            "Registered as {ID} (token valid until 2027-01-01T00:00:00Z)\n\
             Next: pganalytics check, and a first pganalytics cron\n"
        )
    );
    let seen = stub.requests();
    assert_eq!(stub.log(), [format!("POST {REGISTER} -> reply 201")]);
    assert_eq!(seen[0].request.header("x-registration-secret"), Some(SECRET));
    assert_eq!(seen[0].request.header("content-type"), Some("application/json"));
    assert_eq!(seen[0].request.header("authorization"), None);
    let expected =
        json!({"name": "orders", "hostname": "host.test", "address": "10.1.2.3", "version": "3.3.0"});
    assert_eq!(seen[0].request.json, Some(expected));

    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{TOKEN}\n"));
    assert_eq!(fs::read_to_string(id_path(&home)).unwrap(), format!("{ID}\n"));
    assert_eq!([mode(&token_path(&home)), mode(&id_path(&home))], [0o600; 2]);
    let mut left = files(&home.state_dir());
    left.sort();
    assert_eq!(left, [id_path(&home), token_path(&home), home.state_dir().join("lock")]);
    let nowhere = Path::new("");
    assert_secret(&home, &run, SECRET, nowhere);
    assert_secret(&home, &run, TOKEN, &token_path(&home));
    assert!(home.run(&["--validate-config"]).stdout.contains(&format!("Collector ID: {ID}\n")));
}

#[test]
fn an_unnamed_collector_goes_by_its_host() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    configure(&home, &stub.url(), "", "");
    assert_eq!(home.run(&["register"]).code, Some(0));
    let expected = json!({"name": "host.test", "hostname": "host.test", "version": "3.3.0"});
    assert_eq!(stub.requests()[0].request.json, Some(expected));
}

#[test]
fn who_has_a_token_shows_it_and_gets_the_next() {
    let stub = Stub::start(|request: &Request| {
        let shown = request.header("authorization").unwrap_or("none");
        given(ID, if shown == "none" { "first" } else { "second" })
    });
    let home = orders(&stub.url());
    for (shown, stored) in [(None, "first\n"), (Some("Bearer first"), "second\n")] {
        let run = home.run(&["register"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), IN_THE_CLEAR));
        assert_eq!(stub.requests().last().unwrap().request.header("authorization"), shown);
        assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), stored);
    }
    for unusable in ["", " \n", "two\nlines"] {
        fs::write(token_path(&home), unusable).unwrap();
        assert_eq!(home.run(&["register"]).code, Some(0));
        assert_eq!(stub.requests().last().unwrap().request.header("authorization"), None, "{unusable:?}");
    }
}

#[test]
fn a_file_can_hold_the_secret() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    let file = home.config_path().with_file_name("secret");
    fs::write(&file, " from a file\r\n\n").unwrap();
    let run = home.run(&["register", "--secret-file", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let shown = stub.requests()[0].request.header("x-registration-secret").map(str::to_owned);
    assert_eq!(shown.as_deref(), Some("from a file"), "what is typed beats the environment");
    assert_secret(&home, &run, "from a file", &file);
}

#[test]
fn the_next_run_goes_by_what_was_stored() {
    let stub = Stub::start(|request: &Request| match request.path.as_str() {
        REGISTER => identity(),
        desk::PUSH if request.header("authorization") == Some(&format!("Bearer {TOKEN}")) => Answer::Accept,
        _ => Answer::reply(401, ""),
    });
    let home = Home::new().env("REGISTRATION_SECRET", SECRET);
    desk::configure(&home, &stub.url(), "", "");
    let run = home.run(&["register"]);
    let note = "note: it went by c-1 before; the stored id wins over [collector] id\n";
    assert_eq!((run.code, run.stderr), (Some(0), format!("{IN_THE_CLEAR}{note}")));
    let cycle = home.cron();
    assert_eq!(cycle.code, Some(0), "{}", home.log());
    let arrived = desk::accepted(&stub);
    assert_eq!(arrived[0].body["collector_id"], ID);
    assert_secret(&home, &cycle, SECRET, Path::new(""));
    assert_secret(&home, &cycle, TOKEN, &token_path(&home));
}

#[test]
fn what_root_registers_serves_the_owner_of_the_state() {
    const OTHER: u32 = 54_321;
    if !geteuid().is_root() {
        return; // Nobody else can give files away.
    }
    let stub = desk(identity());
    let home = orders(&stub.url());
    let roots = home.config_path().with_file_name("etc");
    fs::create_dir(&roots).unwrap();
    let token = roots.join("token");
    configure(&home, &stub.url(), "name = \"orders\"", &format!("token_file = \"{}\"", token.display()));
    chown(home.state_dir(), Some(OTHER), Some(OTHER)).unwrap();
    assert_eq!(home.run(&["register"]).code, Some(0));
    for path in [&token, &id_path(&home), &home.state_dir().join("lock")] {
        let meta = fs::metadata(path).unwrap();
        assert_eq!((meta.uid(), meta.gid(), mode(path)), (OTHER, OTHER, 0o600), "{}", path.display());
    }
    assert_eq!(fs::read_to_string(&token).unwrap(), format!("{TOKEN}\n"));
    assert!(!token_path(&home).exists());
}
