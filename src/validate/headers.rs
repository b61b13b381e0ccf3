use super::Quoted;
use crate::domain::{Fidelity, HeaderCheck};
use crate::wire::Violation;

const JSON: &str = "application/json";
/// What covers JSON in `Accept`, the most specific first: that one decides (RFC 9110, 12.5.1).
const JSON_RANGES: [&str; 3] = [JSON, "application/*", "*/*"];

/// The rules that `Accept` and `Content-Type` break (contract 2, 10-17, 10-18).
///
/// Several `Accept` headers come joined by commas, as HTTP reads them.
pub(crate) fn header_violations(
    accept: Option<&str>,
    content_type: Option<&str>,
    fidelity: &Fidelity,
) -> Vec<Violation> {
    let accept = refusal(accept, fidelity.accept_header, accepts_json, "must allow");
    let check = fidelity.content_type_header;
    let content_type = refusal(content_type, check, is_json, "must be");
    [("Accept", accept), ("Content-Type", content_type)]
        .into_iter()
        .filter_map(|(field, reason)| {
            let reason = reason?;
            let field = field.to_owned();
            Some(Violation { field, reason })
        })
        .collect()
}

/// Why the header is refused; `demand` words the lenient rule, which `is_fine` knows.
fn refusal(
    value: Option<&str>,
    check: HeaderCheck,
    is_fine: fn(&str) -> bool,
    demand: &str,
) -> Option<String> {
    let (is_fine, demand) = match check {
        HeaderCheck::Off => return None,
        HeaderCheck::Strict => (is_exactly_json as fn(&str) -> bool, "must be exactly"),
        HeaderCheck::Lenient => (is_fine, demand),
    };
    match value.map(str::trim) {
        None => Some(format!("is required and must be `{JSON}`")),
        Some(value) if is_fine(value) => None,
        Some(value) => Some(format!("{demand} `{JSON}`, found {}", Quoted(value))),
    }
}

fn is_exactly_json(value: &str) -> bool {
    value == JSON
}

/// Whether a media type is JSON, whatever its parameters.
fn is_json(media_type: &str) -> bool {
    essence(media_type).eq_ignore_ascii_case(JSON)
}

/// Whether one of the ranges covers JSON without a weight of zero, which means "not acceptable".
fn accepts_json(accept: &str) -> bool {
    let deciding = JSON_RANGES.into_iter().find_map(|range| {
        split(accept, ',')
            .filter(|given| essence(given).eq_ignore_ascii_case(range))
            .map(|given| !has_weight_zero(given))
            .reduce(|a, b| a || b)
    });
    deciding.unwrap_or(false)
}

/// The part of a media type before its parameters.
fn essence(media_type: &str) -> &str {
    split(media_type, ';').next().unwrap_or_default()
}

fn has_weight_zero(range: &str) -> bool {
    split(range, ';').skip(1).any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, weight)| {
            let is_weight = name.trim().eq_ignore_ascii_case("q");
            is_weight
                && weight
                    .trim()
                    .parse::<f32>()
                    .is_ok_and(|weight| weight == 0.0)
        })
    })
}

/// The trimmed parts between separators that stand outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    parts.map(str::trim)
}
