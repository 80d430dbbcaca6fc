//! Legs against plain sockets and against each other, on loopback.

mod bleed;
mod bridge;
mod control;
mod digits;
mod faults;
mod impaired;
mod playing;
mod recording;
mod room;
mod seams;
mod stage;
mod translated;
mod wide;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use hotline_core::audio::{Clip, Codec, Law};
use rtp_rs::{RtpPacketBuilder, RtpReader};
use tokio::sync::mpsc;

use super::ports::tests::free_range;
use super::{Leg, Media, MediaEvent, MediaSettings, PlayItem, Remote};

/// Long enough for any machine; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A started media with room for `legs` legs.
fn media(legs: u16, lanes: usize) -> Media {
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Media::start(MediaSettings { bind, ports: free_range(legs), lanes }).unwrap()
}

fn remote(address: SocketAddr, codec: Codec) -> Remote {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    Remote {
        address,
        codec,
        payload_type,
        receive_payload_type: payload_type,
        events: Some((101, 101)),
        events_hz: codec.clock_hz(),
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp: hotline_core::sdp::Rtcp::NextPort,
    }
}

/// Nothing is heard but comfort noise.
fn is_quiet(law: Law, payload: &[u8]) -> bool {
    payload.iter().all(|byte| hotline_core::audio::g711::decode(law, *byte).abs() <= 100)
}

/// A leg with its events.
struct Line {
    leg: Leg,
    events: mpsc::Receiver<MediaEvent>,
}

impl Line {
    fn open(media: &Media) -> Self {
        Self::open_near(media, None)
    }

    fn open_near(media: &Media, near: Option<&Leg>) -> Self {
        let (sender, events) = mpsc::channel(64);
        Self { leg: media.open_with(sender, near).unwrap(), events }
    }

    /// The next event.
    fn event(&mut self) -> MediaEvent {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let next = async { tokio::time::timeout(PATIENCE, self.events.recv()).await };
        runtime.block_on(next).expect("an event in time").expect("the leg lives")
    }

    fn no_event(&mut self) {
        assert_eq!(self.events.try_recv().ok(), None);
    }
}

/// A packet as a phone sees it.
#[derive(Debug, Clone, PartialEq)]
struct Packet {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

/// A phone: a plain socket.
struct Phone {
    socket: UdpSocket,
    codec: Codec,
    sequence: u16,
    timestamp: u32,
}

impl Phone {
    fn new(codec: Codec) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, codec, sequence: 65_530, timestamp: 4_294_960_000 }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn remote(&self) -> Remote {
        remote(self.address(), self.codec)
    }

    fn hear(&self) -> Packet {
        let mut buffer = [0; 2_048];
        let length = self.socket.recv(&mut buffer).expect("a packet in time");
        let packet = RtpReader::new(&buffer[..length]).unwrap();
        Packet {
            payload_type: packet.payload_type(),
            marker: packet.mark(),
            sequence: packet.sequence_number().into(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            payload: packet.payload().to_vec(),
        }
    }

    /// Reads until a packet that is no silence, and gives it.
    fn hear_sound(&self) -> Packet {
        let law = self.codec.law().unwrap();
        let sounds = |packet: &Packet| !is_quiet(law, &packet.payload);
        (0..1_000).map(|_| self.hear()).find(sounds).expect("a sound in time")
    }

    fn say(&mut self, to: &Leg, payload: &[u8]) {
        let payload_type = self.remote().payload_type;
        self.send(to, payload_type, self.timestamp, payload);
        let steps = self.codec.samples(payload) as u32 * self.codec.clock_ratio();
        self.timestamp = self.timestamp.wrapping_add(steps);
    }

    fn send(&mut self, to: &Leg, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = RtpPacketBuilder::new()
            .payload_type(payload_type)
            .ssrc(0x1234_5678)
            .sequence(self.sequence.into())
            .timestamp(timestamp)
            .payload(payload)
            .build()
            .unwrap();
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send_to(&packet, to.local()).unwrap();
    }
}

/// A connected leg and its phone.
fn connected(media: &Media, codec: Codec) -> (Line, Phone) {
    let (line, phone) = (Line::open(media), Phone::new(codec));
    line.leg.connect(phone.remote());
    (line, phone)
}

/// Sound of our own: a sweep that never holds the idle byte for a whole frame.
fn clip(ms: usize) -> Arc<Clip> {
    let wave = |i: usize| ((i as f64 * (0.05 + i as f64 * 1e-6)).sin() * 9_000.0) as i16 + 300;
    Arc::new(Clip::new((0..ms * 16).map(wave).collect()))
}

fn once(clip: &Arc<Clip>) -> PlayItem {
    PlayItem { clip: Arc::clone(clip), repeat: false }
}

/// The payload of `index`-th frame that a phone says in these tests.
fn frame(index: u32) -> Vec<u8> {
    (0..160_u32).map(|i| ((index * 31 + i * 7) % 251) as u8).collect()
}
