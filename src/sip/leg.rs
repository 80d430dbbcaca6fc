//! A dialog from its 200 to its end, whichever side began it: re-INVITE, UPDATE, INFO,
//! OPTIONS, BYE, the ACKs. One task owns it; it decides nothing about the call.

use std::sync::Arc;
use std::time::Duration;

use hotline_core::fact::LegCause;
use rsipstack::sip::{Method, Request, Response, SipMessage, StatusCodeKind};
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::body;
use super::client::exchange;
use super::dialog::{Dialog, Inbound, Seat};
use super::digest::Credentials;
use super::digits::{self, Info};
use super::engine::Inner;
use super::incoming::{capabilities, refuse, reply};
use super::{LegEvent, LegOrder, wire};

/// Events that wait for the switch.
pub(super) const EVENTS: usize = 32;
/// How long the switch may think about a new offer.
const REOFFER_MAX: Duration = Duration::from_secs(2);
/// An answer that takes longer is announced by 100 (RFC 3261 section 17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);
/// A switch that does not take events for so long has lost the leg.
const DELIVER_MAX: Duration = Duration::from_secs(5);

/// The ends of the channels that a leg's task holds.
pub(super) struct Line {
    pub events: Option<mpsc::Sender<LegEvent>>,
    pub orders: mpsc::UnboundedReceiver<LegOrder>,
}

/// Resolves when the leg is dropped; never after the end was told.
pub(super) async fn dropped(events: Option<&mpsc::Sender<LegEvent>>) {
    match events {
        Some(events) => events.closed().await,
        None => std::future::pending().await,
    }
}

/// The next order; never resolves when no more can come.
pub(super) async fn order(orders: &mut mpsc::UnboundedReceiver<LegOrder>) -> LegOrder {
    match orders.recv().await {
        Some(order) => order,
        None => std::future::pending().await,
    }
}

impl Line {
    /// A line and the leg at its other end.
    pub fn new() -> (Self, super::Leg) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (control, orders) = mpsc::unbounded_channel();
        let leg = super::Leg { events: receiver, control: super::LegControl(control) };
        (Self { events: Some(events), orders }, leg)
    }

    /// Tells the switch, unless it has gone or been told the end.
    pub async fn tell(&self, event: LegEvent) {
        if let Some(events) = &self.events {
            // A receiver that is gone shows in `dropped`.
            let _ = tokio::time::timeout(DELIVER_MAX, events.send(event)).await;
        }
    }

    /// Tells the end. Nothing follows.
    pub async fn end(&mut self, cause: LegCause) {
        self.tell(LegEvent::Ended(cause)).await;
        self.events = None;
    }

    /// Tells the end on behalf of a task that panicked.
    pub fn rescue(&self) -> impl FnOnce() + Send + 'static {
        let events = self.events.clone().map(|events| events.downgrade());
        move || {
            if let Some(events) = events.and_then(|events| events.upgrade()) {
                let reason = "a fault in signalling ended this leg; the log has more".to_owned();
                let _ = events.try_send(LegEvent::Ended(LegCause::Failed { reason }));
            }
        }
    }
}

/// What the wait for an ACK came to.
pub(super) struct Acked {
    /// Whether it acknowledged the first INVITE.
    first: bool,
    /// The ACK's SDP; `Err`: it never came.
    answer: Result<Option<String>, ()>,
}

/// A new offer that waits for the switch's answer.
struct Pending {
    transaction: Box<Transaction>,
    since: Instant,
    /// The peer knows that it must wait.
    waits: bool,
    late: bool,
}

impl Pending {
    /// When something is to be done about it.
    fn due(&self) -> Instant {
        self.since + if self.waits { REOFFER_MAX } else { TRYING_AFTER }
    }
}

