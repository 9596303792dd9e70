use super::scene::{Items, assert_code, home, postgres, watched};

/// pg_monitor, a member that does not inherit it (as the deployment documents create the role), and nothing at all.
#[test]
fn what_a_role_may_see() {
    for major in [13, 15, 16, 18] {
        if !crate::support::majors().contains(&major) {
            continue;
        }
        let cluster = watched(major, &[("log_statement", "all")]);
        cluster
            .sql("postgres", "create role noinherit_mon login noinherit; grant pg_monitor to noinherit_mon");
        cluster.sql("postgres", "create role nobody login");
        cluster.sql("postgres", "create database shut");
        cluster.sql("postgres", "create database open");
        cluster.sql("postgres", "revoke connect on database shut from public");
        cluster.sql("open", "create table t as select 1 as a; revoke all on t from public");
        for (role, code, shut_size) in [("mon", 0, true), ("noinherit_mon", 0, true), ("nobody", 1, false)] {
            let home = home("", &postgres(cluster.port(), "\"*\"", &format!("user = \"{role}\"")));
            let mark = cluster.log_mark();
            let run = home.cron();
            assert_code(&home, &run, code);
            let asked = cluster.log_since(mark).contains("local role pg_monitor");
            assert_eq!(asked, role == "noinherit_mon", "{major} {role}");
            let items = Items::last(&home);
            items.assert_complete("open");
            items.assert_complete("postgres");
            assert_eq!(items.stats("open")["tables"][0]["size_bytes"].as_u64(), Some(8192));
            let shut = items.stats("shut");
            assert_eq!(shut["parts"]["database"]["outcome"], "ok", "{shut}");
            assert_eq!(shut["parts"]["tables"]["reason"], "not_applicable", "{shut}");
            assert_eq!(shut["size_bytes"].is_u64(), shut_size, "{major} {role}: {shut}");
            if !shut_size {
                let part = &shut["parts"]["database_size"];
                assert_eq!(
                    (&part["outcome"], &part["reason"]),
                    (&"failed".into(), &"privilege".into()),
                    "{part}"
                );
                assert!(part["detail"].as_str().unwrap().contains("grant pg_monitor"), "{part}");
            }
        }
    }
}
