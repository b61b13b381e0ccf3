use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use rand::{Rng, RngExt as _};
use rand_distr::{Distribution as _, LogNormal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use crate::domain::{HumanDuration, parse_duration};

/// A log-normal delay has no upper bound; a draw beyond this is as good as never.
const LONGEST_DRAW: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait: fixed, or drawn for each call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delay {
    Fixed(Duration),
    Uniform { min: Duration, max: Duration },
    LogNormal { median: Duration, sigma: f64 },
}

impl Delay {
    /// One delay. Draws from `random` only where there is a choice.
    pub(super) fn draw(self, random: &mut impl Rng) -> Duration {
        match self {
            Self::Fixed(delay) => delay,
            Self::Uniform { min, max } => random.random_range(min..=max),
            Self::LogNormal { median, sigma } => {
                let factor = LogNormal::new(0.0, sigma).map_or(1.0, |draw| draw.sample(random));
                let seconds = median.as_secs_f64() * factor;
                Duration::try_from_secs_f64(seconds).map_or(LONGEST_DRAW, |d| d.min(LONGEST_DRAW))
            }
        }
    }
}

/// The long forms, with all keys of both; which one it is shows in the keys present.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongForm {
    min: Option<HumanDuration>,
    max: Option<HumanDuration>,
    median: Option<HumanDuration>,
    sigma: Option<f64>,
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyForm;
        impl<'de> Visitor<'de> for AnyForm {
            type Value = Delay;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration, `{min, max}` or `{median, sigma}`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Delay, E> {
                parse_duration(text).map(Delay::Fixed).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Delay, A::Error> {
                match LongForm::deserialize(MapAccessDeserializer::new(map))? {
                    LongForm {
                        min: Some(HumanDuration(min)),
                        max: Some(HumanDuration(max)),
                        median: None,
                        sigma: None,
                    } if min <= max => Ok(Delay::Uniform { min, max }),
                    LongForm {
                        median: Some(HumanDuration(median)),
                        sigma: Some(sigma),
                        min: None,
                        max: None,
                    } => Ok(Delay::LogNormal { median, sigma }),
                    LongForm {
                        min: Some(min),
                        max: Some(max),
                        ..
                    } => Err(de::Error::custom(format!(
                        "expected `min` to be at most `max`, found {min} and {max}"
                    ))),
                    _ => Err(de::Error::custom(
                        "expected `{min, max}` or `{median, sigma}`",
                    )),
                }
            }
        }
        deserializer.deserialize_any(AnyForm)
    }
}

impl JsonSchema for Delay {
    fn schema_name() -> Cow<'static, str> {
        "Delay".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<HumanDuration>();
        json_schema!({
            "anyOf": [
                duration,
                {
                    "type": "object",
                    "x-expected": "a mapping with `min` and `max`",
                    "properties": { "min": duration, "max": duration },
                    "required": ["min", "max"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "x-expected": "a mapping with `median` and `sigma`",
                    "properties": {
                        "median": duration,
                        "sigma": { "type": "number", "minimum": 0, "maximum": 5 },
                    },
                    "required": ["median", "sigma"],
                    "additionalProperties": false,
                },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delay_is_fixed_uniform_or_log_normal() {
        let millis = Duration::from_millis;
        for (text, expected) in [
            (json!("50ms"), Delay::Fixed(millis(50))),
            (
                json!({"min": "1s", "max": "2s"}),
                Delay::Uniform {
                    min: millis(1000),
                    max: millis(2000),
                },
            ),
            (
                json!({"median": "1s", "sigma": 0.5}),
                Delay::LogNormal {
                    median: millis(1000),
                    sigma: 0.5,
                },
            ),
        ] {
            assert_eq!(serde_json::from_value::<Delay>(text).unwrap(), expected);
        }
        for text in [
            json!({"min": "2s", "max": "1s"}),
            json!({"min": "2s"}),
            json!({"median": "2s", "max": "1s"}),
            json!({}),
            json!(3),
            json!("soon"),
        ] {
            assert!(
                serde_json::from_value::<Delay>(text.clone()).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn draws_stay_within_their_form() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (min, max) = (Duration::from_secs(1), Duration::from_secs(2));
        let mut median_above = 0;
        for _ in 0..1000 {
            let drawn = Delay::Uniform { min, max }.draw(&mut random);
            assert!((min..=max).contains(&drawn));
            let wild = Delay::LogNormal {
                median: max,
                sigma: 5.0,
            };
            let drawn = wild.draw(&mut random);
            assert!(drawn <= LONGEST_DRAW);
            median_above += usize::from(drawn > max);
        }
        assert!((400..600).contains(&median_above), "{median_above}");
    }
}
