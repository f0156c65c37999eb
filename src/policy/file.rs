//! How is a policy written in a file?
//!
//! A policy file says who may spend how much, in TOML (feature `toml`) or in JSON, field for field alike.
//! [`Policy::from_path`], `Policy::from_toml` and [`Policy::from_json`] read it.
//!
//! A file is read whole or not at all. An error names the file, the entry and the field, and says what to write; the policy
//! that was in force stays in force. Nothing is guessed: a default that stands in for a misspelt field would be a limit that
//! nobody wrote.
//!
//! # A first policy
//! One budget needs four fields: a name for its books, whom it binds, how much, and in which window.
//!
//! ```
//! # #[cfg(feature = "toml")] {
//! use token_budget::policy::Unbound;
//! use token_budget::{Call, Policy};
//!
//! let policy = Policy::from_toml(r#"
//!     [[budgets]]
//!     id = "search"
//!     scope = "team/search"
//!     limit = "500"          # dollars
//!     window = "month"       # the calendar month, in UTC
//! "#)?;
//! let noon = "2026-11-22T12:00:00Z".parse()?;
//!
//! let binding = policy.bind(&Call::new("gpt-4o").team("search"), noon)?;
//! assert_eq!(binding.terms[0].ceiling, 500_000_000_000); // $500 in nano-dollars: a call may land on it
//! assert_eq!(binding.terms[0].period.until.to_string(), "2026-12-01T00:00:00Z");
//!
//! // Nobody said what another team may spend, and a typo in a name is no free pass.
//! let other = policy.bind(&Call::new("gpt-4o").team("serach"), noon)?;
//! assert_eq!(other.unbound, Some(Unbound::Refuse));
//! # }
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Budgets
//! Each entry of `budgets` is one [`Budget`](crate::Budget).
//!
//! | Field | Says | Left out |
//! |---|---|---|
//! | `id` | what its books are kept under; all else may change around it | an error |
//! | `scope` | whom it binds: `"team/search"` | `each` must stand |
//! | `each` | a budget for each scope of a kind: `"user"` | `scope` must stand |
//! | `limit` | the figure, or `"none"` to keep books only | an error |
//! | `window` | how long it counts; see below | an error |
//! | `unit` | `usd`, `tokens`, `tokens_input`, `tokens_output`, `requests` | `usd` |
//! | `tiers` | at which shares of the limit something happens; see below | `"plain"` |
//! | `guardrail` | a limit in a shorter window inside | none |
//! | `models`, `providers` | binds calls of these only, however they spell the model | all |
//! | `tags` | binds calls that bear all of these | all |
//! | `per_call` | caps every single call; see below | no cap |
//! | `observe` | keeps books and refuses nothing | `false` |
//! | `restart` | lets a swap change unit, window or kind of scope, which begins new books | `false` |
//! | `metadata` | what people want to know: text, numbers, true or false | nothing |
//! | `channels` | the names of channels for its events, never their addresses | none |
//!
//! ```
//! # #[cfg(feature = "toml")] {
//! use token_budget::{Call, Policy};
//!
//! let policy = Policy::from_toml(r#"
//!     [[budgets]]
//!     id = "search"
//!     scope = "team/search"
//!     limit = "500"
//!     window = "month@Europe/Berlin"
//!     guardrail = { limit = "75", window = "day@Europe/Berlin" }
//!     models = ["gpt-4o"]
//!     tags = { env = "prod" }
//!     metadata = { cost_center = 42 }
//!     channels = ["slack"]
//!
//!     [[budgets]]
//!     id = "users"
//!     each = "user"          # every user has five dollars a day, from the first call on
//!     limit = "5"
//!     window = "day"
//! "#)?;
//! let call = Call::new("gpt-4o").team("search").user("ada").tag("env", "prod");
//! let ceilings = |call: &Call| -> Result<Vec<i64>, token_budget::Error> {
//!     let binding = policy.bind(call, "2026-11-22T12:00:00Z".parse()?)?;
//!     Ok(binding.terms.iter().map(|terms| terms.ceiling).collect())
//! };
//! // The team's day, the team's month, Ada's day; in nano-dollars.
//! assert_eq!(ceilings(&call)?, [75_000_000_000, 500_000_000_000, 5_000_000_000]);
//! // Without the tag, the team's budget does not bind.
//! assert_eq!(ceilings(&Call::new("gpt-4o").team("search").user("ada"))?, [5_000_000_000]);
//! # }
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! A guardrail that could never refuse before its budget does is an error: whoever wrote it believes in a limit that is none.
//!
//! # Windows
//! A calendar window is written by its unit, and in another zone than UTC with that: `"day"`, `"month@Europe/Berlin"`. One
//! that opens at another day or hour is a table. A duration **rolls**: `"30d"` is never a month, and no stretch of thirty days
//! passes more than the limit. `"lifetime"` never resets. See [`Window`](crate::Window).
//!
//! ```
//! use token_budget::{Call, Policy};
//!
//! let policy = Policy::from_json(r#"{"budgets": [
//!     {"id": "a", "scope": "team/a", "limit": 1, "window": "month"},
//!     {"id": "b", "scope": "team/b", "limit": 1, "window": {"every": "month", "zone": "Europe/Berlin", "day": 15}},
//!     {"id": "c", "scope": "team/c", "limit": 1, "window": "30d"}
//! ]}"#)?;
//! let resets = |team: &str| -> Result<_, token_budget::Error> {
//!     let binding = policy.bind(&Call::new("m").team(team), "2026-11-22T12:00:00Z".parse()?)?;
//!     Ok(binding.terms[0].resets_at.map(|at| at.to_string()))
//! };
//! assert_eq!(resets("a")?.as_deref(), Some("2026-12-01T00:00:00Z"));
//! assert_eq!(resets("b")?.as_deref(), Some("2026-12-14T23:00:00Z")); // midnight in Berlin
//! assert_eq!(resets("c")?, None); // room comes back as each call ages out
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Tiers
//! | Written | Means |
//! |---|---|
//! | `"plain"` | blocks above the limit |
//! | `"hybrid"` | notice at 50 %, warn at 80 %, critical at 100 %, block at 120 % |
//! | `"traffic_light"` | warn at 80 %, block at 150 % |
//! | `"warnings_only"` | notice at 50 %, warn at 80 %, critical at 100 %, and **no stop** |
//! | `{ soft = 80, hard = 120 }` | warns from the first on, blocks at the second |
//! | a list of `{ percent, action }` | tiers of your own, with rising percentages |
//! | `{ warnings_only = [...] }` | such a list without a stop |
//!
//! Actions are `notice`, `warn`, `critical`, `degrade` and `block`. A list that names no `block` stops at the limit all the
//! same: who adds a warning does not take the limit away.
//!
//! ```
//! use token_budget::{Call, Policy};
//!
//! let ceiling = |tiers: &str| -> Result<i64, token_budget::Error> {
//!     let budget = format!(r#""id": "a", "scope": "team/a", "limit": 500, "window": "month", "tiers": {tiers}"#);
//!     let policy = Policy::from_json(&format!(r#"{{"budgets": [{{{budget}}}]}}"#))?;
//!     Ok(policy.bind(&Call::new("m").team("a"), "2026-11-22T12:00:00Z".parse()?)?.terms[0].ceiling)
//! };
//! // A call may land on the limit of $500, and not on a stop: 120 % of $500 are $600.
//! assert_eq!(ceiling(r#""plain""#)?, 500_000_000_000);
//! assert_eq!(ceiling(r#"{"soft": 80, "hard": 120}"#)?, 599_999_999_999);
//! assert_eq!(ceiling(r#"[{"percent": 50, "action": "warn"}]"#)?, 500_000_000_000);
//! assert_eq!(ceiling(r#""warnings_only""#)?, i64::MAX);
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Caps on a single call
//! `per_call` caps every call that a budget binds, whatever room the budget has: `tokens_input`, `tokens_output`, `usd`. An
//! output above its cap is written down to it; `strict = true` refuses the call instead. Under `policy` it caps all calls.
//!
//! ```
//! use token_budget::{Call, Policy};
//!
//! let policy = Policy::from_json(r#"{
//!     "policy": {"per_call": {"tokens_output": 4096}},
//!     "budgets": [{"id": "a", "scope": "team/a", "limit": 500, "window": "month", "per_call": {"tokens_output": 8192, "usd": "1"}}]
//! }"#)?;
//! let caps = policy.bind(&Call::new("m").team("a"), "2026-11-22T12:00:00Z".parse()?)?.caps;
//! assert_eq!(caps.tokens_output, Some(4_096)); // the tighter of both
//! assert_eq!(caps.usd, Some("1".parse()?));
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Exemptions
//! An entry of `exemptions` raises the limits of a scope for a while, and says who asked, who approved and why
//! ([`Exemption`](crate::policy::Exemption)). It needs `id`, `scope`, `raise`, `reason`, and `requester` or `approver`; it may
//! have `from`, `until`, `unit`, `budgets` (their ids), a `use_case`, and `emergency`, which must name its approver.
//!
//! ```
//! use token_budget::{Call, Policy};
//!
//! let policy = Policy::from_json(r#"{
//!     "budgets": [{"id": "day", "scope": "team/search", "limit": "12.50", "window": "day"}],
//!     "exemptions": [{
//!         "id": "launch", "scope": "team/search", "raise": "200",
//!         "from": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z",
//!         "requester": "ada", "approver": "grace", "reason": "launch day"
//!     }]
//! }"#)?;
//! let limit = |at: &str| -> Result<_, token_budget::Error> {
//!     Ok(policy.bind(&Call::new("m").team("search"), at.parse()?)?.terms[0].limit)
//! };
//! assert_eq!(limit("2026-11-22T23:59:59Z")?, Some(212_500_000_000)); // 12.50 + 200 dollars
//! assert_eq!(limit("2026-11-23T00:00:00Z")?, Some(12_500_000_000)); // over by itself
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # The policy as a whole
//! The table `policy` holds what is no single budget's:
//!
//! | Field | Says | Left out |
//! |---|---|---|
//! | `unbound` | what becomes of a call none of whose scopes has a budget: `"refuse"`, `"count"` or `"allow"` ([`Unbound`](crate::policy::Unbound)) | `"refuse"`; where all observes, `"count"` |
//! | `unknown_model` | what becomes of a model without a price: `"refuse"`, `"count_only"`, `{ priced_as = "gpt-4.1" }` | `"refuse"` |
//! | `ladder` | models, strongest first, for tiers that degrade | none |
//! | `no_limit` | what becomes of a call without an output limit: `"write_in"`, `"hold_most"`, `"leave_alone"` ([`OnNoLimit`](crate::policy::OnNoLimit)) | `"write_in"` |
//! | `output_tokens_default` | the output that is held for such a call | 16,384, or 65,536 where the model may reason |
//! | `fee_uses_assumed` | how many searches, pages or images are held for where nobody says | 10 |
//! | `per_call` | caps every call | no cap |
//! | `kinds` | kinds of scope of your own: any other kind is an error, because a budget of `taem/search` would never bind | none |
//! | `observe` | keeps all books and refuses nothing | `false` |
//!
//! `unbound` may also stand at the top of the file, beside `budgets`, `keys` or `teams`.
//!
//! ```
//! use token_budget::policy::Unbound;
//! use token_budget::{Call, Policy};
//!
//! let policy = Policy::from_json(r#"{
//!     "policy": {
//!         "unbound": "count", "unknown_model": {"priced_as": "gpt-4.1"}, "ladder": ["gpt-4.1", "gpt-4.1-mini"],
//!         "output_tokens_default": 4096, "no_limit": "write_in", "per_call": {"usd": "5"}, "kinds": ["tenant"]
//!     },
//!     "budgets": [{"id": "acme", "each": "tenant", "limit": "12.50", "window": "day"}]
//! }"#)?;
//! assert_eq!(policy.output_tokens_default(), 4_096);
//! let nobody = policy.bind(&Call::new("gpt-4.1").user("ada"), "2026-11-22T12:00:00Z".parse()?)?;
//! assert_eq!(nobody.unbound, Some(Unbound::Count));
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Numbers
//! Money and percentages are plain decimal numbers, quoted or not: `"0.25"`, `500`. Every digit counts: there is no exponent,
//! no `1_000`, and nothing finer than a nano-dollar. JSON's `0.25` is read from its digits; a float of TOML must be quoted,
//! because other readers of the same file would round it.
//!
//! ```
//! use token_budget::Policy;
//!
//! let read = |limit: &str| {
//!     let budget = format!(r#""id": "a", "scope": "team/a", "limit": {limit}, "window": "month""#);
//!     let policy = Policy::from_json(&format!(r#"{{"budgets": [{{{budget}}}]}}"#));
//!     policy.map(|policy| policy.budgets()[0].limit()).map_err(|error| error.to_string())
//! };
//! assert_eq!(read("0.000000001"), Ok(Some(1))); // one nano-dollar
//! assert_eq!(read("1e3").unwrap_err(), r#"budget a: limit: "1e3" is not a plain decimal number"#);
//! assert!(read("0.0000000001").unwrap_err().ends_with("has more than nine decimals and cannot be kept exactly"));
//! # Ok::<(), token_budget::Error>(())
//! ```
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
//! let lines: Vec<_> = binding.terms.iter().map(|terms| (terms.window.to_string(), terms.ceiling)).collect();
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
//! Besides what is said above: an unknown field, unit, zone or kind, a field or an id that stands twice, a duration without its
//! unit, a list in place of a table, `null` in an entry of budgets or exemptions, text or names of more than 4,096 bytes, lists
//! of more than 10,000 entries, nesting of more than 16 levels, and more than 16 MiB in all. A file without any list of budgets,
//! keys or teams is refused, too: it was cut off or emptied by accident. `budgets = []` says on purpose that there are none;
//! every call is refused then, unless `unbound` allows it. A byte order mark at the beginning is passed over.
//!
//! An error shows a name, a number or a word that was expected to be another. It never shows a value of the wrong sort, nor
//! what metadata says: that may be a secret in the wrong place.
//!
//! ```
//! use token_budget::Policy;
//!
//! let error = |json: &str| Policy::from_json(json).unwrap_err().to_string();
//! let misspelt = error(r#"{"budgets": [{"id": "search", "windw": "day"}]}"#);
//! assert!(misspelt.starts_with("budget search: windw: unknown field"), "{misspelt}");
//! assert!(misspelt.ends_with("did you mean window?"), "{misspelt}");
//!
//! let no_list = error(r#"{"budgets": [{"id": "search", "channels": "https://hooks.example/T0/secret"}]}"#);
//! assert_eq!(no_list, "budget search: channels: expected a list, found text");
//! assert!(error("{}").starts_with("no budgets, keys or teams"));
//! # Ok::<(), token_budget::Error>(())
//! ```

mod document;
mod budget;
mod exemption;
mod gateway;
mod litellm;
mod passed;
mod value;
mod reader;
mod node;
mod problem;
#[cfg(feature = "toml")]
mod toml;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Policy;
use crate::Error;
use node::Node;
use problem::{At, unreadable};

pub use node::{DEPTH_MAX, TEXT_BYTES_MAX};

/// The largest file that is read: four times what ten thousand budgets with all their fields take.
pub const BYTES_MAX: usize = 16 << 20;

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
        read(text, |json| document::policy(Node::document(json)?))
    }

    /// Reads a policy from TOML text; its shape is told in [`policy::file`](crate::policy::file).
    ///
    /// # Errors
    /// As [`Policy::from_json`].
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        read(text, |text| document::policy(Node::document(&toml::as_json(text)?)?))
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
        policy.at(&path.to_string_lossy())
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

fn read(text: &str, policy: impl Fn(&str) -> Result<Policy, Error>) -> Result<Policy, Error> {
    bound(text.len())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(document::no_budgets());
    }
    policy(text)
}
