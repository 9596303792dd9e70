//! Statement statistics, from real servers to the batch: which are in, with which growth, and which text leaves.

mod absent;
mod cost;
mod elsewhere;
mod growth;
mod own;
mod places;
mod role;
mod secrets;
mod texts;

use pganalytics::collect::registry;
use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::home::{Home, Run};

/// One collector with a role of its own on one server, and the databases that it watches. The extension is in the
/// first of them.
struct Bed<'a> {
    server: &'a Cluster,
    home: Home,
    role: String,
    databases: Vec<String>,
}

impl<'a> Bed<'a> {
    fn new(server: &'a Cluster, databases: usize) -> Bed<'a> {
        let bed = Bed::bare(server, databases);
        server.sql(&bed.databases[0], "create extension pg_stat_statements");
        bed
    }

    fn bare(server: &'a Cluster, databases: usize) -> Bed<'a> {
        let databases = (0..databases).map(|_| server.fresh_database("st")).collect();
        let role = server.fresh_name("collector");
        server.sql("postgres", &format!("create role {role} login in role pg_monitor"));
        let bed = Bed { server, home: Home::new(), role, databases };
        bed.configure("");
        bed
    }

    /// Nothing but statements is collected. `more` comes last; its sections win over nothing here.
    fn configure(&self, more: &str) {
        self.configure_with("", more);
    }

    fn configure_with(&self, collector: &str, more: &str) {
        let (port, role, databases) = (self.server.port(), &self.role, &self.databases);
        let others =
            registry::ALL.iter().filter(|c| !["pg_query_stats", "agent", "custom"].contains(&c.name));
        let others: String = others.map(|c| format!("[{}]\nenabled = false\n", c.name)).collect();
        let backend = if more.contains("[backend]") { "" } else { "[backend]\nurl = \"{target}\"\n" };
        self.home.config(&format!(
            "[collector]\nid = \"c\"\nstate_dir = \"{{state}}\"\n{collector}\n{backend}\
             [logging]\nfile_path = \"{{log}}\"\nlevel = \"debug\"\n\
             [postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{role}\"\nsslmode = \"disable\"\n\
             databases = {databases:?}\n\
             {others}{more}"
        ));
    }

    #[track_caller]
    fn run(&self) -> Batch {
        let run = self.home.cron();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", self.home.log());
        self.last()
    }

    fn cron(&self) -> Run {
        self.home.cron()
    }

    fn last(&self) -> Batch {
        Batch(self.home.batches().pop().expect("a batch has arrived"))
    }

    /// The id of the one statement of a database whose text holds this.
    #[track_caller]
    fn hash(&self, database: &str, part: &str) -> String {
        self.ask(database, part, "s.queryid::text")
    }

    /// A figure of that statement, in text.
    #[track_caller]
    fn ask(&self, database: &str, part: &str, what: &str) -> String {
        let text = format!(
            "select ({what})::text from pg_stat_statements s join pg_database d on d.oid = s.dbid \
             where d.datname = '{database}' and s.query like '%{part}%' and s.query not like '%pg_stat_statements%'"
        );
        self.server.one(&self.databases[0], &text)
    }
}

struct Batch(Value);

impl Batch {
    #[track_caller]
    fn item(&self, database: &str) -> &Value {
        let items = self.0["metrics"].as_array().unwrap();
        let mut found = items.iter().filter(|i| i["type"] == "pg_query_stats" && i["database"] == database);
        let item = found.next().unwrap_or_else(|| panic!("no item of {database}"));
        assert!(found.next().is_none(), "two items of {database}");
        item
    }

    fn queries(&self, database: &str) -> &Vec<Value> {
        self.item(database)["queries"].as_array().unwrap()
    }

    /// None, or the one row of a statement.
    #[track_caller]
    fn query(&self, database: &str, hash: &str) -> Option<&Value> {
        let mut rows = self.queries(database).iter().filter(|q| q["hash"] == *hash);
        let row = rows.next();
        assert!(rows.next().is_none(), "{hash} is there twice");
        row
    }

    fn stats(&self, database: &str, name: &str) -> f64 {
        self.item(database)["stats"][name].as_f64().unwrap_or_else(|| panic!("no {name}"))
    }

    fn part(&self, database: &str) -> &Value {
        &self.item(database)["parts"]["queries"]
    }

    fn texts(&self, database: &str) -> Vec<&str> {
        self.queries(database).iter().filter_map(|q| q["text"].as_str()).collect()
    }
}

/// Statements that differ, as many as wanted: each selects another set of columns of the table `wide`.
fn distinct(from: u32, count: u32) -> String {
    let one = |n: u32| {
        let columns: Vec<String> =
            (0..16).filter(|bit| n >> bit & 1 == 1).map(|bit| format!("c{bit}")).collect();
        format!("select {} from wide;", columns.join(","))
    };
    (from..from + count).map(one).collect()
}

const WIDE: &str = "create table wide (c0 int, c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, \
    c9 int, c10 int, c11 int, c12 int, c13 int, c14 int, c15 int)";
