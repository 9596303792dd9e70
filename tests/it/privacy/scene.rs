//! A server on which everything that has a name bears the same word in it, with sessions in the middle of something: they
//! wait, they block, they hold back vacuum, a standby and a subscription follow. Texts bear a word of their own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::thread::JoinHandle;

use pganalytics::collect::{Gather, registry};
use postgres::{Client, NoTls};

use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};

/// In every name.
pub(super) const NAME: &str = "geheim";
/// In statements and definitions, where it names nothing that exists.
pub(super) const TEXT: &str = "zauber";

const ROLES: &str = "
    create role geheim_owner login superuser;
    create role geheim_member valid until '2020-01-01';
    create role geheim_reader;
    grant geheim_reader to geheim_member;
    alter role geheim_owner set geheim.tenant = 'geheim_value';
    alter role geheim_member set search_path = geheim_schema;
    create database geheim_db owner geheim_owner;
    alter database geheim_db set geheim.realm = 'geheim_realm'";

const OBJECTS: &str = "
    create schema geheim_schema;
    create schema geheim_extensions;
    grant create on schema geheim_schema to public;
    create extension pg_stat_statements schema geheim_extensions;
    create type geheim_schema.geheim_type as (a int);
    create table geheim_schema.geheim_table (
        geheim_id int generated always as identity primary key
        , geheim_text text default 'zauber' not null
        , geheim_own geheim_schema.geheim_type
        , constraint geheim_check check (geheim_text <> 'zauber_no')
    );
    create table geheim_schema.geheim_child (
        geheim_parent int constraint geheim_key references geheim_schema.geheim_table
    );
    create index geheim_index on geheim_schema.geheim_table ((geheim_text || 'zauber'));
    create table geheim_schema.geheim_parted (geheim_day text) partition by list (geheim_day);
    create table geheim_schema.geheim_part partition of geheim_schema.geheim_parted for values in ('zauber');
    create view geheim_schema.geheim_view as select geheim_id as geheim_seen from geheim_schema.geheim_table;
    create table geheim_schema.geheim_locked (geheim_n int default length('zauber'));
    grant insert on geheim_schema.geheim_child to public;
    create function geheim_schema.geheim_touch() returns trigger language plpgsql
        security definer as 'begin return new; end';
    create function geheim_schema.geheim_open(geheim_argument int) returns int language sql
        security definer as 'select 1';
    create trigger geheim_trigger before update on geheim_schema.geheim_table
        for each row execute function geheim_schema.geheim_touch('zauber');
    insert into geheim_schema.geheim_table (geheim_text) select 'x' || n from generate_series(1, 300) n;
    update geheim_schema.geheim_table set geheim_text = 'y' || geheim_id;
    select count(*) as zauber_seen from geheim_schema.geheim_table;
    analyze;
    create publication geheim_publication for table geheim_schema.geheim_table;
    create subscription geheim_subscription connection 'host=127.0.0.1 port=1 password=zauber'
        publication geheim_publication with (connect = false, slot_name = 'geheim_elsewhere');
    select pg_create_logical_replication_slot('geheim_slot', 'pgoutput')";

pub(super) struct Scene {
    pub(super) server: Cluster,
    standby: Cluster,
    idle: Vec<Client>,
    busy: Vec<JoinHandle<Result<(), postgres::Error>>>,
}

impl Scene {
    pub(super) fn set(major: u32) -> Scene {
        let server = Cluster::start(
            major,
            &[
                ("max_prepared_transactions", "2"),
                ("cluster_name", "geheim_cluster"),
                ("archive_mode", "on"),
                ("archive_command", "true geheim_archive"),
                ("synchronous_standby_names", ""),
                ("listen_addresses", if v6() { "127.0.0.1, ::1" } else { "127.0.0.1" }),
                ("geheim.setting", "geheim_set"),
            ],
        );
        batch(&mut server.conn("postgres"), ROLES);
        tablespace(&server);
        batch(&mut login(&server, "127.0.0.1", "geheim_app"), OBJECTS);
        let standby = follow(&server);
        // With a rule that no server would start with.
        let rules = server.data_dir().join("pg_hba.conf");
        let more = "host geheim_db geheim_member 10.0.0.0/8 ident map=geheim_map\nhost geheim_db all 10.1.1.1 nonsense\n";
        fs::write(&rules, fs::read_to_string(&rules).unwrap() + more).unwrap();
        let mut scene = Scene { server, standby, idle: Vec::new(), busy: Vec::new() };
        scene.sessions();
        scene
    }

