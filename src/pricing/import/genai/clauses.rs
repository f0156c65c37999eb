//! By which names and conditions does a publication know its models?
//!
//! genai-prices has no list of names. A model is known by a condition (`starts_with`,
//! `regex`, `or`), and the first model whose condition holds is meant. Conditions that
//! only list names become aliases, which are one look into a hash map; the rest stay
//! conditions and are asked in the publication's order.

use crate::values::ShortText;

use crate::Error;
use crate::pricing::clause::Clause;
use crate::pricing::import::found::Found;
use crate::pricing::import::json::Json;
use crate::pricing::names::Name;

/// Clauses inside clauses.
const DEPTH_MAX: usize = 8;

/// A condition on a name; none where it cannot be understood.
pub(super) fn read(json: &Json<'_>) -> Result<Option<Clause>, Error> {
    clause(json, DEPTH_MAX)
}

fn clause(json: &Json<'_>, depth: usize) -> Result<Option<Clause>, Error> {
    let Json::Map(map) = json else { return Ok(None) };
    let ([(kind, raw)], Some(below)) = (map.as_slice(), depth.checked_sub(1)) else { return Ok(None) };
    let json = Json::of(raw)?;
    let lower = || json.text().map(|text| ShortText::from(text.to_lowercase()));
    let each = || -> Result<Option<Vec<Clause>>, Error> {
        let Json::List(items) = &json else { return Ok(None) };
        items.iter().map(|raw| clause(&Json::of(raw)?, below)).collect()
    };
    Ok(match kind.as_str() {
        "equals" => lower().map(Clause::Equals),
        "starts_with" => lower().map(Clause::StartsWith),
        "ends_with" => lower().map(Clause::EndsWith),
        "contains" => lower().map(Clause::Contains),
        "regex" => json.text().and_then(Clause::pattern),
        "or" => each()?.map(Clause::Any),
        "and" => each()?.map(Clause::All),
        _ => None,
    })
}

/// Keeps full names apart from clauses; each belongs to the first model that it fits.
pub(super) fn keep(provider: &str, said: Vec<(Clause, Name)>, found: &mut Found) {
    let first = |name: &str| said.iter().find(|(clause, _)| clause.holds(name)).map(|(_, model)| model);
    let mut listed = Vec::new();
    for (clause, model) in &said {
        clause.names(&mut listed);
        let lower = ShortText::from(model.model.to_lowercase());
        if let Some(first) = first(&lower) {
            found.aliases.push((lower, first.clone()));
        }
    }
    for name in listed {
        if let Some(model) = first(name) {
            found.aliases.push((name.into(), model.clone()));
        }
    }
    let clauses = said.into_iter().filter(|(clause, _)| !clause.is_list()).collect();
    found.clauses.push((provider.into(), clauses));
}
