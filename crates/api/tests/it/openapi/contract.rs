//! The document as a test reads it, and whether an answer is one that it promises: no other status, no other type, no
//! field more or less.

use std::collections::BTreeMap;

use jsonschema::Validator;
use pganalytics_api::openapi::document;
use pganalytics_api::routes::page;
use serde_json::{Value, json};

pub(crate) struct Described {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) described: Value,
}

pub(crate) struct Sent {
    pub(crate) media: String,
    pub(crate) schema: Value,
    pub(crate) example: Value,
}

pub(crate) fn operations(document: &Value) -> impl Iterator<Item = Described> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(|(method, described)| Described {
            method: method.to_uppercase(),
            path: path.clone(),
            described: described.clone(),
        })
    })
}

/// A path with something for each of its parameters.
pub(crate) fn at(path: &str, id: &str) -> String {
    let path = path.replace("{id}", id).replace("{collector_id}", id);
    path.replace("{edition}", page::edition()).replace("{file}", "main.js")
}

impl Described {
    pub(crate) fn body(&self) -> Option<Sent> {
        let (media, content) = self.described["requestBody"]["content"].as_object()?.iter().next()?;
        let part = |name: &str| content[name].clone();
        Some(Sent { media: media.clone(), schema: part("schema"), example: part("example") })
    }

    /// Statuses that it may be refused with.
    pub(crate) fn refusals(&self) -> Vec<u16> {
        let responses = self.described["responses"].as_object().unwrap();
        let refused = responses.iter().filter(|(_, response)| response.get("$ref").is_some());
        refused.map(|(status, _)| status.parse().unwrap()).collect()
    }
}

/// What may be answered, and of what type; of JSON also what it holds.
struct Promise {
    media: Option<String>,
    shape: Option<Validator>,
}

pub(crate) struct Contract {
    components: Value,
    promises: BTreeMap<(String, String, u16), Promise>,
    /// The one shape of an error.
    problem: Validator,
}

impl Contract {
    pub(crate) fn new() -> Contract {
        let document = document();
        let mut components = document["components"].clone();
        close(&mut components);
        let problem = validator(&components, &json!({ "$ref": "#/components/schemas/Problem" }));
        let mut contract = Contract { components, promises: BTreeMap::new(), problem };
        for Described { method, path, described } in operations(&document) {
            for (status, response) in described["responses"].as_object().unwrap() {
                let place = response.get("$ref").and_then(Value::as_str);
                let response = place.map_or(response, |place| document.pointer(&place[1..]).unwrap());
                let promise = contract.promise(response);
                contract.promises.insert((method.clone(), path.clone(), status.parse().unwrap()), promise);
            }
        }
        contract
    }

    fn promise(&self, response: &Value) -> Promise {
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        let media = content.map(|(media, _)| media.clone());
        let json = content.filter(|(media, _)| *media == "application/json");
        Promise { media, shape: json.map(|(_, content)| validator(&self.components, &content["schema"])) }
    }

    /// Whether a body is as the schema has it.
    pub(crate) fn taken(&self, schema: &Value, body: &Value) -> Result<(), String> {
        let schema = validator(&self.components, schema);
        schema.validate(body).map_err(|e| format!("{}: {e}", e.instance_path()))
    }

    /// Whether this route may answer so.
    pub(crate) fn holds(
        &self,
        method: &str,
        path: &str,
        status: u16,
        media: Option<&str>,
        body: &[u8],
    ) -> Result<(), String> {
        let promise = self.promises.get(&(method.to_owned(), path.to_owned(), status));
        let promise = promise.ok_or_else(|| format!("{status} is not described"))?;
        let any = promise.media.as_deref() == Some("*/*") && media.is_some();
        if !any && promise.media.as_deref() != media {
            return Err(format!("its type is {media:?}, not {:?}", promise.media));
        }
        if media.is_none() && !body.is_empty() {
            return Err("it has a body".to_owned());
        }
        let Some(shape) = &promise.shape else { return Ok(()) };
        let body: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        shape.validate(&body).map_err(|e| format!("{}: {e}", e.instance_path()))
    }

    /// Whether it is an error in their one shape, or no error at all.
    pub(crate) fn refuses(&self, status: u16, media: Option<&str>, body: &[u8]) -> Result<(), String> {
        if status < 400 {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(body).map_err(|e| format!("{media:?}: {e}"))?;
        self.problem.validate(&body).map_err(|e| format!("{}: {e}", e.instance_path()))
    }
}

fn validator(components: &Value, schema: &Value) -> Validator {
    let mut schema = if *schema == true { json!({}) } else { schema.clone() };
    schema["components"] = components.clone();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

/// A field that is not described is one too many, where the document itself leaves room for later ones.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && fields.get("type") == Some(&json!("object")) {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}
