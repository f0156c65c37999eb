//! How is it said what cannot be read, and where it stands?

use std::fmt;

use serde::de::{Error as _, Expected, Unexpected};

use crate::values::name::did_you_mean;
use crate::values::one_line::OneLine;
use crate::{Error, ErrorKind};

/// What the errors of values begin with. The path names the field instead: `limit`, not `dollars`.
const VALUES: [&str; 8] =
    ["dollars: ", "instant: ", "no limit: ", "scope kind: ", "scope: ", "tiers: ", "unit: ", "window: "];

/// How the error of a field begins that stands there by another of its names, too.
pub(super) const SAME_AS: &str = "says the same as ";

/// What serde finds wrong, in the words of the format.
impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        let text = problem.to_string();
        let bare = VALUES.iter().find_map(|value| text.strip_prefix(value)).unwrap_or(&text);
        match bare.split_once(": ") {
            // A window also names its field by itself, for formats that do not.
            Some((field, rest)) if rest.starts_with(&format!("{field}: ")) => wrong(rest),
            _ => wrong(bare),
        }
    }

    /// A value of another sort is named and never shown: it may be a secret in the wrong place.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unit => "null",
            Unexpected::Bool(_) => "true or false",
            Unexpected::Float(_) => "a number",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a table",
            _ => "text",
        };
        let expected = expected.to_string();
        let expected = match expected.as_str() {
            "a boolean" => "true or false",
            "a sequence" => "a list",
            "u32" => "a whole number",
            text if text.ends_with(" string") => "text",
            text if text.starts_with("struct ") => "a table",
            text => text,
        };
        wrong(format!("expected {expected}, found {found}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let meant = did_you_mean(field, expected.iter().copied());
        let problem = format!("unknown field, expected one of {}{meant}", expected.join(", "));
        wrong(problem).within(&OneLine(field).to_string())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let (last, others) = expected.split_last().unwrap_or((&"", &[]));
        wrong(format!("{variant:?} is none of {} and {last}", others.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        wrong("is missing").within(field)
    }

    /// A field that stands twice by one name was refused before: this one has two names, and the reader knows which.
    fn duplicate_field(field: &'static str) -> Self {
        wrong(format!("{SAME_AS}{field}; keep one of them"))
    }
}

/// The error of a value, without what the value is.
pub(super) fn bare(error: Error) -> Error {
    Error::custom(error)
}

/// Says where a problem stands: `budget a: tiers: …`. No line break of a name gets into a log.
pub(super) trait At {
    fn at(self, place: &str) -> Self;
}

impl<T> At for Result<T, Error> {
    fn at(self, place: &str) -> Self {
        self.map_err(|error| error.within(&OneLine(place).to_string()))
    }
}

/// A value that cannot be used, before it is known which field carries it.
pub(super) fn wrong(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, problem)
}

/// A text that cannot be read at all.
pub(super) fn unreadable(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unreadable, problem)
}
