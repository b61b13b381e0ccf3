//! The exact text on the wire: request body, answers, callback queries. No rules.

mod answer;
mod body;
mod callback_query;
mod callback_url;
mod message;
mod param;

pub(crate) use answer::{ErrorAnswer, ErrorData, SuccessAnswer, Violation};
pub(crate) use body::{BodyFault, JsonKind, JsonObject, MakeCallBody, body_text, string_of};
pub(crate) use callback_query::{
    Parameters, agent_call_status_parameters, call_event_parameters, notify_parameters,
};
pub(crate) use callback_url::shown;
pub(crate) use message::{Message, Target};
