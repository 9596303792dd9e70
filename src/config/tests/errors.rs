//! What is wrong is told with its place, all of it, in the order of the file.

use super::Home;
use crate::config::keys::{Form, Kind, SECTIONS};

/// The problems of a file, each without its trailing explanation.
fn check(toml: &str, expected: &[&str]) {
    let found = Home::new().problems(toml);
    let starts = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(starts, "{toml}\nexpected {expected:#?}\nfound {found:#?}");
}

#[test]
fn wrong_types_and_bounds_name_their_place_and_what_is_allowed() {
    let number = "must be a whole number from 1 to 86400, without quotes; it is";
    check("[collector]\ninterval = 0\n", &[&format!("c.toml:2:12: [collector] interval {number} 0")]);
    check("[collector]\ninterval = 86401", &[&format!("c.toml:2:12: [collector] interval {number} 86401")]);
    check("[collector]\n  interval = \"60\"", &[&format!("c.toml:2:14: [collector] interval {number} text")]);
    check(
        "[collector]\ninterval = 1.5",
        &[&format!("c.toml:2:12: [collector] interval {number} a number with")],
    );
    check("[collector]\ninterval = 99999999999999999999", &["c.toml:2:12: [collector] interval must be"]);
    let boolean = "must be true or false, without quotes; it is text";
    check("[tls]\nverify = \"false\"\n", &[&format!("c.toml:2:10: [tls] verify {boolean}")]);
    check("[pg_log]\nenabled = \"yes\"\n", &[&format!("c.toml:2:11: [pg_log] enabled {boolean}")]);
    check("[logging]\nlevel = \"loud\"", &["c.toml:2:9: [logging] level must be one of \"off\", \"error\""]);
    check(
        "[collector]\nid = 5",
        &["c.toml:2:6: [collector] id must be text in quotes; it is a whole number"],
    );
    check(
        "[collector]\nstate_dir = \"var\"",
        &["c.toml:2:13: [collector] state_dir must be an absolute path"],
    );
    check("[postgres]\nport = 70000", &["c.toml:2:8: [postgres] port must be a port from 1 to 65535"]);
    check("[postgres]\ndatabases = [1]", &["c.toml:2:13: [postgres] databases must be \"a, b\" or"]);
    check(
        "[postgresql]\nquery_stats_limit = 9",
        &["c.toml:2:21: [postgresql] query_stats_limit must be a whole number from 10 to 10000"],
    );
    check("[postgres]\npool_max_size = 0", &["c.toml:2:17: [postgresql] pool_max_size must be"]);
    check("[[servers]]\nhost = \"a\"\n[[servers]]\nhost = 1", &["c.toml:4:8: [servers] host must be"]);
    check(
        "[[servers]]\nlock_timeout_ms = 0\n[[servers]]\nport = 1",
        &["c.toml:2:19: [servers] lock", "c.toml:3:1: [[servers]] must say which"],
    );
}

