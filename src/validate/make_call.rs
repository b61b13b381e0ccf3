use std::collections::HashMap;
use std::ops::RangeInclusive;

use arcstr::ArcStr;
use serde_json::value::RawValue;

use super::Quoted;
use super::fields::{Checked, Object, Reader, array, boolean, integer, object, text, text_within};
use crate::domain::{
    Callee, Caller, ContentId, ContentIdCase, ContentIds, Fidelity, InitiationFailure, MakeCall,
    MalformedPeerId, ServiceId, Text, Tolerance, UnknownContentId, UserId, part_of,
};
use crate::wire::{MakeCallBody, Violation};

// Limits and defaults: contract 3.1 and 3.3.
const MEDIA_SOURCE_TYPE: &str = "STORED_SOURCE";
const MAX_MEDIA_SOURCE_TYPE_BYTES: usize = 48;
const MAX_APP_SVR_DATA_BYTES: usize = 4095;
const MAX_CALL_START_MESSAGE_BYTES: usize = 199;
const SOURCES: RangeInclusive<usize> = 1..=ContentIds::MOST;
const PLAY_COUNT: RangeInclusive<u8> = 1..=3;
const DEFAULT_PLAY_COUNT: u8 = 2;
const PLAY_WAIT_MILLIS: RangeInclusive<u16> = 1000..=4000;
const DEFAULT_PLAY_WAIT_MILLIS: u16 = 1000;

/// What the rules depend on.
pub(crate) struct Rules<'a> {
    /// The choices where nothing is documented.
    pub(crate) fidelity: &'a Fidelity,
    /// Whether an audio source has been uploaded (contract 3.3).
    pub(crate) is_uploaded: &'a dyn Fn(ContentId) -> bool,
}

/// The call to `to`, as the path names them, that a request asks for (contract 3).
///
/// # Errors
/// Every rule that path and body break, in the order of the contract's tables, one reason per field.
pub(crate) fn make_call(
    body: &MakeCallBody<'_>,
    to: Callee,
    rules: &Rules<'_>,
) -> Result<MakeCall, Vec<Violation>> {
    let mut reader = Reader::new(rules.fidelity);
    let root = Object {
        prefix: &"",
        fields: &body.fields,
    };
    let callee_is_malformed = check_callee(&mut reader, &to);
    let from = caller(&mut reader, &root, body.text, &to);
    reader.required(&root, "mediaSourceType", media_source_type);
    let source = stored_source(&mut reader, &root, rules);
    let options = options(&mut reader, &root, body.text);
    reader.only(&root, &BODY_FIELDS);
    let violations = reader.into_violations();
    let (Some(from), Some(source), []) = (from, source, violations.as_slice()) else {
        return Err(violations);
    };
    Ok(MakeCall {
        from,
        to,
        initiation_failure: initiation_failure(callee_is_malformed, &source.content_ids, rules),
        content_ids: source.content_ids,
        play_count: source.play_count,
        play_wait_millis: source.play_wait_millis,
        app_svr_data: options.app_svr_data,
        call_start_message: options.call_start_message,
        record_on_cloud: options.record_on_cloud,
        use_responder_preparation: options.use_responder_preparation,
    })
}

/// Whether an ID of the path breaks contract 9, which is a violation only if chosen (contract 10-13).
fn check_callee(reader: &mut Reader<'_>, to: &Callee) -> bool {
    let service_id = ServiceId::parse(to.service_id.clone()).err();
    let user_id = UserId::parse(to.user_id.clone()).err();
    let is_malformed = service_id.is_some() || user_id.is_some();
    if reader.fidelity.malformed_peer_id == MalformedPeerId::Reject {
        for (field, fault) in [("to-serviceId", service_id), ("to-userId", user_id)] {
            if let Some(fault) = fault {
                reader.refuse(field, fault.to_string());
            }
        }
    }
    is_malformed
}

/// The fields of the body (contract 3.1).
const BODY_FIELDS: [&str; 7] = [
    "requestContext",
    "mediaSourceType",
    "storedSource",
    "appSvrData",
    "callStartMessage",
    "recordOnCloud",
    "useResponderPreparation",
];

/// `requestContext` (contract 3.2).
fn caller(
    reader: &mut Reader<'_>,
    root: &Object<'_, '_>,
    whole: &ArcStr,
    to: &Callee,
) -> Option<Caller> {
    let wanted = "an object holding `userId` and `serviceId`";
    let fields = reader.required(root, "requestContext", |value| object(value, wanted))?;
    let context = Object {
        prefix: &"requestContext.",
        fields: &fields,
    };
    let same = reader.fidelity.same_user_id;
    let user_id = reader.required(&context, "userId", |value| {
        let id = part_of(whole, &text(value)?);
        caller_user_id(id, to, same)
    });
    let service_id = reader.required(&context, "serviceId", |value| {
        let id = part_of(whole, &text(value)?);
        ServiceId::parse(id).map_err(|fault| fault.to_string())
    });
    reader.only(&context, &["userId", "serviceId"]);
    Some(Caller {
        service_id: service_id?,
        user_id: user_id?,
    })
}

/// The caller's user ID, which the callee may not have as well unless chosen (contract 9, 10-16).
fn caller_user_id(id: Text, to: &Callee, same: Tolerance) -> Checked<UserId> {
    let id = UserId::parse(id).map_err(|fault| fault.to_string())?;
    if same == Tolerance::Reject && id.as_str() == to.user_id {
        return Err("must differ from the callee's user ID".to_owned());
    }
    Ok(id)
}

