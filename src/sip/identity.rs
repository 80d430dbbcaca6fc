//! Who calls and which number was dialled, read from an INVITE's headers.
//! P-Asserted-Identity counts only where the carrier is trusted (RFC 3325).

use hotline_core::private::Private;
use rsipstack::sip::Request;

use super::NumberSource;
use super::wire::{NameAddr, request_uri, split_outside, tidy_display, user_of, value, values};

/// The caller as shown and looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Caller {
    /// Number or name; `None`: withheld.
    pub user: Option<Private<String>>,
    /// Display name.
    pub display: Option<Private<String>>,
}

/// Reads who calls.
pub(super) fn caller(request: &Request, trusted: bool) -> Caller {
    if withheld(request) {
        return Caller::default();
    }
    let asserted = trusted.then(|| asserted(request)).flatten();
    let from = value(&request.headers, "From").and_then(NameAddr::parse);
    let from_user = from.as_ref().and_then(|from| known_user(from.uri));
    let display = asserted.as_ref().and_then(|(_, display)| display.clone());
    let display = display.or_else(|| from.and_then(|from| tidy_display(&from.display)));
    let display = display.filter(|name| !name.eq_ignore_ascii_case("anonymous"));
    Caller { user: asserted.map(|(user, _)| user).or(from_user).map(Private::new), display: display.map(Private::new) }
}

/// RFC 3323: the caller asks not to be shown.
fn withheld(request: &Request) -> bool {
    values(&request.headers, "Privacy")
        .flat_map(|line| line.split([';', ',']))
        .any(|word| ["id", "user", "full"].iter().any(|hide| word.trim().eq_ignore_ascii_case(hide)))
}

/// The first asserted identity, a number before a name.
fn asserted(request: &Request) -> Option<(String, Option<String>)> {
    let entries: Vec<_> = values(&request.headers, "P-Asserted-Identity")
        .flat_map(|line| split_outside(line, ','))
        .filter_map(NameAddr::parse)
        .filter_map(|entry| Some((known_user(entry.uri)?, tidy_display(&entry.display))))
        .collect();
    entries.iter().find(|(user, _)| user.starts_with('+')).or(entries.first()).cloned()
}

/// The user part, tidied; `None` for those that stand for nobody.
fn known_user(uri: &str) -> Option<String> {
    let host = uri.rsplit_once('@').map_or("", |(_, host)| host);
    if host.to_ascii_lowercase().starts_with("anonymous.invalid") {
        return None;
    }
    let user = tidy_number(&user_of(uri)?);
    let nobody = ["anonymous", "unknown", "unavailable", "restricted", "private"];
    let user: String = user.chars().filter(|c| !c.is_control()).take(80).collect();
    (!user.is_empty() && !nobody.iter().any(|word| user.eq_ignore_ascii_case(word))).then_some(user)
}

/// Takes visual separators out of a number (RFC 3966 section 5.1.1) and turns the
/// international prefix `00` into `+`. A national number stays as it is: which country
/// it belongs to is not known here. What is no number stays too.
pub(super) fn tidy_number(user: &str) -> String {
    let user = user.trim();
    let digits: String = user.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    let body = digits.strip_prefix('+').unwrap_or(&digits);
    if body.is_empty() || !body.bytes().all(|byte| byte.is_ascii_digit()) {
        return user.to_owned();
    }
    match digits.strip_prefix("00") {
        Some(rest) if rest.len() > 6 => format!("+{rest}"),
        Some(_) | None => digits,
    }
}

/// Candidates for the dialled number, best first, each once.
pub(super) fn dialled(request: &Request, sources: &[NumberSource]) -> Vec<String> {
    const DEFAULT: [NumberSource; 1] = [NumberSource::RequestUri];
    let mut found = Vec::new();
    for source in if sources.is_empty() { &DEFAULT } else { sources } {
        let user = match source {
            NumberSource::RequestUri => request_user(request),
            NumberSource::To => addr_user(value(&request.headers, "To")),
            NumberSource::PCalledPartyId => addr_user(value(&request.headers, "P-Called-Party-ID")),
            NumberSource::Diversion => {
                addr_user(values(&request.headers, "Diversion").flat_map(|line| split_outside(line, ',')).last())
            }
        };
        if let Some(user) = user.map(|user| tidy_number(&user))
            && !found.contains(&user)
        {
            found.push(user);
        }
    }
    found
}

fn addr_user(value: Option<&str>) -> Option<String> {
    user_of(NameAddr::parse(value?)?.uri)
}

fn request_user(request: &Request) -> Option<String> {
    user_of(&request_uri(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(uri: &str, more: &str) -> Request {
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nTo: <sip:+49302@x>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\n{more}\r\n\r\n"
        );
        Request::try_from(text.as_str()).expect("parses")
    }

    fn user(request: &Request, trusted: bool) -> Option<String> {
        caller(request, trusted).user.map(Private::into_inner)
    }

    #[test]
    fn asserted_identity_needs_trust() {
        let from = "From: \"Jo\" <sip:1000@x>;tag=1\r\nP-Asserted-Identity: <sip:office@x>, <tel:+49-30-1234>";
        let request = invite("sip:h@x", from);
        assert_eq!(user(&request, true).as_deref(), Some("+49301234"));
        assert_eq!(user(&request, false).as_deref(), Some("1000"));
        assert_eq!(caller(&request, true).display, Some("Jo".into()));
    }

    #[test]
    fn withheld_callers_stay_unknown() {
        for more in [
            "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
            "From: <sip:+49301234@x>;tag=1\r\nPrivacy: id",
            "From: <sip:x.example>;tag=1",
            "From: \"x\" <sip:unavailable@unknown.invalid>;tag=1\r\nPrivacy: none",
        ] {
            assert_eq!(user(&invite("sip:h@x", more), false), None, "{more}");
        }
    }

    #[test]
    fn numbers_are_tidied() {
        assert_eq!(tidy_number("0049 (30) 12-34.5"), "+493012345");
        assert_eq!(tidy_number("030/1234"), "0301234");
        assert_eq!(tidy_number("jo.doe"), "jo.doe");
        assert_eq!(tidy_number("+49 30 1234"), "+49301234");
    }

    #[test]
    fn the_dialled_number_comes_from_the_named_places() {
        let more = "From: <sip:a@x>;tag=1\r\nP-Called-Party-ID: <sip:+49303@x>\r\nDiversion: <sip:1@x>,<tel:+49304>;reason=no-answer";
        let request = invite("sip:account@x", more);
        assert_eq!(dialled(&request, &[]), ["account"]);
        let all = [
            NumberSource::To,
            NumberSource::PCalledPartyId,
            NumberSource::Diversion,
            NumberSource::RequestUri,
            NumberSource::To,
        ];
        assert_eq!(dialled(&request, &all), ["+49302", "+49303", "+49304", "account"]);
        assert_eq!(dialled(&invite("tel:+49305", "From: <sip:a@x>;tag=1"), &[]), ["+49305"]);
    }
}
