//! The OpenAPI document: assembled from the routing table and the schemas of the types in it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::route::{Answer, Body, Operation, Route, get};
use super::{ControlError, PREFIX, planet, table};
use crate::yaml::{allows, schema_settings};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/openapi.json", get_document)
            .summary("Shows this document.")
            .answers::<Map<String, Value>>(200, "An OpenAPI 3.1 document."),
    ]
}

async fn get_document() -> HttpResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(TEXT.as_str())
}

fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in table() {
        let operations = paths.entry(format!("{PREFIX}{}", route.path)).or_default();
        let method = route.method.as_str().to_lowercase();
        operations.insert(method, operation(&route, &mut schemas));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "planet-emulator",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "LINE Planet Cloud's Audio Caller on one's own machine, and its control API.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas.output.take_definitions(true),
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "API key and API secret of a project.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The setting `control.token`; not asked for where there is none.",
                },
            },
        },
    });
    document["paths"][planet::PATH] = json!({ "post": planet::make_agent_call() });
    document
}

/// Makes the schemas of types.
struct Schemas {
    /// Of what is sent here. Each stands where it is used: what goes in and what comes out may differ
    /// though it is the same type.
    input: SchemaGenerator,
    /// Of what is answered, with references to the definitions that are kept in it.
    output: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let input = schema_settings().with_transform(RecursiveTransform(with_meaning));
        let input = input.with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let output = SchemaSettings::draft2020_12().for_serialize();
        let output = output.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self {
            input: input.into_generator(),
            output: output.into_generator(),
        }
    }
}

/// What our numbers can hold, where schemars does not say.
const MAXIMA: [(&str, u64); 3] = [
    ("uint", usize::MAX as u64),
    ("uint32", u32::MAX as u64),
    ("uint64", u64::MAX),
];

/// What a regular expression can say of our own formats: whoever reads the document does not know them.
/// Never allows more than is accepted.
const PATTERNS: [(&str, &str); 7] = [
    (
        "human-duration",
        r"^(0|[0-9]{1,8}ms|[0-9]{1,5}(\.[0-9]{1,3})?s|[0-9]{1,3}m([0-9]{1,2}s)?|[0-9]{1,2}h)$",
    ),
    ("project-name", "^[A-Za-z0-9_-]{1,64}$"),
    ("service-id", r"^[A-Za-z0-9.-]{1,64}$"),
    ("api-key", "^[A-Za-z0-9_-]+$"),
    ("content-id", "^[0-9A-Fa-f]{12}$"),
    (
        "callback-url",
        r"^https?://[a-z][a-z0-9]*(:[1-9][0-9]{0,3})?(/[a-z0-9]+)*$",
    ),
    ("clock", "^(real|manual|[1-9][0-9]{0,5}x)$"),
];

/// Says in words of JSON Schema what a format means.
fn with_meaning(schema: &mut Schema) {
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    let pattern = PATTERNS.iter().find(|(name, _)| *name == format);
    let maximum = MAXIMA.iter().find(|(name, _)| *name == format);
    if let Some((_, pattern)) = pattern {
        schema.insert("pattern".to_owned(), (*pattern).into());
    }
    if let Some((_, maximum)) = maximum
        && schema.get("maximum").is_none()
    {
        schema.insert("maximum".to_owned(), (*maximum).into());
    }
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let described = &route.operation;
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": described.summary,
        "tags": [tag(route)],
        "parameters": parameters(described, schemas),
        "responses": responses(described, schemas),
    });
    if !described.is_open {
        operation["security"] = json!([{ "bearer": [] }, {}]);
    }
    if let Some(body) = &described.body {
        operation["requestBody"] = request_body(body, schemas);
    }
    operation
}

/// Method and path as one name: `get_calls_sid`.
fn operation_id(route: &Route) -> String {
    let name = format!("{}{}", route.method.as_str().to_lowercase(), route.path);
    let is_name = |c: char| c.is_ascii_alphanumeric();
    let words = name.split(|c| !is_name(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// The resource.
fn tag(route: &Route) -> &str {
    route.path.split('/').nth(1).unwrap_or_default()
}

fn parameters(operation: &Operation, schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters = Vec::new();
    for parameter in &operation.path_parameters {
        parameters.push(json!({
            "name": parameter.name,
            "in": "path",
            "required": true,
            "description": parameter.description,
            "schema": (parameter.schema)(&mut schemas.input),
        }));
    }
    let query = operation
        .query
        .map(|query| query(&mut schemas.input).to_value());
    let query = query.unwrap_or_default();
    let required = query["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in query["properties"].as_object().into_iter().flatten() {
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": required.iter().any(|one| one == name),
            "description": schema["description"],
            "schema": schema,
        }));
    }
    parameters
}

