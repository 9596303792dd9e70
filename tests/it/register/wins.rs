//! What is given elsewhere, and whether it or what was stored counts from now on: said, and so.

use super::*;
use crate::support::stub::Seen;

fn last(stub: &Stub) -> Seen {
    stub.requests().pop().unwrap()
}

#[test]
fn what_the_environment_gives_wins_and_is_warned_of() {
    let stub = desk(identity());
    let home = orders(&stub.url()).env("BACKEND_TOKEN", "of-env").env("COLLECTOR_ID", "env-id");
    let run = home.run(&["register"]);
    let expected = "warning: COLLECTOR_ID gives env-id, which wins over the stored id: take it out\n\
                    warning: the token given in BACKEND_TOKEN wins over the stored one: take it out\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), &*format!("{IN_THE_CLEAR}{expected}")));
    assert_eq!(last(&stub).request.header("authorization"), Some("Bearer of-env"));
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{TOKEN}\n"), "stored all the same");
    assert!(home.run(&["--validate-config"]).stdout.contains("Collector ID: env-id\n"));
    assert_secret(&home, &run, "of-env", Path::new(""));
}

#[test]
fn a_token_of_the_file_goes_along_and_is_outlived() {
    let stub = desk(identity());
    let home = orders(&stub.url());
    configure(&home, &stub.url(), "id = \"collector-001\"", "token = \"of-file\"");
    let run = home.run(&["register"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(last(&stub).request.header("authorization"), Some("Bearer of-file"));
    let given = format!("warning: the token given in {} is older", home.config_path().display());
    let note = "note: it went by collector-001 before; the stored id wins over [collector] id";
    assert!(run.stderr.contains(&given) && run.stderr.contains(note), "{}", run.stderr);
    let again = home.run(&["register"]);
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), IN_THE_CLEAR), "all of it is settled");
    let shown = last(&stub).request.header("authorization").map(str::to_owned);
    assert_eq!(shown, Some(format!("Bearer {TOKEN}")), "so it is");
}
