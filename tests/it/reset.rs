//! Reset is a barrier: nothing of before comes after it, and nothing of after is lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::HttpResponse;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use planet_emulator::Emulator;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::control::{Control, TestProject, manual, ok, refused, sid, with_project};
use crate::helpers::{AT_ONCE, Received, Receiver, in_time};

const TURNS: &str = "
name: first-refused
match: { to_user_id: in-turn }
in_turn: [ { response: { error: { status: 503 } } }, { callee: { action: decline } } ]
";

#[tokio::test]
async fn journal_counters_and_arms_begin_anew() {
    let (_emulator, mut shop) = manual(TURNS).await;
    ok(shop
        .control
        .post(
            &shop.path("arm"),
            json!({ "scenario": "callee-busy", "times": 9 }),
        )
        .await);
    let sid = shop.accepted("alice").await;
    assert_eq!(shop.record(&sid).await["scenario"], "callee-busy");
    shop.reset().await;
    assert_eq!(shop.call("in-turn").await.0, 503);
    let ringing = shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "1s" })).await;
    assert_eq!(shop.arrived(), ["notify", "agent_call_status"]);

    shop.reset().await;

    for sid in [sid, ringing] {
        refused(
            404,
            "unknown_call",
            shop.control.get(&format!("calls/{sid}")).await,
        );
    }
    for list in ["calls", "requests"] {
        assert_eq!(shop.control.read(list).await[list], json!([]), "{list}");
    }
    let counts = shop.control.read("health").await;
    assert_eq!(
        counts["calls"],
        json!({ "live": 0, "settled": 0, "dropped": 0 })
    );
    let clock = shop.control.read(&shop.path("clock")).await;
    assert_eq!(
        (&clock["mode"], &clock["next_due_at"]),
        (&json!("manual"), &Value::Null)
    );
    assert_eq!(shop.until_idle().await["delivered"], json!([]));
    assert_eq!(shop.call("in-turn").await.0, 503, "the first turn again");
    // The callee is in no call any more, and nothing is armed.
    let sid = shop.accepted("emu-no-answer").await;
    assert_eq!(
        shop.until_idle().await["delivered"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(shop.record(&sid).await["end"]["reason"], "NOANSWER");
}

#[tokio::test]
async fn the_rate_limit_begins_anew() {
    let (_emulator, shop) = with_project("", json!({ "clock": "manual", "rate_limit": 2 })).await;
    for status in [200, 200, 429] {
        assert_eq!(shop.call("alice").await.0, status);
    }
    shop.reset().await;
    for status in [200, 200, 429] {
        assert_eq!(shop.call("alice").await.0, status);
    }
}

#[tokio::test]
async fn with_a_seed_the_session_ids_repeat() {
    let (_emulator, shop) = with_project("", json!({ "clock": "manual", "seed": 42 })).await;
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let mut sids = Vec::new();
        for callee in ["alice", "bob", "alice"] {
            sids.push(shop.accepted(callee).await);
        }
        rounds.push(sids);
        shop.reset().await;
    }
    assert_eq!(rounds[0], rounds[1]);
    assert_ne!(rounds[0][0], rounds[0][2]);
}

#[tokio::test]
async fn who_waits_for_a_call_that_is_forgotten_is_let_go() {
    let (_emulator, shop) = manual("").await;
    let (mut sid, (mut status, mut answer)) = reset_during_wait(&shop).await;
    // On a busy machine, the wait may come only after the reset, and then finds no call: once more.
    for _ in 0..20 {
        if status != 404 {
            break;
        }
        (sid, (status, answer)) = reset_during_wait(&shop).await;
    }

    assert_eq!((status, &answer["sid"]), (408, &json!(sid)));
    assert_eq!(answer["settled"], true);
}

/// Waits for the end of a call, and resets the project meanwhile. Gives back the call's session ID, and how
/// the wait was answered.
async fn reset_during_wait(shop: &TestProject) -> (String, (u16, Value)) {
    let sid = shop.accepted("emu-no-answer").await;
    let wait = format!("calls/{sid}/wait?for=ended&timeout=25s");
    let mut waiting = std::pin::pin!(shop.control.get(&wait));
    // Once another request has been answered, the first one has been sent.
    tokio::select! {
        biased;
        answer = &mut waiting => panic!("nothing has happened yet: {answer:?}"),
        _ = shop.control.read("health") => {}
    }
    shop.reset().await;
    (sid, waiting.await)
}

#[tokio::test]
async fn other_projects_go_on() {
    let (_emulator, shop) = manual("").await;
    let settings = json!({ "clock": "manual" });
    let mut other = TestProject::create(&shop.control, Receiver::start(), settings).await;
    let sid = other.accepted("emu-declines").await;

    shop.reset().await;

    assert_eq!(other.record(&sid).await["settled"], false);
    other.until_idle().await;
    assert_eq!(
        other.arrived(),
        ["notify", "agent_call_status", "call_event"]
    );
}

const ROUNDS: usize = 100;
const CALLERS: usize = 4;
/// So many calls each caller still makes once the reset has been answered.
const CALLS_AFTER: usize = 2;

/// What happened in which order, as seen from outside.
#[derive(Default)]
struct Log {
    ticks: AtomicU64,
    /// When the callbacks of each call arrived, by session ID.
    arrivals: Mutex<HashMap<String, Vec<u64>>>,
    arrived: Notify,
}

