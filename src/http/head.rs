//! What does a request say before its body?
//!
//! Everything here is known before the body: method, host, path, headers. Nothing here is
//! trusted to be unique: HTTP allows a header twice, a host with a port, a path in many
//! spellings. The host is compared without port and final dot, and the path is
//! [folded](super::fold_path) before it is judged.

use std::fmt;
use std::time::Duration;

/// The headers of a request or an answer, in whatever type they come.
///
/// Names are compared without regard to case. Lists of pairs implement it; with a feature
/// for HTTP, `http::HeaderMap` does.
pub trait Headers: Sync {
    /// The first value under that name, if it is text.
    fn header(&self, name: &str) -> Option<&str>;

    /// Whether there is a value under that name, text or not. Security rules ask this: a
    /// header that is no text must not look absent.
    fn has_header(&self, name: &str) -> bool {
        self.header(name).is_some()
    }
}

/// The first pair of that name.
fn first<'a, N: AsRef<str>, V: AsRef<str>>(pairs: &'a [(N, V)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(known, _)| known.as_ref().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_ref())
}

impl<N: AsRef<str> + Sync, V: AsRef<str> + Sync> Headers for Vec<(N, V)> {
    fn header(&self, name: &str) -> Option<&str> {
        first(self, name)
    }
}

impl<N: AsRef<str> + Sync, V: AsRef<str> + Sync> Headers for &[(N, V)] {
    fn header(&self, name: &str) -> Option<&str> {
        first(self, name)
    }
}

impl<N: AsRef<str> + Sync, V: AsRef<str> + Sync, const LENGTH: usize> Headers for [(N, V); LENGTH] {
    fn header(&self, name: &str) -> Option<&str> {
        first(self, name)
    }
}

#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
impl Headers for ::http::HeaderMap {
    fn header(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| value.to_str().ok())
    }

    fn has_header(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

/// What a request says before its body: all that decides who pays.
///
/// # Example: a port and a query are left out
/// ```
/// use token_budget::http::RequestHead;
///
/// let headers = [("X-Team", "search")];
/// let head = RequestHead::new("POST", "api.openai.com:443", "/v1/chat/completions?beta=1", &headers);
/// assert_eq!((head.host(), head.path()), ("api.openai.com", "/v1/chat/completions"));
/// assert_eq!(head.header("x-team"), Some("search"));
/// ```
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    headers: &'a dyn Headers,
    timeout: Option<Duration>,
}

impl<'a> RequestHead<'a> {
    /// A request of that method to that host and path. A port, a query, and the dot
    /// behind a complete host name are left out.
    pub fn new(method: &'a str, host: &'a str, path: &'a str, headers: &'a dyn Headers) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or("");
        Self { method, host: without_port(host), path, headers, timeout: None }
    }

    /// States how long the client waits for the whole answer, so that the hold outlives
    /// it. A time-out that the charge itself states is kept.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long the client waits for the whole answer, if that is known.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The method as it was given: `POST`.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The host without its port; empty if the request names none.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The path without its query, as it was written.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The first header of that name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.header(name)
    }

    /// Whether there is a header of that name, text or not.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.has_header(name)
    }

    /// The token behind `Authorization: Bearer`, or else the key in `x-api-key`,
    /// `api-key` or `x-goog-api-key`.
    ///
    /// It is a secret: look up whose key it is, and charge that id, never the key itself.
    #[must_use]
    pub fn api_key(&self) -> Option<&'a str> {
        let bearer = self.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        bearer
            .or_else(|| ["x-api-key", "api-key", "x-goog-api-key"].iter().find_map(|name| self.header(name)))
    }
}

impl fmt::Debug for RequestHead<'_> {
    /// Without headers: they carry keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.host, self.path)
    }
}

/// The host's name alone: `[::1]:8080` → `[::1]`, `api.openai.com.` → `api.openai.com`.
fn without_port(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}
