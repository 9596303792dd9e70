//! The doctor's exit code is that of the cycle that follows, whatever the setting.

use std::fs;

use super::Bed;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::stub::{Answer, Request, Stub};

#[track_caller]
fn agree(bed: &Bed, what: &str) -> i32 {
    let check = bed.home.run(&["check"]);
    let cron = bed.home.run(&["cron", "--force"]);
    assert_eq!(check.code, cron.code, "{what}: {}{}", check.stdout, bed.home.log());
    check.code.unwrap()
}

/// Role, extension, whether it is required, whether the second database is closed, and the exit code.
const SETTINGS: &[(&str, &str, bool, bool, i32)] = &[
    ("superuser", "", false, false, 0),
    ("superuser", "", true, true, 1),
    ("monitor", "version '1.8'", true, false, 0),
    ("monitor", "version '1.7'", true, false, 1),
    ("monitor", "version '1.7'", false, false, 0),
    ("monitor", "schema hidden", false, false, 1),
    ("monitor", "schema public", true, true, 1),
    ("noinherit", "schema public", true, false, 0),
    ("noinherit", "schema hidden", false, false, 1),
    ("nobody", "", false, true, 1),
    ("nobody", "schema public", false, false, 1),
];

/// What differs lies in the rules, not in the versions between.
#[test]
fn over_roles_extensions_and_databases_of_the_oldest() {
    over_roles_extensions_and_databases(majors()[0]);
}

#[test]
fn over_roles_extensions_and_databases_of_the_newest() {
    over_roles_extensions_and_databases(majors().into_iter().max().unwrap());
}

fn over_roles_extensions_and_databases(major: u32) {
    let server = shared(major);
    let mut bed = Bed::nobody(server, 2);
    let [first, second] = [bed.databases[0].clone(), bed.databases[1].clone()];
    server.sql(&first, "create schema hidden");
    for (role, extension, required, closed, code) in SETTINGS {
        bed.role = server.fresh_name("agree");
        let (name, to) = (
            &bed.role,
            if *closed {
                "revoke connect on database {} from public"
            } else {
                "grant connect on database {} to public"
            },
        );
        server.sql("postgres", &format!("create role {name} login; {}", to.replace("{}", &second)));
        server.sql(
            "postgres",
            &match *role {
                "superuser" => format!("alter role {name} superuser"),
                "monitor" => format!("grant pg_monitor to {name}"),
                "noinherit" => format!("alter role {name} noinherit; grant pg_monitor to {name}"),
                _ => "select 1".to_owned(),
            },
        );
        server.sql(&first, "drop extension if exists pg_stat_statements");
        if !extension.is_empty() {
            server.sql(&first, &format!("create extension pg_stat_statements {extension}"));
        }
        bed.configure(if *required { "required = [\"pg_query_stats\"]\n" } else { "" });
        let what = format!("{major} {role} {extension} {required} {closed}");
        assert_eq!(agree(&bed, &what), *code, "{what}");
    }
}

#[test]
fn over_servers_that_are_not_there() {
    let mut server = Cluster::start(majors()[0], &[]);
    server.stop();
    let other = shared(majors()[0]);
    let bed = Bed::new(other, 1);
    let gone = format!("[[servers]]\nname = \"gone\"\nhost = \"127.0.0.1\"\nport = {}\n", server.port());
    bed.configure(&gone);
    assert_eq!(agree(&bed, "one of two"), 1);
    let port = format!("port = {}", other.port());
    let text = std::fs::read_to_string(bed.home.config_path()).unwrap();
    bed.home.config(&text.replace(&port, &format!("port = {}", server.port())));
    assert_eq!(agree(&bed, "both"), 3);
}

#[test]
fn over_backends() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let well = |request: &Request| match request.path.as_str() {
        "/api/v1/health" => Answer::reply(200, "{}"),
        _ => Answer::Accept,
    };
    let refusing = |request: &Request| match request.path.as_str() {
        "/api/v1/health" => Answer::reply(200, "{}"),
        _ => Answer::reply(401, "{}"),
    };
    let sick = |_: &Request| Answer::reply(503, "{}");
    for (what, stub, code) in [
        ("well", Stub::start(well), 0),
        ("refuses the token", Stub::start(refusing), 1),
        ("sick", Stub::start(sick), 1),
    ] {
        // Each with a memory of its own: failures in a row would open the breaker.
        let _ = fs::remove_dir_all(bed.home.state_dir());
        bed.configure(&format!("[backend]\nurl = \"{}\"\ntoken = \"secret\"\n", stub.url()));
        assert_eq!(agree(&bed, what), code, "{what}");
    }
    let _ = fs::remove_dir_all(bed.home.state_dir());
    bed.configure("[backend]\nurl = \"http://127.0.0.1:1\"\ntoken = \"secret\"\n");
    assert_eq!(agree(&bed, "nobody listens"), 1);
    bed.configure("[backend]\nurl = \"http://127.0.0.1:1\"\n");
    assert_eq!(agree(&bed, "no token"), 1);
}

#[test]
fn over_queries_of_the_operators() {
    let bed = Bed::new(shared(majors()[0]), 1);
    for (sql, code) in [("select 1 as a", 0), ("select 1/0 as a", 1)] {
        bed.configure(&format!("[[custom]]\nname = \"it\"\nsql = \"{sql}\"\n"));
        assert_eq!(agree(&bed, sql), code);
    }
}
