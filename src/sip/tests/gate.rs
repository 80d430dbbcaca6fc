//! The gate against messages of the kind that RFC 4475 and RFC 5118 list; texts of our own.

use crate::sip::Transport;
use crate::sip::gate::{Arrival, Framed, Verdict, frame, inspect};

fn arrival() -> Arrival {
    Arrival { source: ([192, 0, 2, 9], 40_000).into(), transport: Transport::Udp }
}

fn request(method: &str, more: &str, body: &str) -> String {
    format!(
        "{method} sip:hotline@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
         To: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{more}\r\n{body}"
    )
}

fn pass(message: impl AsRef<[u8]>) -> String {
    let verdict = inspect(message.as_ref(), arrival());
    let Verdict::Pass(bytes) = verdict else { panic!("not passed: {verdict:?}") };
    String::from_utf8(bytes).expect("is made valid")
}

fn refusal(message: impl AsRef<[u8]>) -> String {
    refusal_to(message).1
}

/// Where a refusal goes, and the refusal.
fn refusal_to(message: impl AsRef<[u8]>) -> (String, String) {
    let verdict = inspect(message.as_ref(), arrival());
    let Verdict::Refuse { to, response } = verdict else { panic!("not refused: {verdict:?}") };
    (to.to_string(), String::from_utf8(response).expect("is text"))
}

fn status(message: impl AsRef<[u8]>) -> String {
    refusal(message).split(' ').nth(1).expect("a status").to_owned()
}

fn dropped(message: impl AsRef<[u8]>) -> bool {
    matches!(inspect(message.as_ref(), arrival()), Verdict::Drop(_))
}

#[test]
fn what_passes_is_written_anew() {
    let odd = "INVITE sip:a@x SIP/2.0\r\nv:  SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport , SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK0\r\n\
        f: <sip:a@x>;tag=1\r\nTO :\r\n   <sip:b@x>\r\ni: c\r\nCSeq: 1\r\n\t INVITE\r\nX-Other: keep\r\nX-HOTLINE-Sender: open\r\n\
        c: application/sdp\r\n\r\nv=0\r\n";
    let text = pass(odd);
    assert!(text.contains("Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;received=192.0.2.9;rport=40000"), "{text}");
    assert!(text.contains(", SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK0\r\n"), "{text}");
    assert!(text.contains("To: <sip:b@x>\r\n") && text.contains("CSeq: 1 INVITE\r\n"), "{text}");
    assert!(text.contains("X-Other: keep\r\n") && text.contains("Content-Type: application/sdp\r\n"), "{text}");
    assert!(!text.contains("X-HOTLINE-Sender"), "{text}");
    assert!(text.ends_with("Content-Length: 5\r\n\r\nv=0\r\n"), "{text}");
}

#[test]
fn white_space_around_separators_is_no_part_of_a_name() {
    let odd = request("INVITE", "", "")
        .replace("From: <sip:a@x>;tag=1", "From: \"a ; = b\" <sip:a@x> ; tag = 1 ; x = \" y \"")
        .replace("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1", "SIP / 2.0 / UDP 10.0.0.1:5070 ;\r\n branch = z9hG4bK1");
    let text = pass(odd);
    assert!(text.contains("From: \"a ; = b\" <sip:a@x>;tag=1;x=\" y \"\r\n"), "{text}");
    assert!(text.contains("Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;received="), "{text}");
}

#[test]
fn bytes_that_are_no_text_cost_no_header() {
    let mut message = request("INVITE", "Subject: \u{1}", "").into_bytes();
    let at = message.windows(8).position(|window| window == b"Subject:").expect("is there");
    message.splice(at + 8..at + 9, [0xff, 0xfe]);
    message.truncate(message.len() - 2);
    message.extend_from_slice(b"\r\nX-Later: here\r\n\r\n");
    assert!(pass(&message).contains("X-Later: here\r\n"));
}

