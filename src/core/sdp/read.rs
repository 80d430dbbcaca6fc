//! Reads SDP (RFC 8866) as far as an audio call needs it.
//!
//! Generous with what does no harm (LF-only line ends, missing `s=` or `t=`, unknown lines and
//! attributes, nonsense in attributes of codecs that are not ours), strict with what decides where
//! media goes. Everything that can repeat is capped, so that a message costs no more than its size.

use std::net::IpAddr;

use crate::audio::Codec;

use super::SdpError;

/// Longest description read, bytes. A browser's is about 8,000.
const TEXT_MAX: usize = 65_536;
/// Most lines.
const LINES_MAX: usize = 2_000;
/// Most m-lines.
const MEDIA_MAX: usize = 32;
/// Most formats of one m-line.
const FORMATS_MAX: usize = 128;
/// Most `a=rtpmap` of one m-line.
const MAPS_MAX: usize = 128;
/// Longest media type, transport or format, bytes.
const TOKEN_MAX: usize = 64;

/// One side's description. Borrows from the text.
#[derive(Debug)]
pub(super) struct Description<'a> {
    /// Session-level `c=`.
    pub connection: Option<&'a str>,
    /// Session-level direction.
    pub direction: Option<Direction>,
    /// Value of the first `t=` with two numbers.
    pub timing: Option<&'a str>,
    /// The m-lines in order.
    pub media: Vec<Media<'a>>,
}

/// One m-line and what stands below it.
#[derive(Debug)]
pub(super) struct Media<'a> {
    /// `audio`, `video` …
    pub kind: &'a str,
    /// 0: refused or switched off.
    pub port: u16,
    /// `RTP/AVP` …
    pub transport: &'a str,
    /// As written.
    pub formats: Vec<&'a str>,
    /// Media-level `c=`.
    pub connection: Option<&'a str>,
    /// Media-level direction.
    pub direction: Option<Direction>,
    /// Payload type, encoding name, clock.
    maps: Vec<(u8, &'a str, u32)>,
    /// `a=ptime`, ms.
    pub ptime: Option<u32>,
    /// `a=maxptime`, ms.
    pub ptime_max: Option<u32>,
    /// `a=rtcp`: port, and address if it is another than the media's.
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    /// `a=rtcp-mux`.
    pub rtcp_mux: bool,
}

/// Who sends (RFC 3264 section 5.1), as the side that wrote it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// What the answerer writes (RFC 3264 section 6.1).
    pub const fn complement(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// The side that wrote it takes media.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The side that wrote it sends media.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The attribute's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|known| known.word() == word)
    }
}

pub(super) fn malformed(what: impl Into<String>) -> SdpError {
    SdpError::Malformed(what.into())
}

/// Reads a description.
pub(super) fn description(text: &str) -> Result<Description<'_>, SdpError> {
    if text.len() > TEXT_MAX {
        return Err(malformed(format!("it is longer than {TEXT_MAX} bytes")));
    }
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.trim().is_empty());
    if lines.next().map(str::trim_end) != Some("v=0") {
        return Err(malformed("it does not begin with v=0"));
    }
    let mut read = Description { connection: None, direction: None, timing: None, media: Vec::new() };
    for (count, line) in lines.enumerate() {
        if count >= LINES_MAX {
            return Err(malformed(format!("it has more than {LINES_MAX} lines")));
        }
        read.line(line)?;
    }
    Ok(read)
}

impl<'a> Description<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), SdpError> {
        let Some((kind, value)) = line.split_once('=').filter(|(kind, _)| kind.len() == 1) else {
            return Err(malformed("a line is not of the form x=value"));
        };
        let value = value.trim_end();
        match (kind, self.media.last_mut()) {
            ("m", _) => {
                if self.media.len() >= MEDIA_MAX {
                    return Err(malformed(format!("it has more than {MEDIA_MAX} m= lines")));
                }
                self.media.push(media(value)?);
            }
            // The first counts: more than one are a hierarchically encoded multicast (RFC 8866 section 5.7).
            ("c", Some(media)) => media.connection = media.connection.or(Some(value)),
            ("c", None) => self.connection = self.connection.or(Some(value)),
            ("a", Some(media)) => media.attribute(value)?,
            ("a", None) => self.direction = Direction::from_word(value).or(self.direction),
            ("t", None) if self.timing.is_none() && is_timing(value) => self.timing = Some(value),
            (_, _) => {}
        }
        Ok(())
    }
}

fn is_timing(value: &str) -> bool {
    let mut parts = value.split(' ');
    let number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit()))
    };
    number(parts.next()) && number(parts.next()) && parts.next().is_none()
}

/// `audio 49170/2 RTP/AVP 0 8`.
fn media(value: &str) -> Result<Media<'_>, SdpError> {
    let mut parts = value.split_ascii_whitespace();
    let (Some(kind), Some(port), Some(transport)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("an m= line has less than three parts"));
    };
    let port = port.split('/').next().unwrap_or(port);
    let port: u16 = port.parse().map_err(|_| malformed("an m= line has no port between 0 and 65535"))?;
    let formats: Vec<&str> = parts.take(FORMATS_MAX + 1).collect();
    if formats.len() > FORMATS_MAX {
        return Err(malformed(format!("an m= line has more than {FORMATS_MAX} formats")));
    }
    if [kind, transport].iter().chain(&formats).any(|token| token.len() > TOKEN_MAX) {
        return Err(malformed(format!("a part of an m= line is longer than {TOKEN_MAX} bytes")));
    }
    Ok(Media {
        kind,
        port,
        transport,
        formats,
        connection: None,
        direction: None,
        maps: Vec::new(),
        ptime: None,
        ptime_max: None,
        rtcp: None,
        rtcp_mux: false,
    })
}

