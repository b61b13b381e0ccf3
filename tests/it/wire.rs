//! Callback queries, to the letter.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helpers::{Receiver, TestBed, path, sound_body};

/// The three queries of a call to `alice`, times hidden.
async fn queries(bed: &mut TestBed, body: &Value) -> String {
    let (status, answer) = bed.call_with("alice", body).await;
    assert_eq!(status, 200, "{answer}");
    let mut lines = Vec::new();
    for _ in 0..3 {
        let received = bed.receiver.next().await;
        let query: Vec<_> = received.query.split('&').map(without_time).collect();
        lines.push(format!("{}?{}", received.callback, query.join("&")));
    }
    lines.join("\n")
}

fn without_time(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, time)) if name.ends_with("_time") => {
            assert!(time.bytes().all(|byte| byte.is_ascii_digit()), "{time}");
            // Zero says that there was no such moment.
            let time = if time == "0" { "0" } else { "[s]" };
            format!("{name}={time}")
        }
        _ => parameter.to_owned(),
    }
}

/// The queries of a call with these fidelity settings and this body.
async fn queries_with(fidelity: &str, body: &Value) -> String {
    let config = format!("fidelity: {{ {fidelity} }}");
    let mut bed = TestBed::start(|builder| builder.config(config).seed(42).clock("100x")).await;
    queries(&mut bed, body).await
}

fn without_data() -> Value {
    let mut body = sound_body();
    body.as_object_mut().unwrap().remove("appSvrData");
    body
}