/// `mediaSourceType` (contract 3.1).
fn media_source_type(value: &RawValue) -> Checked<()> {
    let text = text_within(value, MAX_MEDIA_SOURCE_TYPE_BYTES)?;
    if text != MEDIA_SOURCE_TYPE {
        let found = Quoted(&text);
        return Err(format!("must be `{MEDIA_SOURCE_TYPE}`, found {found}"));
    }
    Ok(())
}

/// What is played and how.
struct StoredSource {
    content_ids: ContentIds,
    play_count: u8,
    play_wait_millis: u16,
}

/// `storedSource` (contract 3.3).
fn stored_source(
    reader: &mut Reader<'_>,
    root: &Object<'_, '_>,
    rules: &Rules<'_>,
) -> Option<StoredSource> {
    let wanted = "an object holding `storedAudioSources`";
    let fields = reader.required(root, "storedSource", |value| object(value, wanted))?;
    let source = Object {
        prefix: &"storedSource.",
        fields: &fields,
    };
    let content_ids = content_ids(reader, &source, rules);
    let as_text = reader.fidelity.numbers_as_text;
    let play_count = reader.optional(&source, "playCount", |value| {
        integer(value, &PLAY_COUNT, as_text)
    });
    let wait = reader.optional(&source, "playWaitTime", |value| {
        integer(value, &PLAY_WAIT_MILLIS, as_text)
    });
    reader.only(
        &source,
        &["storedAudioSources", "playCount", "playWaitTime"],
    );
    Some(StoredSource {
        content_ids: content_ids?,
        play_count: play_count.unwrap_or(DEFAULT_PLAY_COUNT),
        play_wait_millis: wait.unwrap_or(DEFAULT_PLAY_WAIT_MILLIS),
    })
}

/// `storedSource.storedAudioSources`: each entry is looked at, even where there are too many.
fn content_ids(
    reader: &mut Reader<'_>,
    source: &Object<'_, '_>,
    rules: &Rules<'_>,
) -> Option<ContentIds> {
    let entries = reader.required(source, "storedAudioSources", array)?;
    if !SOURCES.contains(&entries.len()) {
        let (from, to, found) = (SOURCES.start(), SOURCES.end(), entries.len());
        let reason = format!("must have {from} to {to} entries, found {found}");
        reader.refuse("storedSource.storedAudioSources", reason);
    }
    let mut seen = HashMap::new();
    let ids = entries
        .into_iter()
        .enumerate()
        .filter_map(|(index, value)| {
            let path = format_args!("storedSource.storedAudioSources[{index}]");
            let fields = object(value, "an object holding `contentId`");
            let entry = Object {
                prefix: &format_args!("{path}."),
                fields: &reader.take((&path, ""), fields)?,
            };
            let id = reader.required(&entry, "contentId", |value| {
                content_id(value, index, &mut seen, rules)
            });
            reader.only(&entry, &["contentId"]);
            id
        });
    Some(ids.collect())
}

/// A content ID that may stand at `index` (contract 3.3, 10-12, 10-14, 10-15).
fn content_id(
    value: &RawValue,
    index: usize,
    seen: &mut HashMap<ContentId, usize>,
    rules: &Rules<'_>,
) -> Checked<ContentId> {
    let text = text(value)?;
    let id = ContentId::parse(&text).map_err(|fault| fault.to_string())?;
    let fidelity = rules.fidelity;
    let first = match fidelity.duplicate_content_ids {
        Tolerance::Allow => index,
        Tolerance::Reject => *seen.entry(id).or_insert(index),
    };
    if fidelity.content_id_case == ContentIdCase::Lower && *text != id.to_string() {
        return Err(format!("must be in lower case, found {}", Quoted(&text)));
    }
    if first != index {
        return Err(format!("must differ from that of entry [{first}]"));
    }
    if fidelity.unknown_content_id == UnknownContentId::Reject && !(rules.is_uploaded)(id) {
        return Err("is not an uploaded audio source".to_owned());
    }
    Ok(id)
}

/// The optional fields of the body (contract 3.1).
struct Options {
    app_svr_data: Option<Text>,
    call_start_message: Option<Text>,
    record_on_cloud: bool,
    use_responder_preparation: bool,
}

fn options(reader: &mut Reader<'_>, root: &Object<'_, '_>, whole: &ArcStr) -> Options {
    let app_svr_data = reader.optional(root, "appSvrData", |value| {
        text_within(value, MAX_APP_SVR_DATA_BYTES).map(|text| part_of(whole, &text))
    });
    let call_start_message = reader.optional(root, "callStartMessage", |value| {
        text_within(value, MAX_CALL_START_MESSAGE_BYTES).map(|text| part_of(whole, &text))
    });
    let record_on_cloud = reader.optional(root, "recordOnCloud", boolean);
    let preparation = reader.optional(root, "useResponderPreparation", boolean);
    Options {
        app_svr_data,
        call_start_message,
        record_on_cloud: record_on_cloud.unwrap_or(false),
        use_responder_preparation: preparation.unwrap_or(false),
    }
}

/// The defect that Agent Call Status reports, the callee's ID before the audio (contract 10-12, 10-13).
fn initiation_failure(
    callee_is_malformed: bool,
    content_ids: &[ContentId],
    rules: &Rules<'_>,
) -> Option<InitiationFailure> {
    if callee_is_malformed {
        return Some(InitiationFailure::InvalidPeerId);
    }
    let fails = rules.fidelity.unknown_content_id == UnknownContentId::FailReason
        && content_ids.iter().any(|id| !(rules.is_uploaded)(*id));
    fails.then_some(InitiationFailure::UnknownContentId)
}
