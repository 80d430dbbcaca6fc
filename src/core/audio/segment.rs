//! The append-only form in which a recording grows: raw payload with its place
//! in time. Only the form; `restore` makes sound of it.
//!
//! A file is a header and frames, nothing is ever rewritten. Each frame carries
//! its length and a checksum, so that what a crash or a power cut left half
//! written is found and cut off. All numbers are little-endian.
//!
//! ```text
//! header  "HLSEG" version(1) channels(1) 0 started_ms(8) check(2)
//! frame   length(2) kind(1) channel(1) codec(1) source(1) rtp(4) arrived(4) check(2) payload(length)
//! ```
//! `rtp` is the packet's own timestamp, `arrived` when we had it (or sent it) by our clock, in samples at 8 kHz since
//! the recording began; `source` changes whenever the stream is another one (new SSRC).
//!
//! Version 1, which a crash before an update may have left, had one codec and one channel and no time but our own:
//!
//! ```text
//! header  "HLSEG" 1 codec(1) 0 started_ms(8) check(2)
//! frame   length(2) kind(1) offset(4) check(2) payload(length)
//! ```

use super::Codec;

const MAGIC: &[u8; 5] = b"HLSEG";
const VERSION: u8 = 2;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 18;
/// Bytes of a frame before its payload.
pub const FRAME_BYTES: usize = 16;
/// Bytes of a frame of version 1 before its payload.
const OLD_FRAME_BYTES: usize = 9;
/// Longest payload of a frame: the largest packet of Opus (RFC 6716 section 3.2.1).
pub const PAYLOAD_MAX: usize = 1_275;
/// So many bytes hold any frame whole.
pub const FRAME_MAX: usize = FRAME_BYTES + PAYLOAD_MAX;
/// Longest recording, samples of our clock (4 h); what is later is no sound of ours.
pub const SAMPLES_MAX: u32 = 4 * 3_600 * 8_000;

const AUDIO: u8 = 0;
const DROPPED: u8 = 1;

/// Whose voice a frame is, seen from the leg that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// What the leg said.
    Received,
    /// What we sent to it: prompts, whom it talks to, the mix.
    Sent,
}

impl Channel {
    /// Its place in the sound: left is what was received.
    pub const fn index(self) -> usize {
        match self {
            Self::Received => 0,
            Self::Sent => 1,
        }
    }
}

/// What stands at the start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How its frames look.
    pub form: Form,
    /// Unix time of its beginning, ms.
    pub started_ms: u64,
}

/// How frames look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Of version 1.
    Old(Codec),
    /// Of version 2, with one channel or both.
    New {
        /// What was sent is in it as well.
        both: bool,
    },
}

impl Header {
    /// How many channels the sound has.
    pub const fn channels(self) -> usize {
        match self.form {
            Form::Old(_) | Form::New { both: false } => 1,
            Form::New { both: true } => 2,
        }
    }
}

/// Where a packet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub channel: Channel,
    /// In what.
    pub codec: Codec,
    /// Which stream of this channel; wraps.
    pub source: u8,
    /// Its own timestamp, in the codec's clock.
    pub rtp: u32,
    /// When we had it, samples at 8 kHz since the beginning.
    pub arrived: u32,
}

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A packet.
    Audio(Place, &'a [u8]),
    /// So many packets we could not keep here.
    Dropped(Channel, u32),
    /// Something of a later release.
    Unknown,
}

/// What the bytes begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// A frame of so many bytes.
    Whole(Frame<'a>, usize),
    /// No whole frame: more bytes are needed, or this is where the file was torn.
    Short,
    /// No frame.
    Torn,
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
    #[error("the segment has version {0}, this release reads 1 and 2")]
    Version(u8),
}

/// The header of a new segment.
pub fn header(both: bool, started_ms: u64) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[..5].copy_from_slice(MAGIC);
    out[5] = VERSION;
    out[6] = if both { 2 } else { 1 };
    out[8..16].copy_from_slice(&started_ms.to_le_bytes());
    let check = crc16(CRC_START, &out[..16]);
    out[16..].copy_from_slice(&check.to_le_bytes());
    out
}

/// What stands before a packet's payload (at most [`PAYLOAD_MAX`] bytes of it).
pub fn audio(place: Place, payload: &[u8]) -> [u8; FRAME_BYTES] {
    before(AUDIO, place, payload)
}

/// A whole frame: here `packets` packets could not be kept.
pub fn dropped(place: Place, packets: u32) -> [u8; FRAME_BYTES + 4] {
    let mut out = [0; FRAME_BYTES + 4];
    let payload = packets.to_le_bytes();
    out[..FRAME_BYTES].copy_from_slice(&before(DROPPED, place, &payload));
    out[FRAME_BYTES..].copy_from_slice(&payload);
    out
}

