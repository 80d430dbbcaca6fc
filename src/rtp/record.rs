//! A recording as its lane sees it: what is received, and on a joined call what is sent, goes into buffers as it is,
//! full buffers to the writer; samples of what is received to the voice detector, if anybody asks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use hotline_core::audio::endpoint::{EndpointLimits, Verdict};
use hotline_core::audio::segment::{self, Channel, FRAME_BYTES, PAYLOAD_MAX, Place};
use hotline_core::audio::{Codec, g711};
use hotline_core::call::command::RecordLimits;
use hotline_core::fact::RecordingEnd;

use super::voice::Voice;
use super::writer::{Job, Target};
use super::{MediaEvents, RecordRequest};
use crate::codec::{Decoder, SAMPLES_MAX};

/// Buffers of a recording: at one each 250 ms, the writer may be 4 s late.
const BUFFERS: usize = 16;
/// Bytes of a buffer: a quarter of a second of 20 ms packets both ways, and a little more.
const BUFFER_BYTES: usize = 4_864;
/// What was received is handed to the writer at least this often. A turn (60 ms at most) may come on top.
pub(super) const FLUSH: Duration = Duration::from_millis(190);
/// A packet whose timestamp is further than this from the clock begins a new count: the source was restarted, or it
/// stops its clock in pauses.
const OFF_MAX: i64 = 2 * 8_000;
/// The first packet stands at 0 if it comes within this time.
const FIRST: Duration = Duration::from_millis(200);
/// Nothing received for so long (samples): the listener is told that time passes.
const MISSING: u64 = 1_600;
/// What may still come late, samples.
const LATE: u64 = 800;
/// G.711 is decoded for the listener in pieces of this size, samples: most packets are one.
const LAW_PIECE: usize = 160;
/// Packets that are kept of what is received: so many at once, and then one each 5 ms. Phones send one each 10 ms at most;
/// who sends more would fill the disk.
const PACKETS_AT_ONCE: u64 = 2_000;
const PACKET_EACH: u64 = 40;
/// So much received (samples) is taken for speech where nobody listens (1 s): what comes of it, the transcript says.
const SAID: u32 = 8_000;

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Recorder {
    target: Arc<Target>,
    limits: RecordLimits,
    buffer: BytesMut,
    /// Buffers that came back from the writer, and those that were never used: the former first, so that the memory of
    /// the latter is touched only when the disk is slow.
    free: Receiver<BytesMut>,
    unused: Vec<BytesMut>,
    writer: Sender<Job>,
    /// Both sides are recorded, and nobody listens for the end.
    both: bool,
    voice: Option<Box<Voice>>,
    /// For the listener, where the codec is not G.711.
    decoder: Option<Decoder>,
    /// The writer knows that somebody spoke.
    told_speech: bool,
    began: Instant,
    flushed: Instant,
    received: Stream,
    sent: Stream,
    base: Option<Base>,
    /// Packets received so far and kept.
    kept: u64,
    /// Where the audio in hand ends, samples.
    end: u32,
    /// Packets that found no buffer, in all.
    pub(super) gaps: u64,
}

/// One direction.
#[derive(Debug, Default)]
struct Stream {
    /// The sources heard last, and their numbers in the file.
    now: Option<(u32, u8)>,
    before: Option<(u32, u8)>,
    /// Packets that found no buffer, not yet marked in the file.
    dropped: u32,
}

impl Stream {
    /// A number for the source. A late packet of the one before has that one's.
    fn source(&mut self, ssrc: u32) -> u8 {
        match (self.now, self.before) {
            (Some((known, number)), _) | (_, Some((known, number))) if known == ssrc => number,
            (now, _) => {
                let number = now.map_or(0, |(_, number)| number.wrapping_add(1));
                self.before = now;
                self.now = Some((ssrc, number));
                number
            }
        }
    }
}

/// How a source's timestamps become samples since the start.
#[derive(Debug, Clone, Copy)]
struct Base {
    ssrc: u32,
    codec: Codec,
    timestamp: u32,
    offset: u32,
}

