//! What is a model that a provider says it served called at the place that the call was for?
//!
//! Answers name the bare model: Azure's say `gpt-5.2-2025-12-11` where the call
//! was for `eu/gpt-5.2`, and Claude's at Bedrock `claude-sonnet-4-5-20250929`
//! where it was for `us.anthropic.claude-sonnet-4-5-20250929-v1:0`. The bare
//! name is a row of its own, 10 % cheaper than the place that served.

use super::spelling::{Dialect, Spelling};

/// The name of the served model at the place of the reserved row; `None` where that row names no place, or the served
/// name has its own.
pub(crate) fn placed(provider: &str, reserved: &str, served: &str) -> Option<String> {
    let dialect = Dialect::of(provider);
    let row = Spelling::of(dialect, reserved)?;
    let place = row.place;
    if place.is_empty() || !Spelling::of(dialect, served)?.place.is_empty() {
        return None;
    }
    if dialect != Dialect::Bedrock {
        return Some(format!("{place}/{served}"));
    }
    let vendor = row.key().split_once('.').map_or("", |(vendor, _)| vendor);
    let has_vendor = served.split_once('.').is_some_and(|(front, _)| front.eq_ignore_ascii_case(vendor));
    let served =
        if has_vendor || vendor.is_empty() { served.to_owned() } else { format!("{vendor}.{served}") };
    let between =
        if reserved.starts_with(place) && reserved.get(place.len()..)?.starts_with('/') { '/' } else { '.' };
    Some(format!("{place}{between}{served}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_stays_at_the_place_that_was_asked_for() {
        let sonnet = "claude-sonnet-4-5-20250929";
        for (provider, reserved, served, expected) in [
            ("azure", "eu/gpt-5.2", "gpt-5.2-2025-12-11", Some("eu/gpt-5.2-2025-12-11")),
            ("azure", "gpt-5.2", "gpt-5.2-2025-12-11", None),
            (
                "bedrock",
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                sonnet,
                Some("us.anthropic.claude-sonnet-4-5-20250929"),
            ),
            (
                "bedrock",
                "ap-northeast-1/anthropic.claude-v2:1",
                "anthropic.claude-v2:1",
                Some("ap-northeast-1/anthropic.claude-v2:1"),
            ),
            ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet, None),
            ("bedrock", "us.amazon.nova-pro-v1:0", "eu.amazon.nova-pro-v1:0", None),
            ("anthropic", "claude-sonnet-4-5", sonnet, None),
        ] {
            assert_eq!(placed(provider, reserved, served).as_deref(), expected, "{reserved} {served}");
        }
    }
}
