//! The registrar, and registering with it.

use super::calls::answer_to;
use super::*;
use crate::sip::digest::{Challenge, Credentials};

fn closed() -> SipSettings {
    with_phone(SipSettings { open: false, ..settings() }, "engineer-1", "secret")
}

#[tokio::test]
async fn a_phone_registers_is_called_and_calls() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (server, mut at_server) = start(closed()).await;
        let (phone, mut at_phone) = start(SipSettings { open: false, ..settings() }).await;
        phone.register_as_phone(server.local(), transport, "engineer-1", "secret".into()).await.expect("registers");
        let list = server.registered();
        assert_eq!(list.len(), 1);
        assert_eq!((list[0].phone.0.as_str(), list[0].transport), ("engineer-1", transport));
        assert!(list[0].user_agent.starts_with("hotline/"));

        let mut out = server.dial(dial(Destination::Phone(PhoneId::from("engineer-1"))));
        let call = next_call(&mut at_phone).await;
        assert_eq!(call.dialled, ["engineer-1"]);
        assert_eq!(call.display_name, Some("Hotline \"x\"".into()));
        let mut leg = call.leg;
        leg.control.order(LegOrder::Answer(ANSWER.to_owned()));
        assert_eq!(beyond_ringing(&mut out).await, LegEvent::Answered(ANSWER.to_owned()));
        assert_eq!(event(&mut leg).await, LegEvent::Confirmed(None));
        out.control.order(LegOrder::HangUp);
        assert_eq!(end(&mut leg).await, LegCause::HungUp);

        let suffix = if transport == Transport::Tcp { ";transport=tcp" } else { "" };
        let mut back =
            phone.dial_uri(&format!("{}{suffix}", uri_of(&server, "hotline")), "engineer-1", OFFER.to_owned());
        let call = next_call(&mut at_server).await;
        assert_eq!(call.source, Source::Phone(PhoneId::from("engineer-1")));
        assert_eq!(call.caller, Some("engineer-1".into()));
        call.leg.control.order(LegOrder::Reject(486));
        assert_eq!(end(&mut back).await, LegCause::Busy);
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_a_remedy() {
    let (server, _incoming) = start(closed()).await;
    let (phone, _calls) = start(settings()).await;
    let wrong = phone.register_as_phone(server.local(), Transport::Udp, "engineer-1", "wrong".into()).await;
    assert!(wrong.expect_err("is refused").to_string().contains("password"));
    let nobody = phone.register_as_phone(server.local(), Transport::Udp, "nobody", "secret".into()).await;
    assert!(nobody.is_err());
    assert!(server.registered().is_empty());
}

#[tokio::test]
async fn a_known_phone_may_prove_itself_for_a_call() {
    let (server, mut incoming) = start(closed()).await;
    let raw = Raw::to(&server).await;
    let invite = raw.invite("proof").replace("<sip:raw@", "<sip:engineer-1@");
    raw.send(&invite).await;
    let asked = raw.expect("401").await;
    raw.send(
        proven(&invite, &asked, "INVITE", "wrong", 1).replace("CSeq: 1", "CSeq: 2").replace("1INVITE;", "2INVITE;"),
    )
    .await;
    raw.expect("403").await;
    raw.send(
        proven(&invite, &asked, "INVITE", "secret", 1).replace("CSeq: 1", "CSeq: 3").replace("1INVITE;", "3INVITE;"),
    )
    .await;
    let call = next_call(&mut incoming).await;
    assert_eq!(call.source, Source::Phone(PhoneId::from("engineer-1")));
}

fn register(raw: &Raw, seq: u32, more: &str) -> String {
    let text = raw.request("REGISTER", "sip:hotline", "reg", &format!("{seq} REGISTER"), more, "");
    let text = text.replace("To: <sip:hotline>", "To: <sip:engineer-1@hotline>");
    let contact = text.lines().find(|line| line.starts_with("Contact: ")).expect("has one").to_owned();
    if more.contains("Contact: ") { text.replacen(&format!("{contact}\r\n"), "", 1) } else { text }
}

fn proven(request: &str, asked: &str, method: &str, password: &str, count: u32) -> String {
    let challenges = asked.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
    let credentials = Credentials { user: "engineer-1".to_owned(), password: password.into() };
    let uri = request.split(' ').nth(1).expect("a request line");
    let answer = Challenge::best(challenges).expect("a challenge").answer(&credentials, method, uri, count);
    request.replacen("Max-Forwards: 70\r\n", &format!("Max-Forwards: 70\r\nAuthorization: {answer}\r\n"), 1)
}

