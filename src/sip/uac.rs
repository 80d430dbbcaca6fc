//! A call that goes out, from its INVITE to the answer or the refusal. One task each.
//!
//! Acknowledges and ends every 2xx that nobody wants any more: one that crosses our
//! CANCEL, and those of further forks (RFC 3261 sections 9.1, 13.2.2.4).

use std::sync::Arc;
use std::time::Duration;

use hotline_core::fact::LegCause;
use rsipstack::sip::headers::untyped::{Contact, Supported};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage, StatusCodeKind};
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use super::body;
use super::client::{authorize, exchange, is_timeout};
use super::dialog::{Dialog, Inbound, Seat};
use super::engine::Inner;
use super::incoming::refuse;
use super::leg::{Line, Talk, acknowledge, dropped, end_fork, is_success, order, origin_flow};
use super::way::{self, Way, Whom};
use super::wire::{self, Draft};
use super::{Leg, LegEvent, LegOrder};

/// 64·T1: after that no answer to a cancelled INVITE is waited for (RFC 3261 section 9.1).
const GIVE_UP: Duration = Duration::from_secs(32);
/// Challenges answered: one, and one more for a stale nonce.
const CHALLENGES_MAX: u32 = 2;

/// Places a call.
pub(super) fn call(inner: &Arc<Inner>, whom: Whom, offer: String) -> Leg {
    let (line, leg) = Line::new();
    let lost = line.rescue();
    let own = inner.clone();
    inner.spawn(Box::pin(place(own, whom, offer, line)), lost);
    leg
}

async fn place(inner: Arc<Inner>, whom: Whom, offer: String, mut line: Line) {
    // The way may take a look at DNS or a TCP handshake; who hangs up does not wait for it.
    let found = {
        let finding = way::find(&inner, whom);
        tokio::pin!(finding);
        loop {
            tokio::select! {
                found = &mut finding => break found,
                order = order(&mut line.orders) => if order == LegOrder::HangUp {
                    return line.end(LegCause::Released).await;
                },
                () = dropped(line.events.as_ref()) => return,
            }
        }
    };
    match found {
        Ok(way) => Box::pin(Calling::run(inner, way, offer, line)).await,
        Err(cause) => line.end(cause).await,
    }
}

/// An INVITE of ours that has no final answer yet.
struct Calling {
    inner: Arc<Inner>,
    way: Way,
    invite: Request,
    transaction: Box<Transaction>,
    line: Line,
    inbox: mpsc::Receiver<Inbound>,
    seat: Seat,
    /// A provisional response came: CANCEL may be sent.
    provisional: bool,
    rung: bool,
    challenges: u32,
}

enum Next {
    Stay,
    /// It was answered.
    Answered(Box<Response>),
    /// It came to nothing.
    Failed(LegCause),
    /// We don't want it any more.
    Cancel,
}

impl Calling {
    async fn run(inner: Arc<Inner>, way: Way, offer: String, mut line: Line) {
        let tag = wire::token();
        let call_id = wire::token();
        let sent_by = inner.sent_by(way.flow.remote.ip());
        let mut extra = wire::abilities();
        extra.retain(|header| !matches!(header, Header::Supported(_)));
        extra.push(Header::Supported(Supported::new("")));
        extra.push(Header::Contact(Contact::new(inner.contact(&way.contact_user, &way.flow))));
        extra.extend(way.extra.iter().cloned());
        let invite = wire::request(Draft {
            method: Method::Invite,
            uri: way.uri.clone(),
            via: wire::via(way.flow.transport, &sent_by),
            from: &format!("{};tag={tag}", way.from),
            to: &way.to,
            call_id: &call_id,
            seq: 1,
            routes: &[],
            extra,
            body: Some(offer),
        });
        let (seat, inbox) = inner.dialogs.enter(&call_id, &tag);
        let Some(transaction) = inner.client(invite.clone(), &way.flow) else {
            return line.end(failed("the INVITE could not be built")).await;
        };
        let transaction = Box::new(transaction);
        let own =
            Self { inner, way, invite, transaction, line, inbox, seat, provisional: false, rung: false, challenges: 0 };
        Box::pin(own.drive()).await;
    }

