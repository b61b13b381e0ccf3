//! One operation of the control API: where it is, who handles it, what its documentation says.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, web};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::ControlError;

/// Makes the schema of a type. A pointer, so that a table of routes is cheap where no schema is asked for.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A row of the routing table: it drives the routing as well as the OpenAPI document.
pub(super) struct Route {
    pub(super) method: Method,
    /// Below `/_emulator`.
    pub(super) path: &'static str,
    pub(super) handler: actix_web::Route,
    pub(super) operation: Operation,
}

/// What the documentation says of a route.
#[derive(Debug, Default)]
pub(super) struct Operation {
    pub(super) summary: &'static str,
    /// Whether it may be used without the control API's token.
    pub(super) is_open: bool,
    pub(super) path_parameters: Vec<PathParameter>,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// Statuses with the codes of their errors.
    pub(super) refusals: Vec<(u16, &'static str)>,
}

#[derive(Debug)]
pub(super) struct PathParameter {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) schema: SchemaOf,
}

/// What an operation takes as its body.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) description: &'static str,
    pub(super) media_type: &'static str,
    pub(super) schema: SchemaOf,
    pub(super) example: Value,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) media_type: &'static str,
    /// `None` if the answer has no body.
    pub(super) schema: Option<SchemaOf>,
    pub(super) example: Option<Value>,
}

const JSON: &str = "application/json";

/// Makes one function for each method. A handler's panic is answered with a [`ControlError`].
macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        pub(super) fn $name<H, Args>(path: &'static str, handler: H) -> Route
        where
            H: Handler<Args, Output: Responder>,
            Args: FromRequest + 'static,
        {
            route(Method::$method, path, handler)
        }
    )*};
}
methods! { get GET post POST put PUT delete DELETE }

fn route<H, Args>(method: Method, path: &'static str, handler: H) -> Route
where
    H: Handler<Args, Output: Responder>,
    Args: FromRequest + 'static,
{
    Route {
        handler: web::method(method.clone()).to(AnyHandler::of(handler)),
        method,
        path,
        operation: Operation::default(),
    }
}

impl Route {
    /// What it does, in one line.
    pub(super) fn summary(mut self, summary: &'static str) -> Self {
        self.operation.summary = summary;
        self
    }

    /// No token is asked for it.
    pub(super) fn open(mut self) -> Self {
        self.operation.is_open = true;
        self
    }

    /// A part of the path; any text gets to the handler, whatever `T` allows.
    pub(super) fn path_param<T: JsonSchema>(
        mut self,
        name: &'static str,
        description: &'static str,
    ) -> Self {
        self.operation.path_parameters.push(PathParameter {
            name,
            description,
            schema: SchemaGenerator::root_schema_for::<T>,
        });
        self
    }

    /// The handler takes [`input::Query<T>`](super::input::Query).
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.operation.query = Some(SchemaGenerator::root_schema_for::<T>);
        self.refuses(400, "invalid_query")
    }

    /// The handler takes [`input::Body<T>`](super::input::Body).
    pub(super) fn body<T: JsonSchema>(mut self, description: &'static str, example: Value) -> Self {
        self.operation.body = Some(Body {
            description,
            media_type: JSON,
            schema: SchemaGenerator::root_schema_for::<T>,
            example,
        });
        self.refuses(400, "invalid_json")
            .refuses(413, "body_too_large")
            .refuses(422, "invalid_body")
    }

    /// The handler takes [`input::Text`](super::input::Text).
    pub(super) fn text_body(
        mut self,
        description: &'static str,
        media_type: &'static str,
        example: &'static str,
    ) -> Self {
        self.operation.body = Some(Body {
            description,
            media_type,
            schema: SchemaGenerator::root_schema_for::<String>,
            example: example.into(),
        });
        self.refuses(400, "invalid_text")
            .refuses(413, "body_too_large")
    }

    /// It answers this status with `T` in JSON.
    pub(super) fn answers<T: JsonSchema>(mut self, status: u16, description: &'static str) -> Self {
        self.operation.answers.push(Answer {
            status,
            description,
            media_type: JSON,
            schema: Some(SchemaGenerator::subschema_for::<T>),
            example: None,
        });
        self
    }

    /// It answers this status with text of this media type.
    pub(super) fn answers_text(
        mut self,
        status: u16,
        media_type: &'static str,
        description: &'static str,
    ) -> Self {
        self.operation.answers.push(Answer {
            status,
            description,
            media_type,
            schema: Some(SchemaGenerator::subschema_for::<String>),
            example: None,
        });
        self
    }

    /// It answers this status without a body.
    pub(super) fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.operation.answers.push(Answer {
            status,
            description,
            media_type: JSON,
            schema: None,
            example: None,
        });
        self
    }

    /// An example of the answer that was named last.
    pub(super) fn example(mut self, example: Value) -> Self {
        if let Some(answer) = self.operation.answers.last_mut() {
            answer.example = Some(example);
        }
        self
    }

    /// It may answer this status with a [`ControlError`] of this code.
    pub(super) fn refuses(mut self, status: u16, code: &'static str) -> Self {
        self.operation.refusals.push((status, code));
        self
    }
}

/// A handler, whatever its arguments are; its panics are answered. With one type for all, the code of a
/// handler is not so much as read from the disk before the first request for it.
#[derive(Clone)]
struct AnyHandler(Rc<dyn Fn(HttpRequest, web::Payload) -> LocalBoxFuture<'static, HttpResponse>>);

impl AnyHandler {
    fn of<H, Args>(handler: H) -> Self
    where
        H: Handler<Args, Output: Responder>,
        Args: FromRequest + 'static,
    {
        Self(Rc::new(move |request, payload| {
            let handler = handler.clone();
            let handling = async move {
                match Args::from_request(&request, &mut payload.into_inner()).await {
                    Ok(args) => {
                        let answer = handler.call(args).await.respond_to(&request);
                        answer.map_into_boxed_body()
                    }
                    Err(error) => HttpResponse::from_error(error),
                }
            };
            let caught = AssertUnwindSafe(handling).catch_unwind();
            caught
                .map(|outcome| {
                    outcome.unwrap_or_else(|_| HttpResponse::from_error(ControlError::panicked()))
                })
                .boxed_local()
        }))
    }
}

impl Handler<(HttpRequest, web::Payload)> for AnyHandler {
    type Output = HttpResponse;
    type Future = LocalBoxFuture<'static, HttpResponse>;

    fn call(&self, (request, payload): (HttpRequest, web::Payload)) -> Self::Future {
        (self.0)(request, payload)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;

    async fn panics() -> HttpResponse {
        panic!("on purpose")
    }

    #[actix_web::test]
    async fn a_panic_is_answered_as_an_error_of_the_control_api() {
        let service = web::resource("/x").route(get("/x", panics).handler);
        let app = test::init_service(App::new().service(service)).await;

        let request = test::TestRequest::get().uri("/x").to_request();
        let answer = test::call_service(&app, request).await;

        assert_eq!(answer.status(), 500);
        let body: Value = test::read_body_json(answer).await;
        assert_eq!(body["error"]["code"], "internal_error");
    }
}
