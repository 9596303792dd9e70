//! `docs/API.md`, made of the document. `BLESS=1 scripts/test openapi` writes it.

use std::fmt::Write;

use pganalytics_api::app::routes;
use serde_json::{Map, Value};

use super::contract::{Described, operations};

const HEAD: &str = "\
# The API

For programs: `GET /openapi.json`, which is [openapi.json](openapi.json); this page is made of it. What the answers to a push
mean to a collector: [BACKEND.md](BACKEND.md). What is in a batch: [WIRE.md](WIRE.md).

In the command lines `$API` is the backend's address, such as `https://pganalytics.example:8080`, `$TOKEN` the `token` of a
login and `$COLLECTOR_TOKEN` that of a registration, `$EDITION` what `/` has in the addresses of its files. Bodies but a push's are read whatever their `Content-Type` says.

Every answer has `x-request-id`, which the log has, too; a request may bring its own.
";

const REFUSALS: &str = "\
## Refusals

All have one shape: `code`, `message`, for 422 mostly `details.field`, and `request_id`. What is no path of these is a 404, another
method a 405 (`method_not_allowed`).
";

pub(super) fn render(document: &Value) -> String {
    let all: Vec<Described> = operations(document).collect();
    let page = Page { document };
    let mut text = HEAD.to_owned();
    text += "\n| endpoint | does | who may |\n|---|---|---|\n";
    let listed = routes();
    let listed = listed.iter().map(|route| {
        all.iter()
            .find(|one| one.method == route.method && one.path == route.path)
            .expect("each is described")
    });
    for one in listed.clone() {
        let about = one.described["summary"].as_str().unwrap();
        writeln!(text, "| `{} {}` | {about} | {} |", one.method, one.path, who(one)).unwrap();
    }
    text += &page.refusals();
    for one in listed {
        page.section(one, &mut text);
    }
    text
}

struct Page<'a> {
    document: &'a Value,
}

impl Page<'_> {
    fn refusals(&self) -> String {
        let mut text = format!("\n{REFUSALS}\n| status | code | means |\n|---|---|---|\n");
        let mut rows: Vec<(String, String)> = Vec::new();
        let places = operations(self.document).flat_map(|one| {
            let responses = one.described["responses"].as_object().unwrap().clone();
            responses.into_iter().filter_map(|(status, response)| {
                Some((status, response.get("$ref")?.as_str()?.trim_start_matches('#').to_owned()))
            })
        });
        for (status, place) in places {
            let response = self.document.pointer(&place).unwrap();
            let codes = &response["content"]["application/json"]["schema"]["properties"]["code"]["enum"];
            let codes: Vec<String> = codes
                .as_array()
                .unwrap()
                .iter()
                .map(|code| format!("`{}`", code.as_str().unwrap()))
                .collect();
            let about = response["description"].as_str().unwrap();
            rows.push((status.clone(), format!("| {status} | {} | {about} |\n", codes.join(", "))));
        }
        rows.sort();
        rows.dedup();
        text.extend(rows.into_iter().map(|(_, row)| row));
        text
    }

    fn section(&self, one: &Described, text: &mut String) {
        let words = |name: &str| one.described[name].as_str().unwrap().to_owned();
        write!(text, "\n## {} {}\n\n{}. {}", one.method, one.path, words("summary"), words("description"))
            .unwrap();
        *text = text.trim_end().to_owned();
        write!(text, "\n\n```sh\n{}\n```\n", command(one)).unwrap();
        let parameters = one.described["parameters"].as_array().unwrap();
        let parameters = parameters.iter().filter(|parameter| parameter["in"] != "path");
        let rows: Vec<String> = parameters
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap();
                let place = if parameter["in"] == "query" { format!("?{name}=") } else { format!("{name}:") };
                row(&place, &self.kind(&parameter["schema"]), parameter["description"].as_str())
            })
            .collect();
        table("parameter", &rows, text);
        if let Some(body) = one.body() {
            if let Some(file) = file(one) {
                let example = body
                    .example
                    .as_str()
                    .map_or_else(|| format!("{:#}", body.example), |text| text.trim_end().to_owned());
                write!(text, "\n`{file}`:\n\n```\n{example}\n```\n").unwrap();
            }
            let mut rows = Vec::new();
            self.fields("", &body.schema, &mut rows);
            table("body", &rows, text);
        }
        for (status, response) in one.described["responses"].as_object().unwrap() {
            self.answer(status, response, text);
        }
        let refusals: Vec<String> = one.refusals().iter().map(u16::to_string).collect();
        if !refusals.is_empty() {
            write!(text, "\nRefused with {}.\n", refusals.join(", ")).unwrap();
        }
    }

    fn answer(&self, status: &str, response: &Value, text: &mut String) {
        let Some(about) = response["description"].as_str() else { return };
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        let media = match content {
            Some((media, _)) if media != "application/json" => format!(" (`{media}`)"),
            _ => String::new(),
        };
        write!(text, "\n{status}: {about}{media}.\n").unwrap();
        let headers = response["headers"].as_object().into_iter().flatten();
        let mut rows: Vec<String> = headers
            .map(|(name, header)| row(&format!("{name}:"), "text", header["description"].as_str()))
            .collect();
        if let Some((_, content)) = content {
            self.fields("", &content["schema"], &mut rows);
        }
        table(status, &rows, text);
    }

    /// A row for each that holds no others.
    fn fields(&self, prefix: &str, schema: &Value, rows: &mut Vec<String>) {
        let shape = self.resolved(schema);
        let Some(fields) = shape["properties"].as_object() else { return };
        let required: Vec<&str> =
            shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, field) in fields {
            let place = format!("{prefix}{name}");
            let inner = self.resolved(field);
            let (inner, place) = match inner.get("items") {
                Some(items) => (self.resolved(items), place + "[]"),
                None => (inner, place),
            };
            if inner.get("properties").is_some() {
                self.fields(&format!("{place}."), inner, rows);
                continue;
            }
            let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
            rows.push(row(&place, &format!("{}{optional}", self.kind(inner)), field["description"].as_str()));
        }
    }

    fn resolved<'b>(&'b self, schema: &'b Value) -> &'b Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(place) => self.document.pointer(&place[1..]).unwrap(),
            None => schema,
        }
    }

    fn kind(&self, schema: &Value) -> String {
        if let Some(words) = words(schema) {
            return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        }
        let bound = |name: &str| schema[name].as_u64();
        match (kind(schema), schema["format"].as_str()) {
            ("string", Some("uuid")) => "UUID".to_owned(),
            ("string", Some("date-time")) => "time".to_owned(),
            ("string", _) => match (bound("minLength"), bound("maxLength")) {
                (Some(least), Some(most)) => format!("text, {least} to {most} long"),
                _ => "text".to_owned(),
            },
            ("integer", _) => match (bound("minimum"), bound("maximum")) {
                (Some(least), Some(most)) => format!("integer, {least} to {most}"),
                _ => "integer".to_owned(),
            },
            ("boolean", _) => "yes or no".to_owned(),
            ("", _) => "anything".to_owned(),
            (other, _) => other.to_owned(),
        }
    }
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("")
        }
        _ => "",
    }
}

