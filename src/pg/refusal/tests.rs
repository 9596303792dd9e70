use super::*;

#[test]
fn a_code_and_the_servers_routine_say_what_and_whom_it_concerns() {
    #[track_caller]
    fn check(code: &str, routine: Option<&str>, kind: Kind, scope: Scope) {
        assert_eq!(classify(code, routine), (kind, scope), "{code} {routine:?}");
    }
    check("28P01", Some("auth_failed"), Kind::Auth, Scope::Server);
    check("28000", Some("InitializeSessionUserId"), Kind::Auth, Scope::Server);
    check("28000", Some("ClientAuthentication"), Kind::Auth, Scope::Database);
    check("28000", None, Kind::Auth, Scope::Server);
    check("53300", Some("InitProcess"), Kind::TooManyConnections, Scope::Server);
    check("53300", Some("InitializeSessionUserId"), Kind::TooManyConnections, Scope::Server);
    check("53300", Some("CheckMyDatabase"), Kind::TooManyConnections, Scope::Database);
    check("53300", None, Kind::TooManyConnections, Scope::Server);
    check("53200", None, Kind::Other, Scope::Server);
    check("57P03", None, Kind::CannotConnectNow, Scope::Server);
    check("57P01", None, Kind::ShuttingDown, Scope::Server);
    check("57P02", None, Kind::ShuttingDown, Scope::Server);
    check("3D000", None, Kind::NoDatabase, Scope::Database);
    check("42501", None, Kind::NoConnectPrivilege, Scope::Database);
    check("55000", None, Kind::NotAccepting, Scope::Database);
    check("XX001", None, Kind::Other, Scope::Database);
    check("08P01", None, Kind::Other, Scope::Database);
}

#[test]
fn a_place_is_written_as_it_would_be_typed() {
    #[track_caller]
    fn check(host: &str, address: Option<&str>, expected: &str) {
        let address = address.map(|text| text.parse().unwrap());
        assert_eq!(Place { host, port: 5432, address, user: "u", database: "d" }.to_string(), expected);
    }
    check("db1", None, "db1:5432");
    check("db1", Some("10.0.0.5"), "db1:5432 (10.0.0.5)");
    check("10.0.0.5", Some("10.0.0.5"), "10.0.0.5:5432");
    check("::1", Some("::1"), "[::1]:5432");
    check("/run/postgresql", None, "/run/postgresql/.s.PGSQL.5432");
}

#[test]
fn a_grant_can_be_run_as_it_is_told() {
    let place = Place { host: "h", port: 1, address: None, user: "mon", database: "we\"ird" };
    let advice = advice::of_server(Kind::NoConnectPrivilege, Scope::Database, "42501", &place);
    assert_eq!(advice, "run: grant connect on database \"we\"\"ird\" to \"mon\"");
}
