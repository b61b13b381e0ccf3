//! The embeddable face: an emulator inside a Rust test.

mod builder;
mod expectation;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

pub use builder::EmulatorBuilder;
pub use expectation::Expectation;

use crate::clock::{Advance, ClockMode};
use crate::domain::{Callee, HumanDuration, Sid};
use crate::emulator::Refusal;
use crate::journal::{self, Awaited, CallEntry, CallFilter};
use crate::project::Project;
use crate::startup::Running;
use crate::verify;
use crate::wire::ErrorData;
use crate::yaml::nearest;

/// A running emulator on a port of its own; it stops when dropped.
///
/// A call on record is shown as a JSON [`Value`], the same as `GET /_emulator/calls/{sid}` of the control
/// API: its keys are described in `/_emulator/openapi.json`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// use planet_emulator::Emulator;
///
/// let emulator = Emulator::builder()
///     .scenario("name: declines\nmatch: { to_user_id: alice }\ncallee: { action: decline, after: 1s }")
///     .clock("1000x")
///     .start()
///     .await?;
///
/// // Point your app server's Planet base URL here:
/// assert!(emulator.url().starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Emulator(Running);

impl Emulator {
    /// An emulator in open mode, with nothing but the built-in scenarios, not started yet.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// The base URL, without a slash at the end.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// let emulator = planet_emulator::Emulator::builder().start().await?;
    /// let health = format!("{}/_emulator/health", emulator.url());
    /// # assert!(health.ends_with("/_emulator/health"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Stops and waits until that is done: callbacks in flight are given the `shutdown_grace`. Gives
    /// back how many callbacks were abandoned.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// let emulator = planet_emulator::Emulator::builder().start().await?;
    /// assert_eq!(emulator.stop().await, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop(self) -> usize {
        self.0.stop().await
    }

    /// Makes a call as an app server would, with a sample request, and gives back its session ID. For
    /// tests of what receives the callbacks; what makes calls is tested by giving it the
    /// [`url`](Self::url).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # let emulator = planet_emulator::Emulator::builder().start().await?;
    /// let sid = emulator.make_call("emu-declines").await?;
    /// assert_eq!(emulator.calls()[0]["sid"], sid);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the call is refused, as a scenario may want; when there is more than one project.
    pub async fn make_call(&self, to_user_id: &str) -> anyhow::Result<String> {
        let project = self.project()?;
        let service_id = project.service_id().map_or("shop-eval", |id| id.as_str());
        let content_id = project.settings.audio_sources.keys().next();
        let content_id = content_id.map_or_else(|| "5498f04048fa".to_owned(), ToString::to_string);
        let body = json!({
            "requestContext": { "serviceId": service_id, "userId": "agent" },
            "mediaSourceType": "STORED_SOURCE",
            "storedSource": { "storedAudioSources": [{ "contentId": content_id }] },
        });
        let to = Callee {
            service_id: service_id.into(),
            user_id: to_user_id.into(),
        };
        let core = &self.0.core;
        let (catalog, body) = (core.scenarios.catalog(), body.to_string());
        let placed = core.place(&project, &catalog, None, to, body.as_bytes());
        let mut life = placed.map_err(|refusal| refused(&refusal))?;
        let answered = life.live_until_answer().await;
        answered.context("the project was reset before the call was answered")?;
        let sid = life.entry().sid();
        tokio::spawn(life.live());
        Ok(sid.to_string())
    }

    /// Moves a manual clock by `span`. Returns once every callback that came due was answered or has
    /// failed, and gives these back in the order in which they were sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use std::time::Duration;
    /// # use planet_emulator::Emulator;
    /// let emulator = Emulator::builder().clock("manual").start().await?;
    /// emulator.make_call("emu-no-answer").await?;
    ///
    /// // It rings for 60 seconds.
    /// let delivered = emulator.advance(Duration::from_secs(59)).await?;
    /// let callbacks: Vec<_> = delivered.iter().map(|one| one.callback).collect();
    /// assert_eq!(callbacks, ["notify", "agent_call_status"]);
    ///
    /// let delivered = emulator.advance(Duration::from_secs(2)).await?;
    /// assert_eq!(delivered[0].callback, "call_event");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the clock is not manual; when there is more than one project, each with its own clock.
    pub async fn advance(&self, span: Duration) -> anyhow::Result<Vec<Delivered>> {
        self.advanced(Advance::By(span)).await
    }

    /// Moves a manual clock to the next moment at which something is due, if there is one; else as
    /// [`advance`](Self::advance).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use planet_emulator::Emulator;
    /// # let emulator = Emulator::builder().clock("manual").start().await?;
    /// emulator.make_call("alice").await?;
    /// let delivered = emulator.advance_to_next().await?;
    /// assert_eq!(delivered[0].callback, "notify");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn advance_to_next(&self) -> anyhow::Result<Vec<Delivered>> {
        self.advanced(Advance::ToNext).await
    }

    /// Moves a manual clock until nothing is waited for any more, seven days at most; else as
    /// [`advance`](Self::advance).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use planet_emulator::Emulator;
    /// # let emulator = Emulator::builder().clock("manual").start().await?;
    /// emulator.make_call("emu-no-answer").await?;
    /// let delivered = emulator.advance_until_idle().await?;
    /// assert_eq!(delivered.len(), 3);
    /// assert_eq!(emulator.calls()[0]["end"]["reason"], "NOANSWER");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn advance_until_idle(&self) -> anyhow::Result<Vec<Delivered>> {
        self.advanced(Advance::UntilIdle).await
    }

    /// Waits until something has happened in a call, and gives back its record: a state such as
    /// `ringing`, the first delivery of a callback such as `notify`, or `settled`, after which nothing
    /// more will be sent. `timeout` is the machine's time; a manual clock has to be moved meanwhile.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use std::time::Duration;
    /// # use planet_emulator::Emulator;
    /// let emulator = Emulator::builder().clock("1000x").start().await?;
    /// let sid = emulator.make_call("emu-declines").await?;
    /// let call = emulator.wait_for(&sid, "settled", Duration::from_secs(5)).await?;
    /// assert_eq!(call["end"]["reason"], "DECLINE");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When it has not happened in time, or can no longer happen; when there is no such call or event.
    pub async fn wait_for(
        &self,
        sid: &str,
        event: &str,
        timeout: Duration,
    ) -> anyhow::Result<Value> {
        let awaited = Awaited::from_name(event).ok_or_else(|| unknown_event(event))?;
        let entry = sid.parse::<Sid>().ok();
        let entry = entry.and_then(|sid| self.0.core.journal.find(sid));
        let entry = entry.with_context(|| format!("no call has the session ID `{sid}`"))?;
        if !entry.wait_for(awaited, timeout).await {
            return Err(not_happened(&entry, event, timeout));
        }
        Ok(json!(*entry))
    }

    /// The calls on record, in the order in which they were accepted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # let emulator = planet_emulator::Emulator::builder().start().await?;
    /// emulator.make_call("alice").await?;
    /// let calls = emulator.calls();
    /// assert_eq!(calls[0]["to"]["user_id"], "alice");
    /// assert_eq!(calls[0]["scenario"], "answered");
    /// # Ok(())
    /// # }
    /// ```
    pub fn calls(&self) -> Vec<Value> {
        let all = CallFilter::default();
        let (calls, _) = self.0.core.journal.calls(&all, usize::MAX, None);
        records(&calls)
    }

    /// Checks that calls were made and callbacks delivered; gives back the calls that count.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use planet_emulator::Emulator;
    /// use planet_emulator::Expectation;
    ///
    /// # let emulator = Emulator::builder().clock("manual").start().await?;
    /// emulator.make_call("alice").await?;
    /// emulator.advance_until_idle().await?;
    ///
    /// let to_alice = Expectation::calls().matching("to_user_id", "alice");
    /// emulator.verify(to_alice.exactly(1).delivered("call_event")).await?;
    ///
    /// let to_bob = Expectation::calls().matching("to_user_id", "bob");
    /// let error = emulator.verify(to_bob).await.unwrap_err().to_string();
    /// assert!(error.starts_with("expected at least 1 such calls, found 0"));
    /// assert!(error.ends_with("differs: to_user_id: expected `bob`, found `alice`"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What differs, with the calls that come closest; when the expectation itself is faulty.
    pub async fn verify(&self, expectation: Expectation) -> anyhow::Result<Vec<Value>> {
        let core = &self.0.core;
        let request = expectation.into_request()?;
        if let Some(name) = &request.project {
            let project = core.projects.find(name);
            project.with_context(|| format!("no project is named `{name}`"))?;
        }
        let expectation = verify::Expectation::from(request);
        let verified = expectation.verify(&core.journal, core.longest_wait()).await;
        Ok(records(&verified?))
    }

    async fn advanced(&self, how: Advance) -> anyhow::Result<Vec<Delivered>> {
        let advanced = self.project()?.advance(how).await;
        let (_, sent) = advanced.map_err(|not_manual| {
            anyhow!("{not_manual}\nhint: start the emulator with `.clock(\"manual\")`")
        })?;
        let delivered = sent.iter();
        let delivered = delivered.filter_map(|(entry, index)| entry.delivered(*index));
        Ok(delivered.map(Delivered::from).collect())
    }

    /// The only project.
    fn project(&self) -> anyhow::Result<Arc<Project>> {
        match &*self.0.core.projects.all() {
            [only] => Ok(only.clone()),
            projects => bail!(
                "expected one project, found {}\nhint: use the control API at {}/_emulator/projects",
                projects.len(),
                self.url()
            ),
        }
    }
}

