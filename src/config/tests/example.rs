//! The committed example is the table of keys, and says what holds anyway.

use super::{Home, told};
use crate::config::example::render;
use crate::config::keys::{Form, SECTIONS};

const COMMITTED: &str = include_str!("../../../collector.toml.example");

#[test]
fn the_committed_example_is_up_to_date() {
    let rendered = render();
    if COMMITTED != rendered {
        let path = std::env::temp_dir().join("collector.toml.example");
        std::fs::write(&path, rendered).unwrap();
        panic!("collector.toml.example is stale; copy {} over it", path.display());
    }
}

#[test]
fn the_example_says_nothing_but_the_defaults() {
    let loaded = Home::new().load(COMMITTED).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let mut example = loaded.config;
    let defaults = Home::with(&[("COLLECTOR_ID", "collector-001"), ("PGUSER", "pganalytics")]).config("");
    // The example writes out every collector's switches; the registry's own are the same.
    assert_eq!(example.switches.len(), SECTIONS.iter().filter(|s| s.form == Form::Collector).count());
    example.switches.clear();
    assert_eq!(told(&example), told(&defaults));
}

#[test]
fn the_samples_of_the_example_are_valid_too() {
    let home = Home::new();
    for section in SECTIONS.iter().filter(|section| section.form != Form::Older) {
        for key in section.keys() {
            let line = COMMITTED
                .lines()
                .find(|l| l.trim_start_matches("# ").starts_with(&format!("{} = ", key.name)));
            let line =
                line.unwrap_or_else(|| panic!("{} is not in the example", key.name)).trim_start_matches("# ");
            let header = match section.form {
                Form::Many => format!("[[{}]]", section.name),
                _ => format!("[{}]", section.name),
            };
            let said = match home.load(&format!("{header}\n{line}\n")) {
                Ok(_) => String::new(),
                Err(problems) => problems.to_string(),
            };
            assert!(!said.contains("must be a"), "{line}: {said}");
        }
    }
}

#[test]
fn an_operator_changes_host_and_password_and_runs() {
    let text = COMMITTED.replacen("host = \"localhost\"", "host = \"db1\"", 1);
    let text = text.replacen("password = \"\"", "password = \"s3cret\"", 1);
    let server = Home::new().server(&text);
    assert_eq!((server.name.as_str(), server.user.as_str()), ("db1:5432", "pganalytics"));
    assert!(server.password_for("db1", 5432, "postgres").is_some());
}
