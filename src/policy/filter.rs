//! Which calls of a scope does a budget select?

use crate::values::ShortText;

use crate::pricing::Asked;
use crate::values::name;
use crate::{Call, Error};

/// Which calls a budget selects beside its scope. Empty selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) models: Vec<ShortText>,
    pub(crate) providers: Vec<ShortText>,
    pub(crate) tags: Vec<(ShortText, ShortText)>,
}

impl Filter {
    /// A name that no call can bear selects nothing, which nobody means.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (field, names) in [("models", &self.models), ("providers", &self.providers)] {
            names.iter().try_for_each(|text| name::check(field, name::problem_of_model(text)))?;
            if let Some(pattern) = names.iter().find(|text| text.contains('*')) {
                let instead =
                    "is a pattern, which binds no call; name each model or provider, or none for all";
                return Err(Error::invalid(field, format!("{pattern:?} {instead}")));
            }
            if let Some(blank) = names.iter().find(|text| text.is_empty() || text.trim() != text.as_str()) {
                return Err(Error::invalid(
                    field,
                    format!("{blank:?} is empty, or begins or ends with a blank"),
                ));
            }
        }
        let tags = self.tags.iter().flat_map(|(key, value)| [key, value]);
        tags.into_iter().try_for_each(|text| name::check("tags", name::problem_of_tag(text)))
    }

    /// Whether the call's model, provider and tags are among those selected.
    pub(super) fn selects(&self, call: &Call, asked: Asked<'_>) -> bool {
        (self.models.is_empty() || self.models.iter().any(|model| asked.is_named(model)))
            && (self.providers.is_empty() || self.providers.iter().any(|name| asked.is_sold_by(name)))
            && self.tags.iter().all(|(key, value)| call.tag_value(key) == Some(value))
    }
}
