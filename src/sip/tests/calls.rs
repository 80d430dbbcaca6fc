//! Calls between two instances.

use super::*;

/// Both sides of a call that is up: (who called, who was called).
async fn talk(uri: &str, from: &Sip, incoming: &mut mpsc::Receiver<IncomingCall>) -> (Leg, Leg) {
    let mut out = from.dial_uri(uri, "caller", OFFER.to_owned());
    let call = next_call(incoming).await;
    assert_eq!(call.offer.as_deref(), Some(OFFER));
    let mut leg = call.leg;
    leg.control.order(LegOrder::Ring);
    assert_eq!(event(&mut out).await, LegEvent::Ringing);
    leg.control.order(LegOrder::Answer(ANSWER.to_owned()));
    assert_eq!(event(&mut out).await, LegEvent::Answered(ANSWER.to_owned()));
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(None));
    (out, leg)
}

#[tokio::test]
async fn a_call_is_answered_and_ended_from_both_sides() {
    let ((server, mut incoming), (client, _keep)) = (start(settings()).await, start(settings()).await);
    for transport in ["", ";transport=tcp"] {
        let uri = format!("{}{transport}", uri_of(&server, "hotline"));
        let (mut out, mut leg) = talk(&uri, &client, &mut incoming).await;
        out.control.order(LegOrder::HangUp);
        assert_eq!(end(&mut out).await, LegCause::Released);
        assert_eq!(end(&mut leg).await, LegCause::HungUp);

        let (mut out, mut leg) = talk(&uri, &client, &mut incoming).await;
        leg.control.order(LegOrder::HangUp);
        assert_eq!(end(&mut leg).await, LegCause::Released);
        assert_eq!(end(&mut out).await, LegCause::HungUp);
    }
    idle(&server).await;
    idle(&client).await;
    assert_eq!(server.counters().panics, 0);
}

#[tokio::test]
async fn who_calls_and_what_was_dialled() {
    let ((server, mut incoming), (client, _keep)) = (start(settings()).await, start(settings()).await);
    let _out = client.dial_uri(&uri_of(&server, "+4930123456"), "anna", OFFER.to_owned());
    let call = next_call(&mut incoming).await;
    assert_eq!(call.dialled, ["+4930123456"]);
    assert_eq!(call.caller, Some("anna".into()));
    assert_eq!(call.source, Source::Open);
}

#[tokio::test]
async fn refusals_become_causes() {
    let ((server, mut incoming), (client, _keep)) = (start(settings()).await, start(settings()).await);
    let uri = uri_of(&server, "hotline");
    for (status, cause) in [(486, LegCause::Busy), (480, LegCause::NoAnswer), (603, LegCause::Rejected { status: 603 })]
    {
        let mut out = client.dial_uri(&uri, "caller", OFFER.to_owned());
        let mut leg = next_call(&mut incoming).await.leg;
        leg.control.order(LegOrder::Reject(status));
        assert_eq!(end(&mut leg).await, LegCause::Released);
        assert_eq!(end(&mut out).await, cause);
    }
    let mut out = client.dial_uri(&uri, "caller", OFFER.to_owned());
    next_call(&mut incoming).await.leg.control.order(LegOrder::Reject(404));
    assert!(matches!(end(&mut out).await, LegCause::Unreachable { .. }));
    // A leg that is dropped unanswered.
    let mut out = client.dial_uri(&uri, "caller", OFFER.to_owned());
    drop(next_call(&mut incoming).await);
    assert_eq!(end(&mut out).await, LegCause::Rejected { status: 500 });
    idle(&client).await;
}

#[tokio::test]
async fn a_cancelled_call_ends_on_both_sides() {
    let ((server, mut incoming), (client, _keep)) = (start(settings()).await, start(settings()).await);
    let uri = uri_of(&server, "hotline");
    let mut out = client.dial_uri(&uri, "caller", OFFER.to_owned());
    let mut leg = next_call(&mut incoming).await.leg;
    leg.control.order(LegOrder::Ring);
    assert_eq!(event(&mut out).await, LegEvent::Ringing);
    out.control.order(LegOrder::HangUp);
    assert_eq!(end(&mut out).await, LegCause::Released);
    assert_eq!(end(&mut leg).await, LegCause::HungUp);
    // By dropping.
    let out = client.dial_uri(&uri, "caller", OFFER.to_owned());
    let mut leg = next_call(&mut incoming).await.leg;
    drop(out);
    assert_eq!(end(&mut leg).await, LegCause::HungUp);
    idle(&server).await;
    idle(&client).await;
}

#[tokio::test]
async fn hanging_up_before_any_answer_waits_with_the_cancel() {
    let (client, _keep) = start(settings()).await;
    let far = Raw::to(&client).await;
    let mut out = client.dial_uri(&format!("sip:x@{}", far.local()), "caller", OFFER.to_owned());
    let invite = far.expect("INVITE").await;
    out.control.order(LegOrder::HangUp);
    assert_eq!(end(&mut out).await, LegCause::Released);
    far.send(answer_to(&invite, "180 Ringing", "far", "")).await;
    let cancel = far.expect("CANCEL").await;
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    far.send(answer_to(&cancel, "200 OK", "far", "")).await;
    // It is answered all the same: the 200 is acknowledged and ended.
    let ok = answer_to(&invite, "200 OK", "far", &format!("Contact: <sip:x@{}>\r\n", far.local()));
    far.send(&ok).await;
    far.expect("ACK").await;
    let bye = far.expect("BYE").await;
    far.send(answer_to(&bye, "200 OK", "far", "")).await;
}

