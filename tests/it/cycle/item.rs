//! A plain configuration for a server of the bed, and ways into what a cycle delivered.

use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::home::Home;

/// Writes a configuration that watches `databases`; `more` follows, beginning inside `[collector]`. The budget is one
/// that a busy machine keeps.
pub(crate) fn config(home: &Home, port: u16, databases: &str, more: &str) {
    home.config(&format!(
        "[backend]\nurl = \"{{target}}\"\n[postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"postgres\"\n\
         name = \"main\"\ndatabases = \"{databases}\"\n[logging]\nfile_path = \"{{log}}\"\nlevel = \"debug\"\n\
         [collector]\nid = \"it\"\nhostname = \"host.test\"\nstate_dir = \"{{state}}\"\nserver_budget_ms = 60000\n{more}"
    ));
}

/// A home that watches databases of a server.
pub(crate) fn watching(server: &Cluster, databases: &str, more: &str) -> Home {
    let home = Home::new();
    config(&home, server.port(), databases, more);
    home
}

/// One complete, silent cycle; gives back its batch.
#[track_caller]
pub(crate) fn cycle(home: &Home, args: &[&str]) -> Value {
    let run = home.run(args);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""), "{}", home.log());
    home.batches().pop().expect("a batch has arrived")
}

#[track_caller]
pub(crate) fn item<'a>(batch: &'a Value, kind: &str, database: Option<&str>) -> &'a Value {
    let items = batch["metrics"].as_array().unwrap();
    let found = items.iter().find(|i| i["type"] == kind && i["database"].as_str() == database);
    found.unwrap_or_else(|| panic!("no {kind} of {database:?} in {batch:#}"))
}

#[track_caller]
pub(crate) fn rows<'a>(item: &'a Value, key: &str) -> &'a Vec<Value> {
    item[key].as_array().unwrap_or_else(|| panic!("no {key} in {item:#}"))
}

/// By the row's name.
#[track_caller]
pub(crate) fn row<'a>(item: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = rows(item, key).iter().find(|r| r["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} among {key} of {item:#}"))
}