/// A callback that came due while a manual clock was moved, however it went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// The session ID of its call.
    pub sid: String,
    /// `notify`, `agent_call_status` or `call_event`.
    pub callback: &'static str,
    /// `delivered` if it was answered with success, else `failed`.
    pub outcome: &'static str,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl From<journal::Delivered> for Delivered {
    fn from(delivered: journal::Delivered) -> Self {
        Self {
            sid: delivered.sid.to_string(),
            callback: delivered.callback.name(),
            outcome: delivered.outcome.name(),
            status: delivered.status,
            error: delivered.error,
        }
    }
}

fn records(calls: &[Arc<CallEntry>]) -> Vec<Value> {
    calls.iter().map(|entry| json!(**entry)).collect()
}

fn refused(refusal: &Refusal) -> anyhow::Error {
    let answer = &refusal.answer;
    let violations = match &answer.data {
        ErrorData::Violations(violations) => violations.as_slice(),
        ErrorData::Null | ErrorData::Other(_) => &[],
    };
    let violations = violations
        .iter()
        .map(|violation| format!("\n  {} {}", violation.field, violation.reason));
    let violations: String = violations.collect();
    anyhow!("refused: {} {}{violations}", answer.status, answer.message)
}

fn unknown_event(event: &str) -> anyhow::Error {
    let names: Vec<_> = Awaited::names().collect();
    let hint = match nearest(event, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are `{}`", names.join("`, `")),
    };
    anyhow!("expected a state, a callback or `settled`, found `{event}`\nhint: {hint}")
}

fn not_happened(entry: &CallEntry, event: &str, timeout: Duration) -> anyhow::Error {
    entry.read(|record| {
        let (sid, state) = (record.placed.sid, record.state());
        if record.settled {
            return anyhow!("call {sid} settled as {state}: `{event}` can no longer happen");
        }
        let clock = &record.placed.origin.clock;
        let hint = match clock.mode() {
            ClockMode::Manual => "\nhint: its clock is manual: move it with `advance`",
            _ => "",
        };
        let timeout = HumanDuration(timeout);
        anyhow!("expected `{event}` within {timeout}, but call {sid} is {state}{hint}")
    })
}
