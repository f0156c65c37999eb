//! What do the books keep of each call of a charge set?
//!
//! It is the same for all of them, so it is worked out with their plan, and its size is judged there: a call of which too much is
//! said is an error before anything is reserved. What the caller says is most of it; its price and its exemptions are the operator's.

use std::sync::Arc;

use serde::Serialize;

use super::plan::{assumed_version, price_version};
use crate::ledger::{About, Note};
use crate::pricing::ModelPrice;
use crate::values::{Binding, ScopeKind, ShortText};
use crate::{Call, Error, Scope};

/// What the journal says of each call of the charge set, at that price: its row, and the model whose row it is where that is assumed.
pub(super) fn note(
    call: &Call,
    (price, priced_as): (Option<&ModelPrice>, Option<&str>),
    binding: &Binding,
    exempt: Option<&Binding>,
) -> Note {
    let mut exemptions = exempt.map(|binding| binding.exemptions.clone()).unwrap_or_default();
    exemptions.extend(binding.exemptions.iter().cloned());
    exemptions.dedup();
    // Who sells the model of an assumed price need not sell this one.
    let seller = || price.filter(|_| priced_as.is_none()).map(|price| price.provider().into());
    let about = About {
        scopes: scopes_of(call),
        model: call.model.clone(),
        provider: call.provider.clone().or_else(seller),
        conditions: call.conditions.billed(),
        tags: call.tags.to_vec(),
        use_case: call.use_case.clone(),
        price: priced(call, price, priced_as),
        exemptions,
    };
    Note { about: Some(Arc::new(about)), ..Note::default() }
}

/// All scopes of a call, of runs the innermost alone: its name says which lie above it, and forty of those would take two kilobytes.
fn scopes_of(call: &Call) -> Vec<Scope> {
    let runs = call.scopes.iter().filter(|scope| scope.kind() == &ScopeKind::Run);
    let above: Vec<Scope> = runs.flat_map(Scope::runs_above).collect();
    call.scopes.iter().filter(|scope| !above.contains(scope)).cloned().collect()
}

/// What the journal says of the price of a call.
fn priced(call: &Call, price: Option<&ModelPrice>, priced_as: Option<&str>) -> ShortText {
    if call.is_fixed() {
        return ShortText::from_static("stated");
    }
    let version = price.map_or(ShortText::from_static("none"), price_version);
    priced_as.map_or(version.clone(), |model| assumed_version(model, &version))
}

/// Refuses a call of which more is said than books keep, and names what says most.
pub(super) fn check(about: &About) -> Result<(), Error> {
    let bytes = written(about);
    if bytes <= About::BYTES_MAX {
        return Ok(());
    }
    let parts = [
        ("call: tags", written(&about.tags)),
        ("call: scopes", written(&about.scopes)),
        ("call: exemptions", written(&about.exemptions)),
        ("call: model", written(&about.model)),
        ("call: provider", written(&about.provider)),
        ("call: use case", written(&about.use_case)),
        ("call: price", written(&about.price)),
    ];
    let (field, most) = parts.into_iter().max_by_key(|(_, bytes)| *bytes).unwrap_or(("call", bytes));
    let text = format!(
        "takes {most} of the {bytes} bytes that the books would keep of each such call; at most {} are kept",
        About::BYTES_MAX
    );
    Err(Error::invalid(field, text))
}

/// How many bytes its JSON has. Texts, lists of texts and fixed names always can be written.
fn written(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}
