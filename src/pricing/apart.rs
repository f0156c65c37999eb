//! What do all names of a table say, taken apart?
//!
//! Two indexes are made of this, [`loose`](super::loose) and [`near`](super::near),
//! each when it is first needed. Taking a name apart is most of the work of either,
//! so whichever comes first does it for both, and a process that needs neither does
//! it never.

use crate::values::ShortText;

use super::spelling::{Dialect, Spelling};

/// Every name that can be taken apart, those of resellers after their makers'.
pub(super) struct Apart(pub(super) Vec<Part>);

/// One name of a row.
pub(super) struct Part {
    pub(super) row: usize,
    pub(super) provider: ShortText,
    /// What all spellings of the model have in common.
    pub(super) key: ShortText,
    pub(super) date: Option<u32>,
    pub(super) version: [Option<u32>; 2],
    /// In lower case.
    pub(super) place: ShortText,
    /// Bytes of the whole name.
    pub(super) length: usize,
}

impl Apart {
    /// These names, each with its provider and its row, in this order.
    pub(super) fn of<'a>(names: impl Iterator<Item = (&'a str, &'a str, usize)>) -> Self {
        let parts = names.filter_map(|(provider, model, row)| {
            let spelling = Spelling::of(Dialect::of(provider), model)?;
            Some(Part {
                row,
                provider: provider.into(),
                key: spelling.key().into(),
                date: spelling.date,
                version: spelling.version,
                place: spelling.place.to_ascii_lowercase().into(),
                length: model.len(),
            })
        });
        Self(parts.collect())
    }

    pub(super) fn at(&self, at: u32) -> Option<&Part> {
        self.0.get(usize::try_from(at).ok()?)
    }
}
