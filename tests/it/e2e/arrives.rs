//! Nothing is lost, added or changed on the way from a server into the store and out again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use pganalytics::collect::{Gather, registry};
use serde_json::Value;

use super::for_each_major;
use super::scene::Scene;
use super::stored::{FAMILIES, all_of, each_once, whole};
use crate::matrix::stage;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// What no collector of ours sends, but an operator's own query may.
const ODD: &str = r#"select 9223372036854775807 as great, -9223372036854775808 as small, 0.1::float8 + 0.2 as sum, \
    1e-300::float8 as tiny, 12345678901234567890.123456789 as long, null as nothing, '' as empty, \
    U&'snowman \2603, clef \+01D11E' as wide, E'quote \" back \\ tab \t bell \x07' as odd, \
    '{"a": [1, 2.50, null, {"b": []}]}'::jsonb as deep, array[1, 2] as list, now() as at"#;

#[test]
fn every_field_of_every_item_is_stored_and_read_as_it_was_sent() {
    for_each_major(|major| {
        // Each is watched, and stores what another has.
        let all = majors();
        let next = all.iter().cycle().skip_while(|other| **other != major).nth(1).unwrap();
        check(major, shared(*next));
    });
}

fn check(major: u32, store: &Cluster) {
    let server = stage::server_with(major, &[("autovacuum", "off")]);
    let _standby = standby(&server);
    let mut scene = Scene::start(store, &watching(&server));
    scene.api.kill9();
    let mut sent = Vec::new();
    for runs in [2, 1] {
        for _ in 0..runs {
            busy(&server);
            scene.run(&["cron", "--force"], 1);
        }
        let waiting = scene.sealed();
        assert_eq!(waiting.len(), runs, "{major}");
        sent.extend(waiting);
        scene.api.launch();
        scene.api.healthy();
        let flushed = scene.run(&["spool", "flush"], 0);
        assert_eq!(flushed.stdout, format!("{runs} batches delivered, 0 rejected\n"));
        scene.api.kill9();
    }
    scene.api.launch();
    scene.api.healthy();
    for batch in &sent {
        has_everything(batch);
    }
    all_of(store, &scene, &sent);
    newest_first_of_each_kind(&scene, &sent[2]);
    scene.run(&["cron", "--force"], 0);
    each_once(store, &scene, 4);
}

fn watching(server: &Cluster) -> String {
    let mut text = format!(
        "[postgres]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"mon\"\nsslmode = \"disable\"\n\
         databases = \"postgres, app, back\"\n[[custom]]\nname = \"odd\"\nsql = '''{}'''\n",
        server.port(),
        ODD.replace("\\\n", "")
    );
    let asked = registry::ALL.iter().filter(|c| matches!(c.gather, Gather::Sql(_)));
    asked.for_each(|c| write!(text, "[{}]\nenabled = true\n", c.name).unwrap());
    text
}

fn standby(server: &Cluster) -> Cluster {
    server.sql("postgres", "select pg_create_physical_replication_slot('standby', true)");
    server.sql("postgres", "create database back");
    server.sql("back", "create table t (id int primary key, v text); insert into t select n, n from generate_series(1, 500) n");
    let follow = format!("host=127.0.0.1 port={} user=postgres application_name=near", server.port());
    let standby =
        Cluster::standby(server, &[("primary_conninfo", &follow), ("primary_slot_name", "standby")]);
    eventually(LONG, || match server.one::<i64>("postgres", "select count(*) from pg_stat_replication") {
        1 => Ok(()),
        _ => Err(standby.log_text()),
    });
    standby
}

/// Something of everything since the run before.
fn busy(server: &Cluster) {
    let app = "insert into shop.orders (customer, total, note) select n % 50 + 1, n, 'late' from generate_series(1, 50) n; \
               update shop.orders set total = total + 1 where id % 7 = 0; delete from shop.orders where id % 97 = 1; \
               select count(*) from shop.orders o join shop.customer c on c.id = o.customer where c.name like 'customer 1%'; \
               analyze shop.orders";
    server.sql("app", app);
    for n in 0..20 {
        let names: Vec<String> = (0..=n).map(|c| format!("v as c{c}")).collect();
        server.sql("back", &format!("select {} from t where id = {n}", names.join(", ")));
    }
    server.sql("back", "update t set v = v || '.' where id < 50");
    server.sql("back", "vacuum t");
}

/// Else equality would prove little.
#[track_caller]
fn has_everything(batch: &Value) {
    let items = batch["metrics"].as_array().unwrap();
    let there: BTreeSet<&str> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    let all: BTreeSet<&str> = registry::ALL.iter().map(|collector| collector.name).collect();
    assert_eq!(there, all);
    let rows: BTreeMap<&str, usize> = FAMILIES
        .iter()
        .map(|(table, kind, field, _)| {
            let of = items.iter().filter(|item| item["type"] == *kind);
            (*table, of.filter_map(|item| item[field].as_array()).map(Vec::len).sum())
        })
        .collect();
    assert!(rows.values().all(|rows| *rows > 0), "{rows:?}");
    assert!(rows["query_stats"] > 30 && rows["replication_slots"] == 2, "{rows:?}");
    let odd = items.iter().find(|item| item["type"] == "custom").unwrap();
    assert_eq!(odd["odd"].as_array().map(Vec::len), Some(1), "{odd}");
}

/// Without a span: what the last batch brought, one of each type before any second.
#[track_caller]
fn newest_first_of_each_kind(scene: &Scene, last: &Value) {
    let answer = scene.api.get("/api/v1/metrics?limit=1000", Some(&scene.token()));
    let page = answer.json();
    let told = page["metrics"].as_array().unwrap();
    let place = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        (text("type"), text("database"), text("timestamp"))
    };
    let sent = last["metrics"].as_array().unwrap();
    let expected: BTreeSet<_> = sent.iter().map(place).collect();
    assert_eq!(told.iter().map(|item| place(&whole(item))).collect::<BTreeSet<_>>(), expected);
    assert_eq!((page["total"].as_u64(), told.len()), (Some(sent.len() as u64), sent.len()));
    let types: BTreeSet<String> =
        told[..registry::ALL.len()].iter().map(|item| item["type"].to_string()).collect();
    assert_eq!(types.len(), registry::ALL.len(), "one of each type first");
}
