//! One server: where its parameters come from, and what they mean together.

use secrecy::ExposeSecret;

use super::Home;
use crate::config::{Databases, Server, SslMode};

fn host(server: &Server) -> String {
    server.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(" ")
}

fn found(server: &Server, host: &str, port: u16, database: &str) -> Option<String> {
    server.password_for(host, port, database).map(|p| p.expose_secret().to_owned())
}

#[test]
fn hosts_and_ports() {
    let cases = [
        ("host = \"a\"", "a:5432"),
        ("host = \"/var/run/postgresql\"\nport = 5433", "/var/run/postgresql:5433"),
        ("host = \"a, b\"", "a:5432 b:5432"),
        ("host = [\"a\", \"b\"]\nport = \"1,2\"", "a:1 b:2"),
        ("dsn = \"postgresql://a:1,b:2/x\"", "a:1 b:2"),
        ("dsn = \"host=a,b port=7\"", "a:7 b:7"),
        ("dsn = \"host=a port=7\"\nport = 8", "a:8"),
        ("dsn = \"user=x\"", "localhost:5432"),
        ("dsn = \"postgresql://[::1]:7/x\"", "::1:7"),
    ];
    for (toml, expected) in cases {
        assert_eq!(host(&Home::new().server(&format!("[postgres]\n{toml}\n"))), expected, "{toml}");
    }
    let counts = Home::new().problems("[postgres]\nhost = \"a,b,c\"\nport = \"1,2\"\n");
    assert!(counts[0].contains("it is 2 ports for 3 hosts"), "{counts:?}");
}

#[test]
fn libpq_fills_what_the_file_leaves_out() {
    let home = Home::with(&[
        ("PGHOST", "env-host"),
        ("PGPORT", "7000"),
        ("PGUSER", "env-user"),
        ("PGPASSWORD", "env-password"),
        ("PGDATABASE", "env-db"),
        ("PGSSLMODE", "disable"),
        ("PGCONNECT_TIMEOUT", "9"),
    ]);
    let server = home.server("");
    assert_eq!((host(&server).as_str(), server.user.as_str()), ("env-host:7000", "env-user"));
    assert_eq!((server.ssl.mode, server.connect_timeout.as_secs()), (SslMode::Disable, 9));
    assert_eq!(server.databases, Databases::Named(vec!["env-db".to_owned()]));
    assert_eq!(found(&server, "env-host", 7000, "x").as_deref(), Some("env-password"));
    let server = home
        .server("[postgres]\nhost = \"f\"\nport = 1\nuser = \"u\"\npassword = \"p\"\nsslmode = \"prefer\"\n");
    assert_eq!(
        (host(&server).as_str(), server.user.as_str(), server.ssl.mode),
        ("f:1", "u", SslMode::Prefer)
    );
    assert_eq!(found(&server, "f", 1, "x").as_deref(), Some("p"));
}

#[test]
fn a_further_server_does_not_inherit_address_or_password() {
    let home =
        Home::with(&[("PGHOST", "h"), ("PGPASSWORD", "p"), ("PG_HOST", "h2"), ("PGSSLMODE", "disable")]);
    let config = home.config("[[servers]]\nhost = \"other\"\nname = \"second\"\n");
    let names: Vec<&str> = config.servers.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["h2:5432", "second"]);
    assert_eq!(found(&config.servers[1], "other", 5432, "x"), None);
    assert_eq!(config.servers[1].ssl.mode, SslMode::Disable);
    let only = Home::new().config("[[servers]]\nhost = \"a\"\n[[servers]]\nhost = \"b\"\n");
    assert_eq!(only.servers.len(), 2);
}

