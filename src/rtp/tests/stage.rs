//! A lane on the test's own thread, by a clock that only the test moves: what is sent when is exact, however busy the
//! machine is. The sockets are real ones.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use parking_lot::Mutex;

use super::*;
use crate::codec::{Decoder, Encoder, SAMPLES_MAX};
use crate::rtp::lane::{self, Lane};
use crate::rtp::leg::Totals;
use crate::rtp::ports::Ports;
use crate::rtp::{Shared, Threads, writer};

/// See the module.
pub(super) struct Stage {
    pub(super) lane: Lane,
    pub(super) media: Media,
    start: Instant,
    now: Instant,
}

impl Stage {
    /// With room for so many legs.
    pub(super) fn new(legs: u16) -> Self {
        let now = crate::clock::mono();
        crate::clock::set::to(Some(now));
        let totals = Arc::new(Totals::default());
        let (writer, thread) = writer::start().unwrap();
        let (link, lane) = lane::build(writer.clone(), Arc::clone(&totals)).unwrap();
        let shared = Shared {
            ports: Ports::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_range(legs)),
            lanes: vec![link],
            next_leg: AtomicU64::new(1),
            totals,
            writer,
            threads: Mutex::new(Threads { lanes: Vec::new(), writer: Some(thread) }),
        };
        Self { lane, media: Media { shared: Arc::new(shared) }, start: now, now }
    }

    /// Since the beginning, ms.
    pub(super) fn ms(&self) -> u64 {
        (self.now - self.start).as_millis() as u64
    }

    /// So many steps of 2 ms go by.
    pub(super) fn pass(&mut self, steps: u64) {
        for _ in 0..steps {
            self.now += Duration::from_millis(2);
            crate::clock::set::to(Some(self.now));
            self.lane.step();
        }
    }

    /// Sends something to a leg and sees to it that it has come.
    pub(super) fn arrives(&mut self, leg: &Leg, send: impl FnOnce()) {
        let came = || leg.quality().received + leg.quality().strangers;
        let before = came();
        send();
        let came = (0..20_000).any(|_| {
            self.lane.packet(leg.key);
            came() > before || {
                std::thread::sleep(Duration::from_millis(1));
                false
            }
        });
        assert!(came, "a datagram on loopback was lost");
    }

    /// Somebody with a phone that speaks and is sent packets of so many ms, connected.
    pub(super) fn party(&mut self, codec: Codec, ptime_ms: u8, voice: Tone) -> Party {
        let (line, phone) = (Line::open(&self.media), Phone::new(codec));
        line.leg.connect(Remote { ptime_ms, ..phone.remote() });
        self.lane.step();
        let next_ms = self.ms() + line.leg.key * 6 % 20;
        Party {
            line,
            phone,
            voice,
            ptime_ms: u64::from(ptime_ms),
            // Phones don't keep step.
            next_ms,
            net: Net::Even,
            on_the_way: VecDeque::new(),
            encoder: Encoder::new(codec),
            decoder: Decoder::new(codec),
            said: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// They talk for so long.
    pub(super) fn talk(&mut self, ms: u64, parties: &mut [&mut Party]) {
        let end = self.ms() + ms;
        while self.ms() < end {
            let now = self.ms();
            for party in parties.iter_mut().filter(|party| now >= party.next_ms) {
                party.next_ms += party.ptime_ms;
                party.speak(self);
            }
            self.pass(1);
            for party in parties.iter_mut() {
                party.listen(self.ms());
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        crate::clock::set::to(None);
    }
}

/// A voice of one frequency that never jumps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tone {
    pub(super) hz: f64,
    pub(super) amplitude: f64,
    phase: f64,
}

impl Tone {
    pub(super) const fn new(hz: f64, amplitude: f64) -> Self {
        Self { hz, amplitude, phase: 0.0 }
    }

    pub(super) const SILENT: Self = Self::new(0.0, 0.0);

    fn samples(&mut self, count: usize) -> Vec<i16> {
        (0..count)
            .map(|_| {
                self.phase = (self.phase + self.hz / 8_000.0).fract();
                ((self.phase * TAU).sin() * self.amplitude) as i16
            })
            .collect()
    }
}

/// How much of a frequency is in there, as the amplitude of a sine (Goertzel). Exact where whole waves fit.
pub(super) fn level(samples: &[i16], hz: f64) -> f64 {
    let turn = 2.0 * (hz / 8_000.0 * TAU).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (f64::from(*sample) + turn * one - two, one);
    }
    let power: f64 = one * one + two * two - turn * one * two;
    power.max(0.0).sqrt() * 2.0 / samples.len() as f64
}

/// How a phone's packets get to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Net {
    /// One after the other.
    Even,
    /// Several at once after a pause, and one in sixteen never; the number is the state of the dice.
    Rough(u32),
}

/// A packet that was heard.
#[derive(Debug, Clone)]
pub(super) struct Sound {
    pub(super) ms: u64,
    pub(super) packet: Packet,
    pub(super) samples: Vec<i16>,
}

/// Somebody on the line.
pub(super) struct Party {
    pub(super) line: Line,
    pub(super) phone: Phone,
    pub(super) voice: Tone,
    ptime_ms: u64,
    next_ms: u64,
    pub(super) net: Net,
    on_the_way: VecDeque<Vec<u8>>,
    encoder: Encoder,
    decoder: Decoder,
    pub(super) said: Vec<Vec<u8>>,
    pub(super) heard: Vec<Sound>,
}

impl Party {
    pub(super) fn leg(&self) -> &Leg {
        &self.line.leg
    }

    /// What was heard from that time on.
    pub(super) fn since(&self, ms: u64) -> &[Sound] {
        &self.heard[self.heard.partition_point(|sound| sound.ms <= ms)..]
    }

    fn speak(&mut self, stage: &mut Stage) {
        let samples = self.voice.samples(self.ptime_ms as usize * 8);
        let mut payload = vec![0; 1_500];
        let length = self.encoder.encode(&samples, &mut payload);
        payload.truncate(length);
        let packet = RtpPacketBuilder::new()
            .payload_type(self.phone.remote().payload_type)
            .ssrc(0x1234_5678)
            .sequence(self.phone.sequence.into())
            .timestamp(self.phone.timestamp)
            .payload(&payload)
            .build()
            .unwrap();
        self.said.push(payload);
        self.phone.sequence = self.phone.sequence.wrapping_add(1);
        let ticks = samples.len() as u32 * self.phone.codec.clock_ratio();
        self.phone.timestamp = self.phone.timestamp.wrapping_add(ticks);
        self.on_the_way.push_back(packet);
        if let Net::Rough(state) = &mut self.net {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if *state >> 28 == 0 {
                self.on_the_way.pop_back();
            }
            if (*state >> 20) & 3 != 0 && self.on_the_way.len() < 6 {
                return;
            }
        }
        while let Some(packet) = self.on_the_way.pop_front() {
            let (socket, leg) = (&self.phone.socket, &self.line.leg);
            stage.arrives(leg, || {
                socket.send_to(&packet, leg.local()).unwrap();
            });
        }
    }

    /// Takes in all that was sent to it.
    pub(super) fn listen(&mut self, ms: u64) {
        while (self.heard.len() as u64) < self.line.leg.quality().sent {
            let packet = self.phone.hear();
            let mut samples = vec![0; SAMPLES_MAX];
            let length = self.decoder.decode(&packet.payload, &mut samples);
            samples.truncate(length);
            self.heard.push(Sound { ms, packet, samples });
        }
    }
}
