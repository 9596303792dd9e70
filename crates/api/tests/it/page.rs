//! The page as it is served, and what it is told: figures that are those of the store, and findings that were planted.

mod courses;
mod findings;

use std::collections::BTreeSet;

use bed::api::Api;
use bed::cluster::Cluster;
use pganalytics_api::routes::page::{FILES, edition};
use serde_json::{Value, json};

use crate::batch::batch;
use crate::persons::{made_and_in, newest};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// All files together, uncompressed.
const BYTES: usize = 60 << 10;

struct Scene {
    server: &'static Cluster,
    database: String,
    api: Api,
    viewer: String,
}

impl Scene {
    fn start() -> Scene {
        let server = newest();
        let database = server.fresh_database("page");
        let api = Api::start(server, &database, &[]);
        let viewer = made_and_in(&api, "anna", "viewer").token;
        Scene { server, database, api, viewer }
    }

    /// A collector that pushed this, just now.
    fn told(&self, name: &str, items: &[Value]) -> String {
        let (id, token) = self.api.register(name);
        let answer = self.api.push(&token, &batch(&id, items));
        assert_eq!((answer.status, &answer.json()["refused"]), (200, &json!([])), "{answer:?}");
        id
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let answer = self.api.get(path, Some(&self.viewer));
        assert_eq!(answer.status, 200, "{path}: {answer:?}\n{}", self.api.log());
        answer.json()
    }

    fn fleet(&self) -> Value {
        self.get("/api/v1/fleet")
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap()
}

/// Severity, kind, server and words of each.
fn told_findings(value: &Value) -> Vec<String> {
    let word = |one: &Value, name: &str| one[name].as_str().unwrap_or("-").to_owned();
    let told = |one: &Value| ["severity", "kind", "server", "text"].map(|name| word(one, name)).join(" | ");
    list(value, "findings").iter().map(told).collect()
}

#[test]
fn it_is_served_under_a_strict_policy_and_kept_by_its_digest() {
    let scene = Scene::start();
    let index = scene.api.get("/", None);
    assert_eq!((index.status, index.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(index.header(name), Some(value), "{name}");
    }
    let tag = index.header("etag").unwrap();
    let again = scene.api.ask_with("GET", "/", &[("If-None-Match", &format!("\"x\", W/{tag}"))], b"");
    assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", Some(tag)));
    assert_eq!(scene.api.ask_with("GET", "/", &[("If-None-Match", "\"x\"")], b"").status, 200);
    for (name, media, text) in FILES {
        let answer = scene.api.get(&format!("/page/{}/{name}", edition()), None);
        assert_eq!(
            (answer.status, answer.header("content-type"), &answer.text),
            (200, Some(*media), &(*text).to_owned()),
            "{name}"
        );
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{name}");
        assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{name}");
    }
    for wrong in [
        "/page/0/main.js".to_owned(),
        format!("/page/{}/other.js", edition()),
        format!("/page/{}/%FF", edition()),
    ] {
        assert_eq!(scene.api.get(&wrong, None).status, 404, "{wrong}");
    }
    let named: Vec<&str> =
        index.text.split("=\"page/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(named.len(), 3, "{}", index.text);
    for address in named {
        assert_eq!(scene.api.get(&format!("/page/{address}"), None).status, 200, "{address}");
    }
}

#[test]
fn its_files_are_small_whole_and_without_what_the_policy_forbids() {
    let html = include_str!("../../page/index.html");
    let bytes = html.len() + FILES.iter().map(|(_, _, text)| text.len()).sum::<usize>();
    assert!(bytes <= BYTES, "{bytes} bytes");
    let names: BTreeSet<&str> = FILES.iter().map(|(name, ..)| *name).collect();
    for (name, _, text) in FILES.iter().chain(&[("index.html", "", html)]) {
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
            "https://",
            "style=",
            ".style.",
            "'style'",
            "<style",
            "onclick=",
        ] {
            assert!(!text.contains(forbidden), "{name} has {forbidden}");
        }
        // The namespace of SVG is a name, and no address.
        let addresses = text.matches("http://").count() - text.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(addresses, 0, "{name} names another origin");
        for import in text.split(" from './").skip(1) {
            let import = import.split('\'').next().unwrap();
            assert!(names.contains(import), "{name} imports {import}");
        }
    }
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let scene = Scene::start();
    let (id, token) = scene.api.register("one");
    for (query, field) in [
        ("?minutes=4", "minutes"),
        ("?minutes=x", "minutes"),
        ("?minutes=44641", "minutes"),
        ("?until=yesterday", "until"),
        ("?server=%00", "server"),
    ] {
        let answer = scene.api.get(&format!("/api/v1/servers/{id}{query}"), Some(&scene.viewer));
        assert_eq!((answer.status, &answer.json()["details"]["field"]), (422, &json!(field)), "{query}");
    }
    for early in ["-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"] {
        scene.get(&format!("/api/v1/servers/{id}?server=main&until={early}"));
    }
    let nobody = uuid::Uuid::now_v7();
    assert_eq!(scene.api.get(&format!("/api/v1/servers/{nobody}"), Some(&scene.viewer)).status, 404);
    let view = scene.get(&format!("/api/v1/servers/{id}"));
    assert_eq!(
        (&view["server"], &view["plots"]["sessions"]["lines"]),
        (&Value::Null, &json!([])),
        "it never told of any"
    );
    for path in ["/api/v1/fleet".to_owned(), format!("/api/v1/servers/{id}")] {
        assert_eq!(scene.api.get(&path, Some(&token)).status, 403, "a collector has no business there");
        assert_eq!(scene.api.get(&path, None).status, 401);
    }
}
