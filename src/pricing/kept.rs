//! What does a table keep of each model?
//!
//! The bundled catalog has thousands of rows and a program asks for a handful. A
//! [`Model`] therefore holds either compiled versions or the means to compile them,
//! and compiles when it is first asked for.
//!
//! Clones of a table share what one of them has compiled: `Later` stands behind an
//! `Arc`, and a layer laid over one model leaves all others uncompiled.
//!
//! Rows that depend on the date say so without being compiled (`is_dated`), because
//! a plan asks when the next price begins of *all* models.

use std::sync::{Arc, OnceLock};

use super::layer::Version;
use super::loose::Rows;
use super::names::Name;
use crate::values::{Conditions, Meter, Timestamp};

/// A model and its prices, in the order of their dates.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) name: Name,
    kept: Kept,
}

/// Prices that are at hand, or rows of the crate's own that are compiled when they are first asked for.
#[derive(Clone)]
enum Kept {
    Ready(Vec<Version>),
    Later(Arc<Later>),
}

/// Rows as text, and what became of them.
struct Later {
    compile: Box<dyn Fn() -> Vec<Version> + Send + Sync>,
    is_dated: bool,
    compiled: OnceLock<Vec<Version>>,
}

impl Model {
    pub(super) fn new(name: Name, versions: Vec<Version>) -> Self {
        Self { name, kept: Kept::Ready(versions) }
    }

    /// A model whose rows are compiled when they are first asked for; `is_dated` where one of them begins or ends.
    pub(super) fn later(
        name: Name,
        is_dated: bool,
        compile: impl Fn() -> Vec<Version> + Send + Sync + 'static,
    ) -> Self {
        let later = Later { compile: Box::new(compile), is_dated, compiled: OnceLock::new() };
        Self { name, kept: Kept::Later(Arc::new(later)) }
    }

    #[inline]
    pub(super) fn versions(&self) -> &[Version] {
        match &self.kept {
            Kept::Ready(versions) => versions,
            Kept::Later(later) => later.compiled.get_or_init(|| (later.compile)()),
        }
    }

    pub(super) fn set_versions(&mut self, versions: Vec<Version>) {
        self.kept = Kept::Ready(versions);
    }

    /// A row as a refusal names it, with what it says of tokens.
    pub(super) fn shown(&self, remark: &str) -> String {
        let name = format!("{}/{}", self.name.provider, self.name.model);
        let rate = |meter| self.versions().last()?.price.rate(meter, 0, &Conditions::new());
        match (rate(Meter::Input), rate(Meter::Output)) {
            (Some(input), Some(output)) => {
                format!("{name} (${input} in, ${output} out a million tokens{remark})")
            }
            _ => format!("{name} (no price of tokens{remark})"),
        }
    }

    /// When its prices come into force, but for those that always were.
    pub(super) fn starts(&self) -> impl Iterator<Item = Timestamp> {
        let undated = matches!(&self.kept, Kept::Later(later) if !later.is_dated);
        let versions = if undated { &[] } else { self.versions() };
        versions.iter().map(|version| version.price.valid_from()).filter(|from| *from > Timestamp::MIN)
    }
}

impl Rows for Vec<Model> {
    fn same_price(&self, one: usize, other: usize) -> bool {
        let versions = |at: usize| self.get(at).map_or(&[][..], Model::versions);
        let (one, other) = (versions(one), versions(other));
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.costs_as(other))
    }

    fn context_tokens(&self, row: usize) -> Option<u64> {
        let versions = self.get(row)?.versions().iter();
        versions.filter_map(|version| version.price.context_tokens()).min()
    }

    fn varies_by_region(&self, row: usize) -> bool {
        let versions = self.get(row).map_or(&[][..], Model::versions);
        versions.iter().any(|version| version.price.varies_by_region())
    }
}
