//! Does the journal account for every balance?
//!
//! The journal is the proof of every balance: one entry for each confirmed change,
//! numbered from 1 without a gap for each tenant. An entry holds *differences*, so that
//! the entries of an account add up to its balance; a reconcile of a hold of 5 that
//! charges 3 is `spent +3, reserved −5`.

use std::sync::Arc;

use super::*;
use crate::Usage;
use crate::call::{Conditions, ServiceTier};
use crate::ledger::{About, Ended, EntryLine, MarkAction, Note, Reconcile, Release, Reserve};
use crate::testing::conformance::need::Need;

/// Catches an entry for a refusal, a repeat or an ignored report, and a change without an
/// entry: ten commands, of which five change something, or fewer where there is no resizing and no posting.
pub(crate) fn every_confirmed_change_is_one_entry_numbered_without_gaps(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    let (resizes, posts) = (ground.offers(Need::Resizing), ground.offers(Need::Postings));
    if resizes {
        books.resize(id, &team(10), &[5], None)?;
    }
    books.reserve(books.id(), &team(10), &[9])?;
    books.reserve(id, &team(10), &[4])?;
    books.reconcile(id, &team(10), &[3], Certainty::Estimated)?;
    books.reconcile(id, &team(10), &[9], Certainty::Provisional)?;
    books.release(id)?;
    books.release(id)?;
    let posted = books.id();
    if posts {
        books.record(posted, &team(10), &[7], None)?;
        books.record(posted, &team(10), &[7], None)?;
    }

    let entries = books.journal()?;

    let mut expected = vec![(EntryKind::Reserved, 0, 4)];
    expected.extend(resizes.then_some((EntryKind::Resized, 0, 1)));
    let held = if resizes { 5 } else { 4 };
    expected.push((EntryKind::Reconciled(Certainty::Estimated), 3, -held));
    expected.push((EntryKind::Released, -3, 0));
    expected.extend(posts.then_some((EntryKind::Recorded, 7, 0)));
    equal!(changes(&entries), expected);
    equal!(numbers(&entries), (1..).take(expected.len()).collect::<Vec<_>>());
    if posts {
        let attribution = entries.last().and_then(|entry| entry.attribution.as_ref());
        equal!(attribution.map(|attribution| attribution.reason.as_str()), Some("an audit"));
    }
    Ok(())
}

/// Catches an expiry that is folded into the entry of the command that found it.
pub(crate) fn an_expiry_is_an_entry_of_its_own(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (books.now(), OnExpiry::Hold))?;

    books.balances(&team(10))?;

    let entries = books.journal()?;
    let expected = [(EntryKind::Reserved, 0, 4), (EntryKind::Reconciled(Certainty::Expired), 4, -4)];
    equal!(changes(&entries), expected);
    equal!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [id, id]);
    equal!(entries.last().and_then(|last| last.note.ended), Some(Ended::Expired));
    Ok(())
}

/// Catches a reader that starts one too late or takes `limit` for the last number.
pub(crate) fn the_journal_is_read_from_a_number_on(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    for _ in 0..3 {
        books.charged(&team(10), &[1])?;
    }

    let some = books.entries(&tenant(), 3, 2)?;

    equal!(numbers(&some), [3, 4]);
    Ok(())
}

/// Catches a page that is cut by joined rows: two lines an entry, two tenants in turns,
/// pages of two entries.
pub(crate) fn the_journal_is_read_page_by_page_without_a_gap(ground: &Ground<'_>) -> Held {
    // A limit on rows that are joined counts an entry as often as it has lines,
    // and one that comes before the tenant's turn counts the entries of others.
    let books = ground.books()?;
    let zeta = books.another()?.of_tenant(tenant_of("zeta"));
    let theirs = claim_in(&zeta.tenant, vec![line_in(&zeta.tenant, "team/search", always(), 10)]);
    for _ in 0..3 {
        zeta.charged(&theirs, &[1])?;
        books.charged(&two(10, 10), &[1, 2])?;
    }

    let mut pages = Vec::new();
    for from in [1, 3, 5, 7] {
        pages.push(books.entries(&tenant(), from, 2)?);
    }

    equal!(
        pages.iter().map(|page| numbers(page)).collect::<Vec<_>>(),
        [vec![1, 2], vec![3, 4], vec![5, 6], vec![]]
    );
    let lines: Vec<_> = pages.iter().flatten().map(|entry| entry.lines.len()).collect();
    equal!(lines, [2; 6]);
    equal!(books.entries(&tenant(), 1, 0)?, []);
    Ok(())
}

/// Catches an entry that names the period of the day on which it was written instead of
/// the one that it changed.
pub(crate) fn an_entry_tells_every_line_with_the_period_that_it_changed(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let lines = claim(vec![line("team/search", always(), 10), line("user/ada", day(0), 10)]);
    let id = books.id();
    books.reserve_until(id, &lines, &[4, 3], (Timestamp::MAX, OnExpiry::Hold))?;
    books.at(2_000)?;
    // The user's account lives on day 2 by now; the charge is one of day 0.
    books.charged(&claim(vec![line("user/ada", day(2), 10)]), &[1])?;
    books.reconcile(id, &lines, &[5, 0], Certainty::Reported)?;

    let entries = books.journal()?;
    let told: Vec<_> = entries.iter().filter(|entry| entry.id == id).map(lines_of).collect();

    let line = |name: &str, period, spent, reserved| (name.to_owned(), period, spent, reserved);
    let reserved = vec![line("team/search", 0, 0, 4), line("user/ada", 0, 0, 3)];
    let charged = vec![line("team/search", 0, 5, -4), line("user/ada", 0, 0, -3)];
    equal!(told, [reserved, charged]);
    equal!(
        entries.iter().map(|entry| entry.at.as_millis()).collect::<Vec<_>>(),
        [0, 2_000_000, 2_000_000, 2_000_000]
    );
    Ok(())
}