#[tokio::test]
async fn the_rules_of_registration() {
    let (server, _incoming) = start(closed()).await;
    let raw = Raw::to(&server).await;
    raw.send(register(&raw, 1, "")).await;
    let asked = raw.expect("401").await;
    assert!(asked.contains("algorithm=SHA-256") && asked.contains("algorithm=MD5"), "{asked}");
    assert!(!asked.contains("stale"));

    // Too short.
    raw.send(proven(&register(&raw, 2, "Expires: 5\r\n"), &asked, "REGISTER", "secret", 1)).await;
    assert_eq!(header(&raw.expect("423").await, "Min-Expires"), "30");
    // The same count again: a copy. The password is right, so only the nonce is new.
    raw.send(proven(&register(&raw, 3, "Expires: 90\r\n"), &asked, "REGISTER", "secret", 1)).await;
    assert!(raw.expect("401").await.contains("stale=true"));
    // Counted up; the Contact lies about the address, the source counts.
    let lie = "Contact: <sip:engineer-1@10.1.2.3:9;x=y>\r\nExpires: 90\r\nUser-Agent: Raw\u{7}phone\r\n";
    raw.send(proven(&register(&raw, 4, lie), &asked, "REGISTER", "secret", 2)).await;
    let bound = raw.expect("200 OK").await;
    assert!(header(&bound, "Contact").starts_with("<sip:engineer-1@10.1.2.3:9;x=y>;expires="), "{bound}");
    let list = server.registered();
    assert_eq!((list[0].address, list[0].user_agent.as_str()), (raw.local(), "Raw phone"));
    // An older one that was overtaken.
    raw.send(proven(
        &register(&raw, 2, "Expires: 90\r\nX: y\r\n").replace("2REGISTER;", "o;"),
        &asked,
        "REGISTER",
        "secret",
        3,
    ))
    .await;
    raw.expect("500").await;
    // Called where it came from, by the name it gave.
    let mut out = server.dial(dial(Destination::Phone(PhoneId::from("engineer-1"))));
    let invite = raw.expect("INVITE").await;
    assert!(invite.starts_with("INVITE sip:engineer-1@10.1.2.3:9;x=y SIP/2.0"), "{invite}");
    raw.send(answer_to(&invite, "486 Busy Here", "t", "")).await;
    assert_eq!(end(&mut out).await, LegCause::Busy);
    // Query, then away.
    raw.send(proven(&register(&raw, 5, "Contact: \r\n"), &asked, "REGISTER", "secret", 4)).await;
    assert!(raw.expect("200 OK").await.contains("10.1.2.3"));
    raw.send(proven(&register(&raw, 6, "Contact: *\r\nExpires: 0\r\n"), &asked, "REGISTER", "secret", 5)).await;
    assert!(!raw.expect("200 OK").await.contains("Contact: "));
    assert!(server.registered().is_empty());
}

#[tokio::test]
async fn an_account_that_is_gone_is_forgotten() {
    let (server, _incoming) = start(closed()).await;
    let (phone, _calls) = start(settings()).await;
    phone.register_as_phone(server.local(), Transport::Udp, "engineer-1", "secret".into()).await.expect("registers");
    server.reload(closed());
    assert_eq!(server.registered().len(), 1);
    server.reload(settings());
    assert!(server.registered().is_empty());
}

fn carrier(server: &Sip, transport: Transport, password: &str) -> TrunkSettings {
    TrunkSettings {
        server: server.local().to_string(),
        transport,
        registration: Some(TrunkRegistration {
            user: "engineer-1".to_owned(),
            password: password.into(),
            expires: Duration::from_mins(10),
        }),
        addresses: Vec::new(),
        number_sources: Vec::new(),
        trusted: false,
        caller_id: Some("+4930111".into()),
    }
}

