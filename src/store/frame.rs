//! Bytes of a journal segment.
//!
//! ```text
//! segment = magic (8) · run (16: UUID of the journal's run that wrote it) · record*
//! record  = length of json (u32 LE) · CRC-32 of number and json (u32 LE) · number (u64 LE) · json
//! ```
//!
//! Numbers grow by one from record to record, over segments and restarts. A *run* is
//! one start of the service: after a power cut the database may hold records that
//! the journal's disk had not kept yet, so numbers alone would not tell new from old.

use uuid::Uuid;

/// First bytes of every segment; the last one counts format changes.
const MAGIC: [u8; 8] = *b"HLJRNL\0\x01";

/// Bytes before the first record.
pub(super) const HEADER: usize = 24;

/// Bytes before a record's JSON.
pub(super) const PREFIX: usize = 16;

/// No record is longer; a greater length is damage.
pub(super) const JSON_MAX: usize = 4 << 20;

/// What stands at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A whole record.
    Whole {
        /// Its number.
        number: u64,
        /// Its JSON.
        json: &'a [u8],
        /// Bytes of it all.
        size: usize,
    },
    /// The bytes end before the record does; it has so many bytes in all (at least).
    Short(usize),
    /// Not a record.
    Bad,
}

/// The header of a segment written by `run`.
pub(super) fn header(run: Uuid) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(run.as_bytes());
    bytes
}

/// The run that wrote the segment; `None`: this is no segment.
pub(super) fn run_of(segment: &[u8]) -> Option<Uuid> {
    let header = segment.get(..HEADER)?;
    (header[..8] == MAGIC).then(|| Uuid::from_slice(&header[8..]).ok()).flatten()
}

/// Appends a record to `out`.
pub(super) fn push(out: &mut Vec<u8>, number: u64, json: &[u8]) {
    let length = u32::try_from(json.len()).expect("the queue takes no record above JSON_MAX");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(number, json).to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(json);
}

/// What stands at the beginning of `bytes`.
pub(super) fn first(bytes: &[u8]) -> Frame<'_> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Frame::Short(PREFIX) };
    let word = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
    let length = word(0) as usize;
    if length == 0 || length > JSON_MAX {
        return Frame::Bad;
    }
    let number = u64::from(word(8)) | u64::from(word(12)) << 32;
    let Some(json) = bytes.get(PREFIX..PREFIX + length) else { return Frame::Short(PREFIX + length) };
    if checksum(number, json) != word(4) {
        return Frame::Bad;
    }
    Frame::Whole { number, json, size: PREFIX + length }
}

/// Where the next whole record begins in `bytes`, looking at every place from 1 on.
pub(super) fn next_whole(bytes: &[u8]) -> Option<usize> {
    // Every record's JSON begins with its version: cheap to find, and the CRC decides.
    const BEGIN: &[u8] = b"{\"v\":";
    let mut at = PREFIX + 1;
    while at + BEGIN.len() <= bytes.len() {
        if bytes[at..].starts_with(BEGIN) && matches!(first(&bytes[at - PREFIX..]), Frame::Whole { .. }) {
            return Some(at - PREFIX);
        }
        at += 1;
    }
    None
}

fn checksum(number: u64, json: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&number.to_le_bytes());
    crc.update(json);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::{Frame, first, next_whole, push};

    #[test]
    fn a_record_is_found_again_and_every_cut_and_flip_is_seen() {
        let mut bytes = Vec::new();
        push(&mut bytes, 7, br#"{"v":1}"#);
        assert_eq!(first(&bytes), Frame::Whole { number: 7, json: br#"{"v":1}"#, size: bytes.len() });
        for cut in 0..bytes.len() {
            assert!(matches!(first(&bytes[..cut]), Frame::Short(_)), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            assert!(!matches!(first(&flipped), Frame::Whole { .. }), "flip at {at}");
        }
    }

    #[test]
    fn the_next_whole_record_is_found_behind_damage() {
        let mut bytes = Vec::new();
        push(&mut bytes, 1, br#"{"v":1,"a":1}"#);
        let second = bytes.len();
        push(&mut bytes, 2, br#"{"v":1,"a":2}"#);
        bytes[3] ^= 0xff;
        assert_eq!(first(&bytes), Frame::Bad);
        assert_eq!(next_whole(&bytes), Some(second));
        assert_eq!(next_whole(&bytes[second..]), None);
    }
}