fn before(kind: u8, place: Place, payload: &[u8]) -> [u8; FRAME_BYTES] {
    let mut out = [0; FRAME_BYTES];
    out[..2].copy_from_slice(&(payload.len() as u16).to_le_bytes());
    out[2] = kind;
    out[3] = place.channel.index() as u8;
    out[4] = code_of(place.codec);
    out[5] = place.source;
    out[6..10].copy_from_slice(&place.rtp.to_le_bytes());
    out[10..14].copy_from_slice(&place.arrived.to_le_bytes());
    let check = crc16(crc16(CRC_START, &out[..14]), payload);
    out[14..].copy_from_slice(&check.to_le_bytes());
    out
}

/// Reads the header; the frames follow after [`HEADER_BYTES`].
pub fn read_header(bytes: &[u8]) -> Result<Header, SegmentError> {
    let head: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(SegmentError::Empty)?;
    let (body, check) = head.split_at(HEADER_BYTES - 2);
    if &body[..5] != MAGIC || crc16(CRC_START, body).to_le_bytes() != check {
        return Err(SegmentError::Header);
    }
    let form = match (body[5], body[6]) {
        (1, code) => Form::Old(codec_of(code).ok_or(SegmentError::Header)?),
        (VERSION, channels @ 1..=2) => Form::New { both: channels == 2 },
        (VERSION, _) => return Err(SegmentError::Header),
        (newer, _) => return Err(SegmentError::Version(newer)),
    };
    let started_ms = body[8..].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(Header { form, started_ms })
}

/// The frame at the start.
pub fn next(header: Header, bytes: &[u8]) -> Next<'_> {
    let known = match header.form {
        Form::Old(_) => OLD_FRAME_BYTES,
        Form::New { .. } => FRAME_BYTES,
    };
    let Some((head, rest)) = bytes.split_at_checked(known) else { return Next::Short };
    let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
    if length > PAYLOAD_MAX {
        return Next::Torn;
    }
    let Some(payload) = rest.get(..length) else { return Next::Short };
    let (body, check) = head.split_at(known - 2);
    if crc16(crc16(CRC_START, body), payload).to_le_bytes() != check {
        return Next::Torn;
    }
    let number = |at: usize| u32::from_le_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
    let place = match header.form {
        Form::Old(codec) => {
            let offset = number(3);
            Some(Place { channel: Channel::Received, codec, source: 0, rtp: offset, arrived: offset })
        }
        Form::New { .. } => place_of(body, number(6), number(10)),
    };
    let frame = match (body[2], place) {
        (AUDIO, Some(place)) => Frame::Audio(place, payload),
        (DROPPED, Some(place)) => Frame::Dropped(place.channel, payload.try_into().map_or(0, u32::from_le_bytes)),
        (AUDIO | DROPPED, None) | (2.., _) => Frame::Unknown,
    };
    Next::Whole(frame, known + length)
}

fn place_of(body: &[u8], rtp: u32, arrived: u32) -> Option<Place> {
    let channel = match body[3] {
        0 => Channel::Received,
        1 => Channel::Sent,
        2.. => return None,
    };
    Some(Place { channel, codec: codec_of(body[4])?, source: body[5], rtp, arrived })
}

/// A codec's number in the file: its static payload type where it has one.
const fn code_of(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => 111,
    }
}

const fn codec_of(code: u8) -> Option<Codec> {
    match code {
        0 => Some(Codec::Pcmu),
        8 => Some(Codec::Pcma),
        9 => Some(Codec::G722),
        111 => Some(Codec::Opus),
        1..=7 | 10..=110 | 112.. => None,
    }
}

const CRC_START: u16 = 0xffff;
const CRC_TABLES: [[u16; 256]; 8] = crc_tables();

