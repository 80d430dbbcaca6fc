//! Requests of ours that wait for one final answer (REGISTER, OPTIONS, BYE, CANCEL),
//! with digest where it is asked for; and the digest retry that INVITE shares.

use rsipstack::sip::headers::untyped::{Authorization, CSeq, ProxyAuthorization, Via};
use rsipstack::sip::{Header, Request, Response, SipMessage, StatusCodeKind};

use super::digest::{Challenge, Credentials};
use super::engine::Inner;
use super::sockets::Flow;
use super::wire;

/// A challenge, one more because the nonce was stale, and no more: loops are an attack.
const ROUNDS: u32 = 3;

/// No final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing came within 64·T1.
    Timeout,
    /// The connection broke.
    Lost,
}

/// Sends a request and waits for its final answer.
pub(super) async fn exchange(
    inner: &Inner,
    mut request: Request,
    flow: &Flow,
    credentials: Option<&Credentials>,
) -> Result<Response, Silence> {
    let mut round = 1;
    loop {
        let response = once(inner, request.clone(), flow).await?;
        let status = response.status_code.code();
        let retry = matches!(status, 401 | 407)
            && round < ROUNDS
            && credentials
                .is_some_and(|credentials| authorize(inner, &mut request, &response, flow, credentials, round > 1));
        if !retry {
            return Ok(response);
        }
        round += 1;
    }
}

async fn once(inner: &Inner, request: Request, flow: &Flow) -> Result<Response, Silence> {
    let mut transaction = inner.client(request, flow).ok_or(Silence::Lost)?;
    transaction.send().await.map_err(|_| Silence::Lost)?;
    loop {
        let message = tokio::select! {
            () = flow.closed.cancelled() => return Err(Silence::Lost),
            message = transaction.receive() => message,
        };
        match message {
            Some(SipMessage::Response(response)) if is_timeout(&response) => return Err(Silence::Timeout),
            Some(SipMessage::Response(response)) if response.status_code.kind() == StatusCodeKind::Provisional => {}
            Some(SipMessage::Response(response)) => return Ok(response),
            Some(SipMessage::Request(_)) => {}
            None => return Err(Silence::Timeout),
        }
    }
}

/// The stack tells a timeout as a 408 of its own, which has no origin.
pub(super) fn is_timeout(response: &Response) -> bool {
    response.status_code.code() == 408 && wire::origin(&response.headers).is_none()
}

/// Puts the answer to a challenge into `request`, with the next `CSeq` and a new branch
/// (RFC 3261 section 22.2). `again`: only if the server says that just the nonce was stale.
/// False if the challenge can't be answered.
pub(super) fn authorize(
    inner: &Inner,
    request: &mut Request,
    response: &Response,
    flow: &Flow,
    credentials: &Credentials,
    again: bool,
) -> bool {
    let proxy = response.status_code.code() == 407;
    let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let Some(challenge) = Challenge::best(wire::values(&response.headers, name)) else { return false };
    if again && !challenge.stale {
        return false;
    }
    let answer = challenge.answer(credentials, &request.method.to_string(), &request.uri.to_string(), 1);
    request.headers.unique_push(if proxy {
        Header::ProxyAuthorization(ProxyAuthorization::new(answer))
    } else {
        Header::Authorization(Authorization::new(answer))
    });
    let seq = wire::seq_of(&request.headers).unwrap_or(0) + 1;
    let method = request.method;
    let via = wire::via(flow.transport, &inner.sent_by(flow.remote.ip()));
    for header in request.headers.iter_mut() {
        if let Header::CSeq(own) = header {
            *own = CSeq::new(format!("{seq} {method}"));
        } else if let Header::Via(own) = header {
            *own = Via::new(via.as_str());
        }
    }
    true
}
