//! The operator's own queries: what becomes of their rows, what bounds them, and what they cannot do.

mod bounds;
mod values;
mod writes;

use serde_json::Value;

use crate::cycle::item::item;
use crate::support::cluster::Cluster;
use crate::support::home::Home;

/// A collector that does nothing but these queries, with a role that may do little.
struct Bed<'a> {
    server: &'a Cluster,
    home: Home,
    role: String,
    databases: Vec<String>,
}

/// Name, SQL, and further keys.
type Query<'a> = (&'a str, &'a str, &'a str);

impl<'a> Bed<'a> {
    fn new(server: &'a Cluster, databases: usize) -> Bed<'a> {
        let databases: Vec<String> = (0..databases).map(|_| server.fresh_database("custom")).collect();
        let role = server.fresh_name("custom");
        server.sql("postgres", &format!("create role {role} login in role pg_monitor"));
        Bed { server, home: Home::new(), role, databases }
    }

    fn configure(&self, queries: &[Query], more: &str) {
        let quoted = |text: &str| Value::from(text).to_string();
        let queries: String = queries
            .iter()
            .map(|(name, sql, keys)| {
                format!("[[custom]]\nname = \"{name}\"\nsql = {}\n{keys}\n", quoted(sql))
            })
            .collect();
        let off = ["pg_stats", "pg_query_stats", "sysstat", "disk_usage"]
            .map(|name| format!("[{name}]\nenabled = false\n"))
            .concat();
        self.home.config(&format!(
            "[backend]\nurl = \"{{target}}\"\n[postgres]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nname = \"main\"\n\
             sslmode = \"disable\"\ndatabases = {:?}\n[logging]\nfile_path = \"{{log}}\"\nlevel = \"debug\"\n{off}{queries}\
             [collector]\nid = \"it\"\nhostname = \"host.test\"\nstate_dir = \"{{state}}\"\n{more}",
            self.server.port(),
            self.role,
            self.databases,
        ));
    }

    #[track_caller]
    fn run(&self, code: i32) -> Value {
        let run = self.home.run(&["--force"]);
        assert_eq!(run.code, Some(code), "{}{}", run.stderr, self.home.log());
        self.home.batches().pop().expect("a batch has arrived")
    }

    /// The outcome of a single query of the server's scope.
    #[track_caller]
    fn outcome_of(&self, sql: &str, code: i32) -> (Value, Value) {
        self.configure(&[("it", sql, ""), ("after", "select 1 as one", "")], "");
        let batch = self.run(code);
        let found = item(&batch, "custom", None);
        assert_eq!(found["after"], serde_json::json!([{"one": 1}]), "what comes after: {found}");
        (found["it"].clone(), found["parts"]["it"].clone())
    }
}