#[tokio::test]
async fn a_seed_fixes_the_queries_of_an_answered_call() {
    insta::assert_snapshot!(queries_with("", &sound_body()).await, @r#"
    notify?from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&stid=order%2042%20%26%20more&app_svr_data=order%2042%20%26%20more&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None
    call_event?sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&stid=order%2042%20%26%20more&app_svr_data=order%2042%20%26%20more&rel_code=1&rel_code_str=NORMAL&billing_sec=4&disconnect_reason=1001&releaser_type=2
    "#);
}

#[tokio::test]
async fn application_data_is_percent_encoded_byte_by_byte() {
    let mut body = sound_body();
    body["appSvrData"] = "주문 1+1=2 & 100%? #/é😀~-._\n".into();
    insta::assert_snapshot!(queries_with("", &body).await, @r#"
    notify?from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&stid=%EC%A3%BC%EB%AC%B8%201%2B1%3D2%20%26%20100%25%3F%20%23%2F%C3%A9%F0%9F%98%80~-._%0A&app_svr_data=%EC%A3%BC%EB%AC%B8%201%2B1%3D2%20%26%20100%25%3F%20%23%2F%C3%A9%F0%9F%98%80~-._%0A&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None
    call_event?sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&stid=%EC%A3%BC%EB%AC%B8%201%2B1%3D2%20%26%20100%25%3F%20%23%2F%C3%A9%F0%9F%98%80~-._%0A&app_svr_data=%EC%A3%BC%EB%AC%B8%201%2B1%3D2%20%26%20100%25%3F%20%23%2F%C3%A9%F0%9F%98%80~-._%0A&rel_code=1&rel_code_str=NORMAL&billing_sec=4&disconnect_reason=1001&releaser_type=2
    "#);
}

#[tokio::test]
async fn parameters_follow_the_query_that_the_url_has() {
    let receiver = Receiver::start();
    let url = |callback| format!("{}/planet/{callback}?tenant=a%20b&flag", receiver.url);
    let urls = ["notify", "agent_call_status", "call_event"].map(url);
    let mut bed = TestBed::with_receiver(receiver, |builder| {
        let [notify, agent_call_status, call_event] = urls;
        builder
            .notify_url(notify)
            .agent_call_status_url(agent_call_status)
            .call_event_url(call_event)
            .seed(42)
            .clock("100x")
    })
    .await;
    insta::assert_snapshot!(queries(&mut bed, &sound_body()).await, @r#"
    notify?tenant=a%20b&flag&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&stid=order%2042%20%26%20more&app_svr_data=order%2042%20%26%20more&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?tenant=a%20b&flag&sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None
    call_event?tenant=a%20b&flag&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&stid=order%2042%20%26%20more&app_svr_data=order%2042%20%26%20more&rel_code=1&rel_code_str=NORMAL&billing_sec=4&disconnect_reason=1001&releaser_type=2
    "#);
}

#[tokio::test]
async fn parameters_without_a_value_are_left_out() {
    insta::assert_snapshot!(queries_with("", &without_data()).await, @r#"
    notify?from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None
    call_event?sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&rel_code=1&rel_code_str=NORMAL&billing_sec=4&disconnect_reason=1001&releaser_type=2
    "#);
}

#[tokio::test]
async fn parameters_without_a_value_can_be_empty() {
    insta::assert_snapshot!(queries_with("null_parameters: empty", &without_data()).await, @r#"
    notify?from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&stid=&app_svr_data=&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None
    call_event?sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&stid=&app_svr_data=&rel_code=1&rel_code_str=NORMAL&user_rel_code=&billing_sec=4&disconnect_reason=1001&releaser_type=2
    "#);
}

#[tokio::test]
async fn stid_can_be_left_out() {
    insta::assert_snapshot!(queries_with("stid: omit", &sound_body()).await, @r#"
    notify?from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&app_svr_data=order%2042%20%26%20more&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=SUCCESS&fail_reason=None
    call_event?sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&app_svr_data=order%2042%20%26%20more&rel_code=1&rel_code_str=NORMAL&billing_sec=4&disconnect_reason=1001&releaser_type=2
    "#);
}

#[tokio::test]
async fn result_and_releaser_can_be_spelled_otherwise() {
    let fidelity = "result_spelling: example, releaser_type: name";
    insta::assert_snapshot!(queries_with(fidelity, &sound_body()).await, @r#"
    notify?from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&stid=order%2042%20%26%20more&app_svr_data=order%2042%20%26%20more&param=eyJjYWxsRmxvd1R5cGUiOiJNIiwiY29tbVBhcmFtIjoie1wibXBrZXlcIjpcImNHeGhibVYwTFdWdGRXeGhkRzl5XCIsXCJjdG1cIjozMDAwLFwiaWN0XCI6NjAwMH0iLCJjYWxsVHlwZSI6IkEiLCJzaWQiOiI5NjAwZDg0MS03NTljLTQyMmQtODRmOC0yYTcyMjYzMjQzZDciLCJmcm9tVXNlcklkIjoiQUdFTlQiLCJmcm9tU2VydmljZUlkIjoic2hvcC1ldmFsIiwicmVjb3JkT25DbG91ZCI6ZmFsc2UsImVtdWxhdG9yIjp0cnVlfQ%3D%3D
    agent_call_status?sid=9600d841-759c-422d-84f8-2a72263243d7&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=Success&fail_reason=None
    call_event?sid=9600d841-759c-422d-84f8-2a72263243d7&type=A&from_user_id=AGENT&from_service_id=shop-eval&to_user_id=alice&to_service_id=shop-eval&setup_time=[s]&start_time=[s]&end_time=[s]&duration=4&terminate=16&srcip=192.0.2.1&dstip=198.51.100.1&stid=order%2042%20%26%20more&app_svr_data=order%2042%20%26%20more&rel_code=1&rel_code_str=NORMAL&billing_sec=4&disconnect_reason=1001&releaser_type=caller
    "#);
}

#[tokio::test]
async fn a_callee_that_is_malformed_fails_the_call() {
    let mut bed = TestBed::start(|builder| builder.seed(42).clock("100x")).await;
    let url = format!("{}{}", bed.emulator.url(), path("shop-eval", "al%20ice"));
    let request = bed.request("alice").build().unwrap();
    let request = bed.client.post(url).headers(request.headers().clone());
    let answer = request.body(sound_body().to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    insta::assert_snapshot!(bed.receiver.next().await.query, @r#"sid=e3e785ae-11e8-44f6-96d1-65c3f37a71a4&agent_type=AUDIO_CALLER&media_source_type=STORED_SOURCE&result=FAIL&fail_reason=Invalid%20peerId"#);
}

#[tokio::test]
async fn shuffled_parameters_are_the_same_in_another_order() {
    let documented = queries_with("", &sound_body()).await;
    let shuffled = queries_with("parameter_order: shuffled", &sound_body()).await;
    for (documented, shuffled) in documented.lines().zip(shuffled.lines()) {
        let set = |line| str::split(line, ['?', '&']).collect::<BTreeSet<_>>();
        assert_eq!(set(documented), set(shuffled));
        assert_ne!(documented, shuffled);
    }
}
