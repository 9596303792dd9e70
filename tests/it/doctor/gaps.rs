//! Each gap by itself: it is named, its statement is printed, run as printed it is mended, and the cycle is complete.

use super::{Bed, marked, says, statements};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

fn newest() -> u32 {
    majors().into_iter().max().unwrap()
}

#[test]
fn who_lacks_nothing_hears_so() {
    for major in majors() {
        let bed = Bed::new(shared(major), 2);
        let run = bed.check(0);
        marked(&run, "ok", &format!("PostgreSQL {major}."));
        marked(&run, "ok", "2 of 2 watched databases are open");
        says(&run, "A cycle would be complete");
        assert!(!run.stdout.contains("To mend"), "{}", run.stdout);
        let row = run.stdout.lines().find(|l| l.trim_start().starts_with("pg_query_stats ")).unwrap();
        assert!(row.trim_end().ends_with(" ok") && row.contains(" on "), "{row}");
        let worth: Vec<String> = statements(&run.stdout).into_iter().map(|(_, sql)| sql).collect();
        match major {
            ..16 => assert!(worth.is_empty(), "{worth:?}"),
            _ => assert_eq!(worth[0], format!("grant pg_use_reserved_connections to \"{}\"", bed.role)),
        }
        bed.cycle(0);
    }
}

/// Names that want quotes everywhere, and a role without any right.
#[test]
fn a_role_without_rights_and_names_that_want_quotes() {
    for major in majors() {
        let server = shared(major);
        let mut bed = Bed::nobody(server, 1);
        let unique = server.fresh_name("");
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        bed.role = format!("Odd \"role\" é{unique}");
        bed.databases.push(format!("shut \"one\" {unique}"));
        let shut = quoted(&bed.databases[1]);
        let schema = quoted(&format!("my \"stats\"{unique}"));
        server.sql("postgres", &format!("create role {} login", quoted(&bed.role)));
        server.sql("postgres", &format!("create database {shut}"));
        server.sql("postgres", &format!("revoke connect on database {shut} from public"));
        server.sql(
            &bed.databases[0],
            &format!("create schema {schema}; create extension pg_stat_statements schema {schema}"),
        );
        bed.configure("");
        let run = bed.check(1);
        marked(&run, "x ", "not a member of pg_monitor");
        marked(&run, "x ", "the role may not connect to it");
        marked(&run, "x ", "is closed to");
        says(&run, &format!("  grant connect on database {shut} to {};\n", quoted(&bed.role)));
        says(&run, &format!("  grant usage on schema {schema} to {};\n", quoted(&bed.role)));
        assert!(!run.stdout.contains("pg_read_binary_file"), "{}", run.stdout);
        bed.cycle(1);
        // Of reserved connections nothing is done here: others share this server.
        let only: Vec<_> =
            statements(&run.stdout).into_iter().filter(|(_, sql)| !sql.starts_with("alter system")).collect();
        only.iter().for_each(|(db, sql)| server.sql(db.as_deref().unwrap_or("postgres"), sql));
        bed.check(0);
        bed.cycle(0);
    }
}

/// As the deployment documents create the role.
#[test]
fn a_member_that_does_not_inherit() {
    for major in majors() {
        let server = shared(major);
        let bed = Bed::nobody(server, 1);
        server.sql("postgres", &format!("alter role {0} noinherit; grant pg_monitor to {0}", bed.role));
        server.sql(
            &bed.databases[0],
            "create schema private; create extension pg_stat_statements schema private; \
             revoke execute on function private.pg_stat_statements(boolean) from public",
        );
        // What the role has been given itself does not count while it asks as pg_monitor.
        server.sql(
            &bed.databases[0],
            &format!(
                "grant usage on schema private to {0}; \
                 grant execute on function private.pg_stat_statements(boolean) to {0}",
                bed.role
            ),
        );
        let run = bed.check(1);
        marked(&run, "! ", "leaves the role's own grants out of force");
        says(&run, "  grant usage on schema private to \"pg_monitor\";\n");
        says(&run, "  grant execute on function private.pg_stat_statements(boolean) to \"pg_monitor\";\n");
        let inherit = match major {
            ..16 => format!("  alter role \"{}\" inherit;\n", bed.role),
            _ => format!("  grant pg_monitor to \"{}\" with inherit true;\n", bed.role),
        };
        says(&run, &inherit);
        bed.cycle(1);
        // The advice alone is enough, as the role has what it needs.
        server.sql("postgres", inherit.trim().trim_end_matches(';'));
        let run = bed.check(0);
        assert!(!run.stdout.contains("pg_monitor, not inherited"), "{}", run.stdout);
        bed.cycle(0);
    }
}

#[test]
fn a_closed_schema_is_opened_to_whom_the_collector_is() {
    let server = shared(newest());
    let bed = Bed::nobody(server, 1);
    server.sql(
        "postgres",
        &format!("alter role {0} noinherit; grant pg_monitor to {0} with inherit false", bed.role),
    );
    server
        .sql(&bed.databases[0], "create schema private; create extension pg_stat_statements schema private");
    let run = bed.check(1);
    let (to_mend, _) = run.stdout.split_once("\n  Worth doing").unwrap();
    bed.mend(to_mend);
    bed.check(0);
    bed.cycle(0);
    server.sql(&bed.databases[0], "drop extension pg_stat_statements");
}

