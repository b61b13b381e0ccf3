//! What the embeddable face says when something is not as expected.

use std::fmt::Debug;
use std::time::Duration;

use planet_emulator::{Emulator, Expectation};

const AT_ONCE: Duration = Duration::ZERO;

async fn emulator(config: &str) -> Emulator {
    let builder = Emulator::builder().config(config).seed(1);
    builder.clock("manual").start().await.unwrap()
}

fn told<T: Debug>(outcome: anyhow::Result<T>) -> String {
    outcome.unwrap_err().to_string()
}

#[actix_web::test]
async fn a_wait_in_vain_says_where_the_call_stands() {
    let emulator = emulator("").await;
    let sid = emulator.make_call("emu-invalid-peer-id").await.unwrap();

    insta::assert_snapshot!(
        told(emulator.wait_for(&sid, "notified", AT_ONCE).await),
        @r"
    expected `notified` within 0ms, but call d2737223-8d79-419c-8d80-3bd2961f76c8 is accepted
    hint: its clock is manual: move it with `advance`
    "
    );
    emulator.advance_until_idle().await.unwrap();
    insta::assert_snapshot!(
        told(emulator.wait_for(&sid, "talking", AT_ONCE).await),
        @"call d2737223-8d79-419c-8d80-3bd2961f76c8 settled as failed: `talking` can no longer happen"
    );
}

#[actix_web::test]
async fn what_there_is_not_cannot_be_waited_for() {
    let emulator = emulator("").await;
    let sid = emulator.make_call("alice").await.unwrap();

    let unknown_call = emulator.wait_for("42", "settled", AT_ONCE).await;
    insta::assert_snapshot!(told(unknown_call), @"no call has the session ID `42`");
    let misspelt = emulator.wait_for(&sid, "setled", AT_ONCE).await;
    insta::assert_snapshot!(told(misspelt), @r"
    expected a state, a callback or `settled`, found `setled`
    hint: did you mean `settled`?
    ");
    let unknown_event = emulator.wait_for(&sid, "xyz", AT_ONCE).await;
    insta::assert_snapshot!(told(unknown_event), @r"
    expected a state, a callback or `settled`, found `xyz`
    hint: there are `accepted`, `notified`, `ringing`, `preparing`, `talking`, `ended`, `failed`, `notify`, `agent_call_status`, `call_event`, `settled`
    ");
}

#[actix_web::test]
async fn what_differs_is_shown_with_the_calls_that_come_closest() {
    let emulator = emulator("").await;
    emulator.make_call("alice").await.unwrap();
    emulator.make_call("bob").await.unwrap();
    let calls = Expectation::calls;

    let to_bob = calls().matching("to_user_id", "b*").delivered("notify");
    insta::assert_snapshot!(told(emulator.verify(to_bob).await), @r"
    expected at least 1 such calls, found 0
      call cada2f89-0ce9-4bc9-ba0f-9a1f655064e9 differs: notify: expected delivered, found nothing yet
      call 30b95747-ace7-4007-a7dc-bfa6a41bce5e differs: to_user_id: expected `b*`, found `alice`; notify: expected delivered, found nothing yet
    ");
    insta::assert_snapshot!(told(emulator.verify(calls().never()).await), @r"
    expected no such call, found 2
      call 30b95747-ace7-4007-a7dc-bfa6a41bce5e counts
      call cada2f89-0ce9-4bc9-ba0f-9a1f655064e9 counts
    ");
    let to_nobody = calls().matching("to_user_id", "carol").at_least(3);
    insta::assert_snapshot!(told(emulator.verify(to_nobody).await), @r"
    expected at least 3 such calls, found 0
      call 30b95747-ace7-4007-a7dc-bfa6a41bce5e differs: to_user_id: expected `carol`, found `alice`
      call cada2f89-0ce9-4bc9-ba0f-9a1f655064e9 differs: to_user_id: expected `carol`, found `bob`
    ");
    let elsewhere = calls().of_project("nowhere");
    insta::assert_snapshot!(told(emulator.verify(elsewhere).await), @"no project is named `nowhere`");
}

#[actix_web::test]
async fn a_faulty_expectation_is_told_as_by_the_control_api() {
    let emulator = emulator("").await;

    let misspelt = Expectation::calls()
        .matching("to_usr_id", "x")
        .delivered("call_evnt");
    insta::assert_snapshot!(told(emulator.verify(misspelt).await), @r#"
    error: expected one of `notify`, `agent_call_status`, `call_event`, found `call_evnt`
     --> <expectation>:1:16
      |
    1 | {"delivered": ["call_evnt"], "match": {"to_usr_id": "x"}}
      |                ^^^^^^^^^^^
      |
      = hint: did you mean `call_event`?

    error: unknown key `to_usr_id`
     --> <expectation>:1:40
      |
    1 | {"delivered": ["call_evnt"], "match": {"to_usr_id": "x"}}
      |                                        ^^^^^^^^^^^
      |
      = hint: did you mean `to_user_id`?
    "#);
}

#[actix_web::test]
async fn a_clock_that_moves_by_itself_cannot_be_moved() {
    let emulator = Emulator::builder().start().await.unwrap();
    insta::assert_snapshot!(told(emulator.advance_to_next().await), @r#"
    the clock is `real`, not `manual`
    hint: start the emulator with `.clock("manual")`
    "#);
}

#[actix_web::test]
async fn a_call_that_is_refused_says_why() {
    let emulator = emulator("fidelity: { malformed_peer_id: reject }").await;
    insta::assert_snapshot!(told(emulator.make_call("emu-http-429").await), @"refused: 429 TOO_MANY_REQUEST");
    insta::assert_snapshot!(told(emulator.make_call("a b").await), @r"
    refused: 400 invalid parameter: to-userId
      to-userId must consist of a-z A-Z 0-9 - _ only, found ` `
    ");
}

#[actix_web::test]
async fn of_several_projects_none_is_chosen() {
    let project =
        |name| format!("- {{ name: {name}, service_id: {name}, api_key: {name}, api_secret: x }}");
    let config = format!("projects:\n{}\n{}", project("a"), project("b"));
    let emulator = emulator(&config).await;

    let told = told(emulator.make_call("alice").await);

    let hint = format!("{}/_emulator/projects", emulator.url());
    assert_eq!(
        told,
        format!("expected one project, found 2\nhint: use the control API at {hint}")
    );
}
