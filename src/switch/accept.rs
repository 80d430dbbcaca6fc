//! An INVITE that may come in: is the number ours, can we speak with the caller?
//! Then a call's task. From here on there is a durable record, whatever happens.

use std::net::SocketAddr;

use hotline_core::call::{Call, Incoming};
use hotline_core::directory::Number;
use hotline_core::fact::{Direction, Entry, Fact, Outcome, Priority};
use hotline_core::ids::{AlertId, CallId};
use hotline_core::sdp;
use tokio::sync::mpsc;

use super::leg::{self, Leg};
use super::task::{self, CallerLeg};
use super::{Switch, guarded, pins};
use crate::clock::now;
use crate::sip::{IncomingCall, LegOrder, Source};

/// Media events that a call may be behind before they are counted as lost.
pub const MEDIA_EVENTS: usize = 64;

/// Takes INVITEs one by one. Each gets its own task at once; nothing here waits. A fault over one of them
/// drops its leg (500) and does not stop the next.
pub async fn run(switch: Switch, mut incoming: mpsc::Receiver<IncomingCall>) {
    while let Some(invite) = incoming.recv().await {
        guarded("taking a call; its caller was refused", || accept(&switch, invite));
    }
}

/// Who dialled what, before anything else is known.
fn accept(switch: &Switch, invite: IncomingCall) {
    let directory = switch.directory();
    let Some(number) = invite.dialled.iter().find_map(|dialled| directory.number(dialled)) else {
        tracing::info!(source = %source_word(&invite.source), "refused with 404: the number dialled is not configured");
        invite.leg.control.order(LegOrder::Reject(404));
        return;
    };
    let moment = now();
    let (call_id, alert_id) = {
        let mut ids = switch.0.ids.lock();
        (CallId(ids.uuid(moment.wall)), AlertId(ids.uuid(moment.wall)))
    };
    let source = source_word(&invite.source);
    let wrong_pins = switch.0.pins.lock().wrong(&pins::key(&source, invite.caller.as_ref()), moment.mono);
    let setup = Incoming {
        call: call_id,
        alert: alert_id,
        reference: switch.next_reference(),
        number: number.id.clone(),
        caller: invite.caller.as_ref().map(|caller| directory.caller(caller.reveal()).into()),
        source,
        directory: std::sync::Arc::clone(&directory),
        seed: rand::random(),
        ring_again: switch.0.ring_again,
        wrong_pins,
    };
    let control = invite.leg.control.clone();
    let begin = || -> Result<(), Refusal> {
        let caller = caller_leg(switch, invite)?;
        let call = Call::incoming(setup.clone(), moment);
        task::spawn(switch, call, Some(caller));
        Ok(())
    };
    if let Err(refusal) = unless_fault(begin) {
        control.order(LegOrder::Reject(refusal.status));
        keep_refused(switch, &setup, number, &refusal);
    }
}

/// A fault of ours over an INVITE is a refusal like any other: it leaves a record and an alert.
fn unless_fault(begin: impl FnOnce() -> Result<(), Refusal>) -> Result<(), Refusal> {
    guarded("beginning a call; its caller was refused", begin).unwrap_or_else(|| {
        Err(Refusal {
            status: 500,
            why: "a fault of ours at the beginning of the call; the log has the details".to_owned(),
        })
    })
}

/// Why a caller could not be answered, and what to do about it.
#[derive(Debug)]
struct Refusal {
    status: u16,
    why: String,
}