impl<'a> Media<'a> {
    fn attribute(&mut self, value: &'a str) -> Result<(), SdpError> {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        match name {
            "rtpmap" => {
                if self.maps.len() >= MAPS_MAX {
                    return Err(malformed(format!("an m= line has more than {MAPS_MAX} a=rtpmap")));
                }
                // One that can't be read concerns a codec we do not take: left out.
                self.maps.extend(rtpmap(value));
            }
            // Some phones write fractions (`ptime:20.0`); the whole part will do.
            "ptime" => self.ptime = millis(value).or(self.ptime),
            "rtcp" => self.rtcp = rtcp(value).or(self.rtcp),
            "rtcp-mux" => self.rtcp_mux = true,
            "maxptime" => self.ptime_max = millis(value).or(self.ptime_max),
            _ => self.direction = Direction::from_word(name).or(self.direction),
        }
        Ok(())
    }

    /// Plain RTP, with or without early feedback. SRTP (SAVP, DTLS) is another matter;
    /// `a=crypto` beside plain RTP is an offer to encrypt that may be left aside (RFC 8643).
    pub fn is_plain_rtp(&self) -> bool {
        ["RTP/AVP", "RTP/AVPF"].iter().any(|known| self.transport.eq_ignore_ascii_case(known))
    }

    /// The codec behind a format of this m-line.
    pub fn codec(&self, format: &str) -> Option<(u8, Codec)> {
        let payload_type = payload_type(format)?;
        let codec = match self.map(payload_type) {
            Some((name, clock)) => Codec::from_name(name).filter(|codec| codec.clock_hz() == clock),
            None => Codec::ALL.into_iter().find(|codec| codec.static_payload_type() == Some(payload_type)),
        };
        Some((payload_type, codec?))
    }

    /// The payload type of `telephone-event` at this clock (RFC 4733 section 7.1.1).
    pub fn telephone_event(&self, clock_hz: u32) -> Option<u8> {
        self.formats.iter().filter_map(|format| payload_type(format)).find(|payload_type| {
            self.map(*payload_type)
                .is_some_and(|(name, clock)| name.eq_ignore_ascii_case("telephone-event") && clock == clock_hz)
        })
    }

    fn map(&self, payload_type: u8) -> Option<(&'a str, u32)> {
        self.maps.iter().find(|(own, _, _)| *own == payload_type).map(|(_, name, clock)| (*name, *clock))
    }
}

fn payload_type(format: &str) -> Option<u8> {
    format.parse().ok().filter(|payload_type| *payload_type < 128)
}

/// `101 telephone-event/8000/1`.
fn rtpmap(value: &str) -> Option<(u8, &str, u32)> {
    let (format, encoding) = value.trim_start().split_once([' ', '\t'])?;
    let mut parts = encoding.trim().split('/');
    let (name, clock) = (parts.next()?, parts.next()?.trim());
    // More than one channel is not what we speak. Opus always says two (RFC 7587 section 7); whoever forgets that means the
    // same.
    let channels = parts.next().map_or("1", str::trim);
    let ours = channels == "1" || (channels == "2" && name.eq_ignore_ascii_case(Codec::Opus.name()));
    Some((payload_type(format)?, name, if ours { clock.parse().ok()? } else { 0 }))
}

/// `53020` or `53020 IN IP4 192.0.2.1` (RFC 3605 section 2.1). What can't be read is as if it were not there.
fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let value = value.trim();
    let (port, place) = value.split_once(' ').unwrap_or((value, ""));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    if place.trim().is_empty() {
        return Some((port, None));
    }
    Some((port, Some(address(place).ok()?)))
}

fn millis(value: &str) -> Option<u32> {
    value.trim().split('.').next()?.parse().ok()
}

/// Where media goes: `IN IP4 192.0.2.1` or `IN IP6 2001:db8::1`.
pub(super) fn address(connection: &str) -> Result<IpAddr, SdpError> {
    let mut parts = connection.split_ascii_whitespace();
    let (Some("IN"), Some(kind), Some(host)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("a c= line is not of the form IN IP4 address"));
    };
    // A TTL or a count belongs to multicast; it is refused below by the address itself.
    let host = host.split('/').next().unwrap_or(host);
    let Ok(address) = host.parse::<IpAddr>() else {
        return Err(malformed("its c= line names a host; only an IPv4 or IPv6 address is taken"));
    };
    if address.is_ipv4() != (kind == "IP4") || !matches!(kind, "IP4" | "IP6") {
        return Err(malformed("the address of a c= line does not fit its type"));
    }
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_multicast() || broadcast {
        return Err(malformed("its c= line names a multicast or broadcast address"));
    }
    Ok(address)
}
