//! How much may one command say? As many lines, tiers, tags and letters as a claim and a note can carry.
//!
//! A store that keeps parts of a command in an array of fixed size, in the bits of a small integer or in a column of
//! fixed length loses what does not fit, and nobody hears of it: the 33rd budget does not bind, tier 16 never alerts.
//! These laws fill each part to its end, and look at what comes out at the other side.

use std::sync::Arc;

use super::*;
use crate::call::{Conditions, ServiceTier};
use crate::ledger::{About, Attribution, MarkAction, Note, Reconcile, Record, Release, Reserve};
use crate::testing::conformance::need::Need;
use crate::values::{Account, BudgetKey, ClaimLine, Period, ShortText, Unit};

/// Both sides of each size that a small array, or the bits of an integer, may have; 255 is the most that a claim carries.
const SIZES: [usize; 16] = [1, 2, 4, 5, 8, 9, 16, 17, 31, 32, 33, 64, 65, 128, 129, 255];

/// Catches a ledger that looks at the first lines of a claim only: the last line of each size has no room.
pub(crate) fn the_last_line_binds_however_many_a_claim_has(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    for size in SIZES {
        let refused =
            books.reserve(books.id(), &wide(size, |place| i64::from(place + 1 < size) * 10), &ones(size))?;

        equal!((size, refused.outcome), (size, Outcome::Refused));
        equal!(refused.balances.len(), size);
    }
    equal!(books.balances(&wide(255, |_| 10))?, [(0, 0); 255]);
    books.open_is(0)?;
    Ok(())
}

/// Catches a ledger that passes over a line in the middle: of 255 lines each of these is once the one without room.
pub(crate) fn each_line_of_the_widest_claim_binds(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    for full in SIZES.map(|size| size - 1) {
        let reply =
            books.reserve(books.id(), &wide(255, |place| i64::from(place != full) * 10), &ones(255))?;

        equal!((full, reply.outcome), (full, Outcome::Refused));
    }
    Ok(())
}

/// Catches a ledger that holds, grows, charges, shows or gives back the first lines only. Each line has an amount of its
/// own, from 1 to 255.
pub(crate) fn the_widest_claim_is_held_charged_and_given_back_on_every_line(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let claim = wide(255, |_| 1_000);
    let amounts: Vec<i64> = (1..=255).collect();
    let reserved: Vec<_> = amounts.iter().map(|amount| (0, *amount)).collect();
    let spent: Vec<_> = amounts.iter().map(|amount| (*amount, 0)).collect();

    let (charged, released) = (books.held(&claim, &amounts)?, books.id());
    equal!(books.balances(&claim)?, reserved);
    let shown = books.hold(&tenant(), charged)?.map(|hold| hold.lines).unwrap_or_default();
    equal!(shown.iter().map(|line| line.amount).collect::<Vec<_>>(), amounts);
    let charge = books.reconcile(charged, &claim, &amounts, Certainty::Reported)?;
    equal!(sums(&charge), spent);
    books.reserve(released, &claim, &amounts)?;
    books.release(released)?;

    equal!(books.balances(&claim)?, spent);
    books.open_is(0)?;
    if ground.offers(Need::Journal) {
        let lines: Vec<_> = books.journal()?.iter().map(|entry| entry.lines.len()).collect();
        equal!(lines, [255; 4]);
    }
    Ok(())
}

/// Catches growth that is judged on the first lines only.
pub(crate) fn growth_is_judged_on_every_line_of_the_widest_claim(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&wide(255, |_| 10), &ones(255))?;
    for grows in SIZES.map(|size| size - 1) {
        let amounts: Vec<i64> = (0..255).map(|place| if place == grows { 11 } else { 1 }).collect();

        let reply = books.resize(id, &wide(255, |_| 10), &amounts, None)?;

        equal!((grows, reply.outcome), (grows, Outcome::Refused));
    }
    equal!(books.balances(&wide(255, |_| 10))?, [(0, 1); 255]);
    Ok(())
}

/// Catches an expiry that charges the first lines only.
pub(crate) fn the_widest_claim_expires_on_every_line(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let claim = wide(255, |_| 1_000);
    let stated: Vec<i64> = (1..=255).collect();
    let due = books.now() + Duration::from_secs(10);
    books.reserve_until(books.id(), &claim, &ones(255), (due, OnExpiry::Hold))?;
    books.reserve_until(books.id(), &claim, &ones(255), (due, OnExpiry::Amounts(&stated)))?;

    books.set(due)?;

    let spent: Vec<_> = stated.iter().map(|amount| (amount + 1, 0)).collect();
    equal!(books.balances(&claim)?, spent);
    Ok(())
}

