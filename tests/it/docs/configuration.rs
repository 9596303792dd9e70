//! `docs/CONFIGURATION.md`, made of the tables that the programs themselves read. `BLESS=1 scripts/test configuration_document`
//! writes it.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use pganalytics::config::keys::{Form, Key, Kind, Older, SECTIONS, Section, Shown, older_names};

use super::root;
use crate::support::program;

const HEAD: &str = "\
# Configuration

The collector reads `/etc/pganalytics/collector.toml` (`--config`, `PGANALYTICS_CONFIG`) in each run, so a change is obeyed by the next
one. `collector.toml.example` has every key with its default; this page says the same, and what older names mean.

```sh
pganalytics --validate-config
```

tells every problem at once, with file, line and column. A wrong type, or a value out of bounds, ends a run with exit 2; a name that
is not known is a warning with the nearest one that is. A key that a backend may change (\"remote\") is overlaid by what was
pulled from there.

- Environment, which beats the file: `COLLECTOR_ID`, `COLLECTOR_NAME`, `COLLECTOR_SPLAY`, `BACKEND_URL`, `BACKEND_TOKEN`, `PG_HOST`, `PG_PORT`,
  `PG_PASSWORD`, `LOG_LEVEL`. `REGISTRATION_SECRET` is for `register`.
- libpq's own variables, `~/.pgpass` and `pg_service.conf` fill what the file leaves out: `PGHOST`, `PGPORT`, `PGPASSWORD` and `PGSERVICE` for
  `[postgres]` alone, the others for every server.
- Any secret may be `\"env:NAME\"` or `\"file:PATH\"` instead of the text.
";

#[test]
fn the_configuration_document_is_what_the_programs_read() {
    let path = root().join("docs/CONFIGURATION.md");
    let text = render();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        there == text,
        "BLESS=1 scripts/test configuration_document writes it; first difference: {differs:?}"
    );
}

fn render() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS.iter().filter(|s| matches!(s.form, Form::One | Form::Many)) {
        sections_keys(section, &mut text);
    }
    collectors(&mut text);
    older(&mut text);
    backend(&mut text);
    text
}

fn sections_keys(section: &Section, text: &mut String) {
    let name = if section.form == Form::Many {
        format!("[[{}]]", section.name)
    } else {
        format!("[{}]", section.name)
    };
    write!(text, "\n## {name}\n\n{}\n", section.about).unwrap();
    // The same keys as those of [postgres], which stand above.
    if section.name == "servers" {
        return;
    }
    *text += "\n| key | default | may be | remote | |\n|---|---|---|---|---|\n";
    section.keys().for_each(|key| row(key, text));
}

fn row(key: &Key, text: &mut String) {
    let default = match key.value {
        Shown::Default("\"\"" | "[]") | Shown::Sample(_) => String::new(),
        Shown::Default(value) => format!("`{value}`"),
        Shown::Written(value) => format!("(example: `{value}`)"),
    };
    let remote = if key.remote { "yes" } else { "" };
    let doc = key.doc.replace('|', "\\|");
    writeln!(text, "| `{}` | {default} | {} | {remote} | {doc} |", key.name, kind(key.kind)).unwrap();
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Bool => "true, false".to_owned(),
        Kind::Int { min, max } => format!("{min} to {max}"),
        Kind::Text => "text".to_owned(),
        Kind::Path => "absolute path".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::OneOf(words) => words.join(", "),
        Kind::Names => "\"a, b\" or [\"a\", \"b\"]".to_owned(),
        Kind::Ports => "port, or \"5432,5433\"".to_owned(),
    }
}

/// A line each: all have `enabled` and `interval`.
fn collectors(text: &mut String) {
    *text += "\n## A section for each collector\n\n`enabled` (true or false) and `interval` (seconds), and what stands in the last \
              column; all remote. What each reads: [COLLECTORS.md](COLLECTORS.md).\n\n\
              | section | enabled | interval | collects | also |\n|---|---|---|---|---|\n";
    for section in SECTIONS.iter().filter(|s| s.form == Form::Collector) {
        let of = |name: &str| section.key(name).and_then(Key::default).unwrap();
        let more = section.keys().filter(|key| !["enabled", "interval"].contains(&key.name));
        let more = more.map(|key| {
            format!("`{}` {} ({}): {}", key.name, key.default().unwrap(), kind(key.kind), key.doc)
        });
        let more = more.collect::<Vec<_>>().join("; ");
        let (enabled, interval) = (of("enabled"), of("interval"));
        writeln!(text, "| `[{}]` | {enabled} | {interval} | {} | {more} |", section.name, section.about)
            .unwrap();
    }
}

fn older(text: &mut String) {
    *text += "\n## Names of earlier releases\n\nThey work as they did; `pganalytics migrate-config OLD` writes today's instead \
              ([UPGRADE.md](UPGRADE.md)). Pool keys under `[postgres]` and connection keys under `[postgresql]` are read in either \
              section.\n\n| was | is | why |\n|---|---|---|\n";
    for (section, key, today) in older_names() {
        match today {
            Older::Renamed(new, name, why) => {
                writeln!(text, "| `[{section}] {key}` | `[{}] {}` | {why} |", new.name, name.name).unwrap();
            }
            Older::Gone(hint) => writeln!(text, "| `[{section}] {key}` | not read | {hint} |").unwrap(),
        }
    }
}

/// What its `--help` says.
fn backend(text: &mut String) {
    *text += "\n## The backend\n\nFrom the environment, or in lower case from `/etc/pganalytics/config.toml` (`CONFIG_FILE` names another).\n\n\
              | setting | default | |\n|---|---|---|\n";
    let output = Command::new(program("pganalytics-api")).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let settings = help.split_once("Settings, ").unwrap().1;
    let mut count = 0;
    for line in settings.lines().skip(1).filter_map(|line| line.strip_prefix("  ")) {
        let (name, about) = line.split_once(' ').unwrap();
        let about = about.trim().replace('|', "\\|");
        let default = about.strip_suffix(']').and_then(|rest| rest.rsplit_once(" ["));
        let (about, default) =
            default.map_or((about.as_str(), String::new()), |(about, d)| (about, format!("`{d}`")));
        writeln!(text, "| `{name}` | {default} | {about} |").unwrap();
        count += 1;
    }
    assert!(count >= 20, "{help}");
}
