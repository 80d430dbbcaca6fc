//! Whom a leg hears: the locked source, and how well its packets come.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rtp_rs::RtpReader;

use super::ports::Stream;
use super::{Quality, Remote, Told};

/// While the first packets came from elsewhere than the SDP says, the address of the SDP may still take over for so
/// long. Behind address translation it never will; when somebody else was merely faster, it does.
const TENTATIVE: Duration = Duration::from_millis(500);

/// So long the stream of the call that ended on this port is not heard in the next.
const LATE: Duration = Duration::from_secs(5);

/// What a leg counts. Written by its lane alone, read by anybody.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) lost: AtomicU64,
    /// The bits of an `f64`, ms.
    pub(super) jitter: AtomicU64,
    pub(super) strangers: AtomicU64,
    /// The other side reported on what we send: the next two are what it said.
    pub(super) told: AtomicBool,
    pub(super) told_lost: AtomicU64,
    /// The bits of an `f64`, ms.
    pub(super) told_jitter: AtomicU64,
    /// The bits of an `f64`, ms; not a number until it is known.
    pub(super) round_trip: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            sent: zero(),
            received: zero(),
            lost: zero(),
            jitter: zero(),
            strangers: zero(),
            told: AtomicBool::new(false),
            told_lost: zero(),
            told_jitter: zero(),
            round_trip: AtomicU64::new(f64::NAN.to_bits()),
        }
    }
}

impl Stats {
    pub(super) fn quality(&self) -> Quality {
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Quality {
            sent: load(&self.sent),
            received: load(&self.received),
            lost: load(&self.lost),
            jitter_ms: f64::from_bits(load(&self.jitter)),
            strangers: load(&self.strangers),
            told: self
                .told
                .load(Ordering::Relaxed)
                .then(|| Told { lost: load(&self.told_lost), jitter_ms: f64::from_bits(load(&self.told_jitter)) }),
            round_trip_ms: Some(f64::from_bits(load(&self.round_trip))).filter(|ms| !ms.is_nan()),
        }
    }

    pub(super) fn count(cell: &AtomicU64) {
        // One writer: no need for a locked add.
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Audio in the codec agreed on.
    Audio,
    /// A telephone event.
    Event,
    /// From the right source, of no use to us (comfort noise, unknown payload type).
    Other,
    /// Not ours: dropped.
    Dropped,
}

/// What was received of the stream that is heard now, for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) ssrc: u32,
    /// Highest sequence number, with its wraps.
    pub(super) highest: u32,
    pub(super) expected: u32,
    pub(super) came: u32,
    /// In timestamp units.
    pub(super) jitter: u32,
}

/// The source that a leg is locked on.
#[derive(Debug, Default)]
pub(super) struct Source {
    locked: Option<Locked>,
    /// Whom the call before heard on this port, and since when another is expected here.
    late: Option<Stream>,
    since: Option<Instant>,
    reception: Option<Reception>,
    /// Lost in streams that have ended (a new SSRC, a new source).
    lost_before: u64,
}

#[derive(Debug, Clone, Copy)]
struct Locked {
    address: SocketAddr,
    since: Instant,
    /// It is the address of the SDP, or has been heard for long enough.
    sure: bool,
}

impl Source {
    /// On a port where the call before heard `late`.
    pub(super) fn new(late: Option<Stream>) -> Self {
        Self { late, ..Self::default() }
    }

    /// The other side was set anew: learn again.
    pub(super) fn unlock(&mut self, now: Instant) {
        self.locked = None;
        self.since.get_or_insert(now);
    }

    /// Whom the leg hears.
    pub(super) fn stream(&self) -> Option<Stream> {
        Some((self.locked?.address, self.reception.as_ref()?.ssrc))
    }

    /// Where packets really come from, once known.
    pub(super) fn learned(&self) -> Option<SocketAddr> {
        self.locked.map(|locked| locked.address)
    }

    /// What came of the stream that is heard now.
    pub(super) fn received(&self) -> Option<Received> {
        self.reception.as_ref().map(|reception| Received {
            ssrc: reception.ssrc,
            highest: reception.highest,
            expected: reception.expected(),
            came: reception.received,
            jitter: reception.jitter as u32,
        })
    }

    /// The source is beyond doubt: the address of the SDP, or heard for long enough.
    pub(super) fn is_sure(&self) -> bool {
        self.locked.is_some_and(|locked| locked.sure)
    }

    /// Judges a packet, locks on its source if there is none yet, and counts.
    pub(super) fn hear(
        &mut self,
        packet: &RtpReader<'_>,
        from: SocketAddr,
        remote: &Remote,
        now: Instant,
        stats: &Stats,
    ) -> Heard {
        let kind = if packet.payload_type() == remote.receive_payload_type {
            Heard::Audio
        } else if remote.events.is_some_and(|(_, ours)| ours == packet.payload_type()) {
            Heard::Event
        } else {
            Heard::Other
        };
        if self.is_late((from, packet.ssrc()), remote, now) || !self.admit(from, kind, remote, now) {
            Stats::count(&stats.strangers);
            return Heard::Dropped;
        }
        Stats::count(&stats.received);
        self.count(packet, (kind, remote.codec.clock_hz()), now, stats);
        // A key from an address that nothing vouches for yet may be a stranger's who sprays our ports with
        // "1": it may become the source, but it presses nothing.
        if kind == Heard::Event && !self.is_sure() {
            return Heard::Other;
        }
        kind
    }

