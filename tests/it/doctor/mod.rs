//! `check`: what it finds, that its statements mend just that, and that its verdict is the cycle's own.

mod agree;
mod around;
mod gaps;
mod settings;

use crate::support::cluster::Cluster;
use crate::support::home::{Home, Run};

/// One role on one server and a configuration that uses it.
struct Bed<'a> {
    server: &'a Cluster,
    home: Home,
    role: String,
    databases: Vec<String>,
}

impl<'a> Bed<'a> {
    /// A member of pg_monitor, who lacks nothing.
    fn new(server: &'a Cluster, databases: usize) -> Bed<'a> {
        let bed = Bed::nobody(server, databases);
        server.sql("postgres", &format!("grant pg_monitor to {}", bed.role));
        server.sql(&bed.databases[0], "create extension pg_stat_statements");
        bed
    }

    fn nobody(server: &'a Cluster, databases: usize) -> Bed<'a> {
        let databases = (0..databases).map(|_| server.fresh_database("doc")).collect();
        let role = server.fresh_name("doc");
        server.sql("postgres", &format!("create role {role} login"));
        let bed = Bed { server, home: Home::new(), role, databases };
        bed.configure("");
        bed
    }

    /// `more` begins inside `[collector]`.
    fn configure(&self, more: &str) {
        let (port, role, databases) = (self.server.port(), &self.role, &self.databases);
        let backend = if more.contains("[backend]") { "" } else { "[backend]\nurl = \"{target}\"\n" };
        self.home.config(&format!(
            "[postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = {role:?}\nname = \"main\"\nsslmode = \"disable\"\n\
             databases = {databases:?}\n{backend}[logging]\nfile_path = \"{{log}}\"\n\
             [collector]\nid = \"it\"\nhostname = \"host.test\"\nstate_dir = \"{{state}}\"\n{more}"
        ));
    }

    #[track_caller]
    fn check(&self, code: i32) -> Run {
        let run = self.home.run(&["check"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{}", run.stdout);
        let wide = run.stdout.lines().find(|l| l.chars().count() > 100 && !l.ends_with(';'));
        assert_eq!(wide, None, "wider than a terminal");
        assert!(run.stdout.is_ascii() || !self.role.is_ascii(), "{}", run.stdout);
        run
    }

    /// The cycle agrees.
    #[track_caller]
    fn cycle(&self, code: i32) {
        let run = self.home.run(&["cron", "--force"]);
        assert_eq!(run.code, Some(code), "{}{}", run.stderr, self.home.log());
    }

    /// Runs what was printed, each statement where it is to be run; gives back whether a restart is asked for.
    #[track_caller]
    fn mend(&self, said: &str) -> bool {
        for (database, sql) in statements(said) {
            self.server.sql(database.as_deref().unwrap_or("postgres"), &sql);
        }
        said.contains("  -- then restart the server\n")
    }
}

/// The statements on a page, by database.
fn statements(said: &str) -> Vec<(Option<String>, String)> {
    let mut database = None;
    let mut found = Vec::new();
    for line in said.lines() {
        if let Some(place) = line.strip_prefix("  -- in ").and_then(|p| p.strip_suffix(':')) {
            database = place.strip_prefix("database ").map(str::to_owned);
        } else if line.starts_with("  ") && line.ends_with(';') {
            found.push((database.clone(), line.trim().trim_end_matches(';').to_owned()));
        }
    }
    found
}

#[track_caller]
fn says(run: &Run, line: &str) {
    assert!(run.stdout.contains(line), "no {line} in\n{}", run.stdout);
}

/// A marked line, wherever it was broken.
#[track_caller]
pub(crate) fn marked(run: &Run, mark: &str, words: &str) {
    let page = run.stdout.replace("\n     ", " ");
    let found = page.lines().any(|l| l.starts_with(&format!("  {mark} ")) && l.contains(words));
    assert!(found, "no {mark} with {words} in\n{}", run.stdout);
}
