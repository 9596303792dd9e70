use super::Bed;
use crate::support::cluster::shared;
use crate::support::majors;

#[test]
fn a_role_that_may_not_see_all_counts_what_it_cannot_read() {
    for major in majors() {
        let server = shared(major);
        let bed = Bed::new(server, 1);
        let db = &bed.databases[0];
        server.sql("postgres", &format!("revoke pg_monitor from {}", bed.role));
        server.sql(db, "create table x (a int); select a from x");
        let told = bed.cron();
        assert_eq!(told.code, Some(1), "a privilege that pg_monitor would give");
        assert!(told.stderr.contains("grant pg_monitor"), "{}", told.stderr);
        server.sql(db, &"select a from x;".repeat(7));
        let again = bed.cron();
        assert_eq!((again.code, again.stderr.as_str()), (Some(1), ""), "a person hears of it once");
        let batch = bed.last();
        let hidden = batch.stats(db, "queries_unreadable");
        assert!(hidden >= 3.0, "extension, table and query: {hidden}");
        assert!(batch.stats(db, "queries_total") >= hidden);
        assert!(batch.stats(db, "calls_total") >= 8.0, "its calls count nevertheless");
        assert!(batch.texts(db).iter().all(|text| !text.contains("from x")));
        assert!(batch.queries(db).iter().all(|q| q["user"] == *bed.role), "its own it may see");
        assert_eq!(batch.item(db)["parts"]["queries"]["reason"], "privilege");
    }
}

#[test]
fn a_member_of_pg_monitor_that_does_not_inherit_sees_all() {
    for major in majors() {
        let server = shared(major);
        let bed = Bed::new(server, 1);
        let db = &bed.databases[0];
        server.sql(
            "postgres",
            &format!("drop role {0}; create role {0} login noinherit in role pg_monitor", bed.role),
        );
        server.sql(db, "create table x (a int); select a from x");
        let batch = bed.run();
        assert!(batch.texts(db).contains(&"select a from x"), "{:?}", batch.texts(db));
        assert_eq!(batch.stats(db, "queries_unreadable"), 0.0);
    }
}
