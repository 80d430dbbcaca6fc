//! A packet came: whose it is, what it means, who gets it.

use std::net::SocketAddr;
use std::time::Instant;

use hotline_core::audio::{Codec, noise};
use hotline_core::sdp;
use rtp_rs::RtpReader;

use super::super::Frame;
use super::super::packet::PAYLOAD_MAX;
use super::super::rtcp::packet::is_rtcp;
use super::super::source::Heard;
use super::super::writer::Job;
use super::{LegState, Relayed, Totals};

/// Static payload type of comfort noise (RFC 3389 section 4.1).
const COMFORT_NOISE: u8 = 13;

impl LegState {
    /// Takes a datagram. `Some`: its payload (the end of `datagram`) is for the peer.
    pub(in crate::rtp) fn receive<'a>(
        &mut self,
        datagram: &'a [u8],
        from: SocketAddr,
        now: Instant,
        jobs: &mut Vec<Job>,
    ) -> Option<(Relayed, &'a [u8])> {
        let remote = self.remote.as_ref()?;
        // It has no number among the packets of audio, agreed on this port or not.
        if is_rtcp(datagram) && !remote.takes(datagram[1] & 0x7f) {
            if remote.rtcp == sdp::Rtcp::Mux {
                self.receive_control(datagram, from, now);
            } else {
                Totals::count(&self.totals.rtcp_strangers);
            }
            return None;
        }
        let Ok(packet) = RtpReader::new(datagram) else {
            Totals::count(&self.totals.malformed);
            return None;
        };
        let payload = packet.payload();
        if payload.len() > PAYLOAD_MAX {
            Totals::count(&self.totals.malformed);
            return None;
        }
        let (codec, heard) = (remote.codec, self.source.hear(&packet, from, remote, now, &self.stats));
        if heard == Heard::Dropped {
            return None;
        }
        self.heard_at = now;
        self.silent_told = false;
        match heard {
            Heard::Event => {
                self.events_received = self.events_received.wrapping_add(1);
                self.hear_event(&packet, payload, now);
                None
            }
            Heard::Other | Heard::Dropped => {
                self.events_received = self.events_received.wrapping_add(1);
                self.comfort_noise(&packet, codec)
            }
            Heard::Audio => {
                self.audio(&packet, payload, codec, now, jobs);
                if self.seated(&packet, payload, codec, now) {
                    return None;
                }
                self.peer.as_ref()?;
                let relayed = Relayed {
                    ssrc: packet.ssrc(),
                    sequence: u16::from(packet.sequence_number()).wrapping_sub(self.events_received),
                    timestamp: packet.timestamp(),
                    marker: packet.mark(),
                    codec,
                    length: payload.len(),
                };
                Some((relayed, payload))
            }
        }
    }

    /// The other side sends nothing for a while and says how its background sounds (RFC 3389): whoever hears it gets
    /// noise of that level.
    fn comfort_noise<'a>(&mut self, packet: &RtpReader<'a>, codec: Codec) -> Option<(Relayed, &'a [u8])> {
        let payload = packet.payload();
        let level = noise::level_of(payload).filter(|_| packet.payload_type() == COMFORT_NOISE)?;
        if let Some(seat) = &mut self.seat {
            seat.background(level);
            return None;
        }
        self.peer.as_ref()?;
        let (ssrc, timestamp, sequence) = (packet.ssrc(), packet.timestamp(), 0);
        Some((Relayed { ssrc, sequence, timestamp, marker: false, codec, length: 0 }, payload))
    }

    fn audio(&mut self, packet: &RtpReader<'_>, payload: &[u8], codec: Codec, now: Instant, jobs: &mut Vec<Job>) {
        let stream = (packet.ssrc(), packet.timestamp());
        self.hear_keys(stream, payload);
        self.hear_machine(stream, payload);
        if let Some(end) = self.recorder.as_mut().and_then(|recorder| recorder.packet(stream, codec, payload, now)) {
            jobs.extend(self.stop_record(end));
        }
        if let Some(tap) = &self.tap {
            let length = payload.len() as u16;
            let mut frame = Frame { timestamp: packet.timestamp(), length, payload: [0; PAYLOAD_MAX] };
            frame.payload[..payload.len()].copy_from_slice(payload);
            if tap.try_send(frame).is_err() {
                Totals::count(&self.totals.tap_dropped);
            }
        }
    }
}
