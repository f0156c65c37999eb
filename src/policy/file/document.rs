//! How do the entries of a file become one policy?

use std::collections::HashSet;

use serde::Deserialize;

use super::gateway;
use super::node::{Node, Table, View};
use super::problem::{At, wrong};
use super::value::{InFile, Own};
use super::{budget, exemption};
use crate::Error;
use crate::policy::{Budget, Exemption, OnUnknownModel, Policy};
use crate::values::{Caps, OnNoLimit, ScopeKind, ShortText, Unbound};

/// A whole file. Its entries are read one by one, because their errors name them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(default)]
    policy: General,
    #[serde(borrow, default)]
    exemptions: Vec<Node<'a>>,
    unbound: Option<Unbound>,
    budgets: Option<Vec<Node<'a>>>,
    #[serde(alias = "api_keys")]
    keys: Option<Vec<Node<'a>>>,
    teams: Option<Vec<Node<'a>>>,
    users: Option<Vec<Node<'a>>>,
    customers: Option<Vec<Node<'a>>>,
    organizations: Option<Vec<Node<'a>>>,
}

/// What is said about the policy as a whole.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct General {
    ladder: Own<Vec<ShortText>>,
    unknown_model: Own<OnUnknownModel>,
    unbound: Option<Unbound>,
    output_tokens_default: Option<u64>,
    no_limit: Option<Own<OnNoLimit>>,
    fee_uses_assumed: Option<u64>,
    per_call: Own<Caps>,
    observe: bool,
    kinds: Own<Vec<ScopeKind>>,
}

pub(super) fn policy(document: Node<'_>) -> Result<Policy, Error> {
    let fields = document.table()?;
    if let Some(holder) = gateway::alone(&fields) {
        // What becomes of unbound calls may be said beside the fields of the one entry.
        let (said, entry): (Table<'_>, _) = fields.into_iter().partition(|(field, _)| field == "unbound");
        let unbound: Option<Unbound> = said.first().map(|(_, node)| node.read()).transpose().at("unbound")?;
        let budgets = gateway::budgets(entry, holder);
        let budgets = budgets.at(&called(holder.noun, &holder.called(), document, 1))?;
        return Ok(Policy::new(budgets)?.change(|inner| inner.unbound = unbound));
    }
    refuse_config(&fields)?;
    let document: Document<'_> = document.read()?;
    let general = &document.policy;
    if document.unbound.is_some() && general.unbound.is_some() {
        return Err(wrong("stands twice, at the top and in policy; keep one of them")).at("unbound");
    }
    if general.fee_uses_assumed == Some(0) {
        let problem = "0: a fee that may be incurred is held for at least once";
        return Err(wrong(problem)).at("fee_uses_assumed").at("policy");
    }
    let budgets = budgets(&document)?;
    let exemptions = exemptions(&document, &budgets)?;
    let general = document.policy;
    Ok(Policy::new(budgets)?.change(|inner| {
        inner.exemptions = exemptions;
        inner.ladder = general.ladder.0;
        inner.unknown_model = general.unknown_model.0;
        inner.unbound = document.unbound.or(general.unbound);
        inner.output_tokens_default = general.output_tokens_default;
        inner.no_limit = general.no_limit.map(|choice| choice.0);
        inner.fee_uses_assumed = general.fee_uses_assumed;
        inner.caps = general.per_call.0;
        inner.observe = general.observe;
    }))
}

pub(super) fn no_budgets() -> Error {
    wrong("no budgets, keys or teams: a policy without any says so by an empty list of budgets")
}

/// Parts of a gateway's own configuration, in which limits stand that nothing here would keep.
const CONFIG: [(&str, &str); 5] = [
    (
        "litellm_settings",
        "write its max_budget as a budget of your organization, and defaults of users with each = \"user\"",
    ),
    ("general_settings", "limits stand in budgets, keys, teams, users, customers and organizations"),
    ("router_settings", "write limits of a provider or model as a budget with providers or models"),
    ("provider_budget_config", "write a budget with providers = [...] for each"),
    ("model_list", "write limits of a model as a budget with models = [...]"),
];

fn refuse_config(fields: &Table<'_>) -> Result<(), Error> {
    match CONFIG.iter().find(|(name, _)| fields.iter().any(|(field, _)| field == name)) {
        Some((field, instead)) => {
            Err(wrong(format!("is a gateway's own configuration and no policy; {instead}"))).at(field)
        }
        None => Ok(()),
    }
}

fn budgets(document: &Document<'_>) -> Result<Vec<Budget>, Error> {
    let held_lists = [
        (&document.keys, &gateway::KEY),
        (&document.teams, &gateway::TEAM),
        (&document.users, &gateway::USER),
        (&document.customers, &gateway::CUSTOMER),
        (&document.organizations, &gateway::ORGANIZATION),
    ];
    if document.budgets.is_none() && held_lists.iter().all(|(list, _)| list.is_none()) {
        return Err(no_budgets());
    }
    let mut budgets = Vec::new();
    for (node, number) in document.budgets.iter().flatten().zip(1..) {
        let budget = budget::budget(*node, &document.policy.kinds.0);
        budgets.push(budget.at(&called("budget", &["id"], *node, number))?);
    }
    for (list, holder) in held_lists {
        for (node, number) in list.iter().flatten().zip(1..) {
            let held = node.table().and_then(|entry| gateway::budgets(entry, holder));
            budgets.extend(held.at(&called(holder.noun, &holder.called(), *node, number))?);
        }
    }
    Ok(budgets)
}

fn exemptions(document: &Document<'_>, budgets: &[Budget]) -> Result<Vec<Exemption>, Error> {
    let ids: HashSet<&str> = budgets.iter().map(Budget::id).collect();
    let mut seen = HashSet::new();
    let mut exemptions = Vec::new();
    for (node, number) in document.exemptions.iter().zip(1..) {
        let place = called("exemption", &["id"], *node, number);
        let exemption = exemption::exemption(*node, &document.policy.kinds.0, |id| ids.contains(id));
        let exemption = exemption.at(&place)?;
        exemption.check()?;
        if !seen.insert(exemption.id.clone()) {
            return Err(wrong("stands twice")).at("id").at(&place);
        }
        exemptions.push(exemption);
    }
    Ok(exemptions)
}

/// How an entry is called in an error: by its name, or by its number where that cannot be shown.
fn called(noun: &str, names: &[&str], entry: Node<'_>, number: u32) -> String {
    let fields = match entry.view() {
        Ok(View::Table(fields)) => fields,
        _ => Table::new(),
    };
    let named = fields.iter().find(|(field, _)| names.contains(&field.as_str()));
    match named.map(|(_, node)| node.view()) {
        Some(Ok(View::Text(name))) if (1..=128).contains(&name.len()) && !gateway::is_secret(&name) => {
            format!("{noun} {name}")
        }
        _ => format!("{noun} {number}"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PricedAs {
    priced_as: ShortText,
}

impl InFile<'_> for OnUnknownModel {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        if let View::Table(_) = node.view()? {
            return node.read().map(|PricedAs { priced_as }| Self::PricedAs(priced_as));
        }
        match node.read::<String>()?.as_str() {
            "refuse" => Ok(Self::Refuse),
            "count_only" => Ok(Self::CountOnly),
            other => {
                Err(wrong(format!("{other:?} is none of refuse, count_only and {{ priced_as = MODEL }}")))
            }
        }
    }
}