    /// A packet of the call that ended on this port: its phone has not noticed, or the packet was long on its way.
    /// After a while it may be a phone that rings again and never changes its name.
    fn is_late(&self, stream: Stream, remote: &Remote, now: Instant) -> bool {
        let early = self.since.is_none_or(|since| now.saturating_duration_since(since) < LATE);
        early && self.late == Some(stream) && stream.0 != remote.address
    }

    fn admit(&mut self, from: SocketAddr, kind: Heard, remote: &Remote, now: Instant) -> bool {
        match &mut self.locked {
            Some(locked) if locked.address == from => {
                locked.sure |= now.saturating_duration_since(locked.since) > TENTATIVE;
                true
            }
            Some(locked) => {
                let late = locked.sure || now.saturating_duration_since(locked.since) > TENTATIVE;
                if late || from != remote.address || kind == Heard::Other {
                    return false;
                }
                *locked = Locked { address: from, since: now, sure: true };
                true
            }
            // Only what we agreed on can make a source ours.
            None if kind == Heard::Other || kind == Heard::Dropped => false,
            None => {
                self.locked = Some(Locked { address: from, since: now, sure: from == remote.address });
                true
            }
        }
    }

    fn count(&mut self, packet: &RtpReader<'_>, (kind, clock_hz): (Heard, u32), now: Instant, stats: &Stats) {
        let sequence = u16::from(packet.sequence_number());
        let same = self.reception.as_ref().is_some_and(|r| r.ssrc == packet.ssrc());
        if !same {
            self.lost_before += self.reception.as_ref().map_or(0, Reception::lost);
            self.reception = Some(Reception::new(packet.ssrc(), sequence));
        }
        let Some(reception) = &mut self.reception else { return };
        if reception.sequence(sequence) {
            // The source began anew without changing its SSRC.
            self.lost_before += reception.lost();
            *reception = Reception::new(packet.ssrc(), sequence);
            reception.sequence(sequence);
        }
        // The timestamp of an event stands still while the key is down.
        if kind == Heard::Audio {
            reception.jitter(packet.timestamp(), now, f64::from(clock_hz));
            let ms = reception.jitter * 1_000.0 / f64::from(clock_hz);
            stats.jitter.store(ms.to_bits(), Ordering::Relaxed);
        }
        stats.lost.store(self.lost_before + reception.lost(), Ordering::Relaxed);
    }
}

/// RFC 3550 appendices A.1, A.3, A.8.
#[derive(Debug)]
struct Reception {
    ssrc: u32,
    first: u32,
    /// Highest sequence number, with its wraps above 16 bits.
    highest: u32,
    received: u32,
    /// The sequence number that would confirm a restart.
    restart: Option<u16>,
    last: Option<(u32, Instant)>,
    /// In timestamp units.
    jitter: f64,
}

impl Reception {
    const MAX_DROPOUT: u16 = 3_000;
    const MAX_MISORDER: u16 = 100;

