//! `migrate-config`: what it prints is accepted, means what the old file meant, and is left alone when it is given again.

use proptest::prelude::*;

use super::older::{SECTION_POSTGRESQL, V3_0, V3_2};
use super::{Home, told};
use crate::config::{Migrated, Problems, example, migrate_with};

fn migrated(home: &Home, toml: &str) -> Result<Migrated, Problems> {
    let path = home.write("old.toml", toml);
    migrate_with(&path, &|name| home.variables.get(name).cloned())
}

#[track_caller]
fn new(home: &Home, toml: &str) -> Migrated {
    migrated(home, toml).unwrap_or_else(|problems| panic!("{toml}\n{problems}"))
}

/// Accepted, of the same meaning where the old file has one, and final.
#[track_caller]
fn sound(toml: &str) -> Migrated {
    let home = Home::new();
    let written = new(&home, toml);
    let meant = told(&home.config(&written.text));
    if let Ok(old) = home.load(toml) {
        assert_eq!(told(&old.config), meant, "{toml}\n--- new\n{}", written.text);
    }
    let again = new(&home, &written.text);
    assert_eq!(again.text, written.text, "written twice");
    let told_again = again.notes.iter().filter(|note| !note.starts_with("the new file")).count();
    assert_eq!(told_again, 0, "{:?}", again.notes);
    let warned = home.warnings(&written.text);
    assert!(!warned.iter().any(|w| w.contains("unknown") || w.contains("no longer")), "{warned:?}");
    written
}

/// The whole file, without the lines that are comments of ours.
#[track_caller]
fn becomes(toml: &str, expected: &str) -> Migrated {
    let written = sound(toml);
    let lines: Vec<&str> =
        written.text.lines().filter(|line| !line.starts_with("# migrate-config:")).collect();
    assert_eq!(lines.join("\n"), expected.trim_end(), "{}", written.text);
    written
}

#[test]
fn what_is_of_today_stays_to_the_byte() {
    let text = example::render();
    let written = sound(&text);
    assert_eq!(written.text, text);
    assert_eq!(written.notes, [""; 0]);
    // The documents' four sizes, with whatever stands behind.
    let guide = "[postgresql]\n# Default: 100 (backward compatible)\nquery_stats_limit = 100\npool_max_size = 5\n\n\
                 [collector_threading]\nthread_pool_size = 4  # 4 parallel worker threads\n";
    assert_eq!(sound(guide).text, guide);
}

#[test]
fn files_of_earlier_releases() {
    for toml in [V3_2, V3_0, SECTION_POSTGRESQL] {
        sound(toml);
    }
    let written = sound(V3_0);
    for line in [
        "# migrate-config: was [backend] jwt_token: what kind of token it is, is the backend's affair",
        "# migrate-config: a secret in plain text: \"file:/path\" or \"env:NAME\" keeps it out of this file\ntoken = \"sentinel\"",
        "# migrate-config: now [tls] verify\n# tls_verify = false",
        "# migrate-config: was [backend] tls_verify: what TLS towards the backend takes has a section of its own\nverify = false",
        "# migrate-config: no longer used: rotate the file with logrotate\n# max_size = 100",
        "# [retry]",
    ] {
        assert!(written.text.contains(line), "{line}\nin\n{}", written.text);
    }
    assert!(!written.notes.join("\n").contains("sentinel"), "{:?}", written.notes);
}