#[test]
fn every_key_of_the_table_refuses_a_wrong_type_and_values_out_of_bounds() {
    let home = Home::new();
    let place = |form, section: &str| {
        if form == Form::Many { format!("[[{section}]]") } else { format!("[{section}]") }
    };
    let mut checked = 0;
    for section in SECTIONS {
        for key in section.keys() {
            let mut wrong = vec!["2026-01-01".to_owned()];
            if let Kind::Int { min, max } = key.kind {
                wrong.extend([(min - 1).to_string(), (max + 1).to_string(), format!("\"{min}\"")]);
            }
            for value in wrong {
                let toml = format!("{}\n{} = {value}\n", place(section.form, section.name), key.name);
                let expected =
                    format!("c.toml:2:{}: [{}] {} must be", key.name.len() + 4, section.name, key.name);
                let found = home.problems(&toml);
                assert!(found.iter().any(|f| f.starts_with(&expected)), "{toml}{expected}\n{found:#?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let toml = "[tls]\nverify = 1\n\n[collector]\ninterval = 0\nid = \"a b\"\nnonsense\n[postgres]\nport = 0\n\
                sslcert = \"/c\"\n[backend]\nurl = \"ftp://x\"\n[privacy]\nidentifiers = \"hide\"\n";
    let places = ["2:10", "5:12", "6:6", "7:9", "9:8", "10:11", "12:7", "14:15"];
    let found = Home::new().problems(toml);
    let starts: Vec<String> = places.iter().map(|place| format!("c.toml:{place}: ")).collect();
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (line, start) in found.iter().zip(&starts) {
        assert!(line.starts_with(start), "{start} in {found:#?}");
    }
    let mut home = Home::new();
    home.variables.insert("PG_PORT".to_owned(), "x".to_owned());
    let found = home.problems(toml);
    assert_eq!(found.last().map(String::as_str), Some("environment: PG_PORT must be a port from 1 to 65535"));
}

#[test]
fn what_is_no_toml_says_what_a_line_looks_like() {
    check("id = collector-001\n", &["c.toml:1:6: "]);
    check("; a comment\n[collector]\nid = \"a\"\n", &["c.toml:1:1: "]);
    check("[collector\nid = \"a\"\n", &["c.toml:1:11: "]);
    check("[collector]\nid = \"a\n", &["c.toml:2:8: "]);
    check(
        "[collector]\nid = \"a\"\nid = \"b\"\n",
        &["c.toml:3:1: duplicate key; a section, and a key in it"],
    );
    check("[postgres]\nport = 1\n[postgres]\nuser = \"u\"\n", &["c.toml:3:2: duplicate key; "]);
    let said = Home::new().problems("PG_HOST=a\n").join("");
    assert!(
        said.contains("a line is [section], key = \"text\", key = 60, key = true or a # comment; `pganalytics migrate-config FILE`"),
        "{said}"
    );
}

#[test]
fn sections_have_their_form() {
    check("postgres = 1\n", &["c.toml:1:1: postgres must be a section: [postgres], once"]);
    check("[[postgres]]\nport = 1\n", &["c.toml:1:3: postgres must be a section: [postgres], once"]);
    check(
        "[servers]\nhost = \"a\"\n",
        &["c.toml:1:2: servers must be written as [[servers]], once for each"],
    );
}

#[test]
fn unknown_names_are_warnings_with_the_nearest_known_one() {
    let cases = [
        (
            "[collector_threading]\nthred_pool_size = 4",
            "c.toml:2:1: unknown key thred_pool_size in [collector_threading], ignored: did you mean thread_pool_size?",
        ),
        (
            "[postgress]\nhost = \"a\"",
            "c.toml:1:2: unknown section [postgress], ignored: did you mean [postgres]?",
        ),
        (
            "[collector]\nthread_pool_size = 4",
            "c.toml:2:1: unknown key thread_pool_size in [collector], ignored: it belongs to [collector_threading]",
        ),
        (
            "interval = 60",
            "c.toml:1:1: interval stands outside of any section, ignored: it belongs to [collector]",
        ),
        ("[spool]\nwhatever = 1", "c.toml:2:1: unknown key whatever in [spool], ignored"),
        ("[grafana]\nx = 1", "c.toml:1:2: unknown section [grafana], ignored"),
        ("[spool]\n\"a b\" = 1", "c.toml:2:1: unknown key (not a plain name) in [spool], ignored"),
    ];
    for (toml, expected) in cases {
        let home = Home::new();
        let directory = format!("{}/", home.directory.path().display());
        let warnings: Vec<String> = home.warnings(toml).iter().map(|w| w.replace(&directory, "")).collect();
        assert_eq!(warnings, [expected], "{toml}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let home = Home::new();
    let missing = home.load_file(Some(&home.path("none.toml"))).err().unwrap().to_string();
    assert!(missing.contains("none.toml: cannot read the configuration: No such file"), "{missing}");
    let path = home.path("latin.toml");
    std::fs::write(&path, b"[collector]\nid = \"caf\xe9\"\n").unwrap();
    let latin = home.load_file(Some(&path)).err().unwrap().to_string();
    assert!(latin.contains("latin.toml:2:10: this is no UTF-8 text"), "{latin}");
}

#[test]
fn values_that_contradict_each_other() {
    check(
        "[postgresql]\npool_min_size = 11",
        &["c.toml:2:17: pool_min_size 11 must not be above pool_max_size 10"],
    );
    assert_eq!(Home::new().config("[postgresql]\npool_max_size = 1").pool.min, 1);
    check(
        "[collector]\nrequired = \"pg_stat\"",
        &["c.toml:2:12: [collector] required: there is no collector pg_stat: did you mean pg_stats?"],
    );
    check("[tls]\ncert_file = \"/a\"", &["c.toml:2:13: [tls] cert_file and key_file go together"]);
    check(
        "[[servers]]\nhost = \"a\"\n[[servers]]\nhost = \"a\"",
        &["c.toml:3:1: two servers are called a:5432"],
    );
    check("[[custom]]\nname = \"a\"", &["c.toml:1:1: [[custom]] must have `sql`"]);
    check(
        "[[custom]]\nname = \"parts\"\nsql = \"select 1\"\n[[custom]]\nname = \"A b\"\nsql = \"select 1\"",
        &["c.toml:2:8: [[custom]] name is a word", "c.toml:5:8: [[custom]] name must be 1 to 63 of a to z"],
    );
    check(
        "[[custom]]\nname = \"a\"\nsql = \"select 1\"\n[[custom]]\nname = \"a\"\nsql = \"select 1\"",
        &["c.toml:5:8: two [[custom]] have this name"],
    );
    let warnings = Home::new()
        .warnings("[collector]\ninterval = 30\n[[custom]]\nname = \"a\"\nsql = \"select 1\"")
        .join("\n");
    assert!(warnings.contains("c.toml:2:12: run_timeout 50 is not below interval 30"), "{warnings}");
}

#[test]
fn backend_addresses() {
    use crate::config::Target;
    use crate::config::target::target;
    let http = |url: &str| Ok(Target::Http(url.to_owned()));
    assert_eq!(target("https://b:8080/"), http("https://b:8080"));
    assert_eq!(target("http://[::1]:80/base"), http("http://[::1]:80/base"));
    assert_eq!(target("stdout:"), Ok(Target::Stdout));
    assert_eq!(target("file:///var/spool/x"), Ok(Target::File("/var/spool/x".into())));
    let wrong = [
        "",
        "b:8080",
        "https://",
        "https://:80",
        "https://b:0",
        "https://b:99999",
        "https://b:",
        "https://b c",
    ];
    for url in wrong.iter().chain(&[
        "https://u:p@b",
        "https://b/?x=1",
        "https://b/#f",
        "file://rel",
        "file:rel",
        "HTTPS",
    ]) {
        assert!(target(url).is_err(), "{url}");
    }
}
