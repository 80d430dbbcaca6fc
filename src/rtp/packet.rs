//! The header that we write (RFC 3550 section 5.1). `rtp-rs` reads.

/// Bytes of a header without extension.
pub(super) const HEADER_BYTES: usize = 12;
/// Longest payload that we send or take: 60 ms of G.711 are 480 bytes, an Opus packet of 120 ms at the highest rate that
/// anybody uses for speech (64 kbit/s) is 960, one of 20 ms at the highest there is 1,275.
pub(super) const PAYLOAD_MAX: usize = 1_280;
/// Longest packet that we send.
pub(super) const PACKET_MAX: usize = HEADER_BYTES + PAYLOAD_MAX;

/// What changes from packet to packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

impl Header {
    /// Writes it to the start of a packet.
    pub(super) fn write(self, packet: &mut [u8; PACKET_MAX]) {
        packet[0] = 0x80;
        packet[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_rs_reads_what_we_write() {
        let mut packet = [0; PACKET_MAX];
        let header =
            Header { marker: true, payload_type: 101, sequence: 65_535, timestamp: 4_000_000_001, ssrc: 0xdead_beef };
        header.write(&mut packet);
        let read = rtp_rs::RtpReader::new(&packet).unwrap();
        assert!(read.mark());
        assert_eq!(read.payload_type(), 101);
        assert_eq!(u16::from(read.sequence_number()), 65_535);
        assert_eq!((read.timestamp(), read.ssrc()), (4_000_000_001, 0xdead_beef));
        assert_eq!(read.payload().len(), PAYLOAD_MAX);
    }
}
