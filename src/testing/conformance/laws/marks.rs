//! In which order may marks come? In every order: each counts, or is a repeat.
//!
//! | stands ↓, comes → | freeze | close | stop | reopen |
//! | --- | --- | --- | --- | --- |
//! | nothing | counts | counts | counts | repeat |
//! | freeze | repeat | counts | counts | counts |
//! | close | repeat | repeat | counts | counts |
//! | stop | repeat | repeat | repeat | counts |
//!
//! A freeze is for a while, so a close replaces it; a stop replaces both, and its reason stays. What is a repeat changes
//! neither the reason nor the instant.

use super::*;
use crate::Scope;
use crate::ledger::MarkAction::{self, Close, Freeze, Reopen, Stop};

/// Weakest first; a mark counts where a weaker one stands.
const MARKS: [MarkAction; 3] = [Freeze, Close, Stop];

/// Catches whatever depends on the order in which marks come: three marks in each of the 64 orders, and after each the
/// answer, what stands, since when and why, and whether a call is let in.
pub(crate) fn marks_count_or_are_repeats_in_every_order(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let actions = [Freeze, Close, Stop, Reopen];
    for number in 0..64_usize {
        let scope = scope("team", &number.to_string());
        let mut standing = None;
        for (step, place) in [number % 4, number / 4 % 4, number / 16].into_iter().enumerate() {
            let Some(action) = actions.get(place).copied() else { continue };
            let reason = format!("{number}, {step}");
            books.advance(Duration::from_secs(1))?;

            let counts = counts(standing.as_ref().map(|(mark, _, _)| *mark), action);
            let reply = books.mark(&scope, action, &reason)?;
            if counts {
                standing = (action != Reopen).then(|| (action, reason, books.now()));
            }

            holds!(
                !books.heard_all() || reply.repeated != counts,
                "{action:?} as {number}, {step}: {reply:?}"
            );
            stands(&books, &scope, standing.as_ref())?;
        }
    }
    Ok(())
}

/// Catches a ledger that names the scope that was marked first, or the strongest mark alone: a call hears of all its
/// scopes, in its own order, each with its own mark and reason.
pub(crate) fn two_marked_scopes_of_a_call_are_named_in_its_order_each_with_its_mark(
    ground: &Ground<'_>,
) -> Held {
    let (search, ada) = (scope("team", "search"), scope("user", "ada"));
    for (first, second) in [(Freeze, Stop), (Stop, Freeze), (Close, Stop), (Freeze, Close), (Stop, Stop)] {
        for (one, other) in [(&search, &ada), (&ada, &search)] {
            let books = ground.books()?;
            books.mark(one, first, "the first")?;
            books.mark(other, second, "the second")?;

            let refused = books.reserve(books.id(), &two(10, 10), &[1, 1])?;

            equal!(refused.outcome, Outcome::Refused);
            let named = refused.effects.map(|effects| effects.frozen).unwrap_or_default();
            let named: Vec<_> =
                named.iter().map(|it| (&it.scope, it.action, &*it.attribution.reason)).collect();
            let mut expected = vec![(one, first, "the first"), (other, second, "the second")];
            expected.sort_by_key(|(scope, _, _)| *scope == &ada);
            told!(books; named, expected);

            books.mark(one, Reopen, "it was right")?;
            equal!(books.reserve(books.id(), &two(10, 10), &[1, 1])?.outcome, Outcome::Refused);
            books.mark(other, Reopen, "it was right, too")?;
            equal!(books.reserve(books.id(), &two(10, 10), &[1, 1])?.outcome, Outcome::Applied);
        }
    }
    Ok(())
}

/// Catches a ledger that looks at the first scopes of a call only: of forty, each stops it by itself.
pub(crate) fn each_of_many_scopes_stops_the_call(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let scopes: Vec<Scope> = (0..40).map(|place| scope("user", &place.to_string())).collect();
    let carries = claim_of(&tenant(), &scopes, vec![line("team/search", always(), 10)]);
    for marked in &scopes {
        books.mark(marked, Freeze, "holidays")?;
        let refused = books.reserve(books.id(), &carries, &[1])?;
        equal!((marked, refused.outcome), (marked, Outcome::Refused));
        books.mark(marked, Reopen, "they are over")?;
    }
    equal!(books.reserve(books.id(), &carries, &[1])?.outcome, Outcome::Applied);
    Ok(())
}

/// Whether the mark changes anything where that one stands.
fn counts(stands: Option<MarkAction>, action: MarkAction) -> bool {
    let strength = |mark| MARKS.iter().position(|known| *known == mark);
    if action == Reopen { stands.is_some() } else { stands.and_then(strength) < strength(action) }
}

/// Exactly this mark stands on the scope, and a call is let in only if none does.
fn stands(books: &Books, scope: &Scope, expected: Option<&(MarkAction, String, Timestamp)>) -> Held {
    let read = books.marks(std::slice::from_ref(scope))?;
    let read: Vec<_> =
        read.into_iter().map(|it| (it.action, it.attribution.reason.to_string(), it.since)).collect();
    equal!(read, expected.cloned().into_iter().collect::<Vec<_>>());
    let free = claim(vec![line(&scope.to_string(), always(), 10)]);
    let asked = books.reserve(books.id(), &free, &[0])?.outcome;
    equal!(asked, if expected.is_some() { Outcome::Refused } else { Outcome::Applied });
    Ok(())
}