    fn sessions(&mut self) {
        let server = &self.server;
        let mut idle = |host: &str, app: &str, text: &str| {
            let mut conn = login(server, host, app);
            conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            self.idle.push(conn);
        };
        let update =
            "update geheim_schema.geheim_table set geheim_text = 'a' /* zauber */ where geheim_id = 1";
        idle("127.0.0.1", "geheim_blocker", &format!("begin; {update}"));
        idle(
            "127.0.0.1",
            "geheim_locker",
            "begin; lock table geheim_schema.geheim_locked in access exclusive mode",
        );
        idle(
            "127.0.0.1",
            "geheim_prepared",
            "begin; insert into geheim_schema.geheim_child values (null); prepare transaction 'geheim_gid'",
        );
        if v6() {
            idle("::1", "geheim_v6", "begin; select count(*) as zauber_six from geheim_schema.geheim_table");
        }
        let waits = "update geheim_schema.geheim_table as zauber_t set geheim_text = 'b' where zauber_t.geheim_id = 1";
        let index = "create index concurrently geheim_built on geheim_schema.geheim_table (lower(geheim_text || 'zauber'))";
        for (n, (app, text)) in [("geheim_waiter", waits), ("geheim_builder", index)].into_iter().enumerate()
        {
            let mut conn = login(server, "127.0.0.1", app);
            self.busy.push(std::thread::spawn(move || conn.batch_execute(text)));
            until(server, "select count(distinct pid) from pg_locks where not granted", n as i64 + 1);
        }
        // Long enough to be told as one that runs long.
        let long = "select count(*) from pg_stat_activity where application_name = 'geheim_blocker' \
                    and xact_start < clock_timestamp() - interval '5.1 s'";
        until(server, long, 1);
    }

    pub(super) fn ends(mut self) {
        self.idle.clear();
        self.busy.drain(..).for_each(|thread| thread.join().unwrap().unwrap());
    }

    /// Everything on, what is off by default too, and a query of the operator's that fails with a name in its error.
    pub(super) fn home(&self, privacy: &str) -> Home {
        let home = Home::new();
        let servers: String = [("main", &self.server), ("standby", &self.standby)].iter().map(|(name, server)| {
            format!(
                "[[servers]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"geheim_owner\"\n\
                 databases = \"geheim_db, postgres\"\n",
                server.port()
            )
        }).collect();
        let on: String = registry::ALL
            .iter()
            .filter(|c| matches!(c.gather, Gather::Sql(_)))
            .map(|c| format!("[{}]\nenabled = true\n", c.name))
            .collect();
        home.config(&format!(
            "[collector]\nid = \"privacy\"\nhostname = \"host.test\"\nstate_dir = \"{{state}}\"\nserver_budget_ms = 60000\n\
             [backend]\nurl = \"{{target}}\"\n[logging]\nfile_path = \"{{log}}\"\n{servers}{on}\
             [[custom]]\nname = \"fails\"\nsql = \"select 1 from geheim_schema.geheim_absent\"\n\
             [[custom]]\nname = \"mine\"\nsql = \"select 'mine' as what\"\n[privacy]\n{privacy}"
        ));
        home
    }
}

pub(super) fn v6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

fn tablespace(server: &Cluster) {
    let folder = server.data_dir().parent().unwrap().join("geheim_space");
    fs::create_dir(&folder).unwrap();
    // Where the tests run as root, the server does not.
    let owner = fs::metadata(server.data_dir()).unwrap();
    let _ = chown(&folder, Some(owner.uid()), Some(owner.gid()));
    server.sql("postgres", &format!("create tablespace geheim_space location '{}'", folder.display()));
}

fn follow(server: &Cluster) -> Cluster {
    server.sql("postgres", "select pg_create_physical_replication_slot('geheim_near', true)");
    let conninfo =
        format!("host=127.0.0.1 port={} user=geheim_owner application_name=geheim_standby", server.port());
    let standby = Cluster::standby(
        server,
        &[
            ("primary_conninfo", conninfo.as_str()),
            ("primary_slot_name", "geheim_near"),
            ("hot_standby_feedback", "on"),
            ("wal_receiver_status_interval", "1"),
        ],
    );
    until(server, "select count(*) from pg_stat_replication where state = 'streaming'", 1);
    standby
}

fn login(server: &Cluster, host: &str, app: &str) -> Client {
    let text = format!(
        "host={host} port={} user=geheim_owner dbname=geheim_db application_name={app}",
        server.port()
    );
    Client::connect(&text, NoTls).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

/// One by one: some take no transaction block.
fn batch(conn: &mut Client, texts: &str) {
    for text in texts.split(";\n") {
        conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
}

#[track_caller]
fn until(server: &Cluster, text: &str, wanted: i64) {
    eventually(LONG, || match server.one::<i64>("postgres", text) {
        count if count == wanted => Ok(()),
        count => Err((text.to_owned(), count)),
    });
}
