//! The gate: bytes in, verdict out, before the stack reads anything. Pure functions.
//!
//! What passes is written anew in one canonical form: long header names, one line
//! each, valid UTF-8, exactly one true Content-Length, `received`/`rport` in the top
//! Via. So what the gate checked is what the stack reads. Looks at no account and
//! keeps no state.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::Transport;
use super::wire::{ALLOW, ORIGIN, PRODUCT, split_outside, tag_of, via_name};

/// Most bytes of start line and headers.
pub(super) const HEAD_MAX: usize = 32 * 1024;
/// Most bytes of a body.
pub(super) const BODY_MAX: usize = 64 * 1024;
/// Header names that are ours alone.
const OURS: &str = "x-hotline-";
const HEADERS_MAX: usize = 128;
const VIAS_MAX: usize = 70;
const ROUTES_MAX: usize = 30;
/// Call-ID, tags and branches become keys in memory.
const KEY_MAX: usize = 512;

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Canonical bytes for the stack's parser.
    Pass(Vec<u8>),
    /// Answered by the gate: a whole response and, over UDP, where it goes.
    Refuse {
        /// The response.
        response: Vec<u8>,
        /// RFC 3261 section 18.2.2, RFC 3581.
        to: SocketAddr,
    },
    /// Not answered; why.
    Drop(&'static str),
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Where from.
    pub source: SocketAddr,
    /// By what.
    pub transport: Transport,
}

/// What stands at the front of a stream (RFC 3261 section 18.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// More bytes are needed.
    Need,
    /// So many bytes of keep-alive; a double CRLF is answered (RFC 5626 section 4.4.1).
    KeepAlive {
        /// To skip.
        len: usize,
        /// Whether a CRLF is owed.
        pong: bool,
    },
    /// A whole message of this length.
    Message(usize),
    /// The stream is lost; why.
    Broken(&'static str),
}

/// Finds the next message in a stream.
pub(super) fn frame(buffer: &[u8]) -> Framed {
    if buffer.starts_with(b"\r\n\r\n") {
        return Framed::KeepAlive { len: 4, pong: true };
    }
    if buffer.len() > 2 && buffer.starts_with(b"\r\n") && buffer[2] != b'\r' {
        return Framed::KeepAlive { len: 2, pong: false };
    }
    match buffer.first() {
        None => return Framed::Need,
        Some(b'\r') if buffer.len() < 4 => return Framed::Need,
        Some(first) if !first.is_ascii_alphanumeric() => return Framed::Broken("not SIP"),
        Some(_) => {}
    }
    let Some(head) = find(buffer, b"\r\n\r\n") else {
        return if buffer.len() > HEAD_MAX { Framed::Broken("headers too long") } else { Framed::Need };
    };
    if head > HEAD_MAX {
        return Framed::Broken("headers too long");
    }
    let text = String::from_utf8_lossy(&buffer[..head]);
    let Ok(headers) = unfold(&text) else { return Framed::Broken("broken header line") };
    match content_length(&headers) {
        Ok(Some(length)) if length <= BODY_MAX => {
            let whole = head + 4 + length;
            if buffer.len() < whole { Framed::Need } else { Framed::Message(whole) }
        }
        Ok(Some(_)) => Framed::Broken("body too long"),
        Ok(None) => Framed::Broken("no Content-Length"),
        Err(()) => Framed::Broken("broken Content-Length"),
    }
}

/// Judges one message: a datagram, or what [`frame`] cut from a stream.
pub(super) fn inspect(bytes: &[u8], arrival: Arrival) -> Verdict {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    if bytes.is_empty() {
        return Verdict::Drop("keep-alive");
    }
    let Some(head) = find(bytes, b"\r\n\r\n") else { return Verdict::Drop("no end of headers") };
    if head > HEAD_MAX {
        return Verdict::Drop("headers too long");
    }
    let text = String::from_utf8_lossy(&bytes[..head]);
    let Ok(headers) = unfold(&text) else { return Verdict::Drop("broken header line") };
    let message =
        Message { start: text.split("\r\n").next().unwrap_or(""), headers, body: &bytes[head + 4..], arrival };
    if message.start.starts_with("SIP/") { message.judge_response() } else { message.judge_request() }
}