#[test]
fn databases_and_where_to_connect_first() {
    let named = |names: &[&str]| Databases::Named(names.iter().map(|n| (*n).to_owned()).collect());
    let cases = [
        ("", "postgres", named(&["postgres"])),
        ("database = \"app\"", "app", named(&["app"])),
        ("databases = \"a, b\"", "a", named(&["a", "b"])),
        ("databases = \"a, b, a\"\ndatabase = \"m\"", "m", named(&["a", "b"])),
        ("databases = \"*\"", "postgres", Databases::All),
        ("databases = [\"*\"]\ndatabase = \"m\"", "m", Databases::All),
        ("databases = [\"with, comma\"]", "with, comma", named(&["with, comma"])),
        ("databases = []", "postgres", named(&["postgres"])),
        ("dsn = \"postgresql:///app\"", "app", named(&["app"])),
    ];
    for (toml, database, databases) in cases {
        let server = Home::new().server(&format!("[postgres]\n{toml}\n"));
        assert_eq!((server.database.as_str(), &server.databases), (database, &databases), "{toml}");
    }
    let toml = "[postgres]\nexclude_databases = \"a\"\n[filters]\nexclude_databases = [\"a\", \"b\"]\n";
    assert_eq!(Home::new().server(toml).exclude_databases, ["a", "b"]);
}

#[test]
fn sslmode_follows_libpq() {
    let with_root = Home::new();
    let root = with_root.write(".postgresql/root.crt", "x");
    let cases = [
        ("sslmode = \"disable\"", SslMode::Disable, SslMode::Disable),
        ("sslmode = \"prefer\"", SslMode::Prefer, SslMode::Prefer),
        ("sslmode = \"require\"", SslMode::Require, SslMode::VerifyCa),
        ("sslmode = \"require\"\nsslrootcert = \"/ca\"", SslMode::VerifyCa, SslMode::VerifyCa),
        ("sslmode = \"verify-full\"\nsslrootcert = \"/ca\"", SslMode::VerifyFull, SslMode::VerifyFull),
        ("sslrootcert = \"system\"", SslMode::VerifyFull, SslMode::VerifyFull),
        ("dsn = \"sslmode=verify-ca sslrootcert=/ca\"", SslMode::VerifyCa, SslMode::VerifyCa),
    ];
    for (toml, without, with) in cases {
        let toml = format!("[postgres]\n{toml}\n");
        assert_eq!(Home::new().server(&toml).ssl.mode, without, "{toml}");
        assert_eq!(with_root.server(&toml).ssl.mode, with, "{toml}");
    }
    let verified = with_root.server("[postgres]\nsslmode = \"verify-full\"\n").ssl;
    assert_eq!(verified.root_cert, Some(root));
    assert_eq!(with_root.server("[postgres]\nsslrootcert = \"system\"\n").ssl.root_cert, None);
    let warnings = Home::new().warnings("[postgres]\nsslmode = \"allow\"\n");
    assert!(warnings.len() == 1 && warnings[0].contains("allow is read as prefer"), "{warnings:?}");
}

#[test]
fn tls_that_only_looks_safe_is_a_problem() {
    let cases = [
        (
            "sslmode = \"verify-full\"",
            "c.toml:2:11: sslmode verify-full needs a certificate to verify against",
        ),
        (
            "sslmode = \"require\"\nsslrootcert = \"system\"",
            "c.toml:3:15: [postgres] sslrootcert = \"system\" goes only with",
        ),
        ("sslcert = \"/c\"", "c.toml:2:11: sslcert and sslkey go together"),
        ("sslkey = \"/c\"", "c.toml:2:10: sslcert and sslkey go together"),
        ("dsn = \"sslmode=sometimes\"", "c.toml:2:7: [postgres] dsn sslmode must be disable, prefer"),
    ];
    for (toml, expected) in cases {
        let problems = Home::new().problems(&format!("[postgres]\n{toml}\n"));
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{toml}: {problems:?}");
    }
    let socket = "[postgres]\nhost = \"/tmp\"\nsslmode = \"verify-full\"\n";
    assert_eq!(Home::new().server(socket).ssl.mode, SslMode::VerifyFull);
}