    fn new(ssrc: u32, sequence: u16) -> Self {
        let first = u32::from(sequence);
        Self { ssrc, first, highest: first, received: 0, restart: None, last: None, jitter: 0.0 }
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.first).wrapping_add(1)
    }

    fn lost(&self) -> u64 {
        u64::from(self.expected().saturating_sub(self.received))
    }

    /// Counts; true: the sequence begins anew here.
    fn sequence(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < Self::MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead <= u16::MAX - Self::MAX_MISORDER {
            let confirmed = self.restart == Some(sequence);
            self.restart = Some(sequence.wrapping_add(1));
            return confirmed;
        }
        self.received += 1;
        self.restart = None;
        false
    }

    fn jitter(&mut self, timestamp: u32, now: Instant, clock_hz: f64) {
        if let Some((last_timestamp, last)) = self.last {
            let arrival = now.saturating_duration_since(last).as_secs_f64() * clock_hz;
            let sent = f64::from(timestamp.wrapping_sub(last_timestamp) as i32);
            // A pause (silence suppression) or a jump says nothing about the network.
            if sent.abs() < clock_hz {
                self.jitter += ((arrival - sent).abs() - self.jitter) / 16.0;
            }
        }
        self.last = Some((timestamp, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::Codec;
    use rtp_rs::RtpPacketBuilder;

    struct Bench {
        source: Source,
        stats: Stats,
        remote: Remote,
        start: Instant,
    }

    const SDP: &str = "192.0.2.7:4000";
    const NAT: &str = "198.51.100.9:61000";

    impl Bench {
        fn new() -> Self {
            let remote = Remote {
                address: SDP.parse().unwrap(),
                codec: Codec::Pcma,
                payload_type: 8,
                receive_payload_type: 8,
                events: Some((101, 101)),
                events_hz: 8_000,
                ptime_ms: 20,
                send: true,
                receive: true,
                rtcp: hotline_core::sdp::Rtcp::NextPort,
            };
            Self { source: Source::default(), stats: Stats::default(), remote, start: crate::clock::now().mono }
        }

        fn hear(&mut self, from: &str, payload_type: u8, sequence: u16, ms: u64) -> Heard {
            let packet = RtpPacketBuilder::new()
                .payload_type(payload_type)
                .ssrc(1)
                .sequence(sequence.into())
                .timestamp(u32::from(sequence).wrapping_mul(160))
                .payload(&[0xd5; 160])
                .build()
                .unwrap();
            let packet = RtpReader::new(&packet).unwrap();
            let now = self.start + Duration::from_millis(ms);
            self.source.hear(&packet, from.parse().unwrap(), &self.remote, now, &self.stats)
        }
    }

    #[test]
    fn locks_on_the_first_valid_source_and_drops_the_others() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear(SDP, 13, 1, 0), Heard::Dropped, "comfort noise locks nothing");
        assert_eq!(bench.hear(SDP, 8, 2, 20), Heard::Audio);
        assert_eq!(bench.hear(NAT, 8, 3, 40), Heard::Dropped);
        assert_eq!(bench.hear(SDP, 101, 3, 40), Heard::Event);
        assert_eq!(bench.hear(SDP, 13, 4, 60), Heard::Other);
        assert_eq!(bench.stats.quality().strangers, 2);
        assert_eq!(bench.source.learned(), Some(SDP.parse().unwrap()));
    }

    #[test]
    fn the_address_of_the_sdp_takes_over_from_one_that_was_faster() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear(NAT, 8, 1, 0), Heard::Audio);
        assert_eq!(bench.hear(SDP, 8, 2, 100), Heard::Audio);
        assert_eq!(bench.hear(NAT, 8, 3, 120), Heard::Dropped);
    }

    #[test]
    fn a_translated_address_stays_once_it_was_heard_for_half_a_second() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear(NAT, 8, 1, 0), Heard::Audio);
        assert_eq!(bench.hear(NAT, 8, 2, 600), Heard::Audio);
        assert_eq!(bench.hear(SDP, 8, 2, 620), Heard::Dropped);
        bench.source.unlock(bench.start);
        assert_eq!(bench.hear(SDP, 8, 2, 640), Heard::Audio, "a new connect learns again");
    }

    #[test]
    fn a_stranger_who_is_faster_presses_no_key() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear(NAT, 101, 1, 0), Heard::Other, "one packet to a port that has heard nothing yet");
        assert_eq!(bench.hear(NAT, 101, 2, 20), Heard::Other);
        assert_eq!(bench.hear(SDP, 101, 1, 40), Heard::Event, "the phone itself counts at once");
        assert_eq!(bench.hear(NAT, 101, 3, 700), Heard::Dropped);

        let mut bench = Bench::new();
        assert_eq!(bench.hear(NAT, 8, 1, 0), Heard::Audio, "behind address translation");
        assert_eq!(bench.hear(NAT, 101, 2, 520), Heard::Event);
    }

    #[test]
    fn the_stream_of_the_call_before_is_not_heard_for_a_while() {
        let mut bench = Bench::new();
        bench.source = Source::new(Some((NAT.parse().unwrap(), 1)));
        bench.source.unlock(bench.start);
        assert_eq!(bench.hear(NAT, 8, 1, 20), Heard::Dropped);
        assert_eq!(bench.hear(NAT, 101, 2, 4_900), Heard::Dropped);
        assert_eq!(bench.source.stream(), None);
        assert_eq!(bench.hear(NAT, 8, 3, 5_001), Heard::Audio, "it may ring again with the same name");
        // Where signalling says that it is, it is the phone.
        let mut bench = Bench::new();
        bench.source = Source::new(Some((SDP.parse().unwrap(), 1)));
        bench.source.unlock(bench.start);
        assert_eq!(bench.hear(SDP, 8, 1, 20), Heard::Audio);
    }

    #[test]
    fn loss_is_counted_over_wraps_disorder_and_restarts() {
        let mut bench = Bench::new();
        for (sequence, ms) in [(65_533, 0), (65_535, 40), (65_534, 41), (1, 80), (2, 100)] {
            bench.hear(SDP, 8, sequence, ms);
        }
        assert_eq!(bench.stats.quality().lost, 1, "only 0 is missing");
        for sequence in [30_000, 30_001, 30_002] {
            bench.hear(SDP, 8, sequence, 200);
        }
        let quality = bench.stats.quality();
        assert_eq!((quality.lost, quality.received), (1, 8));
    }

    #[test]
    fn jitter_is_that_of_the_rfc() {
        let mut bench = Bench::new();
        for n in 0..200_u16 {
            // Every other packet is 4 ms late: each difference is 4 ms.
            bench.hear(SDP, 8, n, u64::from(n) * 20 + u64::from(n % 2) * 4);
        }
        let jitter = bench.stats.quality().jitter_ms;
        assert!((jitter - 4.0).abs() < 0.1, "{jitter}");
    }
}
