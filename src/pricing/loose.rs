//! Which row is meant by another spelling of its name?
//!
//! Asked only where the name itself, an alias and a publication's own clauses
//! found nothing. Rows are kept by the key of their name
//! ([`spelling`](super::spelling)); what two names say beside it decides:
//!
//! - **Date, version**: where both say one, it is the same. A name without a
//!   date means the row without one, else all dated rows, which then agree in
//!   their price. A dated name means the row of that date, else the undated one.
//! - **Place**: a row of that place; a region's own model is answered by its
//!   part of the world (`us-east-1` by `us.…`), which costs the same. Global has the lowest price wherever it is
//!   sold, so its price answers for no other place; a place without a row is
//!   answered only where another place has one and all agree. Government
//!   regions answer for themselves alone.
//! - **`[1m]`**: only a row whose context is a million tokens or unknown, since
//!   an input is never held above the context of its row.
//!
//! Where rows of different prices are left, none is taken.
//!
//! The cost of a wrong answer decides each rule. A name that is refused costs an
//! operator one line (an alias, a row). A name that is taken for a cheaper row is an
//! error in every book until somebody compares invoices.

use std::sync::Arc;

use hashbrown::HashMap;

use super::apart::{Apart, Part};
use super::names::{ANY_PROVIDER, Name, NameRef};
use super::spelling::{Dialect, Spelling};

/// The context that `[1m]` asks for.
const LONG_CONTEXT: u64 = 1_000_000;

/// What a choice between rows looks at beside their names.
pub(super) trait Rows {
    /// Whether both cost the same at every time and under all conditions.
    fn same_price(&self, one: usize, other: usize) -> bool;
    /// The most that fits into the row's context, where that is known.
    fn context_tokens(&self, row: usize) -> Option<u64>;
    /// Whether the row's price depends on where it is served.
    fn varies_by_region(&self, row: usize) -> bool;
}

/// Names by their key, under their provider and under any.
pub(super) struct Loose {
    apart: Arc<Apart>,
    by_key: HashMap<Name, Vec<u32>, foldhash::fast::RandomState>,
}

impl Loose {
    /// An index of these names; their order decides between sellers.
    pub(super) fn of(apart: Arc<Apart>) -> Self {
        let mut by_key: HashMap<Name, Vec<u32>, _> = HashMap::default();
        for (part, at) in apart.0.iter().zip(0_u32..) {
            for provider in [part.provider.clone(), ANY_PROVIDER.into()] {
                by_key.entry(Name { provider, model: part.key.clone() }).or_default().push(at);
            }
        }
        Self { apart, by_key }
    }

    fn parts(&self, provider: &str, key: &str) -> Option<Vec<&Part>> {
        let found = self.by_key.get(&NameRef { provider, model: key })?;
        Some(found.iter().filter_map(|at| self.apart.at(*at)).collect())
    }

    /// The row that is meant, if it is one, or several of one price.
    pub(super) fn find(&self, provider: &str, model: &str, rows: &impl Rows) -> Option<usize> {
        let (seller, dialect) = match Dialect::of(provider) {
            _ if provider == ANY_PROVIDER => match Dialect::seen_in(model) {
                Dialect::Bedrock => ("bedrock", Dialect::Bedrock),
                Dialect::Vertex => ("vertex_ai", Dialect::Vertex),
                other => (ANY_PROVIDER, other),
            },
            dialect => (provider, dialect),
        };
        let asked = Spelling::of(dialect, model)?;
        if let Some(parts) = self.parts(seller, asked.key()) {
            // Of several sellers the first that has such a row.
            let first = parts.first()?.provider.as_str();
            return choose(&asked, parts.iter().copied().filter(|part| part.provider == first), rows);
        }
        // Vertex keeps some publishers' models with the publisher in front.
        let publisher = model.rsplit_once("publishers/").and_then(|(_, path)| path.split_once("/models/"));
        let (publisher, _) = publisher.filter(|_| dialect == Dialect::Vertex)?;
        let whole = format!("{publisher}/{}", asked.key());
        choose(&asked, self.parts(seller, &whole)?.iter().copied(), rows)
    }
}