/// A confirmed dialog.
pub(super) struct Talk {
    pub inner: Arc<Inner>,
    pub dialog: Dialog,
    pub inbox: mpsc::Receiver<Inbound>,
    pub line: Line,
    /// Our INVITE, for acknowledging its 2xx again; `None` where they called.
    pub invite: Option<Request>,
    /// For peers that want proof for a BYE.
    pub credentials: Option<Credentials>,
    acks: (mpsc::Sender<Acked>, mpsc::Receiver<Acked>),
    waits: JoinSet<()>,
    pending: Option<Pending>,
    /// The 200 to the first INVITE is not acknowledged yet.
    unacknowledged: bool,
    _seat: Seat,
}

/// How the loop goes on.
enum Next {
    Stay,
    /// BYE has been said by them, or there is nothing to say it to.
    Over(LegCause),
    /// We say BYE.
    Bye(LegCause),
}

impl Talk {
    /// Takes over a dialog.
    pub fn new(inner: Arc<Inner>, dialog: Dialog, inbox: mpsc::Receiver<Inbound>, seat: Seat, line: Line) -> Self {
        Self {
            inner,
            dialog,
            inbox,
            line,
            invite: None,
            credentials: None,
            acks: mpsc::channel(8),
            waits: JoinSet::new(),
            pending: None,
            unacknowledged: false,
            _seat: seat,
        }
    }

    /// Waits for the ACK to the 200 that was sent on `transaction`; the stack repeats the 200 until then.
    pub fn await_first_ack(&mut self, transaction: Box<Transaction>, late: bool) {
        self.unacknowledged = true;
        self.await_ack(transaction, true, late);
    }

    fn await_ack(&mut self, mut transaction: Box<Transaction>, first: bool, late: bool) {
        let acks = self.acks.0.clone();
        self.waits.spawn(async move {
            let mut answer = Err(());
            while let Some(message) = transaction.receive().await {
                if let SipMessage::Request(ack) = message
                    && ack.method == Method::Ack
                {
                    let sdp = if late { body::sdp(&ack.headers, &ack.body).unwrap_or_default() } else { None };
                    answer = Ok(sdp);
                    break;
                }
            }
            // The leg may be over.
            let _ = acks.send(Acked { first, answer }).await;
        });
    }

    /// Serves the dialog to its end.
    pub async fn run(mut self) {
        loop {
            let due = self.pending.as_ref().map(Pending::due);
            let next = tokio::select! {
                // An order given before the leg was dropped still counts.
                biased;
                Some(acked) = self.acks.1.recv() => self.acknowledged(acked).await,
                Some(inbound) = self.inbox.recv() => self.inbound(inbound).await,
                order = order(&mut self.line.orders) => self.order(order).await,
                () = dropped(self.line.events.as_ref()) => Next::Bye(LegCause::Released),
                cancelled = Self::cancelled(&mut self.pending) => {
                    if cancelled { self.answer_pending(Err(487)).await; }
                    Next::Stay
                }
                () = sleep_until(due) => {
                    self.overdue().await;
                    Next::Stay
                }
            };
            match next {
                Next::Stay => {}
                Next::Over(cause) => {
                    self.answer_pending(Err(487)).await;
                    self.line.end(cause).await;
                    return;
                }
                Next::Bye(cause) => {
                    self.answer_pending(Err(487)).await;
                    self.line.end(cause).await;
                    return self.say_bye().await;
                }
            }
        }
    }

    /// Resolves with true when a waiting re-INVITE is cancelled.
    async fn cancelled(pending: &mut Option<Pending>) -> bool {
        let Some(pending) = pending else { return std::future::pending().await };
        match pending.transaction.receive().await {
            Some(SipMessage::Request(request)) => request.method == Method::Cancel,
            Some(SipMessage::Response(_)) => false,
            None => std::future::pending().await,
        }
    }

