use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};
use std::hash::{Hash, Hasher};
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use siphasher::sip::SipHasher13;

use super::param::cc_param;
use crate::domain::{
    AgentCallResult, CallEnd, Fidelity, MakeCall, NullParameters, ParameterEdits, ParameterOrder,
    ReleaserType, ResultSpelling, Sid, Stid,
};

/// All that RFC 3986 does not call unreserved; contract 6 shows `=` encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The parameters of one callback, in the order in which they are sent.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// `name=value` of each, percent-encoded, with `&` between.
    text: String,
    /// Their names, and where in the text they stand.
    list: Vec<(Cow<'static, str>, Range<usize>)>,
    /// Whether the list says otherwise than the text as a whole; hardly ever.
    is_changed: bool,
}

impl Parameters {
    fn with_capacity(count: usize) -> Self {
        Self {
            text: String::with_capacity(1_024),
            list: Vec::with_capacity(count),
            is_changed: false,
        }
    }

    fn put(&mut self, name: &'static str, value: impl Display) {
        let pair = self.write(name, value);
        self.list.push((name.into(), pair));
    }

    fn write(&mut self, name: &str, value: impl Display) -> Range<usize> {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        let start = self.text.len();
        let mut encoding = Encoding(&mut self.text);
        // A `String` takes everything.
        let _ = encoding.write_str(name);
        encoding.0.push('=');
        let _ = write!(encoding, "{value}");
        start..self.text.len()
    }

    fn put_nullable(&mut self, name: &'static str, value: Option<&str>, nulls: NullParameters) {
        match (value, nulls) {
            (Some(value), _) => self.put(name, value),
            (None, NullParameters::Empty) => self.put(name, ""),
            (None, NullParameters::Omit) => {}
        }
    }

    fn put_application_data(&mut self, call: &MakeCall, fidelity: &Fidelity) {
        let data = call.app_svr_data.as_deref();
        if fidelity.stid == Stid::Send {
            self.put_nullable("stid", data, fidelity.null_parameters);
        }
        self.put_nullable("app_svr_data", data, fidelity.null_parameters);
    }

    /// Applies what a scenario changes. A parameter that is not there yet is added at the end.
    #[must_use]
    pub(crate) fn edited(mut self, edits: &ParameterEdits) -> Self {
        self.is_changed = true;
        self.list
            .retain(|(name, _)| !edits.remove.contains(&**name));
        for (name, value) in &edits.set {
            let pair = self.write(name, value);
            match self.list.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = pair,
                None => self.list.push((name.clone().into(), pair)),
            }
        }
        self
    }

    /// In the order that the settings ask for; `salt` is what one callback differs in from another.
    #[must_use]
    pub(crate) fn ordered(mut self, order: ParameterOrder, salt: impl Hash) -> Self {
        if order == ParameterOrder::Shuffled {
            self.is_changed = true;
            self.list.sort_by_cached_key(|(name, _)| {
                let mut hasher = SipHasher13::new();
                (&salt, name).hash(&mut hasher);
                hasher.finish()
            });
        }
        self
    }

    /// The query string: values percent-encoded, no leading `?`.
    pub(super) fn query(&self) -> Cow<'_, str> {
        if !self.is_changed {
            return Cow::Borrowed(&self.text);
        }
        let pairs = self.list.iter().map(|(_, pair)| &self.text[pair.clone()]);
        Cow::Owned(pairs.collect::<Vec<_>>().join("&"))
    }
}

/// Percent-encodes what is written to it.
struct Encoding<'a>(&'a mut String);

impl fmt::Write for Encoding<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(utf8_percent_encode(text, ENCODED));
        Ok(())
    }
}

/// The names and values of which [`Parameters::query`] made `query`.
pub(super) fn decoded(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(move |(name, value)| (decoded(name), decoded(value)))
}

/// Notify, in the order of the documented example (contract 6.1).
pub(crate) fn notify_parameters(sid: Sid, call: &MakeCall, fidelity: &Fidelity) -> Parameters {
    let mut parameters = Parameters::with_capacity(9);
    parameters.put("from_user_id", &call.from.user_id);
    parameters.put("from_service_id", &call.from.service_id);
    parameters.put("to_user_id", &call.to.user_id);
    parameters.put("to_service_id", &call.to.service_id);
    parameters.put("sid", sid);
    parameters.put("type", "A");
    parameters.put_application_data(call, fidelity);
    parameters.put("param", cc_param(sid, call));
    parameters
}

/// Agent Call Status (contract 6.2).
pub(crate) fn agent_call_status_parameters(
    sid: Sid,
    result: &AgentCallResult,
    fidelity: &Fidelity,
) -> Parameters {
    let (text, fail_reason) = match (result, fidelity.result_spelling) {
        (AgentCallResult::Success, ResultSpelling::Table) => ("SUCCESS", "None"),
        (AgentCallResult::Success, ResultSpelling::Example) => ("Success", "None"),
        (AgentCallResult::Fail(reason), ResultSpelling::Table) => ("FAIL", &**reason),
        (AgentCallResult::Fail(reason), ResultSpelling::Example) => ("Fail", &**reason),
    };
    let mut parameters = Parameters::with_capacity(5);
    parameters.put("sid", sid);
    parameters.put("agent_type", "AUDIO_CALLER");
    parameters.put("media_source_type", "STORED_SOURCE");
    parameters.put("result", text);
    parameters.put("fail_reason", fail_reason);
    parameters
}

/// 1-to-1 Call Event, in the recommended order of contract 6.3.
pub(crate) fn call_event_parameters(
    sid: Sid,
    call: &MakeCall,
    end: &CallEnd,
    fidelity: &Fidelity,
) -> Parameters {
    let mut parameters = Parameters::with_capacity(21);
    parameters.put("sid", sid);
    parameters.put("type", "A");
    parameters.put("from_user_id", &call.from.user_id);
    parameters.put("from_service_id", &call.from.service_id);
    parameters.put("to_user_id", &call.to.user_id);
    parameters.put("to_service_id", &call.to.service_id);
    parameters.put("setup_time", end.times.setup_time());
    parameters.put("start_time", end.times.start_time());
    parameters.put("end_time", end.times.end_time());
    parameters.put("duration", end.times.duration());
    parameters.put("terminate", end.terminate.0);
    parameters.put("srcip", fidelity.srcip);
    parameters.put("dstip", fidelity.dstip);
    parameters.put_application_data(call, fidelity);
    parameters.put("rel_code", end.rel_code);
    parameters.put("rel_code_str", &end.rel_code_str);
    let user_rel_code = end.user_rel_code.as_deref();
    parameters.put_nullable("user_rel_code", user_rel_code, fidelity.null_parameters);
    parameters.put("billing_sec", end.times.billing_sec());
    parameters.put("disconnect_reason", end.reason.value());
    match fidelity.releaser_type {
        ReleaserType::Number => parameters.put("releaser_type", end.releaser.value()),
        ReleaserType::Name => parameters.put("releaser_type", end.releaser.name()),
    }
    parameters
}