/// The 400 for a request that [`inspect`] let pass and the parser did not read.
pub(super) fn bad_request(bytes: &[u8], arrival: Arrival) -> Verdict {
    let Some(head) = find(bytes, b"\r\n\r\n") else { return Verdict::Drop("no end of headers") };
    let text = String::from_utf8_lossy(&bytes[..head]);
    let Ok(headers) = unfold(&text) else { return Verdict::Drop("broken header line") };
    let message = Message { start: text.split("\r\n").next().unwrap_or(""), headers, body: &[], arrival };
    if message.start.starts_with("SIP/") || message.start.starts_with("ACK ") {
        return Verdict::Drop("not understood");
    }
    message.refuse(&Refusal::bad("Bad Request"))
}

/// A message taken apart into lines.
struct Message<'a> {
    start: &'a str,
    headers: Vec<(&'static str, String, String)>,
    body: &'a [u8],
    arrival: Arrival,
}

/// A refusal: status, phrase, more header lines.
struct Refusal(u16, &'static str, String);

impl Refusal {
    fn new(status: u16, phrase: &'static str) -> Self {
        Self(status, phrase, String::new())
    }

    fn bad(phrase: &'static str) -> Self {
        Self::new(400, phrase)
    }
}

impl Message<'_> {
    fn judge_response(&self) -> Verdict {
        let mut parts = self.start.splitn(3, ' ');
        let version = parts.next().unwrap_or("");
        let status = parts.next().unwrap_or("");
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Verdict::Drop("response of another version");
        }
        if status.len() != 3 || !status.parse::<u16>().is_ok_and(|status| (100..700).contains(&status)) {
            return Verdict::Drop("response without a status");
        }
        match self.check_common().and_then(|()| self.body_length()) {
            Ok(length) => Verdict::Pass(
                self.canonical(&format!("SIP/2.0 {status} {}", parts.next().unwrap_or("").trim()), length),
            ),
            Err(_) => Verdict::Drop("broken response"),
        }
    }

    fn judge_request(&self) -> Verdict {
        let parts: Vec<&str> = self.start.trim_end().split(' ').collect();
        let method = parts[0];
        let version = parts.last().copied().unwrap_or("");
        if parts.len() < 3 || !method.bytes().all(is_token) || !version.to_ascii_uppercase().starts_with("SIP/") {
            return Verdict::Drop("not SIP");
        }
        match self.check_request(&parts, method, version) {
            Ok(length) => Verdict::Pass(self.canonical(&format!("{method} {} SIP/2.0", parts[1]), length)),
            // An ACK is never answered (RFC 3261 section 17.2.1).
            Err(_) if method == "ACK" => Verdict::Drop("broken ACK"),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn check_request(&self, parts: &[&str], method: &str, version: &str) -> Result<usize, Refusal> {
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Refusal::new(505, "Version Not Supported"));
        }
        let [_, uri, _] = parts else { return Err(Refusal::bad("Bad Request Line")) };
        if uri.is_empty() || uri.contains(['<', '>', '"']) {
            return Err(Refusal::bad("Bad Request-URI"));
        }
        self.check_common()?;
        self.check_cseq(method)?;
        Self::check_method(method)?;
        let scheme = uri.split(':').next().unwrap_or("");
        if !["sip", "sips", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(Refusal::new(416, "Unsupported URI Scheme"));
        }
        if !matches!(method, "ACK" | "CANCEL") {
            self.check_require()?;
        }
        self.body_length()
    }

    /// What requests and responses share: the mandatory headers, once each, and the limits.
    fn check_common(&self) -> Result<(), Refusal> {
        if self.headers.len() > HEADERS_MAX {
            return Err(Refusal::new(513, "Too Many Headers"));
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            match self.all(name).count() {
                1 => {}
                0 => return Err(Refusal(400, "Missing Header", String::new())),
                _ => return Err(Refusal::bad("Repeated Header")),
            }
        }
        if ["Max-Forwards", "Content-Type"].iter().any(|name| self.all(name).count() > 1) {
            return Err(Refusal::bad("Repeated Header"));
        }
        let too_long = |name: &str| self.all(name).next().is_none_or(|value| value.is_empty() || value.len() > KEY_MAX);
        if too_long("Call-ID") {
            return Err(Refusal::bad("Bad Call-ID"));
        }
        match self.all("From").next().and_then(tag_of) {
            Some(tag) if tag.len() <= KEY_MAX => {}
            Some(_) | None => return Err(Refusal::bad("Bad From Tag")),
        }
        if self.all("To").next().and_then(tag_of).is_some_and(|tag| tag.len() > KEY_MAX) {
            return Err(Refusal::bad("Bad To Tag"));
        }
        if let Some(hops) = self.all("Max-Forwards").next()
            && !hops.parse::<u32>().is_ok_and(|hops| hops <= 255)
        {
            return Err(Refusal::bad("Bad Max-Forwards"));
        }
        let entries = |name: &str| self.all(name).map(|line| split_outside(line, ',').len()).sum::<usize>();
        match entries("Via") {
            0 => return Err(Refusal::bad("Missing Via")),
            1..=VIAS_MAX => {}
            _ => return Err(Refusal::bad("Too Many Vias")),
        }
        if entries("Route") > ROUTES_MAX || entries("Record-Route") > ROUTES_MAX || entries("Contact") > ROUTES_MAX {
            return Err(Refusal::bad("Too Many Routes"));
        }
        Ok(())
    }

    fn check_cseq(&self, method: &str) -> Result<(), Refusal> {
        let value = self.all("CSeq").next().unwrap_or("");
        let mut words = value.split_ascii_whitespace();
        let number = words.next().and_then(|number| number.parse::<u32>().ok());
        let same = words.next() == Some(method) && words.next().is_none();
        // RFC 3261 section 8.1.1.5: less than 2^31.
        if number.is_some_and(|number| number < 1 << 31) && same { Ok(()) } else { Err(Refusal::bad("Bad CSeq")) }
    }

    fn check_method(method: &str) -> Result<(), Refusal> {
        let allow = || format!("Allow: {ALLOW}\r\n");
        match method {
            "INVITE" | "ACK" | "CANCEL" | "BYE" | "OPTIONS" | "INFO" | "UPDATE" | "REGISTER" => Ok(()),
            // No event package is ours (RFC 6665 section 4.2.1.1).
            "SUBSCRIBE" => Err(Refusal(489, "Bad Event", "Allow-Events: \r\n".to_owned())),
            "MESSAGE" | "REFER" | "PUBLISH" => Err(Refusal(405, "Method Not Allowed", allow())),
            // We send no reliable provisional response and hold no subscription.
            "PRACK" | "NOTIFY" => Err(Refusal::new(481, "Call/Transaction Does Not Exist")),
            _ => Err(Refusal(501, "Not Implemented", allow())),
        }
    }

    /// We support no extension that may be required (RFC 3261 section 8.2.2.3).
    fn check_require(&self) -> Result<(), Refusal> {
        let tags: Vec<&str> =
            self.all("Require").flat_map(|line| line.split(',')).map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags.is_empty() {
            return Ok(());
        }
        Err(Refusal(420, "Bad Extension", format!("Unsupported: {}\r\n", tags.join(", "))))
    }

    /// How much of what follows is body (RFC 3261 section 18.3).
    fn body_length(&self) -> Result<usize, Refusal> {
        if self.body.len() > BODY_MAX {
            return Err(Refusal::new(513, "Message Too Large"));
        }
        match content_length(&self.headers) {
            Ok(None) => Ok(self.body.len()),
            Ok(Some(length)) if length <= self.body.len() => Ok(length),
            Ok(Some(_)) | Err(()) => Err(Refusal::bad("Bad Content-Length")),
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(long, ..)| *long == name).map(|(_, _, value)| value.as_str())
    }

    fn canonical(&self, start: &str, length: usize) -> Vec<u8> {
        let request = !start.starts_with("SIP/");
        let mut out = String::with_capacity(self.headers.len() * 64 + 128);
        out.push_str(start);
        out.push_str("\r\n");
        let mut top = request;
        for (long, name, value) in &self.headers {
            if *long == "Content-Length" || name.to_ascii_lowercase().starts_with(OURS) {
                continue;
            }
            let name = if long.is_empty() { name } else { *long };
            let value = &match *long {
                "From" | "To" => squeeze(value, ";="),
                "Via" => squeeze(value, ";=/"),
                _ => value.clone(),
            };
            // Writing to a string can't fail.
            let _ = if *long == "Via" && std::mem::take(&mut top) {
                write!(out, "Via: {}\r\n", stamp(value, self.arrival).0)
            } else {
                write!(out, "{name}: {value}\r\n")
            };
        }
        let Arrival { source, transport } = self.arrival;
        // The stack's own URI type changes some request lines; the text is kept beside it.
        let line = if request { start.split(' ').nth(1).unwrap_or("") } else { "" };
        let _ = write!(out, "{ORIGIN}: {} {source} {line}\r\nContent-Length: {length}\r\n\r\n", via_name(transport));
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body[..length]);
        out
    }

    fn refuse(&self, Refusal(status, phrase, extra): &Refusal) -> Verdict {
        let mut out = format!("SIP/2.0 {status} {phrase}\r\n");
        let mut to = None;
        for via in self.all("Via") {
            let (text, reply) =
                if to.is_none() { stamp(via, self.arrival) } else { (via.to_owned(), self.arrival.source) };
            to = to.or(Some(reply));
            let _ = write!(out, "Via: {text}\r\n");
        }
        let Some(to) = to else { return Verdict::Drop("no Via") };
        for name in ["From", "Call-ID", "CSeq"] {
            if let Some(value) = self.all(name).next() {
                let _ = write!(out, "{name}: {value}\r\n");
            }
        }
        if let Some(value) = self.all("To").next() {
            let tag = if tag_of(value).is_some() { "" } else { ";tag=gate" };
            let _ = write!(out, "To: {value}{tag}\r\n");
        }
        let _ = write!(out, "{extra}Server: {PRODUCT}\r\nContent-Length: 0\r\n\r\n");
        Verdict::Refuse { response: out.into_bytes(), to }
    }
}