    async fn drive(mut self) {
        if self.transaction.send().await.is_err() {
            return self.line.end(failed("the INVITE could not be sent")).await;
        }
        loop {
            let next = tokio::select! {
                message = self.transaction.receive() => match message {
                    Some(SipMessage::Response(response)) => self.response(response).await,
                    Some(SipMessage::Request(_)) => Next::Stay,
                    None => Next::Failed(LegCause::NoAnswer),
                },
                order = order(&mut self.line.orders) => match order {
                    LegOrder::HangUp => Next::Cancel,
                    LegOrder::Ring | LegOrder::Answer(_) | LegOrder::Reject(_) | LegOrder::AnswerReoffer(_) => Next::Stay,
                },
                () = dropped(self.line.events.as_ref()) => Next::Cancel,
                Some(inbound) = self.inbox.recv() => { self.early(inbound).await; Next::Stay }
                () = self.way.flow.closed.cancelled() => Next::Failed(LegCause::Unreachable {
                    reason: "the connection broke before an answer came; is the other side running?".to_owned(),
                }),
            };
            match next {
                Next::Stay => {}
                Next::Answered(response) => return Box::pin(self.answered(*response)).await,
                Next::Failed(cause) => {
                    self.line.end(cause).await;
                    // Timer C: it still rings there (RFC 3261 section 16.6 step 11).
                    if self.provisional && self.transaction.last_response.as_ref().is_some_and(is_provisional) {
                        self.cancel().await;
                    }
                    return;
                }
                Next::Cancel => {
                    self.line.end(LegCause::Released).await;
                    return self.cancel().await;
                }
            }
        }
    }

    async fn response(&mut self, response: Response) -> Next {
        let status = response.status_code.code();
        if response.status_code.kind() == StatusCodeKind::Provisional {
            self.provisional = true;
            if status >= 180 && !self.rung {
                self.rung = true;
                self.line.tell(LegEvent::Ringing).await;
            }
            return Next::Stay;
        }
        if is_success(&response) {
            return Next::Answered(Box::new(response));
        }
        if is_timeout(&response) {
            return Next::Failed(LegCause::NoAnswer);
        }
        if matches!(status, 401 | 407) && self.authenticate(&response).await {
            return Next::Stay;
        }
        Next::Failed(cause_of(status))
    }

    /// Same Call-ID, `CSeq` + 1, same way (RFC 3261 section 22.2).
    async fn authenticate(&mut self, response: &Response) -> bool {
        let Some(credentials) = &self.way.credentials else { return false };
        if self.challenges >= CHALLENGES_MAX {
            return false;
        }
        let again = self.challenges > 0;
        if !authorize(&self.inner, &mut self.invite, response, &self.way.flow, credentials, again) {
            return false;
        }
        self.challenges += 1;
        let Some(transaction) = self.inner.client(self.invite.clone(), &self.way.flow) else { return false };
        *self.transaction = transaction;
        self.provisional = false;
        self.transaction.send().await.is_ok()
    }

    async fn answered(self, response: Response) {
        let Self { inner, way, invite, mut line, inbox, seat, .. } = self;
        let dialog = Dialog::of_client(&invite, &response, way.flow, way.pinned, &way.contact_user);
        acknowledge(&inner, &dialog, &invite).await;
        let Ok(Some(answer)) = body::sdp(&response.headers, &response.body) else {
            end_fork(&inner, dialog, invite, way.credentials);
            return line.end(failed("the other side answered without saying how to talk (no SDP in its 200)")).await;
        };
        line.tell(LegEvent::Answered(answer)).await;
        let mut talk = Talk::new(inner, dialog, inbox, seat, line);
        talk.invite = Some(invite);
        talk.credentials = way.credentials;
        Box::pin(talk.run()).await;
    }

