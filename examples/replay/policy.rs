//! Which limits is the trace replayed against?

use std::path::Path;
use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::usage::Unit;
use token_budget::{Budget, Error, Policy, Scope, Tiers, Usd, Window};

use crate::provider::Provider;
use crate::trace::Trace;

/// The budget that counts every dollar of the replay and refuses nothing.
pub(crate) const BOOKS: &str = "replay books";

/// Reads an operator's policy.
pub(crate) fn read(path: &Path) -> Result<Policy, Error> {
    Policy::from_path(path)
}

/// The same policy with the books that are laid beside the provider's bill.
pub(crate) fn with_books(policy: Policy) -> Result<Policy, Error> {
    policy.with_budget(Budget::new(
        BOOKS,
        token_budget::policy::Selector::Each(ScopeKind::Organization),
        Unit::Usd,
        None,
        Window::lifetime(),
    ))
}

/// The size of a trace, by which limits are cut.
pub(crate) struct Cut {
    /// What a day of it costs.
    day: Usd,
    /// What its dearest call costs.
    dearest: Usd,
    clients: usize,
    requests_per_minute: u64,
}

impl Cut {
    pub(crate) fn of(trace: &Trace, provider: &Provider) -> Result<Self, Error> {
        let (mut cost, mut dearest) = (Usd::ZERO, Usd::ZERO);
        for request in &trace.requests {
            let bill = provider.bill(request)?;
            (cost, dearest) = (cost.checked_add(bill)?, dearest.max(bill));
        }
        let units = |unit: Duration| trace.length().as_secs().div_ceil(unit.as_secs().max(1)).max(1);
        let days = units(Duration::from_secs(86_400));
        let requests = u64::try_from(trace.requests.len()).unwrap_or(u64::MAX);
        Ok(Self {
            day: share(cost, 100, days),
            dearest,
            clients: trace.clients.len(),
            requests_per_minute: requests.div_ceil(units(Duration::from_secs(60))),
        })
    }
}

/// Limits that bite: without room for the whole trace, so that each kind of answer occurs.
///
/// The organisation's day has room for 90 % of a day of the trace, and its
/// month for eight such days. Each user has half as much again as their share
/// of a day (alone: 70 % of it), warns at 80 % and stops at 120 %. The rate is
/// twice the mean number of requests in a minute. Where a trace is thin, days
/// have room for ten of its dearest calls all the same.
pub(crate) fn cut_to(cut: &Cut) -> Result<Policy, Error> {
    let organization = Scope::organization("acme")?;
    let ten_calls = cut.dearest.checked_mul(10)?;
    let day = share(cut.day, 90, 1).max(ten_calls);
    let clients = u64::try_from(cut.clients).unwrap_or(u64::MAX);
    let user = if clients > 1 { share(cut.day, 150, clients) } else { share(cut.day, 70, 1) };
    let user = user.max(ten_calls);
    let rate = cut.requests_per_minute.saturating_mul(2).max(2);
    Policy::new([
        Budget::usd("month", organization.clone(), day.checked_mul(8)?, Window::month())
            .guardrail(day, Window::day()),
        Budget::each_usd("users", ScopeKind::User, user, Window::day()).tiers(Tiers::soft_hard(80, 120)?),
        Budget::count("rate", organization, Unit::Requests, rate, Window::rolling_minute()),
    ])
}

/// So many percent of one of so many parts, up to the next cent.
fn share(whole: Usd, percent: u64, parts: u64) -> Usd {
    let cent = u128::from(Usd::cents(1).nanos().unsigned_abs());
    let nanos = u128::from(whole.nanos().unsigned_abs()).saturating_mul(u128::from(percent));
    let cents = nanos.div_ceil(cent.saturating_mul(100).saturating_mul(u128::from(parts.max(1))));
    Usd::from_nanos(i64::try_from(cents.saturating_mul(cent)).unwrap_or(i64::MAX))
}
