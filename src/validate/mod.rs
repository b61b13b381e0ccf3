//! The rules for a request (contract 2, 3 and 9, with the choices 10-12 to 10-18).
//!
//! Pure: text in, a [`MakeCall`](crate::domain::MakeCall) or every broken rule out. Rules that need
//! to know the key (contract 10-11) or the clock are not here.

mod fields;
mod headers;
mod make_call;
#[cfg(test)]
mod tests;

pub(crate) use headers::header_violations;
pub(crate) use make_call::{Rules, make_call};

use std::fmt;

/// How many characters of a value that was found are told.
const MAX_ECHO: usize = 40;

/// A found value, cut where it gets long.
struct Cut<'a>(&'a str);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_ECHO) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

/// A found text in backticks, or the statement that it is empty.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("an empty text"),
            text => write!(f, "`{}`", Cut(text)),
        }
    }
}
