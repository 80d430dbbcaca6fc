//! RTCP of one leg (RFC 3550 section 6): every five seconds or so a report on
//! what came and what went, and what the other side reports of it. Two take part,
//! so the bandwidth of section 6.2 is never what limits it: the least interval is.
//!
//! No socket, no clock: `leg/control.rs` sends and receives. A report of the other
//! side is believed if it comes from the host whose media we hear, names the
//! source that we hear, and answers a report that we sent.

pub(super) mod packet;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hotline_core::sdp;
use jiff::Timestamp;

use super::Remote;
use super::source::{Received, Stats};
use packet::{Block, CNAME_BYTES, Compound, Report, Sender};

/// Mean interval between reports (section 6.2), before it is made uneven.
const INTERVAL: Duration = Duration::from_secs(5);
/// Makes up for the interval's being drawn at random (section 6.3.1: e − 3/2).
const COMPENSATION: f64 = 1.218_28;
/// Reports of ours that an answer may refer to.
const REMEMBERED: usize = 4;
/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;
/// How much a new round trip counts against those before.
const ROUND_TRIP_PART: f64 = 0.25;
/// No path is longer: what says so is wrong.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// What the leg sends, at the moment of a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) ssrc: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
    /// The stream's timestamp now.
    pub(super) timestamp: u32,
}

/// Whom a leg hears, as far as a report must fit it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// The locked source's host, or that of the SDP until there is one.
    pub(super) host: IpAddr,
    /// Its stream; `None`: nothing came yet.
    pub(super) ssrc: Option<u32>,
    /// Clock of the stream that we send, Hz.
    pub(super) clock_hz: u32,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A report that was believed.
    Believed,
    /// RTCP, but not from whom we hear.
    Stranger,
    /// No RTCP.
    Malformed,
}

/// A leg's part in RTCP.
#[derive(Debug)]
pub(super) struct Rtcp {
    cname: [u8; CNAME_BYTES],
    dice: u32,
    due: Option<Instant>,
    /// Packets sent at the last report and at the one before.
    packets: [u32; 2],
    /// Our reports: the middle of their wall clock, and when they left.
    sent: [Option<(u32, Instant)>; REMEMBERED],
    reports: usize,
    /// Their last sender report, likewise.
    theirs: Option<(u32, Instant)>,
    /// Whom the last report was about, and what was expected and received until then.
    before: (u32, u32, u32),
    /// Where their reports come from.
    source: Option<SocketAddr>,
}

impl Rtcp {
    /// `seed`: random, for the name and the intervals.
    pub(super) fn new(seed: u128) -> Self {
        let letter = |n: usize| {
            // 64 letters, 6 bits each: 96 random bits in 16 letters, as RFC 7022 wants.
            const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            LETTERS[(seed >> (n * 6)) as usize & 63]
        };
        Self {
            cname: std::array::from_fn(letter),
            dice: (seed >> 96) as u32,
            due: None,
            packets: [0; 2],
            sent: [None; REMEMBERED],
            reports: 0,
            theirs: None,
            before: (0, 0, 0),
            source: None,
        }
    }

    /// The other side was set anew. The first report comes early (section 6.2).
    pub(super) fn connect(&mut self, now: Instant) {
        self.source = None;
        if self.due.is_none() {
            self.due = Some(now + self.interval(INTERVAL / 2));
        }
    }

    /// A report is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Something was sent, so that an end must be told.
    pub(super) const fn took_part(&self) -> bool {
        self.reports > 0
    }

    /// Where reports go; `None`: nowhere (hold by an address of zeros).
    pub(super) fn destination(&self, remote: &Remote, learned: Option<SocketAddr>) -> Option<SocketAddr> {
        let media = learned.unwrap_or(remote.address);
        let to = match remote.rtcp {
            sdp::Rtcp::Mux => media,
            sdp::Rtcp::NextPort | sdp::Rtcp::At(_) if self.source.is_some() => self.source?,
            sdp::Rtcp::At(address) if media.ip() == remote.address.ip() => address,
            sdp::Rtcp::NextPort | sdp::Rtcp::At(_) => SocketAddr::new(media.ip(), media.port().checked_add(1)?),
        };
        (!to.ip().is_unspecified()).then_some(to)
    }

