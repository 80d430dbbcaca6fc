//! REGISTER as a client (RFC 3261 section 10.2): one attempt, and the endless refresh
//! that carriers and `hotline phone` share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::private::Private;
use rsipstack::sip::headers::untyped::{Contact, Expires};
use rsipstack::sip::{Header, Method, Request};
use tokio::sync::oneshot;

use super::client::{Silence, exchange};
use super::digest::Credentials;
use super::engine::Inner;
use super::sockets::Flow;
use super::wire::{self, Draft};
use super::{SipError, Transport};

/// How long a phone of ours registers for.
const PHONE_EXPIRES: u32 = 120;
const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_mins(1);
/// A server that wants more than this is not believed.
const EXPIRES_CAP: u32 = 86_400;

/// A server that we are registered with as a phone.
pub(super) struct Home {
    /// Its address: calls from there are welcome.
    pub address: SocketAddr,
    /// For what it challenges.
    pub credentials: Credentials,
}

/// What a registration came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Granted for so many seconds.
    Granted(u32),
    /// Refused with this status.
    Refused(u16),
    /// No answer.
    Silent(Silence),
}

/// One account at one server. Keeps Call-ID and counts `CSeq` over its life.
pub(super) struct Registering {
    /// `host` or `host:port` of the address of record.
    pub domain: String,
    /// The account.
    pub credentials: Credentials,
    /// Seconds asked for.
    pub expires: u32,
    call_id: String,
    tag: String,
    seq: u32,
}

impl Registering {
    /// A registration that has not been asked for yet.
    pub fn new(domain: String, credentials: Credentials, expires: u32) -> Self {
        Self { domain, credentials, expires, call_id: wire::token(), tag: wire::token(), seq: 0 }
    }

    /// Asks once. 423 is asked again with what the server wants (RFC 3261 section 10.2.8).
    pub async fn ask(&mut self, inner: &Arc<Inner>, flow: &Flow, expires: u32) -> Outcome {
        let mut expires = expires;
        for _ in 0..2 {
            let Some(request) = self.request(inner, flow, expires) else { return Outcome::Refused(400) };
            // Each challenge takes one more CSeq.
            self.seq += 3;
            match exchange(inner, request, flow, Some(&self.credentials)).await {
                Err(silence) => return Outcome::Silent(silence),
                Ok(response) => match response.status_code.code() {
                    200..=299 => return Outcome::Granted(wire::granted(&response).unwrap_or(expires).min(EXPIRES_CAP)),
                    423 if expires > 0 => {
                        let wanted = wire::value(&response.headers, "Min-Expires").and_then(|text| text.parse().ok());
                        match wanted {
                            Some(wanted) if wanted > expires && wanted <= EXPIRES_CAP => {
                                expires = wanted;
                                self.expires = wanted;
                            }
                            Some(_) | None => return Outcome::Refused(423),
                        }
                    }
                    status => return Outcome::Refused(status),
                },
            }
        }
        Outcome::Refused(423)
    }

    fn request(&self, inner: &Inner, flow: &Flow, expires: u32) -> Option<Request> {
        let user = wire::escape_user(&self.credentials.user);
        let address = format!("<sip:{user}@{}>", self.domain);
        let contact = format!("{};expires={expires}", inner.contact(&self.credentials.user, flow));
        Some(wire::request(Draft {
            method: Method::Register,
            uri: wire::target(&format!("sip:{}{}", self.domain, wire::transport_param(flow.transport)))?,
            via: wire::via(flow.transport, &inner.sent_by(flow.remote.ip())),
            from: &format!("{address};tag={}", self.tag),
            to: &address,
            call_id: &self.call_id,
            seq: self.seq + 1,
            routes: &[],
            extra: vec![Header::Contact(Contact::new(contact)), Header::Expires(Expires::new(expires.to_string()))],
            body: None,
        }))
    }
}

/// When to ask again after a grant of `seconds`: early enough for a second try.
pub(super) fn refresh_after(seconds: u32) -> Duration {
    let seconds = if seconds > 120 { seconds - 30 } else { seconds * 3 / 4 };
    Duration::from_secs(u64::from(seconds.max(1)))
}

