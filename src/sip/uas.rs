//! A call that comes in, from its INVITE to the 200 or the refusal. One task each.

use std::sync::Arc;
use std::time::Duration;

use hotline_core::fact::LegCause;
use rsipstack::sip::{Header, Method, Request, SipMessage};
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use super::admit::Sender;
use super::body;
use super::dialog::{Dialog, Inbound};
use super::digits::{self, Info};
use super::engine::{Counters, Inner};
use super::identity::{caller, dialled};
use super::incoming::{capabilities, refuse, reply};
use super::leg::{Line, Talk, dropped, order};
use super::{IncomingCall, LegEvent, LegOrder, Source, wire};

/// A 180 is repeated so that proxies don't give up (RFC 3261 section 13.3.1.1).
const RING_AGAIN: Duration = Duration::from_mins(1);

/// Offers a call to the switch and starts its task.
pub(super) fn begin(inner: &Arc<Inner>, transaction: Transaction) {
    let invite = &transaction.original;
    let sender = wire::value(&invite.headers, super::wire::SENDER).and_then(Sender::from_line);
    let Some(Sender(source)) = sender else {
        // The way in lets no INVITE pass without a sender.
        Counters::count(&inner.counters.strangers);
        return refuse(inner, transaction, 403, Vec::new());
    };
    let offer = match body::sdp(&invite.headers, &invite.body) {
        Ok(offer) => offer,
        Err(body::NoSdp) => return refuse(inner, transaction, 415, Vec::new()),
    };
    let late = offer.is_none();
    let call = incoming_call(inner, invite, source.clone(), offer);
    let (line, leg) = Line::new();
    let call = IncomingCall { leg, ..call };
    if inner.incoming.try_send(call).is_err() {
        return refuse(inner, transaction, 503, vec![wire::retry_after(5)]);
    }
    let lost = line.rescue();
    let own = inner.clone();
    inner.spawn(Box::pin(Ringing::run(own, Box::new(transaction), line, source, late)), lost);
}

fn incoming_call(inner: &Inner, invite: &Request, source: Source, offer: Option<String>) -> IncomingCall {
    let live = inner.live.load();
    let trunk = match &source {
        Source::Trunk(id) => live.settings.trunks.get(id),
        Source::Phone(_) | Source::Open => None,
    };
    let who = caller(invite, trunk.is_some_and(|trunk| trunk.trusted));
    let numbers = dialled(invite, trunk.map_or(&[], |trunk| trunk.number_sources.as_slice()));
    let caller = match &source {
        // Proven; what it writes into From is its own affair.
        Source::Phone(id) => Some(id.0.clone().into()),
        Source::Trunk(_) | Source::Open => who.user,
    };
    // A leg that nobody serves, replaced by the caller at once.
    let (_, leg) = Line::new();
    IncomingCall { dialled: numbers, caller, display_name: who.display, source, offer, leg }
}

/// An INVITE that has no final answer yet.
struct Ringing {
    inner: Arc<Inner>,
    transaction: Box<Transaction>,
    line: Line,
    dialog: Dialog,
    late: bool,
    rung: bool,
}

enum Next {
    Stay,
    Answered(String),
    Over,
}

impl Ringing {
    async fn run(inner: Arc<Inner>, mut transaction: Box<Transaction>, line: Line, source: Source, late: bool) {
        let invite = &transaction.original;
        let tag = wire::token();
        let Some((transport, remote)) = wire::origin(&invite.headers) else { return };
        let Ok(flow) = inner.flow(transport, remote).await else { return };
        let pinned = matches!(source, Source::Phone(_));
        let dialog = Dialog::of_server(invite, &tag, flow, pinned);
        let call_id = wire::value(&invite.headers, "Call-ID").unwrap_or("").to_owned();
        let (seat, mut inbox) = inner.dialogs.enter(&call_id, &tag);
        // Nothing to be done if it can't be sent: more answers follow.
        let _ = transaction.send_trying().await;
        let mut own = Self { inner, transaction, line, dialog, late, rung: false };
        loop {
            match own.step(&mut inbox).await {
                Next::Stay => {}
                Next::Over => return,
                Next::Answered(sdp) => {
                    own.respond(200, Some(sdp)).await;
                    let Self { inner, transaction, line, dialog, late, .. } = own;
                    let mut talk = Talk::new(inner, dialog, inbox, seat, line);
                    talk.await_first_ack(transaction, late);
                    return Box::pin(talk.run()).await;
                }
            }
        }
    }

