//! One leg: its dialog, its media, and what was negotiated between them.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use hotline_core::audio::Codec;
use hotline_core::call::command::PlayId;
use hotline_core::dtmf::Merge;
use hotline_core::ids::RecordingId;
use hotline_core::sdp::{self, Local, Negotiated, SdpError};

use crate::rtp;
use crate::sip::{LegControl, LegOrder};

/// A leg of a call.
#[derive(Debug)]
pub struct Leg {
    /// Orders to its dialog.
    pub sip: LegControl,
    /// Its media; `None` once the leg is over and nothing of it is still being recorded.
    pub media: Option<rtp::Leg>,
    /// Our side of the session.
    pub local: Local,
    /// What was agreed; `None` until then.
    pub remote: Option<Negotiated>,
    /// Keys heard twice (RFC 4733 and INFO) count once.
    pub digits: Merge,
    /// Keys came by RFC 4733: this phone's SIP INFO says the same again, some only when the key is let go.
    pub keys_by_rtp: bool,
    /// The play in force, so that clips read from disk late do not start an old one.
    pub play: Option<PlayId>,
    /// The recording in force.
    pub recording: Option<RecordingId>,
    /// The dialog is over.
    pub ended: bool,
    /// The 200 with our offer is out and its answer is awaited in the ACK.
    pub awaits_answer: bool,
    /// Packets received when media fell silent; `None`: it is not silent.
    pub silent_at: Option<u64>,
}

impl Leg {
    /// A leg over this dialog and media, nothing negotiated yet.
    pub fn new(sip: LegControl, media: rtp::Leg, local: Local) -> Self {
        Self {
            sip,
            media: Some(media),
            local,
            remote: None,
            digits: Merge::default(),
            keys_by_rtp: false,
            play: None,
            recording: None,
            ended: false,
            awaits_answer: false,
            silent_at: None,
        }
    }

    /// Media goes where they agreed.
    pub fn agree(&mut self, negotiated: Negotiated) {
        if let Some(media) = &self.media {
            media.connect(negotiated.clone());
        }
        self.silent_at = None;
        self.local.payload_types.keep(&negotiated);
        self.remote = Some(negotiated);
    }

    /// A re-INVITE: our answer, or the status that refuses it. Nothing changes when it is refused.
    pub fn answer_reoffer(&mut self, offer: Option<&str>) {
        self.local.version += 1;
        let answer = match offer {
            None => {
                self.awaits_answer = true;
                Ok(sdp::offer(&self.local))
            }
            Some(offer) => match sdp::answer(offer, &self.local) {
                Ok((answer, negotiated)) => {
                    self.agree(negotiated);
                    Ok(answer)
                }
                Err(_) => Err(488),
            },
        };
        self.sip.order(LegOrder::AnswerReoffer(answer));
    }

    /// The answer to an offer of ours came (200, or the ACK of a late offer).
    pub fn accept_answer(&mut self, answer: &str) -> Result<(), SdpError> {
        self.awaits_answer = false;
        self.agree(sdp::accept(answer, &self.local)?);
        Ok(())
    }

    /// The dialog is over: media stops as soon as no recording needs it.
    pub fn end(&mut self) {
        self.ended = true;
        if self.recording.is_none() {
            self.media = None;
        }
    }
}

/// What is offered to whom a call is put through, first choice first: what the caller speaks, so that nothing has to be
/// decoded; else what costs least to make of it.
pub fn for_caller(codecs: &[Codec], caller: Option<Codec>) -> Vec<Codec> {
    let mut codecs = codecs.to_vec();
    let Some(caller) = caller else { return codecs };
    // Stable: among equals the configured order stays.
    codecs.sort_by_key(|codec| match (*codec == caller, codec.law().is_some() && caller.law().is_some()) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    });
    codecs
}

/// Our side of a new session: `address` is written into the SDP.
pub fn local(address: IpAddr, media: &rtp::Leg, codecs: Vec<Codec>) -> Local {
    Local {
        address,
        port: media.local().port(),
        // RFC 8866 section 5.2: unique for the user, originating host and network.
        session: u64::from(rand::random::<u32>()),
        version: 1,
        codecs,
        payload_types: sdp::PayloadTypes::default(),
    }
}

/// The address of ours that packets to `peer` leave from, for media bound to all addresses.
pub fn address_towards(bound: IpAddr, peer: Option<SocketAddr>) -> IpAddr {
    if !bound.is_unspecified() {
        return bound;
    }
    let probe = || {
        let peer = peer?;
        let socket = UdpSocket::bind(SocketAddr::new(bound, 0)).ok()?;
        // Connecting a datagram socket sends nothing; it only chooses the route.
        socket.connect(peer).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    probe().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::for_caller;
    use hotline_core::audio::Codec;

    #[test]
    fn what_the_caller_speaks_is_offered_first_then_what_costs_least() {
        use Codec::{G722, Opus, Pcma, Pcmu};
        let all = Codec::BEST_FIRST;
        assert_eq!(for_caller(&all, None), all);
        assert_eq!(for_caller(&all, Some(Pcma)), [Pcma, Pcmu, Opus, G722]);
        assert_eq!(for_caller(&all, Some(G722)), [G722, Opus, Pcmu, Pcma]);
        assert_eq!(for_caller(&Codec::TELEPHONE, Some(Opus)), Codec::TELEPHONE, "nothing but what it may speak");
    }
}