#[tokio::test]
async fn of_two_forks_the_first_is_kept() {
    let (client, _keep) = start(settings()).await;
    let far = Raw::to(&client).await;
    let mut out = client.dial_uri(&format!("sip:x@{}", far.local()), "caller", OFFER.to_owned());
    let invite = far.expect("INVITE").await;
    let ok = |tag: &str| {
        let more = format!("Contact: <sip:{tag}@{}>\r\nContent-Type: application/sdp\r\n", far.local());
        answer_with(&invite, "200 OK", tag, &more, ANSWER)
    };
    far.send(ok("one")).await;
    assert!(header(&far.expect("ACK").await, "To").contains("tag=one"));
    assert_eq!(beyond_ringing(&mut out).await, LegEvent::Answered(ANSWER.to_owned()));
    far.send(ok("two")).await;
    assert!(header(&far.expect("ACK").await, "To").contains("tag=two"));
    let bye = far.expect("BYE").await;
    assert!(bye.starts_with("BYE sip:two@") && header(&bye, "To").contains("tag=two"), "{bye}");
    far.send(answer_to(&bye, "200 OK", "", "")).await;
    // The first once more: its ACK was lost.
    far.send(ok("one")).await;
    assert!(header(&far.expect("ACK").await, "To").contains("tag=one"));
    out.control.order(LegOrder::HangUp);
    assert!(header(&far.expect("BYE").await, "To").contains("tag=one"));
}

#[tokio::test]
async fn the_route_set_is_followed() {
    let (client, _keep) = start(settings()).await;
    let far = Raw::to(&client).await;
    let proxy = Raw::to(&client).await;
    let mut out = client.dial_uri(&format!("sip:x@{}", proxy.local()), "caller", OFFER.to_owned());
    let invite = proxy.expect("INVITE").await;
    let more = format!(
        "Record-Route: <sip:10.9.9.9;lr;x=%41>\r\nRecord-Route: <sip:{};lr=on>\r\nContact: <sip:a%23b@{}>\r\nContent-Type: application/sdp\r\n",
        proxy.local(),
        far.local()
    );
    proxy.send(answer_with(&invite, "200 OK", "t", &more, ANSWER)).await;
    let ack = proxy.expect("ACK").await;
    assert!(ack.starts_with(&format!("ACK sip:a%23b@{} ", far.local())), "{ack}");
    let routes: Vec<&str> = ack.lines().filter(|line| line.starts_with("Route: ")).collect();
    assert_eq!(routes, [format!("Route: <sip:{};lr=on>", proxy.local()).as_str(), "Route: <sip:10.9.9.9;lr;x=%41>"]);
    assert_eq!(beyond_ringing(&mut out).await, LegEvent::Answered(ANSWER.to_owned()));
}

#[tokio::test]
async fn redirections_are_not_followed() {
    let (client, _keep) = start(settings()).await;
    let far = Raw::to(&client).await;
    let mut out = client.dial_uri(&format!("sip:x@{}", far.local()), "caller", OFFER.to_owned());
    let invite = far.expect("INVITE").await;
    far.send(answer_to(&invite, "302 Moved Temporarily", "far", "Contact: <sip:premium@192.0.2.1>\r\n")).await;
    far.expect("ACK").await;
    assert_eq!(end(&mut out).await, LegCause::Rejected { status: 302 });
}

#[tokio::test]
async fn what_cannot_be_reached_says_so_at_once() {
    let (client, _keep) = start(with_phone(settings(), "engineer-1", "x")).await;
    for destination in [
        Destination::Phone(PhoneId::from("engineer-1")),
        Destination::Number { trunk: "nobody".into(), number: "+49301".into() },
        Destination::Sip("not an address".to_owned()),
        Destination::Sip("sip:x@127.0.0.1:1;transport=tcp".to_owned()),
    ] {
        let mut leg = client.dial(dial(destination.clone()));
        let cause = end(&mut leg).await;
        assert!(matches!(&cause, LegCause::Unreachable { reason } if reason.len() > 20), "{destination:?}: {cause:?}");
    }
}

#[tokio::test]
async fn no_new_calls_while_draining_or_full() {
    let (calls, _incoming) = mpsc::channel(1);
    let server = Sip::start(settings(), calls).await.expect("starts");
    let (client, _keep) = start(settings()).await;
    let uri = uri_of(&server, "hotline");
    let _first = client.dial_uri(&uri, "caller", OFFER.to_owned());
    let raw = Raw::to(&server).await;
    soon(async {
        while server.dialogs() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    raw.send(raw.invite("full")).await;
    assert!(raw.expect("503").await.contains("Retry-After: "));
    server.drain();
    raw.send(raw.invite("drain")).await;
    let refusal = raw.expect("503").await;
    assert_eq!(header(&refusal, "Call-ID"), "drain");
    assert!(refusal.contains("Retry-After: "));
}

/// A response to a request as a far phone would write it.
pub(super) fn answer_to(request: &str, status: &str, tag: &str, more: &str) -> String {
    answer_with(request, status, tag, more, "")
}

pub(super) fn answer_with(request: &str, status: &str, tag: &str, more: &str, body: &str) -> String {
    let tag =
        if tag.is_empty() || header(request, "To").contains(";tag=") { String::new() } else { format!(";tag={tag}") };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "To"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        body.len()
    )
}