/// Every configuration in the documents of 3.2 and 3.3.
#[test]
fn the_documents_examples() {
    let size = |queries: u32, min: u32, max: u32, threads: u32| {
        format!(
            "[postgresql]\nquery_stats_limit = {queries}\npool_min_size = {min}\npool_max_size = {max}\n\n[collector_threading]\n\
             thread_pool_size = {threads}\n\n# Expected performance:\n# - Cycle time: 1-2 seconds\n# - CPU: < 5%\n"
        )
    };
    let guide = "[postgresql]\n# Query statistics collection limit\n#  - Development (< 100 QPS):     100  (full collection)\n# Min: 10, Max: 10000\n\
                 query_stats_limit = 100\n\n# Connection pool settings\npool_min_size = 2\npool_max_size = 10\n\n\
                 # Connection idle timeout in seconds (default: 300)\npool_idle_timeout = 300\n\n[collector_threading]\n\
                 # Thread pool configuration for parallel collector execution\n\nthread_pool_size = 4\n";
    let report = "[collector_threading]\nthread_pool_size = 4  # 4 parallel worker threads\n\n[postgresql]\n\
                  query_stats_limit = 100  # Configurable per environment\n\n[postgres]\npool_min_size = 2       # Minimum connections\n\
                  pool_max_size = 10      # Maximum connections\npool_idle_timeout = 300 # 5 minute timeout\n";
    for same in [
        size(100, 1, 5, 2),
        size(500, 2, 10, 4),
        size(1000, 3, 15, 8),
        size(5000, 5, 20, 16),
        guide.to_owned(),
    ] {
        assert_eq!(sound(&same).text, same);
    }
    let written = sound(report).text;
    let section = written.split_once("[postgresql]\n").unwrap().1.split_once("\n[").unwrap().0;
    for key in
        ["query_stats_limit = 100", "pool_min_size = 2", "pool_max_size = 10", "pool_idle_timeout = 300"]
    {
        assert!(section.lines().any(|line| line.starts_with(key)), "{key} in\n{section}");
    }
}

#[test]
fn pools_stand_in_their_section() {
    let guide = "[postgres]\npool_min_size = 2       # Minimum connections\npool_max_size = 10      # Maximum connections\n\
                 pool_idle_timeout = 300 # 5 minute timeout\nhost = \"db\"\n";
    becomes(
        guide,
        "[postgres]\n# pool_min_size = 2       # Minimum connections\n# pool_max_size = 10      # Maximum connections\n\
         # pool_idle_timeout = 300 # 5 minute timeout\nhost = \"db\"\n\n[postgresql]\npool_min_size = 2  # Minimum connections\n\
         pool_max_size = 10  # Maximum connections\npool_idle_timeout = 300  # 5 minute timeout",
    );
    let two = "[postgres]\npool_max_size = 7\n[postgresql]\npool_max_size = 8\n";
    let written = becomes(two, "[postgres]\n# pool_max_size = 7\n[postgresql]\npool_max_size = 8");
    assert!(
        written.notes[0].ends_with(
            "old.toml:2: [postgres] pool_max_size: [postgresql] pool_max_size says something else, and is the one that counts"
        ),
        "{:?}",
        written.notes
    );
}

#[test]
fn units_and_words() {
    becomes("[postgres]\nquery_timeout = 30\n", "[postgres]\nstatement_timeout_ms = 30000");
    becomes(
        "[postgres]\nquery_timeout = 30\nstatement_timeout_ms = 100\n",
        "[postgres]\n# query_timeout = 30\nstatement_timeout_ms = 100",
    );
    becomes(
        "[postgres]\nquery_timeout = 30\n[postgresql]\nstatement_timeout_ms = 100\nquery_timeout = 3\n",
        "[postgres]\nstatement_timeout_ms = 100\n# query_timeout = 30\n[postgresql]\n# statement_timeout_ms = 100\n# query_timeout = 3",
    );
    becomes("[postgres]\nsslmode = \"allow\"\n", "[postgres]\nsslmode = \"prefer\"");
    becomes("[logging]\nlevel = \"WARNING\" # less\n", "[logging]\nlevel = \"warn\"  # less");
}

#[test]
fn filters_are_the_servers_own() {
    becomes(
        "[postgres]\nhost = \"a\"\nexclude_databases = \"old\"\n[filters]\nexclude_databases = [\n  \"x\", # one\n  \"old\",\n]\n",
        "[postgres]\nhost = \"a\"\nexclude_databases = [\"old\", \"x\"]\n# [filters]\n# exclude_databases = [\n#   \"x\", # one\n#   \"old\",\n# ]",
    );
    becomes(
        "[filters]\nexclude_databases = \"x, y\"\n",
        "# [filters]\n# exclude_databases = \"x, y\"\n\n[postgres]\nexclude_databases = \"x, y\"",
    );
    let several =
        "[filters]\nexclude_databases = \"x\"\n[[servers]]\nhost = \"a\"\n[[servers]]\nhost = \"b\"\n";
    becomes(several, several);
}

