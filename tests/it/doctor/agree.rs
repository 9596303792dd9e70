//! The doctor's exit code is that of the cycle that follows, whatever the setting.

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

#[test]
fn over_roles_extensions_and_databases() {
    for major in majors() {
        let server = shared(major);
        let mut codes = Vec::new();
        for role in ["superuser", "monitor", "noinherit", "nobody"] {
            for (extension, required) in [
                ("", false),
                ("", true),
                ("version '1.7'", true),
                ("version '1.8'", true),
                ("schema hidden", false),
            ] {
                for closed in [false, true] {
                    let bed = Bed::nobody(server, 2);
                    let [first, second] = [&bed.databases[0], &bed.databases[1]];
                    server.sql(
                        "postgres",
                        &match role {
                            "superuser" => format!("alter role {} superuser", bed.role),
                            "monitor" => format!("grant pg_monitor to {}", bed.role),
                            "noinherit" => {
                                format!("alter role {0} noinherit; grant pg_monitor to {0}", bed.role)
                            }
                            _ => "select 1".to_owned(),
                        },
                    );
                    if !extension.is_empty() {
                        server.sql(first, "create schema hidden");
                        server.sql(first, &format!("create extension pg_stat_statements {extension}"));
                    }
                    if closed {
                        server.sql("postgres", &format!("revoke connect on database {second} from public"));
                    }
                    bed.configure(if required { "required = [\"pg_query_stats\"]\n" } else { "" });
                    codes.push(agree(&bed, &format!("{major} {role} {extension} {required} {closed}")));
                }
            }
        }
        assert!(codes.contains(&0) && codes.contains(&1), "{codes:?}");
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
    let server = shared(majors()[0]);
    let well = |request: &Request| match request.path.as_str() {
        "/api/v1/health" => Answer::reply(200, "{}"),
        path if path.starts_with("/api/v1/config/") => Answer::reply(404, "{}"),
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
        let bed = Bed::new(server, 1);
        bed.configure(&format!("[backend]\nurl = \"{}\"\ntoken = \"secret\"\n", stub.url()));
        assert_eq!(agree(&bed, what), code, "{what}");
    }
    let bed = Bed::new(server, 1);
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
