//! Who may call: configured carriers, registered phones, anybody where it is open.
//! Looks only; counts strangers.

use hotline_core::ids::{PhoneId, TrunkId};
use rsipstack::sip::{Header, Request};

use super::engine::{Counters, Inner};
use super::receive::is_draining;
use super::registrar::{Checked, Purpose};
use super::sockets::Flow;
use super::wire::{self, NameAddr, user_of, value};
use super::{Source, Strangers};

/// The answer to an INVITE's "may I?".
pub(super) enum Admission {
    /// Yes, as this one.
    Welcome(Sender),
    /// No, or prove it.
    Answer(u16, Vec<Header>),
    /// No, without a word.
    Ignore,
}

/// Who sent an INVITE, as a line that travels with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sender(pub Source);

impl Sender {
    /// Writes it.
    pub fn to_line(&self) -> String {
        match &self.0 {
            Source::Trunk(id) => format!("trunk {}", id.0),
            Source::Phone(id) => format!("phone {}", id.0),
            Source::Open => "open".to_owned(),
        }
    }

    /// Reads what [`Self::to_line`] wrote.
    pub fn from_line(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            Some(("trunk", name)) => Some(Self(Source::Trunk(TrunkId::from(name)))),
            Some(("phone", name)) => Some(Self(Source::Phone(PhoneId::from(name)))),
            Some(_) => None,
            None => (line == "open").then_some(Self(Source::Open)),
        }
    }
}

/// Decides about an INVITE that begins a call.
pub(super) fn admit(inner: &Inner, request: &Request, flow: &Flow) -> Admission {
    let ip = flow.remote.ip();
    let source = trunk(inner, request, flow)
        .map(Source::Trunk)
        .or_else(|| inner.registrar.phone_at(flow).map(Source::Phone))
        .or_else(|| inner.homes.lock().iter().any(|home| home.address.ip() == ip).then_some(Source::Open));
    let admission = match source {
        Some(source) => Admission::Welcome(Sender(source)),
        None => unknown(inner, request),
    };
    match admission {
        Admission::Welcome(_) if is_draining(inner) => Admission::Answer(503, vec![wire::retry_after(30)]),
        other @ (Admission::Welcome(_) | Admission::Answer(..) | Admission::Ignore) => other,
    }
}

/// The carrier that calls from this address. Where several accounts share one carrier, the one
/// whose account stands in the request line.
fn trunk(inner: &Inner, request: &Request, flow: &Flow) -> Option<TrunkId> {
    let live = inner.live.load();
    let ip = flow.remote.ip();
    let mut candidates: Vec<TrunkId> = live.trunks_at(ip).cloned().collect();
    candidates.extend(inner.trunks.at(ip));
    let dialled = user_of(&wire::request_uri(request));
    let by_account = candidates.iter().find(|id| {
        let registration = live.settings.trunks.get(id).and_then(|trunk| trunk.registration.as_ref());
        registration.is_some_and(|registration| dialled.as_deref() == Some(registration.user.as_str()))
    });
    by_account.or(candidates.first()).cloned()
}

fn unknown(inner: &Inner, request: &Request) -> Admission {
    let live = inner.live.load();
    let from = value(&request.headers, "From").and_then(NameAddr::parse).and_then(|from| user_of(from.uri));
    let known = from.map(PhoneId).filter(|id| live.settings.phones.contains_key(id));
    let proven = wire::value(&request.headers, "Authorization").is_some()
        || wire::value(&request.headers, "Proxy-Authorization").is_some();
    if let Some(id) = known.as_ref().filter(|_| proven || !live.settings.open) {
        return match inner.registrar.check(inner, request, id, Purpose::Call) {
            Checked::Proven => Admission::Welcome(Sender(Source::Phone(id.clone()))),
            Checked::Ask(challenges) => Admission::Answer(401, challenges),
            Checked::Wrong => {
                Counters::count(&inner.counters.strangers);
                Admission::Answer(403, Vec::new())
            }
        };
    }
    if live.settings.open {
        return Admission::Welcome(Sender(Source::Open));
    }
    Counters::count(&inner.counters.strangers);
    match live.settings.strangers {
        Strangers::Forbid => Admission::Answer(403, Vec::new()),
        Strangers::Ignore => Admission::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_survives_its_line() {
        for source in
            [Source::Trunk(TrunkId::from("my carrier")), Source::Phone(PhoneId::from("engineer-1")), Source::Open]
        {
            let line = Sender(source.clone()).to_line();
            assert_eq!(Sender::from_line(&line), Some(Sender(source)));
        }
        assert_eq!(Sender::from_line("nobody"), None);
    }
}