/// What the earlier parsers read without complaint.
#[test]
fn lines_that_are_no_toml() {
    becomes(
        "; the collector\n[collector]\nid = collector-001\ninterval = 60 ; seconds\nname: orders primary\n\
         [backend]\nurl = https://backend:8080\n[tls]\nverify = yes\n\
         [postgres]\nhost = db1.example.com\nport = 5433\nuser=pganalytics\ndatabases = orders, stock\npassword = 0123\n\
         exclude_databases = [template1, old]\nsslmode = require\n[sysstat]\nenabled = 1\n",
        "# the collector\n[collector]\nid = \"collector-001\"\ninterval = 60  # seconds\nname = \"orders primary\"\n\
         [backend]\nurl = \"https://backend:8080\"\n[tls]\nverify = true\n\
         [postgres]\nhost = \"db1.example.com\"\nport = 5433\nuser = \"pganalytics\"\ndatabases = \"orders, stock\"\n\
         password = \"0123\"\nexclude_databases = [\"template1\", \"old\"]\nsslmode = \"require\"\n[sysstat]\nenabled = true",
    );
    // Of the wrong kind, and with quotes of the wrong kind.
    becomes(
        "[collector]\nid = 7\ninterval = \"60\"\nname =\n[postgres]\npassword = \"a\\b\"c\"\npool_max_size = \"5\"\n",
        "[collector]\nid = \"7\"\ninterval = 60\n# name =\n[postgres]\npassword = \"a\\\\b\\\"c\"\n# pool_max_size = \"5\"\n\n\
         [postgresql]\npool_max_size = 5",
    );
    // Twice.
    becomes(
        "[postgres]\nhost = \"a\"\nhost = \"b\"\n\n[collector]\nid = \"x\"\n[postgres]\nuser = \"u\"\nhost = \"c\"\n",
        "[postgres]\n# host = \"a\"\n# host = \"b\"\n\nuser = \"u\"\nhost = \"c\"\n[collector]\nid = \"x\"",
    );
    becomes(
        "host = \"a\"\n[unheard_of]\nkey = 1\n[collector]\nintervall = 30\n",
        "# host = \"a\"\n# [unheard_of]\n# key = 1\n[collector]\n# intervall = 30",
    );
    assert_eq!(sound("\u{feff}[collector]\r\nid = \"a\"\r\n").text, "[collector]\nid = \"a\"\n");
}

#[test]
fn what_cannot_be_rewritten_is_told_with_its_line() {
    let home = Home::new();
    for (toml, expected) in [
        ("[collector]\nid = \"a\"\n\njust words\n", "old.toml:4:1: neither a section, nor key = value"),
        ("[collector\nid = \"a\"\n", "old.toml:1:1: a section is [name]"),
        (
            "[collector]\ninterval = soon\n",
            "old.toml:2:1: [collector] interval must be a whole number from 1 to 86400",
        ),
        (
            "# x\n[collector]\ninterval = 0\n",
            "old.toml:3:1: [collector] interval must be a whole number from 1 to 86400",
        ),
        (
            "[spool]\nmax_bytes = 70000\n[backend]\nurl = \"ftp://x\"\n",
            "old.toml:4:7: [backend] url must be https://",
        ),
        (
            "[postgres]\nquery_timeout = 5\n[postgresql]\npool_min_size = 9\npool_max_size = 3\n",
            "old.toml:4:17: pool_min_size 9",
        ),
        ("[[postgres]]\nhost = \"a\"\n", "old.toml:2:1: the section is written [postgres]"),
        (
            "postgres = { host = \"a\" }\n",
            "old.toml:1:1: write [postgres], and each key in a line of its own",
        ),
        (
            "[logging]\nfile_path = \"collector.log\"\n",
            "old.toml:2:1: [logging] file_path must be an absolute path",
        ),
        ("", "old.toml: it is empty"),
    ] {
        let Err(problems) = migrated(&home, toml) else { panic!("{toml} was rewritten") };
        let said = problems.to_string();
        assert!(said.contains(expected) && said.lines().count() == 1, "{toml}\n{said}\nand not\n{expected}");
    }
    let many = migrated(&home, "a b\n[collector]\nc d\n").err().unwrap();
    assert_eq!(many.0.len(), 2, "all at once: {many}");
}