    async fn acknowledged(&mut self, acked: Acked) -> Next {
        if acked.first {
            self.unacknowledged = false;
        }
        match acked.answer {
            Ok(answer) => {
                if acked.first || answer.is_some() {
                    self.line.tell(LegEvent::Confirmed(answer)).await;
                }
                Next::Stay
            }
            // RFC 3261 section 13.3.1.4.
            Err(()) => Next::Bye(LegCause::Failed {
                reason: "our answer was never acknowledged (no ACK within 32 s); is the way back blocked by NAT or a firewall?"
                    .to_owned(),
            }),
        }
    }

    async fn order(&mut self, order: LegOrder) -> Next {
        match order {
            LegOrder::HangUp => Next::Bye(LegCause::Released),
            LegOrder::AnswerReoffer(answer) => {
                self.answer_pending(answer).await;
                Next::Stay
            }
            LegOrder::Ring | LegOrder::Answer(_) | LegOrder::Reject(_) => Next::Stay,
        }
    }

    async fn inbound(&mut self, inbound: Inbound) -> Next {
        match inbound {
            Inbound::Stray(response) => {
                self.stray(&response).await;
                Next::Stay
            }
            Inbound::Request(transaction) => self.request(transaction).await,
        }
    }

    /// A 2xx once more: ours is acknowledged again; that of another fork is acknowledged and ended.
    async fn stray(&self, response: &Response) {
        let Some(invite) = &self.invite else { return };
        let tag = wire::value(&response.headers, "To").and_then(wire::tag_of).unwrap_or_default();
        if tag == self.dialog.remote_tag {
            acknowledge(&self.inner, &self.dialog, invite).await;
        } else {
            let flow = self.inner.sockets.udp_flow(([127, 0, 0, 1], 9).into());
            let flow = origin_flow(&self.inner, response).await.unwrap_or(flow);
            let fork = Dialog::of_client(invite, response, flow, false, "hotline");
            end_fork(&self.inner, fork, invite.clone(), self.credentials.clone());
        }
    }

    async fn request(&mut self, mut transaction: Box<Transaction>) -> Next {
        let from = wire::value(&transaction.original.headers, "From").and_then(wire::tag_of).unwrap_or_default();
        if from != self.dialog.remote_tag {
            refuse(&self.inner, *transaction, 481, Vec::new());
            return Next::Stay;
        }
        if !self.dialog.accepts(&transaction.original) {
            refuse(&self.inner, *transaction, 500, Vec::new());
            return Next::Stay;
        }
        match transaction.original.method {
            Method::Bye => {
                reply(&mut transaction, 200, "", Vec::new(), None).await;
                return Next::Over(LegCause::HungUp);
            }
            Method::Invite | Method::Update => self.reoffered(transaction).await,
            Method::Info => self.info(*transaction).await,
            Method::Options => refuse(&self.inner, *transaction, 200, capabilities()),
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => refuse(&self.inner, *transaction, 405, wire::abilities()),
        }
        Next::Stay
    }

    async fn info(&self, transaction: Transaction) {
        let request = &transaction.original;
        let status = match digits::read(wire::value(&request.headers, "Content-Type"), &request.body) {
            Info::Digit(digit) => {
                self.line.tell(LegEvent::Digit { digit }).await;
                200
            }
            Info::Nothing => 200,
            Info::Other => 415,
            Info::Broken => 400,
        };
        refuse(&self.inner, transaction, status, Vec::new());
    }

    async fn reoffered(&mut self, transaction: Box<Transaction>) {
        let update = transaction.original.method == Method::Update;
        let offer = match body::sdp(&transaction.original.headers, &transaction.original.body) {
            Ok(offer) => offer,
            Err(body::NoSdp) => return refuse(&self.inner, *transaction, 415, Vec::new()),
        };
        if update && offer.is_none() {
            // A session refresh or a new address only (RFC 3311 section 5.2).
            self.dialog.refresh(&transaction.original);
            let contact = self.dialog.contact(&self.inner);
            return refuse(&self.inner, *transaction, 200, vec![contact]);
        }
        if self.pending.is_some() || self.unacknowledged {
            // RFC 3261 section 14.2.
            return refuse(&self.inner, *transaction, 500, vec![wire::retry_after(rand::random_range(0..=10))]);
        }
        let late = offer.is_none();
        // Only an INVITE has a 100 to wait by.
        self.pending = Some(Pending { transaction, since: Instant::now(), waits: update, late });
        self.line.tell(LegEvent::Reoffer(offer)).await;
    }

