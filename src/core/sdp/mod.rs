//! SDP offer and answer (RFC 3264, RFC 4566/8866) as text in, text out.
//!
//! One audio stream of plain RTP with G.711 and `telephone-event`; everything else is refused
//! politely. SRTP comes later: `RTP/SAVP` is refused, and `a=crypto` beside plain RTP left aside.
//! RTCP is where RFC 3550 puts it, on the next port, unless they say otherwise: `a=rtcp` (RFC 3605) is followed,
//! `a=rtcp-mux` (RFC 5761) is answered where it is offered. We offer neither.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use crate::audio::Codec;

mod read;
#[cfg(test)]
mod tests;

use read::{Direction, Media, malformed};

/// The payload type under which we receive digits where we offer.
const EVENTS: u8 = 101;
/// The payload type of Opus where we offer.
const OPUS: u8 = 111;
/// Packets' length where nothing else is said, ms.
const PTIME_MS: u8 = 20;

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

/// Where RTCP goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtcp {
    /// To the port above the media's.
    NextPort,
    /// Where `a=rtcp` says.
    At(SocketAddr),
    /// To the media's own port, both ways.
    Mux,
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
    /// Where they want RTCP.
    pub rtcp: Rtcp,
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
pub fn offer(local: &Local) -> String {
    let mut text = head(local, "0 0");
    let codecs: Vec<(u8, Codec)> = local.codecs.iter().map(|codec| (offered_payload_type(*codec), *codec)).collect();
    stream(&mut text, local, "RTP/AVP", &codecs, Some(EVENTS), PTIME_MS, Direction::SendRecv);
    text
}

/// Our answer to an offer: same number and order of m-lines, refused ones with port 0,
/// direction by RFC 3264 section 6.1. The first codec of theirs that we speak is taken, under their
/// payload types both ways.
pub fn answer(offer: &str, local: &Local) -> Result<(String, Negotiated), SdpError> {
    let theirs = read::description(offer)?;
    let (index, chosen) = choose(&theirs, &local.codecs)?;
    let media = &theirs.media[index];
    let negotiated = Negotiated {
        address: SocketAddr::new(chosen.address, media.port),
        codec: chosen.codec,
        payload_type: chosen.payload_type,
        receive_payload_type: chosen.payload_type,
        events: chosen.events.map(|events| (events, events)),
        ptime_ms: ptime(media),
        send: chosen.direction.receives(),
        receive: chosen.direction.sends(),
        rtcp: rtcp(media, chosen.address, media.rtcp_mux),
    };
    let mut text = head(local, theirs.timing.unwrap_or("0 0"));
    for (place, media) in theirs.media.iter().enumerate() {
        if place == index {
            let codecs = [(chosen.payload_type, chosen.codec)];
            let direction = chosen.direction.complement();
            stream(&mut text, local, media.transport, &codecs, chosen.events, negotiated.ptime_ms, direction);
            if negotiated.rtcp == Rtcp::Mux {
                text.push_str("a=rtcp-mux\r\n");
            }
        } else {
            refuse(&mut text, media);
        }
    }
    Ok((text, negotiated))
}

/// Reads the answer to our [`offer`].
pub fn accept(answer: &str, local: &Local) -> Result<Negotiated, SdpError> {
    let theirs = read::description(answer)?;
    let (index, chosen) = choose(&theirs, &local.codecs)?;
    let media = &theirs.media[index];
    Ok(Negotiated {
        address: SocketAddr::new(chosen.address, media.port),
        codec: chosen.codec,
        payload_type: chosen.payload_type,
        receive_payload_type: offered_payload_type(chosen.codec),
        events: chosen.events.map(|theirs| (theirs, EVENTS)),
        ptime_ms: ptime(media),
        send: chosen.direction.receives(),
        receive: chosen.direction.sends(),
        // We never offer it, so an answer has nothing to agree to.
        rtcp: rtcp(media, chosen.address, false),
    })
}

/// What was taken of the other side's audio stream.
struct Chosen {
    address: IpAddr,
    codec: Codec,
    payload_type: u8,
    events: Option<u8>,
    /// Theirs, with `c=0.0.0.0` understood as hold.
    direction: Direction,
}