/// Catches tiers that are kept in 16 bits: each of the 32 fires at its own figure, and the last one as the first.
pub(crate) fn every_tier_is_told_at_its_own_figure(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let thresholds: Vec<(i64, u8)> = (0..32_u8).map(|tier| (i64::from(tier) * 10 + 10, tier)).collect();
    let watched = claim(vec![with_thresholds(line("team/search", always(), i64::MAX), &thresholds)]);

    for tier in 0..32_u8 {
        let id = books.held(&watched, &[10])?;
        let reply = books.reconcile(id, &watched, &[10], Certainty::Reported)?;
        told!(books; told_tiers(&reply), [(tier, i64::from(tier) * 10 + 10)]);
    }

    let entries = books.journal()?;
    let tiers: Vec<_> = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Reached(_))).collect();
    let expected: Vec<_> = (0..32).map(EntryKind::Reached).collect();
    equal!(tiers.iter().map(|entry| entry.kind).collect::<Vec<_>>(), expected);
    Ok(())
}

/// Catches a list of thresholds that is cut, and tiers that hide one another: the thresholds fall to the tiers from
/// behind, so that tier 31 is reached first, and one charge reaches all of them.
pub(crate) fn all_tiers_that_one_charge_reaches_are_told(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let thresholds: Vec<(i64, u8)> = (0..32_u8).map(|place| (i64::from(place) + 1, 31 - place)).collect();
    let watched = |text| with_thresholds(line(text, always(), i64::MAX), &thresholds);
    let two = claim(vec![watched("team/search"), watched("user/ada")]);
    let id = books.held(&two, &[32, 16])?;

    let reply = books.reconcile(id, &two, &[32, 16], Certainty::Reported)?;

    let team = thresholds.iter().map(|(at, tier)| (*tier, *at));
    let expected: Vec<_> = team.clone().chain(team.take(16)).collect();
    told!(books; told_tiers(&reply), expected);
    Ok(())
}

/// Catches notes and signatures that are cut to what a column or a small array takes: thirty tags, names and reasons of
/// some hundred letters, some of them of several bytes.
pub(crate) fn a_note_and_a_signature_are_kept_whole_however_long(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (claim, note, signature) = (&team(i64::MAX), &long_note(), &long_signature());
    let (id, expires_at) = (books.id(), books.now() + Duration::from_secs(100));
    let (on_expiry, amounts, now) = (OnExpiry::Nothing, &[4], None);
    let (certainty, attribution) = (Certainty::Estimated, Some(signature));

    books.reserve_as(Reserve { id, claim, amounts, expires_at, on_expiry, note, now })?;
    books.reconcile_as(Reconcile { id, claim, amounts, certainty, attribution, note, now })?;
    books.release_as(Release { id, tenant: &tenant(), attribution, note, now })?;
    let mut signed = 2;
    if ground.offers(Need::Postings) {
        let (id, corrects, attribution) = (books.id(), None, signature);
        books.record_as(Record { id, used_at: None, claim, amounts, corrects, attribution, note, now })?;
        signed += 1;
    }

    let entries = books.journal()?;
    equal!(entries.len(), signed + 1);
    for entry in &entries {
        equal!(entry.note, *note);
    }
    let signatures: Vec<_> = entries.into_iter().filter_map(|entry| entry.attribution).collect();
    equal!(signatures, vec![signature.clone(); signed]);
    equal!(books.hold(&tenant(), id)?.and_then(|hold| hold.about), note.about);
    Ok(())
}

/// Catches a reason that is cut where marks are kept, although the journal has all of it.
pub(crate) fn a_mark_tells_its_whole_reason_wherever_it_is_shown(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (search, signature) = (scope("team", "search"), long_signature());
    books.mark_as(&search, MarkAction::Stop, &signature)?;

    let refused = books.reserve(books.id(), &team(10), &[1])?;

    equal!(refused.outcome, Outcome::Refused);
    told!(books; reasons(&refused), [signature.reason.as_str()]);
    let standing: Vec<_> = books.marks(&[search])?.into_iter().map(|mark| mark.attribution).collect();
    equal!(standing, std::slice::from_ref(&signature));
    if ground.offers(Need::Journal) {
        let entries: Vec<_> = books.journal()?.into_iter().map(|entry| entry.attribution).collect();
        equal!(entries, [Some(signature)]);
    }
    Ok(())
}

/// Catches names that are cut or joined where they are long: every part of an account has a hundred letters, and two
/// accounts differ in the last one.
pub(crate) fn long_names_are_shown_whole_and_told_apart_to_their_end(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let long = |last: &str| format!("{}{last}", "ä".repeat(60));
    let parts = [("a", "a", "a"), ("b", "a", "a"), ("a", "b", "a"), ("a", "a", "b")];
    let lines: Vec<ClaimLine> = parts
        .into_iter()
        .map(|(budget, window, name)| {
            let (budget, window) = (long(budget).into(), long(window).into());
            let key = BudgetKey { tenant: tenant(), budget, unit: Unit::Usd, window };
            let account = Account::new(Arc::new(key), scope("team", &long(name)));
            ClaimLine { account, period: always(), ceiling: 10, thresholds: [].into_iter().collect() }
        })
        .collect();
    let claim = claim(lines);

    let id = books.held(&claim, &[1, 2, 3, 4])?;

    equal!(books.balances(&claim)?, [(0, 1), (0, 2), (0, 3), (0, 4)]);
    let shown = books.hold(&tenant(), id)?.map(|hold| hold.lines).unwrap_or_default();
    let accounts: Vec<_> = claim.lines().iter().map(|line| line.account.clone()).collect();
    equal!(shown.into_iter().map(|line| line.account).collect::<Vec<_>>(), accounts);
    Ok(())
}

