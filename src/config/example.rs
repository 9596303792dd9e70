//! `collector.toml.example`, rendered from the table of keys: every key with its default, its meaning and its
//! range. The committed file is this text; a test compares the two.

use std::fmt::Write;

use super::keys::{Form, Key, Kind, SECTIONS, Section, Shown};

const HEAD: &str = "\
# pgAnalytics collector configuration. Copy it to /etc/pganalytics/collector.toml (mode 0640), change host and
# password under [postgres], url under [backend], and run: pganalytics --validate-config
#
# What is commented out has no fixed default. Any secret may be \"env:NAME\" or \"file:PATH\" instead of the text.
# COLLECTOR_ID, COLLECTOR_NAME, COLLECTOR_SPLAY, BACKEND_URL, BACKEND_TOKEN, PG_HOST, PG_PORT, PG_PASSWORD and
# LOG_LEVEL in the environment beat this file.
";

pub fn render() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS.iter().filter(|section| section.form != Form::Older) {
        render_section(section, &mut text);
    }
    text
}

fn render_section(section: &Section, text: &mut String) {
    let header = match section.form {
        Form::Many => format!("# [[{}]]", section.name),
        Form::One | Form::Collector | Form::Older => format!("[{}]", section.name),
    };
    write!(text, "\n# {}\n{header}\n", section.about).expect("a String takes everything");
    for key in section.keys() {
        let (start, value) = match key.value {
            Shown::Default(value) | Shown::Written(value) if section.form != Form::Many => ("", value),
            Shown::Default(value) | Shown::Written(value) | Shown::Sample(value) => ("# ", value),
        };
        // Told once, under [postgres].
        if section.name != "servers" {
            writeln!(text, "# {}{}", key.doc, range(key)).expect("a String takes everything");
        }
        writeln!(text, "{start}{} = {value}", key.name).expect("a String takes everything");
    }
}

fn range(key: &Key) -> String {
    let default = key.default().filter(|text| *text != "\"\"" && *text != "[]");
    let default = default.map_or(String::new(), |text| format!(", default {text}"));
    match key.kind {
        Kind::Bool => format!(" (true or false{default})"),
        Kind::Int { min, max } => format!(" ({min} to {max}{default})"),
        Kind::OneOf(words) => format!(" ({}{default})", words.join(", ")),
        Kind::Text | Kind::Path | Kind::Secret | Kind::Names | Kind::Ports if default.is_empty() => {
            String::new()
        }
        Kind::Text | Kind::Path | Kind::Secret | Kind::Names | Kind::Ports => format!(" ({})", &default[2..]),
    }
}
