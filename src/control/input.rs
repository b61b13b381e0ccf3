//! What requests bring: bodies and queries, checked by the schema of the type that they are read into.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock, Mutex};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{ControlError, json};
use crate::settings::with_text_rules;
use crate::sync::locked;
use crate::yaml::{Document, Fault, Shape};

/// The largest body, in bytes.
const LARGEST_BODY: usize = 1 << 20;
/// How many times that is read of a body that is too large: a client that is still sending may never
/// see an answer sent meanwhile, but an endless body must end somewhere.
const READ_ON: usize = 16;

/// A body of JSON, whatever its content type; an empty one counts as `{}`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + 'static> FromRequest for Body<T> {
    type Error = ControlError;
    type Future = LocalBoxFuture<'static, Result<Self, ControlError>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move { parse(&read(payload).await?).map(Self) })
    }
}

/// Reads a body that may be this long.
///
/// # Errors
/// 413 if it is longer, 400 if it breaks off.
async fn read(mut payload: Payload) -> Result<web::BytesMut, ControlError> {
    let mut body = web::BytesMut::new();
    let mut length = 0_usize;
    while let Some(chunk) = payload.next().await {
        let broken = |error| ControlError::bad_request("invalid_body", format!("{error}"));
        let chunk = chunk.map_err(broken)?;
        length += chunk.len();
        if length <= LARGEST_BODY {
            body.extend_from_slice(&chunk);
        } else if length > LARGEST_BODY * READ_ON {
            break;
        }
    }
    if length > LARGEST_BODY {
        let message = format!("expected at most {LARGEST_BODY} bytes as body");
        return Err(ControlError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            message,
        ));
    }
    Ok(body)
}

fn parse<T: DeserializeOwned + JsonSchema + 'static>(body: &[u8]) -> Result<T, ControlError> {
    let value = match body.trim_ascii() {
        [] => Value::Object(Map::new()),
        _ => json::parse(body).map_err(malformed)?,
    };
    let shape = shape_of::<T>();
    let document = Document::from_value("body", value);
    let read = shape.read(&document).or_else(|faults| {
        let document = Document::from_value("body", with_whole_numbers(document.value));
        shape.read(&document).map_err(|_| faults)
    });
    read.map_err(|faults| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        ControlError::new(status, "invalid_body", summary("body", &faults)).with_faults(faults)
    })
}

/// For JSON Schema, `2.0` is a whole number; serde takes only `2`.
fn with_whole_numbers(mut value: Value) -> Value {
    match &mut value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 => whole(float).unwrap_or(value),
            _ => value,
        },
        Value::Array(entries) => entries.drain(..).map(with_whole_numbers).collect(),
        Value::Object(entries) => {
            let entries = std::mem::take(entries).into_iter();
            let whole = entries.map(|(key, value)| (key, with_whole_numbers(value)));
            Value::Object(whole.collect())
        }
        _ => value,
    }
}

/// The same number without a point, if it is so small that it has exactly one such form.
fn whole(float: f64) -> Option<Value> {
    format!("{float:.0}").parse::<i64>().ok().map(Value::from)
}

fn malformed(error: serde_json::Error) -> ControlError {
    ControlError::bad_request("invalid_json", format!("expected JSON: {error}"))
}

/// A body of text, whatever its content type.
pub(super) struct Text(pub(super) String);

impl FromRequest for Text {
    type Error = ControlError;
    type Future = LocalBoxFuture<'static, Result<Self, ControlError>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move {
            let text = String::from_utf8(read(payload).await?.to_vec());
            text.map(Self).map_err(|error| {
                let message = format!("expected text in UTF-8: {}", error.utf8_error());
                ControlError::bad_request("invalid_text", message)
            })
        })
    }
}

/// The parameters of a query, each given once at most.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + 'static> FromRequest for Query<T> {
    type Error = ControlError;
    type Future = Ready<Result<Self, ControlError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(request.query_string()).map(Self))
    }
}

fn parse_query<T: DeserializeOwned + JsonSchema + 'static>(query: &str) -> Result<T, ControlError> {
    let shape = shape_of::<T>();
    let mut parameters = Map::new();
    let mut repeated = Vec::new();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = typed(
            shape.schema().pointer(&format!("/properties/{name}")),
            &text,
        );
        if parameters.insert(name.to_string(), value).is_some() {
            repeated.push(name.into_owned());
        }
    }
    let document = Document::from_value("query", Value::Object(parameters));
    let mut faults: Vec<_> = repeated
        .iter()
        .map(|name| document.fault_at(&format!("/{name}"), "expected once, found repeated"))
        .collect();
    let read = shape.read(&document);
    faults.extend(read.as_ref().err().cloned().unwrap_or_default());
    match read {
        Ok(parameters) if faults.is_empty() => Ok(parameters),
        _ => {
            let message = summary("query", &faults);
            Err(ControlError::bad_request("invalid_query", message).with_faults(faults))
        }
    }
}