/// Opens media and agrees on a codec before anything is decided; refuses the INVITE if that can't be.
fn caller_leg(switch: &Switch, invite: IncomingCall) -> Result<CallerLeg, Refusal> {
    let refuse = |status, why: String| Refusal { status, why };
    let (sender, media_events) = mpsc::channel(MEDIA_EVENTS);
    let media = match switch.0.media.open(sender) {
        Ok(media) => media,
        Err(error) => return Err(refuse(503, error.to_string())),
    };
    let peer = invite.offer.as_deref().and_then(connection_address);
    let address = switch.0.rtp_address.unwrap_or_else(|| leg::address_towards(media.local().ip(), peer));
    let (trunk, phone) = match &invite.source {
        Source::Trunk(trunk) => (Some(trunk), None),
        Source::Phone(phone) => (None, Some(phone)),
        Source::Open => (None, None),
    };
    let directory = switch.directory();
    let local = leg::local(address, &media, directory.codecs(trunk, phone).to_vec());
    let sdp = match &invite.offer {
        None => (sdp::offer(&local), None),
        Some(offer) => match sdp::answer(offer, &local) {
            Ok((answer, negotiated)) => (answer, Some(negotiated)),
            Err(error) => return Err(refuse(488, error.to_string())),
        },
    };
    media.listen_for_keys(directory.inband_digits(trunk, phone));
    let source = pins::key(&source_word(&invite.source), invite.caller.as_ref());
    let mut leg = Leg::new(invite.leg.control.clone(), media, local);
    let (body, negotiated) = sdp;
    leg.awaits_answer = negotiated.is_none();
    Ok(CallerLeg { leg, negotiated, body, sip_events: invite.leg.events, media_events, source })
}

/// The address in the offer's first `c=` line, only to choose our own address by.
fn connection_address(offer: &str) -> Option<SocketAddr> {
    let line = offer.lines().find_map(|line| line.trim_end().strip_prefix("c=IN IP"))?;
    let host = line.split_whitespace().nth(1)?;
    Some(SocketAddr::new(host.parse().ok()?, 9))
}

/// Even a call that we could not answer is a record and, unless it is a test number, an alert.
fn keep_refused(switch: &Switch, setup: &Incoming, number: &Number, refusal: &Refusal) {
    let at = now().wall;
    let alert = (!number.test).then_some(setup.alert);
    let keep = |alert, fact, why: &str| {
        switch.keep(Entry { at, call: Some(setup.call), alert, fact, why: why.to_owned() });
    };
    let started = Fact::CallStarted {
        direction: Direction::Inbound,
        number: setup.number.clone(),
        reference: setup.reference.clone(),
        caller: setup.caller.clone(),
        source: setup.source.clone(),
        language: number.language.clone(),
    };
    keep(None, started, "");
    let customer = setup.caller.as_ref().and_then(|caller| setup.directory.customer_by_caller(caller.reveal()));
    if let Some(customer) = customer {
        keep(None, Fact::CustomerIdentified { customer: customer.id.clone() }, "by caller ID");
    }
    if alert.is_some() {
        let opened = Fact::AlertOpened {
            title: format!("Call to {} could not be answered", setup.number),
            priority: Priority::P3,
            ring_at: Some(hotline_core::alert::next_ring(at, setup.ring_again)),
        };
        keep(alert, opened, &refusal.why);
    }
    let why = format!("refused with {}: {}", refusal.status, refusal.why);
    keep(alert, Fact::CallEnded { outcome: Outcome::Failed }, &why);
    tracing::warn!(call = %setup.call, status = refusal.status, why = %refusal.why, "a call could not be answered");
}

fn source_word(source: &Source) -> String {
    match source {
        Source::Trunk(trunk) => format!("trunk:{trunk}"),
        Source::Phone(phone) => format!("phone:{phone}"),
        Source::Open => "open".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, unless_fault};

    #[test]
    fn a_fault_is_a_refusal_with_a_reason() {
        let refused = unless_fault(|| panic!("asked for by a test")).expect_err("a fault");
        assert_eq!(refused.status, 500);
        let busy = unless_fault(|| Err(Refusal { status: 503, why: "no port is free".to_owned() }));
        assert_eq!(busy.expect_err("refused").status, 503);
        assert!(unless_fault(|| Ok(())).is_ok());
    }
}
