//! Which levels pay for a client's calls?

use token_budget::call::ScopeKind;
use token_budget::policy::Selector;
use token_budget::{Call, Error, Policy, Scope};

use crate::trace::Trace;

/// For each client, a call that names every level the policy speaks of.
///
/// A trace knows clients, a policy knows teams, users and keys. Where the
/// policy names levels of a kind (`team/search`, `team/ads`), clients are dealt
/// out among them in turn; where it only has a template for the kind ("each
/// user"), the client itself is one. An organisation is charged in any case.
pub(crate) fn payers(policy: &Policy, trace: &Trace, model: &str) -> Result<Vec<Call>, Error> {
    let kinds = kinds(policy)?;
    let payer = |(number, client): (usize, &String)| {
        kinds.iter().try_fold(Call::new(model), |call, (kind, named)| {
            let dealt = number.checked_rem(named.len()).and_then(|place| named.get(place));
            Ok(call.scope(match dealt {
                Some(scope) => scope.clone(),
                None => Scope::new(kind.clone(), client.as_str())?,
            }))
        })
    };
    trace.clients.iter().enumerate().map(payer).collect()
}

/// Each kind of level that the policy speaks of, with the levels that it names.
fn kinds(policy: &Policy) -> Result<Vec<(ScopeKind, Vec<Scope>)>, Error> {
    let mut kinds: Vec<(ScopeKind, Vec<Scope>)> = vec![(ScopeKind::Organization, Vec::new())];
    for budget in policy.budgets() {
        let (kind, scope) = match budget.selector() {
            Selector::Scope(scope) => (scope.kind(), Some(scope)),
            Selector::Each(kind) => (kind, None),
        };
        let place = kinds.iter().position(|(known, _)| known == kind).unwrap_or_else(|| {
            kinds.push((kind.clone(), Vec::new()));
            kinds.len().saturating_sub(1)
        });
        if let (Some((_, named)), Some(scope)) = (kinds.get_mut(place), scope)
            && !named.contains(scope)
        {
            named.push(scope.clone());
        }
    }
    if let Some((_, named)) = kinds.first_mut().filter(|(_, named)| named.is_empty()) {
        named.push(Scope::organization("acme")?);
    }
    Ok(kinds)
}
