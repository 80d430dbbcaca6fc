//! Messages of our own in the spirit of RFC 4475 and RFC 5118: odd but right, and wrong in many ways, each with the
//! verdict that the standard asks for.

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is read and answered with this status.
    Status(u16),
    /// It is counted as garbage and not answered.
    Dropped,
    /// It is right, but nothing is owed for it.
    Silence,
}

use Verdict::{Dropped, Silence, Status};

/// One message. `{…}` are filled in: `{to}` the server, `{me}` our address, `{id}` a word of its own for each.
pub struct Message {
    pub name: &'static str,
    pub text: String,
    pub verdict: Verdict,
}

fn message(name: &'static str, text: impl Into<String>, verdict: Verdict) -> Message {
    Message { name, text: text.into(), verdict }
}

/// OPTIONS with what a request needs; `more` are header lines with their ends.
fn options(more: &str, body: &str) -> String {
    request("OPTIONS sip:hotline@{to} SIP/2.0", "OPTIONS", more, body)
}

fn request(start: &str, method: &str, more: &str, body: &str) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP {{me}};branch=z9hG4bK{{id}}\r\nMax-Forwards: 70\r\nFrom: <sip:odd@{{me}}>;tag={{id}}\r\n\
         To: <sip:hotline@{{to}}>\r\nCall-ID: {{id}}@odd\r\nCSeq: 7 {method}\r\n{more}\r\n{body}"
    )
}

/// All of them.
pub fn all() -> Vec<Message> {
    [odd_but_right(), wrong_requests(), wrong_lengths(), unknown_things(), no_sip_at_all()]
        .into_iter()
        .flatten()
        .collect()
}

fn odd_but_right() -> Vec<Message> {
    let plain = options("", "");
    vec![
        message("plain", plain.clone(), Status(200)),
        message("leading line ends", format!("\r\n\r\n{plain}"), Status(200)),
        message(
            "compact names",
            plain.replace("Via:", "v:").replace("From:", "f:").replace("To:", "t:").replace("Call-ID:", "i:"),
            Status(200),
        ),
        message(
            "names in any case",
            plain.replace("Via:", "vIA:").replace("Call-ID:", "CALL-id:").replace("CSeq:", "cSEQ:"),
            Status(200),
        ),
        message("space around colons", plain.replace("Via:", "Via  :\t").replace("To:", "To :  "), Status(200)),
        message(
            "folded lines",
            plain
                .replace("CSeq: 7 OPTIONS", "CSeq:\r\n  7\r\n\tOPTIONS")
                .replace("Max-Forwards: 70", "Max-Forwards:\r\n 70"),
            Status(200),
        ),
        message(
            "folded Via",
            plain.replace("Via: SIP/2.0/UDP", "Via: SIP / 2.0\r\n / UDP").replace(";branch", "\r\n ; branch"),
            Status(200),
        ),
        message("quotes in the name", plain.replace("From: <", "From: \"a \\\" ; , <x> b\" <"), Status(200)),
        message("not UTF-8 in the name", plain.replace("From: <", "From: \"caf\u{1}\" <"), Status(200)),
        message("no angle brackets", plain.replace("From: <sip:odd@{me}>", "From: sip:odd@{me}"), Status(200)),
        message("tel URI", plain.replace("From: <sip:odd@{me}>", "From: <tel:+49-30-555;ext=7>"), Status(200)),
        message("many empty values", options("Supported:\r\nAccept: \r\nSubject:\r\ns:\r\n", ""), Status(200)),
        message("long values", options(&format!("X-Long: {}\r\n", "a".repeat(4_000)), ""), Status(200)),
        message(
            "many Vias in a line",
            plain.replace("{id}\r\nMax", "{id}, SIP/2.0/TLS a.example;branch=z9hG4bKa ,SIP/2.0/UDP b.example\r\nMax"),
            Status(200),
        ),
        message("body cut at its length", options("Content-Length: 3\r\n", "abcdefgh"), Status(200)),
        message("same length twice", options("Content-Length: 3\r\nl: 3\r\n", "abc"), Status(200)),
        message("escaped user", plain.replace("OPTIONS sip:hotline@", "OPTIONS sip:h%6ftline@"), Status(200)),
        message("ACK for nothing", request("ACK sip:hotline@{to} SIP/2.0", "ACK", "", ""), Silence),
        message("keep-alive", "\r\n\r\n", Silence),
    ]
}

