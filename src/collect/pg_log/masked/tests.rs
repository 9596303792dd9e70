use super::*;

const TEXTS: Texts = Texts::OF_TESTS;

fn failed(text: &str) -> String {
    let entry = Entry { message: text.as_bytes().into(), ..Entry::default() };
    message(&entry, Severity::Failed)
}

#[test]
fn values_go_and_names_stay() {
    for (text, told) in [
        ("relation \"shop.orders\" does not exist", "relation \"shop.orders\" does not exist"),
        (
            "null value in column \"a\" of relation \"t\" violates not-null constraint",
            "null value in column \"a\" of relation \"t\" violates not-null constraint",
        ),
        (
            "invalid input syntax for type integer: \"secret\"",
            "invalid input syntax for type integer: \"***\"",
        ),
        (
            "invalid input syntax for type integer: \"x\" for table \"secret\"",
            "invalid input syntax for type integer: \"***\"",
        ),
        (
            "value \"99999999999\" is out of range for type integer",
            "value \"***\" is out of range for type integer",
        ),
        ("value \"secret\" is wrong for type \"t\"", "value \"***\""),
        ("syntax error at or near \"secret\"", "syntax error at or near \"***\""),
        ("column \"a secret thing\" does not exist", "column \"***\" does not exist"),
        ("column \"4111111111111111\" does not exist", "column \"***\" does not exist"),
        ("customer 4711 owes 12.50", "customer 0 owes 0"),
        ("operator does not exist: int4 + utf8", "operator does not exist: int4 + utf8"),
        ("COPY failed: 'secret' isn't here", "COPY failed: '***'t here"),
        ("Relation «secret» existiert nicht", "Relation «***» existiert nicht"),
        ("Syntaxfehler bei „secret“", "Syntaxfehler bei „***”"),
        ("could not connect: host=db password=secret dbname=x", "could not connect: host=db "),
        ("could not connect to postgres://me:secret@host/db", "could not connect to postgres"),
        ("unterminated \"secret", "unterminated \"***\""),
        ("open (secret", "open (***)"),
        ("", ""),
    ] {
        assert_eq!(failed(text), told, "{text}");
    }
}

#[test]
fn a_failure_of_our_own_statements_tells_no_value() {
    for (state, message, told) in [
        (
            "22P02",
            "invalid input syntax for type integer: \"4111\"",
            "invalid input syntax for type integer: \"***\"",
        ),
        ("22003", "value 4111 is out of range", "value 0 is out of range"),
        ("08P01", "bind message supplies 0 parameters", "bind message supplies 0 parameters"),
        ("P0001", "card 4111", "in words of its author's, which stay in the server's log"),
        ("U0001", "card 4111", "in words of its author's, which stay in the server's log"),
        ("HV000", "could not connect to server \"far\"", "could not connect to server \"far\""),
    ] {
        assert_eq!(of_failure(state, message), told, "{state}");
    }
}

#[test]
fn what_the_server_says_of_itself_keeps_its_numbers() {
    let entry = Entry {
        message: b"server process (PID 4711) was terminated by signal 9: Killed"[..].into(),
        ..Entry::default()
    };
    assert_eq!(
        message(&entry, Severity::Critical),
        "server process (PID 4711) was terminated by signal 9: Killed"
    );
}

#[test]
fn an_authors_own_words_go_as_a_whole() {
    let raised = |sqlstate: &'static str, context: &'static str| {
        let entry = Entry {
            message: b"secret words"[..].into(),
            sqlstate: sqlstate.as_bytes(),
            context: context.as_bytes().into(),
            ..Entry::default()
        };
        is_written_by_users(&entry)
    };
    assert!(
        raised("P0001", "") && raised("U0001", "") && raised("", "PL/pgSQL function f() line 3 at RAISE")
    );
    assert!(raised("XX000", "PL/Perl function \"f\""));
    assert!(
        !raised("22P02", "")
            && !raised("XX000", "")
            && !raised("57014", "")
            && !raised("F0000", "")
            && !raised("", "")
    );
    assert!(!raised("22P02", "PL/pgSQL function f() line 3 at SQL statement"));
}

#[test]
fn details_tell_no_data() {
    let of = |text: &str| detail(text, Severity::Failed, TEXTS);
    assert_eq!(of("Key (email)=(a@b, (c)) already exists.").unwrap(), "Key (email)=(***) already exists.");
    assert_eq!(of("Key (lower(email))=(secret) already exists.").unwrap(), "Key (***) already exists.");
    assert_eq!(of("Failing row contains (1, se)cret, null).").unwrap(), "Failing row contains (***).");
    assert_eq!(of("parameters: $1 = 'secret'"), None);
    assert_eq!(of("Parameters: $1 = 'secret'"), None);
    assert_eq!(of("prepare: prepare x as select 'secret'"), None);
    assert_eq!(of("The failed archive command was: cp --key=secret"), None);
    assert_eq!(
        of("Failed process was running: select 'secret'").unwrap(),
        "Failed process was running: select '***'"
    );
    assert_eq!(
        of("Process 1 waits for ShareLock on transaction 5; blocked by process 2.\nProcess 1: update t set a = 'secret'").unwrap(),
        "Process 1 waits for ShareLock on transaction 5; blocked by process 2."
    );
    assert_eq!(of("Token \"secret\" is invalid.").unwrap(), "Token \"***\" is invalid.");
    assert_eq!(of(""), None);
}

#[test]
fn of_a_context_the_places_stay() {
    let of = |text: &str| context(text, TEXTS);
    assert_eq!(of("COPY t, line 3, column a: \"secret\"").unwrap(), "COPY t, line 3, column a");
    assert_eq!(of("COPY t, line 3: \"secret,1\"").unwrap(), "COPY t, line 3");
    assert_eq!(of("JSON data, line 1: {\"ssn\": secret"), None);
    assert_eq!(of("unnamed portal with parameters: $1 = 'secret'"), None);
    assert_eq!(
        of("SQL statement \"select 'secret'\nfrom secret\"\nPL/pgSQL function f(integer) line 3 at SQL statement").unwrap(),
        "SQL statement\nPL/pgSQL function f(***) line 3 at SQL statement"
    );
    assert_eq!(context("COPY t, line 3", Texts::NONE_OF_TESTS), None);
}