impl Log {
    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, received: &Received) {
        let sid = received.parameter("sid").unwrap();
        let tick = self.tick();
        self.arrivals
            .lock()
            .unwrap()
            .entry(sid)
            .or_default()
            .push(tick);
        self.arrived.notify_waiters();
    }

    /// How many calls have sent a callback.
    fn calls(&self) -> usize {
        self.arrivals.lock().unwrap().len()
    }

    fn of(&self, sid: &str) -> Vec<u64> {
        let arrivals = self.arrivals.lock().unwrap();
        arrivals.get(sid).cloned().unwrap_or_default()
    }

    async fn reaches(&self, wanted: impl Fn() -> bool) {
        let reached = async {
            loop {
                let mut arrived = std::pin::pin!(self.arrived.notified());
                arrived.as_mut().enable();
                if wanted() {
                    return;
                }
                arrived.await;
            }
        };
        in_time("callbacks should arrive", reached).await;
    }
}

/// A call that was accepted, and when it was made.
struct Call {
    sid: String,
    sent: u64,
    answered: u64,
}

/// A reset, and when it was asked for and answered.
struct Reset {
    requested: u64,
    answered: u64,
}

/// Calls on and on, and a few times more once the reset is over.
async fn calls(shop: &TestProject, log: &Log, is_over: &AtomicBool, caller: usize) -> Vec<Call> {
    let (mut calls, mut after) = (Vec::new(), 0);
    while after < CALLS_AFTER {
        let begun_after = is_over.load(Ordering::SeqCst);
        let sent = log.tick();
        let answer = shop.call(&format!("callee-{caller}-{}", calls.len())).await;
        let answered = log.tick();
        after += usize::from(begun_after);
        // A call that the reset overtakes may be refused.
        if begun_after || answer.0 != 503 {
            let sid = sid(answer);
            calls.push(Call {
                sid,
                sent,
                answered,
            });
        }
    }
    calls
}

/// Resets the project once callbacks are on their way. While the gate is shut they stay so.
async fn reset(shop: &TestProject, log: &Log, gate: Option<&watch::Sender<bool>>) -> Reset {
    let before = log.calls();
    log.reaches(|| log.calls() > before + CALLERS).await;
    let requested = log.tick();
    let mut resetting = std::pin::pin!(shop.reset());
    if let Some(gate) = gate {
        tokio::select! {
            biased;
            () = &mut resetting => panic!("answered while callbacks were on their way"),
            _ = shop.control.read("health") => {}
        }
        gate.send_replace(true);
    }
    resetting.await;
    let answered = log.tick();
    Reset {
        requested,
        answered,
    }
}

async fn a_hundred_resets_under_load(
    shop: &TestProject,
    log: &Log,
    gate: Option<&watch::Sender<bool>>,
) {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        if let Some(gate) = gate {
            gate.send_replace(false);
        }
        let is_over = AtomicBool::new(false);
        let callers = join_all((0..CALLERS).map(|caller| calls(shop, log, &is_over, caller)));
        let resetting = reset(shop, log, gate);
        let resetting = resetting.inspect(|_| is_over.store(true, Ordering::SeqCst));
        let (calls, reset) = tokio::join!(callers, resetting);
        let calls: Vec<_> = calls.into_iter().flatten().collect();
        let new = || calls.iter().filter(|call| call.sent > reset.answered);
        assert!(new().count() >= CALLERS * CALLS_AFTER);
        log.reaches(|| new().all(|call| log.of(&call.sid).len() == 3))
            .await;
        rounds.push((calls, reset));
    }
    let mut old = 0;
    for (calls, reset) in rounds {
        for call in calls.iter().filter(|call| call.answered < reset.requested) {
            let arrivals = log.of(&call.sid);
            let late = arrivals.iter().find(|&&arrival| arrival > reset.answered);
            assert_eq!(late, None, "a callback of before the reset came after it");
            old += 1;
        }
    }
    assert!(
        old >= ROUNDS,
        "{old} calls before the resets are too few to tell"
    );
}

#[tokio::test]
async fn under_load_nothing_of_before_comes_after_and_nothing_new_is_lost() {
    let log = Arc::new(Log::default());
    let receiver = Receiver::answering(Arc::new({
        let log = log.clone();
        move |received| {
            log.note(received);
            HttpResponse::Ok().finish()
        }
    }));
    let (_emulator, shop) = called_at_once(receiver).await;

    a_hundred_resets_under_load(&shop, &log, None).await;
}

#[tokio::test]
async fn under_load_a_reset_waits_for_a_receiver_that_is_slow() {
    let log = Arc::new(Log::default());
    let (gate, is_open) = watch::channel(true);
    let receiver = Receiver::answering_late(Arc::new({
        let log = log.clone();
        move |received| {
            log.note(received);
            let mut is_open = is_open.clone();
            async move {
                is_open.wait_for(|is_open| *is_open).await.unwrap();
                HttpResponse::Ok().finish()
            }
            .boxed_local()
        }
    }));
    let (_emulator, shop) = called_at_once(receiver).await;

    a_hundred_resets_under_load(&shop, &log, Some(&gate)).await;
}

async fn called_at_once(receiver: Receiver) -> (Emulator, TestProject) {
    let emulator = Emulator::builder().scenario(AT_ONCE).start().await.unwrap();
    let control = Control::of(&emulator.url());
    let shop = TestProject::create(&control, receiver, json!({ "clock": "real" })).await;
    (emulator, shop)
}
