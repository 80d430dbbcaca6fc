//! Small pieces of SIP grammar (RFC 3261 section 25) and the messages we build:
//! header values taken apart without changing a byte of what is echoed.
//! Knows nothing of sockets, calls or accounts.

use std::net::{IpAddr, SocketAddr};

use rsipstack::sip::headers::untyped::{
    Allow, CSeq, CallId, ContentLength, ContentType, From as FromHeader, MaxForwards, RetryAfter, Route, Server,
    Supported, To as ToHeader, UserAgent, Via,
};
use rsipstack::sip::uri::{Auth, Param};
use rsipstack::sip::{Header, Headers, Host, Method, Request, Response, StatusCode, Uri, Version};

use super::Transport;

/// What we answer to. The others get 405.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER";

/// How we call ourselves.
pub(super) const PRODUCT: &str = concat!("hotline/", env!("CARGO_PKG_VERSION"));

/// Header that the gate adds to what it passes: where the message came from and who sent it.
/// The same name from the wire never gets through.
pub(super) const ORIGIN: &str = "X-Hotline-Origin";

/// Header that the way in adds to an INVITE: who sent it.
pub(super) const SENDER: &str = "X-Hotline-Sender";

/// Where a request came from, as the gate noted it.
pub(super) fn origin(headers: &Headers) -> Option<(Transport, SocketAddr)> {
    let mut words = value(headers, ORIGIN)?.split(' ');
    let transport = if words.next()? == "TCP" { Transport::Tcp } else { Transport::Udp };
    Some((transport, words.next()?.parse().ok()?))
}

/// The request line's URI as it was written.
pub(super) fn request_uri(request: &Request) -> String {
    let written =
        value(&request.headers, ORIGIN).and_then(|origin| origin.split(' ').nth(2)).filter(|uri| !uri.is_empty());
    written.map_or_else(|| request.uri.to_string(), str::to_owned)
}

/// `"Name" <uri>;params`, taken apart (RFC 3261 section 20.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameAddr<'a> {
    /// Without quotes, escapes resolved; empty if there is none.
    pub display: String,
    /// As written.
    pub uri: &'a str,
    /// Header parameters, each with its value.
    params: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> NameAddr<'a> {
    /// Takes one value apart; `None` if it has no address.
    pub fn parse(value: &'a str) -> Option<Self> {
        let value = value.trim();
        let (display, rest) = display_name(value);
        let rest = rest.trim_start();
        let (uri, params) = if let Some(open) = rest.strip_prefix('<') {
            let end = open.find('>')?;
            (&open[..end], &open[end + 1..])
        } else {
            // Without brackets every parameter belongs to the header.
            rest.split_once(';').map_or((rest, ""), |(uri, params)| (uri, params))
        };
        let uri = uri.trim();
        (!uri.is_empty()).then(|| Self { display, uri, params: params_of(params) })
    }

    /// A header parameter's value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).and_then(|(_, value)| *value)
    }
}

/// The display name in front and the rest.
fn display_name(value: &str) -> (String, &str) {
    if let Some(quoted) = value.strip_prefix('"') {
        let mut name = String::new();
        let mut escaped = false;
        for (at, c) in quoted.char_indices() {
            match c {
                _ if escaped => {
                    name.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => return (name, &quoted[at + 1..]),
                _ => name.push(c),
            }
        }
        return (String::new(), "");
    }
    match value.find('<') {
        Some(at) => (value[..at].trim().to_owned(), &value[at..]),
        None => (String::new(), value),
    }
}

fn params_of(text: &str) -> Vec<(&str, Option<&str>)> {
    split_outside(text, ';')
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        })
        .collect()
}

/// Splits at `separator` outside quotes and angle brackets.
pub(super) fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut bracket) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracket = true,
            '>' if !quoted => bracket = false,
            _ if c == separator && !quoted && !bracket => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The tag of a From or To value.
pub(super) fn tag_of(value: &str) -> Option<String> {
    NameAddr::parse(value)?.param("tag").filter(|tag| !tag.is_empty()).map(str::to_owned)
}

/// The user part of a `sip:`, `sips:` or `tel:` URI, `%xx` resolved, without a password.
pub(super) fn user_of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.trim().split_once(':')?;
    if scheme.eq_ignore_ascii_case("tel") {
        let number = rest.split([';', '?']).next().unwrap_or("");
        return (!number.is_empty()).then(|| unescape(number));
    }
    let (user, _) = rest.split_once('@')?;
    // Parameters within the user part (`+4930;phone-context=…`) are not the number.
    let user = user.split([':', ';']).next().unwrap_or("");
    (!user.is_empty()).then(|| unescape(user))
}

