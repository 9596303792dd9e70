//! What Grafana makes of a panel's SQL before it sends it: its variables first, in the browser, then the macros of its
//! PostgreSQL data source. A macro's arguments end at the first `)` and are parted at every comma.

use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Dialect {
    Plain,
    /// The data source's switch is on.
    Timescale,
}

/// What a viewer chose.
pub(super) struct Chosen {
    pub(super) what: &'static str,
    pub(super) collectors: Vec<String>,
    pub(super) servers: Vec<String>,
    pub(super) databases: Vec<String>,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Panels that show nothing of this choice, and should not.
    pub(super) without: &'static [&'static str],
}

impl Chosen {
    /// Of a panel with 120 points; not below a second.
    fn step(&self) -> SignedDuration {
        (self.to.duration_since(self.from) / 120).max(SignedDuration::from_secs(1))
    }
}

pub(super) fn expand(sql: &str, chosen: &Chosen, dialect: Dialect) -> String {
    let mut text = sql.to_owned();
    let variables =
        [("collector", &chosen.collectors), ("server", &chosen.servers), ("database", &chosen.databases)];
    for (name, values) in variables {
        let list: Vec<String> =
            values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        text = text.replace(&format!("${{{name}:sqlstring}}"), &list.join(","));
    }
    text = text.replace("$__interval_ms", &chosen.step().as_millis().to_string());
    text = text.replace("$__interval", &format!("{}s", chosen.step().as_secs()));
    while let Some(start) = text.find("$__") {
        let open = start + text[start..].find('(').unwrap_or_else(|| panic!("no macro: {}", &text[start..]));
        let close = open + text[open..].find(')').unwrap();
        let arguments: Vec<&str> = text[open + 1..close].split(',').map(str::trim).collect();
        let meaning = meaning(&text[start + 3..open], &arguments, chosen, dialect);
        text.replace_range(start..=close, &meaning);
    }
    assert!(!text.contains("${"), "a variable that no dashboard has: {text}");
    text
}

fn meaning(name: &str, arguments: &[&str], chosen: &Chosen, dialect: Dialect) -> String {
    match (name, arguments) {
        ("timeFrom", [""]) => format!("'{}'", chosen.from),
        ("timeTo", [""]) => format!("'{}'", chosen.to),
        ("timeFilter", [column]) => format!("{column} BETWEEN '{}' AND '{}'", chosen.from, chosen.to),
        ("timeGroup", [column, step]) => group(column, step, dialect),
        ("timeGroupAlias", [column, step]) => format!("{} AS \"time\"", group(column, step, dialect)),
        other => panic!("no such macro: {other:?}"),
    }
}

fn group(column: &str, step: &str, dialect: Dialect) -> String {
    let seconds = step.trim_matches('\'').strip_suffix('s').unwrap();
    match dialect {
        Dialect::Plain => format!("floor(extract(epoch from {column})/{seconds})*{seconds}"),
        Dialect::Timescale => format!("time_bucket('{seconds}.000s',{column})"),
    }
}
