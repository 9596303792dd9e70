//! The API as it is described: the document, the page that is made of it, and whether what is answered is what they say.

mod answers;
pub(crate) mod contract;
mod page;

use std::collections::BTreeSet;
use std::fs;

use pganalytics_api::openapi::document;
use serde_json::Value;

use contract::Contract;

/// What is written anew with BLESS=1, and else has to be there as it is.
fn there(name: &str, text: &str) {
    let path = bed::top().join("docs").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(known == text, "BLESS=1 scripts/test openapi; first difference: {differs:?}");
}

#[test]
fn the_document_is_what_the_program_is() {
    there("openapi.json", &format!("{:#}\n", document()));
}

#[test]
fn the_page_is_what_the_document_says() {
    there("API.md", &page::render(&document()));
}

/// What readers of the document trip over.
#[test]
fn the_document_is_sound() {
    let document = document();
    let mut ids = BTreeSet::new();
    for operation in contract::operations(&document) {
        let id = operation.described["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        let summary = operation.described["summary"].as_str().unwrap();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{id}: {summary}");
        for parameter in operation.described["parameters"].as_array().unwrap() {
            let told = parameter["in"] == "path"
                || parameter["description"].as_str().is_some_and(|told| !told.is_empty());
            assert!(told, "{id}: {parameter}");
        }
    }
    refers_to_what_is_there(&document, &document);
    for body in contract::operations(&document).filter_map(|operation| operation.body()) {
        let contract = Contract::new();
        contract.taken(&body.schema, &body.example).unwrap_or_else(|e| panic!("{}: {e}", body.example));
    }
}

fn refers_to_what_is_there(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(place) = fields.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(place.trim_start_matches('#')).is_some(), "{place}");
            }
            fields.values().for_each(|value| refers_to_what_is_there(document, value));
        }
        Value::Array(all) => all.iter().for_each(|value| refers_to_what_is_there(document, value)),
        _ => {}
    }
}
