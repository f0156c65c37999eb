//! What does the journal say to have served a call, where that is not what was asked for?
//!
//! Another model may answer, or the same one in another tier, and a cost may be stated in place of a price. The entry of the charge
//! says so beside what was asked: a report by model needs both, and nobody else can tell them apart afterwards.

use std::sync::Arc;

use crate::engine::{Plan, assumed_version, price_version};
use crate::ledger::{About, Served};
use crate::pricing::ModelPrice;
use crate::values::one_line::OneLine;
use crate::values::{Conditions, ShortText, name};

/// What the journal says of the price of a cost that somebody stated, in place of a table.
pub(super) const BY_CALLER: &str = "stated";
pub(super) const BY_PROVIDER: &str = "stated by the provider";

/// Another model than was held for.
#[derive(Clone, Debug)]
pub(super) struct OtherModel {
    pub(super) model: ShortText,
    /// Its price, if it has one.
    pub(super) price: Option<Arc<ModelPrice>>,
}

impl OtherModel {
    /// What the journal says of its price: its own, or that of the one that was asked for.
    fn price_text(&self, asked: &About) -> ShortText {
        match self.price.as_deref() {
            Some(price) => price_version(price),
            // Assumed already for the model that was asked for.
            None if asked.price.starts_with("assumed ") => asked.price.clone(),
            None => assumed_version(&asked.model, &asked.price),
        }
    }
}

/// A model's name as far as it can stand in the books: a provider's word is bounded as a caller's is.
pub(super) fn name_kept(model: &ShortText) -> ShortText {
    if name::problem_of_model(model).is_none() {
        return model.clone();
    }
    let printable = OneLine(model).to_string();
    let ends = |(at, letter): &(usize, char)| at.saturating_add(letter.len_utf8()) <= name::MODEL_BYTES_MAX;
    printable.char_indices().take_while(ends).map(|(_, letter)| letter).collect()
}

/// How an answer was billed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Billed<'a> {
    pub(super) other: Option<&'a OtherModel>,
    pub(super) stated_by: Option<&'static str>,
    pub(super) conditions: &'a Conditions,
}

impl Billed<'_> {
    /// What the journal says of it; nothing where it is what was asked for, as of nearly every call.
    #[inline]
    pub(super) fn served(&self, plan: &Plan) -> Option<Arc<Served>> {
        let is_as_asked =
            self.other.is_none() && self.stated_by.is_none() && self.conditions == plan.conditions();
        if is_as_asked { None } else { self.served_otherwise(plan) }
    }

    #[cold]
    fn served_otherwise(&self, plan: &Plan) -> Option<Arc<Served>> {
        let asked = plan.note.about.as_deref()?;
        let conditions = self.conditions.billed();
        let model = self.other.map_or(&asked.model, |other| &other.model).clone();
        let price = match (self.stated_by, self.other) {
            (Some(by), _) => ShortText::from_static(by),
            (None, Some(other)) => other.price_text(asked),
            (None, None) => asked.price.clone(),
        };
        let is_as_asked = (&model, &conditions, &price) == (&asked.model, &asked.conditions, &asked.price);
        (!is_as_asked).then(|| Arc::new(Served { model, conditions, price }))
    }
}