/// The JSON value that a parameter stands for: text, unless its schema wants something else.
fn typed(schema: Option<&Value>, text: &str) -> Value {
    let wanted = schema.and_then(|schema| schema.get("type")?.as_str());
    let is_other = matches!(wanted, Some("integer" | "number" | "boolean"));
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if is_other => value,
        _ => Value::from(text),
    }
}

/// What is wrong, in one line.
fn summary(what: &str, faults: &[Fault]) -> String {
    match faults {
        [only] if only.path.is_empty() => format!("invalid {what}: {}", only.message),
        [only] => format!("invalid {what}: {}: {}", only.path, only.message),
        _ => format!("invalid {what}: {} faults", faults.len()),
    }
}

/// The shape of a type; made once, since compiling a schema takes milliseconds.
fn shape_of<T: DeserializeOwned + JsonSchema + 'static>() -> Arc<Shape<T>> {
    static SHAPES: LazyLock<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>> =
        LazyLock::new(Mutex::default);
    let known = locked(&SHAPES).get(&TypeId::of::<T>()).cloned();
    let known = known.and_then(|shape| shape.downcast::<Shape<T>>().ok());
    known.unwrap_or_else(|| {
        let shape = Arc::new(with_text_rules(Shape::<T>::new()));
        locked(&SHAPES).insert(TypeId::of::<T>(), shape.clone());
        shape
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::domain::HumanDuration;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Arm {
        #[expect(dead_code, reason = "only its absence matters here")]
        scenario: String,
        #[expect(dead_code, reason = "only its faults matter here")]
        r#match: Option<Match>,
        #[expect(dead_code, reason = "only its faults matter here")]
        times: Option<u32>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Match {
        to_user_id: Option<String>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u32>,
        cursor: Option<String>,
        within: Option<HumanDuration>,
    }

    fn told<T>(outcome: Result<T, ControlError>) -> Value {
        serde_json::to_value(outcome.err().unwrap()).unwrap()["error"].take()
    }

    #[test]
    fn all_faults_of_a_body_are_told_with_path_and_hint() {
        let body = r#"{ "scenaro": "x", "match": { "to_usr_id": "a" }, "times": "2" }"#;
        let error = told(parse::<Arm>(body.as_bytes()));
        assert_eq!(error["code"], "invalid_body");
        assert_eq!(
            error["faults"],
            json!([
                { "path": "match.to_usr_id", "message": "unknown key `to_usr_id`",
                  "hint": "did you mean `to_user_id`?" },
                { "path": "scenaro", "message": "unknown key `scenaro`",
                  "hint": "did you mean `scenario`?" },
                { "path": "times", "message": "expected a whole number of at least 0, found the text `2`",
                  "hint": "remove the quotes: `2`" },
            ])
        );
    }

    #[test]
    fn a_body_is_strict_json_and_an_empty_one_is_an_empty_object() {
        let error = told(parse::<Match>(b"{\n  to_user_id: a }"));
        assert_eq!(error["code"], "invalid_json");
        assert_eq!(
            error["message"],
            "expected JSON: key must be a string at line 2 column 3"
        );
        assert!(error.get("faults").is_none());

        assert!(parse::<Match>(b" ").unwrap().to_user_id.is_none());
        let error = told(parse::<Arm>(b""));
        assert_eq!(error["message"], "invalid body: missing key `scenario`");
    }

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        for (times, expected) in [("2", true), ("2.0", true), ("2e3", true), ("2.5", false)] {
            let body = format!(r#"{{ "scenario": "x", "times": {times} }}"#);
            assert_eq!(parse::<Arm>(body.as_bytes()).is_ok(), expected, "{times}");
        }
    }

    #[test]
    fn texts_are_taken_as_json_writes_them() {
        let body = r#"{ "to_user_id": "\ud83d\ude00\u0000\u2028 # : - 'x' \/" }"#;
        let read = parse::<Match>(body.as_bytes()).unwrap();
        assert_eq!(read.to_user_id.unwrap(), "\u{1f600}\0\u{2028} # : - 'x' /");
    }

    #[test]
    fn a_query_is_typed_by_the_schema() {
        let page = parse_query::<Page>("limit=20&cursor=7&within=1m30s").unwrap();
        assert_eq!((page.limit, page.cursor.as_deref()), (Some(20), Some("7")));
        assert_eq!(page.within.unwrap().0.as_secs(), 90);
    }

    #[test]
    fn all_faults_of_a_query_are_told() {
        let error = told(parse_query::<Page>(
            "limit=-1&cursr=7&within=soon&cursor=a&cursor=b",
        ));
        assert_eq!(error["code"], "invalid_query");
        assert_eq!(error["message"], "invalid query: 4 faults");
        let paths: Vec<_> = error["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| &f["path"])
            .collect();
        assert_eq!(paths, ["cursor", "cursr", "limit", "within"]);
    }
}
