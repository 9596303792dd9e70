use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use pganalytics::config::SslMode;
use pganalytics::pg::connect::{Connection, connect};
use pganalytics::pg::progress::Progress;
use pganalytics::pg::tls::Connector;
use serde_json::Value;

use super::{on_each_major, reset};
use crate::cycle::item::{cycle, item, row, rows, watching};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::tls::certs::self_signed;
use crate::tls::postgres::server;

fn home(cluster: &Cluster, databases: &str) -> Home {
    watching(cluster, databases, "[pg_security]\nenabled = true\n")
}

fn security(home: &Home, database: Option<&str>) -> Value {
    item(&cycle(home, &["--force"]), "pg_security", database).clone()
}

#[test]
fn roles_that_reach_beyond_their_objects() {
    on_each_major(13, |cluster| {
        let home = home(cluster, "postgres");
        let before = security(&home, None);
        cluster.sql(
            "postgres",
            "create role sec_super superuser; create role sec_rls login bypassrls createdb; \
             create role sec_rep login replication createrole; \
             create role sec_late login valid until '2020-01-01'; create role sec_plain login valid until 'infinity'; \
             create role sec_group; grant pg_execute_server_program to sec_group; grant sec_group to sec_plain",
        );
        cluster.sql(
            "postgres",
            "do $$ begin execute format('create role sec_soon login valid until %L', now() + interval '10 days'); end $$",
        );
        let found = security(&home, None);
        for (field, more) in [
            ("roles_total", 7),
            ("logins", 5),
            ("superusers", 1),
            ("superuser_logins", 0),
            ("bypassrls_roles", 1),
            ("createdb_roles", 1),
            ("createrole_roles", 1),
            ("replication_logins", 1),
            ("passwords_expired", 1),
            ("passwords_expiring", 1),
        ] {
            let count = |item: &Value| item[field].as_i64().expect(field);
            assert_eq!(count(&found), count(&before) + more, "{field}");
        }
        let flag = |name: &str, field: &str| row(&found, "roles", name)[field] == true;
        assert!(flag("sec_super", "superuser") && !flag("sec_super", "login"));
        assert!(flag("sec_rls", "bypasses_rls") && flag("sec_rls", "creates_databases"));
        assert!(flag("sec_rep", "replication") && flag("sec_rep", "creates_roles"));
        assert!(flag("sec_late", "password_expired") && !flag("sec_late", "password_expires_soon"));
        assert!(flag("sec_soon", "password_expires_soon") && !flag("sec_soon", "password_expired"));
        assert!(rows(&found, "roles").iter().all(|r| r["name"] != "sec_plain" && r["name"] != "sec_group"));
        let members: BTreeSet<(&str, bool)> = rows(&found, "memberships")
            .iter()
            .filter(|m| m["granted_role"] == "pg_execute_server_program")
            .map(|m| (m["name"].as_str().unwrap(), m["direct"] == true))
            .collect();
        assert_eq!(members, BTreeSet::from([("sec_group", true), ("sec_plain", false)]));
        cluster.sql(
            "postgres",
            "drop role sec_super, sec_rls, sec_rep, sec_late, sec_plain, sec_group, sec_soon",
        );
        assert_eq!(security(&home, None)["roles_total"], before["roles_total"]);
    });
}

#[test]
fn passwords_are_counted_by_their_form_and_never_told() {
    on_each_major(13, |cluster| {
        let home = home(cluster, "postgres");
        let before = security(&home, None)["passwords"].clone();
        cluster.sql(
            "postgres",
            "set password_encryption = 'md5'; create role sec_md5 login password 'hunter2'; \
             set password_encryption = 'scram-sha-256'; create role sec_scram login password 'hunter2'; \
             create role sec_none login",
        );
        let batch = cycle(&home, &["--force"]);
        let found = &item(&batch, "pg_security", None)["passwords"];
        for kind in ["md5", "scram", "none"] {
            assert_eq!(found[kind].as_i64(), before[kind].as_i64().map(|n| n + 1), "{kind}: {found}");
        }
        assert_eq!(found["other"], 0);
        let hashes = cluster
            .conn("postgres")
            .query("select rolpassword from pg_authid where rolpassword is not null", &[]);
        for hash in hashes.unwrap() {
            assert!(!batch.to_string().contains(hash.get::<_, &str>(0)));
        }
        cluster.sql("postgres", "drop role sec_md5, sec_scram, sec_none");
    });
}