/// Of which it is one.
fn words(schema: &Value) -> Option<Vec<&str>> {
    let alternatives = schema["oneOf"].as_array();
    let of_each = alternatives.map(|all| all.iter().filter_map(|one| one["const"].as_str()).collect());
    of_each.or_else(|| Some(schema["enum"].as_array()?.iter().filter_map(Value::as_str).collect()))
}

fn row(place: &str, kind: &str, about: Option<&str>) -> String {
    let about = about.unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    format!("| `{place}` | {kind} | {about}").trim_end().to_owned() + " |"
}

fn table(title: &str, rows: &[String], text: &mut String) {
    if !rows.is_empty() {
        write!(text, "\n| {title} | is | |\n|---|---|---|\n{}\n", rows.join("\n")).unwrap();
    }
}

fn who(one: &Described) -> String {
    let alternatives = one.described["security"].as_array().unwrap().iter().map(|alternative| {
        let (scheme, roles) = match alternative.as_object().and_then(|one: &Map<_, _>| one.iter().next()) {
            Some((scheme, roles)) => (scheme.as_str(), roles),
            None => ("anyone", &Value::Null),
        };
        match scheme {
            "person" => roles[0].as_str().unwrap().to_owned(),
            "registration" => "who has the registration secret".to_owned(),
            "scrape" => "who has the scrape token".to_owned(),
            other => other.to_owned(),
        }
    });
    let all = alternatives.collect::<Vec<_>>().join(", ");
    all.replace("the scrape token, anyone", "the scrape token, or asks from the same host")
}

/// Where a body is too long for a line.
fn file(one: &Described) -> Option<&'static str> {
    let routes = routes();
    let route = routes.iter().find(|route| route.method == one.method && route.path == one.path)?;
    route.operation.body.as_ref()?.file
}

/// What asks for it, in a shell.
fn command(one: &Described) -> String {
    let id = if one.path.contains("/users/") { "$USER_ID" } else { "$COLLECTOR_ID" };
    let mut line = "curl -s".to_owned();
    if !["GET", "POST"].contains(&one.method.as_str()) || (one.method == "POST" && one.body().is_none()) {
        write!(line, " -X {}", one.method).unwrap();
    }
    let path = one.path.replace("{id}", id).replace("{collector_id}", id);
    let path = path.replace("{edition}", "$EDITION").replace("{file}", "main.js");
    write!(line, " \"$API{path}\"").unwrap();
    let first = &one.described["security"][0];
    if first.get("person").is_some() {
        line += " -H \"Authorization: Bearer $TOKEN\"";
    } else if first.get("collector").is_some() {
        line += " -H \"Authorization: Bearer $COLLECTOR_TOKEN\"";
    } else if first.get("scrape").is_some() {
        line += " -H \"Authorization: Bearer $SCRAPE_TOKEN\"";
    } else if first.get("registration").is_some() {
        line += " -H \"X-Registration-Secret: $REGISTRATION_SECRET\"";
    }
    let Some(body) = one.body() else { return line };
    match file(one) {
        Some(file) => {
            write!(line, " -H 'Content-Type: {}' --data-binary @{file}", body.media).unwrap();
        }
        None => {
            // A variable has to stand outside of the quotes.
            let text = body.example.to_string().replace("\"$REFRESH_TOKEN\"", "\"'\"$REFRESH_TOKEN\"'\"");
            write!(line, " -d '{text}'").unwrap();
        }
    }
    line
}