fn wrong_requests() -> Vec<Message> {
    let plain = options("", "");
    let without = |name: &str| {
        let lines: Vec<&str> = plain.split("\r\n").filter(|line| !line.starts_with(name)).collect();
        lines.join("\r\n")
    };
    vec![
        message("no From", without("From:"), Status(400)),
        message("no To", without("To:"), Status(400)),
        message("no Call-ID", without("Call-ID:"), Status(400)),
        message("no CSeq", without("CSeq:"), Status(400)),
        message("no Via", without("Via:"), Dropped),
        message("two Call-IDs", options("i: other\r\n", ""), Status(400)),
        message("two Froms", options("f: <sip:x@y>;tag=9\r\n", ""), Status(400)),
        message("two CSeqs", options("CSeq: 8 OPTIONS\r\n", ""), Status(400)),
        message("From without tag", plain.replace(";tag={id}", ""), Status(400)),
        message("CSeq of another method", plain.replace("7 OPTIONS", "7 INVITE"), Status(400)),
        message("CSeq too large", plain.replace("7 OPTIONS", "36893488147419103232 OPTIONS"), Status(400)),
        message("CSeq without number", plain.replace("7 OPTIONS", "OPTIONS"), Status(400)),
        message("Max-Forwards too large", plain.replace("Max-Forwards: 70", "Max-Forwards: 300"), Status(400)),
        message("Max-Forwards no number", plain.replace("Max-Forwards: 70", "Max-Forwards: -1"), Status(400)),
        message(
            "brackets around the URI",
            plain.replace("sip:hotline@{to} SIP", "<sip:hotline@{to}> SIP"),
            Status(400),
        ),
        message("space in the URI", plain.replace("sip:hotline@{to} SIP", "sip:hotline@{to}; lr SIP"), Status(400)),
        message("two spaces", plain.replace("{to} SIP/2.0\r\nVia", "{to}  SIP/2.0\r\nVia"), Status(400)),
        message("open quote", plain.replace("From: <", "From: \"never closed <"), Status(400)),
        message("Call-ID too long", plain.replace("@odd", &"x".repeat(600)), Status(400)),
        message("too many headers", options(&"X-Many: 1\r\n".repeat(150), ""), Status(513)),
        message(
            "too many Vias",
            options(&"Via: SIP/2.0/UDP a.example;branch=z9hG4bKb\r\n".repeat(75), ""),
            Status(400),
        ),
        message("broken ACK", request("ACK sip:hotline@{to} SIP/2.0", "ACK", "i: other\r\n", ""), Dropped),
    ]
}

fn wrong_lengths() -> Vec<Message> {
    vec![
        message("length beyond the datagram", options("Content-Length: 400\r\n", "abc"), Status(400)),
        message("negative length", options("Content-Length: -999\r\n", "abc"), Status(400)),
        message("length that is no number", options("Content-Length: three\r\n", "abc"), Status(400)),
        message("length beyond all numbers", options("Content-Length: 99999999999999999999\r\n", "abc"), Status(400)),
        message("two lengths", options("Content-Length: 3\r\nContent-Length: 2\r\n", "abc"), Status(400)),
        message("empty length", options("l:\r\n", "abc"), Status(400)),
    ]
}

fn unknown_things() -> Vec<Message> {
    let of = |method: &str| request(&format!("{method} sip:hotline@{{to}} SIP/2.0"), method, "", "");
    let plain = options("", "");
    vec![
        message("unknown method", of("FROBNICATE"), Status(501)),
        message("method in small letters", of("options"), Status(501)),
        message("method of odd characters", of("!interesting-Method0123456789_*+`.%indeed'~"), Status(501)),
        message("MESSAGE", of("MESSAGE"), Status(405)),
        message("REFER", of("REFER"), Status(405)),
        message("SUBSCRIBE", of("SUBSCRIBE"), Status(489)),
        message("NOTIFY to nobody", of("NOTIFY"), Status(481)),
        message("BYE to nobody", of("BYE"), Status(481)),
        message("CANCEL of nothing", of("CANCEL"), Status(481)),
        message("version 7", plain.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), Status(505)),
        message("unknown scheme", plain.replace("OPTIONS sip:", "OPTIONS nobodyknows:"), Status(416)),
        message("http scheme", plain.replace("OPTIONS sip:", "OPTIONS http://"), Status(416)),
        message("extension that we lack", options("Require: nothingSupportsThis\r\n", ""), Status(420)),
        message(
            "unknown number",
            request("INVITE sip:nobody-has-this@{to} SIP/2.0", "INVITE", CONTACT, ""),
            Status(404),
        ),
        message("no codec of ours", request("INVITE sip:hotline@{to} SIP/2.0", "INVITE", SDP_TYPE, G729), Status(488)),
        message(
            "offer that is no SDP",
            request("INVITE sip:hotline@{to} SIP/2.0", "INVITE", SDP_TYPE, "hello"),
            Status(488),
        ),
        message(
            "body that is no offer",
            request(
                "INVITE sip:hotline@{to} SIP/2.0",
                "INVITE",
                "Contact: <sip:odd@{me}>\r\nContent-Type: text/plain\r\n",
                "hello",
            ),
            Status(415),
        ),
    ]
}

const CONTACT: &str = "Contact: <sip:odd@{me}>\r\n";
const SDP_TYPE: &str = "Contact: <sip:odd@{me}>\r\nContent-Type: application/sdp\r\n";
const G729: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";

fn no_sip_at_all() -> Vec<Message> {
    vec![
        message("one letter", "x", Dropped),
        message("zeroes", "\0".repeat(64), Dropped),
        message("a web request", "GET / HTTP/1.1\r\nHost: hotline\r\n\r\n", Dropped),
        message("a start line alone", "OPTIONS sip:hotline@{to} SIP/2.0\r\n", Dropped),
        message("headers without end", options("", "").trim_end().to_owned(), Dropped),
        message("a header without colon", options("this is no header\r\n", ""), Dropped),
        message(
            "a fold before the first header",
            options("", "").replace("SIP/2.0\r\nVia:", "SIP/2.0\r\n Via:"),
            Dropped,
        ),
        message(
            "an answer to nobody",
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: none\r\nCSeq: 1 INVITE\r\n\r\n",
            Silence,
        ),
        message(
            "an answer without a status",
            "SIP/2.0 OK\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKnone\r\n\r\n",
            Dropped,
        ),
        message(
            "an answer of status 4294967301",
            "SIP/2.0 4294967301 better not\r\nVia: SIP/2.0/UDP {me}\r\n\r\n",
            Dropped,
        ),
        message("too long", format!("OPTIONS sip:{}@{{to}} SIP/2.0\r\n\r\n", "h".repeat(40_000)), Dropped),
    ]
}
