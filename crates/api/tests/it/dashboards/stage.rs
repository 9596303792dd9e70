//! A store that real collectors fill: a primary with its standby, both watched by one of them, and the primary by another.

use std::fmt::Write;

use bed::api::{Api, REGISTRATION_SECRET};
use bed::cluster::Cluster;
use bed::home::Home;
use bed::poll::{LONG, eventually};
use jiff::{SignedDuration, Timestamp};
use postgres::{Client, NoTls};

use super::macros::Chosen;

const SETTINGS: &[(&str, &str)] =
    &[("pg_stat_statements.track_planning", "on"), ("archive_mode", "on"), ("archive_command", "true")];

/// A quote in a name is as good as any other letter.
const APP: &str = "
    create schema shop;
    create table shop.customer (id int generated always as identity primary key, name text not null unique);
    create table shop.orders (id bigserial primary key, customer int not null references shop.customer, total numeric, note text);
    create index orders_note on shop.orders (note);
    create view shop.totals as select customer, sum(total) from shop.orders group by customer;
    create function shop.touch() returns trigger language plpgsql security definer as 'begin return new; end';
    create trigger touch before update on shop.customer for each row execute function shop.touch();
    grant create on schema shop to public;
    insert into shop.customer (name) select 'customer ' || n from generate_series(1, 50) n;
    insert into shop.orders (customer, total, note) select n % 50 + 1, n, repeat('x', 100) from generate_series(1, 2000) n;
    analyze;
    create publication shop_all for table shop.orders, shop.customer;
    create subscription elsewhere connection 'host=127.0.0.1 port=1' publication shop_all with (connect = false, slot_name = none);
    select pg_create_logical_replication_slot('reader', 'test_decoding')";

pub(super) struct Scene {
    pub(super) major: u32,
    collectors: Vec<String>,
    from: Timestamp,
    _api: Api,
}

impl Scene {
    /// Three runs of the one and two of the other, with something of everything in between.
    pub(super) fn fill(major: u32, url: &str) -> Scene {
        let mut api = Api::prepare(url, &[]);
        api.launch();
        api.healthy();
        let from = Timestamp::now() - SignedDuration::from_mins(20);
        let primary = primary(major);
        let standby = standby(&primary);
        let homes = [
            home(&api, "first", &[(&primary, "main"), (&standby, "near")]),
            home(&api, "second", &[(&primary, "main")]),
        ];
        let mut sessions = Sessions::begin(&primary);
        for runs in [&homes[..], &homes[..], &homes[..1]] {
            work(&primary);
            sessions.are_long(&primary);
            for home in runs {
                let run = home.run(&["cron", "--force"]);
                assert_eq!(run.code, Some(0), "{}{}", run.stderr, home.log());
            }
        }
        sessions.end();
        let collectors =
            homes.iter().map(|home| std::fs::read_to_string(home.state_dir().join("collector.id")).unwrap());
        let collectors: Vec<String> = collectors.map(|id| id.trim().to_owned()).collect();
        let stored = "select count(*) from metrics";
        let stored: i64 = Client::connect(url, NoTls).unwrap().query_one(stored, &[]).unwrap().get(0);
        assert!(stored > 150, "{stored}");
        Scene { major, collectors, from, _api: api }
    }

    fn chosen(
        &self,
        what: &'static str,
        collectors: usize,
        servers: &[&str],
        databases: &[&str],
        without: &'static [&'static str],
    ) -> Chosen {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Chosen {
            what,
            collectors: self.collectors[..collectors].to_vec(),
            servers: owned(servers),
            databases: owned(databases),
            from: self.from,
            to: Timestamp::now(),
            without,
        }
    }

    pub(super) fn all(&self) -> Chosen {
        self.chosen("all", 2, &["main", "near"], &["app", "o'hara", "postgres"], &[])
    }

    pub(super) fn several(&self) -> Chosen {
        self.chosen("several", 1, &["main", "near"], &["app", "o'hara"], &[])
    }

    pub(super) fn one(&self) -> Chosen {
        self.chosen("one", 1, &["main"], &["app"], &["Receivers of standbys"])
    }
}

