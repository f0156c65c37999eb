//! Where does a request go, and with which key?

use std::error::Error;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderName, HeaderValue, Request, Uri, request::Parts};
use token_budget::http::RequestHead;

/// What of a client's headers a provider is told: its key, its cookies and its host are the gateway's business.
const FORWARDED: [&str; 6] =
    ["accept", "anthropic-beta", "anthropic-version", "content-type", "openai-beta", "user-agent"];

/// The providers behind the gateway.
pub(crate) struct Upstreams {
    pub(crate) openai: Upstream,
    pub(crate) anthropic: Upstream,
}

/// One provider: its address, and the account's own key. It has no `Debug`: the key is never shown.
pub(crate) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    key: Option<(HeaderName, HeaderValue)>,
}

impl Upstreams {
    /// The providers at those addresses, with the keys that the environment names.
    pub(crate) fn new(openai: &str, anthropic: &str) -> Result<Self, Box<dyn Error>> {
        let bearer = std::env::var("OPENAI_API_KEY").ok().map(|key| format!("Bearer {key}"));
        let x_api_key = std::env::var("ANTHROPIC_API_KEY").ok();
        Ok(Self {
            openai: Upstream::new(openai, AUTHORIZATION, bearer)?,
            anthropic: Upstream::new(anthropic, HeaderName::from_static("x-api-key"), x_api_key)?,
        })
    }

    /// Whom a request is for, as price tables name them.
    pub(crate) fn provider(head: &RequestHead<'_>) -> &'static str {
        let speaks_anthropic = head.header("anthropic-version").is_some();
        if speaks_anthropic || head.path().starts_with("/v1/messages") { "anthropic" } else { "openai" }
    }

    pub(crate) fn of(&self, head: &RequestHead<'_>) -> &Upstream {
        if Self::provider(head) == "anthropic" { &self.anthropic } else { &self.openai }
    }
}

impl Upstream {
    fn new(address: &str, name: HeaderName, key: Option<String>) -> Result<Self, Box<dyn Error>> {
        let uri = address.trim_end_matches('/').parse::<Uri>()?.into_parts();
        let (Some(scheme), Some(authority)) = (uri.scheme, uri.authority) else {
            return Err(format!("{address} is no address such as https://api.openai.com").into());
        };
        let mut key = key.map(HeaderValue::try_from).transpose()?;
        key.iter_mut().for_each(|key| key.set_sensitive(true));
        Ok(Self { scheme, authority, key: key.map(|key| (name, key)) })
    }

    /// The host alone, by which the gate knows what a provider takes.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The client's request as the provider is sent it, to the path that was judged.
    pub(crate) fn request(
        &self,
        asked: &Parts,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Body>, axum::http::Error> {
        let path = asked.uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()?;
        // What is compressed cannot be metered.
        let mut request =
            Request::builder().method(&asked.method).uri(uri).header(ACCEPT_ENCODING, "identity");
        for name in FORWARDED {
            for value in asked.headers.get_all(name) {
                request = request.header(name, value);
            }
        }
        if let Some((name, key)) = &self.key {
            request = request.header(name, key);
        }
        request.body(Body::from(body))
    }
}
