//! Under which key is a model kept?
//!
//! A hash map of owned names must be asked with borrowed ones, or each look-up would allocate. A [`NameRef`] hashes as a
//! [`Name`] does, field by field in the same order, which is all that such a map needs.

use crate::values::ShortText;
use hashbrown::{Equivalent, HashMap};

use crate::Error;
use crate::values::name;

pub(super) use crate::values::name::MODEL_BYTES_MAX as NAME_BYTES_MAX;

/// Stands for any provider in an index of models; no row may be its own.
pub(super) const ANY_PROVIDER: &str = "*";

/// Stands for any provider of a name that another seller's name in front may yet claim: `anthropic/claude-…`.
pub(super) const ANY_OTHER: &str = "*/";

/// An index of models by name, to be asked with a [`NameRef`].
pub(super) type ByName = HashMap<Name, usize, foldhash::fast::RandomState>;

/// A model of a provider, or of [`ANY_PROVIDER`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) provider: ShortText,
    pub(super) model: ShortText,
}

/// A borrowed [`Name`], hashed alike.
#[derive(Hash)]
pub(super) struct NameRef<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
}

impl NameRef<'_> {
    pub(super) fn is(&self, name: &Name) -> bool {
        self.model == name.model && self.provider == name.provider
    }
}

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.is(name)
    }
}

/// Checks that a text can be a provider's or a model's name.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::invalid(field, "is empty"));
    }
    if name == ANY_PROVIDER || name == ANY_OTHER {
        return Err(Error::invalid(field, format!("{name:?} is not a name")));
    }
    name::check(field, name::problem_of_model(name))
}

/// The beginning of a name, short enough for a message.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}
