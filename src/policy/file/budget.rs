//! How are a budget, its tiers and its caps on single calls written?

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::super::budget::{Filter, Guardrail};
use super::super::{Budget, Selector, Tier, Tiers};
use super::tree::{Fields, Node, wrong};
use super::value;
use crate::Error;
use crate::values::{Caps, ScopeKind, TierAction, Unit};

const FIELDS: [&str; 16] = [
    "id",
    "scope",
    "each",
    "unit",
    "limit",
    "window",
    "tiers",
    "guardrail",
    "models",
    "providers",
    "tags",
    "per_call",
    "observe",
    "restart",
    "metadata",
    "channels",
];

pub(super) fn budget(node: &Node, kinds: &[ScopeKind]) -> Result<Budget, Error> {
    let fields = Fields::of(node, &FIELDS)?;
    let id = fields.get("id", value::id)?;
    let selector = selector(&fields, kinds)?;
    // Dollars by default, because tokens are not equal.
    let unit = fields.find("unit", value::unit)?.unwrap_or(Unit::Usd);
    let limit = fields.get("limit", |node| value::limit(node, &unit))?;
    let window = fields.get("window", value::window)?;
    Ok(Budget {
        tiers: fields.find("tiers", tiers)?.unwrap_or_else(Tiers::plain),
        guardrail: fields.find("guardrail", |node| guardrail(node, &unit))?,
        filter: Filter {
            models: fields.find("models", value::names)?.unwrap_or_default(),
            providers: fields.find("providers", value::names)?.unwrap_or_default(),
            tags: fields.find("tags", value::tags)?.unwrap_or_default(),
        },
        caps: fields.find("per_call", caps)?.unwrap_or_default(),
        observe: fields.flag("observe")?,
        restart: fields.flag("restart")?,
        metadata: fields.find("metadata", value::metadata)?.unwrap_or_default(),
        channels: fields.find("channels", value::channels)?.unwrap_or_default(),
        ..Budget::new(id, selector, unit, limit, window)
    })
}

fn selector(fields: &Fields<'_>, kinds: &[ScopeKind]) -> Result<Selector, Error> {
    let scope = fields.find("scope", |node| value::scope(node, kinds))?;
    let each = fields.find("each", |node| value::kind(node, kinds))?;
    match (scope, each) {
        (Some(scope), None) => Ok(Selector::Scope(scope)),
        (None, Some(kind)) => Ok(Selector::Each(kind)),
        (None, None) => {
            let problem = "is missing; write scope = \"team/search\", or each = \"user\"";
            Err(Error::invalid("scope", problem))
        }
        (Some(_), Some(_)) => Err(Error::invalid("each", "stands beside scope; keep one of them")),
    }
}

fn guardrail(node: &Node, unit: &Unit) -> Result<Guardrail, Error> {
    let fields = Fields::of(node, &["limit", "window"])?;
    Ok(Guardrail {
        limit: fields.get("limit", |node| value::figure(node, unit))?,
        window: fields.get("window", value::window)?,
    })
}

fn tiers(node: &Node) -> Result<Tiers, Error> {
    match node {
        Node::Text(name) => match name.as_str() {
            "plain" => Ok(Tiers::plain()),
            "hybrid" => Ok(Tiers::hybrid()),
            "traffic_light" => Ok(Tiers::traffic_light()),
            "warnings_only" => Ok(Tiers::warnings_only()),
            _ => Err(wrong(format!("{name:?} is none of plain, hybrid, traffic_light and warnings_only"))),
        },
        Node::Table(fields) if fields.iter().any(|(field, _)| field == "warnings_only") => {
            let fields = Fields::of(node, &["warnings_only"])?;
            fields.get("warnings_only", |node| {
                Tiers::warnings(list(node)?).map_err(|error| value::without("tiers: ", &error))
            })
        }
        Node::Table(_) => {
            let fields = Fields::of(node, &["soft", "hard"])?;
            let soft = Tier { percent: fields.get("soft", value::percent)?, action: TierAction::Warn };
            let hard = Tier { percent: fields.get("hard", value::percent)?, action: TierAction::Block };
            rising([soft, hard])
        }
        Node::List(nodes) if nodes.is_empty() => Err(wrong("is empty; write \"plain\"")),
        Node::List(_) => rising(list(node)?),
        other => Err(other.is_not("the name of a preset, { soft, hard } or a list of tiers")),
    }
}

fn list(node: &Node) -> Result<Vec<Tier>, Error> {
    let read =
        |(node, number): (&Node, u32)| tier(node).map_err(|error| error.within(&format!("tier {number}")));
    node.list()?.iter().zip(1_u32..).map(read).collect()
}

pub(super) fn rising(tiers: impl IntoIterator<Item = Tier>) -> Result<Tiers, Error> {
    Tiers::new(tiers).map_err(|error| value::without("tiers: ", &error))
}

fn tier(node: &Node) -> Result<Tier, Error> {
    let fields = Fields::of(node, &["percent", "action"])?;
    let action = |node| {
        let word: StrDeserializer<'_, ValueError> = value::text(node)?.into_deserializer();
        TierAction::deserialize(word).map_err(|error| wrong(error.to_string()))
    };
    Ok(Tier { percent: fields.get("percent", value::percent)?, action: fields.get("action", action)? })
}

pub(super) fn caps(node: &Node) -> Result<Caps, Error> {
    let fields = Fields::of(node, &["tokens_input", "tokens_output", "usd", "strict"])?;
    Ok(Caps {
        tokens_input: fields.find("tokens_input", value::whole)?,
        tokens_output: fields.find("tokens_output", value::whole)?,
        usd: fields.find("usd", value::money)?,
        strict: fields.flag("strict")?,
    })
}
