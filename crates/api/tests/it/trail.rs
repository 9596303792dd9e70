//! Who did what, to what, and when: every route and every command of the program either leaves one row in the audit trail
//! or is listed here as one that leaves none.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use bed::api::{KEY, REGISTRATION_SECRET};
use clap::CommandFactory;
use pganalytics_api::app::routes;
use pganalytics_api::command::Cli;
use serde_json::json;

use crate::grid::Grid;
use crate::persons::{PASSWORD, create};

const NEW_PASSWORD: &str = "another horse battery";

/// Method, path, and what the trail calls it.
const ROUTES: &[(&str, &str, Option<&str>)] = &[
    ("GET", "/api/v1/health", None),
    ("GET", "/api/v1/version", None),
    ("POST", "/api/v1/collectors/register", None),
    ("POST", "/api/v1/collectors/refresh-token", None),
    ("GET", "/api/v1/collectors", None),
    ("GET", "/api/v1/collectors/{id}", None),
    ("DELETE", "/api/v1/collectors/{id}", Some("delete collector")),
    ("GET", "/api/v1/config/{collector_id}", None),
    ("PUT", "/api/v1/config/{collector_id}", Some("change configuration")),
    ("POST", "/api/v1/auth/login", None),
    ("POST", "/api/v1/auth/refresh", None),
    ("POST", "/api/v1/auth/logout", None),
    ("GET", "/api/v1/users", None),
    ("POST", "/api/v1/users", Some("create user")),
    ("PATCH", "/api/v1/users/{id}", Some("change user")),
    ("DELETE", "/api/v1/users/{id}", Some("delete user")),
    ("POST", "/api/v1/users/{id}/reset-password", Some("reset password")),
    ("POST", "/api/v1/metrics/push", None),
    ("GET", "/api/v1/metrics", None),
    ("GET", "/api/v1/fleet", None),
    ("GET", "/api/v1/servers/{collector_id}", None),
    ("GET", "/", None),
    ("GET", "/page/{edition}/{file}", None),
    ("GET", "/healthz", None),
    ("GET", "/api/v1/openapi.json", None),
    ("GET", "/openapi.json", None),
    ("GET", "/version", None),
    ("GET", "/metrics", None),
    ("GET", "/metrics/prometheus", None),
];

/// With the arguments that it takes. FILE is a configuration file, NAME a collector.
const COMMANDS: &[(&str, &str, Option<&str>)] = &[
    // Runs already.
    ("serve", "--help", None),
    ("migrate", "", None),
    ("size", "--collectors 10", None),
    ("admin create-user", "bob --role user", Some("create user")),
    ("admin allow-registration", "NAME", Some("allow registration")),
    ("admin rotate-tokens", "NAME", Some("rotate tokens")),
    ("admin rotate-jwt-key", "--file FILE", Some("rotate signing key")),
    ("admin audit", "", None),
    ("dead-letters list", "", None),
    ("dead-letters replay", "", Some("replay dead letters")),
    ("dead-letters drop", "--older-than-days 1", Some("drop dead letters")),
];

#[derive(Debug, PartialEq)]
struct Row {
    id: i64,
    who: String,
    what: String,
    whom: String,
    request: Option<String>,
    /// It says of itself that it is of the last minute.
    fresh: bool,
}

/// The newest first.
fn trail(grid: &Grid) -> Vec<Row> {
    let sql = "select id, actor, action, subject, request_id, now() - at < interval '1 minute' from audit order by id desc";
    let rows = grid.server.conn(&grid.database).query(sql, &[]).unwrap();
    let row = |row: &postgres::Row| Row {
        id: row.get(0),
        who: row.get(1),
        what: row.get(2),
        whom: row.get(3),
        request: row.get(4),
        fresh: row.get(5),
    };
    rows.iter().map(row).collect()
}

/// What this added to the trail.
fn added<T>(grid: &Grid, act: impl FnOnce() -> T) -> (Vec<Row>, T) {
    let before = trail(grid).first().map_or(0, |row| row.id);
    let done = act();
    (trail(grid).into_iter().filter(|row| row.id > before).collect(), done)
}

/// Does this to somebody or something that is there; as the trail should name it.
fn act_on(grid: &Grid, method: &str, path: &str, token: &str) -> (String, bed::api::Answer) {
    let name = format!("of {method} {path}");
    let id_of = |table: &str, column: &str| {
        grid.server
            .one::<String>(&grid.database, &format!("select id::text from {table} where {column} = '{name}'"))
    };
    let (id, whom) = match path {
        "/api/v1/users" => (String::new(), name.clone()),
        users if users.contains("/users/") => {
            create(&grid.api, &name, "viewer");
            (id_of("users", "username"), name.clone())
        }
        config if config.contains("/config/") => {
            grid.api.register(&name);
            let id = id_of("collectors", "name");
            (id.clone(), id)
        }
        _ => (grid.api.register(&name).0, name.clone()),
    };
    let body = match (method, path) {
        ("POST", "/api/v1/users") => {
            json!({ "username": name, "password": NEW_PASSWORD, "role": "viewer" }).to_string()
        }
        ("PATCH", _) => json!({ "role": "user" }).to_string(),
        ("POST", _) => json!({ "password": NEW_PASSWORD }).to_string(),
        ("PUT", _) => "[collector]\ninterval = 60\n".to_owned(),
        _ => String::new(),
    };
    let url = path.replace("{id}", &id).replace("{collector_id}", &id);
    (whom, grid.api.ask(method, &url, Some(token), body.as_bytes()))
}

