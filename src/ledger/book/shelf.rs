//! Which pages are kept between two rounds, and which refusals outlive their page?
//!
//! A page spares its tenant's next round a read, so pages are kept as long as there is room: for so many rows in all, whoever's they
//! are. What was used longest ago goes first. A page that has something to tell which nobody has heard yet stays, without its rows.
//!
//! Refusals are remembered for a minute, and nobody else knows them: a store writes nothing for them. So they stay when their page
//! goes, the oldest making way where a stated number is reached.
//!
//! # What strangers cost
//! Names that nobody was admitted by leave a note on a page that they are not there. Beyond a stated number of these a page forgets
//! them all (`StorePage::forget_absent`), and asks again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::page::StorePage;
use super::refusals::{REFUSALS_MAX, Refusals};
use crate::values::{Tenant, Timestamp};

/// Rows on all pages beyond which the pages that were used longest ago go: some tens of megabytes.
pub(super) const ROWS_MAX: usize = 200_000;

/// The same of pages: each is a kilobyte by itself.
const PAGES_MAX: usize = 1_000;

/// The pages of all tenants in use.
#[derive(Debug)]
pub(super) struct Shelf {
    remembers: Duration,
    pages: HashMap<Tenant, Kept>,
    /// Rows of all pages, as they were counted last.
    rows: usize,
    /// The number of the round.
    round: u64,
    /// Whose pages this round has used.
    touched: Vec<Tenant>,
    away: Away,
}

/// A page, and what is known of it.
#[derive(Debug)]
struct Kept {
    page: StorePage,
    /// The last round that used it.
    used: u64,
    rows: usize,
}

/// Refusals of tenants whose page is not kept.
#[derive(Debug, Default)]
struct Away {
    refusals: HashMap<Tenant, Refusals>,
    /// Whose went, the oldest first; who came back since may still be named.
    order: VecDeque<Tenant>,
    /// How many there are of all tenants.
    len: usize,
}

impl Shelf {
    pub(super) fn new(remembers: Duration) -> Self {
        let (pages, touched, away) = (HashMap::new(), Vec::new(), Away::default());
        Self { remembers, pages, rows: 0, round: 1, touched, away }
    }

    /// The tenant's page, made where there is none.
    pub(super) fn page(&mut self, tenant: &Tenant) -> &mut StorePage {
        let Self { remembers, pages, round, touched, away, .. } = self;
        let kept = pages.entry(tenant.clone()).or_insert_with(|| {
            let mut page = StorePage::new(tenant.clone(), *remembers);
            page.refusals = away.take(tenant);
            Kept { page, used: 0, rows: 0 }
        });
        if kept.used != *round {
            kept.used = *round;
            touched.push(tenant.clone());
        }
        &mut kept.page
    }

    /// Forgets all that was read and all that the round did.
    pub(super) fn void_all(&mut self) {
        self.rows = 0;
        for kept in self.pages.values_mut() {
            kept.page.void();
            kept.rows = 0;
        }
    }

    /// Begins a round: counts what the last one has left, and makes room.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        for tenant in std::mem::take(&mut self.touched) {
            let Some(kept) = self.pages.get_mut(&tenant) else { continue };
            let before = std::mem::replace(&mut kept.rows, kept.page.rows());
            self.rows = self.rows.saturating_sub(before).saturating_add(kept.rows);
        }
        self.round = self.round.wrapping_add(1);
        if self.rows > ROWS_MAX || self.pages.len() > PAGES_MAX {
            self.make_room();
        }
        self.away.forget_old(now);
    }

    /// Lets pages go, down to three quarters of what is kept at most: so not every round has to look for the oldest.
    fn make_room(&mut self) {
        let mut oldest: Vec<_> =
            self.pages.iter().map(|(tenant, kept)| (kept.used, tenant.clone())).collect();
        oldest.sort_unstable_by_key(|(used, _)| *used);
        for (_, tenant) in oldest {
            if self.rows <= ROWS_MAX / 4 * 3 && self.pages.len() <= PAGES_MAX / 4 * 3 {
                break;
            }
            let Some(kept) = self.pages.get_mut(&tenant) else { continue };
            self.rows = self.rows.saturating_sub(std::mem::take(&mut kept.rows));
            if kept.page.untold.is_some() {
                // What was not told yet is known here alone.
                kept.page.void();
            } else if let Some(kept) = self.pages.remove(&tenant) {
                self.away.put(tenant, kept.page.refusals);
            }
        }
    }
}

