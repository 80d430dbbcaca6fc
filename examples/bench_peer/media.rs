//! One phone's media: sends speech and digits, counts what comes.
//!
//! A packet that goes through a bridge carries the time at which it was sent, in the signs of its samples: those
//! survive mu-law, A-law and the way from one to the other. The time at which it came is the kernel's.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use rtp_rs::RtpReader;

use crate::stats::Report;

/// Samples, and bytes, of 20 ms.
const FRAME: usize = 160;
/// Most bytes of a packet's audio.
pub const PAYLOAD_MAX: usize = 640;
/// Payload type of telephone-event in our offer.
const EVENTS: u8 = 101;
/// Signs that begin a stamp.
const MAGIC: u16 = 0xb36d;
/// Signs of the time, microseconds.
const TIME_BITS: usize = 48;
/// A key: five packets of 20 ms, the last of them three times with the end bit (RFC 4733 section 2.5.1.4).
const KEY_PACKETS: u16 = 5;
/// A packet that has waited for longer than this may have another behind it.
const WAITED: i64 = 21_000_000;

/// What a phone says: packets of 20 ms to be sent again and again.
pub type Speech = Arc<[Box<[u8]>]>;

/// What a phone speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Law {
    /// Mu-law
    Pcmu,
    /// A-law
    Pcma,
    /// Opus
    Opus,
}

impl Law {
    const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::Opus => 111,
        }
    }

    /// Steps of its clock in one of 8 kHz.
    const fn ratio(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 1,
            Self::Opus => 6,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::Opus => "opus/48000/2",
        }
    }
}

/// What is received on one port.
#[derive(Debug, Default)]
pub struct Stream {
    /// Packets.
    pub received: u64,
    /// Jumps of the numbering that are no loss.
    pub restarts: u64,
    first: Option<i64>,
    last: Option<Came>,
    expected: u64,
}

/// A packet that came. Times are nanoseconds of the day's clock, as the kernel has it.
#[derive(Debug, Clone, Copy)]
struct Came {
    number: u16,
    timestamp: u32,
    at: i64,
    /// When it was sent, by its stamp.
    sent: Option<i64>,
}

impl Stream {
    /// Packets missing in the numbering.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// Packets a second from the first to the last; none for fewer than 50 packets.
    pub fn packets_per_second(&self) -> Option<f64> {
        let (first, last) = (self.first?, self.last?);
        (self.received >= 50).then(|| (self.received - 1) as f64 * 1e9 / (last.at - first) as f64)
    }

    fn count(&mut self, came: Came, report: &mut Report) {
        self.received += 1;
        self.first.get_or_insert(came.at);
        let Some(before) = self.last else {
            self.expected += 1;
            self.last = Some(came);
            return;
        };
        let step = came.number.wrapping_sub(before.number) as i16;
        if step.unsigned_abs() > 3_000 {
            self.restarts += 1;
            self.expected += 1;
        } else if step > 0 {
            self.expected += u64::from(step.unsigned_abs());
            let ticks = came.timestamp.wrapping_sub(before.timestamp);
            // How far they were apart when they were sent: by their stamps, else by their timestamps. A talk spurt after
            // silence says nothing about pace.
            let apart = match (came.sent, before.sent) {
                (Some(now), Some(then)) => Some(now - then),
                (_, _) if ticks <= 8_000 => Some(i64::from(ticks) * 125_000),
                (_, _) => None,
            };
            if let Some(apart) = apart {
                report.deviation(Duration::from_nanos((came.at - before.at - apart).unsigned_abs()));
            }
        } else {
            return;
        }
        self.last = Some(came);
    }
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    socket: UdpSocket,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    law: Law,
    /// What it says, and where it is in it; nothing: it says nothing.
    speech: Option<(Speech, usize)>,
    stamps: bool,
    on: bool,
    number: u16,
    timestamp: u32,
    sent: u64,
    key: Option<(u8, u32, u16)>,
    heard: Stream,
}

impl Phone {
    /// Takes a free port.
    pub fn new(host: IpAddr, law: Law, speech: Option<(Speech, usize)>, stamps: bool) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(host, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        let local = socket.local_addr()?;
        let heard = Stream::default();
        Ok(Self {
            socket,
            local,
            remote: None,
            law,
            speech,
            stamps,
            on: false,
            number: local.port(),
            timestamp: u32::from(local.port()) << 8,
            sent: 0,
            key: None,
            heard,
        })
    }