fn choose<'a>(
    asked: &Spelling<'_>,
    entries: impl Iterator<Item = &'a Part> + Clone,
    rows: &impl Rows,
) -> Option<usize> {
    let fits = |entry: &&Part| {
        let version = asked.version.iter().zip(&entry.version);
        let mut apart = version.filter(|(asked, known)| asked.is_some() && known.is_some() && asked != known);
        let dated = entry.date.is_none() || asked.date.is_none() || entry.date == asked.date;
        dated && apart.next().is_none()
    };
    let entries = entries.filter(fits);
    let here = |entry: &&Part| entry.place.eq_ignore_ascii_case(asked.place);
    let row = if entries.clone().any(|entry| here(&entry)) {
        dated(asked, entries.filter(here), rows)?
    } else if asked.is_address {
        addressed(asked, entries, rows)?
    } else if asked.place == "global" {
        // Nowhere dearer than what has no place in its name.
        dated(asked, entries.filter(|entry| entry.place.is_empty()), rows)?
    } else if is_government(asked.place) {
        return None;
    } else {
        let entries = entries.filter(|entry| !is_government(&entry.place));
        let mut places = entries.clone().map(|entry| entry.place.as_str());
        if !places.any(|place| !place.is_empty() && place != "global") {
            return None;
        }
        agreed(entries, rows)?
    };
    let context = rows.context_tokens(row);
    (!asked.is_long || context.is_none_or(|tokens| tokens >= LONG_CONTEXT)).then_some(row)
}

/// The row of that date, else the undated one, else what all dated ones agree on.
fn dated<'a>(
    asked: &Spelling<'_>,
    entries: impl Iterator<Item = &'a Part> + Clone,
    rows: &impl Rows,
) -> Option<usize> {
    for date in [asked.date, None] {
        let of_date = entries.clone().filter(|entry| entry.date == date);
        if of_date.clone().next().is_some() {
            return agreed(of_date, rows);
        }
    }
    agreed(entries, rows)
}

/// A region's own model: the row of its part of the world, which is billed at the price of the region that is called,
/// else the row without a place. No other region may have another price; and the row without a place, which may be the
/// global one, answers only where no part of the world has another.
fn addressed<'a>(
    asked: &Spelling<'_>,
    entries: impl Iterator<Item = &'a Part> + Clone,
    rows: &impl Rows,
) -> Option<usize> {
    let is_region = |entry: &&Part| entry.place.bytes().any(|byte| byte.is_ascii_digit());
    let mut others = entries
        .clone()
        .filter(|entry| !entry.place.is_empty() && !is_government(&entry.place) && entry.place != "global");
    let around = others.clone().filter(|entry| !is_region(entry) && covers(&entry.place, asked.place));
    let is_around = around.clone().next().is_some();
    let row = if is_around {
        dated(asked, around, rows)?
    } else {
        dated(asked, entries.filter(|entry| entry.place.is_empty()), rows)?
    };
    let agree = others.all(|entry| (is_around && !is_region(&entry)) || rows.same_price(entry.row, row));
    (agree && !is_government(asked.place) && !rows.varies_by_region(row)).then_some(row)
}

/// Whether a profile's prefix names the part of the world that a region lies in.
fn covers(prefix: &str, region: &str) -> bool {
    match region.split('-').next() {
        Some("ap") => matches!(prefix, "apac" | "jp" | "au"),
        part => part == Some(prefix),
    }
}

/// The first row, if all cost the same.
fn agreed<'a>(mut entries: impl Iterator<Item = &'a Part>, rows: &impl Rows) -> Option<usize> {
    let first = entries.next()?.row;
    entries.all(|entry| entry.row == first || rows.same_price(entry.row, first)).then_some(first)
}

fn is_government(place: &str) -> bool {
    place.starts_with("us-gov")
}