/// `%41` → `A` (RFC 3986 section 2.1); broken escapes stay.
pub(super) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = pair.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(value) = value {
            out.push(value);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A URI to send to. The stack's own parser cuts a user part at its first `;` and escapes
/// `%` once more when it writes the URI, so the user part is taken out here.
pub(super) fn target(uri: &str) -> Option<Uri> {
    let uri = uri.trim();
    let uri = uri.split('?').next().unwrap_or(uri);
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return None;
    }
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, rest),
    };
    let mut parsed = Uri::try_from(format!("{scheme}:{host}").as_str()).ok()?;
    parsed.headers.clear();
    parsed.auth = user.filter(|user| !user.is_empty()).map(|user| {
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(unescape(password))),
            None => (user, None),
        };
        Auth { user: unescape(user), password }
    });
    Some(parsed)
}

/// The address in a URI where it is a literal one; port 5060 unless it says otherwise.
pub(super) fn literal_address(uri: &Uri) -> Option<SocketAddr> {
    let port = uri.host_with_port.port.map_or(5060, u16::from);
    match &uri.host_with_port.host {
        Host::IpAddr(ip) => Some(SocketAddr::new(*ip, port)),
        Host::Domain(_) => None,
    }
}

/// The transport that a URI asks for, if it names one of ours.
pub(super) fn transport_of(uri: &Uri) -> Option<Transport> {
    let named =
        uri.params.iter().find_map(|param| if let Param::Transport(named) = param { Some(*named) } else { None });
    match named? {
        rsipstack::sip::Transport::Tcp => Some(Transport::Tcp),
        rsipstack::sip::Transport::Udp => Some(Transport::Udp),
        rsipstack::sip::Transport::Tls
        | rsipstack::sip::Transport::TlsSctp
        | rsipstack::sip::Transport::Sctp
        | rsipstack::sip::Transport::Ws
        | rsipstack::sip::Transport::Wss => None,
    }
}

/// Whether a route is a loose router: `lr`, `lr=on`, `lr=true` (RFC 3261 section 19.1.1).
pub(super) fn is_loose(uri: &Uri) -> bool {
    uri.params.iter().any(|param| {
        matches!(param, Param::Lr) || matches!(param, Param::Other(name, _) if name.value().eq_ignore_ascii_case("lr"))
    })
}

/// A host as it stands in a URI (`[::1]` in brackets).
pub(super) fn host_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// `;transport=tcp` where it is needed.
pub(super) const fn transport_param(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
    }
}

/// The name within Via.
pub(super) const fn via_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    }
}

/// All values of a header by its long name, in order, lists not split.
pub(super) fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |header| header.name().eq_ignore_ascii_case(name)).map(Header::value)
}

/// The first value of a header by its long name.
pub(super) fn value<'a>(headers: &'a Headers, name: &'a str) -> Option<&'a str> {
    values(headers, name).next().map(str::trim)
}

/// The number in a `CSeq` value.
pub(super) fn seq_of(headers: &Headers) -> Option<u32> {
    value(headers, "CSeq")?.split_ascii_whitespace().next()?.parse().ok()
}

/// Every entry of the Record-Route headers, top first, as written.
pub(super) fn record_routes(headers: &Headers) -> Vec<String> {
    values(headers, "Record-Route")
        .flat_map(|line| split_outside(line, ','))
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect()
}

/// An answer to `request`: Via, From, To, Call-ID, `CSeq` (and Record-Route where a dialog begins)
/// exactly as they came, the To tag added where there is none (RFC 3261 section 8.2.6).
pub(super) fn response(
    request: &Request,
    status: u16,
    to_tag: &str,
    extra: Vec<Header>,
    body: Option<String>,
) -> Response {
    let mut headers = Vec::with_capacity(request.headers.len() + extra.len() + 3);
    let dialog = request.method == Method::Invite && (101..300).contains(&status);
    for header in request.headers.iter() {
        if let Header::To(to) = header {
            headers.push(Header::To(with_tag(to, status, to_tag)));
        } else if matches!(header, Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_))
            || (dialog && matches!(header, Header::RecordRoute(_)))
        {
            headers.push(header.clone());
        }
    }
    headers.extend(extra);
    headers.push(Header::Server(Server::new(PRODUCT)));
    if body.is_some() {
        headers.push(Header::ContentType(ContentType::new("application/sdp")));
    }
    let body = body.map(String::into_bytes).unwrap_or_default();
    headers.push(Header::ContentLength(ContentLength::from(body.len() as u32)));
    Response { status_code: code(status), wire_reason: None, version: Version::V2, headers: headers.into(), body }
}

fn with_tag(to: &ToHeader, status: u16, tag: &str) -> ToHeader {
    if status == 100 || tag.is_empty() || tag_of(to.value()).is_some() {
        return to.clone();
    }
    ToHeader::new(format!("{};tag={tag}", to.value()))
}

/// A status code with its usual phrase.
pub(super) fn code(status: u16) -> StatusCode {
    StatusCode::from(status)
}

/// `Allow` and `Supported`, as 200 and 405 carry them.
pub(super) fn abilities() -> Vec<Header> {
    vec![Header::Allow(Allow::new(ALLOW)), Header::Supported(Supported::new(""))]
}

