//! The append-only form in which a recording grows: raw payload with its place
//! in time.
//!
//! A file is a header and frames, nothing is ever rewritten. Each frame carries
//! its length and a checksum, so that what a crash or a power cut left half
//! written is found and cut off. All numbers are little-endian.
//!
//! ```text
//! header  "HLSEG" version(1) codec(1) 0 started_ms(8) check(2)
//! frame   length(2) kind(1) offset(4) check(2) payload(length)
//! ```
//! `offset` counts samples at 8 kHz since the recording began.

use super::{Codec, Law, g711};

const MAGIC: &[u8; 5] = b"HLSEG";
const VERSION: u8 = 1;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 18;
/// Bytes of a frame before its payload.
pub const FRAME_BYTES: usize = 9;
/// Longest payload of a frame: 60 ms of G.711, or an Opus packet.
pub const PAYLOAD_MAX: usize = 1_280;

/// Longest silence that one hole in time becomes, samples (60 s). A longer one is damage or a caller that sent nothing;
/// either way nobody wants to listen to it.
const GAP_MAX: u64 = 60 * 8_000;
/// A hole no longer than this is filled with what was heard before, fading (60 ms).
const CONCEAL_MAX: usize = 480;
/// Longest recording that is decoded, samples (4 h).
const SAMPLES_MAX: u64 = 4 * 3_600 * 8_000;

const AUDIO: u8 = 0;
const DROPPED: u8 = 1;

/// What stands at the start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Of all frames.
    pub codec: Codec,
    /// Unix time of sample 0, ms.
    pub started_ms: u64,
}

/// A segment made whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What it was recorded in.
    pub codec: Codec,
    /// Unix time of the first sample, ms.
    pub started_ms: u64,
    /// 8 kHz mono, silence where nothing was received.
    pub samples: Vec<i16>,
    /// Time for which no packet is there (lost on the way, sent by nobody, dropped by us).
    pub lost_ms: u64,
    /// Packets that we received and could not keep (writer too slow).
    pub dropped: u64,
    /// Bytes cut off at the end because they were half written.
    pub torn_bytes: usize,
}

/// Why a segment can't be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Shorter than a header: the crash came before the first write.
    #[error("the segment holds no header")]
    Empty,
    /// Not ours or damaged.
    #[error("the segment's header is damaged")]
    Header,
    /// Written by a newer release.
    #[error("the segment has version {0}, this release reads 1")]
    Version(u8),
    /// Recorded in a codec that is decoded elsewhere.
    #[error("the segment holds {}", .0.name())]
    Codec(Codec),
}

/// The payload type where there is a static one.
const fn codec_id(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => 111,
    }
}

/// Appends a header.
pub fn encode_header(out: &mut Vec<u8>, header: Header) {
    let start = out.len();
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.push(codec_id(header.codec));
    out.push(0);
    out.extend_from_slice(&header.started_ms.to_le_bytes());
    let check = crc16(CRC_START, &out[start..]);
    out.extend_from_slice(&check.to_le_bytes());
}

/// Appends a frame of audio that begins at `offset` samples. What is longer than [`PAYLOAD_MAX`] is cut.
pub fn encode_frame(out: &mut Vec<u8>, offset: u32, payload: &[u8]) {
    encode(out, AUDIO, offset, &payload[..payload.len().min(PAYLOAD_MAX)]);
}

/// Appends a mark: from `offset` on, `packets` received packets could not be kept.
pub fn encode_dropped(out: &mut Vec<u8>, offset: u32, packets: u32) {
    encode(out, DROPPED, offset, &packets.to_le_bytes());
}

fn encode(out: &mut Vec<u8>, kind: u8, offset: u32, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&offset.to_le_bytes());
    let check = crc16(crc16(CRC_START, &out[start..]), payload);
    out.extend_from_slice(&check.to_le_bytes());
    out.extend_from_slice(payload);
}

/// Reads a whole segment. A torn tail is cut off and counted; it is no error.
pub fn decode(bytes: &[u8]) -> Result<Decoded, SegmentError> {
    let header = decode_header(bytes)?;
    let law = header.codec.law().ok_or(SegmentError::Codec(header.codec))?;
    let mut timeline = Timeline { law, samples: Vec::new(), shift: 0, filled: 0 };
    let mut dropped = 0;
    let mut rest = &bytes[HEADER_BYTES..];
    while let Some((frame, after)) = next_frame(rest) {
        match frame.kind {
            DROPPED => dropped += frame.payload.try_into().map_or(0, u32::from_le_bytes) as u64,
            // A kind of a later release is skipped: its length is known.
            AUDIO => timeline.put(frame.offset, frame.payload),
            2.. => {}
        }
        rest = after;
    }
    let lost = timeline.samples.len() as u64 - timeline.filled.min(timeline.samples.len() as u64);
    Ok(Decoded {
        codec: header.codec,
        started_ms: header.started_ms,
        samples: timeline.samples,
        lost_ms: lost / 8,
        dropped,
        torn_bytes: rest.len(),
    })
}

