//! Who pays? A scope is one level that a call is charged to.
//!
//! A call names everybody who pays for it: its team, its user, its API key. Each is a
//! scope, and the set is flat: hierarchy (which team belongs to which department) lives
//! in configuration and reports, so that moving a team moves no money. The organisation
//! alone is special: it says whose books the call belongs to.
//!
//! The text of a scope is `kind/name`. A kind contains no slash, so the first slash
//! divides the two, and `team/search/eu` can only be the team `search/eu`. Names are
//! shown in logs and messages, so characters that would change a line around them are
//! refused.

use std::fmt;
use std::str::FromStr;

use crate::values::ShortText;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Error;
use crate::values::name;

/// The longest name of a scope, in bytes.
pub(crate) const SCOPE_NAME_BYTES_MAX: usize = 128;

/// What sort of level a [`Scope`] is. The order of the variants is the order in which
/// refusals are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ScopeKind {
    /// The organisation: the tenant that a call's books belong to.
    Organization,
    /// An environment: production, staging.
    Environment,
    /// A team.
    Team,
    /// A project.
    Project,
    /// An API key.
    ApiKey,
    /// A user.
    User,
    /// An agent.
    Agent,
    /// One run of an agent.
    Run,
    /// Any other kind, named in lower-case letters, digits and `_`.
    Custom(ShortText),
}

impl ScopeKind {
    /// The kind as it is written: `team`, `api_key`, or the custom kind's own name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Organization => "organization",
            Self::Environment => "environment",
            Self::Team => "team",
            Self::Project => "project",
            Self::ApiKey => "api_key",
            Self::User => "user",
            Self::Agent => "agent",
            Self::Run => "run",
            Self::Custom(kind) => kind,
        }
    }
}

impl FromStr for ScopeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let kind = match text {
            "organization" => Self::Organization,
            "environment" => Self::Environment,
            "team" => Self::Team,
            "project" => Self::Project,
            "api_key" => Self::ApiKey,
            "user" => Self::User,
            "agent" => Self::Agent,
            "run" => Self::Run,
            custom => {
                let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                if custom.is_empty() || custom.len() > 32 || !custom.bytes().all(plain) {
                    const KNOWN: [&str; 8] =
                        ["organization", "environment", "team", "project", "api_key", "user", "agent", "run"];
                    let hint = name::did_you_mean(text, KNOWN);
                    return Err(Error::invalid(
                        "scope kind",
                        format!("{text:?} is not one to 32 lower-case letters, digits or '_'{hint}"),
                    ));
                }
                Self::Custom(custom.into())
            }
        };
        Ok(kind)
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One level that a call is charged to: `team/search`, `user/ada`.
///
/// A kind contains no slash, so the text form is unambiguous whatever the name contains.
/// Names are 1 to 128 bytes without control characters, and without marks that turn the
/// writing direction. Names are compared byte by byte: `Ada` and `ada` are two users.
///
/// Use [`Scope::new`] or one of the short forms for names of your own, and
/// [`Scope::encoded`] for names that come with a request. Charge an API key under its
/// *id*: scope names stand in messages, metrics and the journal.
///
/// # Example: a slash in a name does not move money elsewhere
/// ```
/// use token_budget::Scope;
///
/// let scope = Scope::team("search/eu")?;
/// assert_eq!(scope.to_string(), "team/search/eu");
/// assert_eq!("team/search/eu".parse::<Scope>()?, scope);
/// assert!(Scope::team("line\nbreak").is_err());
/// assert_eq!(Scope::encoded(scope.kind().clone(), "line\nbreak")?.name(), "line%0Abreak");
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    pub(crate) kind: ScopeKind,
    name: ShortText,
}

impl Scope {
    /// A level of that kind and name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for an empty name, more than 128 bytes, control
    /// characters, marks that turn the writing direction, or a custom kind that is not spelled as one.
    pub fn new(kind: ScopeKind, name: impl Into<ShortText>) -> Result<Self, Error> {
        let name = name.into();
        if let ScopeKind::Custom(custom) = &kind {
            // It may have been made without being read, and would share its text with another scope.
            custom.parse::<ScopeKind>().and_then(|read| {
                if read == kind {
                    Ok(())
                } else {
                    Err(Error::invalid("scope kind", format!("{custom:?} is no custom kind")))
                }
            })?;
        }
        let problem = if name.is_empty() {
            Some("is empty")
        } else if name.len() > SCOPE_NAME_BYTES_MAX {
            Some("is longer than 128 bytes")
        } else {
            name::unprintable(&name)
        };
        match problem {
            Some(problem) => Err(Error::invalid(kind.as_str(), format!("the name {problem}"))),
            None => Ok(Self { kind, name }),
        }
    }