/// Writes `received` and `rport` into the top Via (RFC 3261 section 18.2.1, RFC 3581 section 4)
/// and says where the answer goes.
fn stamp(line: &str, arrival: Arrival) -> (String, SocketAddr) {
    let source = arrival.source;
    let entries = split_outside(line, ',');
    let first = entries.first().copied().unwrap_or("").trim();
    let rest = &line[entries.first().map_or(0, |entry| entry.len())..];
    let mut parts = split_outside(first, ';').into_iter();
    let sent_by = parts.next().unwrap_or("").trim();
    let (host, port) = sent_by_of(sent_by);
    let mut out = sent_by.to_owned();
    let mut rport = false;
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        let name = part.split('=').next().unwrap_or("").trim();
        if name.eq_ignore_ascii_case("rport") {
            rport = true;
        } else if !name.eq_ignore_ascii_case("received") {
            let _ = write!(out, ";{part}");
        }
    }
    if rport || host.parse::<IpAddr>() != Ok(source.ip()) {
        let _ = write!(out, ";received={}", source.ip());
    }
    if rport {
        let _ = write!(out, ";rport={}", source.port());
    }
    let reply_port = if rport || arrival.transport == Transport::Tcp { source.port() } else { port };
    out.push_str(rest);
    (out, SocketAddr::new(source.ip(), reply_port))
}