#[test]
fn content_length_must_be_true() {
    assert!(pass(request("INVITE", "", "v=0")).ends_with("Content-Length: 3\r\n\r\nv=0"));
    assert!(pass(request("INVITE", "Content-Length: 2\r\nl: 2\r\n", "v=0")).ends_with("\r\n\r\nv="));
    for bad in [
        "Content-Length: 4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 2\r\nl: 3\r\n",
        "Content-Length: x\r\n",
        "l:\r\n",
    ] {
        assert_eq!(status(request("INVITE", bad, "v=0")), "400", "{bad}");
    }
    assert_eq!(status(request("INVITE", "Content-Length: 99999999999999999999\r\n", "v=0")), "400");
}

#[test]
fn repeated_headers_are_refused() {
    for bad in ["Call-ID: d\r\n", "i: c\r\n", "CSeq: 2 INVITE\r\n", "f: <sip:z@x>;tag=2\r\n", "t: <sip:z@x>\r\n"] {
        assert_eq!(status(request("INVITE", bad, "")), "400", "{bad}");
    }
}

#[test]
fn numbers_stay_in_their_range() {
    let invite = request("INVITE", "", "");
    for (old, new) in [
        ("CSeq: 1 INVITE", "CSeq: 36893488147419103232 INVITE"),
        ("CSeq: 1 INVITE", "CSeq: 2147483648 INVITE"),
        ("CSeq: 1 INVITE", "CSeq: -1 INVITE"),
        ("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"),
        ("CSeq: 1 INVITE", "Max-Forwards: 300\r\nCSeq: 1 INVITE"),
        ("From: <sip:a@x>;tag=1", "From: <sip:a@x>"),
        ("From: <sip:a@x>;tag=1", "From: \"broken <sip:a@x>;tag=1"),
        ("Call-ID: c", "Call-ID:"),
        ("sip:hotline@192.0.2.1 SIP/2.0", "<sip:hotline@192.0.2.1> SIP/2.0"),
        ("sip:hotline@192.0.2.1 SIP/2.0", "sip:hotline@192.0.2.1; lr SIP/2.0"),
        ("sip:hotline@192.0.2.1 SIP/2.0", "sip:hotline@192.0.2.1  SIP/2.0"),
    ] {
        assert_eq!(status(invite.replace(old, new)), "400", "{new}");
    }
}

