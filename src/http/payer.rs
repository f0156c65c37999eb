//! What is decided before anything of a body is read?
//!
//! Memory is spent on a body only after it is known who pays, and a path that will be
//! refused is refused before its body has crossed the network. So the ruling has two
//! steps, and this is the first.
//!
//! | the head | the ruling |
//! | --- | --- |
//! | a path that servers read in different ways, or a header for another method | 403 |
//! | a path whose cost no answer tells | 403, unless unknown paths pass |
//! | lists, files, counting tokens | pass, and nobody is asked to know who pays |
//! | asks after an answer in the background | passes; it is charged as its answer says ([`HttpBudget::polled`]) |
//! | anything that is billed | the application says who pays, or denies |

use std::fmt;

use super::gate::{HttpBudget, OnUnknownPath, Ruling};
use super::head::RequestHead;
use super::path;
use super::polls::{Key, Polled, asked_after};
use super::refusal::{Denial, HttpRefusal};
use super::route::Route;
use super::want::Want;
use crate::values::ReservationId;
use crate::{Call, Event};

/// What the head of a request alone decides. See [`HttpBudget::who_pays`].
#[derive(Debug)]
#[must_use = "a request that is refused by its head must not be sent"]
pub enum HeadRuling {
    /// Send the request as it is, and hand its answer on as it comes: it is billed nothing, or nobody asked to know.
    Pass,
    /// Answer the client with this; do not read the body, and do not send the request.
    Refused(HttpRefusal),
    /// Somebody pays: read the body, and ask [`HttpBudget::admit_for`].
    Paid(Box<Payer>),
}

/// Who pays for a request whose body is not read yet. Hand it to
/// [`HttpBudget::admit_for`] with the body.
pub struct Payer {
    pub(super) route: Route,
    pub(super) charge: Call,
    bytes_max: usize,
}

impl Payer {
    /// The largest body that is read, in bytes; a larger one is answered with [`HttpBudget::too_large`].
    #[must_use]
    pub fn body_bytes_max(&self) -> usize {
        self.bytes_max
    }
}

impl HttpBudget {
    /// Rules on a request, and holds room for it in every budget that binds.
    ///
    /// Ask when the way to the provider is free (a connection, a permit of a rate
    /// limiter): room that is held for a waiting request is room that others lack.
    pub async fn admit(&self, head: &RequestHead<'_>, body: &[u8]) -> Ruling {
        match self.who_pays(head) {
            HeadRuling::Pass => Ruling::Pass,
            HeadRuling::Refused(refusal) => Ruling::Refused(refusal),
            HeadRuling::Paid(payer) => self.admit_for(payer, head, body).await,
        }
    }

    /// Rules on the head of a request: whether its path is known and can be read in one way, and who pays.
    ///
    /// Ask before the body is read, so that nobody's body costs memory of whom nobody knows who pays.
    /// [`admit`](Self::admit) is this and [`admit_for`](Self::admit_for) in one.
    ///
    /// ```
    /// use token_budget::http::{Denial, HeadRuling, HttpBudget, RequestHead};
    /// use token_budget::{Call, Enforcer};
    ///
    /// let gate = HttpBudget::new(Enforcer::builder().build(), |head: &RequestHead<'_>| match head.api_key() {
    ///     Some("key-of-ada") => Ok(Call::charging().user("ada")),
    ///     _ => Err(Denial::unauthorized("this key is not known")),
    /// });
    /// let headers = [("authorization", "Bearer sk-unknown")];
    /// let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
    /// let HeadRuling::Refused(refusal) = gate.who_pays(&head) else { panic!("nobody pays") };
    /// assert_eq!(refusal.status, 401);
    /// ```
    pub fn who_pays(&self, head: &RequestHead<'_>) -> HeadRuling {
        let route = self.route(head);
        let denied = |denial: Denial| HeadRuling::Refused(HttpRefusal::denied(route.dialect, denial));
        if let Err(denial) = path::fold_path(head.path()).map(drop).and_then(|()| other_method(head)) {
            return denied(denial);
        }
        match route.want {
            Want::Ambiguous => return denied(path::twofold("is another one where its slash is decoded")),
            Want::Unmetered(why) if self.on_unknown_path == OnUnknownPath::Refuse => {
                let refused = || HeadRuling::Refused(HttpRefusal::unmetered(route.dialect, why));
                if !self.observes_only() || !path::is_plain(head.path()) {
                    return refused();
                }
                // Asked all the same: whoever may not send anything is not let out because nothing is enforced.
                return match (self.charging)(head) {
                    Err(denial) => denied(denial),
                    Ok(charge) if charge.names_run() => refused(),
                    Ok(_) => {
                        self.tell_would_refuse(route.model.as_deref(), why.text());
                        HeadRuling::Pass
                    }
                };
            }
            // What is billed is held for as what it folds to; what passes goes wherever a server takes it.
            Want::Nothing | Want::Unmetered(_) if !path::is_plain(head.path()) => {
                return denied(path::twofold("is not the one that it looks like"));
            }
            Want::Nothing | Want::Unmetered(_) => return HeadRuling::Pass,
            _ => {}
        }
        match (self.charging)(head) {
            Ok(charge) => HeadRuling::Paid(Box::new(Payer { route, charge, bytes_max: self.body_bytes_max })),
            Err(denial) => denied(denial),
        }
    }