impl Recorder {
    /// Prepared by whoever gives the order; [`Recorder::begin`] is the lane's part.
    pub(super) fn new(
        request: RecordRequest,
        codec: Codec,
        events: MediaEvents,
        writer: Sender<Job>,
        now: Instant,
    ) -> Self {
        let (free_in, free) = crossbeam_channel::bounded(BUFFERS);
        let mut all = BytesMut::with_capacity(BUFFERS * BUFFER_BYTES);
        let buffer = all.split_off(all.capacity() - BUFFER_BYTES);
        let mut unused: Vec<BytesMut> = (2..BUFFERS).map(|_| all.split_off(all.capacity() - BUFFER_BYTES)).collect();
        unused.push(all);
        let limits = request.limits;
        let listen = EndpointLimits { end_silence: limits.end_silence, no_speech: limits.no_speech };
        Self {
            target: Arc::new(Target {
                recording: request.recording,
                path: request.file,
                events,
                free: free_in,
                speech: AtomicBool::new(false),
                failed: AtomicBool::new(false),
            }),
            limits,
            buffer,
            free,
            unused,
            writer,
            both: request.both,
            voice: (!request.both).then(|| Box::new(Voice::new(listen))),
            decoder: (!request.both && codec.law().is_none()).then(|| Decoder::new(codec)),
            told_speech: false,
            began: now,
            flushed: now,
            received: Stream::default(),
            sent: Stream::default(),
            base: None,
            kept: 0,
            end: 0,
            gaps: 0,
        }
    }

    /// From now on. The header goes out at once, so that even the shortest recording leaves a file.
    pub(super) fn begin(&mut self, started_ms: u64, now: Instant) {
        self.began = now;
        self.buffer.extend_from_slice(&segment::header(self.both, started_ms));
        self.flush(now);
    }

    /// A packet. `Some`: the recording ends by itself.
    pub(super) fn packet(
        &mut self,
        (ssrc, timestamp): (u32, u32),
        codec: Codec,
        payload: &[u8],
        now: Instant,
    ) -> Option<RecordingEnd> {
        let elapsed = now.saturating_duration_since(self.began);
        if self.kept > PACKETS_AT_ONCE + samples(elapsed) / PACKET_EACH {
            self.received.dropped += 1;
            self.gaps += 1;
            return None;
        }
        self.kept += 1;
        let offset = self.place(ssrc, timestamp, codec, elapsed)?;
        let room = samples(self.limits.max).saturating_sub(u64::from(offset));
        let bytes = within(codec, payload, room);
        let length = codec.samples(bytes) as u32;
        let source = self.received.source(ssrc);
        let place = Place { channel: Channel::Received, codec, source, rtp: timestamp, arrived: ticks(elapsed) };
        let late = offset < self.end;
        if self.keep(place, bytes, now) {
            self.end = self.end.max(offset + length);
        }
        if bytes.len() < payload.len() || u64::from(length) == room {
            return Some(RecordingEnd::MaxLength);
        }
        if late { None } else { self.listen(codec, bytes) }
    }

    /// What goes out to the leg, if that is recorded as well.
    pub(super) fn sent(&mut self, (ssrc, timestamp): (u32, u32), codec: Codec, payload: &[u8], now: Instant) {
        if !self.both {
            return;
        }
        let elapsed = ticks(now.saturating_duration_since(self.began));
        let source = self.sent.source(ssrc);
        let place = Place { channel: Channel::Sent, codec, source, rtp: timestamp, arrived: elapsed };
        if self.keep(place, payload, now) {
            self.end = self.end.max(elapsed);
        }
    }

    /// Time passes. `Some`: the recording ends by itself.
    pub(super) fn turn(&mut self, now: Instant) -> Option<RecordingEnd> {
        if self.target.failed.load(Ordering::Relaxed) {
            return Some(RecordingEnd::Failed);
        }
        if now.saturating_duration_since(self.flushed) >= FLUSH {
            self.flush(now);
        }
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed >= self.limits.max + FIRST {
            return Some(RecordingEnd::MaxLength);
        }
        let voice = self.voice.as_mut()?;
        let missing = samples(elapsed).saturating_sub(voice.heard());
        if missing > MISSING {
            let verdict = voice.missing(missing - LATE);
            return self.judge(verdict);
        }
        None
    }

    /// Over: what is left goes to the writer, who closes the file and tells.
    pub(super) fn finish(mut self, reason: RecordingEnd) -> Job {
        self.mark_dropped();
        self.target.speech.store(self.spoke(), Ordering::Relaxed);
        let bytes = std::mem::take(&mut self.buffer);
        Job::Close { target: Arc::clone(&self.target), bytes, end: self.end, reason }
    }

    /// Only what is received is kept: nobody talks back.
    pub(super) const fn is_alone(&self) -> bool {
        !self.both
    }

