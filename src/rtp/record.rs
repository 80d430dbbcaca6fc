//! A recording as its lane sees it: payload goes into buffers, full buffers to
//! the writer, samples to the voice detector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use hotline_core::audio::endpoint::{EndpointLimits, Verdict};
use hotline_core::audio::segment::{self, FRAME_BYTES, PAYLOAD_MAX};
use hotline_core::audio::{Codec, g711};
use hotline_core::call::command::RecordLimits;
use hotline_core::fact::RecordingEnd;

use super::voice::Voice;
use super::writer::{Job, Target};
use super::{MediaEvents, RecordRequest};

/// Buffers of a recording: at one each 250 ms, the writer may be 4 s late.
const BUFFERS: usize = 16;
/// Bytes of a buffer: half a second of 20 ms packets.
const BUFFER_BYTES: usize = 4_608;
/// What was received is handed to the writer at least this often. A turn (60 ms at most) may come on top.
const FLUSH: Duration = Duration::from_millis(180);
/// A packet whose timestamp is further than this from the clock begins a new count: the source was restarted, or it
/// stops its clock in pauses.
const OFF_MAX: i64 = 2 * 8_000;
/// The first packet stands at 0 if it comes within this time.
const FIRST: Duration = Duration::from_millis(200);
/// Nothing received for so long (samples): the listener is told that time passes.
const MISSING: u64 = 1_600;
/// What may still come late, samples.
const LATE: u64 = 800;

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Recorder {
    target: Arc<Target>,
    limits: RecordLimits,
    codec: Codec,
    buffer: Vec<u8>,
    free: Receiver<Vec<u8>>,
    writer: Sender<Job>,
    voice: Box<Voice>,
    began: Instant,
    flushed: Instant,
    /// The source and what is added to its timestamps to give samples since the start.
    base: Option<(u32, u32)>,
    /// Where the audio in hand ends, samples.
    end: u32,
    /// Packets that found no buffer, not yet marked in the file.
    dropped: u32,
    /// Packets that found no buffer, in all.
    pub(super) gaps: u64,
}

impl Recorder {
    /// Prepared by whoever gives the order; [`Recorder::begin`] is the lane's part.
    pub(super) fn new(request: RecordRequest, events: MediaEvents, writer: Sender<Job>, now: Instant) -> Self {
        let (free_in, free) = crossbeam_channel::bounded(BUFFERS);
        for _ in 1..BUFFERS {
            let _fits = free_in.try_send(Vec::with_capacity(BUFFER_BYTES));
        }
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
            codec: Codec::Pcma,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            free,
            writer,
            voice: Box::new(Voice::new(listen)),
            began: now,
            flushed: now,
            base: None,
            end: 0,
            dropped: 0,
            gaps: 0,
        }
    }

    /// From now on. The header goes out at once, so that even the shortest recording leaves a file.
    pub(super) fn begin(&mut self, codec: Codec, started_ms: u64, now: Instant) {
        self.codec = codec;
        self.began = now;
        segment::encode_header(&mut self.buffer, segment::Header { codec, started_ms });
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
        if self.target.failed.load(Ordering::Relaxed) {
            return Some(RecordingEnd::Failed);
        }
        let elapsed = now.saturating_duration_since(self.began);
        let offset = self.place(ssrc, timestamp, elapsed)?;
        let max = samples(self.limits.max);
        let room = max.saturating_sub(u64::from(offset)) as usize;
        let mut bytes = [0; PAYLOAD_MAX];
        let length = payload.len().min(PAYLOAD_MAX).min(room);
        let bytes = &mut bytes[..length];
        bytes.copy_from_slice(&payload[..length]);
        if let (Some(from), Some(to)) = (codec.law(), self.codec.law()) {
            g711::transcode(from, to, bytes);
        }
        let late = offset < self.end;
        self.keep(offset, bytes, now);
        if length < payload.len() || length == room {
            return Some(RecordingEnd::MaxLength);
        }
        if late {
            return None;
        }
        let law = self.codec.law()?;
        let verdict = self.voice.push(bytes.iter().map(|byte| g711::decode(law, *byte)));
        self.judge(verdict)
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
        let missing = samples(elapsed).saturating_sub(self.voice.heard());
        if missing > MISSING {
            let verdict = self.voice.missing(missing - LATE);
            return self.judge(verdict);
        }
        None
    }

    /// Over: what is left goes to the writer, who closes the file and tells.
    pub(super) fn finish(mut self, reason: RecordingEnd) -> Job {
        self.mark_dropped();
        self.target.speech.store(self.voice.speech(), Ordering::Relaxed);
        let bytes = std::mem::take(&mut self.buffer);
        Job::Close { target: Arc::clone(&self.target), bytes, end: self.end, reason }
    }

    fn judge(&self, verdict: Verdict) -> Option<RecordingEnd> {
        self.target.speech.store(self.voice.speech(), Ordering::Relaxed);
        match verdict {
            Verdict::Listen => None,
            Verdict::Finished => Some(RecordingEnd::Silence),
            Verdict::NoSpeech => Some(RecordingEnd::NoSpeech),
        }
    }

    /// Where a packet belongs, samples since the start; `None`: before it.
    fn place(&mut self, ssrc: u32, timestamp: u32, elapsed: Duration) -> Option<u32> {
        let clock = samples(elapsed) as i64;
        if let Some((known, base)) = self.base
            && known == ssrc
        {
            let offset = i64::from(timestamp.wrapping_sub(base) as i32);
            if (offset - clock).abs() <= OFF_MAX {
                return u32::try_from(offset).ok();
            }
        }
        let first = self.base.is_none() && elapsed <= FIRST;
        let offset = if first { 0 } else { self.end.max(u32::try_from(clock).unwrap_or(u32::MAX)) };
        self.base = Some((ssrc, timestamp.wrapping_sub(offset)));
        Some(offset)
    }

    fn keep(&mut self, offset: u32, payload: &[u8], now: Instant) {
        if payload.is_empty() {
            return;
        }
        // Room for the mark of a gap, too.
        if self.buffer.len() + 2 * FRAME_BYTES + 4 + payload.len() > BUFFER_BYTES {
            self.flush(now);
        }
        if self.buffer.len() + 2 * FRAME_BYTES + 4 + payload.len() > BUFFER_BYTES {
            self.dropped += 1;
            self.gaps += 1;
            return;
        }
        self.mark_dropped();
        segment::encode_frame(&mut self.buffer, offset, payload);
        self.end = self.end.max(offset + payload.len() as u32);
    }

    fn mark_dropped(&mut self) {
        if self.dropped > 0 && self.buffer.len() + FRAME_BYTES + 4 <= BUFFER_BYTES {
            segment::encode_dropped(&mut self.buffer, self.end, self.dropped);
            self.dropped = 0;
        }
    }

    /// Hands the buffer over if another one is free; else it goes on filling.
    fn flush(&mut self, now: Instant) {
        self.flushed = now;
        if self.buffer.is_empty() {
            return;
        }
        let Ok(empty) = self.free.try_recv() else { return };
        let bytes = std::mem::replace(&mut self.buffer, empty);
        let job = Job::Append { target: Arc::clone(&self.target), bytes, end: self.end };
        match self.writer.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                if let Job::Append { bytes, .. } = job {
                    let empty = std::mem::replace(&mut self.buffer, bytes);
                    let _fits = self.target.free.try_send(empty);
                }
            }
        }
    }
}