#[test]
fn without_the_extension() {
    for major in majors() {
        let bed = Bed::nobody(shared(major), 2);
        bed.server.sql("postgres", &format!("grant pg_monitor to {}", bed.role));
        let run = bed.check(0);
        marked(&run, "! ", "no pg_stat_statements in database");
        bed.configure("required = [\"pg_query_stats\"]\n");
        let run = bed.check(1);
        marked(&run, "x ", "no pg_stat_statements in database");
        says(
            &run,
            &format!("  -- in database {}:\n  create extension pg_stat_statements;\n", bed.databases[0]),
        );
        bed.cycle(1);
        let (to_mend, _) = run.stdout.split_once("\n  Worth doing").unwrap_or((&run.stdout, ""));
        bed.mend(to_mend);
        bed.check(0);
        bed.cycle(0);
    }
}

/// Found by the first cycle, read by the second: nothing has to be mended.
#[test]
fn in_another_database_it_is_named() {
    let mut bed = Bed::new(shared(newest()), 2);
    bed.databases.reverse();
    bed.configure("required = [\"pg_query_stats\"]\n");
    let run = bed.check(1);
    marked(&run, "x ", &format!("the cycle after the next reads it in {}", bed.databases[1]));
    assert!(!run.stdout.contains("create extension"), "{}", run.stdout);
    bed.cycle(1);
    bed.check(0);
    bed.cycle(0);
}

#[test]
fn an_extension_that_is_too_old_or_only_old() {
    for major in majors() {
        let bed = Bed::nobody(shared(major), 1);
        let db = &bed.databases[0];
        bed.server.sql("postgres", &format!("grant pg_monitor to {}", bed.role));
        bed.server.sql(db, "create extension pg_stat_statements version '1.7'");
        bed.configure("required = [\"pg_query_stats\"]\n");
        let run = bed.check(1);
        marked(&run, "x ", "too old to be read");
        bed.cycle(1);
        let (to_mend, _) = run.stdout.split_once("\n  Worth doing").unwrap_or((&run.stdout, ""));
        assert_eq!(
            statements(to_mend),
            [(Some(db.clone()), "alter extension pg_stat_statements update".to_owned())]
        );
        bed.mend(to_mend);
        bed.check(0);
        bed.cycle(0);
        if major > 13 {
            bed.server.sql(
                db,
                "drop extension pg_stat_statements; create extension pg_stat_statements version '1.8'",
            );
            let run = bed.check(0);
            marked(&run, "! ", "older than the server's");
            bed.cycle(0);
        }
    }
}

#[test]
fn databases_that_cannot_be_watched() {
    let server = shared(newest());
    let mut bed = Bed::new(server, 2);
    let mute = server.fresh_database("doc");
    server.sql("postgres", &format!("alter database {mute} allow_connections false"));
    let full = server.fresh_database("doc");
    server.sql("postgres", &format!("alter database {full} connection limit 0"));
    bed.databases.extend([mute.clone(), full.clone(), "is_not_there".to_owned()]);
    bed.configure("");
    let run = bed.check(1);
    marked(&run, "x ", "database is_not_there does not exist");
    says(&run, &format!("  alter database \"{mute}\" with allow_connections true;\n"));
    says(&run, &format!("  alter database \"{full}\" with connection limit -1;\n"));
    bed.cycle(1);
    let (to_mend, _) = run.stdout.split_once("\n  Worth doing").unwrap();
    bed.mend(to_mend);
    bed.databases.pop();
    bed.configure("");
    bed.check(0);
    bed.cycle(0);
}

/// The only database is closed: nothing is known of the server, but its answer says enough.
#[test]
fn a_server_whose_only_database_is_closed() {
    let server = shared(newest());
    let bed = Bed::new(server, 1);
    server.sql("postgres", &format!("revoke connect on database {} from public", bed.databases[0]));
    let run = bed.check(3);
    bed.cycle(3);
    bed.mend(&run.stdout);
    bed.check(0);
    bed.cycle(0);
}

/// The library is added to those that are there, in their order, and the server wants a restart.
#[test]
fn a_server_that_has_not_loaded_the_library() {
    for major in majors() {
        let mut server =
            Cluster::start(major, &[("shared_preload_libraries", "auto_explain, \"pg_prewarm\"")]);
        server.sql("postgres", "create database app");
        server.sql("postgres", "create role nobody login");
        let home = {
            let bed = Bed {
                server: &server,
                home: crate::support::home::Home::new(),
                role: "nobody".into(),
                databases: vec!["app".into()],
            };
            bed.configure("required = [\"pg_query_stats\"]\n");
            let run = bed.check(1);
            marked(&run, "x ", "may not see shared_preload_libraries");
            server.sql("postgres", "grant pg_monitor to nobody");
            let run = bed.check(1);
            says(
                &run,
                "  alter system set shared_preload_libraries = 'auto_explain', 'pg_prewarm', 'pg_stat_statements';\n",
            );
            bed.cycle(1);
            assert!(bed.mend(&run.stdout), "a restart is asked for: {}", run.stdout);
            // Neither loaded nor absent: there, but of no use until then.
            let run = bed.check(1);
            marked(&run, "x ", "its library is not loaded");
            bed.home
        };
        server.restart();
        let bed = Bed { server: &server, home, role: "nobody".into(), databases: vec!["app".into()] };
        let libraries: String = server.one("postgres", "show shared_preload_libraries");
        assert_eq!(libraries, "auto_explain, pg_prewarm, pg_stat_statements");
        bed.check(0);
        bed.cycle(0);
    }
}
