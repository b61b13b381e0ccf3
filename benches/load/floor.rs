//! The floor: the least that a program on the usual libraries has to do for the same traffic.
//!
//! `api` parses the body, makes a session ID and answers. `one` and `three` also send so many callbacks
//! for each call, in order, by 16 sender tasks for each worker from a queue: bounded, as the emulator's
//! sending is. What they send is as long as what the emulator sends, and is the same for every call but for
//! the session ID. No validation, no scenario, no clock, no record. Any of them also sends, on
//! `GET /in_turn/COUNT`, so many callbacks, each when the one before is answered.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

/// The variable that makes this program a floor, and of which kind.
pub(crate) const ROLE: &str = "PLANET_EMULATOR_LOAD_FLOOR";
/// The variable that holds the port of the receiver.
pub(crate) const RECEIVER: &str = "PLANET_EMULATOR_LOAD_RECEIVER";

const SENDERS_PER_WORKER: usize = 16;

/// The `param` of a Notify, but for the session ID in it.
const PARAM: &str = "eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiJlMzJjMjZmNC04Nzc0LTQxNGQtYmU5Yy0xYTkwNTVlN2MxYmIiLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsing it is the point")]
struct Call {
    request_context: Context,
    media_source_type: String,
    stored_source: Stored,
    app_svr_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsing it is the point")]
struct Context {
    service_id: String,
    user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsing it is the point")]
struct Stored {
    stored_audio_sources: Vec<Source>,
    play_count: Option<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsing it is the point")]
struct Source {
    content_id: String,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    data: Data,
    timestamp: i64,
}

#[derive(Serialize)]
struct Data {
    sid: String,
}

/// The calls of one worker that still owe callbacks.
#[derive(Default)]
struct Queue {
    calls: RefCell<VecDeque<Uuid>>,
    news: Notify,
}

/// Serves until killed.
pub(crate) fn serve(kind: &str) {
    let callbacks: &[&str] = match kind {
        "api" => &[],
        "one" => &["notify"],
        "three" => &["notify", "agent_call_status", "call_event"],
        other => panic!("no floor `{other}`"),
    };
    let receiver: u16 = std::env::var(RECEIVER).unwrap().parse().unwrap();
    let run = async move {
        let server = HttpServer::new(move || {
            let queue = Rc::new(Queue::default());
            let client = reqwest::Client::builder()
                .user_agent("planet-emulator/0.1.0")
                .no_proxy()
                .build()
                .unwrap();
            for _ in 0..SENDERS_PER_WORKER.min(16 * callbacks.len()) {
                let (queue, client) = (queue.clone(), client.clone());
                actix_web::rt::spawn(send(queue, client, receiver, callbacks));
            }
            let has_callbacks = !callbacks.is_empty();
            let in_turn =
                move |count: web::Path<usize>| send_in_turn(client.clone(), receiver, *count);
            let app = App::new().route("/in_turn/{count}", web::get().to(in_turn));
            app.app_data(web::Data::new(queue)).route(
                "/tas/v2/agt_call/audio_caller/{to_service}/{to_user}",
                web::post().to(
                    move |call: web::Json<Call>, queue: web::Data<Rc<Queue>>| async move {
                        drop(call);
                        let sid = Uuid::new_v4();
                        if has_callbacks {
                            queue.calls.borrow_mut().push_back(sid);
                            queue.news.notify_one();
                        }
                        let now =
                            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                        HttpResponse::Ok().json(Answer {
                            status: "success",
                            data: Data {
                                sid: sid.to_string(),
                            },
                            timestamp: now.unwrap().as_millis().try_into().unwrap(),
                        })
                    },
                ),
            )
        })
        .bind("127.0.0.1:0")
        .unwrap();
        println!("floor ready on http://{}", server.addrs()[0]);
        server.run().await.unwrap();
    };
    actix_web::rt::System::new().block_on(run);
}

async fn send(queue: Rc<Queue>, client: reqwest::Client, receiver: u16, callbacks: &[&str]) {
    loop {
        let sid = queue.calls.borrow_mut().pop_front();
        let Some(sid) = sid else {
            queue.news.notified().await;
            continue;
        };
        if !queue.calls.borrow().is_empty() {
            // One permit is all that is kept: what came meanwhile is for the next sender.
            queue.news.notify_one();
        }
        for callback in callbacks {
            let url = url(receiver, callback, sid);
            let answer = client.get(url).send().await.unwrap();
            answer.bytes().await.unwrap();
        }
    }
}

async fn send_in_turn(client: reqwest::Client, receiver: u16, count: usize) -> HttpResponse {
    for _ in 0..count {
        let url = url(receiver, "notify", Uuid::new_v4());
        let answer = client.get(url).send().await.unwrap();
        answer.bytes().await.unwrap();
    }
    HttpResponse::Ok().finish()
}

fn url(receiver: u16, callback: &str, sid: Uuid) -> String {
    let base = format!("http://127.0.0.1:{receiver}/{callback}?sid={sid}");
    match callback {
        "notify" => format!(
            "{base}&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=three&to_service_id=shop-eval&type=A&stid=order%2042&app_svr_data=order%2042&param={PARAM}"
        ),
        "agent_call_status" => format!(
            "{base}&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None"
        ),
        _ => format!(
            "{base}&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=three&to_service_id=shop-eval&setup_time=1795453415&start_time=1795453415&end_time=1795453416&duration=1&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&stid=order%2042&app_svr_data=order%2042&rel_code=1&rel_code_str=NORMAL&billing_sec=0&disconnect_reason=1001&releaser_type=1"
        ),
    }
}
