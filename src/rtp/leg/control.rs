//! RTCP of a leg: its reports go out in its turn, those of the other side come in on the port above the media's or, where
//! that was agreed, on the same.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hotline_core::sdp;

use super::super::rtcp::packet::Compound;
use super::super::rtcp::{Heard, Sent, Verdict};
use super::{LegState, Moment, Totals};

impl LegState {
    /// A report, if one is due.
    pub(super) fn report(&mut self, at: Moment) {
        if self.control.is_due(at.now) {
            let compound = self.compound(at);
            self.send_control(&compound);
        }
    }

    /// The leg is closed: the last report, and goodbye.
    pub(in crate::rtp) fn goodbye(&mut self) {
        self.lease.leave(self.source.stream());
        if self.quarantined || !self.control.took_part() {
            return;
        }
        let now = crate::clock::now().mono;
        // The clock of the stream stands where its last packet ended: nothing more comes.
        let compound = self.compound_at(now, self.out.end).bye(self.out.ssrc);
        self.send_control(&compound);
    }

    /// A datagram on the RTCP port, or RTCP on the media's.
    pub(in crate::rtp) fn receive_control(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        let Some(remote) = &self.remote else { return };
        let heard = Heard {
            host: self.source.learned().unwrap_or(remote.address).ip(),
            ssrc: self.source.received().map(|received| received.ssrc),
            clock_hz: remote.codec.clock_hz(),
        };
        match self.control.hear(datagram, from, self.out.ssrc, heard, now, &self.stats) {
            Verdict::Believed => {}
            Verdict::Stranger => Totals::count(&self.totals.rtcp_strangers),
            Verdict::Malformed => Totals::count(&self.totals.rtcp_malformed),
        }
    }

    fn compound(&mut self, at: Moment) -> Compound {
        self.compound_at(at.now, self.clock(at))
    }

    fn compound_at(&mut self, now: Instant, timestamp: u32) -> Compound {
        let sent = Sent {
            ssrc: self.out.ssrc,
            packets: self.stats.sent.load(Ordering::Relaxed) as u32,
            octets: self.out.octets,
            timestamp,
        };
        let wall = crate::clock::now().wall;
        self.control.report(sent, self.source.received(), (now, wall))
    }

    fn send_control(&self, compound: &Compound) {
        let Some(remote) = &self.remote else { return };
        let Some(to) = self.control.destination(remote, self.source.learned()) else { return };
        let socket = if remote.rtcp == sdp::Rtcp::Mux { &self.rtp } else { &self.rtcp };
        if socket.send_to(compound.as_bytes(), to).is_err() {
            Totals::count(&self.totals.send_failed);
        }
    }
}