/// The pause after the `failures`-th failure in a row, spread so that many don't ask at once.
pub(super) fn back_off(failures: u32, min: Duration, max: Duration) -> Duration {
    let pause = min.saturating_mul(1 << failures.min(10)).min(max);
    pause.mul_f64(rand::random_range(0.75..1.25))
}

/// Registers as a phone and keeps it up until signalling stops. Resolves with the first answer.
pub(super) async fn as_phone(
    inner: &Arc<Inner>,
    server: SocketAddr,
    transport: Transport,
    account: &str,
    password: Private<String>,
) -> Result<(), SipError> {
    let credentials = Credentials { user: account.to_owned(), password };
    inner.homes.lock().push(Home { address: server, credentials: credentials.clone() });
    let domain = format!("{}:{}", wire::host_text(server.ip()), server.port());
    let registering = Registering::new(domain, credentials, PHONE_EXPIRES);
    let (first, answer) = oneshot::channel();
    let own = inner.clone();
    inner.spawn(async move { keep(own, registering, server, transport, first).await }, || {});
    match answer.await {
        Ok(Outcome::Granted(_)) => Ok(()),
        Ok(Outcome::Refused(status @ (401 | 403 | 404 | 407))) => Err(SipError::Settings(format!(
            "{server} refused account {account} ({status}); are account and password right?"
        ))),
        Ok(Outcome::Refused(status)) => {
            Err(SipError::Settings(format!("{server} refused to register {account}: {status}")))
        }
        Ok(Outcome::Silent(_)) | Err(_) => {
            Err(SipError::Settings(format!("no answer from {server}; is it running, and is the port right?")))
        }
    }
}

async fn keep(
    inner: Arc<Inner>,
    mut registering: Registering,
    server: SocketAddr,
    transport: Transport,
    first: oneshot::Sender<Outcome>,
) {
    let mut first = Some(first);
    let mut failures = 0;
    loop {
        let expires = registering.expires;
        let outcome = match inner.flow(transport, server).await {
            Ok(flow) => {
                let asked = tokio::select! {
                    () = inner.stop.cancelled() => return,
                    asked = registering.ask(&inner, &flow, expires) => asked,
                };
                asked
            }
            Err(_) => Outcome::Silent(Silence::Lost),
        };
        let pause = match &outcome {
            Outcome::Granted(seconds) => {
                failures = 0;
                refresh_after(*seconds)
            }
            Outcome::Refused(_) | Outcome::Silent(_) => {
                failures += 1;
                back_off(failures - 1, RETRY_MIN, RETRY_MAX)
            }
        };
        let granted = matches!(outcome, Outcome::Granted(_));
        if let Some(first) = first.take() {
            // Who asked may have gone.
            let _ = first.send(outcome);
            if !granted {
                inner.homes.lock().retain(|home| home.address != server);
                return;
            }
        }
        let lost = inner.sockets.streams.find(server).map(|flow| flow.closed);
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // A broken connection is mended at once: calls come by it.
            () = gone(transport, lost) => tokio::time::sleep(RETRY_MIN).await,
        }
    }
}

async fn gone(transport: Transport, closed: Option<tokio_util::sync::CancellationToken>) {
    match (transport, closed) {
        (Transport::Tcp, Some(closed)) => closed.cancelled().await,
        (Transport::Tcp, None) | (Transport::Udp, _) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_come_in_time() {
        assert_eq!(refresh_after(3600), Duration::from_secs(3570));
        assert_eq!(refresh_after(60), Duration::from_secs(45));
        assert_eq!(refresh_after(0), Duration::from_secs(1));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let (min, max) = (Duration::from_secs(5), Duration::from_mins(5));
        assert!(back_off(0, min, max) <= Duration::from_millis(6250));
        assert!(back_off(60, min, max) <= Duration::from_secs(375));
        assert!(back_off(60, min, max) >= Duration::from_secs(225));
    }
}
