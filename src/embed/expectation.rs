use std::sync::LazyLock;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::domain::HumanDuration;
use crate::settings::with_text_rules;
use crate::verify::VerifyRequest;
use crate::yaml::{Document, Shape, Style, render};

/// What is expected of the calls on record; see [`Emulator::verify`](super::Emulator::verify).
///
/// Without a number, at least one call is expected.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// # use std::time::Duration;
/// use planet_emulator::{Emulator, Expectation};
///
/// # let emulator = Emulator::builder().clock("1000x").start().await?;
/// emulator.make_call("emu-declines").await?;
/// emulator.make_call("emu-busy").await?;
///
/// let all = Expectation::calls().matching("to_user_id", "emu-*").delivered("call_event");
/// emulator.verify(all.exactly(2).within(Duration::from_secs(5))).await?;
/// emulator.verify(Expectation::calls().matching("to_user_id", "bob").never()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is checked before `Emulator::verify`"]
pub struct Expectation {
    /// As the control API takes it: what it refuses is refused here, in the same words.
    request: Value,
}

impl Expectation {
    /// Of all calls on record.
    pub fn calls() -> Self {
        Self { request: json!({}) }
    }

    /// Only of calls in which `field` fits `pattern`, in which `*` and `?` are wildcards. The fields are
    /// those of `match` in a scenario, such as `to_user_id` or `app_svr_data`.
    pub fn matching(mut self, field: &str, pattern: impl Into<String>) -> Self {
        self.request["match"][field] = pattern.into().into();
        self
    }

    /// Only of calls of this project.
    pub fn of_project(mut self, name: impl Into<String>) -> Self {
        self.request["project"] = name.into().into();
        self
    }

    /// There are so many.
    pub fn exactly(mut self, count: usize) -> Self {
        self.request["count"]["exactly"] = count.into();
        self
    }

    /// There are so many or more.
    pub fn at_least(mut self, count: usize) -> Self {
        self.request["count"]["at_least"] = count.into();
        self
    }

    /// There are so many or fewer.
    pub fn at_most(mut self, count: usize) -> Self {
        self.request["count"]["at_most"] = count.into();
        self
    }

    /// There are not that many, by default none; with [`within`](Self::within), not during that time
    /// either.
    pub fn never(mut self) -> Self {
        self.request["never"] = true.into();
        self
    }

    /// In each call that counts, this callback was delivered: `notify`, `agent_call_status` or
    /// `call_event`. May be said of several.
    pub fn delivered(mut self, callback: &str) -> Self {
        match self.request["delivered"].as_array_mut() {
            Some(callbacks) => callbacks.push(callback.into()),
            None => self.request["delivered"] = json!([callback]),
        }
        self
    }

    /// How long to wait for it, in the machine's time; not at all unless this is said.
    pub fn within(mut self, span: Duration) -> Self {
        self.request["within"] = HumanDuration(span).to_string().into();
        self
    }

    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn into_request(self) -> anyhow::Result<VerifyRequest> {
        static SHAPE: LazyLock<Shape<VerifyRequest>> =
            LazyLock::new(|| with_text_rules(Shape::new()));
        let document = Document::from_value("<expectation>", self.request);
        let request = SHAPE.read(&document);
        request.map_err(|faults| anyhow!("{}", render(&faults, Style::Plain)))
    }
}
