//! Why does a law not hold? What was seen beside what should have been.
//!
//! A law returns at the first thing that is wrong, with a text for the ledger's author:
//! the expression of the law that was compared, what was found, and what was expected.
//! `Unsupported` is kept apart, because a ledger that says so is not broken.

use std::any::Any;
use std::fmt;

use crate::ledger::Reply;
use crate::{Error, ErrorKind};

/// What a law, or a step of one, comes to.
pub(super) type Held<T = ()> = Result<T, Why>;

/// What was seen instead of what the law says.
#[derive(Debug)]
pub(super) struct Why {
    text: String,
    /// The ledger said that it does not offer what the law asked for.
    pub(super) is_unsupported: bool,
}

impl Why {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_unsupported: false }
    }

    /// The ledger said that it does not offer this.
    pub(super) fn unsupported(error: &Error) -> Self {
        Self { text: error.to_string(), is_unsupported: true }
    }

    /// Names the law's own expression: `reply.outcome`, `books.balances(&claim)?` (spent
    /// and reserved of each line).
    pub(super) fn differs(what: &str, seen: &dyn fmt::Debug, expected: &dyn fmt::Debug) -> Self {
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::new(format!("{what}: found {seen:?}, expected {expected:?}"))
    }

    /// The ledger panicked; panics carry a `String` or a `&str`, or anything at all.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
        Self::new(format!("the ledger panicked: {text}"))
    }
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::Unsupported {
            return Self::unsupported(&error);
        }
        Self::new(format!("found the error {:?} ({error}), expected an answer", error.kind()))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// For commands that must fail.
pub(super) trait Fails {
    /// The error; broken where there is none.
    fn fails(self, because: &str) -> Held<Error>;
}

impl Fails for Result<Reply, Error> {
    fn fails(self, because: &str) -> Held<Error> {
        match self {
            Err(error) if error.kind() == ErrorKind::Unsupported => Err(error.into()),
            Err(error) => Ok(error),
            Ok(reply) => Err(Why::new(format!("found {:?}, expected an error: {because}", reply.outcome))),
        }
    }
}

/// Two values are equal, or the law is broken.
macro_rules! equal {
    ($seen:expr, $expected:expr $(,)?) => {
        match (&$seen, &$expected) {
            (seen, expected) => {
                if *seen != *expected {
                    return Err($crate::testing::conformance::why::Why::differs(
                        stringify!($seen),
                        seen,
                        expected,
                    ));
                }
            }
        }
    };
}

/// Two values are equal wherever every first answer arrived.
///
/// A retry gets the first outcome with present balances: what only a first
/// answer tells cannot be asked of one that was lost on the way.
macro_rules! told {
    ($books:expr; $seen:expr, $expected:expr $(,)?) => {
        // The command behind it is sent in any case.
        let seen = $seen;
        if $books.heard_all() {
            let expected = $expected;
            holds!(seen == expected, "{}: found {seen:?}, expected {expected:?}", stringify!($seen));
        }
    };
}

/// Something is so, or the law is broken: with the text.
macro_rules! holds {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::testing::conformance::why::Why::new(format!($($text)+)));
        }
    };
}

pub(super) use {equal, holds, told};
