use arcstr::ArcStr;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    Callee, ContentId, ContentIdCase, Fidelity, HeaderCheck, InitiationFailure, MakeCall,
    MalformedPeerId, ServiceId, Text, Tolerance, UnknownContentId, UserId,
};
use crate::wire::{MakeCallBody, Violation};

/// Paths of fields and the JSON they hold; the least that is a call.
const LEAST: [(&str, &str); 4] = [
    ("requestContext.userId", r#""AGENT""#),
    ("requestContext.serviceId", r#""shop""#),
    ("mediaSourceType", r#""STORED_SOURCE""#),
    ("storedSource.storedAudioSources", ONE),
];
const ONE: &str = r#"[{"contentId":"0000000000aa"}]"#;
/// Well formed, yet not uploaded.
const UNKNOWN: &str = r#"[{"contentId":"0000000000ff"}]"#;
const USER_ID: &str = "requestContext.userId";
const SERVICE_ID: &str = "requestContext.serviceId";
const SOURCES: &str = "storedSource.storedAudioSources";
const COUNT: &str = "storedSource.playCount";
const WAIT: &str = "storedSource.playWaitTime";

type Tweak = fn(&mut Fidelity);
const DEFAULT: Tweak = |_| {};
/// Paths of fields, each with its JSON.
type Changes<'a> = &'a [(&'a str, &'a str)];

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// So many sources, all of them different.
fn sources(count: u32) -> String {
    let entries = (0..count).map(|id| format!(r#"{{"contentId":"{id:012x}"}}"#));
    format!("[{}]", entries.collect::<Vec<_>>().join(","))
}

/// The least body with some fields changed or added, and those without JSON removed.
fn body_with(changes: Changes<'_>) -> String {
    let is_changed = |path: &str| changes.iter().any(|(changed, _)| *changed == path);
    let kept = LEAST.iter().filter(|(path, _)| !is_changed(path));
    let fields: Vec<_> = kept.chain(changes).collect();
    let of_object = |prefix: &str| {
        let inside = fields.iter().filter_map(|(path, json)| {
            let name = path.strip_prefix(prefix)?;
            (!name.contains('.') && !json.is_empty()).then(|| format!("\"{name}\":{json}"))
        });
        inside.collect::<Vec<_>>()
    };
    let mut members = of_object("");
    for object in ["requestContext", "storedSource"] {
        if !is_changed(object) {
            let inside = of_object(&format!("{object}.")).join(",");
            members.push(format!("\"{object}\":{{{inside}}}"));
        }
    }
    format!("{{{}}}", members.join(","))
}

fn is_uploaded(id: ContentId) -> bool {
    id.to_string() != "0000000000ff"
}

fn check_with_callee(
    body: &str,
    callee: (&str, &str),
    fidelity: &Fidelity,
) -> Result<MakeCall, Vec<String>> {
    let text = body.into();
    let body = MakeCallBody::parse(&text).expect(body);
    let to = Callee {
        service_id: callee.0.into(),
        user_id: callee.1.into(),
    };
    let rules = Rules {
        fidelity,
        is_uploaded: &is_uploaded,
    };
    make_call(&body, to, &rules).map_err(lines)
}

fn check(body: &str, tweak: Tweak) -> Result<MakeCall, Vec<String>> {
    let mut fidelity = Fidelity::default();
    tweak(&mut fidelity);
    check_with_callee(body, ("shop", "alice"), &fidelity)
}

fn lines(violations: Vec<Violation>) -> Vec<String> {
    let line = |v: Violation| format!("{} {}", v.field, v.reason);
    violations.into_iter().map(line).collect()
}

#[test]
fn the_least_call_has_the_documented_defaults() {
    let call = check(&body_with(&[]), DEFAULT).unwrap();
    assert_eq!(call.from.service_id.as_str(), "shop");
    assert_eq!(call.from.user_id.as_str(), "AGENT");
    assert_eq!((&*call.to.service_id, &*call.to.user_id), ("shop", "alice"));
    assert_eq!(
        *call.content_ids,
        [ContentId::parse("0000000000aa").unwrap()]
    );
    assert_eq!(call.play_count, 2);
    assert_eq!(call.play_wait_millis, 1000);
    assert_eq!((call.app_svr_data, call.call_start_message), (None, None));
    assert!(!call.record_on_cloud && !call.use_responder_preparation);
    assert_eq!(call.initiation_failure, None);
}

#[test]
fn every_field_reaches_the_call() {
    let ids = r#"[{"contentId":"5498F04048FA"},{"contentId":"0000000000aa"},{"contentId":"5498f04048fa"}]"#;
    let body = body_with(&[
        (SOURCES, ids),
        (COUNT, "3"),
        (WAIT, "4000"),
        ("appSvrData", r#""\u65e5本 \ud83d\ude00""#),
        ("callStartMessage", r#""hello""#),
        ("recordOnCloud", "true"),
        ("useResponderPreparation", "true"),
    ]);
    let call = check(&body, DEFAULT).unwrap();
    let ids: Vec<_> = call.content_ids.iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["5498f04048fa", "0000000000aa", "5498f04048fa"]);
    assert_eq!((call.play_count, call.play_wait_millis), (3, 4000));
    assert_eq!(call.app_svr_data.as_deref(), Some("日本 😀"));
    assert_eq!(call.call_start_message.as_deref(), Some("hello"));
    assert!(call.record_on_cloud && call.use_responder_preparation);
}

#[test]
fn what_stands_in_the_body_as_it_is_shares_its_memory() {
    let body = body_with(&[
        ("appSvrData", r#""order 42""#),
        ("callStartMessage", r#""\u0068ello""#),
    ]);
    let text = body.as_str().into();
    let body = MakeCallBody::parse(&text).unwrap();
    let to = Callee {
        service_id: "shop".into(),
        user_id: "alice".into(),
    };
    let rules = Rules {
        fidelity: &Fidelity::default(),
        is_uploaded: &is_uploaded,
    };
    let call = make_call(&body, to, &rules).unwrap();

    let shares = |part: &Text| ArcStr::ptr_eq(part.parent(), &text);
    assert!(shares(&call.from.service_id.shared()) && shares(&call.from.user_id.shared()));
    assert!(call.app_svr_data.is_some_and(|data| shares(&data)));
    let decoded = call.call_start_message.unwrap();
    assert!(decoded == "hello" && !shares(&decoded));
}

#[test]
fn what_is_just_within_a_rule_is_taken() {
    let of_3_bytes = |bytes: usize| quoted(&"日".repeat(bytes / 3));
    let (id64, text4095) = (quoted(&"x".repeat(64)), of_3_bytes(4095));
    let text199 = quoted(&format!("{}a", "日".repeat(66)));
    let escaped = quoted(&r"\u65e5".repeat(1365));
    let extra = r#"[{"contentId":"0000000000aa","x":1e400}]"#;
    let twice = r#"[{"contentId":"0000000000aa"},{"contentId":"0000000000AA"}]"#;
    let numbers_as_text: Tweak = |f| f.numbers_as_text = Tolerance::Allow;
    let rows: &[(&str, Tweak, Changes<'_>)] = &[
        (
            "user and service ID of 64 bytes",
            DEFAULT,
            &[(USER_ID, &id64), (SERVICE_ID, &id64)],
        ),
        (
            "a user ID with an underscore",
            DEFAULT,
            &[(USER_ID, r#""a_b-C9""#)],
        ),
        (
            "a service ID with a dot",
            DEFAULT,
            &[(SERVICE_ID, r#""a.b-C9""#)],
        ),
        (
            "an ID written with escapes",
            DEFAULT,
            &[(USER_ID, r#""\u0041GENT""#)],
        ),
        (
            "a media source type written with escapes",
            DEFAULT,
            &[("mediaSourceType", r#""\u0053TORED_SOURCE""#)],
        ),
        ("five sources", DEFAULT, &[(SOURCES, &sources(5))]),
        ("a content ID twice", DEFAULT, &[(SOURCES, twice)]),
        ("a playCount of 1", DEFAULT, &[(COUNT, "1")]),
        ("a playCount of 3", DEFAULT, &[(COUNT, "3")]),
        ("a playWaitTime of 1000", DEFAULT, &[(WAIT, "1000")]),
        ("a playWaitTime of 4000", DEFAULT, &[(WAIT, "4000")]),
        (
            "an appSvrData of 4095 bytes in characters of three",
            DEFAULT,
            &[("appSvrData", &text4095)],
        ),
        (
            "an appSvrData of 4095 bytes once its escapes are decoded",
            DEFAULT,
            &[("appSvrData", &escaped)],
        ),
        ("an empty appSvrData", DEFAULT, &[("appSvrData", r#""""#)]),
        (
            "a callStartMessage of 199 bytes",
            DEFAULT,
            &[("callStartMessage", &text199)],
        ),
        (
            "an empty callStartMessage",
            DEFAULT,
            &[("callStartMessage", r#""""#)],
        ),
        (
            "null for every optional field",
            DEFAULT,
            &[
                ("appSvrData", "null"),
                ("callStartMessage", "null"),
                ("recordOnCloud", "null"),
                ("useResponderPreparation", "null"),
                (COUNT, "null"),
                (WAIT, "null"),
            ],
        ),
        (
            "unknown fields at every level",
            DEFAULT,
            &[
                ("x", "1e400"),
                ("requestContext.x", r#""\ud800""#),
                ("storedSource.x", "[]"),
                (SOURCES, extra),
            ],
        ),
        (
            "numbers as text where that is allowed",
            numbers_as_text,
            &[(COUNT, r#""2""#), (WAIT, r#""1\u003000""#)],
        ),
        (
            "numbers as numbers where text is allowed",
            numbers_as_text,
            &[(COUNT, "2")],
        ),
        (
            "a lower-case content ID where only that is allowed",
            |f| f.content_id_case = ContentIdCase::Lower,
            &[],
        ),
        (
            "different content IDs where none may be listed twice",
            |f| f.duplicate_content_ids = Tolerance::Reject,
            &[(SOURCES, &sources(2))],
        ),
        (
            "missing optional fields where null is refused",
            |f| f.explicit_null = Tolerance::Reject,
            &[],
        ),
        (
            "documented fields where others are refused",
            |f| f.extra_fields = Tolerance::Reject,
            &[(COUNT, "1"), (WAIT, "1000"), ("appSvrData", "null")],
        ),
        (
            "an unknown content ID where any is accepted",
            |f| f.unknown_content_id = UnknownContentId::Accept,
            &[(SOURCES, UNKNOWN)],
        ),
        (
            "the callee's user ID where caller and callee may have the same",
            |f| f.same_user_id = Tolerance::Allow,
            &[(USER_ID, r#""alice""#)],
        ),
        (
            "the callee's user ID in another letter case",
            DEFAULT,
            &[(USER_ID, r#""Alice""#)],
        ),
        (
            "a field given twice whose last value is right",
            DEFAULT,
            &[(COUNT, "9"), (COUNT, "2")],
        ),
    ];
    for (title, tweak, changes) in rows {
        let call = check(&body_with(changes), *tweak);
        assert_eq!(
            call.map(|call| call.initiation_failure),
            Ok(None),
            "{title}"
        );
    }
}

#[test]
fn what_is_just_outside_a_rule_is_refused_with_its_reason() {
    let id65 = quoted(&"x".repeat(65));
    let text4096 = quoted(&format!("{}a", "日".repeat(1365)));
    let text200 = quoted(&format!("{}ab", "日".repeat(66)));
    let type49 = quoted(&"x".repeat(49));
    let type48 = quoted(&"x".repeat(48));
    let huge = "9".repeat(400);
    let cut = format!("must be from 1 to 3, found {}…", "9".repeat(40));
    let wrong_type = format!("must be `STORED_SOURCE`, found `{}…`", "x".repeat(40));
    let refuses = |title: &str, path: &str, json: &str, reason: &str| {
        let violations = check(&body_with(&[(path, json)]), DEFAULT);
        assert_eq!(violations, Err(vec![format!("{path} {reason}")]), "{title}");
    };
    let refuses_entry = |title: &str, json: &str, violation: &str| {
        let sources = format!(r#"[{{"contentId":"0000000000aa"}},{json}]"#);
        let violations = check(&body_with(&[(SOURCES, &sources)]), DEFAULT);
        assert_eq!(
            violations,
            Err(vec![format!("{SOURCES}[1]{violation}")]),
            "{title}"
        );
    };
    // requestContext (contract 3.2, 9)
    refuses("no requestContext", "requestContext", "", "is required");
    refuses(
        "a null requestContext",
        "requestContext",
        "null",
        "is required, found null",
    );
    refuses(
        "a requestContext that is text",
        "requestContext",
        r#""AGENT""#,
        "must be an object holding `userId` and `serviceId`, found a string",
    );
    refuses(
        "a field name that is no Unicode",
        "requestContext",
        r#"{"\ud800":1}"#,
        "must have field names of valid Unicode text",
    );
    refuses("no userId", USER_ID, "", "is required");
    refuses("a null userId", USER_ID, "null", "is required, found null");
    refuses(
        "a userId that is a number",
        USER_ID,
        "1e400",
        "must be a string, found a number",
    );
    refuses("an empty userId", USER_ID, r#""""#, "must not be empty");
    refuses(
        "a userId of 65 bytes",
        USER_ID,
        &id65,
        "must be at most 64 bytes, found 65",
    );
    refuses(
        "a userId with a dot",
        USER_ID,
        r#""a.b""#,
        "must consist of a-z A-Z 0-9 - _ only, found `.`",
    );
    refuses(
        "a userId with a lone surrogate",
        USER_ID,
        r#""\ud800""#,
        "must be valid Unicode text",
    );
    refuses(
        "the callee's userId",
        USER_ID,
        r#""alice""#,
        "must differ from the callee's user ID",
    );
    refuses("no serviceId", SERVICE_ID, "", "is required");
    refuses(
        "a serviceId of 65 bytes",
        SERVICE_ID,
        &id65,
        "must be at most 64 bytes, found 65",
    );
    refuses(
        "a serviceId with an underscore",
        SERVICE_ID,
        r#""a_b""#,
        "must consist of a-z A-Z 0-9 - . only, found `_`",
    );
    refuses(
        "a serviceId that is an array",
        SERVICE_ID,
        "[]",
        "must be a string, found an array",
    );
    // mediaSourceType (contract 3.1)
    refuses("no mediaSourceType", "mediaSourceType", "", "is required");
    refuses(
        "a null mediaSourceType",
        "mediaSourceType",
        "null",
        "is required, found null",
    );
    refuses(
        "a mediaSourceType that is a boolean",
        "mediaSourceType",
        "true",
        "must be a string, found a boolean",
    );
    refuses(
        "another mediaSourceType",
        "mediaSourceType",
        r#""X""#,
        "must be `STORED_SOURCE`, found `X`",
    );
    refuses(
        "an empty mediaSourceType",
        "mediaSourceType",
        r#""""#,
        "must be `STORED_SOURCE`, found an empty text",
    );
    refuses(
        "a mediaSourceType in lower case",
        "mediaSourceType",
        r#""stored_source""#,
        "must be `STORED_SOURCE`, found `stored_source`",
    );
    refuses(
        "a mediaSourceType of 48 bytes",
        "mediaSourceType",
        &type48,
        &wrong_type,
    );
    refuses(
        "a mediaSourceType of 49 bytes",
        "mediaSourceType",
        &type49,
        "must be at most 48 bytes of UTF-8, found 49",
    );
    // storedSource (contract 3.3)
    refuses("no storedSource", "storedSource", "", "is required");
    refuses(
        "a null storedSource",
        "storedSource",
        "null",
        "is required, found null",
    );
    refuses(
        "a storedSource that is an array",
        "storedSource",
        ONE,
        "must be an object holding `storedAudioSources`, found an array",
    );
    refuses("no storedAudioSources", SOURCES, "", "is required");
    refuses(
        "null storedAudioSources",
        SOURCES,
        "null",
        "is required, found null",
    );
    refuses(
        "storedAudioSources that are an object",
        SOURCES,
        "{}",
        "must be an array, found an object",
    );
    refuses(
        "no source",
        SOURCES,
        "[]",
        "must have 1 to 5 entries, found 0",
    );
    refuses(
        "six sources",
        SOURCES,
        &sources(6),
        "must have 1 to 5 entries, found 6",
    );
    refuses_entry(
        "a source that is text",
        r#""0000000000aa""#,
        " must be an object holding `contentId`, found a string",
    );
    refuses_entry(
        "a null source",
        "null",
        " must be an object holding `contentId`, found null",
    );
    refuses_entry("a source without contentId", "{}", ".contentId is required");
    refuses_entry(
        "a null contentId",
        r#"{"contentId":null}"#,
        ".contentId is required, found null",
    );
    refuses_entry(
        "a contentId that is a number",
        r#"{"contentId":123456789012}"#,
        ".contentId must be a string, found a number",
    );
    refuses_entry(
        "a contentId of 11 characters",
        r#"{"contentId":"5498f04048f"}"#,
        ".contentId must be exactly 12 characters, found 11",
    );
    refuses_entry(
        "a contentId of 13 characters",
        r#"{"contentId":"5498f04048fa0"}"#,
        ".contentId must be exactly 12 characters, found 13",
    );
    refuses_entry(
        "a contentId of 12 bytes that are no digits",
        r#"{"contentId":"日本日本"}"#,
        ".contentId must consist of hexadecimal digits only, found `日`",
    );
    refuses_entry(
        "a contentId that was never uploaded",
        r#"{"contentId":"0000000000ff"}"#,
        ".contentId is not an uploaded audio source",
    );
    refuses(
        "a playCount of 0",
        COUNT,
        "0",
        "must be from 1 to 3, found 0",
    );
    refuses(
        "a playCount of 4",
        COUNT,
        "4",
        "must be from 1 to 3, found 4",
    );
    refuses(
        "a playCount of -0",
        COUNT,
        "-0",
        "must be from 1 to 3, found -0",
    );
    refuses(
        "a playCount of -1",
        COUNT,
        "-1",
        "must be from 1 to 3, found -1",
    );
    refuses(
        "a playCount that wraps to 2 in eight bits",
        COUNT,
        "258",
        "must be from 1 to 3, found 258",
    );
    refuses("a huge playCount", COUNT, &huge, &cut);
    refuses(
        "a playCount of 1.5",
        COUNT,
        "1.5",
        "must be an integer, found 1.5",
    );
    refuses(
        "a playCount of 2.0",
        COUNT,
        "2.0",
        "must be an integer, found 2.0",
    );
    refuses(
        "a playCount of 1e0",
        COUNT,
        "1e0",
        "must be an integer, found 1e0",
    );
    refuses(
        "a playCount of 1e400",
        COUNT,
        "1e400",
        "must be an integer, found 1e400",
    );
    refuses(
        "a playCount as text",
        COUNT,
        r#""2""#,
        "must be an integer, found a string",
    );
    refuses(
        "a playCount that is a boolean",
        COUNT,
        "true",
        "must be an integer, found a boolean",
    );
    refuses(
        "a playWaitTime of 999",
        WAIT,
        "999",
        "must be from 1000 to 4000, found 999",
    );
    refuses(
        "a playWaitTime of 4001",
        WAIT,
        "4001",
        "must be from 1000 to 4000, found 4001",
    );
    refuses(
        "a playWaitTime that wraps to 1000 in sixteen bits",
        WAIT,
        "66536",
        "must be from 1000 to 4000, found 66536",
    );
    refuses(
        "a playWaitTime of 1e3",
        WAIT,
        "1e3",
        "must be an integer, found 1e3",
    );
    // The rest of contract 3.1
    refuses(
        "an appSvrData of 4096 bytes",
        "appSvrData",
        &text4096,
        "must be at most 4095 bytes of UTF-8, found 4096",
    );
    refuses(
        "an appSvrData that is an object",
        "appSvrData",
        "{}",
        "must be a string, found an object",
    );
    refuses(
        "an appSvrData with half a pair of surrogates",
        "appSvrData",
        r#""a\udc00""#,
        "must be valid Unicode text",
    );
    refuses(
        "a callStartMessage of 200 bytes",
        "callStartMessage",
        &text200,
        "must be at most 199 bytes of UTF-8, found 200",
    );
    refuses(
        "a callStartMessage that is a number",
        "callStartMessage",
        "1",
        "must be a string, found a number",
    );
    refuses(
        "a recordOnCloud as text",
        "recordOnCloud",
        r#""true""#,
        "must be a boolean, found a string",
    );
    refuses(
        "a recordOnCloud of 1",
        "recordOnCloud",
        "1",
        "must be a boolean, found a number",
    );
    refuses(
        "a useResponderPreparation of 0",
        "useResponderPreparation",
        "0",
        "must be a boolean, found a number",
    );
    refuses(
        "a field given twice whose last value is wrong",
        COUNT,
        r#"2,"playCount":9"#,
        "must be from 1 to 3, found 9",
    );
}

#[test]
fn stricter_choices_refuse_more() {
    let null: Tweak = |f| f.explicit_null = Tolerance::Reject;
    let text: Tweak = |f| f.numbers_as_text = Tolerance::Allow;
    let once: Tweak = |f| f.duplicate_content_ids = Tolerance::Reject;
    let twice = r#"[{"contentId":"0000000000ab"},{"contentId":"0000000000aa"},{"contentId":"0000000000AB"}]"#;
    let rows: &[(&str, Tweak, (&str, &str), String)] = &[
        (
            "null for an optional field",
            null,
            (COUNT, "null"),
            format!("{COUNT} must not be null"),
        ),
        (
            "null for an optional field of the body",
            null,
            ("appSvrData", "null"),
            "appSvrData must not be null".into(),
        ),
        (
            "null for a required field",
            null,
            (USER_ID, "null"),
            format!("{USER_ID} is required, found null"),
        ),
        (
            "a number as text out of range",
            text,
            (COUNT, r#""4""#),
            format!("{COUNT} must be from 1 to 3, found `4`"),
        ),
        (
            "text that is a fraction",
            text,
            (COUNT, r#""1.5""#),
            format!("{COUNT} must be an integer, found `1.5`"),
        ),
        (
            "text that JSON would not take as a number",
            text,
            (COUNT, r#""02""#),
            format!("{COUNT} must be an integer, found `02`"),
        ),
        (
            "text with a plus sign",
            text,
            (COUNT, r#""+2""#),
            format!("{COUNT} must be an integer, found `+2`"),
        ),
        (
            "text that is only a minus sign",
            text,
            (COUNT, r#""-""#),
            format!("{COUNT} must be an integer, found `-`"),
        ),
        (
            "empty text",
            text,
            (COUNT, r#""""#),
            format!("{COUNT} must be an integer, found an empty text"),
        ),
        (
            "a boolean where numbers may be text",
            text,
            (COUNT, "true"),
            format!("{COUNT} must be an integer, found a boolean"),
        ),
        (
            "a content ID twice",
            once,
            (SOURCES, twice),
            format!("{SOURCES}[2].contentId must differ from that of entry [0]"),
        ),
        (
            "an upper-case content ID",
            |f| f.content_id_case = ContentIdCase::Lower,
            (SOURCES, r#"[{"contentId":"0000000000AA"}]"#),
            format!("{SOURCES}[0].contentId must be in lower case, found `0000000000AA`"),
        ),
    ];
    for (title, tweak, change, violation) in rows {
        let violations = check(&body_with(&[*change]), *tweak);
        assert_eq!(violations, Err(vec![violation.clone()]), "{title}");
    }
}

#[test]
fn unknown_fields_are_refused_at_every_level_after_the_known_ones() {
    let body = body_with(&[
        ("x", "1"),
        ("x", "2"),
        ("requestContext.displayName", "1"),
        ("storedSource.playcount", "1"),
        (
            SOURCES,
            r#"[{"contentId":"0000000000aa"},{"contentID":"0000000000aa"}]"#,
        ),
        ("recordOnCloud", "0"),
    ]);
    let violations = check(&body, |f| f.extra_fields = Tolerance::Reject);
    assert_eq!(
        violations.unwrap_err(),
        [
            "requestContext.displayName is not a known field",
            "storedSource.storedAudioSources[1].contentId is required",
            "storedSource.storedAudioSources[1].contentID is not a known field",
            "storedSource.playcount is not a known field",
            "recordOnCloud must be a boolean, found a number",
            "x is not a known field",
        ]
    );
}

#[test]
fn a_field_has_one_reason_even_if_another_is_named_like_its_path() {
    let body = r#"{"requestContext.userId":1,"requestContext":{"serviceId":"shop"},
        "mediaSourceType":"STORED_SOURCE","storedSource":{"storedAudioSources":[{"contentId":"0000000000aa"}]}}"#;
    let violations = check(body, |f| f.extra_fields = Tolerance::Reject);
    assert_eq!(
        violations.unwrap_err(),
        ["requestContext.userId is required"]
    );
}

#[test]
fn all_violations_are_told_in_the_order_of_the_contract() {
    let body = r#"{"useResponderPreparation":1,"recordOnCloud":1,"callStartMessage":1,"appSvrData":1,
        "storedSource":{"playWaitTime":1,"playCount":9,"storedAudioSources":
            [1,{"contentId":"x"},{},{"contentId":"0000000000ff"},{"contentId":"0000000000aa"},{"contentId":""}]},
        "requestContext":{"serviceId":"","userId":""}}"#;
    let fidelity = Fidelity {
        malformed_peer_id: MalformedPeerId::Reject,
        ..Fidelity::default()
    };
    assert_eq!(
        check_with_callee(body, ("a_b", ""), &fidelity).unwrap_err(),
        [
            "to-serviceId must consist of a-z A-Z 0-9 - . only, found `_`",
            "to-userId must not be empty",
            "requestContext.userId must not be empty",
            "requestContext.serviceId must not be empty",
            "mediaSourceType is required",
            "storedSource.storedAudioSources must have 1 to 5 entries, found 6",
            "storedSource.storedAudioSources[0] must be an object holding `contentId`, found a number",
            "storedSource.storedAudioSources[1].contentId must consist of hexadecimal digits only, found `x`",
            "storedSource.storedAudioSources[2].contentId is required",
            "storedSource.storedAudioSources[3].contentId is not an uploaded audio source",
            "storedSource.storedAudioSources[5].contentId must be exactly 12 characters, found 0",
            "storedSource.playCount must be from 1 to 3, found 9",
            "storedSource.playWaitTime must be from 1000 to 4000, found 1",
            "appSvrData must be a string, found a number",
            "callStartMessage must be a string, found a number",
            "recordOnCloud must be a boolean, found a number",
            "useResponderPreparation must be a boolean, found a number",
        ]
    );
}

#[test]
fn a_source_too_many_is_looked_at_as_well() {
    let six = sources(6).replace("000000000005", "5");
    let violations = check(&body_with(&[(SOURCES, &six)]), DEFAULT).unwrap_err();
    assert_eq!(
        violations,
        [
            "storedSource.storedAudioSources must have 1 to 5 entries, found 6",
            "storedSource.storedAudioSources[5].contentId must be exactly 12 characters, found 1",
        ]
    );
}

#[test]
fn an_empty_body_lacks_the_three_required_fields() {
    let violations = check("{}", DEFAULT).unwrap_err();
    let fields = ["requestContext", "mediaSourceType", "storedSource"];
    assert_eq!(
        violations,
        fields.map(|field| format!("{field} is required"))
    );
}

#[test]
fn a_callee_or_audio_source_at_fault_can_be_left_to_agent_call_status() {
    let (peer, content) = (
        Some(InitiationFailure::InvalidPeerId),
        Some(InitiationFailure::UnknownContentId),
    );
    let (id64, id65) = ("x".repeat(64), "x".repeat(65));
    let fail: Tweak = |f| f.unknown_content_id = UnknownContentId::FailReason;
    let rows: &[(&str, Tweak, (&str, &str), &str, _)] = &[
        (
            "a callee with IDs of 64 bytes",
            DEFAULT,
            (&id64, &id64),
            ONE,
            None,
        ),
        (
            "a callee's service ID of 65 bytes",
            DEFAULT,
            (&id65, "alice"),
            ONE,
            peer,
        ),
        (
            "a callee's user ID of 65 bytes",
            DEFAULT,
            ("shop", &id65),
            ONE,
            peer,
        ),
        (
            "a callee's service ID with an underscore",
            DEFAULT,
            ("a_b", "alice"),
            ONE,
            peer,
        ),
        (
            "a callee's user ID with a dot",
            DEFAULT,
            ("shop", "a.b"),
            ONE,
            peer,
        ),
        (
            "a callee's user ID that was no UTF-8",
            DEFAULT,
            ("shop", "\u{fffd}"),
            ONE,
            peer,
        ),
        ("a callee without user ID", DEFAULT, ("shop", ""), ONE, peer),
        (
            "an uploaded audio source",
            fail,
            ("shop", "alice"),
            ONE,
            None,
        ),
        (
            "an unknown audio source",
            fail,
            ("shop", "alice"),
            UNKNOWN,
            content,
        ),
        (
            "both at fault, of which the callee is told",
            fail,
            ("shop", "a.b"),
            UNKNOWN,
            peer,
        ),
    ];
    for (title, tweak, callee, sources, failure) in rows {
        let mut fidelity = Fidelity::default();
        tweak(&mut fidelity);
        let body = body_with(&[(SOURCES, sources)]);
        let call = check_with_callee(&body, *callee, &fidelity);
        let found = call.map(|call| call.initiation_failure);
        assert_eq!(found, Ok(*failure), "{title}");
    }
}

#[test]
fn headers_must_allow_and_announce_json() {
    use HeaderCheck::{Lenient, Off, Strict};
    let missing = "is required and must be `application/json`";
    let html = "found `text/html`";
    let (allow, exactly) = (
        "must allow `application/json`,",
        "must be exactly `application/json`,",
    );
    let accept: &[(HeaderCheck, Option<&str>, Option<String>)] = &[
        (Lenient, None, Some(missing.into())),
        (Lenient, Some("application/json"), None),
        (Lenient, Some("Application/JSON; charset=utf-8"), None),
        (Lenient, Some("application/*"), None),
        (Lenient, Some("*/*"), None),
        (Lenient, Some("text/html, application/json ;q=0.1"), None),
        (Lenient, Some("text/html;q=1,*/*;Q=0.001"), None),
        (Lenient, Some("text/html"), Some(format!("{allow} {html}"))),
        (
            Lenient,
            Some(""),
            Some(format!("{allow} found an empty text")),
        ),
        (
            Lenient,
            Some("application/jsonp"),
            Some(format!("{allow} found `application/jsonp`")),
        ),
        (
            Lenient,
            Some("application/json;q=0"),
            Some(format!("{allow} found `application/json;q=0`")),
        ),
        (
            Lenient,
            Some("*/*, application/json;q=0.0"),
            Some(format!("{allow} found `*/*, application/json;q=0.0`")),
        ),
        (
            Lenient,
            Some(r#"text/html;a=", */*""#),
            Some(format!(r#"{allow} found `text/html;a=", */*"`"#)),
        ),
        (Strict, None, Some(missing.into())),
        (Strict, Some("application/json"), None),
        (Strict, Some("*/*"), Some(format!("{exactly} found `*/*`"))),
        (
            Strict,
            Some("application/json;q=1"),
            Some(format!("{exactly} found `application/json;q=1`")),
        ),
        (Off, None, None),
        (Off, Some("text/html"), None),
    ];
    let be = "must be `application/json`,";
    let content_type: &[(HeaderCheck, Option<&str>, Option<String>)] = &[
        (Lenient, None, Some(missing.into())),
        (Lenient, Some("application/json"), None),
        (Lenient, Some("application/JSON ; charset=\"utf-8\""), None),
        (Lenient, Some("text/html"), Some(format!("{be} {html}"))),
        (
            Lenient,
            Some("application/*"),
            Some(format!("{be} found `application/*`")),
        ),
        (
            Lenient,
            Some("application/json, text/html"),
            Some(format!("{be} found `application/json, text/html`")),
        ),
        (Strict, Some("application/json"), None),
        (
            Strict,
            Some("application/json; charset=utf-8"),
            Some(format!("{exactly} found `application/json; charset=utf-8`")),
        ),
        (Off, None, None),
    ];
    for (accept_header, value, reason) in accept {
        let fidelity = Fidelity {
            accept_header: *accept_header,
            ..Fidelity::default()
        };
        let found = lines(header_violations(
            *value,
            Some("application/json"),
            &fidelity,
        ));
        let expected: Vec<_> = reason.iter().map(|r| format!("Accept {r}")).collect();
        assert_eq!(found, expected, "{accept_header:?} {value:?}");
    }
    for (content_type_header, value, reason) in content_type {
        let fidelity = Fidelity {
            content_type_header: *content_type_header,
            ..Fidelity::default()
        };
        let found = lines(header_violations(Some("*/*"), *value, &fidelity));
        let expected: Vec<_> = reason.iter().map(|r| format!("Content-Type {r}")).collect();
        assert_eq!(found, expected, "{content_type_header:?} {value:?}");
    }
    let both = lines(header_violations(None, None, &Fidelity::default()));
    assert_eq!(
        both,
        [
            format!("Accept {missing}"),
            format!("Content-Type {missing}")
        ]
    );
}

/// JSON that is no good almost anywhere.
fn junk() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(
            &[
                "null",
                "true",
                "false",
                "0",
                "-0",
                "1",
                "2",
                "3",
                "4",
                "1.5",
                "2.0",
                "1e0",
                "1e400",
                "1000",
                "4000",
                "258",
                r#""""#,
                r#""2""#,
                r#""\ud800""#,
                r#""\u65e5""#,
                r#""STORED_SOURCE""#,
                r#""AGENT""#,
                r#""alice""#,
                r#""0000000000aa""#,
                r#""0000000000AA""#,
                r#""0000000000ff""#,
                "[]",
                "{}",
                ONE,
                UNKNOWN,
            ][..]
        )
        .prop_map(str::to_owned),
        (0_usize..4200, "[aé日😀]")
            .prop_map(|(length, unit)| quoted(&unit.repeat(length / unit.len()))),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "-?[1-9][0-9]{0,30}",
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let field = prop::sample::select(
            &[
                "contentId",
                "userId",
                "storedAudioSources",
                "playCount",
                "x",
            ][..],
        );
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..7)
                .prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec((field, inner), 0..4).prop_map(|all| {
                let all = all.iter().map(|(name, json)| format!("\"{name}\":{json}"));
                format!("{{{}}}", all.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// A field of the body, and JSON for it that may well be good.
fn change() -> impl Strategy<Value = (&'static str, String)> {
    let number =
        |name, range: std::ops::Range<u32>| (Just(name), range.prop_map(|n| n.to_string()));
    let id = |digit| format!(r#"{{"contentId":"00000000000{digit}"}}"#);
    let ids = prop::collection::vec("[0-9a-fA-F]".prop_map(id), 0..7);
    prop_oneof![
        number(COUNT, 0..5),
        number(WAIT, 990..4010),
        (
            Just(SOURCES),
            ids.prop_map(|ids| format!("[{}]", ids.join(",")))
        ),
        (Just(USER_ID), "[a-z._]{0,66}".prop_map(|id| quoted(&id))),
        (Just(SERVICE_ID), "[a-z._]{0,66}".prop_map(|id| quoted(&id))),
        (
            prop::sample::select(
                &[
                    "requestContext",
                    USER_ID,
                    SERVICE_ID,
                    "requestContext.x",
                    "mediaSourceType",
                    "storedSource",
                    SOURCES,
                    COUNT,
                    WAIT,
                    "storedSource.x",
                    "appSvrData",
                    "callStartMessage",
                    "recordOnCloud",
                    "useResponderPreparation",
                    "x",
                ][..]
            ),
            junk()
        ),
    ]
}

fn fidelities() -> impl Strategy<Value = Fidelity> {
    (any::<[bool; 7]>(), 0..3).prop_map(|(on, unknown)| {
        let tolerance = |on| {
            if on {
                Tolerance::Allow
            } else {
                Tolerance::Reject
            }
        };
        Fidelity {
            extra_fields: tolerance(on[0]),
            explicit_null: tolerance(on[1]),
            duplicate_content_ids: tolerance(on[2]),
            numbers_as_text: tolerance(on[3]),
            same_user_id: tolerance(on[4]),
            content_id_case: if on[5] {
                ContentIdCase::Any
            } else {
                ContentIdCase::Lower
            },
            malformed_peer_id: if on[6] {
                MalformedPeerId::FailReason
            } else {
                MalformedPeerId::Reject
            },
            unknown_content_id: match unknown {
                0 => UnknownContentId::Reject,
                1 => UnknownContentId::FailReason,
                _ => UnknownContentId::Accept,
            },
            ..Fidelity::default()
        }
    })
}

/// Checks the rules once more, on the call itself.
fn assert_holds_every_rule(call: &MakeCall, fidelity: &Fidelity) {
    assert!(ServiceId::parse(call.from.service_id.as_str()).is_ok());
    assert!(UserId::parse(call.from.user_id.as_str()).is_ok());
    assert!((1..=5).contains(&call.content_ids.len()));
    assert!((1..=3).contains(&call.play_count));
    assert!((1000..=4000).contains(&call.play_wait_millis));
    assert!(
        call.app_svr_data
            .as_ref()
            .is_none_or(|text| text.len() <= 4095)
    );
    assert!(
        call.call_start_message
            .as_ref()
            .is_none_or(|text| text.len() <= 199)
    );
    if fidelity.same_user_id == Tolerance::Reject {
        assert_ne!(call.from.user_id.as_str(), &*call.to.user_id);
    }
    let mut ids = call.content_ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let is_distinct = ids.len() == call.content_ids.len();
    assert!(is_distinct || fidelity.duplicate_content_ids == Tolerance::Allow);
    let all_uploaded = ids.into_iter().all(is_uploaded);
    assert!(all_uploaded || fidelity.unknown_content_id != UnknownContentId::Reject);
    let callee_is_fine = ServiceId::parse(call.to.service_id.clone()).is_ok()
        && UserId::parse(call.to.user_id.clone()).is_ok();
    assert!(callee_is_fine || fidelity.malformed_peer_id == MalformedPeerId::FailReason);
    let fails = fidelity.unknown_content_id == UnknownContentId::FailReason;
    let failure = match (callee_is_fine, all_uploaded) {
        (false, _) => Some(InitiationFailure::InvalidPeerId),
        (true, false) if fails => Some(InitiationFailure::UnknownContentId),
        _ => None,
    };
    assert_eq!(call.initiation_failure, failure);
}

proptest! {
    #[test]
    fn an_accepted_call_holds_every_rule_and_a_refused_one_has_a_reason_per_field(
        changes in prop::collection::vec(change(), 0..4),
        service_id in "[a-z._]{0,3}",
        user_id in "alice|[a-z._]{0,3}",
        fidelity in fidelities(),
    ) {
        let changes: Vec<_> = changes.iter().map(|(path, json)| (*path, json.as_str())).collect();
        let body = body_with(&changes);
        match check_with_callee(&body, (&service_id, &user_id), &fidelity) {
            Ok(call) => assert_holds_every_rule(&call, &fidelity),
            Err(violations) => {
                prop_assert!(!violations.is_empty());
                let mut fields: Vec<_> = violations.iter().filter_map(|v| v.split(' ').next()).collect();
                fields.sort_unstable();
                fields.dedup();
                prop_assert_eq!(fields.len(), violations.len());
            }
        }
    }

    #[test]
    fn a_damaged_body_is_read_without_panic(
        at in any::<prop::sample::Index>(),
        removed in 0_usize..4,
        inserted in r#"[{}\[\]",:\\0-9a-fu日.-]{0,4}"#,
        fidelity in fidelities(),
    ) {
        let mut body = body_with(&[(COUNT, "2"), ("appSvrData", r#""\u65e5\ud83d\ude00""#)]);
        let at = at.index(body.len());
        body.replace_range(at..(at + removed).min(body.len()), &inserted);
        if MakeCallBody::parse(&body.as_str().into()).is_ok()
            && let Ok(call) = check_with_callee(&body, ("shop", "alice"), &fidelity)
        {
            assert_holds_every_rule(&call, &fidelity);
        }
    }

    #[test]
    fn headers_are_read_without_panic(accept in ".{0,40}", content_type in "[a-z/*;,= \"q0]{0,40}") {
        header_violations(Some(&accept), Some(&content_type), &Fidelity::default());
        header_violations(Some(&content_type), Some(&accept), &Fidelity::default());
    }
}