/// The first audio stream of plain RTP with a codec of ours and an address to send to.
fn choose(theirs: &read::Description<'_>, codecs: &[Codec]) -> Result<(usize, Chosen), SdpError> {
    let mut refused = SdpError::NoCommonCodec;
    for (index, media) in theirs.media.iter().enumerate() {
        if media.kind != "audio" || media.port == 0 || !media.is_plain_rtp() {
            continue;
        }
        let ours = |format: &&str| media.codec(format).filter(|(_, codec)| codecs.contains(codec));
        let Some((payload_type, codec)) = media.formats.iter().find_map(ours) else { continue };
        let connection =
            media.connection.or(theirs.connection).ok_or_else(|| malformed("there is no c= line for its audio"));
        match connection.and_then(read::address) {
            Ok(address) => {
                let direction = media.direction.or(theirs.direction).unwrap_or(Direction::SendRecv);
                let direction = if address.is_unspecified() { held(direction) } else { direction };
                let events = media.telephone_event(codec.clock_hz());
                return Ok((index, Chosen { address, codec, payload_type, events, direction }));
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// RFC 3264 section 8.4: the old way to hold is an address of zeros; nothing can be sent there.
const fn held(direction: Direction) -> Direction {
    match direction {
        Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
        Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
    }
}

/// How much audio a packet towards them holds: what they ask for, in steps of 10 ms, within
/// 10–60 and not above what they can take.
fn ptime(media: &Media<'_>) -> u8 {
    let wanted = media.ptime.filter(|ptime| *ptime > 0).unwrap_or(u32::from(PTIME_MS));
    let most = media.ptime_max.filter(|most| *most > 0).unwrap_or(60);
    let tens = wanted.min(most).clamp(10, 60) / 10;
    u8::try_from(tens * 10).unwrap_or(PTIME_MS)
}

fn rtcp(media: &Media<'_>, address: IpAddr, mux: bool) -> Rtcp {
    match media.rtcp {
        Some(_) | None if mux => Rtcp::Mux,
        Some((port, other)) => Rtcp::At(SocketAddr::new(other.unwrap_or(address), port)),
        None => Rtcp::NextPort,
    }
}

/// The payload type that a codec has in our offers.
const fn offered_payload_type(codec: Codec) -> u8 {
    match codec.static_payload_type() {
        Some(payload_type) => payload_type,
        None => OPUS,
    }
}

const fn ip_type(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    }
}

fn head(local: &Local, timing: &str) -> String {
    let (session, version, address) = (local.session, local.version, local.address);
    let kind = ip_type(address);
    format!(
        "v=0\r\no=hotline {session} {version} IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt={timing}\r\n"
    )
}

fn stream(
    text: &mut String,
    local: &Local,
    transport: &str,
    codecs: &[(u8, Codec)],
    events: Option<u8>,
    ptime_ms: u8,
    direction: Direction,
) {
    const FINE: &str = "writing to a String can't fail";
    write!(text, "m=audio {} {transport}", local.port).expect(FINE);
    for payload_type in codecs.iter().map(|(payload_type, _)| *payload_type).chain(events) {
        write!(text, " {payload_type}").expect(FINE);
    }
    text.push_str("\r\n");
    for (payload_type, codec) in codecs {
        write!(text, "a=rtpmap:{payload_type} {}/{}\r\n", codec.name(), codec.clock_hz()).expect(FINE);
    }
    if let Some(events) = events {
        write!(text, "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n").expect(FINE);
    }
    write!(text, "a=ptime:{ptime_ms}\r\na={}\r\n", direction.word()).expect(FINE);
}

/// RFC 3264 section 6: a refused stream keeps its place, transport and formats, with port 0.
fn refuse(text: &mut String, media: &Media<'_>) {
    write!(text, "m={} 0 {}", media.kind, media.transport).expect("writing to a String can't fail");
    // The grammar wants a format even where the offer had none.
    let formats = if media.formats.is_empty() { &["0"][..] } else { &media.formats };
    for format in formats {
        text.push(' ');
        text.push_str(format);
    }
    text.push_str("\r\n");
}
