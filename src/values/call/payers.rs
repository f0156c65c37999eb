//! Who pays for a call?

use super::Call;
use crate::Scope;
use crate::values::{ScopeKind, ShortText};

impl Call {
    /// Charges that scope too. A scope that is named twice is charged once; a second
    /// organisation makes the call unusable.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        if scope.kind() == &ScopeKind::Organization
            && self.organization_name().is_some_and(|name| name != scope.name())
        {
            return self.unusable("organization: a call has one organisation, two were named");
        }
        if let Err(place) = self.scopes.binary_search(&scope) {
            self.scopes.insert(place, scope);
        }
        self
    }

    /// The scopes that pay, ordered by kind and name, each once.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The organisation, if one was named.
    #[must_use]
    pub fn organization_name(&self) -> Option<&str> {
        // Organisations come first in the order of kinds.
        self.scopes.first().filter(|scope| scope.kind() == &ScopeKind::Organization).map(Scope::name)
    }

    /// Who pays, and for which model, without what is sent.
    pub(crate) fn without_input(&self) -> Self {
        Self {
            model: self.model.clone(),
            span: self.span,
            provider: self.provider.clone(),
            scopes: self.scopes.clone(),
            tags: self.tags.clone(),
            use_case: self.use_case.clone(),
            conditions: self.conditions,
            uses: self.uses.clone(),
            readings: self.readings.clone(),
            fixed: self.fixed.clone(),
            choices: 1,
            inputs: 1,
            ..Self::default()
        }
    }
}

macro_rules! scope_setters {
    ($($function:ident $text:literal;)*) => {
        impl Call {
            $(
                #[doc = concat!("Charges the ", $text, " of that name.")]
                #[must_use]
                pub fn $function(self, name: impl Into<ShortText>) -> Self {
                    match Scope::$function(name) {
                        Ok(scope) => self.scope(scope),
                        Err(error) => self.unusable(error.to_string()),
                    }
                }
            )*
        }
    };
}

scope_setters! {
    organization "organisation";
    environment "environment";
    team "team";
    project "project";
    api_key "API key";
    user "user";
    agent "agent";
    run "run";
}