#[test]
fn versions_methods_schemes_and_extensions() {
    let invite = request("INVITE", "", "");
    assert_eq!(status(invite.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia")), "505");
    assert_eq!(status(request("FROBNICATE", "", "")), "501");
    assert_eq!(status(request("invite", "", "")), "501");
    let refer = refusal(request("REFER", "", ""));
    assert!(refer.starts_with("SIP/2.0 405 ") && refer.contains("Allow: INVITE, ACK"), "{refer}");
    assert_eq!(status(request("NOTIFY", "", "")), "481");
    assert_eq!(status(invite.replace("INVITE sip:", "INVITE soap.beep:")), "416");
    let extension = refusal(request("INVITE", "Require: timer,\r\n 100rel\r\nRequire: x-y\r\n", ""));
    assert!(
        extension.starts_with("SIP/2.0 420 ") && extension.contains("Unsupported: timer, 100rel, x-y\r\n"),
        "{extension}"
    );
    assert!(pass(request("CANCEL", "Require: x\r\n", "")).starts_with("CANCEL "));
    assert!(pass(request("INVITE", "Supported: timer, 100rel\r\n", "")).starts_with("INVITE "));
}

#[test]
fn refusals_go_where_the_via_says() {
    let plain = request("FOO", "", "");
    let (address, response) = refusal_to(plain.clone());
    assert_eq!(address, "192.0.2.9:5070");
    assert!(response.contains("To: <sip:b@x>;tag="), "{response}");
    assert!(response.contains("received=192.0.2.9") && !response.contains("rport"), "{response}");
    assert_eq!(refusal_to(plain.replace("branch=z9hG4bK1", "rport;branch=z9hG4bK1")).0, "192.0.2.9:40000");
    assert_eq!(refusal_to(plain.replace("10.0.0.1:5070", "[2001:db8::1]")).0, "192.0.2.9:5060");
}

#[test]
fn what_is_not_sip_is_dropped() {
    for garbage in [
        "",
        "\r\n\r\n",
        "hello",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\0\0\0\0",
        "INVITE\r\n\r\n",
        "SIP/2.0\r\n\r\n",
        "INVITE sip:a@x SIP/2.0\r\n\r\n",
        "INVITE sip:a@x SIP/2.0\r\nno colon here\r\n\r\n",
        "SIP/2.0 4294967301 x\r\n\r\n",
    ] {
        assert!(dropped(garbage), "{garbage:?}");
    }
    assert!(dropped(request("ACK", "CSeq: 1 ACK\r\n", "")));
    let answer = request("OPTIONS", "", "").replace("OPTIONS sip:hotline@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK");
    assert!(pass(&answer).starts_with("SIP/2.0 200 OK\r\n"));
    assert!(dropped(answer.replace("SIP/2.0 200", "SIP/3.0 200")));
    assert!(dropped(answer.replace("Call-ID: c", "Call-ID: c\r\nCall-ID: d")));
}

#[test]
fn too_much_is_refused() {
    assert_eq!(status(request("INVITE", &"X: y\r\n".repeat(200), "")), "513");
    assert_eq!(status(request("INVITE", &"Via: SIP/2.0/UDP x;branch=z9hG4bK2\r\n".repeat(90), "")), "400");
    assert_eq!(status(request("INVITE", &format!("Route: <sip:x;lr>{}\r\n", ",<sip:x;lr>".repeat(40)), "")), "400");
    assert_eq!(status(request("INVITE", "", &"x".repeat(70_000))), "513");
    assert!(dropped(request("INVITE", &format!("X: {}\r\n", "y".repeat(40_000)), "")));
    assert_eq!(
        status(request("INVITE", "", "").replace("Call-ID: c", &format!("Call-ID: {}", "c".repeat(600)))),
        "400"
    );
}

#[test]
fn streams_are_cut_into_messages() {
    let one = request("OPTIONS", "Content-Length: 3\r\n", "abc");
    let length = one.len();
    let two = format!("{one}{one}");
    assert_eq!(frame(two.as_bytes()), Framed::Message(length));
    for cut in [1, 20, length - 4, length - 1] {
        assert_eq!(frame(&two.as_bytes()[..cut]), Framed::Need, "{cut}");
    }
    assert_eq!(frame(b""), Framed::Need);
    assert_eq!(frame(b"\r\n\r\nOPT"), Framed::KeepAlive { len: 4, pong: true });
    assert_eq!(frame(b"\r\nOPT"), Framed::KeepAlive { len: 2, pong: false });
    assert_eq!(frame(b"\r\n"), Framed::Need);
    for broken in
        [request("OPTIONS", "", ""), request("OPTIONS", "Content-Length: -3\r\n", ""), "\x16\x03\x01".to_owned()]
    {
        assert!(matches!(frame(broken.as_bytes()), Framed::Broken(_)), "{broken}");
    }
    assert!(matches!(frame(request("OPTIONS", "Content-Length: 9999999\r\n", "").as_bytes()), Framed::Broken(_)));
    assert!(matches!(frame("x".repeat(40_000).as_bytes()), Framed::Broken(_)));
}

mod random {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..300, cut in 0_usize..300) {
            let mut message = request("INVITE", "m: <sip:a@x>\r\nContent-Length: 3\r\n", "v=0").into_bytes();
            let at = at.min(message.len());
            let end = (at + cut).min(message.len());
            message.splice(at..end, bytes.iter().copied());
            let _ = (inspect(&bytes, arrival()), inspect(&message, arrival()), frame(&bytes), frame(&message));
        }
    }
}
