use std::fmt;
use std::str::FromStr;

/// The fastest scaled clock: a millisecond of the machine is then nearly three hours.
const MAX_SPEED: f64 = 10_000_000.0;

/// How a project's clock moves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum ClockMode {
    /// With the machine's time.
    #[default]
    Real,
    /// This many times as fast.
    Scaled(f64),
    /// Only when told to.
    Manual,
}

impl FromStr for ClockMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let speed = match text {
            "real" => return Ok(Self::Real),
            "manual" => return Ok(Self::Manual),
            _ => text.strip_suffix('x').and_then(|speed| speed.parse().ok()),
        };
        match speed {
            Some(speed) if speed > 0.0 && speed <= MAX_SPEED => Ok(Self::Scaled(speed)),
            _ => Err(format!(
                "expected `real`, `manual` or a speed such as `20x`, found `{text}`"
            )),
        }
    }
}

impl fmt::Display for ClockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("real"),
            Self::Scaled(speed) => write!(f, "{speed}x"),
            Self::Manual => f.write_str("manual"),
        }
    }
}