    /// Our offer, or answer.
    pub fn sdp(&self) -> String {
        let (ip, port) = (self.local.ip(), self.local.port());
        let kind = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let (audio, name) = (self.law.payload_type(), self.law.name());
        format!(
            "v=0\r\no=bench 1 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {audio} {EVENTS}\r\na=rtpmap:{audio} {name}\r\n\
             a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )
    }

    /// Where to speak to.
    pub fn connect(&mut self, remote: Option<SocketAddr>) {
        self.remote = remote;
    }

    /// The call is up, or over.
    pub fn turn_on(&mut self, on: bool) {
        self.on = on;
    }

    /// Presses a key; packets go out with the next turns.
    pub fn press(&mut self, digit: char) {
        let event = match digit {
            '*' => 10,
            '#' => 11,
            digit => digit.to_digit(10).map_or(0, |digit| digit as u8),
        };
        self.key = Some((event, self.timestamp, 0));
    }

    /// Its turn: one packet, due at `due`.
    pub fn speak(&mut self, due: Instant, report: &mut Report) {
        let Some(remote) = self.remote.filter(|_| self.on) else { return };
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32 * self.law.ratio());
        if let Some((event, begin, count)) = self.key {
            let count = count + 1;
            let ended = count == KEY_PACKETS;
            let duration = count * FRAME as u16;
            let payload = [event, if ended { 0x8a } else { 0x0a }, (duration >> 8) as u8, duration as u8];
            for _ in 0..if ended { 3 } else { 1 } {
                self.send(EVENTS, count == 1, begin, &payload, remote);
            }
            self.key = (!ended).then_some((event, begin, count));
        } else if let Some((speech, position)) = &mut self.speech {
            let mut payload = [0_u8; PAYLOAD_MAX];
            let said = &speech[*position];
            let payload = &mut payload[..said.len()];
            payload.copy_from_slice(said);
            *position = (*position + 1) % speech.len();
            let at = hotline::clock::now();
            if self.stamps {
                stamp(payload, at.wall.as_microsecond() as u64);
            }
            report.own_lateness(at.mono.saturating_duration_since(due));
            self.send(self.law.payload_type(), self.sent == 0, self.timestamp, payload, remote);
        }
    }

    /// Reads what has come since the last time: one packet, more only if that one has waited.
    pub fn listen(&mut self, control: &mut [u8], now_ns: i64, report: &mut Report) {
        let mut buffer = [0_u8; 2_048];
        loop {
            let mut slice = [IoSliceMut::new(&mut buffer)];
            let received = recvmsg::<()>(self.socket.as_raw_fd(), &mut slice, Some(control), MsgFlags::MSG_DONTWAIT);
            let Ok(received) = received else { return };
            let at = received.cmsgs().ok().into_iter().flatten().find_map(|message| {
                let ControlMessageOwned::ScmTimestampns(time) = message else { return None };
                Some(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
            });
            let (length, at) = (received.bytes, at.unwrap_or(now_ns));
            // The port below may be another phone's, whose RTCP comes here (RFC 5761 section 4 tells them apart).
            let control = (192..=223).contains(&buffer[1]);
            if let Ok(packet) = RtpReader::new(&buffer[..length])
                && !control
                && packet.payload_type() != EVENTS
            {
                self.take(&packet, at, report);
            }
            if now_ns - at < WAITED {
                return;
            }
        }
    }

    fn take(&mut self, packet: &RtpReader<'_>, at: i64, report: &mut Report) {
        let sent = if self.stamps { read_stamp(packet.payload(), at) } else { None };
        let timestamp = packet.timestamp() / self.law.ratio();
        let came = Came { number: packet.sequence_number().into(), timestamp, at, sent };
        self.heard.count(came, report);
        if let Some(sent) = sent {
            report.latency(Duration::from_nanos(u64::try_from(at - sent).unwrap_or(0)));
        }
    }

    /// What was heard.
    pub fn heard(&self) -> &Stream {
        &self.heard
    }

    /// Packets sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8], remote: SocketAddr) {
        let mut packet = [0_u8; 12 + PAYLOAD_MAX];
        packet[0] = 0x80;
        packet[1] = payload_type | (u8::from(marker) << 7);
        packet[2..4].copy_from_slice(&self.number.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&u32::from(self.local.port()).to_be_bytes());
        packet[12..12 + payload.len()].copy_from_slice(payload);
        self.number = self.number.wrapping_add(1);
        self.sent += 1;
        // A full buffer loses a packet, and the other side's count says so.
        let _ = self.socket.send_to(&packet[..12 + payload.len()], remote);
    }
}

/// Writes a time into the signs of a payload's first samples, at a steady level. In both laws the highest bit is the sign.
fn stamp(payload: &mut [u8], micros: u64) {
    let word = u64::from(MAGIC) << TIME_BITS | (micros & ((1 << TIME_BITS) - 1));
    for (bit, byte) in payload.iter_mut().take(64).enumerate() {
        *byte = (((word >> (63 - bit)) & 1) as u8) << 7 | 0x2a;
    }
}

/// The time in a payload, as nanoseconds of the clock that shows `at` now.
fn read_stamp(payload: &[u8], at: i64) -> Option<i64> {
    let word = payload.first_chunk::<64>()?.iter().fold(0_u64, |word, byte| word << 1 | u64::from(byte >> 7));
    let mask = (1_u64 << TIME_BITS) - 1;
    if word >> TIME_BITS != u64::from(MAGIC) {
        return None;
    }
    let since = (at as u64 / 1_000).wrapping_sub(word) & mask;
    Some(at - (since as i64) * 1_000 - at % 1_000)
}