    /// Requests before there is a dialog: none that we could serve.
    async fn early(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Request(transaction) => {
                let options = transaction.original.method == Method::Options;
                refuse(&self.inner, *transaction, if options { 200 } else { 481 }, Vec::new());
            }
            Inbound::Stray(response) => self.unwanted(&response).await,
        }
    }

    /// Ends the INVITE: CANCEL at once or as soon as a provisional response allows it, then ACK and BYE
    /// for whatever is answered all the same.
    async fn cancel(mut self) {
        let until = tokio::time::Instant::now() + GIVE_UP;
        let mut cancelled = false;
        loop {
            if self.provisional && !cancelled {
                cancelled = true;
                self.send_cancel();
            }
            let message = tokio::select! {
                message = self.transaction.receive() => message,
                Some(inbound) = self.inbox.recv() => { self.early(inbound).await; continue }
                () = tokio::time::sleep_until(until) => return,
            };
            match message {
                Some(SipMessage::Response(response)) if is_provisional(&response) => self.provisional = true,
                Some(SipMessage::Response(response)) if is_success(&response) => {
                    self.unwanted(&response).await;
                    break;
                }
                Some(SipMessage::Response(_)) | None => return,
                Some(SipMessage::Request(_)) => {}
            }
        }
        // More forks may answer, and this one repeat itself if the ACK was lost.
        while let Ok(Some(inbound)) = tokio::time::timeout_at(until, self.inbox.recv()).await {
            self.early(inbound).await;
        }
    }

    /// RFC 3261 section 9.1: the INVITE's branch, route and `CSeq` number.
    fn send_cancel(&self) {
        let mut cancel = self.transaction.original.clone();
        cancel.method = Method::Cancel;
        cancel.body = Vec::new();
        let seq = wire::seq_of(&cancel.headers).unwrap_or(1);
        cancel.headers.retain(|header| {
            matches!(
                header,
                Header::Via(_)
                    | Header::MaxForwards(_)
                    | Header::Route(_)
                    | Header::From(_)
                    | Header::To(_)
                    | Header::CallId(_)
            )
        });
        cancel.headers.push(Header::CSeq(format!("{seq} CANCEL").into()));
        cancel.headers.push(Header::ContentLength(0.into()));
        let (inner, flow) = (self.inner.clone(), self.way.flow.clone());
        self.inner.spawn(
            async move {
                // The INVITE's own final answer tells what came of it.
                let _ = exchange(&inner, cancel, &flow, None).await;
            },
            || {},
        );
    }

    async fn unwanted(&self, response: &Response) {
        let flow = match origin_flow(&self.inner, response).await {
            Some(flow) => flow,
            None => self.way.flow.clone(),
        };
        let dialog = Dialog::of_client(&self.invite, response, flow, self.way.pinned, &self.way.contact_user);
        end_fork(&self.inner, dialog, self.invite.clone(), self.way.credentials.clone());
    }
}

fn is_provisional(response: &Response) -> bool {
    response.status_code.kind() == StatusCodeKind::Provisional
}

fn failed(reason: &str) -> LegCause {
    LegCause::Failed { reason: reason.to_owned() }
}

/// What a refusal means for the call.
fn cause_of(status: u16) -> LegCause {
    let unreachable = |reason: &str| LegCause::Unreachable { reason: reason.to_owned() };
    match status {
        486 | 600 => LegCause::Busy,
        408 | 480 => LegCause::NoAnswer,
        404 | 604 => unreachable("the other side does not know this number or name (404); is it right?"),
        410 => unreachable("this number or name is gone (410); it needs a new one"),
        // 3xx is not followed: it could send the call, and the bill, anywhere.
        _ => LegCause::Rejected { status },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        assert_eq!(cause_of(486), LegCause::Busy);
        assert_eq!(cause_of(600), LegCause::Busy);
        assert_eq!(cause_of(480), LegCause::NoAnswer);
        assert!(matches!(cause_of(404), LegCause::Unreachable { .. }));
        assert_eq!(cause_of(302), LegCause::Rejected { status: 302 });
        assert_eq!(cause_of(603), LegCause::Rejected { status: 603 });
    }
}