const HBA: &str = "
host all wide 0.0.0.0/0 scram-sha-256
host all wide ::/0 reject
host app,other +group all password
hostssl all ssl all password
host all radius 10.0.0.0/8 radius radiusservers=127.0.0.1 radiussecrets=hunter2one
host all ldap 10.0.0.0/8 ldap ldapserver=ldap.example ldapbindpasswd=hunter2two
host all odd 10.0.0.0/8 radius radiussecrets hunter2three
host all wrong 10.0.0.0/8 nonsense
";

#[test]
fn rules_that_let_too_many_in() {
    on_each_major(13, |cluster| {
        let home = home(cluster, "postgres");
        let path = cluster.data_dir().join("pg_hba.conf");
        let plain = fs::read_to_string(&path).unwrap();
        let before = security(&home, None);
        // Read by whoever looks at the view; the server itself goes on with what it has loaded.
        fs::write(&path, format!("{plain}{HBA}")).unwrap();
        let batch = cycle(&home, &["--force"]);
        fs::write(&path, &plain).unwrap();
        let found = item(&batch, "pg_security", None);
        let by_user = |user: &str| {
            let rules = rows(found, "hba").iter().filter(|r| r["users"] == user).collect::<Vec<_>>();
            rules.into_iter().cloned().collect::<Vec<Value>>()
        };
        assert_eq!(
            by_user("wide").iter().map(|r| r["open_to_all"] == true).collect::<Vec<_>>(),
            [true, false]
        );
        let group = &by_user("+group")[0];
        assert_eq!((&group["databases"], &group["cleartext_password"]), (&"app,other".into(), &true.into()));
        assert_eq!(group["open_to_all"], true);
        assert_eq!(by_user("ssl")[0]["cleartext_password"], false, "TLS hides it");
        let radius = by_user("radius")[0]["options"].as_str().unwrap().to_owned();
        assert!(radius.contains("radiussecrets=***") && radius.contains("127.0.0.1"), "{radius}");
        let trust = rows(found, "hba").iter().filter(|r| r["trust"] == true).count();
        assert_eq!(found["hba_trust"], trust);
        let grown = |field: &str| found[field].as_i64().unwrap() - before[field].as_i64().unwrap();
        // Without LDAP in the build its rule is an error, as is hostssl without ssl.
        let ldap = by_user("ldap").len() as i64;
        assert_eq!((grown("hba_rules"), grown("hba_errors")), (4 + ldap, 4 - ldap), "{found:#}");
        assert_eq!((grown("hba_open_to_all"), grown("hba_cleartext_password")), (3, 2 + ldap));
        let errors: Vec<&str> = rows(found, "hba").iter().filter_map(|r| r["error"].as_str()).collect();
        assert!(errors.contains(&"authentication option not in name=value format"), "{errors:?}");
        assert!(!batch.to_string().contains("hunter2"));
        let order: Vec<i64> = rows(found, "hba").iter().filter_map(|r| r["line_number"].as_i64()).collect();
        assert_eq!(order.len(), rows(found, "hba").len());
    });
}

/// A session of some other program, encrypted.
fn session(cluster: &Cluster, mode: SslMode) -> Connection {
    let server = server(cluster, "postgres", mode);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut opened = connect(&server, "postgres", deadline, &Progress::default(), &Connector::default())
        .unwrap_or_else(|refusal| panic!("{refusal}"));
    opened.client.batch_execute("set application_name = 'another'").unwrap();
    opened
}

