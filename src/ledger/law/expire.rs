//! What becomes of a hold at its age?
//!
//! Every command of a tenant first ends what is due there, so that results do not depend on a sweeper.
//!
//! Worked example: holds A (due at 10 s, charges its 4) and B (due at 12 s, charges nothing) are open. A reserve at 15 s first
//! writes "A expired, +4 spent, −4 reserved" and "B expired, −3 reserved", then judges its own lines on what is left, and its reply
//! tells of both.

use smallvec::SmallVec;

use super::{ExpiryCharge, Known, Line, Lines, Looked, Page, Written, post};
use crate::ledger::rules::{State, expiry_cost};
use crate::ledger::{Certainty, Ended, EntryKind, Expired, Note};

/// Expiries of one tenant that wait to be told, at most. The journal has all of them, and a process that only reads has nobody to
/// tell.
const EXPIRIES_UNTOLD_MAX: usize = 10_000;

/// Ends one open hold by its age, and charges it what was said when it was made.
///
/// The caller gives what is due in the order of due instants and then of ids: the journal is the same wherever it is kept.
pub(crate) fn expire<P: Page>(page: &mut P, hold: Known<P::About>) -> Looked<(), P> {
    let lines = expiry_lines(page, &hold)?;
    let mut charged = Vec::with_capacity(lines.len());
    for line in &lines {
        charged.push((page.account(line.account)?, line.spent));
    }
    let cost = expiry_cost(hold.on_expiry != ExpiryCharge::Nothing, &charged);
    let note = Note { cost, ended: Some(Ended::Expired), ..Note::default() };
    post(page, Written::new(EntryKind::Reconciled(Certainty::Expired), hold.id, &hold.about, &note), &lines);
    let (id, due) = (hold.id, hold.expires_at);
    let charges: SmallVec<[i64; 8]> = lines.iter().map(|line| line.spent).collect();
    page.keep(hold.ended(page.now(), State::Charged(Certainty::Expired), charges));
    let untold = &mut page.effects().expired;
    if untold.len() < EXPIRIES_UNTOLD_MAX {
        untold.push(Expired { id, due, charged });
    }
    Ok(())
}

/// What a hold changes as it ends by age. If the stated charge does not fit into 64 bits, the hold itself is charged, which always
/// fits: it was held.
fn expiry_lines<P: Page>(page: &P, hold: &Known<P::About>) -> Looked<Lines, P> {
    let mut lines = Lines::new();
    for held in &hold.lines {
        let spent = match hold.on_expiry {
            ExpiryCharge::Nothing => 0,
            ExpiryCharge::Hold => held.amount,
            ExpiryCharge::Amounts => held.on_expiry,
        };
        let line = Line {
            account: held.account,
            period: held.period,
            spent,
            reserved: held.amount.saturating_neg(),
        };
        let spent = if page.fits(&line)? { spent } else { held.amount };
        lines.push(Line { spent, ..line });
    }
    Ok(lines)
}
