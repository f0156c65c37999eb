//! Can a report be made of the journal alone?
//!
//! A report says who called, what for, which model, what it used and what that cost, also of calls that no budget binds. So each of
//! these facts must come back from a ledger as it was said; a fact that was not said is unknown, and must not come back as zero.

use std::sync::Arc;

use super::*;
use crate::call::{Conditions, ServiceTier};
use crate::ledger::{About, Ended, Note, Reconcile, Reserve, Served};
use crate::values::{Account, BudgetKey, ClaimLine, Unit};
use crate::{Scope, Usage, Usd};

/// Catches a ledger that keeps the scopes of its lines alone, puts the model that served in the place of the one that was asked, takes
/// an unknown cost for zero, or has nothing of a call that no budget binds.
pub(crate) fn what_is_said_of_a_call_comes_back_whole_and_unchanged(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let bound = &claim_of(&tenant(), &[scope("team", "search")], vec![line("team/search", always(), 10)]);
    let unbound = &claim_of(&tenant(), &[scope("team", "search")], vec![]);
    let asked = Note { about: Some(Arc::new(about())), ..Note::default() };
    let costs = [None, Some(Usd::ZERO), Some(Usd::from_nanos(1)), Some(Usd::MAX)];
    let ends = costs.into_iter().zip([None, Some(served()), None, Some(served())]);

    let mut expected = Vec::new();
    for claim in [bound, unbound] {
        for (cost, served) in ends.clone() {
            let (usage, ended) = (Some(Usage::of(7, 3)), Some(Ended::Reported));
            let end = Note { served, cost, usage, ended, ..asked.clone() };
            charged(&books, claim, &asked, &end)?;
            let lines = claim.lines().len();
            expected.extend([(lines, asked.clone()), (lines, end)]);
        }
    }

    let told = books.journal()?.into_iter().map(|entry| (entry.lines.len(), entry.note));
    equal!(told.collect::<Vec<_>>(), expected);
    Ok(())
}

/// Catches a ledger that keeps what calls are about once for all, and finds it by less than all of it.
pub(crate) fn calls_that_differ_in_one_fact_are_told_apart(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let all = about();
    let without_last = |scopes: &[Scope]| scopes.iter().rev().skip(1).rev().cloned().collect();
    let others = [
        About { scopes: without_last(&all.scopes), ..all.clone() },
        About { scopes: all.scopes.iter().rev().cloned().collect(), ..all.clone() },
        About { scopes: Vec::new(), ..all.clone() },
        About { model: "gpt-4o-mini".into(), ..all.clone() },
        About { provider: None, ..all.clone() },
        About { conditions: Conditions::default(), ..all.clone() },
        About { tags: Vec::new(), ..all.clone() },
        About { use_case: None, ..all.clone() },
        About { price: "none".into(), ..all.clone() },
        About { exemptions: Vec::new(), ..all.clone() },
        About { scopes: Vec::new(), provider: None, conditions: Conditions::default(), ..all.clone() },
        About::default(),
        all,
    ];

    for other in &others {
        let note = Note { about: Some(Arc::new(other.clone())), ..Note::default() };
        charged(&books, &team(i64::MAX), &note, &note)?;
    }

    let told: Vec<_> = books.journal()?.into_iter().filter_map(|entry| entry.note.about).collect();
    let expected: Vec<_> =
        others.into_iter().flat_map(|other| [Arc::new(other.clone()), Arc::new(other)]).collect();
    equal!(told, expected);
    Ok(())
}

/// Catches an expiry without a cost, and one that costs nothing because none of its lines counts dollars.
pub(crate) fn a_call_that_expires_costs_what_its_dollars_were_charged(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (dollars, tokens) = (line("team/search", always(), 100), in_tokens());
    let both = &claim(vec![tokens.clone(), dollars.clone()]);
    let tokens = &claim(vec![tokens]);
    let cases = [
        (both, vec![70, 4], OnExpiry::Hold, Some(4)),
        (both, vec![70, 4], OnExpiry::Amounts(&[60, 3]), Some(3)),
        // It was sent, and may have had no price.
        (both, vec![70, 0], OnExpiry::Hold, None),
        (tokens, vec![70], OnExpiry::Hold, None),
        // It was never sent.
        (both, vec![70, 4], OnExpiry::Nothing, Some(0)),
    ];

    for (claim, amounts, on_expiry, cost) in cases {
        let id = books.id();
        books.reserve_until(id, claim, &amounts, (books.now(), on_expiry))?;
        books.balances(claim)?;
        let last = books.journal()?.into_iter().rfind(|entry| entry.id == id);
        let told = last.map(|entry| (entry.kind, entry.note.cost));
        equal!(told, Some((EntryKind::Reconciled(Certainty::Expired), cost.map(Usd::from_nanos))));
    }
    Ok(())
}

/// Holds and charges nothing: what is said is all that matters here.
fn charged(books: &Books, claim: &Claim, asked: &Note, end: &Note) -> Held {
    let (id, now) = (books.id(), None);
    let amounts = &vec![0; claim.lines().len()];
    let (expires_at, on_expiry) = (books.now() + Duration::from_secs(100), OnExpiry::Hold);
    let (certainty, attribution) = (Certainty::Reported, None);
    books.reserve_as(Reserve { id, claim, amounts, expires_at, on_expiry, note: asked, now })?;
    books.reconcile_as(Reconcile { id, claim, amounts, certainty, attribution, note: end, now })?;
    Ok(())
}

/// A call of which everything is said, four of its five scopes without a budget.
fn about() -> About {
    let kinds = ["environment", "team", "project", "user", "run"];
    About {
        scopes: kinds.map(|kind| scope(kind, "a/b \"é\"")).to_vec(),
        model: "gpt-4o".into(),
        provider: Some("azure".into()),
        conditions: Conditions::new().with_tier(ServiceTier::Batch),
        tags: vec![("feature".into(), "x".into()), ("cost centre".into(), "4711".into())],
        use_case: Some("code_review".into()),
        price: "own 2026-11".into(),
        exemptions: vec!["launch".into()],
    }
}

fn served() -> Arc<Served> {
    Arc::new(Served {
        model: "gpt-4o-mini".into(),
        conditions: Conditions::new().with_tier(ServiceTier::Priority),
        price: "assumed as gpt-4o: own 2026-11".into(),
    })
}

/// A line that counts tokens.
fn in_tokens() -> ClaimLine {
    let book =
        BudgetKey { tenant: tenant(), budget: "tokens".into(), unit: Unit::Tokens, window: "day".into() };
    ClaimLine {
        account: Account::new(Arc::new(book), scope("team", "search")),
        ..line("team/search", always(), 1_000)
    }
}