/// Samples of the 8 kHz clock in a time.
fn samples(time: Duration) -> u64 {
    (time.as_micros() / 125) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let start = crate::clock::now().mono;
            let (writer, jobs) = crossbeam_channel::bounded(64);
            let (events, _) = mpsc::channel(1);
            let recording = RecordingId(uuid::Uuid::from_u128(1));
            let request = RecordRequest { recording, file: "unused.seg".into(), limits };
            let mut recorder = Recorder::new(request, events, writer, start);
            recorder.begin(Codec::Pcma, 5, start);
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

        fn decoded(mut self) -> segment::Decoded {
            self.write();
            let Job::Close { bytes, .. } = self.recorder.finish(RecordingEnd::Key) else { panic!() };
            self.segment.extend_from_slice(&bytes);
            segment::decode(&self.segment).unwrap()
        }
    }

    const LIMITS: RecordLimits = RecordLimits { max: Duration::from_mins(1), end_silence: None, no_speech: None };

    #[test]
    fn the_header_and_then_four_times_a_second_something_reaches_the_writer() {
        let mut bench = Bench::new(LIMITS);
        assert_eq!(bench.jobs.len(), 1, "the header at once");
        for n in 0..50 {
            bench.packet(1_000 + n * 160, 0xd4, 3 + u64::from(n) * 20);
            let now = bench.at(u64::from(n) * 20 + 10);
            assert_eq!(bench.recorder.turn(now), None);
        }
        assert!((5..=7).contains(&bench.jobs.len()), "{}", bench.jobs.len());
        let decoded = bench.decoded();
        assert_eq!(decoded.samples, vec![g711::decode_a(0xd4); 8_000]);
        assert_eq!(decoded.lost_ms, 0);
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
        let decoded = bench.decoded();
        assert_eq!(decoded.dropped, 10);
        assert_eq!(decoded.lost_ms, 200);
        assert_eq!(decoded.samples.len(), (n as usize + 1) * 160);
    }

    #[test]
    fn a_restarted_source_goes_on_where_the_clock_is() {
        let mut bench = Bench::new(LIMITS);
        bench.packet(4_000_000_000, 0xd4, 10);
        bench.packet(4_000_000_160, 0xd4, 30);
        let now = bench.at(1_000);
        bench.recorder.packet((77, 5), Codec::Pcmu, &[0x80; 160], now);
        let decoded = bench.decoded();
        assert_eq!(decoded.samples.len(), 8_000 + 160);
        assert_eq!(*decoded.samples.last().unwrap(), 32_256, "mu-law is turned into the file's A-law");
    }

    #[test]
    fn max_is_exact_and_counts_without_packets_too() {
        let max = Duration::from_millis(50);
        let mut bench = Bench::new(RecordLimits { max, ..LIMITS });
        assert_eq!(bench.packet(0, 0xd4, 0), None);
        assert_eq!(bench.packet(160, 0xd4, 20), None);
        assert_eq!(bench.packet(320, 0xd4, 40), Some(RecordingEnd::MaxLength));
        assert_eq!(bench.decoded().samples.len(), 400);
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
        assert_eq!(bench.decoded().samples.len(), 160);
    }
}
