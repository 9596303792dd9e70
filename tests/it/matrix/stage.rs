//! A server with something of everything, and one forced cycle on it as a role.

use std::collections::BTreeMap;
use std::fmt::Write;

use pganalytics::collect::{Gather, registry};
use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::home::Home;

/// So that a failing statement can be told by who sent it.
const SETTINGS: &[(&str, &str)] = &[
    ("log_statement", "all"),
    ("log_min_error_statement", "error"),
    ("log_line_prefix", "<%a> "),
    ("max_prepared_transactions", "2"),
    ("pg_stat_statements.track_planning", "on"),
];

const APP: &str = "
    create schema shop;
    create table shop.customer (id int generated always as identity primary key, name text not null unique);
    create table shop.orders (
        id bigserial primary key
        , customer int not null references shop.customer
        , total numeric(10, 2) check (total >= 0)
        , note text
    );
    create index orders_customer on shop.orders (customer);
    create table shop.parted (day date) partition by range (day);
    create table shop.parted_2026 partition of shop.parted for values from ('2026-01-01') to ('2027-01-01');
    create view shop.totals as select customer, sum(total) from shop.orders group by customer;
    create materialized view shop.names as select name from shop.customer;
    create function shop.touch() returns trigger language plpgsql security definer as 'begin return new; end';
    create schema back;
    create table back.item (id smallserial primary key, sold int references shop.customer);
    alter sequence back.item_id_seq maxvalue 100;
    create index item_sold on back.item (sold);
    create trigger item_touch before update on back.item for each row execute function shop.touch();
    create trigger orders_touch before update on shop.orders for each row execute function shop.touch();
    insert into shop.customer (name) select 'customer ' || n from generate_series(1, 50) n;
    insert into back.item (sold) select n from generate_series(1, 30) n;
    insert into shop.orders (customer, total, note)
        select n % 50 + 1, n, repeat('x', 100) from generate_series(1, 2000) n;
    update shop.orders set note = 'new' where id % 3 = 0;
    analyze;
    create publication shop_all for table shop.orders, shop.customer;
    create subscription elsewhere connection 'host=127.0.0.1 port=1' publication shop_all
        with (connect = false, slot_name = none);
    select pg_create_logical_replication_slot('reader', 'pgoutput');
    begin;
    insert into shop.parted values ('2026-02-03');
    prepare transaction 'waiting';
    create role owner nologin;
    alter database app set work_mem = '5MB';
    checkpoint";

/// Logins, from the one that may all to the one that may nothing.
pub(super) const ROLES: [&str; 3] = ["postgres", "mon", "nobody"];

pub(super) fn server(major: u32) -> Cluster {
    server_with(major, &[])
}

pub(crate) fn server_with(major: u32, settings: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::start(major, &[SETTINGS, settings].concat());
    cluster.sql("postgres", "create extension pg_stat_statements");
    cluster.sql("postgres", "create database app");
    cluster.sql("postgres", "create role mon login; grant pg_monitor to mon; create role nobody login");
    let mut app = cluster.conn("app");
    for text in APP.split(";\n") {
        // One by one: some take no transaction block.
        app.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
    cluster
}

/// A home that watches this server as this role.
pub(super) fn home(cluster: &Cluster, role: &str) -> Home {
    let home = Home::new();
    home.config(&config(&[(cluster, "main")], role, "postgres, app"));
    home
}

/// Everything on, what is off by default too.
pub(super) fn config(servers: &[(&Cluster, &str)], role: &str, databases: &str) -> String {
    let mut text = "[collector]\nid = \"matrix\"\nhostname = \"host.test\"\nstate_dir = \"{state}\"\n\
                    [backend]\nurl = \"{target}\"\n[logging]\nfile_path = \"{log}\"\n"
        .to_owned();
    for (cluster, name) in servers {
        let port = cluster.port();
        write!(
            text,
            "[[servers]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{role}\"\n\
             databases = \"{databases}\"\n"
        )
        .unwrap();
    }
    let asked = registry::ALL.iter().filter(|c| matches!(c.gather, Gather::Sql(_)));
    asked.for_each(|c| write!(text, "[{}]\nenabled = true\n", c.name).unwrap());
    text
}

pub(super) struct Cycle {
    pub(super) code: Option<i32>,
    /// What the server logged meanwhile.
    pub(super) server_log: String,
    pub(super) items: BTreeMap<(String, Option<String>), Value>,
}

/// In which everything is due.
#[track_caller]
pub(super) fn cycle(cluster: &Cluster, home: &Home) -> Cycle {
    let mark = cluster.log_mark();
    let code = home.run(&["cron", "--force"]).code;
    let batch = home.batches().pop().unwrap_or_else(|| panic!("no batch: {}", home.log()));
    let items = batch["metrics"].as_array().unwrap().iter().map(|item| {
        let database = item["database"].as_str().map(str::to_owned);
        ((item["type"].as_str().unwrap().to_owned(), database), item.clone())
    });
    Cycle { code, server_log: cluster.log_since(mark), items: items.collect() }
}

impl Cycle {
    /// `collector.part of database` and its outcome, for everything asked of a server.
    pub(super) fn parts(&self) -> impl Iterator<Item = (String, &Value)> {
        let asked = self.items.iter().filter(|((name, _), _)| registry::is_asked(name));
        asked.flat_map(|((name, database), item)| {
            let place = database.as_ref().map(|d| format!(" of {d}")).unwrap_or_default();
            let parts = item["parts"].as_object().unwrap().iter();
            parts.map(move |(part, outcome)| (format!("{name}.{part}{place}"), outcome))
        })
    }

    /// What the server told us that it could not do.
    pub(super) fn errors(&self) -> Vec<&str> {
        let own = self.server_log.lines().filter(|line| line.starts_with("<pganalytics> "));
        own.filter(|line| ["ERROR: ", "FATAL: ", "PANIC: "].iter().any(|level| line.contains(level)))
            .collect()
    }

    /// Without this an empty list of errors proves nothing.
    pub(super) fn statements(&self) -> usize {
        self.server_log.lines().filter(|line| line.starts_with("<pganalytics> LOG: ")).count()
    }
}