#[test]
fn how_sessions_are_encrypted() {
    on_each_major(13, |cluster| {
        self_signed(&["127.0.0.1"]).write(&cluster.data_dir(), "server");
        cluster.sql("postgres", "alter system set ssl = on");
        // Its files become the server's own where it is started.
        cluster.restart();
        let home = home(cluster, "postgres");
        let encrypted = |found: &Value| -> u64 {
            let tls = rows(found, "tls").iter().filter(|r| r["encryption"] == "tls");
            tls.map(|r| r["sessions"].as_u64().unwrap()).sum()
        };
        let none = security(&home, None);
        assert_eq!((&none["ssl"], encrypted(&none)), (&true.into(), 0), "our own session aside: {none:#}");
        let mut held = session(cluster, SslMode::Require);
        let row = held
            .client
            .query_one("select version, cipher, bits from pg_stat_ssl where pid = pg_backend_pid()", &[])
            .unwrap();
        let found = security(&home, None);
        assert_eq!(encrypted(&found), 1, "{found:#}");
        let told = rows(&found, "tls").iter().find(|r| r["encryption"] == "tls").unwrap();
        assert_eq!(told["version"], row.get::<_, &str>(0));
        assert_eq!(told["cipher"], row.get::<_, &str>(1));
        assert_eq!((&told["bits"], &told["remote"]), (&row.get::<_, i32>(2).into(), &false.into()));
        let plain = session(cluster, SslMode::Disable);
        let clear = |found: &Value| -> u64 {
            let rows = rows(found, "tls").iter().filter(|r| r["encryption"] == "none");
            rows.map(|r| r["sessions"].as_u64().unwrap()).sum()
        };
        assert_eq!(clear(&security(&home, None)), clear(&found) + 1);
        drop((held, plain));
        reset(cluster, "ssl");
    });
}

const OPEN: &str = "
    create schema wide; create schema narrow;
    grant create on schema wide to public;
    create function wide.bad() returns int language sql security definer as 'select 1';
    create function wide.pinned() returns int language sql security definer set search_path = pg_catalog as 'select 1';
    create function wide.withheld() returns int language sql security definer as 'select 1';
    revoke execute on function wide.withheld() from public;
    create function wide.plain() returns int language sql as 'select 1';
    create table wide.guestbook (a int); grant insert, select, update on wide.guestbook to public;
    create table wide.notices (a int); grant select on wide.notices to public";

#[test]
fn what_everybody_may_do_in_a_database() {
    on_each_major(13, |cluster| {
        let database = cluster.fresh_database("open");
        cluster.sql(&database, OPEN);
        let home = home(cluster, &database);
        let batch = cycle(&home, &["--force"]);
        let found = item(&batch, "pg_security", Some(&database));
        let names = |key| rows(found, key).iter().map(|r| r["name"].as_str().unwrap()).collect::<Vec<_>>();
        // Before 15 everybody may create in schema public.
        let schemas = if cluster.major < 15 { vec!["public", "wide"] } else { vec!["wide"] };
        assert_eq!(names("open_schemas"), schemas);
        assert_eq!(names("open_definers"), ["bad"]);
        assert_eq!(names("open_tables"), ["guestbook"]);
        assert_eq!(row(found, "open_tables", "guestbook")["privileges"], "INSERT,UPDATE");
        let server = item(&batch, "pg_security", None);
        let told = row(server, "open_databases", &database);
        assert_eq!((&told["creates"], &told["temporary"]), (&false.into(), &true.into()));

        cluster.sql("postgres", &format!("revoke temporary on database {database} from public"));
        cluster.sql(&database, "revoke create on schema wide from public; drop function wide.bad");
        let batch = cycle(&home, &["--force"]);
        let found = item(&batch, "pg_security", Some(&database));
        assert!(rows(found, "open_definers").is_empty());
        assert!(rows(found, "open_schemas").iter().all(|s| s["name"] != "wide"));
        let server = item(&batch, "pg_security", None);
        assert!(rows(server, "open_databases").iter().all(|d| d["name"] != *database));
    });
}

#[test]
fn it_is_off_unless_it_is_asked_for() {
    on_each_major(13, |cluster| {
        let batch = cycle(&watching(cluster, "postgres", ""), &["--force"]);
        assert!(batch["metrics"].as_array().unwrap().iter().all(|i| i["type"] != "pg_security"));
    });
}