/// Catches a read that answers an account once, or with the first period for all: the caller pairs answers with what it
/// named, one by one.
pub(crate) fn balances_are_read_one_for_each_line_that_is_named_also_twice(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let of_day = |text| claim(vec![line(text, always(), 100)]);
    books.charged(&of_day("team/search"), &[3])?;
    books.held(&of_day("team/search"), &[2])?;
    books.held(&of_day("user/ada"), &[7])?;
    let account = |text| line(text, always(), 0).account;
    let named = |text| (account(text), always());
    let other = Period { number: 7, ..always() };

    let read = books.balances_of(&[
        named("team/search"),
        named("user/ada"),
        named("team/search"),
        (account("team/search"), other),
        named("user/nobody"),
        named("team/search"),
        named("user/ada"),
        named("user/ada"),
    ])?;

    let read: Vec<_> = read.iter().map(|balance| (balance.spent, balance.reserved)).collect();
    equal!(read, [(3, 2), (0, 7), (3, 2), (0, 0), (0, 0), (3, 2), (0, 7), (0, 7)]);
    equal!(books.balances_of(&[])?, []);
    Ok(())
}

/// Catches a ledger that passes a claim over on which it has nothing to count: no budget binds the call, and it is a call
/// all the same. Its repeat, its report and its end are known.
pub(crate) fn a_claim_without_lines_is_remembered_as_any_other(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let none = &claim_of(&tenant(), &[scope("team", "search")], vec![]);
    let [held, released, unheld, buried] = [books.id(), books.id(), books.id(), books.id()];

    let reserve = books.reserve(held, none, &[])?;
    let again = books.reserve(held, none, &[])?;
    equal!((reserve.outcome, again.outcome, again.repeated), (Outcome::Applied, Outcome::Applied, true));
    told!(books; reserve.repeated, false);
    books.open_is(1)?;
    equal!(books.reserve(held, &team(10), &[1]).fails("another body")?.kind(), ErrorKind::Conflict);

    let report = books.reconcile(held, none, &[], Certainty::Reported)?;
    let again = books.reconcile(held, none, &[], Certainty::Reported)?;
    equal!((report.unheld, again.unheld, again.repeated), (false, false, true));
    equal!(books.release(held).fails("it was reported")?.kind(), ErrorKind::State);
    equal!(books.reserve(held, none, &[])?.repeated, true);

    books.reserve(released, none, &[])?;
    books.release(released)?;
    equal!((books.release(released)?.repeated, books.reserve(released, none, &[])?.repeated), (true, true));
    equal!(books.reconcile(unheld, none, &[], Certainty::Reported)?.unheld, true);
    equal!(books.reserve(unheld, none, &[]).fails("it was charged")?.kind(), ErrorKind::State);
    books.release(buried)?;
    equal!(books.reserve(buried, none, &[]).fails("it was released")?.kind(), ErrorKind::State);
    books.open_is(0)?;
    Ok(())
}

/// So many lines, each with an account of its own and the ceiling that belongs to its place.
fn wide(size: usize, ceiling: impl Fn(usize) -> i64) -> Claim {
    claim((0..size).map(|place| line(&format!("team/{place}"), always(), ceiling(place))).collect())
}

fn ones(size: usize) -> Vec<i64> {
    vec![1; size]
}

/// Tier and figure of each threshold that a reply tells.
fn told_tiers(reply: &Reply) -> Vec<(u8, i64)> {
    let reached = reply.effects.as_deref().map(|effects| effects.reached.as_slice()).unwrap_or_default();
    reached.iter().map(|reached| (reached.tier, reached.at)).collect()
}

/// As much as a call may say of itself: somewhat less than two kilobytes.
fn long_note() -> Note {
    let tag = |place: usize| (ShortText::from(format!("tag{place}")), format!("wert {place} äöü").into());
    let about = About {
        scopes: vec![scope("team", "search"), scope("squad", &"é".repeat(64))],
        model: "m".repeat(256).into(),
        provider: Some("p".repeat(100).into()),
        conditions: Conditions::new().with_tier(ServiceTier::Batch),
        tags: (0..30).map(tag).collect(),
        use_case: Some("ü".repeat(60).into()),
        price: format!("assumed as {}", "x".repeat(200)).into(),
        exemptions: (0..8).map(|place| format!("exemption-{place}").into()).collect(),
    };
    Note { about: Some(Arc::new(about)), ..Note::default() }
}

/// A name and a reason of some hundred letters; the reason is of more bytes than letters.
fn long_signature() -> Attribution {
    Attribution::new(
        "o".repeat(200),
        format!("{} ends here", "weil die Rechnung nicht stimmt, µ€. ".repeat(20)),
    )
}
