//! How are a budget, its tiers and its caps on single calls written?

use rust_decimal::Decimal;
use serde::Deserialize;

use super::node::{Node, View};
use super::problem::{At, bare, wrong};
use super::value::{self, Channels, Id, InFile, Metadata, Own};
use crate::policy::filter::Filter;
use crate::policy::guardrail::Guardrail;
use crate::policy::{Budget, Selector, Tier, Tiers};
use crate::values::{Caps, ScopeKind, ShortText, TierAction, Unit};
use crate::{Error, Scope, Usd, Window};

/// An entry of `budgets`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    id: Own<Id>,
    scope: Option<Scope>,
    each: Option<Own<ScopeKind>>,
    unit: Option<Unit>,
    #[serde(borrow)]
    limit: Node<'a>,
    window: Window,
    tiers: Option<Own<Tiers>>,
    guardrail: Option<Shorter<'a>>,
    #[serde(default)]
    models: Own<Vec<ShortText>>,
    #[serde(default)]
    providers: Own<Vec<ShortText>>,
    #[serde(default)]
    tags: Own<Vec<(ShortText, ShortText)>>,
    #[serde(default)]
    per_call: Own<Caps>,
    #[serde(default)]
    observe: bool,
    #[serde(default)]
    restart: bool,
    #[serde(default)]
    metadata: Own<Metadata>,
    #[serde(default)]
    channels: Own<Channels>,
}

pub(super) fn budget(node: Node<'_>, kinds: &[ScopeKind]) -> Result<Budget, Error> {
    let entry: Entry<'_> = node.read()?;
    let selector = selector(entry.scope, entry.each, kinds)?;
    // Dollars by default, because tokens are not equal.
    let unit = entry.unit.unwrap_or(Unit::Usd);
    let limit = value::limit(entry.limit, &unit).at("limit")?;
    let guardrail = |Shorter { limit, window }: Shorter<'_>| {
        let limit = value::figure(limit, &unit).at("limit").at("guardrail")?;
        Ok(Guardrail { limit, window })
    };
    Ok(Budget {
        tiers: entry.tiers.map_or_else(Tiers::plain, |tiers| tiers.0),
        guardrail: entry.guardrail.map(guardrail).transpose()?,
        filter: Filter { models: entry.models.0, providers: entry.providers.0, tags: entry.tags.0 },
        caps: entry.per_call.0,
        observe: entry.observe,
        restart: entry.restart,
        metadata: entry.metadata.0.0,
        channels: entry.channels.0.0,
        ..Budget::new(entry.id.0.0, selector, unit.clone(), limit, entry.window)
    })
}

/// Whom it binds: one scope, or each of a kind.
fn selector(
    scope: Option<Scope>,
    each: Option<Own<ScopeKind>>,
    kinds: &[ScopeKind],
) -> Result<Selector, Error> {
    let (field, selector) = match (scope, each) {
        (Some(scope), None) => ("scope", Selector::Scope(scope)),
        (None, Some(Own(kind))) => ("each", Selector::Each(kind)),
        (None, None) => {
            return Err(wrong("is missing; write scope = \"team/search\", or each = \"user\"")).at("scope");
        }
        (Some(_), Some(_)) => return Err(wrong("stands beside scope; keep one of them")).at("each"),
    };
    value::known(selector.kind(), kinds).at(field)?;
    Ok(selector)
}

/// A guardrail.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shorter<'a> {
    #[serde(borrow)]
    limit: Node<'a>,
    window: Window,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SoftHard {
    soft: Own<Decimal>,
    hard: Own<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneTier {
    percent: Own<Decimal>,
    action: TierAction,
}

impl InFile<'_> for Tiers {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        match node.view()? {
            View::Text(name) => match name.as_str() {
                "plain" => Ok(Self::plain()),
                "hybrid" => Ok(Self::hybrid()),
                "traffic_light" => Ok(Self::traffic_light()),
                "warnings_only" => Ok(Self::warnings_only()),
                _ => {
                    Err(wrong(format!("{name:?} is none of plain, hybrid, traffic_light and warnings_only")))
                }
            },
            View::Table(fields) => match fields.as_slice() {
                [(field, node)] if field == "warnings_only" => {
                    list(*node).and_then(|tiers| Self::warnings(tiers).map_err(bare)).at(field)
                }
                _ => {
                    let SoftHard { soft: Own(soft), hard: Own(hard) } = node.read()?;
                    let tier = |percent, action| Tier { percent, action };
                    rising([tier(soft, TierAction::Warn), tier(hard, TierAction::Block)])
                }
            },
            View::List(nodes) if nodes.is_empty() => Err(wrong("is empty; write \"plain\"")),
            View::List(_) => rising(list(node)?),
            _ => Err(node.is_not("the name of a preset, { soft, hard } or a list of tiers")),
        }
    }
}

fn list(node: Node<'_>) -> Result<Vec<Tier>, Error> {
    let tier = |(node, number): (Node<'_>, u32)| {
        let OneTier { percent: Own(percent), action } = node.read().at(&format!("tier {number}"))?;
        Ok(Tier { percent, action })
    };
    node.read::<Vec<_>>()?.into_iter().zip(1..).map(tier).collect()
}

pub(super) fn rising(tiers: impl IntoIterator<Item = Tier>) -> Result<Tiers, Error> {
    Tiers::new(tiers).map_err(bare)
}

/// The caps on a single call, where figures may be quoted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PerCall {
    tokens_input: Option<u64>,
    tokens_output: Option<u64>,
    usd: Option<Own<Usd>>,
    #[serde(default)]
    strict: bool,
}

impl InFile<'_> for Caps {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let PerCall { tokens_input, tokens_output, usd, strict } = node.read()?;
        Ok(Self { tokens_input, tokens_output, usd: usd.map(|usd| usd.0), strict })
    }
}
