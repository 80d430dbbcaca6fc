//! What happens to a message between the socket and the stack: budget, gate, who
//! may call, answers without state. A panic here costs one message.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use hmac::{Hmac, Mac};
use rsipstack::sip::{Header, HeadersExt, Method, Request, SipMessage, StatusCodeKind};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use sha2::Sha256;

use super::admit::{Admission, admit};
use super::engine::{Counters, Inner};
use super::gate::{self, Arrival, Verdict};
use super::sockets::Flow;
use super::wire::{self, SENDER};

/// Takes one datagram or one message of a stream.
pub(super) async fn message(inner: &Arc<Inner>, bytes: &[u8], flow: &Flow) {
    Counters::count(&inner.counters.received);
    let arrival = Arrival { source: flow.remote, transport: flow.transport };
    // Answers to our own requests don't count; those to nobody's are dropped cheaply below.
    if !bytes.starts_with(b"SIP/2.0 ") && !has_budget(inner, arrival) {
        Counters::count(&inner.counters.flooded);
        return;
    }
    if AssertUnwindSafe(judged(inner, bytes, flow, arrival)).catch_unwind().await.is_err() {
        Counters::count(&inner.counters.panics);
        tracing::error!("a SIP message could not be handled and was dropped; the others go on");
    }
}

fn has_budget(inner: &Inner, arrival: Arrival) -> bool {
    let ip = arrival.source.ip();
    let live = inner.live.load();
    if live.trunks_at(ip).next().is_some() || inner.trunks.holds(ip) {
        return true;
    }
    inner.budget.take(ip, live.settings.requests_per_second, crate::clock::now().mono)
}

async fn judged(inner: &Arc<Inner>, bytes: &[u8], flow: &Flow, arrival: Arrival) {
    match gate::inspect(bytes, arrival) {
        Verdict::Pass(canonical) => match parse(&canonical) {
            Some(message) => passed(inner, message, flow).await,
            None => refused(inner, gate::bad_request(bytes, arrival), flow).await,
        },
        verdict @ (Verdict::Refuse { .. } | Verdict::Drop(_)) => refused(inner, verdict, flow).await,
    }
}

/// The stack's message, if it can also be told from all others.
fn parse(canonical: &[u8]) -> Option<SipMessage> {
    let parsed = catch_unwind(|| SipMessage::try_from(canonical)).ok()?.ok()?;
    match &parsed {
        SipMessage::Request(request) => TransactionKey::from_request(request, TransactionRole::Server).ok()?,
        SipMessage::Response(response) => TransactionKey::from_response(response, TransactionRole::Client).ok()?,
    };
    Some(parsed)
}

async fn refused(inner: &Inner, verdict: Verdict, flow: &Flow) {
    match verdict {
        Verdict::Refuse { response, to } => {
            Counters::count(&inner.counters.refused);
            flow.send_raw(response, to).await;
        }
        Verdict::Drop(why) => {
            if why != "keep-alive" {
                Counters::count(&inner.counters.garbage);
            }
            tracing::debug!(why, "dropped");
        }
        Verdict::Pass(_) => {}
    }
}

async fn passed(inner: &Arc<Inner>, message: SipMessage, flow: &Flow) {
    let message = match message {
        SipMessage::Request(request) => match screened(inner, request, flow).await {
            Some(request) => SipMessage::Request(request),
            None => return,
        },
        SipMessage::Response(response) => {
            let Ok(key) = TransactionKey::from_response(&response, TransactionRole::Client) else { return };
            let success = response.status_code.kind() == StatusCodeKind::Successful;
            if success && key_is_invite(&response) && !inner.stack.transactions.contains_key(&key) {
                // A retransmitted or forked 2xx: the dialog acknowledges it (RFC 3261 section 13.2.2.4).
                inner.dialogs.stray(response);
                return;
            }
            SipMessage::Response(response)
        }
    };
    let given = inner.stack.on_received_message(message, flow.connection.clone(), &flow.address()).await;
    if let Err(error) = given {
        tracing::debug!(%error, "the stack refused a message");
    }
}

fn key_is_invite(response: &rsipstack::sip::Response) -> bool {
    response.cseq_header().and_then(rsipstack::sip::CSeq::method).is_ok_and(|method| method == Method::Invite)
}

/// Lets through what belongs to a running transaction or dialog; asks who sends what would begin
/// something new.
async fn screened(inner: &Arc<Inner>, mut request: Request, flow: &Flow) -> Option<Request> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Some(request);
    }
    let key = TransactionKey::from_request(&request, TransactionRole::Server).ok()?;
    if inner.stack.transactions.contains_key(&key) || inner.stack.finished_transactions.contains_key(&key) {
        return Some(request);
    }
    if inner.is_overloaded(flow.remote.ip()) {
        Counters::count(&inner.counters.refused);
        answer(inner, &request, flow, 503, vec![wire::retry_after(5)]).await;
        return None;
    }
    let begins = wire::value(&request.headers, "To").and_then(wire::tag_of).is_none();
    if !begins || request.method != Method::Invite {
        return Some(request);
    }
    match admit(inner, &request, flow) {
        Admission::Welcome(sender) => {
            request.headers.push(Header::Other(SENDER.to_owned(), sender.to_line()));
            Some(request)
        }
        Admission::Answer(status, headers) => {
            answer(inner, &request, flow, status, headers).await;
            None
        }
        Admission::Ignore => None,
    }
}

/// Answers without a transaction (RFC 3261 section 8.2.7): nothing is kept and nothing is sent
/// twice, so a forged source gains nothing by it.
async fn answer(inner: &Inner, request: &Request, flow: &Flow, status: u16, extra: Vec<Header>) {
    let response = wire::response(request, status, &stateless_tag(inner, request), extra, None);
    let to = reply_address(request, flow);
    inner.send(SipMessage::Response(response), flow, to).await;
}

/// The same for each retransmission.
fn stateless_tag(inner: &Inner, request: &Request) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&inner.secret) else { return "0".to_owned() };
    for name in ["Call-ID", "CSeq", "From", "Via"] {
        mac.update(wire::value(&request.headers, name).unwrap_or("").as_bytes());
    }
    hex::encode(&mac.finalize().into_bytes()[..6])
}

/// Where a response goes by the top Via, which the gate stamped with the true source.
fn reply_address(request: &Request, flow: &Flow) -> SocketAddr {
    let by_via = request.via_header().ok().and_then(|via| {
        let (_, target) = rsipstack::transport::SipConnection::parse_target_from_via(via).ok()?;
        SocketAddr::try_from(target).ok()
    });
    by_via.unwrap_or(flow.remote)
}

/// Whether new calls are refused.
pub(super) fn is_draining(inner: &Inner) -> bool {
    inner.draining.load(Ordering::Relaxed)
}