/// `Retry-After`, seconds.
pub(super) fn retry_after(seconds: u32) -> Header {
    Header::RetryAfter(RetryAfter::new(seconds.to_string()))
}

/// What goes into a request of ours.
pub(super) struct Draft<'a> {
    /// Its method.
    pub method: Method,
    /// The request line.
    pub uri: Uri,
    /// Whole Via value.
    pub via: String,
    /// Whole From value, with tag.
    pub from: &'a str,
    /// Whole To value, with tag within a dialog.
    pub to: &'a str,
    /// Call-ID.
    pub call_id: &'a str,
    /// `CSeq` number.
    pub seq: u32,
    /// Route entries in order.
    pub routes: &'a [String],
    /// More headers.
    pub extra: Vec<Header>,
    /// SDP, if any.
    pub body: Option<String>,
}

/// Builds a request (RFC 3261 section 8.1.1).
pub(super) fn request(draft: Draft<'_>) -> Request {
    let mut headers = vec![Header::Via(Via::new(draft.via)), Header::MaxForwards(MaxForwards::new("70"))];
    headers.extend(draft.routes.iter().map(|route| Header::Route(Route::new(route.as_str()))));
    headers.extend([
        Header::From(FromHeader::new(draft.from)),
        Header::To(ToHeader::new(draft.to)),
        Header::CallId(CallId::new(draft.call_id)),
        Header::CSeq(CSeq::new(format!("{} {}", draft.seq, draft.method))),
        Header::UserAgent(UserAgent::new(PRODUCT)),
    ]);
    headers.extend(draft.extra);
    if draft.body.is_some() {
        headers.push(Header::ContentType(ContentType::new("application/sdp")));
    }
    let body = draft.body.map(String::into_bytes).unwrap_or_default();
    headers.push(Header::ContentLength(ContentLength::from(body.len() as u32)));
    Request { method: draft.method, uri: draft.uri, version: Version::V2, headers: headers.into(), body }
}

/// What stands in the display name: at most 80 characters, no control characters; `None` if empty.
pub(super) fn tidy_display(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A display name as it goes into a header of ours, quoted; empty if there is none.
pub(super) fn quoted(name: Option<&str>) -> String {
    let Some(name) = name.and_then(tidy_display) else { return String::new() };
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\" ")
}

/// A user part as it may stand in a URI of ours.
pub(super) fn escape_user(user: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(byte as char);
        } else {
            // Writing to a string can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// 96 random bits as hex: tags, branches, Call-IDs.
pub(super) fn token() -> String {
    hex::encode(rand::random::<[u8; 12]>())
}

/// A fresh Via for a request of ours (RFC 3261 section 8.1.1.7, RFC 3581).
pub(super) fn via(transport: Transport, sent_by: &str) -> String {
    format!("SIP/2.0/{} {sent_by};branch=z9hG4bK{};rport", via_name(transport), token())
}

/// The expiry a registrar granted: Contact's `expires`, else Expires.
pub(super) fn granted(response: &Response) -> Option<u32> {
    let contact = values(&response.headers, "Contact")
        .flat_map(|line| split_outside(line, ','))
        .find_map(|entry| NameAddr::parse(entry)?.param("expires")?.parse().ok());
    contact.or_else(|| value(&response.headers, "Expires")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_addr_is_taken_apart() {
        let value = NameAddr::parse("\"Doe, \\\"J\\\"\" <sip:jo@x.example;lr>;tag=a1;q=0.5").expect("parses");
        assert_eq!(value.display, "Doe, \"J\"");
        assert_eq!(value.uri, "sip:jo@x.example;lr");
        assert_eq!(value.param("TAG"), Some("a1"));
        let bare = NameAddr::parse("sip:jo@x.example;tag = b").expect("parses");
        assert_eq!((bare.uri, bare.param("tag")), ("sip:jo@x.example", Some("b")));
        assert!(NameAddr::parse("Jo <sip:jo").is_none());
        assert!(NameAddr::parse("").is_none());
    }

    #[test]
    fn user_parts_are_found() {
        assert_eq!(user_of("sip:%2B4930@x").as_deref(), Some("+4930"));
        assert_eq!(user_of("sip:+4930;phone-context=a@x").as_deref(), Some("+4930"));
        assert_eq!(user_of("tel:+49-30;ext=1").as_deref(), Some("+49-30"));
        assert_eq!(user_of("sip:x.example"), None);
    }

    #[test]
    fn a_target_survives_writing() {
        for uri in ["sip:a%23b@192.0.2.1:5080;transport=TCP", "sip:+49;x=y@192.0.2.1", "sip:192.0.2.1:5062;ob"] {
            assert_eq!(target(uri).expect("parses").to_string(), uri);
        }
        assert!(target("http://x").is_none());
    }

    #[test]
    fn lists_split_outside_quotes() {
        let list = split_outside("\"a,b\" <sip:x;y=1,2>, <sip:z>", ',');
        assert_eq!(list, ["\"a,b\" <sip:x;y=1,2>", " <sip:z>"]);
    }
}