    async fn step(&mut self, inbox: &mut mpsc::Receiver<Inbound>) -> Next {
        tokio::select! {
            // An order given before the leg was dropped still counts.
            biased;
            message = self.transaction.receive() => match message {
                Some(SipMessage::Request(request)) if request.method == Method::Cancel => self.cancelled().await,
                Some(_) => Next::Stay,
                None => {
                    let reason = "the connection to the caller broke before the answer".to_owned();
                    self.line.end(LegCause::Failed { reason }).await;
                    Next::Over
                }
            },
            order = order(&mut self.line.orders) => self.order(order).await,
            // The order may have come between the two looks.
            () = dropped(self.line.events.as_ref()) => match self.line.orders.try_recv() {
                Ok(order) => self.order(order).await,
                Err(_) => self.refused(500, LegCause::Released).await,
            },
            Some(inbound) = inbox.recv() => match inbound {
                Inbound::Request(transaction) => self.early(*transaction).await,
                Inbound::Stray(_) => Next::Stay,
            },
            () = tokio::time::sleep(RING_AGAIN), if self.rung => {
                self.respond(180, None).await;
                Next::Stay
            }
        }
    }

    async fn order(&mut self, order: LegOrder) -> Next {
        match order {
            LegOrder::Ring => {
                self.rung = true;
                self.respond(180, None).await;
                Next::Stay
            }
            LegOrder::Answer(sdp) => Next::Answered(sdp),
            LegOrder::Reject(status) => self.refused(status.clamp(400, 699), LegCause::Released).await,
            LegOrder::HangUp => self.refused(480, LegCause::Released).await,
            LegOrder::AnswerReoffer(_) => Next::Stay,
        }
    }

    async fn cancelled(&mut self) -> Next {
        self.refused(487, LegCause::HungUp).await
    }

    async fn refused(&mut self, status: u16, cause: LegCause) -> Next {
        self.respond(status, None).await;
        self.line.end(cause).await;
        // The refusal is repeated until its ACK comes.
        while self.transaction.receive().await.is_some() {}
        Next::Over
    }

    /// Requests before the answer (RFC 3261 section 15, RFC 3311).
    async fn early(&mut self, transaction: Transaction) -> Next {
        let from = wire::value(&transaction.original.headers, "From").and_then(wire::tag_of).unwrap_or_default();
        if from != self.dialog.remote_tag {
            refuse(&self.inner, transaction, 481, Vec::new());
            return Next::Stay;
        }
        match transaction.original.method {
            Method::Bye => {
                refuse(&self.inner, transaction, 200, Vec::new());
                return self.cancelled().await;
            }
            Method::Options => refuse(&self.inner, transaction, 200, capabilities()),
            Method::Info => {
                let request = &transaction.original;
                let read = digits::read(wire::value(&request.headers, "Content-Type"), &request.body);
                if let Info::Digit(digit) = read {
                    self.line.tell(LegEvent::Digit { digit }).await;
                }
                let known = matches!(read, Info::Digit(_) | Info::Nothing);
                refuse(&self.inner, transaction, if known { 200 } else { 415 }, Vec::new());
            }
            // The first offer is not answered yet.
            Method::Update | Method::Invite => refuse(&self.inner, transaction, 500, vec![wire::retry_after(2)]),
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => refuse(&self.inner, transaction, 405, wire::abilities()),
        }
        Next::Stay
    }

    async fn respond(&mut self, status: u16, sdp: Option<String>) {
        let mut headers: Vec<Header> = if status < 300 { wire::abilities() } else { Vec::new() };
        if status < 300 {
            headers.push(self.dialog.contact(&self.inner));
        }
        let tag = self.dialog.local_tag.clone();
        reply(&mut self.transaction, status, &tag, headers, sdp).await;
    }
}