async fn trunk_state(sip: &Sip, wanted: impl Fn(&TrunkState) -> bool) -> TrunkState {
    soon(async {
        loop {
            if let Some(state) = sip.trunks().into_iter().find(&wanted) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_trunk_registers_carries_calls_and_leaves() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (far, mut at_far) = start(closed()).await;
        let mut own = SipSettings { open: false, ..settings() };
        own.trunks.insert("carrier".into(), carrier(&far, transport, "secret"));
        let (sip, mut incoming) = start(own).await;
        let state = trunk_state(&sip, |state| state.up).await;
        assert!(state.status.starts_with("registered until "), "{}", state.status);

        let number = Destination::Number { trunk: "carrier".into(), number: "+49301234".into() };
        let mut out = sip.dial(dial(number));
        let call = next_call(&mut at_far).await;
        assert_eq!(call.dialled, ["+49301234"]);
        call.leg.control.order(LegOrder::Reject(486));
        assert_eq!(end(&mut out).await, LegCause::Busy);

        // The carrier calls us: its server's address is enough.
        let mut call = far.dial(dial(Destination::Phone(PhoneId::from("engineer-1"))));
        let came = next_call(&mut incoming).await;
        assert_eq!(came.source, Source::Trunk("carrier".into()));
        came.leg.control.order(LegOrder::Reject(404));
        assert!(matches!(end(&mut call).await, LegCause::Unreachable { .. }));

        sip.stop().await;
        soon(async {
            while !far.registered().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_trunk_that_is_refused_is_down() {
    let (far, _calls) = start(closed()).await;
    let mut own = settings();
    own.trunks.insert("carrier".into(), carrier(&far, Transport::Udp, "wrong"));
    let (sip, _incoming) = start(own).await;
    trunk_state(&sip, |state| state.status == "refused: 403").await;
    let number = Destination::Number { trunk: "carrier".into(), number: "+49301234".into() };
    let cause = end(&mut sip.dial(dial(number))).await;
    assert!(
        matches!(&cause, LegCause::Unreachable { reason } if reason.contains("refused: 403") && !reason.contains("1234")),
        "{cause:?}"
    );
}

#[tokio::test]
async fn a_trunk_without_registration_is_looked_at() {
    let (far, _calls) = start(settings()).await;
    let mut own = settings();
    let trunk = TrunkSettings { registration: None, ..carrier(&far, Transport::Udp, "") };
    own.trunks.insert("carrier".into(), trunk);
    let (sip, _incoming) = start(own).await;
    assert!(trunk_state(&sip, |state| state.up).await.status.starts_with("reachable"));
}

#[tokio::test]
async fn calls_through_a_carrier_answer_its_challenge() {
    let (sip, _incoming) = start(settings()).await;
    let far = Raw::to(&sip).await;
    let mut own = settings();
    own.listen = ([127, 0, 0, 1], 0).into();
    let trunk = TrunkSettings { server: far.local().to_string(), ..carrier(&sip, Transport::Udp, "secret") };
    own.trunks.insert("carrier".into(), trunk);
    sip.reload(own);
    let first = far.expect("REGISTER").await;
    far.send(answer_to(
        &first,
        "401 Unauthorized",
        "t",
        "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\n",
    ))
    .await;
    let second = far.expect("REGISTER").await;
    assert!(header(&second, "Authorization").contains("qop=auth, nc=00000001"), "{second}");
    far.send(answer_to(
        &second,
        "200 OK",
        "t",
        &format!(
            "Contact: {};expires=600\r\n",
            header(&second, "Contact").split(";expires").next().expect("a contact")
        ),
    ))
    .await;
    trunk_state(&sip, |state| state.up).await;

    let number = Destination::Number { trunk: "carrier".into(), number: "+49301234".into() };
    let mut out = sip.dial(dial(number));
    let invite = far.expect("INVITE").await;
    assert!(header(&invite, "From").contains("<sip:+4930111@127.0.0.1>"), "{invite}");
    assert_eq!(header(&invite, "P-Asserted-Identity"), "<sip:+4930111@127.0.0.1>");
    let challenge = "Proxy-Authenticate: Digest realm=\"x\", nonce=\"m\", algorithm=MD5\r\n";
    far.send(answer_to(&invite, "407 Proxy Authentication Required", "t", challenge)).await;
    far.expect("ACK").await;
    let again = far.expect("INVITE").await;
    assert_eq!(header(&again, "Call-ID"), header(&invite, "Call-ID"));
    assert_eq!(header(&again, "CSeq"), "2 INVITE");
    assert!(header(&again, "Proxy-Authorization").contains("nonce=\"m\""));
    // Asked again with another nonce: the password is wrong, no loop.
    far.send(answer_to(&again, "407 Proxy Authentication Required", "t", challenge)).await;
    assert_eq!(end(&mut out).await, LegCause::Rejected { status: 407 });
}