    async fn overdue(&mut self) {
        match &mut self.pending {
            Some(pending) if !pending.waits => {
                pending.waits = true;
                // Nothing to be done if it can't be sent: the answer follows.
                let _ = pending.transaction.send_trying().await;
            }
            Some(_) | None => self.answer_pending(Err(488)).await,
        }
    }

    async fn answer_pending(&mut self, answer: Result<String, u16>) {
        let Some(Pending { mut transaction, late, .. }) = self.pending.take() else { return };
        match answer {
            Ok(sdp) => {
                self.dialog.refresh(&transaction.original);
                let mut headers = wire::abilities();
                headers.push(self.dialog.contact(&self.inner));
                reply(&mut transaction, 200, "", headers, Some(sdp)).await;
                if transaction.original.method == Method::Invite {
                    self.await_ack(transaction, false, late);
                }
            }
            Err(status) => refuse(&self.inner, *transaction, status.clamp(400, 699), Vec::new()),
        }
    }

    /// Ends the dialog. A 200 of ours must be acknowledged first, or time out (RFC 3261 section 15).
    async fn say_bye(mut self) {
        while self.unacknowledged {
            tokio::select! {
                Some(acked) = self.acks.1.recv() => self.unacknowledged &= !acked.first,
                Some(inbound) = self.inbox.recv() => if self.is_bye(inbound).await { return },
            }
        }
        let Some((bye, flow)) = self.dialog.request(&self.inner, Method::Bye).await else { return };
        let inner = self.inner.clone();
        let credentials = self.credentials.clone();
        let exchange = exchange(&inner, bye, &flow, credentials.as_ref());
        tokio::pin!(exchange);
        loop {
            tokio::select! {
                _ = &mut exchange => return,
                // Both may say it at once.
                Some(inbound) = self.inbox.recv() => { self.is_bye(inbound).await; }
            }
        }
    }

    async fn is_bye(&mut self, inbound: Inbound) -> bool {
        match inbound {
            Inbound::Stray(response) => {
                self.stray(&response).await;
                false
            }
            Inbound::Request(transaction) => {
                let bye = transaction.original.method == Method::Bye;
                refuse(&self.inner, *transaction, if bye { 200 } else { 481 }, Vec::new());
                bye
            }
        }
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Sends the ACK to a 2xx.
pub(super) async fn acknowledge(inner: &Arc<Inner>, dialog: &Dialog, invite: &Request) {
    if let Some((ack, flow)) = dialog.ack(inner, invite).await {
        inner.send(SipMessage::Request(ack), &flow, flow.remote).await;
    }
}

/// Acknowledges a 2xx that nobody wants and ends its dialog.
pub(super) fn end_fork(inner: &Arc<Inner>, mut dialog: Dialog, invite: Request, credentials: Option<Credentials>) {
    let own = inner.clone();
    inner.spawn(
        async move {
            acknowledge(&own, &dialog, &invite).await;
            if let Some((bye, flow)) = dialog.request(&own, Method::Bye).await {
                // An answer or none: there is nothing more to do.
                let _ = exchange(&own, bye, &flow, credentials.as_ref()).await;
            }
        },
        || {},
    );
}

/// The flow that a message came by.
pub(super) async fn origin_flow(inner: &Arc<Inner>, response: &Response) -> Option<super::sockets::Flow> {
    let (transport, source) = wire::origin(&response.headers)?;
    inner.flow(transport, source).await.ok()
}

/// Whether a response is a 2xx.
pub(super) fn is_success(response: &Response) -> bool {
    response.status_code.kind() == StatusCodeKind::Successful
}
