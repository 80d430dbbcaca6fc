//! A raw phone against the server: what phones do in dialogs, and what they should not.

use super::calls::{answer_to, answer_with};
use super::*;

const SDP: &str = "Content-Type: application/sdp\r\n";

#[tokio::test]
async fn late_offer_gets_its_answer_with_the_ack() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    raw.send(raw.request("INVITE", "sip:hotline@127.0.0.1", "late", "1 INVITE", "", "")).await;
    let call = next_call(&mut incoming).await;
    assert_eq!(call.offer, None);
    let mut leg = call.leg;
    leg.control.order(LegOrder::Answer(OFFER.to_owned()));
    let ok = raw.expect("200 OK").await;
    assert!(ok.ends_with(OFFER), "{ok}");
    raw.send(raw.within(&ok, "ACK", 1, SDP, ANSWER)).await;
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(Some(ANSWER.to_owned())));
}

#[tokio::test]
async fn the_200_is_repeated_until_the_ack() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let (ok, mut leg) = answered(&raw, &mut incoming, "again").await;
    assert_eq!(raw.expect("200 OK").await, ok);
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(None));
    // A stray ACK harms nothing.
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    raw.send(raw.within(&ok, "BYE", 2, "", "")).await;
    raw.expect("200 OK").await;
    assert_eq!(end(&mut leg).await, LegCause::HungUp);
    // A re-INVITE after the BYE finds nothing.
    raw.send(raw.within(&ok, "INVITE", 3, SDP, OFFER)).await;
    raw.expect("481").await;
}

#[tokio::test]
async fn a_bye_may_come_before_the_ack() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let (ok, mut leg) = answered(&raw, &mut incoming, "early-bye").await;
    raw.send(raw.within(&ok, "BYE", 2, "", "")).await;
    let bye_ok = raw.expect("200 OK").await;
    assert_eq!(header(&bye_ok, "CSeq"), "2 BYE");
    assert_eq!(end(&mut leg).await, LegCause::HungUp);
    idle(&server).await;
}

#[tokio::test]
async fn we_wait_for_the_ack_before_our_bye() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let (ok, mut leg) = answered(&raw, &mut incoming, "patient").await;
    leg.control.order(LegOrder::HangUp);
    assert_eq!(end(&mut leg).await, LegCause::Released);
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    let bye = raw.expect("BYE").await;
    raw.send(answer_to(&bye, "200 OK", "", "")).await;
    idle(&server).await;
}

#[tokio::test]
async fn cancel_gets_its_200_and_the_call_487() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    raw.send(raw.invite("cancel")).await;
    let mut leg = next_call(&mut incoming).await.leg;
    raw.expect("100 Trying").await;
    raw.send(raw.request("CANCEL", "sip:hotline@127.0.0.1", "cancel", "1 CANCEL", "", "")).await;
    assert_eq!(header(&raw.expect("200 OK").await, "CSeq"), "1 CANCEL");
    let terminated = raw.expect("487").await;
    assert_eq!(end(&mut leg).await, LegCause::HungUp);
    let ack = raw.request("ACK", "sip:hotline@127.0.0.1", "cancel", "1 ACK", "", "");
    raw.send(ack.replace("To: <sip:hotline@127.0.0.1>", &format!("To: {}", header(&terminated, "To")))).await;
    raw.send(raw.request("CANCEL", "sip:hotline@127.0.0.1", "nothing", "1 CANCEL", "", "")).await;
    raw.expect("481").await;
}

#[tokio::test]
async fn new_offers_are_answered_by_order_or_refused_in_time() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let (ok, mut leg) = answered(&raw, &mut incoming, "hold").await;
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(None));

    raw.send(raw.within(&ok, "INVITE", 2, SDP, "v=0 hold")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Reoffer(Some("v=0 hold".to_owned())));
    leg.control.order(LegOrder::AnswerReoffer(Ok("v=0 held".to_owned())));
    let held = raw.expect("200 OK").await;
    assert!(held.ends_with("v=0 held") && header(&held, "CSeq") == "2 INVITE", "{held}");
    raw.send(raw.within(&ok, "ACK", 2, "", "")).await;

    // Without SDP: it wants our full offer, its answer comes with the ACK.
    raw.send(raw.within(&ok, "INVITE", 3, "", "")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Reoffer(None));
    leg.control.order(LegOrder::AnswerReoffer(Ok(OFFER.to_owned())));
    raw.expect("200 OK").await;
    raw.send(raw.within(&ok, "ACK", 3, SDP, ANSWER)).await;
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(Some(ANSWER.to_owned())));

    let multipart = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0 part\r\n--b--\r\n";
    raw.send(raw.within(&ok, "UPDATE", 4, "Content-Type: multipart/mixed; boundary=b\r\n", multipart)).await;
    assert_eq!(event(&mut leg).await, LegEvent::Reoffer(Some("v=0 part".to_owned())));
    // A second one meanwhile must wait.
    raw.send(raw.within(&ok, "UPDATE", 5, SDP, "v=0")).await;
    assert!(raw.expect("500").await.contains("Retry-After: "));
    // Nobody answers the first.
    assert_eq!(header(&raw.expect("488").await, "CSeq"), "4 UPDATE");

    raw.send(raw.within(&ok, "UPDATE", 6, "", "")).await;
    assert_eq!(header(&raw.expect("200 OK").await, "CSeq"), "6 UPDATE");
    raw.send(raw.within(&ok, "INVITE", 7, "Content-Type: text/plain\r\n", "hello")).await;
    raw.expect("415").await;
}