    /// A scope whose name comes from untrusted text: control characters, marks that turn the writing direction
    /// and `%` are percent-encoded.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the encoded name is empty or longer than 128
    /// bytes: cutting it would let two names share one budget.
    pub fn encoded(kind: ScopeKind, text: &str) -> Result<Self, Error> {
        let mut name = String::new();
        for character in text.chars() {
            if super::one_line::is_unprintable(character) || character == '%' {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    name.push_str(&format!("%{byte:02X}"));
                }
            } else {
                name.push(character);
            }
        }
        Self::new(kind, name)
    }

    /// A scope as a ledger has kept it. Names with marks of direction were once let in,
    /// and stay readable.
    #[cfg(feature = "store")]
    pub(crate) fn kept(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            Some((kind, name))
                if name::unprintable(name) == Some(name::TURNS) && name.len() <= SCOPE_NAME_BYTES_MAX =>
            {
                let kind = kind.parse()?;
                Ok(Self { kind, name: name.into() })
            }
            _ => text.parse(),
        }
    }

    /// The sort of level that this is.
    #[must_use]
    pub fn kind(&self) -> &ScopeKind {
        &self.kind
    }

    /// The name inside its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every run that may lie above this one, by its name alone, the nearest first.
    pub(crate) fn runs_above(&self) -> impl Iterator<Item = Self> + use<> {
        let ends = self.name.match_indices('/').map(|(end, _)| end).collect::<Vec<_>>();
        let names = ends.into_iter().rev().filter_map(|end| Self::run(self.name.get(..end)?).ok());
        names.collect::<Vec<_>>().into_iter()
    }
}

macro_rules! constructors {
    ($($function:ident $kind:ident $text:literal;)*) => {
        impl Scope {
            $(
                #[doc = concat!("The ", $text, " of that name.")]
                ///
                /// # Errors
                /// As [`Scope::new`].
                pub fn $function(name: impl Into<ShortText>) -> Result<Self, Error> {
                    Self::new(ScopeKind::$kind, name)
                }
            )*
        }
    };
}

constructors! {
    organization Organization "organisation";
    environment Environment "environment";
    team Team "team";
    project Project "project";
    api_key ApiKey "API key";
    user User "user";
    agent Agent "agent";
    run Run "run";
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, name) = text
            .split_once('/')
            .ok_or_else(|| Error::invalid("scope", format!("{text:?} is not kind/name, like team/search")))?;
        Self::new(kind.parse()?, name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ScopeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_scopes_never_share_a_text() {
        let custom = |kind: &str, name: &str| Scope::new(kind.parse().expect("kind"), name);
        assert!("a/b".parse::<ScopeKind>().is_err());
        assert_ne!(
            custom("a", "b/c").expect("scope").to_string(),
            custom("a_b", "c").expect("scope").to_string()
        );
        assert_eq!("a/b/c".parse::<Scope>().expect("scope"), custom("a", "b/c").expect("scope"));
    }

    #[test]
    fn names_are_bounded_and_printable() {
        assert!(Scope::user("x".repeat(128)).is_ok());
        for name in [String::new(), "x".repeat(129), "a\u{7f}".into(), "a\u{85}é".into(), "\0".into()] {
            assert!(Scope::user(name.as_str()).is_err(), "{name:?}");
        }
    }

    // Books written before these marks were refused would have been called damaged.
    #[cfg(feature = "sqlite")]
    #[test]
    fn books_that_hold_an_older_name_stay_readable() {
        assert!("user/a\u{202e}b".parse::<Scope>().is_err());
        assert_eq!(Scope::kept("user/a\u{202e}b").expect("kept").name(), "a\u{202e}b");
        assert!(Scope::kept("user/a\nb").is_err() && Scope::kept("user/").is_err());
    }

    #[test]
    fn a_word_that_is_misspelt_is_told_which_was_meant() {
        let error = "API-Key/k1".parse::<Scope>().expect_err("capitals");
        assert!(error.to_string().ends_with("; did you mean api_key?"), "{error}");
        let error = crate::Window::month().in_zone("Europe/Berlni").expect_err("no such zone");
        assert!(error.to_string().contains("; did you mean Europe/Berlin"), "{error}");
        let error = "token".parse::<crate::values::Unit>().expect_err("no unit");
        assert!(error.to_string().ends_with("; did you mean tokens?"), "{error}");
    }

    #[test]
    fn encoding_keeps_different_texts_different() {
        let encoded = |text: &str| Scope::encoded(ScopeKind::User, text).expect("short").name().to_owned();
        assert_ne!(encoded("a\n"), encoded("a%0A"));
        assert_eq!(encoded("a%0A"), "a%250A");
    }
}