/// Bytes from the start that are whole: a file may be cut to this length. 0 if not even the header is.
pub fn whole_bytes(bytes: &[u8]) -> usize {
    if decode_header(bytes).is_err() {
        return 0;
    }
    let mut rest = &bytes[HEADER_BYTES..];
    while let Some((_, after)) = next_frame(rest) {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// Reads the header only.
pub fn decode_header(bytes: &[u8]) -> Result<Header, SegmentError> {
    let head: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(SegmentError::Empty)?;
    let (body, check) = head.split_at(HEADER_BYTES - 2);
    if &body[..5] != MAGIC || crc16(CRC_START, body).to_le_bytes() != check {
        return Err(SegmentError::Header);
    }
    if body[5] != VERSION {
        return Err(SegmentError::Version(body[5]));
    }
    let codec = Codec::ALL.into_iter().find(|codec| codec_id(*codec) == body[6]).ok_or(SegmentError::Header)?;
    let started_ms = body[8..].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(Header { codec, started_ms })
}

struct RawFrame<'a> {
    kind: u8,
    offset: u32,
    payload: &'a [u8],
}

/// The frame at the start and what follows; `None` at the end or where a frame is not whole.
fn next_frame(bytes: &[u8]) -> Option<(RawFrame<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<FRAME_BYTES>()?;
    let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
    if length > PAYLOAD_MAX || length > rest.len() {
        return None;
    }
    let (payload, after) = rest.split_at(length);
    let check = crc16(crc16(CRC_START, &head[..7]), payload);
    if check.to_le_bytes() != head[7..] {
        return None;
    }
    let offset = u32::from_le_bytes([head[3], head[4], head[5], head[6]]);
    Some((RawFrame { kind: head[2], offset, payload }, after))
}

/// The samples as they are put in place.
struct Timeline {
    law: Law,
    samples: Vec<i16>,
    /// Taken off every later offset because a hole was cut short.
    shift: u64,
    /// Samples that came in packets.
    filled: u64,
}

impl Timeline {
    fn put(&mut self, offset: u32, payload: &[u8]) {
        let end = self.samples.len() as u64;
        let mut at = u64::from(offset).saturating_sub(self.shift);
        if at > end + GAP_MAX {
            self.shift += at - (end + GAP_MAX);
            at = end + GAP_MAX;
        }
        if at + payload.len() as u64 > SAMPLES_MAX {
            return;
        }
        let at = at as usize;
        if at > self.samples.len() {
            self.fill_hole(at);
        }
        // A packet that came late lies in a hole (or is there twice); the rest goes on at the end.
        let inside = payload.len().min(self.samples.len() - at);
        for (sample, byte) in self.samples[at..].iter_mut().zip(payload) {
            *sample = g711::decode(self.law, *byte);
        }
        self.samples.extend(payload[inside..].iter().map(|byte| g711::decode(self.law, *byte)));
        self.filled += payload.len() as u64;
    }

    /// Up to `to`: the last 10 ms again and again, fading out, then silence.
    fn fill_hole(&mut self, to: usize) {
        const PERIOD: usize = 80;
        let from = self.samples.len();
        if from >= PERIOD {
            let conceal = (to - from).min(CONCEAL_MAX);
            for step in 0..conceal {
                let before = i32::from(self.samples[from + step - PERIOD]);
                // Each repetition is made from the one before: fades by 3 dB per 10 ms and to nothing at the end.
                let left = (CONCEAL_MAX - step) as i32;
                let value = if step % PERIOD == 0 { before } else { before * 23 / 32 };
                self.samples.push((value * left / CONCEAL_MAX as i32) as i16);
            }
        }
        self.samples.resize(to, 0);
    }
}

const CRC_START: u16 = 0xffff;
const CRC_TABLE: [u16; 256] = crc_table();

/// CRC-16/CCITT-FALSE, continued from `sum`.
fn crc16(sum: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(sum, |crc, byte| (crc << 8) ^ CRC_TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const fn crc_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { codec: Codec::Pcma, started_ms: 1_790_000_000_123 };

    fn payload(seed: u8) -> Vec<u8> {
        (0..160_u8).map(|i| i.wrapping_mul(7).wrapping_add(seed)).collect()
    }

    fn segment(offsets: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_header(&mut out, HEADER);
        for (n, offset) in offsets.iter().enumerate() {
            encode_frame(&mut out, *offset, &payload(n as u8));
        }
        out
    }

    fn linear(seed: u8) -> Vec<i16> {
        payload(seed).into_iter().map(g711::decode_a).collect()
    }

    #[test]
    fn the_check_is_the_published_one() {
        assert_eq!(crc16(CRC_START, b"123456789"), 0x29b1);
    }

    #[test]
    fn what_goes_in_comes_out() {
        let decoded = decode(&segment(&[0, 160, 320])).unwrap();
        assert_eq!((decoded.codec, decoded.started_ms), (HEADER.codec, HEADER.started_ms));
        assert_eq!(decoded.samples, [linear(0), linear(1), linear(2)].concat());
        assert_eq!((decoded.lost_ms, decoded.dropped, decoded.torn_bytes), (0, 0, 0));
    }

    #[test]
    fn a_torn_tail_is_cut_wherever_it_tears() {
        let whole = segment(&[0, 160, 320]);
        let two = segment(&[0, 160]).len();
        for end in two..whole.len() {
            let decoded = decode(&whole[..end]).unwrap();
            assert_eq!(decoded.samples.len(), 320, "cut at {end}");
            assert_eq!(decoded.torn_bytes, end - two);
            assert_eq!(whole_bytes(&whole[..end]), two);
        }
        for end in 0..HEADER_BYTES {
            assert_eq!(decode(&whole[..end]), Err(SegmentError::Empty));
            assert_eq!(whole_bytes(&whole[..end]), 0);
        }
    }

    #[test]
    fn a_page_of_zeros_after_a_power_cut_is_no_audio() {
        let mut bytes = segment(&[0, 160]);
        bytes.extend_from_slice(&[0; 4_096]);
        let decoded = decode(&bytes).unwrap();
        assert_eq!((decoded.samples.len(), decoded.torn_bytes), (320, 4_096));
    }

    #[test]
    fn any_flipped_bit_cuts_there_and_never_panics() {
        let whole = segment(&[0, 160, 320]);
        for position in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[position / 8] ^= 1 << (position % 8);
            match decode(&bytes) {
                Ok(decoded) => assert!(decoded.samples.len() < 480, "bit {position}"),
                Err(_) => assert!(position / 8 < HEADER_BYTES),
            }
        }
    }

    #[test]
    fn a_hole_is_concealed_then_silent_and_counted() {
        let decoded = decode(&segment(&[0, 160 + 1_600])).unwrap();
        assert_eq!(decoded.samples.len(), 160 + 1_600 + 160);
        assert_eq!(decoded.lost_ms, 200);
        assert_eq!(decoded.samples[..160], linear(0));
        assert_eq!(decoded.samples[1_760..], linear(1));
        assert!(decoded.samples[160..240].iter().any(|s| *s != 0), "concealed");
        assert!(decoded.samples[640..1_760].iter().all(|s| *s == 0), "then silent");
    }

    #[test]
    fn a_late_packet_takes_its_place_and_a_double_one_changes_nothing() {
        let decoded = decode(&segment(&[0, 320, 160, 320])).unwrap();
        assert_eq!(decoded.samples, [linear(0), linear(2), linear(3)].concat());
        assert_eq!(decoded.lost_ms, 0);
    }

    #[test]
    fn a_long_hole_is_capped() {
        let decoded = decode(&segment(&[0, u32::MAX - 1_000, u32::MAX - 840])).unwrap();
        assert_eq!(decoded.samples.len(), 160 + 60 * 8_000 + 320);
        assert_eq!(decoded.lost_ms, 60_000);
    }

    #[test]
    fn what_we_dropped_is_said() {
        let mut bytes = segment(&[0]);
        encode_dropped(&mut bytes, 160, 7);
        encode_frame(&mut bytes, 160 + 7 * 160, &payload(9));
        let decoded = decode(&bytes).unwrap();
        assert_eq!((decoded.dropped, decoded.lost_ms), (7, 140));
    }

    #[test]
    fn a_foreign_file_and_a_newer_version_are_refused() {
        assert_eq!(decode(&[b'R'; 64]), Err(SegmentError::Header));
        let mut newer = Vec::new();
        encode_header(&mut newer, HEADER);
        newer[5] = 2;
        let check = crc16(CRC_START, &newer[..16]).to_le_bytes();
        newer[16..].copy_from_slice(&check);
        assert_eq!(decode(&newer), Err(SegmentError::Version(2)));
    }
}
