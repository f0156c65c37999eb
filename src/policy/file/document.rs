//! How do the entries of a file become one policy?

use std::collections::HashSet;

use compact_str::CompactString;

use super::super::{Budget, Exemption, OnUnknownModel, Policy};
use super::gateway::{self, Holder};
use super::tree::{Fields, Node, shown, wrong};
use super::{budget, exemption, value};
use crate::Error;
use crate::values::{Caps, OnNoLimit, ScopeKind, Unbound};

pub(super) fn policy(document: &Node) -> Result<Policy, Error> {
    if let Some(holder) = gateway::alone(document)? {
        let (document, unbound) = take_unbound(document)?;
        return Ok(Policy::new(held(&document, 1, holder)?)?.change(|inner| inner.unbound = unbound));
    }
    refuse_config(document)?;
    let lists = ["budgets", "keys", "api_keys", "teams", "users", "customers", "organizations"];
    let fields = Fields::of(document, &[&["policy", "exemptions", "unbound"][..], &lists].concat())?;
    if !lists.iter().any(|list| fields.has(list)) {
        return Err(no_budgets());
    }
    let general = fields.find("policy", general)?.unwrap_or_default();
    let unbound = fields.find("unbound", unbound)?;
    if unbound.is_some() && general.unbound.is_some() {
        return Err(wrong("stands twice, at the top and in policy; keep one of them").within("unbound"));
    }
    let kinds = &general.kinds;
    let mut budgets = Vec::new();
    for (node, number) in entries(&fields, &["budgets"])? {
        let budget = budget::budget(node, kinds);
        budgets.push(budget.map_err(|error| error.within(&place("budget", &["id"], node, number)))?);
    }
    for (lists, holder) in [
        (&["keys", "api_keys"][..], &gateway::KEY),
        (&["teams"], &gateway::TEAM),
        (&["users"], &gateway::USER),
        (&["customers"], &gateway::CUSTOMER),
        (&["organizations"], &gateway::ORGANIZATION),
    ] {
        for (node, number) in entries(&fields, lists)? {
            budgets.extend(held(node, number, holder)?);
        }
    }
    let exemptions = exemptions(&fields, kinds, &budgets)?;
    Ok(Policy::new(budgets)?.change(|inner| {
        inner.exemptions = exemptions;
        inner.ladder = general.ladder;
        inner.unknown_model = general.unknown_model;
        inner.unbound = unbound.or(general.unbound);
        inner.output_tokens_default = general.output_tokens_default.or(inner.output_tokens_default);
        inner.no_limit = general.no_limit;
        inner.fee_uses_assumed = general.fee_uses_assumed.unwrap_or(inner.fee_uses_assumed);
        inner.caps = general.caps;
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

fn refuse_config(document: &Node) -> Result<(), Error> {
    let found = CONFIG.iter().find(|(name, _)| {
        document.table().is_ok_and(|entries| entries.iter().any(|(field, _)| field == name))
    });
    match found {
        Some((field, instead)) => {
            Err(wrong(format!("is a gateway's own configuration and no policy; {instead}")).within(field))
        }
        None => Ok(()),
    }
}

/// The word on unbound calls in a file that is one key or one team, and what is left of it without that.
fn take_unbound(document: &Node) -> Result<(Node, Option<Unbound>), Error> {
    let (said, rest): (Vec<_>, Vec<_>) =
        document.table()?.iter().cloned().partition(|(field, _)| field == "unbound");
    let unbound = said.first().map(|(_, node)| unbound(node)).transpose();
    Ok((Node::Table(rest), unbound.map_err(|error| error.within("unbound"))?))
}

fn unbound(node: &Node) -> Result<Unbound, Error> {
    match value::text(node)? {
        "refuse" => Ok(Unbound::Refuse),
        "count" => Ok(Unbound::Count),
        "allow" => Ok(Unbound::Allow),
        other => Err(wrong(format!("{other:?} is none of refuse, count and allow"))),
    }
}

/// The entries of a list, numbered from one for people.
fn entries<'a>(
    fields: &Fields<'a>,
    names: &[&str],
) -> Result<impl Iterator<Item = (&'a Node, u32)> + use<'a>, Error> {
    Ok(fields.find_any(names, Node::list)?.unwrap_or_default().iter().zip(1_u32..))
}

/// How an entry is called in an error: by its name, or where that cannot be shown by its number.
fn place(noun: &str, names: &[&str], node: &Node, number: u32) -> String {
    let Node::Table(entries) = node else { return format!("{noun} {number}") };
    match entries.iter().find(|(field, _)| names.contains(&field.as_str())) {
        Some((_, Node::Text(name))) if (1..=128).contains(&name.len()) && !gateway::is_secret(name) => {
            format!("{noun} {}", shown(name))
        }
        _ => format!("{noun} {number}"),
    }
}

fn held(node: &Node, number: u32, holder: &Holder) -> Result<Vec<Budget>, Error> {
    gateway::budgets(node, holder)
        .map_err(|error| error.within(&place(holder.noun, &holder.called(), node, number)))
}

fn exemptions(fields: &Fields<'_>, kinds: &[ScopeKind], budgets: &[Budget]) -> Result<Vec<Exemption>, Error> {
    let ids: HashSet<&str> = budgets.iter().map(Budget::id).collect();
    let mut seen = HashSet::new();
    let mut exemptions = Vec::new();
    for (node, number) in entries(fields, &["exemptions"])? {
        let place = place("exemption", &["id"], node, number);
        let exemption = exemption::exemption(node, kinds, |id| ids.contains(id));
        let exemption = exemption.map_err(|error| error.within(&place))?;
        exemption.check()?;
        if !seen.insert(exemption.id.clone()) {
            return Err(Error::invalid("id", "stands twice").within(&place));
        }
        exemptions.push(exemption);
    }
    Ok(exemptions)
}

/// What is said about the policy as a whole.
#[derive(Default)]
struct General {
    ladder: Vec<CompactString>,
    unknown_model: OnUnknownModel,
    unbound: Option<Unbound>,
    output_tokens_default: Option<u64>,
    no_limit: Option<OnNoLimit>,
    fee_uses_assumed: Option<u64>,
    caps: Caps,
    observe: bool,
    kinds: Vec<ScopeKind>,
}

fn general(node: &Node) -> Result<General, Error> {
    let known = [
        "ladder",
        "unknown_model",
        "unbound",
        "output_tokens_default",
        "no_limit",
        "fee_uses_assumed",
        "per_call",
        "observe",
        "kinds",
    ];
    let fields = Fields::of(node, &known)?;
    Ok(General {
        ladder: fields.find("ladder", value::names)?.unwrap_or_default(),
        unknown_model: fields.find("unknown_model", unknown_model)?.unwrap_or_default(),
        unbound: fields.find("unbound", unbound)?,
        output_tokens_default: fields.find("output_tokens_default", value::whole)?,
        no_limit: fields.find("no_limit", no_limit)?,
        fee_uses_assumed: fields.find("fee_uses_assumed", uses)?,
        caps: fields.find("per_call", budget::caps)?.unwrap_or_default(),
        observe: fields.flag("observe")?,
        kinds: fields.find("kinds", value::kinds)?.unwrap_or_default(),
    })
}

fn no_limit(node: &Node) -> Result<OnNoLimit, Error> {
    value::text(node)?.parse().map_err(|error| value::without("no limit: ", &error))
}

fn uses(node: &Node) -> Result<u64, Error> {
    match value::whole(node)? {
        0 => Err(wrong("0: a fee that may be incurred is held for at least once")),
        uses => Ok(uses),
    }
}

fn unknown_model(node: &Node) -> Result<OnUnknownModel, Error> {
    if matches!(node, Node::Table(_)) {
        let fields = Fields::of(node, &["priced_as"])?;
        return fields.get("priced_as", value::name).map(OnUnknownModel::PricedAs);
    }
    match value::text(node)? {
        "refuse" => Ok(OnUnknownModel::Refuse),
        "count_only" => Ok(OnUnknownModel::CountOnly),
        other => Err(wrong(format!("{other:?} is none of refuse, count_only and {{ priced_as = MODEL }}"))),
    }
}
