//! About which accounts and periods do the laws speak? Short names for the claims of a law.

use std::sync::Arc;

use crate::{
    Account, Book, Claim, Line, Mark, Period, Root, Scope, ScopeKind, Timestamp, Unit, ledger::Signature,
};

/// A day of the laws lasts a thousand seconds.
const DAY_SECONDS: i64 = 1_000;

pub(super) fn signed(reason: &str) -> Signature {
    Signature::new("ops", reason)
}

/// The books of most laws.
pub(super) fn root() -> Root {
    root_of("acme")
}

#[expect(clippy::expect_used, reason = "the laws' names are constants that scopes accept")]
pub(super) fn root_of(name: &str) -> Root {
    Root::organization(&Scope::organization(name).expect("a plain name"))
}

/// `team/search`, `user/ada`.
#[expect(clippy::expect_used, reason = "the laws' names are constants that scopes accept")]
pub(super) fn scope(kind: &str, name: &str) -> Scope {
    Scope::new(kind.parse::<ScopeKind>().expect("a kind"), name).expect("a plain name")
}

/// The account of the scope with that text, in a budget named like its kind.
pub(super) fn account_in(root: &Root, text: &str) -> Account {
    let (kind, name) = text.split_once('/').unwrap_or(("team", text));
    let book = Book { root: root.clone(), budget: kind.into(), unit: Unit::Usd, window: "day".into() };
    Account::new(Arc::new(book), scope(kind, name))
}

/// Day `number` of a thousand seconds: day 0 begins at the epoch.
pub(super) fn day(number: i64) -> Period {
    laid_end_to_end(number, DAY_SECONDS, 1)
}

/// Sub-period `number` of ten seconds, of a window that rolls over sixty of them.
pub(super) fn rolling(number: i64) -> Period {
    laid_end_to_end(number, 10, 61)
}

fn laid_end_to_end(number: i64, seconds: i64, span: u32) -> Period {
    let begin = |number: i64| Timestamp::from_secs(number.saturating_mul(seconds));
    Period { number, from: begin(number), until: begin(number.saturating_add(1)), span }
}

/// The one period of a budget without a window.
pub(super) fn always() -> Period {
    Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 }
}

pub(super) fn line(text: &str, period: Period, ceiling: i64) -> Line {
    line_in(&root(), text, period, ceiling)
}

pub(super) fn line_in(root: &Root, text: &str, period: Period, ceiling: i64) -> Line {
    Line { account: account_in(root, text), period, ceiling, marks: [].into_iter().collect() }
}

/// The same line with levels, as (level, tier).
pub(super) fn with_marks(line: Line, marks: &[(i64, u8)]) -> Line {
    let marks = marks.iter().map(|(at, tier)| Mark { at: *at, tier: *tier }).collect();
    Line { marks, ..line }
}

/// A claim over these lines, naming their scopes.
pub(super) fn claim(lines: Vec<Line>) -> Claim {
    claim_in(&root(), lines)
}

pub(super) fn claim_in(root: &Root, lines: Vec<Line>) -> Claim {
    let scopes: Vec<Scope> = lines.iter().map(|line| line.account.scope().clone()).collect();
    claim_of(root, &scopes, lines)
}

/// A claim that names these scopes, whether or not a line is theirs.
#[expect(clippy::expect_used, reason = "the laws' claims name each account once")]
pub(super) fn claim_of(root: &Root, scopes: &[Scope], lines: Vec<Line>) -> Claim {
    Claim::new(root.clone(), scopes, lines).expect("a sound claim")
}

/// One line of `team/search` without a window.
pub(super) fn team(ceiling: i64) -> Claim {
    claim(vec![line("team/search", always(), ceiling)])
}

/// Lines of `team/search` and `user/ada` without a window.
pub(super) fn two(team: i64, user: i64) -> Claim {
    claim(vec![line("team/search", always(), team), line("user/ada", always(), user)])
}