impl Away {
    fn put(&mut self, tenant: Tenant, refusals: Refusals) {
        if refusals.is_empty() {
            return;
        }
        self.len = self.len.saturating_add(refusals.len());
        self.order.push_back(tenant.clone());
        self.refusals.insert(tenant, refusals);
        // Each has one refusal at least, unless it came back since.
        while self.len.max(self.order.len()) > REFUSALS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.take(&oldest);
        }
    }

    fn take(&mut self, tenant: &Tenant) -> Refusals {
        let refusals = self.refusals.remove(tenant).unwrap_or_default();
        self.len = self.len.saturating_sub(refusals.len());
        refusals
    }

    /// Forgets those whose newest was refused a minute ago.
    fn forget_old(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            let stands = self.refusals.get_mut(oldest).is_some_and(|refusals| {
                let before = refusals.len();
                refusals.forget_old(now);
                self.len = self.len.saturating_sub(before.saturating_sub(refusals.len()));
                !refusals.is_empty()
            });
            if stands {
                break;
            }
            self.refusals.remove(oldest);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::ReservationId;

    fn tenant(number: usize) -> Tenant {
        Tenant::named(&format!("tenant-{number}")).expect("a plain name")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    /// A shelf on which each of so many tenants was refused once, in a round of its own.
    fn refused(tenants: usize) -> Shelf {
        let mut shelf = Shelf::new(Duration::from_secs(3_600));
        for number in 0..tenants {
            let id = ReservationId::from_bits(number as u128);
            shelf.page(&tenant(number)).refusals.add(at(0), id, 7);
            shelf.tidy(at(0));
        }
        shelf
    }

    fn body(shelf: &mut Shelf, number: usize) -> Option<u128> {
        shelf.page(&tenant(number)).refusals.body(ReservationId::from_bits(number as u128))
    }

    #[test]
    fn a_refusal_is_known_for_its_minute_whoever_was_refused_since() {
        // A thousand other tenants threw all pages away, and what was refused on them.
        let mut shelf = refused(3_000);
        assert!(shelf.pages.len() <= PAGES_MAX);

        shelf.tidy(at(60) - Duration::from_nanos(1));
        assert_eq!([0, 1_500, 2_999].map(|number| body(&mut shelf, number)), [Some(7); 3]);
        let mut shelf = refused(3_000);
        shelf.tidy(at(60));
        assert_eq!((body(&mut shelf, 0), shelf.away.len, shelf.away.order.len()), (None, 0, 0));
    }

    #[test]
    fn no_more_refusals_than_stated_outlive_their_pages() {
        let mut shelf = refused(REFUSALS_MAX + 2_000);

        assert_eq!(body(&mut shelf, 0), None);
        assert_eq!(body(&mut shelf, REFUSALS_MAX + 1_999), Some(7));
        assert!(shelf.away.len <= REFUSALS_MAX);
        let kept: usize = shelf.away.refusals.values().map(Refusals::len).sum();
        assert_eq!(shelf.away.len, kept);
    }

    #[test]
    fn the_page_that_was_used_longest_ago_goes_first() {
        let mut shelf = refused(PAGES_MAX);
        shelf.page(&tenant(0));
        shelf.tidy(at(0));

        shelf.page(&tenant(PAGES_MAX));
        shelf.tidy(at(0));

        let stands = [0, 1, PAGES_MAX].map(|number| shelf.pages.contains_key(&tenant(number)));
        assert_eq!((stands, shelf.pages.len()), ([true, false, true], PAGES_MAX / 4 * 3));
    }

    #[test]
    fn what_nobody_has_heard_yet_outlives_its_rows() {
        let mut shelf = Shelf::new(Duration::from_secs(3_600));
        shelf.page(&tenant(0)).untold = Some(Box::default());
        for number in 1..=PAGES_MAX {
            shelf.tidy(at(0));
            shelf.page(&tenant(number));
        }
        shelf.tidy(at(0));

        assert!(shelf.pages.contains_key(&tenant(0)) && !shelf.pages.contains_key(&tenant(1)));
    }
}