#[tokio::test]
async fn other_requests_within_a_call() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let (ok, mut leg) = answered(&raw, &mut incoming, "info").await;
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(None));
    let relay = "Content-Type: application/dtmf-relay\r\n";
    raw.send(raw.within(&ok, "INFO", 2, relay, "Signal=7\r\nDuration=160\r\n")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Digit { digit: '7' });
    assert_eq!(header(&raw.expect("200 OK").await, "CSeq"), "2 INFO");
    raw.send(raw.within(&ok, "INFO", 3, "Content-Type: application/x\r\n", "?")).await;
    raw.expect("415").await;
    raw.send(raw.within(&ok, "OPTIONS", 4, "", "")).await;
    assert!(raw.expect("200 OK").await.contains("Allow: "));
    for (method, status) in [("REFER", "405"), ("MESSAGE", "405"), ("SUBSCRIBE", "489")] {
        raw.send(raw.within(&ok, method, 5, "", "")).await;
        raw.expect(status).await;
    }
    // An old CSeq, and a stranger who guessed all but the tag.
    raw.send(raw.within(&ok, "OPTIONS", 1, "", "")).await;
    raw.expect("500").await;
    raw.send(raw.within(&ok, "BYE", 9, "", "").replace(";tag=rawinfo", ";tag=other")).await;
    raw.expect("481").await;
    raw.send(raw.within(&ok, "BYE", 10, "", "")).await;
    assert_eq!(end(&mut leg).await, LegCause::HungUp);
}

#[tokio::test]
async fn record_routes_come_back_as_they_were() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let proxy = Raw::to(&server).await;
    let routes = format!("Record-Route: <sip:{};lr;Ab=%5f>,<sip:10.1.1.1;lr>\r\n", proxy.local());
    let invite = raw.invite("rr").replace("Max-Forwards: 70\r\n", &format!("{routes}Max-Forwards: 70\r\n"));
    raw.send(invite).await;
    let mut leg = next_call(&mut incoming).await.leg;
    leg.control.order(LegOrder::Answer(ANSWER.to_owned()));
    let ok = raw.expect("200 OK").await;
    assert!(ok.contains(&routes), "{ok}");
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    assert_eq!(event(&mut leg).await, LegEvent::Confirmed(None));
    leg.control.order(LegOrder::HangUp);
    let bye = proxy.expect("BYE").await;
    assert!(bye.starts_with(&format!("BYE sip:raw@{} ", raw.local())), "{bye}");
    let sent: Vec<&str> = bye.lines().filter(|line| line.starts_with("Route: ")).collect();
    assert_eq!(sent, [format!("Route: <sip:{};lr;Ab=%5f>", proxy.local()).as_str(), "Route: <sip:10.1.1.1;lr>"]);
    proxy.send(answer_to(&bye, "200 OK", "", "")).await;
    idle(&server).await;
}

#[tokio::test]
async fn a_contact_without_user_is_called_back() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    raw.send(raw.invite("nouser").replace("Contact: <sip:raw@", "Contact: <sip:")).await;
    let leg = next_call(&mut incoming).await.leg;
    leg.control.order(LegOrder::Answer(ANSWER.to_owned()));
    let ok = raw.expect("200 OK").await;
    raw.send(raw.within(&ok, "ACK", 1, "", "")).await;
    drop(leg);
    assert!(raw.expect("BYE").await.starts_with(&format!("BYE sip:{} ", raw.local())));
}

#[tokio::test]
async fn strangers_are_refused_once_or_ignored() {
    let (server, _incoming) = start(SipSettings { open: false, ..settings() }).await;
    let raw = Raw::to(&server).await;
    raw.send(raw.invite("stranger")).await;
    raw.expect("403").await;
    assert_eq!(server.counters().strangers, 1);
    let closed = SipSettings { open: false, strangers: Strangers::Ignore, ..settings() };
    let (silent, _incoming) = start(closed).await;
    let raw = Raw::to(&silent).await;
    raw.send(raw.invite("stranger")).await;
    raw.send(raw.request("OPTIONS", "sip:x@127.0.0.1", "o", "1 OPTIONS", "", "")).await;
    raw.send(raw.request("REGISTER", "sip:x@127.0.0.1", "r", "1 REGISTER", "", "")).await;
    raw.send(raw.request("BYE", "sip:x@127.0.0.1", "b", "1 BYE", "", "")).await;
    assert_eq!(header(&raw.receive().await, "Call-ID"), "b");
    assert_eq!(silent.counters().strangers, 3);
}