#[test]
fn a_service_fills_what_is_not_said_outright() {
    let home = Home::with(&[("PGPORT", "9"), ("PGSSLMODE", "disable")]);
    home.write(".pg_service.conf", "# own\n[orders]\nhost=svc\nport=6000\nuser=svc-user\ndbname=orders\n");
    home.write("pg_service.conf", "[system]\nhost=sys\n[orders]\nhost=never\n");
    let server = home.server("[postgres]\nservice = \"orders\"\nport = 7\n");
    assert_eq!((host(&server).as_str(), server.user.as_str()), ("svc:7", "svc-user"));
    assert_eq!((server.database.as_str(), server.ssl.mode), ("orders", SslMode::Disable));
    assert_eq!(host(&home.server("[postgres]\ndsn = \"service=system\"\n")), "sys:9");
    let missing = home.problems("[postgres]\nservice = \"nope\"\n");
    assert!(
        missing[0].starts_with("c.toml:2:11: [postgres] service: there is no such service"),
        "{missing:?}"
    );
    home.write(".pg_service.conf", "[orders]\nhost=svc\nprot=1\n");
    let unknown = home.problems("[postgres]\nservice = \"orders\"\n");
    assert_eq!(
        unknown,
        [".pg_service.conf:3:1: service has a parameter that PostgreSQL does not know: did you mean port?"]
    );
    let server =
        Home::with(&[("PGSERVICE", "orders"), ("PGSERVICEFILE", "/nonexistent/x")]).load("").err().unwrap();
    assert!(
        server.to_string().contains("environment: PGSERVICE: PGSERVICEFILE /nonexistent/x does not exist")
    );
}

#[test]
fn passwords_from_a_password_file() {
    let home = Home::new();
    let lines =
        "# comment\nh:5432:a:monitor:for a\nh:*:*:monitor:for h\nlocalhost:*:*:*:local\n*:*:*:other:no\n";
    let path = home.write(".pgpass", lines);
    let server = home.server("[postgres]\nhost = \"h\"\n");
    assert_eq!(found(&server, "h", 5432, "a").as_deref(), Some("for a"));
    assert_eq!(found(&server, "h", 5432, "b").as_deref(), Some("for h"));
    assert_eq!(found(&server, "h", 1, "a").as_deref(), Some("for h"));
    assert_eq!(found(&server, "x", 1, "a"), None);
    assert_eq!(found(&server, "/var/run/postgresql", 1, "a").as_deref(), Some("local"));
    assert_eq!(found(&server, "/elsewhere", 1, "a"), None);
    assert_eq!(
        found(&home.server("[postgres]\npassword = \"given\"\n"), "h", 5432, "a").as_deref(),
        Some("given")
    );

    let own = home.write("own", "*:*:*:*:own\n");
    let server = home.server(&format!("[postgres]\npassfile = \"{}\"\n", own.display()));
    assert_eq!(found(&server, "h", 5432, "a").as_deref(), Some("own"));

    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let loaded = home.load("").ok().unwrap();
    assert_eq!(found(&loaded.config.servers[0], "h", 5432, "a"), None);
    assert!(loaded.warnings[0].contains("others may read it; run chmod 600"), "{:?}", loaded.warnings);
    let missing = home.warnings("[postgres]\npassfile = \"/nonexistent/p\"\n");
    assert!(missing[0].contains("[postgres] passfile: /nonexistent/p does not exist"), "{missing:?}");
}

#[test]
fn timeouts() {
    let ms = |toml: &str| Home::new().server(&format!("[postgres]\n{toml}\n")).statement_timeout.as_millis();
    assert_eq!((ms(""), ms("query_timeout = 7"), ms("statement_timeout_ms = 70")), (5000, 7000, 70));
    let both = "[postgres]\nquery_timeout = 7\nstatement_timeout_ms = 70\n";
    assert_eq!(Home::new().warnings(both).len(), 1);
    let connect =
        |dsn: &str| Home::new().server(&format!("[postgres]\ndsn = \"{dsn}\"\n")).connect_timeout.as_secs();
    assert_eq!(
        (connect("connect_timeout=3"), connect("connect_timeout=0"), connect("connect_timeout=-1")),
        (3, 5, 5)
    );
    assert!(
        Home::new().problems("[postgres]\ndsn = \"connect_timeout=x\"\n")[0]
            .contains("whole number of seconds")
    );
}

#[test]
fn a_dsn_tells_what_it_does_not_use_and_refuses_what_nobody_knows() {
    let warnings = Home::new().warnings("[postgres]\ndsn = \"host=a application_name=x\"\n");
    assert!(warnings[0].contains("dsn application_name is not used by this collector"), "{warnings:?}");
    let problems = Home::new().problems("[postgres]\ndsn = \"hots=a\"\n");
    assert_eq!(
        problems,
        ["c.toml:2:7: [postgres] dsn has a parameter that PostgreSQL does not know: did you mean host?"]
    );
}