    /// The other side has changed its codec: what comes is heard by this.
    pub(super) fn listen_by(&mut self, decoder: Decoder) {
        self.decoder = Some(decoder);
    }

    fn spoke(&self) -> bool {
        self.voice.as_ref().map_or(self.end >= SAID, |voice| voice.speech())
    }

    fn listen(&mut self, codec: Codec, payload: &[u8]) -> Option<RecordingEnd> {
        let voice = self.voice.as_mut()?;
        let verdict = if let Some(law) = codec.law() {
            let mut verdict = Verdict::Listen;
            for piece in payload.chunks(LAW_PIECE) {
                let mut samples = [0; LAW_PIECE];
                for (sample, byte) in samples.iter_mut().zip(piece) {
                    *sample = g711::decode(law, *byte);
                }
                verdict = voice.push(&samples[..piece.len()]);
                if verdict != Verdict::Listen {
                    break;
                }
            }
            verdict
        } else {
            // Made on the caller's thread; the one for a changed codec comes a moment after it.
            let decoder = self.decoder.as_mut().filter(|decoder| decoder.codec() == codec)?;
            let mut samples = [0; SAMPLES_MAX];
            let count = decoder.decode(payload, &mut samples);
            voice.push(&samples[..count])
        };
        self.judge(verdict)
    }

    fn judge(&mut self, verdict: Verdict) -> Option<RecordingEnd> {
        // What others read lies far away in memory.
        if self.spoke() != self.told_speech {
            self.told_speech = self.spoke();
            self.target.speech.store(self.told_speech, Ordering::Relaxed);
        }
        match verdict {
            Verdict::Listen => None,
            Verdict::Finished => Some(RecordingEnd::Silence),
            Verdict::NoSpeech => Some(RecordingEnd::NoSpeech),
        }
    }

    /// Where a packet belongs, samples since the start; `None`: before it.
    fn place(&mut self, ssrc: u32, timestamp: u32, codec: Codec, elapsed: Duration) -> Option<u32> {
        let clock = samples(elapsed) as i64;
        if let Some(base) = self.base
            && (base.ssrc, base.codec.clock_ratio()) == (ssrc, codec.clock_ratio())
        {
            let steps = i64::from(timestamp.wrapping_sub(base.timestamp) as i32);
            let offset = i64::from(base.offset) + steps / i64::from(codec.clock_ratio());
            if (offset - clock).abs() <= OFF_MAX {
                // Counted on from here: a timestamp goes round in nine hours of G.711, but in an hour and a half of Opus.
                if let Ok(offset) = u32::try_from(offset)
                    && steps > 0
                {
                    self.base = Some(Base { ssrc, codec, timestamp, offset });
                }
                return u32::try_from(offset).ok();
            }
        }
        let first = self.base.is_none() && elapsed <= FIRST;
        let offset = if first { 0 } else { self.end.max(u32::try_from(clock).unwrap_or(u32::MAX)) };
        self.base = Some(Base { ssrc, codec, timestamp, offset });
        Some(offset)
    }

    /// False: there was no room.
    fn keep(&mut self, place: Place, payload: &[u8], now: Instant) -> bool {
        if payload.is_empty() || payload.len() > PAYLOAD_MAX {
            return false;
        }
        // Room for the marks of gaps, too.
        let needed = 3 * FRAME_BYTES + 8 + payload.len();
        if self.buffer.len() + needed > BUFFER_BYTES {
            self.flush(now);
        }
        if self.buffer.len() + needed > BUFFER_BYTES {
            self.stream(place.channel).dropped += 1;
            self.gaps += 1;
            return false;
        }
        self.mark_dropped();
        self.buffer.extend_from_slice(&segment::audio(place, payload));
        self.buffer.extend_from_slice(payload);
        true
    }

    const fn stream(&mut self, channel: Channel) -> &mut Stream {
        match channel {
            Channel::Received => &mut self.received,
            Channel::Sent => &mut self.sent,
        }
    }

    fn mark_dropped(&mut self) {
        for channel in [Channel::Received, Channel::Sent] {
            let dropped = self.stream(channel).dropped;
            if dropped > 0 && self.buffer.len() + FRAME_BYTES + 4 <= BUFFER_BYTES {
                let place = Place { channel, codec: Codec::Pcma, source: 0, rtp: 0, arrived: self.end };
                self.buffer.extend_from_slice(&segment::dropped(place, dropped));
                self.stream(channel).dropped = 0;
            }
        }
    }

