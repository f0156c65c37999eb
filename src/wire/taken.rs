//! How is a figure, or a sum of money, taken down?

use super::fields::{Field, exact_count, millis};
use super::json::{Cursor, Kind};
use super::reader::Reader;
use super::vocabulary::At;

impl Reader {
    /// Reads a figure of which the largest of all frames counts.
    pub(super) fn largest(&mut self, field: Field, value: &mut Cursor<'_>) -> Option<()> {
        let before = self.figures.get(field);
        self.count(field, value)?;
        if let Some(largest) = before.max(self.figures.get(field)) {
            self.figures.set(field, largest);
        }
        Some(())
    }

    /// Null keeps what was said before; zero is zero.
    pub(super) fn count(&mut self, field: Field, value: &mut Cursor<'_>) -> Option<()> {
        let (text, is_number) = match value.kind()? {
            Kind::Text => (value.text()?.bytes, false),
            Kind::Bare => (value.bare()?, true),
            _ => return value.skip(),
        };
        match exact_count(text) {
            Some((count, is_whole)) => {
                self.figures.take(field, count);
                self.counting |= field == Field::Counted;
                // Half a token, or one in quotes, was not counted by who counts tokens.
                self.damaged |= !is_whole || !is_number;
            }
            // A figure that cannot be a count is as good as missing, and may hide money.
            None => self.damaged = true,
        }
        Some(())
    }

    /// Seconds, which have fractions.
    pub(super) fn millis(&mut self, field: Field, value: &mut Cursor<'_>) -> Option<()> {
        let text = match value.kind()? {
            Kind::Text => value.text()?.bytes,
            Kind::Bare => value.bare()?,
            _ => return value.skip(),
        };
        match millis(text) {
            Some(millis) => self.figures.set(field, millis),
            None => self.damaged = true,
        }
        Some(())
    }

    /// Reads what a provider says about money.
    pub(super) fn money(&mut self, at: At, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match (key, value.kind()?) {
            (b"cost_in_usd_ticks", Kind::Bare) => self.cost.ticks(value.bare()?),
            (b"is_byok", Kind::Bare) => self.cost.own_key(value.bare()? == b"true"),
            (b"total_cost", Kind::Bare) if at == At::Cost => self.cost.total(value.bare()?),
            (b"cost", Kind::Bare) => self.cost.usd(value.bare()?),
            (b"cost", Kind::Object) => return self.members(At::Cost, value),
            (b"upstream_inference_cost", Kind::Bare) => self.cost.upstream(value.bare()?),
            _ => return value.skip(),
        }
        Some(())
    }
}
