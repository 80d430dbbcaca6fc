//! SDP offer and answer (RFC 3264, RFC 4566/8866) as text in, text out.

use std::net::{IpAddr, SocketAddr};

use crate::audio::Codec;

/// Our side of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Address to send media to.
    pub address: IpAddr,
    /// Port to send media to.
    pub port: u16,
    /// Session id in `o=`; stays for the dialog.
    pub session: u64,
    /// Version in `o=`; grows by one with each SDP that differs from the last.
    pub version: u64,
    /// What we speak, first choice first.
    pub codecs: Vec<Codec>,
}

/// What both sides agreed on for the audio stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Where they want media.
    pub address: SocketAddr,
    /// The codec.
    pub codec: Codec,
    /// Payload type to send it with (theirs).
    pub payload_type: u8,
    /// Payload type we receive it with (ours).
    pub receive_payload_type: u8,
    /// `telephone-event` payload types (theirs to send, ours to receive) at the codec's clock.
    pub events: Option<(u8, u8)>,
    /// Milliseconds of audio a packet towards them, 10–60.
    pub ptime_ms: u8,
    /// We may send (they are not holding us).
    pub send: bool,
    /// They send.
    pub receive: bool,
}

/// Why a session can't be agreed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not SDP, or beyond our limits.
    #[error("the SDP can't be read: {0}")]
    Malformed(String),
    /// No audio stream with a codec of ours: 488.
    #[error("no common audio codec")]
    NoCommonCodec,
}

/// Our offer: one audio stream, our codecs, telephone-event, sendrecv, ptime 20.
pub fn offer(_local: &Local) -> String {
    todo!("rules helper")
}

/// Our answer to an offer: same number and order of m-lines, refused ones with port 0,
/// direction by RFC 3264 section 6.1.
pub fn answer(_offer: &str, _local: &Local) -> Result<(String, Negotiated), SdpError> {
    todo!("rules helper")
}

/// Reads the answer to our [`offer`].
pub fn accept(_answer: &str, _local: &Local) -> Result<Negotiated, SdpError> {
    todo!("rules helper")
}