    /// Hands the buffer over if another one is free; else it goes on filling.
    fn flush(&mut self, now: Instant) {
        self.flushed = now;
        if self.buffer.is_empty() {
            return;
        }
        let Some(empty) = self.free.try_recv().ok().or_else(|| self.unused.pop()) else { return };
        let bytes = std::mem::replace(&mut self.buffer, empty);
        let job = Job::Append { target: Arc::clone(&self.target), bytes, end: self.end };
        match self.writer.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                if let Job::Append { bytes, .. } = job {
                    self.unused.push(std::mem::replace(&mut self.buffer, bytes));
                }
            }
        }
    }
}

/// Samples of the 8 kHz clock in a time.
fn samples(time: Duration) -> u64 {
    (time.as_micros() / 125) as u64
}

/// The same as it stands in a file.
fn ticks(time: Duration) -> u32 {
    u32::try_from(samples(time)).unwrap_or(u32::MAX)
}

/// What of a payload fits into so many samples. A packet of Opus can't be cut.
fn within(codec: Codec, payload: &[u8], room: u64) -> &[u8] {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => &payload[..payload.len().min(room)],
        Codec::Opus if codec.samples(payload) <= room => payload,
        Codec::Opus => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::restore::{self, G711, Sound};
    use hotline_core::ids::RecordingId;
    use tokio::sync::mpsc;

    struct Bench {
        recorder: Recorder,
        jobs: Receiver<Job>,
        start: Instant,
        segment: Vec<u8>,
    }

    impl Bench {
        fn new(limits: RecordLimits) -> Self {
            Self::with(limits, false)
        }

        fn with(limits: RecordLimits, both: bool) -> Self {
            let start = crate::clock::now().mono;
            let (writer, jobs) = crossbeam_channel::bounded(64);
            let (events, _) = mpsc::channel(1);
            let recording = RecordingId(uuid::Uuid::from_u128(1));
            let request = RecordRequest { recording, file: "unused.seg".into(), limits, both };
            let mut recorder = Recorder::new(request, Codec::Pcma, events, writer, start);
            recorder.begin(5, start);
            Self { recorder, jobs, start, segment: Vec::new() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn packet(&mut self, timestamp: u32, byte: u8, ms: u64) -> Option<RecordingEnd> {
            let now = self.at(ms);
            self.recorder.packet((9, timestamp), Codec::Pcma, &[byte; 160], now)
        }

        /// What the writer would do.
        fn write(&mut self) {
            for job in self.jobs.try_iter() {
                if let Job::Append { target, mut bytes, .. } = job {
                    self.segment.extend_from_slice(&bytes);
                    bytes.clear();
                    target.free.try_send(bytes).unwrap();
                }
            }
        }

        fn sound(mut self) -> Sound {
            self.write();
            let Job::Close { bytes, .. } = self.recorder.finish(RecordingEnd::Key) else { panic!() };
            self.segment.extend_from_slice(&bytes);
            restore::sound(&self.segment, G711::default).unwrap()
        }
    }

    const LIMITS: RecordLimits = RecordLimits { max: Duration::from_mins(1), end_silence: None, no_speech: None };

    #[test]
    fn a_flood_fills_no_disk_and_the_phone_is_heard_after_it() {
        let mut bench = Bench::new(RecordLimits { max: Duration::from_mins(1), end_silence: None, no_speech: None });
        for n in 0..20_000_u32 {
            bench.packet(n / 20 * 8, 0x55, u64::from(n / 20));
            bench.write();
        }
        assert!(bench.recorder.gaps > 17_000, "{}", bench.recorder.gaps);
        assert!(bench.recorder.kept < 2_300, "{}", bench.recorder.kept);
        let gaps = bench.recorder.gaps;
        for n in 0..50_u32 {
            bench.packet(16_000 + n * 160, 0x2a, 2_000 + u64::from(n) * 20);
            bench.write();
        }
        assert_eq!(bench.recorder.gaps, gaps);
    }

    #[test]
    fn the_header_and_then_several_times_a_second_something_reaches_the_writer() {
        let mut bench = Bench::new(LIMITS);
        assert_eq!(bench.jobs.len(), 1, "the header at once");
        for n in 0..50 {
            bench.packet(1_000 + n * 160, 0xd4, 3 + u64::from(n) * 20);
            let now = bench.at(u64::from(n) * 20 + 10);
            assert_eq!(bench.recorder.turn(now), None);
        }
        assert!((5..=7).contains(&bench.jobs.len()), "{}", bench.jobs.len());
        let sound = bench.sound();
        assert_eq!(sound.samples, vec![g711::decode_a(0xd4); 8_000]);
        assert_eq!(sound.stats[0].missing, 0);
    }

    #[test]
    fn a_slow_writer_leaves_a_marked_gap_after_four_seconds() {
        let mut bench = Bench::new(LIMITS);
        let mut n = 0_u32;
        while bench.recorder.gaps == 0 {
            bench.packet(n * 160, 0xd4, u64::from(n) * 20);
            let now = bench.at(u64::from(n) * 20);
            bench.recorder.turn(now);
            n += 1;
        }
        assert!(n > 150 && n < 250, "{n} packets were kept");
        for _ in 0..9 {
            bench.packet(n * 160, 0xd4, u64::from(n) * 20);
            n += 1;
        }
        bench.write();
        bench.packet(n * 160, 0xd4, u64::from(n) * 20);
        let sound = bench.sound();
        assert_eq!((sound.dropped, sound.stats[0].missing), (10, 1_600));
        assert_eq!(sound.samples.len(), (n as usize + 1) * 160);
    }

    #[test]
    fn a_restarted_source_goes_on_where_the_clock_is() {
        let mut bench = Bench::new(LIMITS);
        bench.packet(4_000_000_000, 0xd4, 10);
        bench.packet(4_000_000_160, 0xd4, 30);
        let now = bench.at(1_000);
        bench.recorder.packet((77, 5), Codec::Pcmu, &[0x80; 160], now);
        let sound = bench.sound();
        // The first packet, which came after 10 ms, is the beginning.
        assert_eq!(sound.samples.len(), 8_000 - 80 + 160);
        assert_eq!(*sound.samples.last().unwrap(), 32_124, "in its own law");
    }

    #[test]
    fn max_is_exact_and_counts_without_packets_too() {
        let max = Duration::from_millis(50);
        let mut bench = Bench::new(RecordLimits { max, ..LIMITS });
        assert_eq!(bench.packet(0, 0xd4, 0), None);
        assert_eq!(bench.packet(160, 0xd4, 20), None);
        assert_eq!(bench.packet(320, 0xd4, 40), Some(RecordingEnd::MaxLength));
        assert_eq!(bench.sound().samples.len(), 400);
        let mut silent = Bench::new(RecordLimits { max, ..LIMITS });
        let now = silent.at(251);
        assert_eq!(silent.recorder.turn(now), Some(RecordingEnd::MaxLength));
    }

    #[test]
    fn a_caller_who_sends_nothing_says_nothing() {
        let mut bench = Bench::new(RecordLimits { no_speech: Some(Duration::from_secs(5)), ..LIMITS });
        let end = (0..400).find_map(|n| {
            let now = bench.at(n * 20);
            bench.recorder.turn(now).map(|end| (end, n * 20))
        });
        let Some((RecordingEnd::NoSpeech, ms)) = end else { panic!("{end:?}") };
        assert!((5_000..=5_400).contains(&ms), "{ms}");
    }

    #[test]
    fn packets_from_before_the_start_are_left_out() {
        let mut bench = Bench::new(LIMITS);
        bench.packet(1_600, 0xd4, 1);
        bench.packet(1_440, 0xd4, 2);
        assert_eq!(bench.sound().samples.len(), 160);
    }

    #[test]
    fn both_sides_of_a_conversation_fill_four_seconds_of_buffers_and_no_more() {
        let mut bench = Bench::with(LIMITS, true);
        let mut n = 0_u32;
        while bench.recorder.gaps == 0 {
            let now = bench.at(u64::from(n) * 20);
            bench.packet(n * 160, 0xd4, u64::from(n) * 20);
            bench.recorder.sent((5, n * 160), Codec::Pcma, &[0x55; 160], now);
            assert_eq!(bench.recorder.turn(now), None);
            n += 1;
        }
        assert!((150..230).contains(&n), "{n} pairs of packets were kept");
        bench.write();
        let sound = bench.sound();
        assert_eq!(sound.header.channels(), 2);
        assert_eq!(sound.samples[2_000 * 2..2_000 * 2 + 2], [g711::decode_a(0xd4), g711::decode_a(0x55)]);
    }

    #[test]
    fn a_late_packet_of_the_source_before_is_no_third_source() {
        let mut stream = Stream::default();
        assert_eq!([7, 7, 9, 7, 9, 5, 9, 7].map(|ssrc| stream.source(ssrc)), [0, 0, 1, 0, 1, 2, 1, 3]);
    }
}