#[test]
fn every_route_that_administers_leaves_one_row() {
    let listed: BTreeSet<_> = routes().into_iter().map(|route| (route.method, route.path)).collect();
    let rows: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(listed, rows, "each route says what it leaves");
    let grid = Grid::start(&[]);
    for (method, path, expected) in ROUTES {
        let admin = grid.person("admin");
        let Some(what) = expected else {
            let (rows, answer) = added(&grid, || grid.answer(method, path, Some(&admin)));
            assert_eq!(rows, [], "{method} {path}: {answer:?}");
            continue;
        };
        if *method == "DELETE" {
            let (rows, answer) = added(&grid, || grid.answer(method, path, Some(&admin)));
            assert_eq!((rows, answer.status), (vec![], 404), "what was not there was not deleted");
        }
        let (rows, answer) = added(&grid, || grid.answer(method, path, Some(&grid.person("viewer"))));
        assert_eq!((rows, answer.status), (vec![], 403), "what was refused was not done");
        // Making whom it is done to is an act as well.
        let (rows, (whom, answer)) = added(&grid, || act_on(&grid, method, path, &admin));
        assert!((200..=204).contains(&answer.status), "{method} {path}: {answer:?}");
        let of_it: Vec<_> = rows.into_iter().filter(|row| row.who == "admin").collect();
        let expected = Row {
            id: of_it[0].id,
            who: "admin".to_owned(),
            what: (*what).to_owned(),
            whom,
            request: answer.header("x-request-id").map(str::to_owned),
            fresh: true,
        };
        assert_eq!(of_it, [expected], "{method} {path}");
    }
    tells_no_secret(&grid, &[]);
}

/// `admin create-user` and so on.
fn leaves(command: &clap::Command, before: &str, all: &mut BTreeSet<String>) {
    for sub in command.get_subcommands() {
        let name = format!("{before} {}", sub.get_name()).trim().to_owned();
        if sub.has_subcommands() {
            leaves(sub, &name, all);
        } else {
            all.insert(name);
        }
    }
}

fn run(grid: &Grid, arguments: &[&str]) -> Output {
    let mut command = grid.api.command(arguments);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // What does not read it has ended by then.
    let _ = writeln!(child.stdin.take().unwrap(), "{NEW_PASSWORD}");
    child.wait_with_output().unwrap()
}

#[test]
fn every_command_that_administers_leaves_one_row() {
    let mut listed = BTreeSet::new();
    leaves(&Cli::command(), "", &mut listed);
    assert_eq!(listed, COMMANDS.iter().map(|(command, ..)| (*command).to_owned()).collect());
    let grid = Grid::start(&[]);
    let file = grid.api.dir().join("config.toml");
    fs::write(&file, format!("jwt_secret_key = \"{KEY}\"\n")).unwrap();
    let file = file.display().to_string();
    for (command, arguments, expected) in COMMANDS {
        let fill = |word: &str| word.replace("FILE", &file).replace("NAME", "one");
        let words: Vec<String> = command.split(' ').chain(arguments.split_whitespace()).map(fill).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (rows, output) = added(&grid, || run(&grid, &words));
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        let Some(what) = expected else {
            assert_eq!(rows, [], "{words:?}");
            continue;
        };
        let whom = match *command {
            "dead-letters replay" => "all",
            "dead-letters drop" => "older than 1 days",
            "admin create-user" => "bob",
            "admin rotate-jwt-key" => &file,
            _ => "one",
        };
        let told = (rows.len(), rows[0].who.as_str(), rows[0].what.as_str(), rows[0].whom.as_str());
        assert_eq!(told, (1, "(command line)", *what, whom), "{words:?}");
        assert!(rows[0].fresh && rows[0].request.is_none(), "{rows:?}");
    }
    for refused in [
        ["admin", "rotate-tokens", "nobody"],
        ["admin", "allow-registration", "nobody"],
        ["admin", "create-user", "bob"],
        ["admin", "rotate-jwt-key", "--file=/not/there"],
    ] {
        let (rows, output) = added(&grid, || run(&grid, &refused));
        assert_eq!((rows, output.status.code()), (vec![], Some(1)), "{refused:?}");
    }
    let new = fs::read_to_string(&file).unwrap();
    tells_no_secret(&grid, &[new.split('"').nth(1).unwrap()]);
}

/// Neither in the table nor in what the command shows of it: each row is one line there, the newest first.
#[track_caller]
fn tells_no_secret(grid: &Grid, more: &[&str]) {
    let all = trail(grid);
    let shown = run(grid, &["admin", "audit", "--limit", "1000"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.lines().count(), all.len());
    for (line, row) in shown.lines().zip(&all) {
        assert!(line.contains(&format!("{}  {}  {}", row.who, row.what, row.whom)), "{line}");
        assert!(line.starts_with(&jiff::Timestamp::now().to_string()[..10]), "{line}");
    }
    let newest = run(grid, &["admin", "audit", "--limit", "2"]);
    assert_eq!(String::from_utf8(newest.stdout).unwrap().lines().count(), 2);
    assert_eq!(run(grid, &["admin", "audit", "--limit", "0"]).status.code(), Some(2));
    let table: String = grid.server.one(&grid.database, "select string_agg(audit::text, '\n') from audit");
    for secret in [PASSWORD, NEW_PASSWORD, REGISTRATION_SECRET, KEY, "argon2", "eyJ"].iter().chain(more) {
        assert!(secret.len() > 2 && !table.contains(secret) && !shown.contains(secret), "{secret}");
    }
}
