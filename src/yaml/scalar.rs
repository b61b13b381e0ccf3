//! What a plain scalar means: the core schema of YAML 1.2.

use serde_json::{Number, Value};

/// A scalar that has no JSON value: an infinite number, not a number, or too large a number.
#[derive(Debug, PartialEq)]
pub(super) struct NoSuchValue;

/// The value of a scalar written without quotes and without a tag.
pub(super) fn resolve(text: &str) -> Result<Value, NoSuchValue> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    match number(text) {
        Some(number) => number.map(Value::Number),
        None => Ok(Value::String(text.to_owned())),
    }
}

/// `None` if the text is no number at all.
pub(super) fn number(text: &str) -> Option<Result<Number, NoSuchValue>> {
    if !text.starts_with(['+', '-', '.']) && !text.starts_with(|first: char| first.is_ascii_digit())
    {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return with_radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return with_radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(NoSuchValue));
    }
    if is_digits(unsigned) {
        let text = text.strip_prefix('+').unwrap_or(text);
        let whole = match text.parse::<u64>() {
            Ok(number) => Some(Number::from(number)),
            Err(_) => text.parse::<i64>().ok().map(Number::from),
        };
        return Some(whole.ok_or(NoSuchValue));
    }
    if is_float(unsigned) {
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        return Some(number.ok_or(NoSuchValue));
    }
    None
}

fn with_radix(digits: &str, radix: u32) -> Option<Result<Number, NoSuchValue>> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = u64::from_str_radix(digits, radix);
    Some(number.map(Number::from).map_err(|_| NoSuchValue))
}

/// `[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?`, or the same beginning with a dot and a digit.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent
        .is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let digits_or_nothing = |part: &str| part.is_empty() || is_digits(part);
    exponent_fits
        && digits_or_nothing(whole)
        && digits_or_nothing(fraction)
        && !(whole.is_empty() && fraction.is_empty())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (title, text, expected) in [
            ("nothing is null", "", json!(null)),
            ("a tilde is null", "~", json!(null)),
            ("null has three spellings", "NULL", json!(null)),
            ("and no fourth", "nULL", json!("nULL")),
            ("true has three spellings", "True", json!(true)),
            ("yes was a bool in YAML 1.1", "yes", json!("yes")),
            ("whole numbers may have leading zeros", "007", json!(7)),
            ("and signs", "-12", json!(-12)),
            ("one sign only", "+-5", json!("+-5")),
            (
                "the largest whole number",
                "18446744073709551615",
                json!(u64::MAX),
            ),
            ("hexadecimal", "0x10", json!(16)),
            ("octal", "0o17", json!(15)),
            (
                "no sign before a hexadecimal number",
                "-0x10",
                json!("-0x10"),
            ),
            ("a fraction", "1.50", json!(1.5)),
            ("a fraction without a whole part", ".5", json!(0.5)),
            ("a dot at the end", "3.", json!(3.0)),
            ("an exponent", "1e3", json!(1000.0)),
            ("an exponent needs digits", "1e", json!("1e")),
            ("a dot alone is text", ".", json!(".")),
            ("a sign alone is text", "-", json!("-")),
            (
                "digits with letters are text",
                "5498f04048fa",
                json!("5498f04048fa"),
            ),
            ("a duration is text", "3s", json!("3s")),
            ("a time was a number in YAML 1.1", "12:30", json!("12:30")),
            ("Rust's spelling of infinity is text", "inf", json!("inf")),
        ] {
            assert_eq!(resolve(text), Ok(expected), "{title}");
        }
    }

    #[test]
    fn numbers_without_a_json_value_are_refused() {
        for text in [
            "1e400",
            "-1e400",
            ".nan",
            ".inf",
            "-.INF",
            "18446744073709551616",
            "0xfffffffffffffffff",
        ] {
            assert_eq!(resolve(text), Err(NoSuchValue), "{text}");
        }
    }
}
