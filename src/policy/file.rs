//! How is a policy written in a file?
//!
//! In TOML (feature `toml`) or JSON, field for field alike, and read with
//! [`Policy::from_path`], `Policy::from_toml` or [`Policy::from_json`].
//! What cannot be read is an error that names the file, the entry and the
//! field; nothing is ever guessed, and nothing is read in part.
//!
//! # Budgets
//! ```
//! # #[cfg(feature = "toml")] {
//! use token_budget::Policy;
//!
//! let policy = Policy::from_toml(r#"
//!     [[budgets]]
//!     id = "search"                     # its books are kept under this
//!     scope = "team/search"             # or: each = "user"
//!     limit = "500"                     # or "none": books only, nothing is refused
//!     window = "month@Europe/Berlin"    # or a table, see Window
//!     unit = "usd"                      # usd unless told; this and all below may be left out
//!     tiers = "hybrid"                  # plain unless told; see below
//!     guardrail = { limit = "75", window = "day@Europe/Berlin" }
//!     models = ["gpt-4o"]               # selects calls of these only, however spelt; so do the next two
//!     providers = ["openai"]
//!     tags = { env = "prod" }
//!     per_call = { tokens_input = 100000, tokens_output = 4000, usd = "1", strict = true }
//!     observe = true                    # keep books, refuse nothing
//!     restart = true                    # a swap may change unit, window or kind of scope
//!     metadata = { cost_center = "42" }
//!     channels = ["slack"]              # names, never addresses
//! "#)?;
//! assert_eq!(policy.budgets()[0].limit(), Some(500_000_000_000)); // nano-dollars
//! # }
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! Tiers are `"plain"`, `"hybrid"`, `"traffic_light"`, `{ soft = 80, hard =
//! 120 }`, or a list such as `[{ percent = 50, action = "notice" }, { percent
//! = 100, action = "block" }]` with rising percentages; actions are `notice`,
//! `warn`, `critical`, `degrade` and `block`. A list that names no `block` stops
//! at the limit all the same. Only `"warnings_only"`, and a list under that
//! name (`{ warnings_only = [...] }`), have no stop. A guardrail that could
//! never refuse before its budget does is an error.
//!
//! # Exemptions and the policy as a whole
//! ```
//! use token_budget::Policy;
//!
//! let policy = Policy::from_json(r#"{
//!     "policy": {
//!         "ladder": ["gpt-4.1", "gpt-4.1-mini"],
//!         "unknown_model": {"priced_as": "gpt-4.1"},
//!         "unbound": "count",
//!         "output_tokens_default": 4096,
//!         "no_limit": "write_in",
//!         "per_call": {"usd": "5"},
//!         "kinds": ["tenant"],
//!         "observe": true
//!     },
//!     "budgets": [{"id": "acme", "scope": "tenant/acme", "limit": "12.50", "window": "day"}],
//!     "exemptions": [{
//!         "id": "launch", "scope": "tenant/acme", "raise": "200",
//!         "from": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z",
//!         "requester": "ada", "approver": "grace", "reason": "launch day"
//!     }]
//! }"#)?;
//! assert_eq!(policy.exemptions()[0].id(), "launch");
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! `unknown_model` is `"refuse"` (unless told), `"count_only"` or a model to
//! price as. `unbound` says what becomes of calls none of whose scopes has a
//! budget: `"refuse"` (unless told; where all observes, `"count"`), `"count"`
//! or `"allow"`, see [`Unbound`](crate::values::Unbound); it may also stand at the top
//! of the file, beside `budgets`, `keys` or `teams`. `no_limit` says what becomes of calls that name no output limit:
//! `"write_in"` (unless told), `"hold_most"` or `"leave_alone"`, see [`OnNoLimit`](crate::values::OnNoLimit). `kinds` lists kinds of scope of your own: any other kind is an
//! error, since a budget of `taem/search` would never bind. An exemption may
//! also have a `unit`, `budgets`, a `use_case` and `emergency`.
//!
//! # Numbers
//! Money and percentages are plain decimal numbers, quoted or not: `"0.25"`,
//! `500`. Every digit counts: there is no exponent, no `1_000`, and nothing
//! finer than a nano-dollar. JSON's `0.25` is read from its digits; a float
//! of TOML must be quoted.
//!
//! # Limits that a gateway keeps for a key
//! Entries of `keys` (or `api_keys`), or a file that is one such entry:
//!
//! | Field (also written) | Becomes |
//! |---|---|
//! | `name` (`key`, `key_alias`) | the scope `api_key/NAME`; never the key itself |
//! | `monthly_limit` (`monthly_limit_usd`) | a budget of the calendar month in UTC |
//! | `daily_limit` (`daily_limit_usd`) | its guardrail of the calendar day in UTC |
//! | `alert_thresholds` (`thresholds`) | tiers in percent: a notice, from 80 a warning, from 100 critical |
//! | `hard_stop` (`hard_stop_percent`) | the tier that blocks, in percent; thresholds need one |
//! | `alert_channels` (`notification_channels`, `channels`) | channels |
//!
//! ```
//! use token_budget::{Policy, Tiers};
//!
//! let policy = Policy::from_json(r#"{"keys": [{
//!     "name": "ci-bot", "monthly_limit": 500, "daily_limit": 50,
//!     "alert_thresholds": [50, 80, 100], "hard_stop": 120, "alert_channels": ["slack", "email"]
//! }]}"#)?;
//! let [budget] = policy.budgets() else { panic!("one budget") };
//! assert_eq!(budget.id(), "api_key/ci-bot monthly_limit");
//! assert_eq!(budget.limit(), Some(500_000_000_000)); // nano-dollars
//! assert_eq!(budget.channels(), ["slack", "email"]);
//!
//! let call = token_budget::Call::new("gpt-4o").api_key("ci-bot");
//! let binding = policy.bind(&call, "2026-11-22T12:00:00Z".parse()?)?;
//! let lines: Vec<_> = binding.bound.iter().map(|bound| (bound.window.to_string(), bound.ceiling)).collect();
//! // Landing on $50 a day is allowed, landing on the hard stop of $600 a month is not.
//! assert_eq!(lines, [("day".into(), 50_000_000_000), ("month".into(), 599_999_999_999)]);
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Limits that a gateway keeps for a team, a user, a customer or an organization
//! Entries of `teams`, `users`, `customers` and `organizations` (and of `keys`), or a file that is one such entry, in
//! LiteLLM's names. `null` is a field that is not set, and numbers may be quoted.
//!
//! | Field (also written) | Becomes |
//! |---|---|
//! | `name`, `team_alias`, else `team_id` | the scope `team/NAME` |
//! | `name`, `user_id`, else `user_alias` | the scope `user/NAME`; of `customers`, with `alias`, `customer/NAME` |
//! | `name`, `organization_alias`, else `organization_id` | the scope `organization/NAME` |
//! | `max_budget` | a budget in dollars |
//! | `budget_duration` (of a team also `duration`) | its window: `1mo` is the calendar month in UTC, `30d` **rolls**; left out, null or `"None"`, it is the lifetime |
//! | `soft_budget` | a warning from there on; `max_budget` then blocks the call that would reach it |
//! | `tpm_limit`, `rpm_limit` | budgets of tokens and of requests in a rolling minute |
//! | `budget_limits` | a list of budgets in dollars, each with its `max_budget` and `budget_duration`; all bind |
//! | `model_max_budget` | by model, a budget: a figure, or `max_budget` (`budget_limit`), `budget_duration` (`time_period`), `tpm_limit`, `rpm_limit` |
//! | `model_tpm_limit`, `model_rpm_limit` | by model, budgets of tokens and of requests in a rolling minute |
//! | `litellm_budget_table` | the budgets that stand under a `budget_id`, beside the entry's own |
//! | `metadata` | metadata, of text, numbers and true or false; lists and tables in it are left out |
//!
//! A model binds every spelling that has its price, see [`Budget::model`](crate::Budget::model). Patterns
//! (`openai/*`) are refused.
//!
//! LiteLLM begins some durations by the calendar (`24h` at midnight, `7d` on Monday, `30d` on the first of a month);
//! here they roll, so that no stretch of that length passes more. Passed over are figures of the past (`spend`), who
//! made an entry and when, and what else a gateway does. Refused, with what to write instead: `budget_id` without
//! its table, a limit inside a field that is passed over, a key's `duration`, `max_parallel_requests`, `models` that are not empty, `blocked` that is true, `temp_budget_increase`,
//! `team_member_budget` and its like, other months than one, and a gateway's own configuration (`litellm_settings`,
//! `provider_budget_config`).
//!
//! ```
//! use token_budget::Policy;
//!
//! let policy = Policy::from_json(r#"{
//!     "team_alias": "search", "max_budget": 800, "budget_duration": "30d", "tpm_limit": 1000000,
//!     "metadata": {"cost_center": "CC-42", "lead": "ada", "owner": "grace"}
//! }"#)?;
//! let [month, rate] = policy.budgets() else { panic!("two budgets") };
//! assert_eq!((month.id(), month.window().to_string()), ("team/search max_budget", "30d".into()));
//! assert_eq!((rate.id(), rate.window().to_string()), ("team/search tpm_limit", "1m".into()));
//! assert_eq!(rate.limit(), Some(1_000_000)); // tokens
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! All entries share these fields, and take `observe` and `restart` as
//! budgets do; only `duration` is a team's alone.
//!
//! ```
//! use token_budget::Policy;
//!
//! let policy = Policy::from_json(r#"{"keys": [{"key_alias": "bot", "max_budget": null, "budget_limits": [
//!     {"budget_duration": "24h", "max_budget": 10}, {"budget_duration": "1mo", "max_budget": 100}]}]}"#)?;
//! let windows: Vec<_> = policy.budgets().iter().map(|budget| budget.window().to_string()).collect();
//! assert_eq!(windows, ["1d", "month"]);
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # What is refused
//! Besides what is said above: an unknown field, unit, zone or kind, a field
//! or an id that stands twice, a duration without its unit, `null` in an entry of
//! budgets or exemptions, text or
//! names of more than 4,096 bytes, lists of more than 10,000 entries, nesting
//! of more than 16 levels, and more than 16 MiB in all. A file without any
//! list of budgets, keys or teams is refused, too: it was cut off or emptied by
//! accident. `budgets = []` says on purpose that there are none; every call is
//! refused then, unless `unbound` allows it.
//! A byte order mark at the beginning is passed over.