fn primary(major: u32) -> Cluster {
    let server = Cluster::start(major, SETTINGS);
    server.sql(
        "postgres",
        "create extension pg_stat_statements; create role mon login; grant pg_monitor to mon",
    );
    server.sql("postgres", "create database app");
    server.sql("postgres", "create database \"o'hara\"");
    let mut app = server.conn("app");
    for text in APP.split(";\n") {
        // One by one: some take no transaction block.
        app.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
    // For the rules of pg_hba.conf.
    server.sql(
        "postgres",
        "grant select on pg_hba_file_rules to mon; grant execute on function pg_hba_file_rules() to mon",
    );
    server
}

fn standby(primary: &Cluster) -> Cluster {
    primary.sql("postgres", "select pg_create_physical_replication_slot('near', true)");
    let follow = format!("host=127.0.0.1 port={} user=postgres application_name=near", primary.port());
    let standby = Cluster::standby(
        primary,
        &[("primary_conninfo", &follow), ("primary_slot_name", "near"), ("hot_standby_feedback", "on")],
    );
    eventually(LONG, || {
        match primary
            .one::<i64>("postgres", "select count(*) from pg_stat_replication where state = 'streaming'")
        {
            1 => Ok(()),
            _ => Err(standby.log_text()),
        }
    });
    standby
}

fn home(api: &Api, name: &str, servers: &[(&Cluster, &str)]) -> Home {
    let home = Home::new().env("REGISTRATION_SECRET", REGISTRATION_SECRET);
    let mut text = format!(
        "[collector]\nname = \"{name}\"\nstate_dir = \"{{state}}\"\nserver_budget_ms = 60000\n[backend]\nurl = \"{}\"\n\
         [logging]\nfile_path = \"{{log}}\"\n[pg_schema]\nenabled = true\n[pg_security]\nenabled = true\n",
        api.url()
    );
    for (server, name) in servers {
        let (port, databases) = (server.port(), "app, postgres, o'hara");
        write!(
            text,
            "[[servers]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"mon\"\nsslmode = \"disable\"\n\
             databases = \"{databases}\"\n"
        )
        .unwrap();
    }
    home.config(&text);
    let run = home.run(&["register"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    home
}

/// Something of everything since the run before.
fn work(server: &Cluster) {
    server.sql(
        "app",
        "insert into shop.orders (customer, total, note) select n % 50 + 1, n, 'late' from generate_series(1, 50) n; \
         update shop.orders set total = total + 1 where id % 7 = 0; delete from shop.orders where id % 97 = 1; \
         select count(*) from shop.orders o join shop.customer c on c.id = o.customer where c.name like 'customer 1%'; \
         select count(*) from shop.customer where id = 7; \
         set work_mem = '64kB'; select count(*) from (select * from shop.orders o, generate_series(1, 5) order by o.note, o.total offset 1) s; \
         analyze shop.orders; checkpoint",
    );
    server.sql("app", "select count(*) from pg_logical_slot_get_changes('reader', null, null)");
    server.sql(
        "o'hara",
        "create table if not exists t (n int); insert into t values (1); select pg_switch_wal()",
    );
    // Statistics are told at the end of a session, or some time later: of those sessions that have ended.
    eventually(LONG, || {
        match server.one::<i64>("app", "select count(*) from pg_stat_activity where application_name = 'bed' and pid <> pg_backend_pid() and state = 'idle'") {
        0 => Ok(()),
        n => Err(n),
    }
    });
}

/// A transaction that is idle, and one that waits for it.
struct Sessions {
    idle: Option<Client>,
    busy: Vec<std::thread::JoinHandle<()>>,
}

impl Sessions {
    fn begin(server: &Cluster) -> Sessions {
        let connect = || {
            let url = format!(
                "host=127.0.0.1 port={} user=postgres dbname=app application_name=holder",
                server.port()
            );
            Client::connect(&url, NoTls).unwrap()
        };
        let mut idle = connect();
        idle.batch_execute("begin; update shop.orders set note = 'held' where id = 2").unwrap();
        let mut waits = connect();
        let busy = std::thread::spawn(move || {
            waits.batch_execute("update shop.orders set note = 'wanted' where id = 2").unwrap()
        });
        eventually(LONG, || {
            match server.one::<i64>("app", "select count(*) from pg_locks where not granted") {
                0 => Err("nobody waits"),
                _ => Ok(()),
            }
        });
        Sessions { idle: Some(idle), busy: vec![busy] }
    }

    /// Shorter transactions are none that anybody has to see.
    fn are_long(&self, server: &Cluster) {
        let sql = "select min(now() - xact_start) > interval '5 s' from pg_stat_activity where application_name = 'holder'";
        eventually(LONG, || if server.one::<bool>("app", sql) { Ok(()) } else { Err("not yet") });
    }

    fn end(&mut self) {
        drop(self.idle.take());
        self.busy.drain(..).for_each(|thread| thread.join().unwrap());
    }
}
