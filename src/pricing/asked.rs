//! Is a model that a policy names the one that a call asks for?
//!
//! A budget that says `gpt-4o` is meant for every call that is billed as
//! `gpt-4o`, however its client spells that. So names are compared with what a
//! call writes and with the row whose price it has; by the first alone, any
//! spelling that has a price would pass every budget of its model.

use super::matching::{canonical_provider, split_provider, undated};
use super::table::PricingTable;
use crate::Call;

/// The model that a call asks for, and the table that it is priced by.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) provider: Option<&'a str>,
    pub(crate) model: &'a str,
    /// None where only spellings are compared.
    pub(crate) prices: Option<&'a PricingTable>,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(call: &'a Call, prices: Option<&'a PricingTable>) -> Self {
        Self { provider: call.provider.as_deref(), model: &call.model, prices }
    }

    /// Whether a policy that writes that name means this model.
    ///
    /// Letter case, what stands before a slash, and a date that the policy leaves out do not tell models apart. A date
    /// in the policy means that version alone, and an alias of one's own means the calls that write it: two
    /// deployments of one model may have a budget each.
    pub(crate) fn is_named(&self, written: &str) -> bool {
        let is = |name: &str| name.eq_ignore_ascii_case(written);
        if is(self.model) {
            return true;
        }
        // What one seller calls `anthropic/claude-…` is its maker's, too, whose own row has another name.
        let makers = self.prices.and_then(|prices| prices.row_of(None, self.model));
        let rows = [self.row(), makers].into_iter().flatten().map(|(_, model)| model);
        let behind = |at: usize| at.checked_add(1).and_then(|begin| self.model.get(begin..));
        let bare = self.model.match_indices('/').filter_map(|(at, _)| behind(at));
        let mut names = std::iter::once(self.model).chain(bare).chain(rows.clone());
        names.any(|name| is(name) || undated(name).into_iter().flatten().any(is))
            || rows.clone().any(|row| self.means_row(written, row))
    }

    /// Whether a policy that writes that provider means the one that sells this model.
    ///
    /// Of a call that names none it is the one whose price it has.
    pub(crate) fn is_sold_by(&self, written: &str) -> bool {
        let is =
            |provider: &str| canonical_provider(provider).eq_ignore_ascii_case(canonical_provider(written));
        match self.provider {
            Some(provider) => is(provider),
            None => {
                self.row().is_some_and(|(provider, _)| is(provider))
                    || split_provider(None, self.model).is_some_and(|(provider, _)| is(provider))
            }
        }
    }

    /// The place of this model on a ladder: where it stands itself, else where the policy means it.
    pub(crate) fn rung<T: AsRef<str>>(&self, ladder: &[T]) -> Option<usize> {
        let itself = ladder.iter().position(|rung| rung.as_ref() == self.model);
        itself.or_else(|| ladder.iter().position(|rung| self.is_named(rung.as_ref())))
    }

    /// Whether that name is another spelling of the row's.
    fn means_row(&self, written: &str, row: &str) -> bool {
        let Some(prices) = self.prices else { return false };
        let is_dated = undated(written).iter().any(Option::is_some);
        let means = |provider| prices.row_of(provider, written).is_some_and(|(_, model)| model == row);
        !is_dated && !prices.has_alias(written) && (means(self.provider) || means(None))
    }

    /// Provider and name of the row whose price the call has.
    fn row(&self) -> Option<(&'a str, &'a str)> {
        self.prices?.row_of(self.provider, self.model)
    }
}
