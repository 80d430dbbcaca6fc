//! Sound out of a segment's frames: the file is looked at twice, in its order and frame by frame, so that the longest
//! recording needs no more memory than a short one.
//!
//! First a [`Survey`] finds each channel's streams and how their clocks run against ours: of all delays within five
//! seconds the least is taken, for jitter only ever adds to it, and a line is drawn through those. Then a [`Restorer`]
//! puts the packets in order, decodes, fills holes and resamples, so that what was said at one moment stands at one
//! place in both channels.

mod conceal;
mod survey;
mod track;
mod warp;

#[cfg(test)]
mod tests;

use super::Codec;
use super::g711;
use super::segment::{Channel, Frame, HEADER_BYTES, Header, Next, SAMPLES_MAX, SegmentError, next, read_header};

pub use conceal::Concealer;
pub use survey::{Plan, Survey};
pub use warp::{Curve, Floor};

use track::Track;

/// A packet may have been on its way for so long and still finds its place (5 s), samples.
const HELD: i64 = 40_000;
/// A recording of one channel begins with its first packet if that comes within this time (200 ms), samples.
const LEAD: i64 = 1_600;

/// Makes samples of payload. The codecs' libraries are no part of the core.
pub trait Decode {
    /// 8 kHz mono; gives how many. A payload that is none gives 0.
    fn decode(&mut self, codec: Codec, payload: &[u8], out: &mut [i16]) -> usize;

    /// What a missing packet may have held; false: the codec has no opinion.
    fn conceal(&mut self, codec: Codec, out: &mut [i16]) -> bool;
}

/// G.711 alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct G711;

impl Decode for G711 {
    fn decode(&mut self, codec: Codec, payload: &[u8], out: &mut [i16]) -> usize {
        let Some(law) = codec.law() else { return 0 };
        let count = payload.len().min(out.len());
        for (sample, byte) in out.iter_mut().zip(payload) {
            *sample = g711::decode(law, *byte);
        }
        count
    }

    fn conceal(&mut self, _codec: Codec, _out: &mut [i16]) -> bool {
        false
    }
}

/// What was found in a channel, samples at 8 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// That came in packets.
    pub heard: u64,
    /// For which no packet is there, within a stream.
    pub missing: u64,
    /// Packets that came too late, or twice.
    pub late: u64,
}

/// The second look.
#[derive(Debug)]
pub struct Restorer<D> {
    tracks: Vec<Track<D>>,
}

impl<D: Decode> Restorer<D> {
    /// With what the first look has found; a decoder for each channel.
    pub fn new(header: Header, survey: &Survey, decoder: impl Fn() -> D) -> Self {
        let channels = [Channel::Received, Channel::Sent];
        let lead = if header.channels() == 1 { LEAD } else { i64::MIN };
        let track = |channel: &Channel| Track::new(survey.plan(*channel), decoder(), lead);
        Self { tracks: channels[..header.channels()].iter().map(track).collect() }
    }

    /// The next frame of the file.
    pub fn take(&mut self, frame: Frame<'_>) {
        let Frame::Audio(place, payload) = frame else { return };
        if place.arrived > SAMPLES_MAX {
            return;
        }
        for (index, track) in self.tracks.iter_mut().enumerate() {
            if index == place.channel.index() {
                track.take(place, payload);
            }
            track.settle(i64::from(place.arrived) - HELD);
        }
    }

    /// No frame is left: what is there is brought to the same length.
    pub fn finish(&mut self) {
        let end = self.tracks.iter_mut().map(Track::finish).max().unwrap_or(0);
        for track in &mut self.tracks {
            track.fill(end);
        }
    }

    /// Gives what is settled, one sample of each channel after the other, and forgets it.
    pub fn drain(&mut self, out: &mut Vec<i16>) {
        let count = self.tracks.iter().map(|track| track.out.len()).min().unwrap_or(0);
        if let [only] = self.tracks.as_mut_slice() {
            out.append(&mut only.out);
            return;
        }
        for at in 0..count {
            out.extend(self.tracks.iter().map(|track| track.out[at]));
        }
        for track in &mut self.tracks {
            track.out.drain(..count);
        }
    }

    /// What was found in a channel.
    pub fn stats(&self, channel: Channel) -> Stats {
        self.tracks.get(channel.index()).map(|track| track.stats).unwrap_or_default()
    }
}

/// A whole segment in memory made sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Of the file.
    pub header: Header,
    /// 8 kHz, one sample of each channel after the other.
    pub samples: Vec<i16>,
    /// By channel.
    pub stats: [Stats; 2],
    /// Packets that we received and could not keep.
    pub dropped: u64,
    /// Bytes at the end that were half written.
    pub torn_bytes: usize,
}

impl Sound {
    /// One channel.
    pub fn channel(&self, channel: Channel) -> Vec<i16> {
        self.samples.iter().skip(channel.index()).step_by(self.header.channels()).copied().collect()
    }
}

/// Makes sound of a small segment at once.
pub fn sound<D: Decode>(bytes: &[u8], decoder: impl Fn() -> D) -> Result<Sound, SegmentError> {
    let header = read_header(bytes)?;
    let mut survey = Survey::default();
    let torn_bytes = each(header, bytes, |frame| survey.take(frame));
    let mut restorer = Restorer::new(header, &survey, decoder);
    let mut samples = Vec::new();
    each(header, bytes, |frame| {
        restorer.take(frame);
        restorer.drain(&mut samples);
    });
    restorer.finish();
    restorer.drain(&mut samples);
    let stats = [Channel::Received, Channel::Sent].map(|channel| restorer.stats(channel));
    Ok(Sound { header, samples, stats, dropped: survey.dropped, torn_bytes })
}

/// Hands over every whole frame; gives the bytes that are left.
fn each(header: Header, bytes: &[u8], mut deed: impl FnMut(Frame<'_>)) -> usize {
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    while let Next::Whole(frame, used) = next(header, rest) {
        deed(frame);
        rest = &rest[used..];
    }
    rest.len()
}