/// Host and port of `SIP/2.0/UDP host:port`.
fn sent_by_of(text: &str) -> (&str, u16) {
    let address = text.split_ascii_whitespace().last().unwrap_or("");
    if let Some(inner) = address.strip_prefix('[') {
        let (host, port) = inner.split_once(']').unwrap_or((inner, ""));
        return (host, port.strip_prefix(':').and_then(|port| port.parse().ok()).unwrap_or(5060));
    }
    match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(5060)),
        None => (address, 5060),
    }
}

/// Header lines with continuation lines joined (RFC 3261 section 7.3.1): long name where the
/// gate knows it, name as sent, value.
fn unfold(head: &str) -> Result<Vec<(&'static str, String, String)>, ()> {
    let mut headers: Vec<(&'static str, String, String)> = Vec::new();
    for line in head.split("\r\n").skip(1) {
        if line.starts_with([' ', '\t']) {
            let (.., value) = headers.last_mut().ok_or(())?;
            // A fold is one space; at the front or the end it is no part of the value (RFC 3261 section 7.3.1).
            let more = harmless(line.trim());
            if !value.is_empty() && !more.is_empty() {
                value.push(' ');
            }
            value.push_str(&more);
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(())?;
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(());
        }
        headers.push((long_name(name), name.to_owned(), harmless(value.trim())));
    }
    Ok(headers)
}

/// Takes out the white space that may stand around separators (RFC 3261 section 25.1) and that the
/// stack's parser takes for part of a name.
fn squeeze(value: &str, separators: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut quoted, mut escaped, mut bracket) = (false, false, false);
    let mut after = false;
    for c in value.chars() {
        let inside = quoted || bracket;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracket = true,
            '>' if !quoted => bracket = false,
            _ => {}
        }
        if !inside && after && matches!(c, ' ' | '\t') {
            continue;
        }
        after = !inside && separators.contains(c);
        if after {
            out.truncate(out.trim_end().len());
        }
        out.push(c);
    }
    out
}

