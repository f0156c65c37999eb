//! Who pays for a virtual key?

use std::collections::HashMap;
use std::error::Error;

use serde::Deserialize;
use token_budget::Call;
use token_budget::http::{Denial, RequestHead};

/// The keys that the gateway gave out. They stand in a file of their own: a policy is read by many, keys by nobody.
pub(crate) struct Keys(HashMap<String, Holder>);

/// Whoever holds a key, by names that may be shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holder {
    key: String,
    pub(crate) name: String,
    team: Option<String>,
    user: Option<String>,
    /// Sees the budgets of all keys.
    #[serde(default, rename = "operator")]
    pub(crate) is_operator: bool,
}

impl Keys {
    pub(crate) fn read(json: &str) -> Result<Self, Box<dyn Error>> {
        // What serde says may quote a key.
        let place = |error: serde_json::Error| {
            format!("the keys cannot be read at line {} column {}", error.line(), error.column())
        };
        let holders: Vec<Holder> = serde_json::from_str(json).map_err(place)?;
        holders.iter().try_for_each(|holder| holder.charge().with_model("any").check().map(drop))?;
        let count = holders.len();
        let keys: HashMap<_, _> = holders.into_iter().map(|holder| (holder.key.clone(), holder)).collect();
        if keys.len() == count { Ok(Self(keys)) } else { Err("a key stands twice".into()) }
    }

    /// Whoever makes a request, by `Authorization: Bearer` or `x-api-key`.
    pub(crate) fn holder(&self, head: &RequestHead<'_>) -> Result<&Holder, Denial> {
        let holder = head.api_key().and_then(|key| self.0.get(key));
        holder.ok_or_else(|| Denial::unauthorized("this is no key of the gateway's"))
    }

    pub(crate) fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.0.values()
    }
}

impl Holder {
    /// The budgets that bind the holder's calls: those of the key, of its team and of its user.
    pub(crate) fn charge(&self) -> Call {
        let mut call = Call::charging().api_key(&self.name);
        if let Some(team) = &self.team {
            call = call.team(team);
        }
        if let Some(user) = &self.user {
            call = call.user(user);
        }
        call
    }
}