fn request_body(body: &Body, schemas: &mut Schemas) -> Value {
    let schema = (body.schema)(&mut schemas.input).to_value();
    // No body counts as `{}`.
    let may_be_empty = allows(&schema, &json!({}));
    json!({
        "description": body.description,
        "required": !may_be_empty,
        "content": { body.media_type: { "schema": schema, "example": body.example } },
    })
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses = json!({});
    for answer in &operation.answers {
        responses[answer.status.to_string()] = answered(answer, schemas);
    }
    let mut refusals: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    let guard = [(403, "foreign_host"), (403, "foreign_origin")];
    let token = [(401, "missing_token"), (401, "wrong_token")];
    let token = token.iter().filter(|_| !operation.is_open);
    for (status, code) in operation.refusals.iter().chain(&guard).chain(token) {
        refusals.entry(*status).or_default().push(code);
    }
    for (status, codes) in refusals {
        responses[status.to_string()] = refused(status, &codes, schemas);
    }
    responses
}

fn answered(answer: &Answer, schemas: &mut Schemas) -> Value {
    let Some(schema) = answer.schema else {
        return json!({ "description": answer.description });
    };
    let mut content = json!({ "schema": schema(&mut schemas.output) });
    if let Some(example) = &answer.example {
        content["example"] = example.clone();
    }
    json!({ "description": answer.description, "content": { answer.media_type: content } })
}

fn refused(status: u16, codes: &[&str], schemas: &mut Schemas) -> Value {
    let status = StatusCode::from_u16(status).ok();
    let reason = status.and_then(|status| status.canonical_reason());
    let schema = schemas.output.subschema_for::<ControlError>();
    json!({
        "description": format!("{}: `{}`", reason.unwrap_or_default(), codes.join("`, `")),
        "content": { "application/json": { "schema": schema } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::with_text_rules;
    use crate::yaml::Shape;
    use crate::yaml::oracle::{assert_agrees, assert_known};

    /// Every `$ref` below a value.
    fn references(value: &Value) -> Vec<&str> {
        match value {
            Value::Object(fields) => {
                let own = fields.get("$ref").and_then(Value::as_str);
                own.into_iter()
                    .chain(fields.values().flat_map(references))
                    .collect()
            }
            Value::Array(values) => values.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let references = references(&document);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn what_is_sent_here_is_checked_as_its_schema_says() {
        let shape = with_text_rules(Shape::<Value>::new());
        for Operation { query, body, .. } in table().into_iter().map(|route| route.operation) {
            let body = body.map(|body| (body.schema, body.example));
            for (schema, example) in body
                .into_iter()
                .chain(query.map(|query| (query, json!({}))))
            {
                let schema = schema(&mut schema_settings().into_generator()).to_value();
                assert_known(&schema, shape.formats());
                assert_agrees(&schema, shape.formats(), &[example]);
            }
        }
    }

    #[test]
    fn every_link_leads_to_an_operation_and_its_parameters() {
        let document = document();
        let operations = document["paths"].as_object().unwrap().values();
        let operations: Vec<_> = operations
            .flat_map(|methods| methods.as_object().unwrap().values())
            .collect();
        let links = operations
            .iter()
            .flat_map(|operation| operation["responses"].as_object().unwrap().values())
            .filter_map(|response| response.get("links")?.as_object())
            .flat_map(|links| links.values());
        let links: Vec<_> = links.collect();
        assert!(!links.is_empty());
        for link in links {
            let named = |operation: &&&Value| operation["operationId"] == link["operationId"];
            let operation = operations.iter().find(named).unwrap();
            let parameters = operation["parameters"].as_array().unwrap();
            for name in link["parameters"].as_object().unwrap().keys() {
                let is_known = parameters
                    .iter()
                    .any(|parameter| parameter["name"] == **name);
                assert!(is_known, "{link}");
            }
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        for route in table() {
            let names = route.path.split('/').filter_map(|segment| {
                segment
                    .strip_prefix('{')
                    .and_then(|name| name.strip_suffix('}'))
            });
            let described = route.operation.path_parameters.iter().map(|p| p.name);
            assert!(names.eq(described), "{}", route.path);
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_summary_and_an_answer() {
        let mut ids: Vec<_> = table().iter().map(operation_id).collect();
        ids.sort();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
        for route in table() {
            assert!(route.operation.summary.ends_with('.'), "{}", route.path);
            assert!(!route.operation.answers.is_empty(), "{}", route.path);
        }
    }
}