/// Control characters (a lone CR or LF among them) would end a line for a laxer reader.
fn harmless(value: &str) -> String {
    value.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

fn content_length(headers: &[(&'static str, String, String)]) -> Result<Option<usize>, ()> {
    let mut found = None;
    for (_, _, value) in headers.iter().filter(|(long, ..)| *long == "Content-Length") {
        if value.is_empty() || value.len() > 9 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let length: usize = value.parse().map_err(|_| ())?;
        if found.is_some_and(|other| other != length) {
            return Err(());
        }
        found = Some(length);
    }
    Ok(found)
}

/// Long names of what the gate looks at and of every compact form (RFC 3261 section 7.3.3
/// and the IANA registry); empty for all others.
fn long_name(name: &str) -> &'static str {
    const LONG: [&str; 24] = [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Content-Length",
        "Content-Type",
        "Contact",
        "Max-Forwards",
        "Require",
        "Route",
        "Record-Route",
        "Supported",
        "Subject",
        "Content-Encoding",
        "Event",
        "Refer-To",
        "Allow-Events",
        "Session-Expires",
        "Referred-By",
        "Reject-Contact",
        "Accept-Contact",
        "Request-Disposition",
        "Identity",
    ];
    const SHORT: [(&str, &str); 19] = [
        ("v", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("m", "Contact"),
        ("k", "Supported"),
        ("s", "Subject"),
        ("e", "Content-Encoding"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("u", "Allow-Events"),
        ("x", "Session-Expires"),
        ("b", "Referred-By"),
        ("j", "Reject-Contact"),
        ("a", "Accept-Contact"),
        ("d", "Request-Disposition"),
        ("y", "Identity"),
    ];
    if name.len() == 1 {
        return SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map_or("", |(_, long)| long);
    }
    LONG.into_iter().find(|long| long.eq_ignore_ascii_case(name)).unwrap_or("")
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