#[test]
fn a_secret_is_never_in_what_is_said() {
    let home = Home::new();
    let s = "sentinel";
    for toml in [
        format!(
            "[postgres]\npassword = \"{s}\"\ndsn = \"host=a password={s}\"\n[backend]\ntoken = \"{s}\"\n"
        ),
        format!("[postgres]\npassword = {s}\n[registration]\nsecret = {s}\n[backend]\njwt_token = {s}\n"),
        format!("[postgres]\nport = \"{s}\"\n"),
        format!("[collector]\ninterval = {s}\n"),
        format!("password {s}\n"),
        format!("{s} = {s}{s}\n[{s}\n"),
    ] {
        let said = match migrated(&home, &toml) {
            Ok(written) => written.notes.join("\n"),
            Err(problems) => problems.to_string(),
        };
        assert!(!said.replace("sentinel = ", "").contains(s) && !said.is_empty(), "{toml}\n{said}");
    }
    let file = home.write("password", s).display().to_string();
    let kept = new(&home, &format!("[postgres]\npassword = \"file:{file}\"\n"));
    assert_eq!(kept.notes.len(), 0, "{:?}", kept.notes);
}

/// Keys of today and of before, each with the values among these that it may have.
fn lines() -> Vec<(&'static str, String)> {
    let known: Vec<(&'static str, &'static str)> = crate::config::keys::SECTIONS
        .iter()
        .filter(|section| !["custom", "servers"].contains(&section.name))
        .flat_map(|section| section.keys().map(|key| (section.name, key.name)))
        .filter(|(_, key)| !["service", "sslkey", "sslcert", "required", "passfile", "dsn"].contains(key))
        .collect();
    let older = [
        ("backend", "jwt_token"),
        ("backend", "request_timeout"),
        ("backend", "tls_verify"),
        ("backend", "tls_ca"),
        ("backend", "tls_ca_file"),
        ("collection", "push_interval"),
        ("collection", "interval_sysstat"),
        ("collector", "log_level"),
        ("logging", "file"),
        ("logging", "max_size"),
        ("postgres", "connection_timeout"),
        ("postgres", "pool_max_size"),
        ("postgres", "pool_idle_timeout"),
        ("postgresql", "connection_timeout"),
        ("postgresql", "query_timeout"),
        ("postgresql", "statement_timeout_ms"),
        ("postgresql", "databases"),
        ("tls", "ca_cert"),
        ("retry", "multiplier"),
        ("unheard_of", "key"),
    ];
    let all: Vec<_> = known.into_iter().chain(older).collect();
    let values = [
        "true",
        "false",
        "yes",
        "10",
        "60",
        "\"60\"",
        "300",
        "65536",
        "\"/srv/a\"",
        "\"\"",
        "",
        "a",
        "\"a, b\"",
        "[\"a\", \"b\"]",
        "\"info\"",
        "\"allow\"",
        "\"https://a:1\"",
        "\"keep\"",
        "\"file\"",
        "a \"b\" ; c",
        "10 # ten",
    ];
    let home = Home::new();
    let pairs =
        all.iter().flat_map(|(section, key)| values.map(|value| (*section, format!("{key} = {value}"))));
    pairs.filter(|(section, line)| migrated(&home, &format!("[{section}]\n{line}\n")).is_ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Each line fits by itself; together they may contradict each other, and then the file is refused as a run refuses it.
    #[test]
    fn any_file(lines in prop::collection::vec(prop::sample::select(lines()), 1..8), apart: bool) {
        let mut toml = String::new();
        let mut before = "";
        for (section, line) in &lines {
            if apart || *section != before {
                toml += &format!("\n[{section}]\n");
                before = section;
            }
            toml += &format!("# about it\n{line}\n");
        }
        let home = Home::new();
        if let Ok(written) = migrated(&home, &toml) {
            sound(&toml);
            for (_, line) in &lines {
                prop_assert!(written.text.contains(line.split(' ').next().unwrap()) || line.starts_with("query_timeout"));
            }
        } else {
            prop_assert!(home.load(&toml).is_err(), "it loads, and was not rewritten:\n{toml}");
        }
    }
}
