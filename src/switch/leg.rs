//! One leg: its dialog, its media, and what was negotiated between them.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use hotline_core::audio::Codec;
use hotline_core::call::command::PlayId;
use hotline_core::dtmf::Merge;
use hotline_core::ids::RecordingId;
use hotline_core::sdp::{self, Local, Negotiated, SdpError};

use crate::rtp;
use crate::sip::{LegControl, LegOrder};

/// What we speak, first choice first.
pub const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

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

/// Our side of a new session: `address` is written into the SDP.
pub fn local(address: IpAddr, media: &rtp::Leg, first: Option<Codec>) -> Local {
    let mut codecs = CODECS.to_vec();
    codecs.sort_by_key(|codec| Some(*codec) != first);
    Local {
        address,
        port: media.local().port(),
        // RFC 8866 section 5.2: unique for the user, originating host and network.
        session: u64::from(rand::random::<u32>()),
        version: 1,
        codecs,
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
