//! From the list of routes to an OpenAPI 3.1 document.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::operation::{Answer, Content, Operation, Who};
use crate::app::{Route, routes};
use crate::guard::UNLIMITED;
use crate::permission::Who as Role;
use crate::problem::REFUSALS;

const ABOUT: &str = "What collectors push to, and what they collected. \
    Errors have one shape, `Problem`; every answer has `x-request-id`, which is in the log, too. \
    A path that is not here is answered 404, another method 405. \
    429, and 503 from the database, say in `Retry-After` when to come again.";

pub fn document() -> Value {
    let mut shapes = Shapes::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let described = operation(&route, &mut shapes);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = described;
    }
    let responses: Map<String, Value> = REFUSALS
        .iter()
        .map(|refusal| (refusal.codes[0].to_owned(), shapes.refusal(refusal.about, refusal.codes)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pgAnalytics", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": shapes.all(),
            "responses": responses,
            "securitySchemes": schemes(),
        },
    })
}

fn schemes() -> Value {
    let bearer = |about: &str| json!({ "type": "http", "scheme": "bearer", "description": about });
    json!({
        "person": bearer("The token of a login. Each role that may stands as an alternative."),
        "collector": bearer("The token of a collector's registration."),
        "scrape": bearer("`SCRAPE_TOKEN`; not needed from the same host."),
        "registration": {
            "type": "apiKey", "in": "header", "name": wire::REGISTRATION_SECRET_HEADER,
            "description": "`REGISTRATION_SECRET`",
        },
    })
}

fn operation(route: &Route, shapes: &mut Shapes) -> Value {
    let Operation { about, more, who, query, headers, body, answers, .. } = route.operation;
    let mut parameters = in_path(route.path);
    if let Some(shape) = query {
        parameters.extend(in_query(&shape(&mut shapes.read)));
    }
    parameters.extend(headers.iter().map(|(name, about)| {
        json!({ "name": name, "in": "header", "description": about, "schema": { "type": "string" } })
    }));
    let refused = refusals(route).map(|refusal| {
        let place = format!("#/components/responses/{}", refusal.codes[0]);
        (refusal.status.to_string(), json!({ "$ref": place }))
    });
    let mut responses: Map<String, Value> = refused.collect();
    // A handler's own answer wins: health has a 503 of its own.
    responses.extend(answers.iter().map(|answer| (answer.status.to_string(), shapes.answer(answer))));
    let mut described = json!({
        "summary": about, "description": more, "operationId": id(route), "tags": [tag(route.path)],
        "parameters": parameters, "responses": responses, "security": security(*who),
    });
    if let Some(body) = body {
        let example = match body.media {
            "application/json" => serde_json::from_str(body.example).unwrap_or_default(),
            _ => Value::from(body.example),
        };
        let content = json!({ "schema": (body.shape)(&mut shapes.read), "example": example });
        described["requestBody"] = json!({ "required": true, "content": { body.media: content } });
    }
    described
}

/// Like `get_v1_collectors_id`.
fn id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api").replace(['/', '-', '.'], "_").replace(['{', '}'], "");
    route.method.to_lowercase() + &path
}

/// What it is about: the first word of its path.
fn tag(path: &str) -> &str {
    path.trim_start_matches("/api/v1").split('/').nth(1).filter(|word| !word.is_empty()).unwrap_or("page")
}

fn in_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let mut shape = json!({ "type": "string" });
        if name == "id" || name.ends_with("_id") {
            shape["format"] = "uuid".into();
        }
        json!({ "name": name, "in": "path", "required": true, "schema": shape })
    };
    names.map(parameter).collect()
}

fn in_query(shape: &Schema) -> Vec<Value> {
    let fields = shape.get("properties").and_then(Value::as_object);
    let parameter = |(name, field): (&String, &Value)| {
        let mut shape = field.clone();
        let about = shape.as_object_mut().and_then(|shape| shape.remove("description")).unwrap_or("".into());
        json!({ "name": name, "in": "query", "description": about, "schema": shape })
    };
    fields.into_iter().flatten().map(parameter).collect()
}

/// Alternatives, each enough.
fn security(who: Who) -> Vec<Value> {
    match who {
        Who::Anyone => vec![json!({})],
        Who::Registering => vec![json!({ "registration": [] })],
        Who::Scraping => vec![json!({ "scrape": [] }), json!({})],
        Who::May(_) | Who::Person(_) | Who::Lapsed => {
            let alternative = |role| match role {
                Role::Collector => json!({ "collector": [] }),
                Role::Admin => json!({ "person": ["admin"] }),
                Role::User => json!({ "person": ["user"] }),
                Role::Viewer => json!({ "person": ["viewer"] }),
            };
            who.roles().into_iter().map(alternative).collect()
        }
    }
}

/// What follows from who may, what is taken and where it is looked up; and what the handler adds to it.
fn refusals(route: &Route) -> impl Iterator<Item = &'static crate::problem::Refusal> {
    let Operation { who, query, body, refusals, .. } = route.operation;
    let token = !who.roles().is_empty();
    let derived: &[(bool, &[u16])] = &[
        (!UNLIMITED.contains(&route.path), &[429]),
        (token, &[401, 500, 503]),
        (token && who.roles().len() < 4, &[403]),
        (route.path.contains('{'), &[404]),
        (body.is_some(), &[408, 413, 422, 500, 503]),
        (query.is_some(), &[422]),
    ];
    let derived = derived.iter().filter(|(applies, _)| *applies).flat_map(|(_, statuses)| *statuses);
    let statuses: Vec<u16> = refusals.iter().chain(derived).copied().collect();
    REFUSALS.iter().filter(move |refusal| statuses.contains(&refusal.status))
}

/// Shapes by name: of what is read, and of what is written, where a field may be missing in one and not in the other.
struct Shapes {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Shapes {
    fn new() -> Shapes {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
        };
        Shapes {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    fn answer(&mut self, answer: &Answer) -> Value {
        let mut described = json!({ "description": answer.about });
        match answer.content {
            Content::Nothing => {}
            Content::Json(shape) => {
                described["content"] = json!({ "application/json": { "schema": shape(&mut self.written) } });
            }
            Content::Text(media) => {
                described["content"] = json!({ media: { "schema": { "type": "string" } } });
            }
        }
        for (name, about) in answer.headers {
            described["headers"][name] = json!({ "description": about, "schema": { "type": "string" } });
        }
        described
    }

    fn refusal(&mut self, about: &str, codes: &[&str]) -> Value {
        let mut shape = self.written.subschema_for::<wire::Problem>();
        shape.insert("properties".to_owned(), json!({ "code": { "enum": codes } }));
        json!({ "description": about, "content": { "application/json": { "schema": shape } } })
    }

    fn all(mut self) -> Map<String, Value> {
        let mut all = self.read.take_definitions(true);
        all.extend(self.written.take_definitions(true));
        all
    }
}
