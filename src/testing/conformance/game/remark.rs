//! What does a command say of itself, beside its body? Who signs it, and what its call is.

use std::sync::Arc;

use crate::ledger::{About, Attribution, Note, Served};
use crate::{Usage, Usd};

/// What a command says of itself: who signs it, and what its call is. Some say much, some nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Remark {
    signed: Option<Attribution>,
    note: Note,
    /// The same of a call that has ended.
    end: Note,
}

impl Remark {
    /// The remark of that number: of twelve, two say nothing, and two say more than fits into a small array.
    pub(super) fn of(number: u64) -> Self {
        let cost = [None, Some(Usd::ZERO), Some(Usd::from_nanos(number as i64 + 7))];
        let served = Served { model: format!("served-{number}").into(), ..Served::default() };
        let end = Note {
            served: (number % 4 == 1).then(|| Arc::new(served)),
            usage: (number % 2 == 1).then(|| Usage::of(number, number + 1)),
            cost: cost.get(number as usize % cost.len()).copied().flatten(),
            ..Note::default()
        };
        if number < 2 {
            return Self { end, ..Self::default() };
        }
        let (tags, letters) = if number < 4 { (40, 400) } else { (number % 3, 4) };
        let about = About {
            model: format!("model-{number}").into(),
            tags: (0..tags).map(|tag| (format!("tag{tag}").into(), number.to_string().into())).collect(),
            ..About::default()
        };
        let note = Note { about: Some(Arc::new(about)), ..Note::default() };
        let end = Note { about: note.about.clone(), ..end };
        Self { signed: Some(Attribution::new(format!("person-{number}"), "w".repeat(letters))), note, end }
    }

    /// Who signs, where a person does.
    pub(super) fn signed(&self) -> Option<&Attribution> {
        self.signed.as_ref()
    }

    /// Who signs what must be signed.
    pub(super) fn signature(&self) -> Attribution {
        self.signed.clone().unwrap_or_else(|| Attribution::new("nobody", "a whim"))
    }

    /// What is said of a call that is asked for or given back.
    pub(super) fn note(&self) -> &Note {
        &self.note
    }

    /// What is said of a call that has ended.
    pub(super) fn end(&self) -> &Note {
        &self.end
    }
}
