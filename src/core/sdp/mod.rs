//! SDP offer and answer (RFC 3264, RFC 4566/8866) as text in, text out.
//!
//! One audio stream of plain RTP with G.711, G.722, Opus and `telephone-event`; everything else is refused
//! politely. SRTP comes later: `RTP/SAVP` is refused, and `a=crypto` beside plain RTP left aside.
//! RTCP is where RFC 3550 puts it, on the next port, unless they say otherwise: `a=rtcp` (RFC 3605) is followed,
//! `a=rtcp-mux` (RFC 5761) is answered where it is offered. We offer neither.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use crate::audio::Codec;

mod payload_types;
mod read;
#[cfg(test)]
mod tests;

pub use payload_types::PayloadTypes;

use read::{Direction, Media, malformed};

/// What we say about Opus (RFC 7587 section 6.1): what is inside of us needs no more than wideband; packets that
/// mend the one before are made use of.
const OPUS_PARAMETERS: &str = "maxplaybackrate=16000;sprop-maxcapturerate=16000;minptime=10;useinbandfec=1";
/// Longest packets that we ask for, ms. Said beside Opus, whose own limit is 120.
const PTIME_MAX_MS: u8 = 60;
/// The clock of every codec but Opus.
const NARROW_HZ: u32 = 8_000;
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
    /// Under which numbers we offer it.
    pub payload_types: PayloadTypes,
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
    /// `telephone-event` payload types (theirs to send, ours to receive).
    pub events: Option<(u8, u8)>,
    /// What the durations of events count, Hz: the codec's clock, but for phones that speak Opus and know events at
    /// 8 kHz only.
    pub events_hz: u32,
    /// Milliseconds of audio a packet towards them, 10–60.
    pub ptime_ms: u8,
    /// We may send (they are not holding us).
    pub send: bool,
    /// They send.
    pub receive: bool,
    /// Where they want RTCP.
    pub rtcp: Rtcp,
}

impl Negotiated {
    /// Packets of this payload type were agreed on: audio, or events.
    pub fn takes(&self, payload_type: u8) -> bool {
        payload_type == self.receive_payload_type || self.events.is_some_and(|(_, ours)| ours == payload_type)
    }
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

/// Our offer: one audio stream, our codecs, telephone-event at the clock of each, sendrecv, ptime 20.
pub fn offer(local: &Local) -> String {
    let mut text = head(local, "0 0");
    let numbers = local.payload_types;
    let codecs: Vec<(u8, Codec)> = local.codecs.iter().map(|codec| (numbers.codec(*codec), *codec)).collect();
    // In the order of the codecs: phones that take one line only take the first.
    let mut events: Vec<Events> = Vec::with_capacity(2);
    for clock_hz in local.codecs.iter().map(|codec| codec.clock_hz()) {
        if !events.iter().any(|known| known.clock_hz == clock_hz) {
            events.push(Events { payload_type: numbers.events(clock_hz), clock_hz });
        }
    }
    let media = Stream { transport: "RTP/AVP", codecs: &codecs, events: &events, ptime_ms: PTIME_MS };
    stream(&mut text, local, &media, Direction::SendRecv);
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
        events: chosen.events.map(|events| (events.payload_type, events.payload_type)),
        events_hz: chosen.events_hz(),
        ptime_ms: ptime(media),
        send: chosen.direction.receives(),
        receive: chosen.direction.sends(),
        rtcp: rtcp(media, chosen.address, media.rtcp_mux),
    };
    let mut text = head(local, theirs.timing.unwrap_or("0 0"));
    for (place, media) in theirs.media.iter().enumerate() {
        if place == index {
            let codecs = [(chosen.payload_type, chosen.codec)];
            let events = chosen.events.as_slice();
            let ours = Stream { transport: media.transport, codecs: &codecs, events, ptime_ms: negotiated.ptime_ms };
            stream(&mut text, local, &ours, chosen.direction.complement());
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
        receive_payload_type: local.payload_types.codec(chosen.codec),
        events: chosen.events.map(|theirs| (theirs.payload_type, local.payload_types.events(theirs.clock_hz))),
        events_hz: chosen.events_hz(),
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
    events: Option<Events>,
    /// Theirs, with `c=0.0.0.0` understood as hold.
    direction: Direction,
}

impl Chosen {
    fn events_hz(&self) -> u32 {
        self.events.map_or(self.codec.clock_hz(), |events| events.clock_hz)
    }
}

/// A line of `telephone-event`.
#[derive(Debug, Clone, Copy)]
struct Events {
    payload_type: u8,
    clock_hz: u32,
}

/// What we write about an audio stream.
struct Stream<'a> {
    transport: &'a str,
    codecs: &'a [(u8, Codec)],
    events: &'a [Events],
    ptime_ms: u8,
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
                let events = events(media, codec);
                return Ok((index, Chosen { address, codec, payload_type, events, direction }));
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Their `telephone-event` line for this codec. RFC 4733 section 2.1 wants the clock of the stream's audio, so a 48 kHz line
/// is of no use beside G.711. Many phones that speak Opus have one at 8 kHz all the same, and that alone: it is taken.
fn events(media: &Media<'_>, codec: Codec) -> Option<Events> {
    let own = codec.clock_hz();
    let clocks = if codec == Codec::Opus { &[own, NARROW_HZ][..] } else { &[own][..] };
    clocks.iter().find_map(|clock_hz| {
        media.telephone_event(*clock_hz).map(|payload_type| Events { payload_type, clock_hz: *clock_hz })
    })
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
    let longest = u32::from(PTIME_MAX_MS);
    let most = media.ptime_max.filter(|most| *most > 0).unwrap_or(longest);
    let tens = wanted.min(most).clamp(10, longest) / 10;
    u8::try_from(tens * 10).unwrap_or(PTIME_MS)
}

fn rtcp(media: &Media<'_>, address: IpAddr, mux: bool) -> Rtcp {
    match media.rtcp {
        Some(_) | None if mux => Rtcp::Mux,
        Some((port, other)) => Rtcp::At(SocketAddr::new(other.unwrap_or(address), port)),
        None => Rtcp::NextPort,
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

fn stream(text: &mut String, local: &Local, media: &Stream<'_>, direction: Direction) {
    const FINE: &str = "writing to a String can't fail";
    write!(text, "m=audio {} {}", local.port, media.transport).expect(FINE);
    let events = media.events.iter().map(|events| events.payload_type);
    for payload_type in media.codecs.iter().map(|(payload_type, _)| *payload_type).chain(events) {
        write!(text, " {payload_type}").expect(FINE);
    }
    text.push_str("\r\n");
    let mut opus = false;
    for (payload_type, codec) in media.codecs {
        write!(text, "a=rtpmap:{payload_type} {}/{}", codec.name(), codec.clock_hz()).expect(FINE);
        if *codec == Codec::Opus {
            // Two channels whatever it carries (RFC 7587 section 7).
            write!(text, "/2\r\na=fmtp:{payload_type} {OPUS_PARAMETERS}").expect(FINE);
            opus = true;
        }
        text.push_str("\r\n");
    }
    for Events { payload_type, clock_hz } in media.events {
        write!(text, "a=rtpmap:{payload_type} telephone-event/{clock_hz}\r\na=fmtp:{payload_type} 0-15\r\n")
            .expect(FINE);
    }
    write!(text, "a=ptime:{}\r\n", media.ptime_ms).expect(FINE);
    if opus {
        write!(text, "a=maxptime:{PTIME_MAX_MS}\r\n").expect(FINE);
    }
    write!(text, "a={}\r\n", direction.word()).expect(FINE);
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
