//! What does a model's name say beside which model it is?
//!
//! Sellers write one model in several ways: letter case, a dot for a dash
//! between digits, a date, Bedrock's version, the place that serves it. A name
//! is taken apart here, without looking at a table, so that two spellings of
//! one model share a *key*, and what they say beside it can be compared. No
//! word is ever dropped or moved: `gpt-4o-mini` has another key than `gpt-4o`,
//! and `claude-3-5-sonnet` another than `claude-sonnet-3-5`. Nor is a suffix
//! such as `OpenRouter`'s `:free` or `:nitro`, because it may change the price.
//!
//! A [`Spelling`] owns its key in a fixed array and borrows the rest, so taking a name
//! apart allocates nothing. Names come out of requests: the work is linear in a name of
//! at most 256 bytes, and a longer name is no model's.

use super::matching::full_date;
use super::names::NAME_BYTES_MAX;

/// The prefixes of Bedrock's inference profiles.
const PROFILES: [&str; 13] =
    ["us", "eu", "apac", "jp", "au", "ca", "sa", "me", "af", "il", "mx", "global", "us-gov"];
/// The folders of Azure's rows: where a deployment runs.
const FOLDERS: [&str; 6] = ["global", "global-standard", "us", "eu", "apac", "us-gov"];

/// How a seller writes names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Letter case, dots for dashes and a date; nothing else.
    Plain,
    Azure,
    Bedrock,
    Vertex,
}

impl Dialect {
    /// That of a seller, by the name under which its rows are kept.
    pub(super) fn of(provider: &str) -> Self {
        match provider {
            "azure" | "azure_ai" | "azure_text" => Self::Azure,
            "bedrock" | "bedrock_mantle" => Self::Bedrock,
            "vertex_ai" => Self::Vertex,
            _ => Self::Plain,
        }
    }

    /// The one that a name itself shows, where nobody asked for a seller.
    pub(super) fn seen_in(model: &str) -> Self {
        if model.starts_with("arn:") || bedrock_vendor(model) {
            Self::Bedrock
        } else if model.starts_with("publishers/") || model.starts_with("projects/") || model.contains('@') {
            Self::Vertex
        } else {
            Self::Plain
        }
    }
}

/// A name taken apart.
#[derive(Clone, Copy)]
pub(super) struct Spelling<'a> {
    key: [u8; NAME_BYTES_MAX],
    length: usize,
    /// As `20250929`.
    pub(super) date: Option<u32>,
    /// Bedrock's `-v1:0`: both figures, where they are said.
    pub(super) version: [Option<u32>; 2],
    /// Where it is served: empty, a profile's prefix, a folder, or a region.
    pub(super) place: &'a str,
    /// Whether the place is that of a name for the region alone (an ARN, Vertex's path), which needs no row of its own.
    pub(super) is_address: bool,
    /// Claude Code's `[1m]`: a context of a million tokens.
    pub(super) is_long: bool,
}

impl<'a> Spelling<'a> {
    /// Takes a name apart; `None` of one that is no model's: too long, or an id behind which any model may stand.
    pub(super) fn of(dialect: Dialect, model: &'a str) -> Option<Self> {
        let mut spelling = Self {
            key: [0; NAME_BYTES_MAX],
            length: 0,
            date: None,
            version: [None; 2],
            place: "",
            is_address: false,
            is_long: false,
        };
        let mut name = model;
        match dialect {
            Dialect::Plain => {}
            Dialect::Azure => (spelling.place, name) = folder(name),
            Dialect::Bedrock => name = spelling.bedrock(name)?,
            Dialect::Vertex => name = spelling.vertex(name)?,
        }
        if let Some(short) = name.strip_suffix("[1m]") {
            (spelling.is_long, name) = (true, short);
        }
        if dialect == Dialect::Bedrock {
            (spelling.version, name) = version(name);
        }
        // A fine-tuned model's date is that of its base, in the middle of the name.
        if let Some((short, date)) = full_date(name) {
            (spelling.date, name) = (Some(date), short);
        }
        spelling.write(name)?;
        Some(spelling)
    }

    /// What all spellings of the model have in common.
    pub(super) fn key(&self) -> &str {
        let written = self.key.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }

    fn bedrock(&mut self, model: &'a str) -> Option<&'a str> {
        let mut name = model;
        if let Some(arn) = name.strip_prefix("arn:") {
            // arn:PARTITION:bedrock:REGION:ACCOUNT:KIND/ID
            let mut parts = arn.splitn(5, ':');
            let (_, service, region) = (parts.next()?, parts.next()?, parts.next()?);
            let (kind, id) = parts.nth(1)?.split_once('/')?;
            match (service, kind) {
                // A profile's id mostly begins with its own place, which goes first below.
                ("bedrock", "foundation-model" | "inference-profile") => {
                    (self.place, self.is_address) = (region, true);
                }
                // What stands behind the id of a profile of one's own, or of a model of one's own, nobody can tell.
                _ => return None,
            }
            name = id;
        }
        for route in ["converse/", "invoke/"] {
            name = name.strip_prefix(route).unwrap_or(name);
        }
        if let Some((first, rest)) = name.split_once('/').filter(|(first, _)| is_region(first)) {
            (self.place, name) = (first, rest);
        } else if let Some((first, rest)) = name.split_once('.')
            && let Some(prefix) = PROFILES.iter().find(|prefix| prefix.eq_ignore_ascii_case(first))
        {
            (self.place, self.is_address, name) = (prefix, false, rest);
        }
        Some(name)
    }

    fn vertex(&mut self, model: &'a str) -> Option<&'a str> {
        let mut name = model;
        if let Some(path) = name.strip_prefix("projects/") {
            let (_, path) = path.split_once("/locations/")?;
            let (location, path) = path.split_once('/')?;
            if location != "global" {
                (self.place, self.is_address) = (location, true);
            }
            name = path;
        }
        if let Some(path) = name.strip_prefix("publishers/") {
            name = path.split_once("/models/")?.1;
        }
        Some(name.strip_suffix("@default").unwrap_or(name))
    }

    /// Writes the key: in lower case, a dot between numbers as a dash, `gpt-35` as `gpt-3-5`.
    fn write(&mut self, name: &str) -> Option<()> {
        let name = match name.as_bytes().get(..6) {
            Some(start) if start.eq_ignore_ascii_case(b"gpt-35") && !goes_on_at(name, 6) => {
                self.push(b"gpt-3-5")?;
                name.get(6..)?
            }
            _ => name,
        };
        let mut before = b' ';
        for (at, byte) in name.bytes().enumerate() {
            let dot = byte == b'.' && before.is_ascii_digit() && is_number_behind(name, at);
            self.push(&[if dot { b'-' } else { byte.to_ascii_lowercase() }])?;
            before = byte;
        }
        (self.length > 0).then_some(())
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length.checked_add(bytes.len())?;
        self.key.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }
}

/// Why a name can never be found, where another move than a row of that name is wanted.
pub(crate) fn unknowable(model: &str) -> Option<&'static str> {
    let mut parts = model.strip_prefix("arn:")?.splitn(5, ':');
    let is_bedrock = parts.nth(1) == Some("bedrock");
    let kind = parts.nth(2)?.split('/').next()?;
    (is_bedrock && !matches!(kind, "foundation-model" | "inference-profile")).then_some(
        "the ARN does not say which model stands behind it: name that model in the call, or make the ARN its alias",
    )
}

/// `eu/gpt-4o` as `eu` and `gpt-4o`.
fn folder(model: &str) -> (&str, &str) {
    let split = model.split_once('/');
    let known = |first: &str| FOLDERS.into_iter().find(|folder| folder.eq_ignore_ascii_case(first));
    match split.and_then(|(first, rest)| Some((known(first)?, rest))) {
        Some(("global-standard", rest)) => ("global", rest),
        Some(split) => split,
        None => ("", model),
    }
}

/// The figures of `-v1:0`, `-v1` or `:0`, and the name without them.
fn version(name: &str) -> ([Option<u32>; 2], &str) {
    let number = |text: &str| {
        let short = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        if short { text.parse::<u32>().ok() } else { None }
    };
    let (name, minor) = match name.rsplit_once(':') {
        Some((front, last)) if number(last).is_some() => (front, number(last)),
        _ => (name, None),
    };
    match name.rsplit_once("-v") {
        Some((front, last)) if number(last).is_some() => ([number(last), minor], front),
        _ => ([None, minor], name),
    }
}

/// Whether a Bedrock id begins here: `anthropic.`, `us.anthropic.`, `ap-northeast-1/anthropic.`.
fn bedrock_vendor(model: &str) -> bool {
    let Some((first, rest)) = model.split_once('.') else { return false };
    let word = |text: &str| {
        text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-'))
    };
    let first = first.rsplit('/').next().unwrap_or(first);
    word(first) && rest.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

/// `us-east-1`, `ap-northeast-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let mut words = text.split('-');
    let first =
        words.next().is_some_and(|word| word.len() == 2 && word.bytes().all(|b| b.is_ascii_lowercase()));
    let last =
        words.next_back().is_some_and(|word| word.len() == 1 && word.bytes().all(|b| b.is_ascii_digit()));
    first && last && words.next().is_some()
}

/// Whether one or two digits follow, and then no other letter of the same word.
fn is_number_behind(name: &str, dot: usize) -> bool {
    let behind = name.as_bytes().get(dot.saturating_add(1)..).unwrap_or_default();
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=2).contains(&digits) && behind.get(digits).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

fn goes_on_at(name: &str, at: usize) -> bool {
    name.as_bytes().get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(dialect: Dialect, model: &str) -> String {
        Spelling::of(dialect, model).map(|spelling| spelling.key().to_owned()).unwrap_or_default()
    }

    #[test]
    fn a_key_is_the_same_for_every_spelling_of_one_model() {
        for (dialect, model, expected) in [
            (Dialect::Plain, "GPT-4o", "gpt-4o"),
            (Dialect::Plain, "gpt-5.2", "gpt-5-2"),
            (Dialect::Plain, "claude-3.5-sonnet-20241022", "claude-3-5-sonnet"),
            (Dialect::Plain, "claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
            (Dialect::Azure, "eu/gpt-35-turbo", "gpt-3-5-turbo"),
            (Dialect::Bedrock, "us.anthropic.claude-opus-4-6-v1:0", "anthropic.claude-opus-4-6"),
            (Dialect::Bedrock, "openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1"),
            (
                Dialect::Bedrock,
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "anthropic.claude-sonnet-4-5",
            ),
            (
                Dialect::Vertex,
                "projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929",
                "claude-sonnet-4-5",
            ),
        ] {
            assert_eq!(key(dialect, model), expected, "{model}");
        }
    }

    #[test]
    fn another_model_has_another_key() {
        for (one, other) in [
            ("gpt-4o", "gpt-4o-mini"),
            ("gpt-5.1", "gpt-51"),
            ("gpt-4-1", "gpt-4-1106-preview"),
            ("gpt-4", "gpt-4-0613"),
            ("claude-3-5-sonnet", "claude-sonnet-3-5"),
            ("gemma-3-4b", "gemma-3.4b"),
            ("a:free", "a"),
            ("a:nitro", "a"),
            ("a-v1", "a"),
            ("gpt-351", "gpt-3.51"),
            ("ft:gpt-4o", "gpt-4o"),
        ] {
            assert_ne!(key(Dialect::Plain, one), key(Dialect::Plain, other), "{one} {other}");
        }
    }

    #[test]
    fn what_stands_behind_an_id_of_ones_own_is_not_guessed() {
        let arn = |rest: &str| format!("arn:aws:bedrock:us-east-1:123456789012:{rest}");
        for own in ["application-inference-profile/a1b2", "provisioned-model/x", "imported-model/y"] {
            assert!(Spelling::of(Dialect::Bedrock, &arn(own)).is_none(), "{own}");
            assert!(unknowable(&arn(own)).is_some(), "{own}");
        }
        assert!(unknowable(&arn("inference-profile/us.amazon.nova-pro-v1:0")).is_none());
        assert!(Spelling::of(Dialect::Plain, &"a".repeat(257)).is_none());
        for odd in ["arn:", "arn:aws:bedrock", "[1m]", ":0", "-v1", ".", "projects/", "é.5"] {
            let _ = Spelling::of(Dialect::Bedrock, odd);
            let _ = Spelling::of(Dialect::Vertex, odd);
        }
    }
}