#[tokio::test]
async fn carriers_are_known_by_their_address() {
    let trunk = TrunkSettings {
        server: "127.0.0.9:5999".to_owned(),
        transport: Transport::Udp,
        registration: None,
        addresses: vec!["127.0.0.0/24".to_owned()],
        number_sources: vec![NumberSource::To, NumberSource::RequestUri],
        trusted: true,
        caller_id: None,
    };
    let mut own = SipSettings { open: false, requests_per_second: 0, ..settings() };
    own.trunks.insert("carrier".into(), trunk);
    let (server, mut incoming) = start(own).await;
    let raw = Raw::to(&server).await;
    let invite = raw.invite("carrier").replace("To: <sip:hotline@", "To: <sip:+49301@");
    raw.send(invite.replace("Max-Forwards", "P-Asserted-Identity: <tel:+49-30-77>\r\nMax-Forwards")).await;
    let call = next_call(&mut incoming).await;
    assert_eq!(call.source, Source::Trunk("carrier".into()));
    assert_eq!(call.dialled, ["+49301", "hotline"]);
    assert_eq!(call.caller, Some("+493077".into()));
    assert_eq!(server.trunks().len(), 1);
}

#[tokio::test]
async fn a_flood_is_dropped_and_counted() {
    let (server, mut incoming) = start(SipSettings { requests_per_second: 5, ..settings() }).await;
    let raw = Raw::to(&server).await;
    for at in 0..200 {
        raw.send(raw.request("OPTIONS", "sip:x@127.0.0.1", &format!("f{at}"), "1 OPTIONS", "", "")).await;
    }
    soon(async {
        while server.counters().received < 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(server.counters().flooded > 100, "{:?}", server.counters());
    // Once it is over, calls come in again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    raw.send(raw.invite("after")).await;
    next_call(&mut incoming).await;
}

#[tokio::test]
async fn odd_input_does_no_harm() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let invite = raw.invite("odd");
    for odd in [
        b"".as_slice(),
        b"\0",
        b"\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        &[0xff; 2000],
        &invite.as_bytes()[..80],
    ] {
        raw.send(odd).await;
    }
    raw.send(invite.replace("sip:hotline@127.0.0.1 SIP", "sip:hotline@127.0.0.1:99999 SIP")).await;
    raw.expect("400").await;
    raw.send(invite.replace("SIP/2.0/UDP", "SIP/2.0/SMOKE")).await;
    raw.expect("400").await;
    raw.send(raw.request("FOO", "sip:x@127.0.0.1", "foo", "1 FOO", "", "")).await;
    raw.expect("501").await;
    raw.send(raw.request("INVITE", "sip:x@127.0.0.1", "req", "1 INVITE", "Require: 100rel\r\n", "")).await;
    assert!(raw.expect("420").await.contains("Unsupported: 100rel"));
    // No Content-Length: the body is the rest; a byte that is no text hides nothing after it.
    let text = invite.replace(&format!("Content-Length: {}\r\n", OFFER.len()), "Subject: \u{fffd}\r\nX: y\r\n");
    let bytes: Vec<u8> = text.into_bytes();
    let at = bytes.windows(3).position(|window| window == "\u{fffd}".as_bytes()).expect("is there");
    let bytes = [&bytes[..at], &[0xe4, 0xff], &bytes[at + 3..]].concat();
    raw.send(bytes).await;
    let call = next_call(&mut incoming).await;
    assert_eq!(call.offer.as_deref(), Some(OFFER));
    let counters = server.counters();
    assert_eq!(counters.panics, 0);
    assert!(counters.garbage >= 5 && counters.refused >= 4, "{counters:?}");
}

#[tokio::test]
async fn a_big_invite_arrives_whole() {
    let (server, mut incoming) = start(settings()).await;
    let raw = Raw::to(&server).await;
    let body = format!("{OFFER}{}", "a=x-long:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(600));
    raw.send(raw.request("INVITE", "sip:hotline@127.0.0.1", "big", "1 INVITE", SDP, &body)).await;
    assert_eq!(next_call(&mut incoming).await.offer, Some(body));
}

#[tokio::test]
async fn answers_without_sdp_are_no_answers() {
    let (client, _keep) = start(settings()).await;
    let far = Raw::to(&client).await;
    let mut out = client.dial_uri(&format!("sip:x@{}", far.local()), "caller", OFFER.to_owned());
    let invite = far.expect("INVITE").await;
    far.send(answer_to(&invite, "200 OK", "far", &format!("Contact: <sip:x@{}>\r\n", far.local()))).await;
    far.expect("ACK").await;
    far.expect("BYE").await;
    assert!(matches!(end(&mut out).await, LegCause::Failed { .. }));
    let mut out = client.dial_uri(&format!("sip:x@{}", far.local()), "caller", OFFER.to_owned());
    let invite = far.expect("INVITE").await;
    let more = format!("Contact: <sip:x@{}>\r\nContent-Type: application/sdp\r\n", far.local());
    far.send(answer_with(&invite, "200 OK", "far", &more, ANSWER)).await;
    assert_eq!(beyond_ringing(&mut out).await, LegEvent::Answered(ANSWER.to_owned()));
}