mod document;
mod budget;
mod exemption;
mod gateway;
mod litellm;
mod passed;
mod value;
mod tree;
mod json;
#[cfg(feature = "toml")]
mod toml;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Policy;
use crate::Error;
use tree::{Node, shown, unreadable};

/// The largest file that is read: four times what ten thousand budgets with all their fields take.
pub const BYTES_MAX: usize = 16 << 20;

/// How deep lists and tables may lie in one another; the format itself needs five levels.
pub const DEPTH_MAX: usize = 16;

/// The longest name, text or number in a file.
pub const TEXT_BYTES_MAX: usize = 4_096;

impl Policy {
    /// Reads a policy from JSON text; its shape is told in [`policy::file`](crate::policy::file).
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) for text that is no JSON or goes beyond a
    /// stated size, else [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the entry and the field.
    ///
    /// # Example: a field that does not exist is not passed over
    /// ```
    /// use token_budget::Policy;
    ///
    /// let text = r#"{"budgets": [{"id": "search", "scope": "team/search", "limit": "1_000", "window": "day"}]}"#;
    /// let error = Policy::from_json(text).unwrap_err().to_string();
    /// assert_eq!(error, r#"budget search: limit: "1_000" is not a plain decimal number"#);
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Error> {
        read(text, json::tree)
    }

    /// Reads a policy from TOML text; its shape is told in [`policy::file`](crate::policy::file).
    ///
    /// # Errors
    /// As [`Policy::from_json`].
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        read(text, toml::tree)
    }

    /// Reads a policy from a file whose name ends in `.json` or `.toml`.
    ///
    /// # Errors
    /// As [`Policy::from_json`], with the file's name first; also
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where it cannot be opened or has another ending,
    /// and [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for TOML without the feature.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        let policy = match ending.to_str() {
            Some("json") => contents(path).and_then(|text| Self::from_json(&text)),
            #[cfg(feature = "toml")]
            Some("toml") => contents(path).and_then(|text| Self::from_toml(&text)),
            #[cfg(not(feature = "toml"))]
            Some("toml") => {
                Err(Error::new(crate::ErrorKind::Unsupported, "TOML is read with the feature \"toml\""))
            }
            Some("yaml" | "yml") => Err(unreadable(
                "YAML is not read; write the same fields as JSON, in a file that ends in .json",
            )),
            _ => Err(unreadable("the name ends neither in .json nor in .toml")),
        };
        policy.map_err(|error| error.within(&shown(&path.to_string_lossy())))
    }
}

fn contents(path: &Path) -> Result<String, Error> {
    let cannot = |error: std::io::Error| unreadable(format!("cannot be read: {error}")).with_source(error);
    let mut bytes = Vec::new();
    let at_most = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(cannot)?.take(at_most).read_to_end(&mut bytes).map_err(cannot)?;
    bound(bytes.len())?;
    String::from_utf8(bytes).map_err(|error| unreadable("is not UTF-8 text").with_source(error))
}

fn bound(bytes: usize) -> Result<(), Error> {
    if bytes > BYTES_MAX {
        return Err(unreadable(format!("more than {BYTES_MAX} bytes")));
    }
    Ok(())
}

fn read(text: &str, tree: impl Fn(&str) -> Result<Node, Error>) -> Result<Policy, Error> {
    bound(text.len())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(document::no_budgets());
    }
    document::policy(&tree(text)?)
}