/// CRC-16/CCITT-FALSE, continued from `sum`. Eight bytes at a time: it is taken of everything that is recorded.
fn crc16(sum: u16, bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let sum = eights.iter().fold(sum, |crc, eight| {
        let [high, low] = crc.to_be_bytes();
        let [a, b, others @ ..] = eight;
        let first = CRC_TABLES[7][usize::from(a ^ high)] ^ CRC_TABLES[6][usize::from(b ^ low)];
        others
            .iter()
            .zip(CRC_TABLES[..6].iter().rev())
            .fold(first, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    });
    rest.iter().fold(sum, |crc, byte| (crc << 8) ^ CRC_TABLES[0][usize::from((crc >> 8) as u8 ^ byte)])
}

/// For each byte, and for each byte with one to seven zeros after it.
const fn crc_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::audio) fn place(rtp: u32, arrived: u32) -> Place {
        Place { channel: Channel::Received, codec: Codec::Pcma, source: 0, rtp, arrived }
    }

    /// A segment of version 1, as the release before this one wrote it.
    pub(in crate::audio) fn old_segment(offsets: &[u32], payload: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        let mut out = b"HLSEG\x01\x08\0".to_vec();
        out.extend_from_slice(&1_790_000_000_123_u64.to_le_bytes());
        let check = crc16(CRC_START, &out);
        out.extend_from_slice(&check.to_le_bytes());
        for (n, offset) in offsets.iter().enumerate() {
            let (start, payload) = (out.len(), payload(n));
            out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
            out.push(AUDIO);
            out.extend_from_slice(&offset.to_le_bytes());
            let check = crc16(crc16(CRC_START, &out[start..]), &payload);
            out.extend_from_slice(&check.to_le_bytes());
            out.extend_from_slice(&payload);
        }
        out
    }

    fn frames(mut bytes: &[u8]) -> (Vec<Frame<'_>>, usize) {
        let header = read_header(bytes).unwrap();
        bytes = &bytes[HEADER_BYTES..];
        let mut all = Vec::new();
        while let Next::Whole(frame, used) = next(header, bytes) {
            all.push(frame);
            bytes = &bytes[used..];
        }
        (all, bytes.len())
    }

    fn segment(count: u32) -> Vec<u8> {
        let mut out = header(true, 77).to_vec();
        for n in 0..count {
            let payload = vec![n as u8; 100 + n as usize];
            let place =
                Place { channel: if n % 2 == 0 { Channel::Received } else { Channel::Sent }, ..place(n, n + 5) };
            out.extend_from_slice(&audio(place, &payload));
            out.extend_from_slice(&payload);
        }
        out
    }

    #[test]
    fn the_check_is_the_published_one() {
        assert_eq!(crc16(CRC_START, b"123456789"), 0x29b1);
        // The polynomial bit by bit, over lengths on both sides of eight bytes and every value of a byte.
        let bytes: Vec<u8> = (0..300_u32).map(|n| (n * 167 + n / 7) as u8).collect();
        let mut plain = CRC_START;
        for (length, byte) in bytes.iter().enumerate() {
            assert_eq!(crc16(CRC_START, &bytes[..length]), plain, "{length} bytes");
            plain ^= u16::from(*byte) << 8;
            for _ in 0..8 {
                plain = if plain & 0x8000 == 0 { plain << 1 } else { (plain << 1) ^ 0x1021 };
            }
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut bytes = segment(3);
        bytes.extend_from_slice(&dropped(place(9, 10), 7));
        assert_eq!(read_header(&bytes), Ok(Header { form: Form::New { both: true }, started_ms: 77 }));
        let (all, rest) = frames(&bytes);
        assert_eq!(rest, 0);
        let Frame::Audio(second, payload) = all[1] else { panic!("{all:?}") };
        assert_eq!((second, payload), (Place { channel: Channel::Sent, ..place(1, 6) }, vec![1; 101].as_slice()));
        assert_eq!(all[3], Frame::Dropped(Channel::Received, 7));
    }

    #[test]
    fn the_largest_packet_fits() {
        let payload = [9; PAYLOAD_MAX];
        let mut bytes = header(false, 0).to_vec();
        bytes.extend_from_slice(&audio(place(1, 2), &payload));
        bytes.extend_from_slice(&payload);
        assert_eq!(frames(&bytes).0, [Frame::Audio(place(1, 2), &payload)]);
    }

    #[test]
    fn a_file_of_the_release_before_is_read() {
        let bytes = old_segment(&[0, 160, 480], |n| vec![n as u8; 160]);
        assert_eq!(
            read_header(&bytes).unwrap(),
            Header { form: Form::Old(Codec::Pcma), started_ms: 1_790_000_000_123 }
        );
        let (all, rest) = frames(&bytes);
        assert_eq!((all.len(), rest), (3, 0));
        assert_eq!(all[2], Frame::Audio(place(480, 480), &[2; 160]));
    }

    #[test]
    fn a_torn_tail_is_found_wherever_it_tears() {
        let (whole, two) = (segment(3), segment(2).len());
        for end in two..whole.len() {
            assert_eq!(frames(&whole[..end]).1, end - two, "cut at {end}");
        }
        for end in 0..HEADER_BYTES {
            assert_eq!(read_header(&whole[..end]), Err(SegmentError::Empty));
        }
    }

    #[test]
    fn a_page_of_zeros_after_a_power_cut_is_no_audio() {
        for mut bytes in [segment(2), old_segment(&[0, 160], |_| vec![5; 160])] {
            bytes.extend_from_slice(&[0; 4_096]);
            let (all, rest) = frames(&bytes);
            assert_eq!((all.len(), rest), (2, 4_096));
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed_and_never_panics() {
        let whole = segment(3);
        for position in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[position / 8] ^= 1 << (position % 8);
            match read_header(&bytes) {
                Ok(_) => assert!(frames(&bytes).0.len() < 3, "bit {position}"),
                Err(_) => assert!(position / 8 < HEADER_BYTES),
            }
        }
    }

    #[test]
    fn a_foreign_file_and_a_newer_version_are_refused() {
        assert_eq!(read_header(&[b'R'; 64]), Err(SegmentError::Header));
        let mut newer = header(false, 0);
        newer[5] = 3;
        let check = crc16(CRC_START, &newer[..16]).to_le_bytes();
        newer[16..].copy_from_slice(&check);
        assert_eq!(read_header(&newer), Err(SegmentError::Version(3)));
    }
}
