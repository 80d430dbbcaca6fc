//! Where requests go that the stack made transactions of: to their dialog, to a new
//! call, to the registrar, or back with a refusal.

use std::sync::Arc;

use rsipstack::sip::headers::untyped::Accept;
use rsipstack::sip::{Header, Method};
use rsipstack::transaction::{Transaction, TransactionReceiver};

use super::dialog::{Inbound, Undelivered};
use super::engine::{Counters, Inner};
use super::{Strangers, wire};

/// Takes transactions until signalling stops.
pub(super) async fn serve(inner: Arc<Inner>, mut requests: TransactionReceiver) {
    loop {
        let transaction = tokio::select! {
            () = inner.stop.cancelled() => return,
            transaction = requests.recv() => transaction,
        };
        let Some(transaction) = transaction else { return };
        dispatch(&inner, transaction);
    }
}

fn dispatch(inner: &Arc<Inner>, transaction: Transaction) {
    let headers = &transaction.original.headers;
    let to_tag = wire::value(headers, "To").and_then(wire::tag_of);
    let call_id = wire::value(headers, "Call-ID").unwrap_or("").to_owned();
    if let Some(tag) = to_tag {
        match inner.dialogs.deliver(&call_id, &tag, Inbound::Request(Box::new(transaction))) {
            Ok(()) => {}
            Err(Undelivered::Unknown(transaction)) => refuse(inner, *transaction, 481, Vec::new()),
            Err(Undelivered::Full(transaction)) => refuse(inner, *transaction, 503, vec![wire::retry_after(2)]),
        }
        return;
    }
    match transaction.original.method {
        Method::Invite => super::uas::begin(inner, transaction),
        Method::Register => {
            let own = inner.clone();
            inner.spawn(async move { super::registrar::register(&own, transaction).await }, || {});
        }
        Method::Options => options(inner, transaction),
        Method::Bye | Method::Info | Method::Update | Method::PRack | Method::Notify | Method::Cancel | Method::Ack => {
            refuse(inner, transaction, 481, Vec::new());
        }
        Method::Message | Method::Publish | Method::Refer | Method::Subscribe => {
            refuse(inner, transaction, 405, wire::abilities());
        }
    }
}

/// RFC 3261 section 11. Also how carriers see whether we live; strangers learn as much as they would
/// from an INVITE.
fn options(inner: &Arc<Inner>, transaction: Transaction) {
    let live = inner.live.load();
    let known = wire::origin(&transaction.original.headers).is_some_and(|(_, source)| {
        let ip = source.ip();
        live.settings.open || live.trunks_at(ip).next().is_some() || inner.trunks.holds(ip) || inner.registrar.knows(ip)
    });
    if !known && live.settings.strangers == Strangers::Ignore {
        Counters::count(&inner.counters.strangers);
        return;
    }
    refuse(inner, transaction, if super::receive::is_draining(inner) { 503 } else { 200 }, capabilities());
}

/// What a 200 to OPTIONS carries.
pub(super) fn capabilities() -> Vec<Header> {
    let mut headers = wire::abilities();
    headers.push(Header::Accept(Accept::new("application/sdp, application/dtmf-relay, application/dtmf")));
    headers
}

/// Answers and is done.
pub(super) fn refuse(inner: &Arc<Inner>, mut transaction: Transaction, status: u16, extra: Vec<Header>) {
    inner.spawn(
        async move {
            reply(&mut transaction, status, &wire::token(), extra, None).await;
            // An INVITE's refusal is repeated until its ACK comes (RFC 3261 section 17.2.1).
            if transaction.original.method == Method::Invite {
                while transaction.receive().await.is_some() {}
            }
        },
        || {},
    );
}

/// Sends a response on a server transaction.
pub(super) async fn reply(
    transaction: &mut Transaction,
    status: u16,
    tag: &str,
    extra: Vec<Header>,
    body: Option<String>,
) {
    let response = wire::response(&transaction.original, status, tag, extra, body);
    if let Err(error) = transaction.respond(response).await {
        tracing::debug!(%error, status, "could not answer");
    }
}