/// Catches a ledger that drops the note (model, tags, usage) or the signature: reports
/// and audits read nothing else.
pub(crate) fn an_entry_keeps_the_note_and_the_signature_of_its_command(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let about = About {
        model: "gpt-4o".into(),
        provider: Some("azure".into()),
        conditions: Conditions::new().with_tier(ServiceTier::Batch),
        tags: vec![("job".into(), "7".into())],
        ..About::default()
    };
    let asked = Note { about: Some(Arc::new(about)), ..Note::default() };
    let used = Note { usage: Some(Usage::of(7, 3)), ended: Some(Ended::Estimated), ..asked.clone() };
    let (id, claim, tenant) = (books.id(), &team(10), &tenant());
    let (expires_at, on_expiry) = (books.now() + Duration::from_secs(100), OnExpiry::Nothing);
    let (counted, mistake) = (signed("counted by hand"), signed("it was a test"));

    books.reserve_as(Reserve { id, claim, amounts: &[4], expires_at, on_expiry, note: &asked, now: None })?;
    books.reconcile_as(Reconcile {
        now: None,
        id,
        claim,
        amounts: &[3],
        certainty: Certainty::Estimated,
        attribution: Some(&counted),
        note: &used,
    })?;
    books.release_as(Release { id, tenant, attribution: Some(&mistake), note: &asked, now: None })?;

    let entries = books.journal()?;
    equal!(entries.iter().map(|entry| entry.note.clone()).collect::<Vec<_>>(), [asked.clone(), used, asked]);
    let signatures: Vec<_> = entries.into_iter().map(|entry| entry.attribution).collect();
    equal!(signatures, [None, Some(counted), Some(mistake)]);
    Ok(())
}

/// Catches a freeze that leaves no trace: afterwards nobody can say who stopped a team.
pub(crate) fn a_mark_is_an_entry_that_says_who_and_why(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let search = scope("team", "search");
    books.mark(&search, MarkAction::Freeze, "the bill looks wrong")?;
    books.mark(&search, MarkAction::Reopen, "it was right")?;

    let entries = books.journal()?;

    let told: Vec<_> = entries.into_iter().map(|entry| (entry.kind, entry.attribution)).collect();
    let expected = [
        (EntryKind::Marked(MarkAction::Freeze), Some(signed("the bill looks wrong"))),
        (EntryKind::Marked(MarkAction::Reopen), Some(signed("it was right"))),
    ];
    equal!(told, expected);
    Ok(())
}

/// Catches a threshold entry without its account or with the wrong period, and one for a
/// line that did not reach its threshold (2 of 3).
pub(crate) fn a_threshold_that_was_reached_is_told_by_account_and_period(ground: &Ground<'_>) -> Held {
    // After a crash whoever waits for events reads them here.
    let books = ground.books()?;
    books.at(1_000)?;
    let of_thresholds = |text| with_thresholds(line(text, day(1), 100), &[(3, 7)]);
    let claim =
        claim(vec![line("team/search", always(), 100), of_thresholds("user/ada"), of_thresholds("run/1")]);
    let id = books.charged(&claim, &[5, 5, 2])?;

    let entries = books.journal()?;

    let reached: Vec<_> = entries.iter().filter(|entry| entry.kind == EntryKind::Reached(7)).collect();
    equal!(
        reached.iter().map(|entry| lines_of(entry)).collect::<Vec<_>>(),
        [[("user/ada".to_owned(), 1, 0, 0)]]
    );
    equal!(reached.iter().map(|entry| entry.id).collect::<Vec<_>>(), [id]);
    Ok(())
}

/// Catches ids, balances or numbers that two tenants share: the same id, the same team
/// name, and each journal begins at 1.
pub(crate) fn two_tenants_are_separate_books(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (acme, zeta) = (tenant_of("acme"), tenant_of("zeta"));
    let of = |tenant| claim_in(tenant, vec![line_in(tenant, "team/search", always(), 10)]);
    let (one, other) = (of(&acme), of(&zeta));
    let zetas = books.another()?.of_tenant(zeta);
    let id = books.held(&one, &[10])?;

    // The same id, the same team: other books.
    let reply = books.reserve(id, &other, &[9])?;
    books.reconcile(id, &other, &[8], Certainty::Reported)?;

    equal!(reply.outcome, Outcome::Applied);
    told!(books; reply.repeated, false);
    equal!((books.balances(&one)?, books.balances(&other)?), (vec![(0, 10)], vec![(8, 0)]));
    equal!(numbers(&books.journal()?), [1]);
    equal!(numbers(&zetas.journal()?), [1, 2]);
    Ok(())
}

/// Kind, spent and reserved of each entry, on its first line.
fn changes(entries: &[Entry]) -> Vec<(EntryKind, i64, i64)> {
    let first = |entry: &Entry| entry.lines.first().map_or((0, 0), |line| (line.spent, line.reserved));
    entries.iter().map(|entry| (entry.kind, first(entry).0, first(entry).1)).collect()
}

/// Account, period, spent and reserved of each line.
fn lines_of(entry: &Entry) -> Vec<(String, i64, i64, i64)> {
    let line = |line: &EntryLine| (line.account.scope().to_string(), line.period, line.spent, line.reserved);
    entry.lines.iter().map(line).collect()
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}