    /// Holds room for a request in every budget that binds, after its body has been read.
    ///
    /// Ask when the way to the provider is free: room that is held for a waiting request
    /// is room that others lack.
    pub async fn admit_for(&self, payer: Box<Payer>, head: &RequestHead<'_>, body: &[u8]) -> Ruling {
        if body.len() > payer.bytes_max {
            return Ruling::Refused(self.too_large(head));
        }
        self.hold(head, *payer, body).await.unwrap_or_else(Ruling::Refused)
    }

    /// The call whose answer this request asks after, if it is made in the background and its hold is kept here.
    ///
    /// Ask it of a request that [`Ruling::Pass`] lets through, send that with `accept-encoding: identity`, and hand the head of
    /// its answer to [`Polled::answered`]. The layer and the middleware do.
    ///
    /// # Example: a background answer is charged when a poll shows its end
    /// ```
    /// use token_budget::http::{HttpBudget, RequestHead, Ruling};
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
    /// # use std::pin::Pin;
    /// # use std::task::{Context, Poll};
    /// # struct Body(Option<Vec<u8>>);
    /// # impl futures_core::Stream for Body {
    /// #     type Item = Result<Vec<u8>, std::io::Error>;
    /// #     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
    /// #         Poll::Ready(self.0.take().map(Ok))
    /// #     }
    /// # }
    /// # async fn read(mut body: impl futures_core::Stream + Unpin) {
    /// #     while std::future::poll_fn(|context| Pin::new(&mut body).poll_next(context)).await.is_some() {}
    /// # }
    ///
    /// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    /// let gate = HttpBudget::new(&enforcer, |_| Ok(Call::charging().team("search")));
    /// let asked = r#"{"model": "gpt-4o", "input": "Think long.", "background": true, "max_output_tokens": 1000}"#;
    /// let queued = br#"{"id": "resp_1", "status": "queued", "usage": null}"#;
    /// let ended = br#"{"id": "resp_1", "status": "completed", "model": "gpt-4o",
    ///     "usage": {"input_tokens": 100, "output_tokens": 200, "total_tokens": 300}}"#;
    /// let no_headers = [("", ""); 0];
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let head = RequestHead::new("POST", "api.openai.com", "/v1/responses", &no_headers);
    /// let Ruling::Admitted(admitted) = gate.admit(&head, asked.as_bytes()).await else { panic!("it fits") };
    /// read(admitted.send().answered(200, &no_headers).meter(Body(Some(queued.to_vec())))).await;
    ///
    /// let head = RequestHead::new("GET", "api.openai.com", "/v1/responses/resp_1", &no_headers);
    /// let polled = gate.polled(&head).ok_or("it is kept")?;
    /// read(polled.answered(200, &no_headers).meter(Body(Some(ended.to_vec())))).await;
    /// assert!(gate.polled(&head).is_none());
    ///
    /// // 100 × $2.50 and 200 × $10 a million, in nano-dollars.
    /// assert_eq!(enforcer.remaining(&Call::charging().team("search")).await?[0].spent, 2_250_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn polled(&self, head: &RequestHead<'_>) -> Option<Polled> {
        let id = asked_after(head)?;
        let charge = (self.charging)(head).ok()?;
        let tenant = charge.organization_name().unwrap_or_default().into();
        let key = Key { tenant, host: head.host().into(), id: id.into() };
        Polled::of(&self.polls, key, self.route(head).provider, self.body_bytes_max)
    }

    /// Whether nothing is enforced, so that what cannot be metered passes and is
    /// reported. A run's own limits hold all the same: what is charged to a run does not
    /// get past them.
    pub(super) fn observes_only(&self) -> bool {
        self.enforcer.whole().policy().observes_only()
    }

    /// Tells of a request that passes unmetered and that enforcement would have refused.
    pub(super) fn tell_would_refuse(&self, model: Option<&str>, reason: String) {
        let core = self.enforcer.whole().core();
        let (id, model) = (ReservationId::generate(core.now()), model.unwrap_or_default().into());
        core.tell(&Event::WouldRefuse { id, model, reason });
    }
}

/// Refuses a header that asks for another method.
///
/// Refused rather than dropped: what is judged is what is sent, and a server that obeys
/// such a header would take another method than the one that was judged. Google's servers
/// do.
fn other_method(head: &RequestHead<'_>) -> Result<(), Denial> {
    const NAMES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
    match NAMES.iter().find(|name| head.has_header(name)) {
        Some(name) => Err(Denial::forbidden(format!(
            "the header {name} asks for another method than the one that is judged; send the request with the \
             method that is meant, and without it"
        ))),
        None => Ok(()),
    }
}

impl fmt::Debug for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payer({} scopes)", self.charge.scopes().len())
    }
}
