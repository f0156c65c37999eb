//! Which accounts, ids and tenants are told apart? All that differ, in whatever part.
//!
//! A store that builds a key from parts (`tenant:budget:scope`) or leaves text comparison
//! to a database mixes up accounts sooner or later. Then one team pays for another, and
//! every balance still adds up. These laws give each account another amount, so that a
//! mix-up shows.

use std::sync::Arc;

use super::*;
use crate::Scope;
use crate::ledger::MarkAction::Freeze;
use crate::ledger::{Note, Reconcile, Release};
use crate::testing::conformance::need::Need;
use crate::values::{Account, BudgetKey, ClaimLine, Tenant, Unit};

/// Catches a key that leaves out the unit, the window or the kind of scope, and one that
/// joins parts by a character that a name may contain.
pub(crate) fn accounts_that_differ_in_one_part_are_two_accounts(ground: &Ground<'_>) -> Held {
    // A key that leaves a part out, or joins parts by a mark that a name may contain, mixes two budgets.
    let books = ground.books()?;
    let (search, ada) = (scope("team", "search"), scope("user", "search"));
    let tool = |name: &str| Unit::Tool(name.into());
    let parts = [
        ("cap", Unit::Usd, "month", &search),
        ("cap2", Unit::Usd, "month", &search),
        ("cap", Unit::TokensInput, "month", &search),
        ("cap", tool("find"), "month", &search),
        ("cap", tool("Find"), "month", &search),
        ("cap", Unit::Usd, "day", &search),
        ("cap", Unit::Usd, "month", &ada),
        ("cap/usd", Unit::Usd, "month", &search),
        ("cap:team", Unit::Usd, "month", &search),
        ("cap|team/search|usd", Unit::Usd, "month", &search),
    ];
    let lines: Vec<ClaimLine> = parts
        .into_iter()
        .map(|(budget, unit, window, scope)| line_of(account_of(&tenant(), (budget, unit, window), scope)))
        .collect();
    let amounts: Vec<i64> = (1..=10).collect();

    books.held(&claim(lines.clone()), &amounts)?;

    equal!(books.balances(&claim(lines))?, (1..=10).map(|amount| (0, amount)).collect::<Vec<_>>());
    Ok(())
}

/// Catches a collation: `ada`, `Ada`, `ada ` and `ádá` are four users, and a name of 128
/// bytes counts to its last byte.
pub(crate) fn names_are_told_apart_to_the_last_letter(ground: &Ground<'_>) -> Held {
    // Stores compare text without its case, its trailing blanks or its accents unless they are told not to.
    let books = ground.books()?;
    let longest = ["x".repeat(128), format!("{}y", "x".repeat(127))];
    let names = [
        "ada", "Ada", "ada ", " ada", "ádá", "ad_", "ad%", "ada/", "a/da", "ada:1", "ada'", "ada\"", "0",
        "00",
    ];
    let lines: Vec<ClaimLine> = names
        .into_iter()
        .chain(longest.iter().map(String::as_str))
        .map(|name| line(&format!("user/{name}"), always(), 1))
        .collect();

    // One a name is all there is room for.
    for line in &lines {
        books.held(&claim(vec![line.clone()]), &[1])?;
    }

    equal!(books.balances(&claim(lines))?, [(0, 1); 16]);
    Ok(())
}

/// Catches an id that is kept in fewer than 128 bits: each of the low 80 bits, flipped
/// alone, makes another hold.
pub(crate) fn ids_are_told_apart_to_the_last_bit(ground: &Ground<'_>) -> Held {
    // 128 bits do not go into a number of JavaScript or Lua, nor into a column of eight bytes.
    let books = ground.books()?;
    let first = books.id();
    // The upper 48 bits are the id's time.
    let ids = (0..80).map(|bit| ReservationId::from_bits(first.to_bits() ^ (1 << bit)));

    for id in [first].into_iter().chain(ids.clone()) {
        let reply = books.reserve(id, &team(1_000), &[1])?;
        equal!(reply.outcome, Outcome::Applied);
        told!(books; reply.repeated, false);
    }
    for id in ids {
        books.release(id)?;
    }

    equal!(books.balances(&team(1_000))?, [(0, 1)]);
    books.open_is(1)?;
    Ok(())
}

