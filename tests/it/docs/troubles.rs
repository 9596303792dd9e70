//! `docs/TROUBLESHOOTING.md` says which line tells of which trouble. Here each trouble is made, and each line looked for; what the
//! campaign of faults showed is in `docs/FAILURES.md` and counts as well.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::root;
use crate::support::cluster::Cluster;
use crate::support::home::{Home, Run};
use crate::support::poll::{LONG, eventually};
use crate::support::ports;
use crate::support::stub::{Answer, Stub};
use crate::support::{majors, program};

/// What a run, or several, said: on the terminal and in the log.
fn said(home: &Home, runs: &[Run]) -> String {
    let told = runs.iter().map(|run| format!("{}{}", run.stdout, run.stderr));
    told.collect::<String>() + &home.log()
}

fn home(collector: &str, backend: &str, postgres: &str) -> Home {
    let home = Home::new();
    home.config(&format!(
        "[collector]\nid = \"t\"\nstate_dir = \"{{state}}\"\n{collector}\n[backend]\n{backend}\n[postgres]\nhost = \"127.0.0.1\"\n\
         sslmode = \"disable\"\n{postgres}\n[logging]\nfile_path = \"{{log}}\"\nlevel = \"debug\"\n"
    ));
    home
}

const FILE: &str = "url = \"{target}\"";

#[track_caller]
fn cron(home: &Home, code: i32) -> Run {
    let run = home.cron();
    assert_eq!(run.code, Some(code), "{}{}", run.stderr, home.log());
    run
}

fn does_not_start(cluster: &Cluster) -> String {
    let mut all = String::new();
    for text in ["[collector]\ninterval = 0\n", "id = collector-001\n"] {
        let home = Home::new();
        home.config(text);
        all += &said(&home, &[cron(&home, 2)]);
    }
    let nowhere = Home::new();
    all += &said(&nowhere, &[cron(&nowhere, 2)]);

    let port = format!("port = {}\nuser = \"postgres\"", cluster.port());
    let busy = home("", FILE, &port);
    fs::create_dir_all(busy.state_dir()).unwrap();
    let lock = fs::File::create(busy.state_dir().join("lock")).unwrap();
    lock.lock().unwrap();
    all += &said(&busy, &[cron(&busy, 75)]);

    let closed = ports::lease();
    let refused = home("", FILE, &format!("port = {}\nuser = \"postgres\"", closed.number));
    all += &said(&refused, &[cron(&refused, 3)]);
    cluster.sql("postgres", "create role locked login password 'right'");
    let wrong =
        home("", FILE, &format!("port = {}\nuser = \"locked\"\npassword = \"wrong\"", cluster.port()));
    all + &said(&wrong, &[cron(&wrong, 3)])
}

fn slow_and_full(cluster: &Cluster) -> String {
    let port = format!("port = {}\nuser = \"postgres\"", cluster.port());
    let slow = home(
        "",
        FILE,
        &format!(
            "{port}\n[collector_threading]\nthread_pool_size = 1\n[[custom]]\nname = \"slow\"\nsql = \"select pg_sleep(5)::text as s\"\n\
             timeout_ms = 20"
        ),
    );
    let mut all = said(&slow, &[cron(&slow, 1)]);
    cluster.sql("postgres", "create role narrow login connection limit 0");
    let narrow = home("", FILE, &format!("port = {}\nuser = \"narrow\"", cluster.port()));
    all += &said(&narrow, &[cron(&narrow, 3)]);
    all
}

fn does_not_arrive(cluster: &Cluster) -> String {
    let port = format!("port = {}\nuser = \"postgres\"", cluster.port());
    let to = |url: &str| {
        let home = home("", &format!("url = \"{url}\"\ntoken = \"t\""), &port);
        fs::create_dir_all(home.state_dir()).unwrap();
        home
    };
    let closed = ports::lease();
    let away = to(&format!("http://127.0.0.1:{}", closed.number));
    let runs: Vec<Run> = (0..4).map(|_| cron(&away, 1)).collect();
    let mut all = said(&away, &runs);
    let body = br#"{"code":"no","message":"no","request_id":"r"}"#;
    for (status, code) in [(401, 1), (422, 1)] {
        let stub = Stub::start(move |_| Answer::reply(status, body));
        let home = to(&stub.url());
        all += &said(&home, &[cron(&home, code)]);
    }
    let stub = Stub::start(|_| Answer::Accept);
    let home = to(&stub.url());
    all + &said(&home, &[cron(&home, 0)])
}

