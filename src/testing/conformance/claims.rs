//! About which accounts and periods do the laws speak? Short names for the claims of a law.
//!
//! Small worlds make small figures. Nearly all laws use the organisation `acme`, the
//! accounts `team/search` and `user/ada`, and one of three periods: [`always`] (no
//! window), [`day`] (a thousand seconds) and [`rolling`] (sixty steps of ten seconds).
//! `team(10)` is a claim on one account with room for 10.

use std::sync::Arc;

use crate::Scope;
use crate::ledger::Attribution;
use crate::values::{
    Account, BudgetKey, Claim, ClaimLine, Period, ScopeKind, Tenant, Threshold, Timestamp, Unit,
};

/// A day of the laws lasts a thousand seconds: `at(1_000)` is the first instant of day 1,
/// and nobody has to think in multiples of 86,400.
const DAY_SECONDS: i64 = 1_000;

/// Who froze or corrected, and why.
pub(super) fn signed(reason: &str) -> Attribution {
    Attribution::new("ops", reason)
}

/// The books of most laws.
pub(super) fn tenant() -> Tenant {
    tenant_of("acme")
}

/// The books of the organisation of that name.
#[expect(clippy::expect_used, reason = "the laws' names are constants that scopes accept")]
pub(super) fn tenant_of(name: &str) -> Tenant {
    Tenant::organization(&Scope::organization(name).expect("a plain name"))
}

/// `team/search`, `user/ada`.
#[expect(clippy::expect_used, reason = "the laws' names are constants that scopes accept")]
pub(super) fn scope(kind: &str, name: &str) -> Scope {
    Scope::new(kind.parse::<ScopeKind>().expect("a kind"), name).expect("a plain name")
}

/// The account of the scope with that text, in a budget named like its kind.
pub(super) fn account_in(tenant: &Tenant, text: &str) -> Account {
    let (kind, name) = text.split_once('/').unwrap_or(("team", text));
    let book =
        BudgetKey { tenant: tenant.clone(), budget: kind.into(), unit: Unit::Usd, window: "day".into() };
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

/// Period `number` of periods of that length, the first of which begins at the epoch;
/// `span` of them count together.
fn laid_end_to_end(number: i64, seconds: i64, span: u32) -> Period {
    let begin = |number: i64| Timestamp::from_secs(number.saturating_mul(seconds));
    Period { number, from: begin(number), until: begin(number.saturating_add(1)), span }
}

/// The one period of a budget without a window.
pub(super) fn always() -> Period {
    Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 }
}

/// A line of `acme` without thresholds: account, period, ceiling.
pub(super) fn line(text: &str, period: Period, ceiling: i64) -> ClaimLine {
    line_in(&tenant(), text, period, ceiling)
}

/// The same in another tenant's books.
pub(super) fn line_in(tenant: &Tenant, text: &str, period: Period, ceiling: i64) -> ClaimLine {
    ClaimLine { account: account_in(tenant, text), period, ceiling, thresholds: [].into_iter().collect() }
}

/// The same line with thresholds, as (threshold, tier).
pub(super) fn with_thresholds(line: ClaimLine, thresholds: &[(i64, u8)]) -> ClaimLine {
    let thresholds = thresholds.iter().map(|(at, tier)| Threshold { at: *at, tier: *tier }).collect();
    ClaimLine { thresholds, ..line }
}

/// A claim over these lines, naming their scopes.
pub(super) fn claim(lines: Vec<ClaimLine>) -> Claim {
    claim_in(&tenant(), lines)
}

/// The same in another tenant's books.
pub(super) fn claim_in(tenant: &Tenant, lines: Vec<ClaimLine>) -> Claim {
    let scopes: Vec<Scope> = lines.iter().map(|line| line.account.scope().clone()).collect();
    claim_of(tenant, &scopes, lines)
}

/// A claim that names these scopes, whether or not a line is theirs.
#[expect(clippy::expect_used, reason = "the laws' claims name each account once")]
pub(super) fn claim_of(tenant: &Tenant, scopes: &[Scope], lines: Vec<ClaimLine>) -> Claim {
    Claim::new(tenant.clone(), scopes, lines).expect("a sound claim")
}

/// One line of `team/search` without a window.
pub(super) fn team(ceiling: i64) -> Claim {
    claim(vec![line("team/search", always(), ceiling)])
}

/// Lines of `team/search` and `user/ada` without a window.
pub(super) fn two(team: i64, user: i64) -> Claim {
    claim(vec![line("team/search", always(), team), line("user/ada", always(), user)])
}