/// Catches an index of holds that all tenants share: whoever guesses an id could release
/// or resize another tenant's hold.
pub(crate) fn an_id_is_known_under_its_own_tenant_only(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let zeta = books.another()?.of_tenant(tenant_of("zeta"));
    let theirs = team_of(&zeta.tenant);
    let id = books.held(&team(10), &[4])?;

    let release = zeta.release(id)?;
    if ground.offers(Need::Resizing) {
        let resize = zeta.resize(id, &theirs, &[5], None).fails("another tenant holds it")?;
        equal!(resize.kind(), ErrorKind::State);
    }
    let usage = zeta.reconcile(id, &theirs, &[7], Certainty::Reported)?;

    // There it leaves a tombstone, and the usage is that of an id never held.
    equal!((release.outcome, usage.unheld), (Outcome::Applied, true));
    equal!((books.balances(&team(10))?, zeta.balances(&theirs)?), (vec![(0, 4)], vec![(7, 0)]));
    Ok(())
}

/// Catches a freeze that is keyed by the scope alone: stopping `team/search` here would
/// stop every customer's search team.
pub(crate) fn a_scope_frozen_under_one_tenant_is_open_under_another(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let zeta = books.another()?.of_tenant(tenant_of("zeta"));
    let search = [scope("team", "search")];
    books.mark(&search[0], Freeze, "holidays")?;

    let here = books.reserve(books.id(), &team(10), &[1])?;
    let there = zeta.reserve(zeta.id(), &team_of(&zeta.tenant), &[1])?;

    equal!((here.outcome, there.outcome), (Outcome::Refused, Outcome::Applied));
    equal!((books.marks(&search)?.len(), zeta.marks(&search)?.len()), (1, 0));
    Ok(())
}

/// Catches a refund that is checked against another tenant's charge.
pub(crate) fn a_refund_names_a_charge_of_its_own_tenant(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let zeta = books.another()?.of_tenant(tenant_of("zeta"));
    let charge = books.charged(&team(10), &[6])?;
    zeta.charged(&team_of(&zeta.tenant), &[6])?;

    let refund =
        zeta.record(zeta.id(), &team_of(&zeta.tenant), &[-1], Some(charge)).fails("another tenant's")?;

    equal!(refund.kind(), ErrorKind::State);
    equal!(zeta.balances(&team_of(&zeta.tenant))?, [(6, 0)]);
    Ok(())
}

pub(crate) fn where_ends_are_at_once_nobody_waits_for_one(ground: &Ground<'_>) -> Held {
    // Whoever drops a call ends it there and then, in a `Drop` that cannot wait.
    let books = ground.books()?;
    if !books.ledger.capabilities().ends_at_once {
        return Ok(());
    }
    let (claim, note) = (&team(10), &Note::default());
    let (sent, unsent) = (books.held(claim, &[6])?, books.held(claim, &[4])?);

    let certainty = Certainty::Reported;
    let charge = Reconcile { id: sent, claim, amounts: &[3], certainty, attribution: None, note, now: None };
    let charged = books.ledger.reconcile(charge).is_now();
    let release = Release { id: unsent, tenant: &books.tenant, attribution: None, note, now: None };
    let released = books.ledger.release(release).is_now();

    equal!((charged, released), (true, true));
    equal!(books.balances(claim)?, [(3, 0)]);
    Ok(())
}

/// `team/search` of another tenant.
fn team_of(tenant: &Tenant) -> Claim {
    claim_in(tenant, vec![line_in(tenant, "team/search", always(), 10)])
}

/// The account of a budget, with every part named.
fn account_of(tenant: &Tenant, (budget, unit, window): (&str, Unit, &str), scope: &Scope) -> Account {
    let book = BudgetKey { tenant: tenant.clone(), budget: budget.into(), unit, window: window.into() };
    Account::new(Arc::new(book), scope.clone())
}

/// A line of that account without a window, with room for 100.
fn line_of(account: Account) -> ClaimLine {
    ClaimLine { account, period: always(), ceiling: 100, thresholds: [].into_iter().collect() }
}