/// The backend's start, each time with one thing in its way; where it starts all the same, until it has said what it says.
fn backend(cluster: &Cluster) -> String {
    let newer = cluster.fresh_database("newer");
    let spoilt = cluster.fresh_database("spoilt");
    for database in [&newer, &spoilt] {
        let (code, told) = ended(api("migrate", &url(cluster, database)));
        assert_eq!(code, Some(0), "{told}");
    }
    cluster.sql(&newer, "insert into schema_migrations (version, name, digest) values (9999, 'later', '')");
    cluster.sql(&spoilt, "alter table latest rename to elsewhere");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bare = api("serve", "");
    bare.env_remove("DATABASE_URL");
    let mut short = api("serve", &url(cluster, "postgres"));
    short.env("JWT_SECRET_KEY", "short");
    let mut second = api("serve", &url(cluster, "postgres"));
    second.env("LISTEN", taken.local_addr().unwrap().to_string());
    let mut all = String::new();
    for refused in [bare, short, second, api("serve", &url(cluster, &newer))] {
        let (code, told) = ended(refused);
        assert_eq!(code, Some(1), "{told}");
        all += &told;
    }
    let closed = ports::lease();
    let nowhere = format!("postgresql://nobody@127.0.0.1:{}/none", closed.number);
    all += &until(api("serve", &nowhere), "waiting for the database");
    all + &until(api("serve", &url(cluster, &spoilt)), "upkeep failed")
}

fn url(cluster: &Cluster, database: &str) -> String {
    format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", cluster.port())
}

fn api(what: &str, database: &str) -> Command {
    let mut command = Command::new(program("pganalytics-api"));
    command.arg(what).env_clear().env("DATABASE_URL", database).env("LISTEN", "127.0.0.1:0");
    command.env("JWT_SECRET_KEY", "k".repeat(40)).env("REGISTRATION_SECRET", "r").env("LOG_FORMAT", "text");
    command.stdin(Stdio::null());
    command
}

fn ended(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(told).unwrap())
}

/// All that it says up to this.
fn until(mut command: Command, last: &str) -> String {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = mpsc::channel();
    let told = BufReader::new(child.stderr.take().unwrap()).lines();
    thread::spawn(move || told.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut said = String::new();
    while !said.contains(last)
        && let Ok(line) = lines.recv_timeout(LONG)
    {
        said = said + &line + "\n";
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains(last), "{last} is not in {said}");
    said
}

/// `...` stands for anything within the line.
fn holds(line: &str, pattern: &str) -> bool {
    let mut rest = Some(line);
    for piece in pattern.split("...") {
        rest = rest.and_then(|rest| rest.find(piece).map(|at| &rest[at + piece.len()..]));
    }
    rest.is_some()
}

#[test]
fn each_line_is_said_where_its_trouble_is() {
    let cluster = Cluster::start(majors()[0], &[]);
    let hba = "host all locked all md5\nhost all all all trust\n";
    fs::write(cluster.data_dir().join("pg_hba.conf"), hba).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
    eventually(LONG, || match cluster.one::<i64>("postgres", "select count(*) from pg_hba_file_rules") {
        2 => Ok(()),
        n => Err(n),
    });
    let failures = fs::read_to_string(root().join("docs/FAILURES.md")).unwrap();
    let watched = [does_not_start(&cluster), slow_and_full(&cluster), does_not_arrive(&cluster)];
    let corpus = [&watched[..], &[backend(&cluster), failures]].concat().join("\n");
    let document = fs::read_to_string(root().join("docs/TROUBLESHOOTING.md")).unwrap();
    let mut found = 0;
    for cell in
        document.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|row| row.split(" | ").next())
    {
        for pattern in cell.split('`').skip(1).step_by(2) {
            assert!(
                corpus.lines().any(|line| holds(line, pattern)),
                "nobody says {pattern:?}; said was:\n{corpus}"
            );
            found += 1;
        }
    }
    assert!(found >= 28, "{found}");
}
