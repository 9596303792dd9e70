//! grafana/dashboards as they are.

use std::fs;

use serde_json::Value;

pub(super) struct Dashboard {
    pub(super) uid: String,
    pub(super) json: Value,
    /// Without the rows, which are headings.
    pub(super) panels: Vec<Panel>,
}

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) sql: String,
    pub(super) json: Value,
}

pub(super) fn dashboards() -> Vec<Dashboard> {
    let dir = bed::top().join("grafana/dashboards");
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let json: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let uid = text(&json["uid"]);
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(uid.as_str()));
        let panels = json["panels"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|panel| panel["type"] != "row")
            .map(panel)
            .collect();
        Dashboard { uid, panels, json }
    };
    paths.iter().map(read).collect()
}

fn panel(json: &Value) -> Panel {
    let targets = json["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 1, "{}", json["title"]);
    Panel { title: text(&json["title"]), sql: text(&targets[0]["rawSql"]), json: json.clone() }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
