//! A leg without lane and network: everything that it does with what comes in, for fuzzing (`fuzz/`) and for the short
//! mutation test beside it. Its sockets are bound and never read; what it sends goes to one of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotline_core::audio::Codec;
use hotline_core::call::command::RecordLimits;
use hotline_core::ids::RecordingId;
use hotline_core::sdp;
use tokio::sync::mpsc;

use super::inband::InBand;
use super::leg::{LegState, Moment, Peer};
use super::ports::Ports;
use super::record::Recorder;
use super::rtcp::packet;
use super::source::Stats;
use super::suspect::Suspect;
use super::translate::Translator;
use super::writer::Job;
use super::{MediaEvent, MediaEvents, RecordRequest, Remote};

/// Codecs by the first byte of an input.
const CODECS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

/// Two legs that are joined: what the one hears is relayed to the other.
pub struct Bare {
    leg: LegState,
    other: LegState,
    stats: Arc<Stats>,
    events: mpsc::Receiver<MediaEvent>,
    jobs: Vec<Job>,
    start: Instant,
    now: Instant,
}

impl std::fmt::Debug for Bare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bare").finish_non_exhaustive()
    }
}

fn leg(key: u64, ports: &Arc<Ports>, events: MediaEvents, now: Instant) -> (LegState, Arc<Stats>) {
    let stats = Arc::new(Stats::default());
    let pair = ports.open(now).expect("a free pair of ports on loopback");
    (LegState::new(key, pair, (events, Arc::clone(&stats), Arc::default()), now), stats)
}

impl Bare {
    /// `how`: two bits for the codec, then a bit each for sound, one port for RTCP, recording, mailbox, joined, and the other's
    /// codec (and whether both sides are recorded).
    pub fn new(how: u8) -> Self {
        let now = crate::clock::now().mono;
        let ports = Ports::new(IpAddr::V4(Ipv4Addr::LOCALHOST), (10_000, 60_000));
        let (sender, events) = mpsc::channel(64);
        let (mut leg, stats) = leg(1, &ports, sender.clone(), now);
        let (mut other, _) = self::leg(2, &ports, sender.clone(), now);
        let bit = |n: u8| how & (1 << n) != 0;
        let codec = CODECS[usize::from(how) % CODECS.len()];
        let payload_type = codec.static_payload_type().unwrap_or(111);
        let remote = Remote {
            address: Self::source(0),
            codec,
            payload_type,
            receive_payload_type: payload_type,
            events: (!bit(2) || bit(3)).then_some((101, 101)),
            events_hz: if bit(5) { 8_000 } else { codec.clock_hz() },
            ptime_ms: 20,
            send: false,
            receive: true,
            rtcp: if bit(3) { sdp::Rtcp::Mux } else { sdp::Rtcp::NextPort },
        };
        leg.connect(remote.clone(), now);
        let others = CODECS[usize::from(bit(7)) * usize::from(how & 3)];
        // What it hears of the leg goes out, translated and packed: to its own port, where it stays.
        let to_itself = Remote {
            address: other.rtp.local_addr().expect("it is bound"),
            codec: others,
            payload_type: others.static_payload_type().unwrap_or(111),
            ptime_ms: [20, 10, 30, 60][usize::from(how >> 2 & 3)],
            send: true,
            ..remote
        };
        other.connect(to_itself, now);
        leg.listen(bit(2).then(|| Box::new(InBand::new(codec))));
        if bit(5) {
            leg.suspect(Box::new(Suspect::new(codec)));
        }
        if bit(6) {
            leg.bridge(Peer::Here(2), None, now);
            other.bridge(Peer::Here(1), Translator::between(codec, others), now);
        }
        if bit(4) {
            let limits = RecordLimits {
                max: Duration::from_secs(20),
                end_silence: Some(Duration::from_secs(1)),
                no_speech: Some(Duration::from_secs(5)),
            };
            let request = RecordRequest {
                recording: RecordingId(uuid::Uuid::nil()),
                file: "never-written.seg".into(),
                limits,
                both: bit(7),
            };
            // Nobody writes: the recording fills its buffers and marks gaps.
            let (writer, _) = crossbeam_channel::bounded(1);
            let ended = leg.record(Box::new(Recorder::new(request, codec, sender, writer, now)), now);
            assert!(ended.is_none(), "none ran before");
        }
        Self { leg, other, stats, events, jobs: Vec::new(), start: now, now }
    }

    /// Where packets come from: 0 is whom signalling named.
    fn source(which: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1 + (which >> 4 & 1)], 4_000 + u16::from(which & 3)))
    }

    /// An input is a row of steps: what, from where, a length, and so many bytes.
    pub fn run(&mut self, mut input: &[u8]) {
        while let [what, from, length, rest @ ..] = input {
            let (bytes, later) = rest.split_at(usize::from(*length).min(rest.len()));
            input = later;
            self.now += Duration::from_millis(u64::from(*what >> 2));
            let from = Self::source(*from);
            match what & 3 {
                0 | 1 => self.datagram(bytes, from),
                2 => self.leg.receive_control(bytes, from, self.now),
                _ => self.turn(),
            }
            while self.events.try_recv().is_ok() {}
            self.jobs.clear();
        }
        let quality = self.stats.quality();
        assert!(quality.jitter_ms.is_finite() && quality.round_trip_ms.is_none_or(f64::is_finite), "{quality:?}");
    }

    fn datagram(&mut self, bytes: &[u8], from: SocketAddr) {
        let at = Moment { now: self.now, samples: ((self.now - self.start).as_micros() / 125) as u32 };
        if let Some((relayed, payload)) = self.leg.receive(bytes, from, self.now, &mut self.jobs) {
            self.other.relay(relayed, payload, at);
        }
    }

    fn turn(&mut self) {
        let at = Moment { now: self.now, samples: ((self.now - self.start).as_micros() / 125) as u32 };
        for leg in [&mut self.leg, &mut self.other] {
            let ticks = leg.turn(at, &mut self.jobs);
            assert!((1..=30).contains(&ticks), "{ticks}");
        }
    }
}

/// Reads a compound packet; what was told of a broken one would be believed.
pub fn read_rtcp(datagram: &[u8]) {
    let mut told = 0;
    let whole = packet::read(datagram, 7, |report| {
        assert!(report.block.is_none_or(|block| block.ssrc == 7));
        told += 1;
    });
    assert!(whole.is_some() || told == 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fuzzer does, for a moment: real packets with a few bytes changed.
    #[test]
    fn changed_packets_do_no_harm() {
        let mut state = 7_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize
        };
        for how in (0..=255).step_by(5) {
            let mut bare = Bare::new(how);
            let mut input = Vec::new();
            for n in 0..60_u8 {
                let mut packet = vec![0x80, [0, 8, 9, 111][usize::from(how & 3)], 0, n, 0, 0, n, 0, 9, 9, 9, 9];
                match n % 4 {
                    0 => packet[1] = 101,
                    1 => packet = vec![0x81, 200, 0, 12, 9, 9, 9, 9, 0, 0, 0, 1],
                    _ => {}
                }
                packet.extend((0..40 + next() % 170).map(|_| next() as u8));
                for _ in 0..next() % 4 {
                    let at = next() % packet.len();
                    packet[at] = next() as u8;
                }
                packet.truncate(next() % 250 + 1);
                let what = [80, 81, 82, 83][next() % 4];
                input.extend([what, if next() % 5 == 0 { next() as u8 } else { 0 }, packet.len() as u8]);
                input.extend(packet);
            }
            bare.run(&input);
        }
    }
}