    /// The report that is due.
    pub(super) fn report(
        &mut self,
        sent: Sent,
        received: Option<Received>,
        (now, wall): (Instant, Timestamp),
    ) -> Compound {
        let interval = self.interval(INTERVAL);
        self.due = Some(now + interval);
        // A sender is who has sent since the report before the last (section 6.4).
        let sends = sent.packets != self.packets[1];
        self.packets = [sent.packets, self.packets[0]];
        let ntp = ntp(wall);
        let sender =
            sends.then_some(Sender { ntp, timestamp: sent.timestamp, packets: sent.packets, octets: sent.octets });
        if let Some(sender) = sender {
            self.sent[self.reports % REMEMBERED] = Some((sender.middle(), now));
        }
        self.reports += 1;
        let block = received.map(|received| self.block(received, now));
        Compound::new(sent.ssrc, sender, block, &self.cname)
    }

    /// RFC 3550 appendix A.3.
    fn block(&mut self, received: Received, now: Instant) -> Block {
        let (ssrc, expected, came) = self.before;
        // Another stream, or the same begun anew.
        let same = ssrc == received.ssrc && received.expected >= expected;
        let (expected, came) = if same { (expected, came) } else { (0, 0) };
        self.before = (received.ssrc, received.expected, received.came);
        let expected = received.expected - expected;
        let lost = expected.saturating_sub(received.came.wrapping_sub(came));
        let fraction = if expected == 0 { 0 } else { (u64::from(lost) * 256 / u64::from(expected)).min(255) as u8 };
        let (last_report, delay) = match self.theirs {
            Some((middle, at)) => (middle, units(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Block {
            ssrc: received.ssrc,
            fraction,
            lost: (i64::from(received.expected) - i64::from(received.came)).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: received.highest,
            jitter: received.jitter,
            last_report,
            delay,
        }
    }

    /// What the other side says.
    pub(super) fn hear(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        ours: u32,
        heard: Heard,
        now: Instant,
        stats: &Stats,
    ) -> Verdict {
        let mut verdict = Verdict::Stranger;
        let read = packet::read(datagram, ours, |report| {
            let right = from.ip() == heard.host && heard.ssrc.is_none_or(|ssrc| ssrc == report.from);
            if right {
                verdict = Verdict::Believed;
                self.believe(&report, heard.clock_hz, now, stats);
            }
        });
        if read.is_none() {
            return Verdict::Malformed;
        }
        if verdict == Verdict::Believed {
            self.source = Some(from);
        }
        verdict
    }

    fn believe(&mut self, report: &Report, clock_hz: u32, now: Instant, stats: &Stats) {
        if let Some(sender) = &report.sender {
            self.theirs = Some((sender.middle(), now));
        }
        let Some(block) = &report.block else { return };
        let sent = stats.sent.load(Ordering::Relaxed);
        let lost = u64::try_from(block.lost).unwrap_or(0).min(sent);
        let jitter_ms = f64::from(block.jitter) * 1_000.0 / f64::from(clock_hz.max(1));
        stats.told.store(true, Ordering::Relaxed);
        stats.told_lost.store(lost, Ordering::Relaxed);
        // Longer than a minute is no jitter.
        stats.told_jitter.store(jitter_ms.min(60_000.0).to_bits(), Ordering::Relaxed);
        if let Some(round_trip) = self.round_trip(block, now) {
            let ms = round_trip.as_secs_f64() * 1_000.0;
            let before = f64::from_bits(stats.round_trip.load(Ordering::Relaxed));
            let mean = if before.is_nan() { ms } else { before + (ms - before) * ROUND_TRIP_PART };
            stats.round_trip.store(mean.to_bits(), Ordering::Relaxed);
        }
    }

    /// Section 6.4.1: from our report to theirs, less what they waited. Only for a report that we know to have sent.
    fn round_trip(&self, block: &Block, now: Instant) -> Option<Duration> {
        let (_, at) =
            self.sent.iter().flatten().find(|(middle, _)| *middle == block.last_report && block.last_report != 0)?;
        let waited = Duration::from_secs_f64(f64::from(block.delay) / 65_536.0);
        now.saturating_duration_since(*at).checked_sub(waited).filter(|trip| *trip < ROUND_TRIP_MAX)
    }

    /// Half to one and a half times as long, so that not everybody reports at once (section 6.3.1).
    fn interval(&mut self, mean: Duration) -> Duration {
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let part = f64::from(self.dice >> 8) / f64::from(1 << 24);
        mean.mul_f64((0.5 + part) / COMPENSATION)
    }
}

/// Wall clock as NTP writes it (RFC 5905 section 6); it wraps in 2036, which nobody minds.
fn ntp(wall: Timestamp) -> u64 {
    let nanos = u128::try_from(wall.as_nanosecond()).unwrap_or(0);
    let seconds = (nanos / 1_000_000_000) as u64 + NTP_EPOCH;
    let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
    (seconds << 32) | fraction as u64
}

/// A time in 1/65536 s.
fn units(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() * 65_536 / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
