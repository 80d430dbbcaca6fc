//! One phone's media: sends mu-law and digits, counts what comes.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use rtp_rs::RtpReader;

use crate::stats::Report;

/// Samples, and bytes, of 20 ms.
const FRAME: usize = 160;
/// Payload type of telephone-event in our offer.
const EVENTS: u8 = 101;
/// Begins a payload that carries its send time, so that it can be told when it comes back elsewhere.
const STAMP: &[u8; 8] = b"hotline!";
/// A key: five packets of 20 ms, the last of them three times with the end bit (RFC 4733 section 2.5.1.4).
const KEY_PACKETS: u16 = 5;

/// What is received on one port.
#[derive(Debug, Default)]
pub struct Stream {
    /// Packets.
    pub received: u64,
    /// Jumps of the numbering that are no loss.
    pub restarts: u64,
    first: Option<(u16, Instant)>,
    last: Option<(u16, u32, Instant)>,
    expected: u64,
}

impl Stream {
    /// Packets missing in the numbering.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// Packets a second from the first to the last; none for fewer than 50 packets.
    pub fn packets_per_second(&self) -> Option<f64> {
        let ((_, first), (_, _, last)) = (self.first?, self.last?);
        (self.received >= 50).then(|| (self.received - 1) as f64 / (last - first).as_secs_f64())
    }

    fn count(&mut self, number: u16, timestamp: u32, at: Instant, report: &mut Report) {
        self.received += 1;
        self.first.get_or_insert((number, at));
        let Some((before, timestamp_before, at_before)) = self.last else {
            self.expected += 1;
            self.last = Some((number, timestamp, at));
            return;
        };
        let step = number.wrapping_sub(before) as i16;
        if step.unsigned_abs() > 3_000 {
            self.restarts += 1;
            self.expected += 1;
        } else if step > 0 {
            self.expected += u64::from(step.unsigned_abs());
            let ticks = timestamp.wrapping_sub(timestamp_before);
            // A talk spurt after silence says nothing about pace.
            if ticks <= 8_000 {
                report.deviation.add((at - at_before).abs_diff(Duration::from_micros(u64::from(ticks) * 125)));
            }
        } else {
            return;
        }
        self.last = Some((number, timestamp, at));
    }
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    socket: UdpSocket,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    speaks: bool,
    began: Instant,
    on: bool,
    number: u16,
    timestamp: u32,
    sent: u64,
    key: Option<(u8, u32, u16)>,
    heard: Stream,
}

impl Phone {
    /// Takes a free port.
    pub fn new(host: IpAddr, speaks: bool) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(host, 0))?;
        let local = socket.local_addr()?;
        let began = hotline::clock::now().mono;
        let heard = Stream::default();
        Ok(Self {
            socket,
            local,
            remote: None,
            speaks,
            began,
            on: false,
            number: local.port(),
            timestamp: u32::from(local.port()) << 8,
            sent: 0,
            key: None,
            heard,
        })
    }

    /// For the poll.
    pub fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Our offer, or answer.
    pub fn sdp(&self) -> String {
        let (ip, port) = (self.local.ip(), self.local.port());
        let kind = if ip.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=bench 1 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 {EVENTS}\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )
    }

    /// Where to speak to.
    pub fn connect(&mut self, remote: Option<SocketAddr>) {
        self.remote = remote;
    }

    /// The call is up.
    pub fn begin(&mut self, now: Instant) {
        self.on = true;
        self.began = now;
    }

    /// The call is over.
    pub fn end(&mut self) {
        self.on = false;
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
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        if let Some((event, begin, count)) = self.key {
            let count = count + 1;
            let ended = count == KEY_PACKETS;
            let duration = count * FRAME as u16;
            let payload = [event, if ended { 0x8a } else { 0x0a }, (duration >> 8) as u8, duration as u8];
            for _ in 0..if ended { 3 } else { 1 } {
                self.send(EVENTS, count == 1, begin, &payload, remote);
            }
            self.key = (!ended).then_some((event, begin, count));
        } else if self.speaks {
            let mut payload = [0_u8; FRAME];
            for (i, byte) in payload.iter_mut().enumerate() {
                // Any tone will do; it must be no silence.
                *byte = if i % 16 < 8 { 0x90 + (i % 8) as u8 } else { 0x10 + (i % 8) as u8 };
            }
            let at = hotline::clock::now();
            payload[..8].copy_from_slice(STAMP);
            payload[8..16].copy_from_slice(&at.wall.as_nanosecond().to_be_bytes()[8..]);
            report.own_lateness.add(at.mono.saturating_duration_since(due));
            self.send(0, self.sent == 0, self.timestamp, &payload, remote);
        }
    }

    /// Reads all packets that have come.
    pub fn listen(&mut self, now: Instant, report: &mut Report) {
        let mut buffer = [0_u8; 2_048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let Ok(packet) = RtpReader::new(&buffer[..length]) else { continue };
            if packet.payload_type() == EVENTS {
                continue;
            }
            self.heard.count(packet.sequence_number().into(), packet.timestamp(), now, report);
            let payload = packet.payload();
            if let Some(sent) = payload.strip_prefix(STAMP).and_then(|rest| rest.first_chunk::<8>()) {
                let sent = i128::from(u64::from_be_bytes(*sent));
                let wall = hotline::clock::now().wall.as_nanosecond();
                report.latency.add(Duration::from_nanos(u64::try_from(wall - sent).unwrap_or(0)));
            }
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
        let mut packet = Vec::with_capacity(12 + payload.len());
        packet.extend([0x80, payload_type | (u8::from(marker) << 7)]);
        packet.extend(self.number.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(u32::from(self.local.port()).to_be_bytes());
        packet.extend(payload);
        self.number = self.number.wrapping_add(1);
        self.sent += 1;
        // A full buffer loses a packet, and the other side's count says so.
        let _ = self.socket.send_to(&packet, remote);
    }
}
