//! From a recording's segment to samples, piece by piece: four hours need no more memory than a minute.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hotline_core::audio::Codec;
use hotline_core::audio::restore::{Decode as Codecs, Restorer, Survey};
use hotline_core::audio::segment::{self, FRAME_MAX, Frame, HEADER_BYTES, Header, Next};

use crate::codec::Decoder;

/// Read at a time.
const CHUNK: usize = 64 << 10;
/// Samples handed over at a time, about.
const PIECE: usize = 16_000;

/// Where samples go to.
pub(super) trait Output {
    /// First of all: so many channels.
    fn begin(&mut self, channels: u16) -> io::Result<()>;
    /// 8 kHz, one of each channel after the other.
    fn samples(&mut self, samples: &[i16]) -> io::Result<()>;
}

/// Why there are no samples.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The file can't be read or the output can't be written; the segment may be fine.
    Disk(io::Error),
    /// The segment is damaged from its beginning.
    Damage(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Makes samples of a segment's file; gives the bytes at its end that could not be read.
pub(super) type Decode = fn(&Path, &mut dyn Output) -> Result<u64, Trouble>;

/// The one for what media writes.
pub(super) fn decode_segment(path: &Path, out: &mut dyn Output) -> Result<u64, Trouble> {
    let mut survey = Survey::default();
    let mut frames = Frames::open(path, u64::MAX)?;
    while frames.each(|frame| survey.take(frame))? {}
    let (header, whole, all) = (frames.header, frames.taken, frames.read);
    out.begin(u16::try_from(header.channels()).unwrap_or(1))?;
    let mut restorer = Restorer::new(header, &survey, Decoders::default);
    let mut ready = Vec::with_capacity(2 * PIECE);
    // It may have grown since: what the first look did not see does not count.
    let mut frames = Frames::open(path, whole)?;
    while frames.each(|frame| restorer.take(frame))? {
        restorer.drain(&mut ready);
        if ready.len() >= PIECE {
            out.samples(&ready)?;
            ready.clear();
        }
    }
    restorer.finish();
    restorer.drain(&mut ready);
    out.samples(&ready)?;
    Ok(all - whole)
}

/// A channel's decoder; the codec may change within a recording.
#[derive(Debug, Default)]
struct Decoders(Option<Decoder>);

impl Codecs for Decoders {
    fn decode(&mut self, codec: Codec, payload: &[u8], out: &mut [i16]) -> usize {
        let known = self.0.take().filter(|decoder| decoder.codec() == codec);
        self.0.insert(known.unwrap_or_else(|| Decoder::new(codec))).decode(payload, out)
    }

    fn conceal(&mut self, codec: Codec, out: &mut [i16]) -> bool {
        // Opus knows its own voice; the others are filled by what was heard.
        let Some(decoder) = self.0.as_mut().filter(|decoder| codec == Codec::Opus && decoder.codec() == codec) else {
            return false;
        };
        decoder.conceal(out.len(), out) == out.len()
    }
}

/// A segment's frames, one after the other.
struct Frames {
    header: Header,
    file: io::Take<File>,
    buffer: Vec<u8>,
    /// Used of the buffer.
    at: usize,
    /// Bytes that were whole, and bytes that were read.
    taken: u64,
    read: u64,
}

impl Frames {
    fn open(path: &Path, limit: u64) -> Result<Self, Trouble> {
        let mut frames = Self {
            header: Header { form: segment::Form::New { both: false }, started_ms: 0 },
            file: File::open(path)?.take(limit),
            buffer: Vec::with_capacity(CHUNK + FRAME_MAX),
            at: 0,
            taken: HEADER_BYTES as u64,
            read: 0,
        };
        frames.more()?;
        frames.header = segment::read_header(&frames.buffer).map_err(|error| Trouble::Damage(error.to_string()))?;
        frames.at = HEADER_BYTES;
        Ok(frames)
    }

    /// False: there is no more.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let got = (&mut self.file).take(CHUNK as u64).read_to_end(&mut self.buffer)?;
        self.read += got as u64;
        Ok(got > 0)
    }

    /// Hands over the next frame. False: there is no whole one any more, and the rest was counted.
    fn each(&mut self, deed: impl FnOnce(Frame<'_>)) -> io::Result<bool> {
        loop {
            let torn = match segment::next(self.header, &self.buffer[self.at..]) {
                Next::Whole(frame, used) => {
                    deed(frame);
                    self.at += used;
                    self.taken += used as u64;
                    return Ok(true);
                }
                Next::Short => false,
                Next::Torn => true,
            };
            if torn || !self.more()? {
                break;
            }
        }
        self.at = self.buffer.len();
        while self.more()? {
            self.at = self.buffer.len();
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::restore::{self, G711};
    use hotline_core::audio::segment::{Channel, Place};

    #[derive(Default)]
    struct Kept {
        channels: u16,
        samples: Vec<i16>,
        largest: usize,
    }

    impl Output for Kept {
        fn begin(&mut self, channels: u16) -> io::Result<()> {
            self.channels = channels;
            Ok(())
        }

        fn samples(&mut self, samples: &[i16]) -> io::Result<()> {
            self.samples.extend_from_slice(samples);
            self.largest = self.largest.max(samples.len());
            Ok(())
        }
    }

    #[test]
    fn piece_by_piece_is_the_same_as_at_once() {
        let mut bytes = segment::header(true, 1).to_vec();
        for n in 0..20_000_u32 {
            for channel in [Channel::Received, Channel::Sent] {
                // The received side's clock is off, so that it is resampled.
                let slow = if channel == Channel::Received { n / 60 } else { 0 };
                let place = Place { channel, codec: Codec::Pcma, source: 0, rtp: n * 160, arrived: n * 160 + slow };
                let payload: Vec<u8> = (0..160).map(|i| ((n * 31 + i * 7) % 251) as u8).collect();
                if n % 100 != 7 {
                    bytes.extend_from_slice(&segment::audio(place, &payload));
                    bytes.extend_from_slice(&payload);
                }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.seg");
        std::fs::write(&path, &bytes).unwrap();
        let mut kept = Kept::default();
        assert_eq!(decode_segment(&path, &mut kept).unwrap(), 0);
        let sound = restore::sound(&bytes, G711::default).unwrap();
        assert_eq!((kept.channels, kept.samples.len()), (2, sound.samples.len()));
        assert!(kept.samples == sound.samples, "the same samples");
        assert!(kept.largest < 200_000, "{}", kept.largest);

        bytes.truncate(bytes.len() - 5);
        bytes.resize(bytes.len() + 100_000, 0);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(decode_segment(&path, &mut Kept::default()).unwrap(), 171 + 100_000);
        std::fs::write(&path, b"no segment at all").unwrap();
        assert!(matches!(decode_segment(&path, &mut Kept::default()), Err(Trouble::Damage(_))));
        assert!(matches!(decode_segment(&folder.path().join("b"), &mut Kept::default()), Err(Trouble::Disk(_))));
    }

    /// A re-INVITE changes the codec in the middle; both halves are heard, without a break in time.
    #[test]
    fn the_codec_may_change_within_a_recording() {
        let wave = |n: usize| ((n as f64 * 0.6).sin() * 8_000.0) as i16;
        let mut encoders = [Codec::G722, Codec::Pcmu].map(crate::codec::Encoder::new);
        let mut bytes = segment::header(false, 1).to_vec();
        for n in 0..200_u32 {
            let samples: Vec<i16> = (0..160).map(|i| wave(n as usize * 160 + i)).collect();
            let which = usize::from(n >= 100);
            let mut payload = [0; 400];
            let count = encoders[which].encode(&samples, &mut payload);
            let codec = [Codec::G722, Codec::Pcmu][which];
            let place =
                Place { channel: Channel::Received, codec, source: which as u8, rtp: n * 160, arrived: n * 160 };
            bytes.extend_from_slice(&segment::audio(place, &payload[..count]));
            bytes.extend_from_slice(&payload[..count]);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.seg");
        std::fs::write(&path, &bytes).unwrap();
        let mut kept = Kept::default();
        decode_segment(&path, &mut kept).unwrap();
        assert_eq!(kept.samples.len(), 200 * 160);
        for half in kept.samples.chunks(16_000) {
            let level = hotline_core::audio::level::rms_dbfs(&half[400..]);
            assert!((level + 15.3).abs() < 1.0, "{level} dBFS");
        }
    }
}
