//! RTCP as it goes over the wire (RFC 3550 section 6.4–6.6): what we write, and
//! what we take from what others write. No more than sender and receiver
//! reports is understood; the rest of a compound packet is stepped over.
//!
//! Reading checks what decides where something stands. It takes nothing on trust
//! about who sent it; that is the leg's part.

/// Longest compound packet that we write.
pub(in crate::rtp) const COMPOUND_MAX: usize = 28 + 24 + 28 + 8;
/// Characters of our CNAME (RFC 7022: 96 bits at least).
pub(in crate::rtp) const CNAME_BYTES: usize = 16;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
/// Version 2 in the first byte.
const VERSION: u8 = 0x80;

/// What one side says about a stream that it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rtp) struct Block {
    /// Whose stream.
    pub(in crate::rtp) ssrc: u32,
    /// Lost since the report before, of 256.
    pub(in crate::rtp) fraction: u8,
    /// Lost since the beginning; duplicates can make it negative.
    pub(in crate::rtp) lost: i32,
    /// Highest sequence number, with its wraps.
    pub(in crate::rtp) highest: u32,
    /// In timestamp units of the stream.
    pub(in crate::rtp) jitter: u32,
    /// The middle of the timestamp of the last sender report, 0: none came.
    pub(in crate::rtp) last_report: u32,
    /// Since then, in 1/65536 s.
    pub(in crate::rtp) delay: u32,
}

/// What a sender says about its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rtp) struct Sender {
    /// Wall clock, seconds since 1900 in the upper half.
    pub(in crate::rtp) ntp: u64,
    pub(in crate::rtp) timestamp: u32,
    pub(in crate::rtp) packets: u32,
    pub(in crate::rtp) octets: u32,
}

impl Sender {
    /// The middle 32 bits of the wall clock, by which the other side refers to this report.
    pub(in crate::rtp) const fn middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// A report read: who reports, about its own stream, about ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rtp) struct Report {
    pub(in crate::rtp) from: u32,
    pub(in crate::rtp) sender: Option<Sender>,
    /// The block about the stream that was asked for.
    pub(in crate::rtp) block: Option<Block>,
}

/// Whether a datagram on the media port is RTCP (RFC 5761 section 4).
pub(in crate::rtp) fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first & 0xc0 == VERSION)
}

/// Calls `report` for each report of a compound packet, with the block about the stream `ours`. `None`: it is no RTCP; then
/// nothing of it may be believed, and `report` was not called.
pub(in crate::rtp) fn read(datagram: &[u8], ours: u32, mut report: impl FnMut(Report)) -> Option<()> {
    // RFC 3550 appendix A.2: a compound packet begins with a report, and its lengths fill it exactly.
    let first = *datagram.get(1)?;
    if !matches!(first, SENDER_REPORT | RECEIVER_REPORT) {
        return None;
    }
    let mut rest = datagram;
    while !rest.is_empty() {
        (_, rest) = split(rest)?;
    }
    let mut rest = datagram;
    while !rest.is_empty() {
        let (packet, later) = split(rest)?;
        rest = later;
        if let Some(read) = one(packet, ours) {
            report(read);
        }
    }
    Some(())
}

/// The first packet of a compound and what follows it.
fn split(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, _, high, low] = *compound.first_chunk::<4>()?;
    let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
    let padded = first & 0x20 != 0;
    // Only the last may be padded (section 6.4.1).
    let fits = first & 0xc0 == VERSION && length <= compound.len() && (!padded || length == compound.len());
    fits.then(|| compound.split_at(length))
}

fn one(packet: &[u8], ours: u32) -> Option<Report> {
    let count = usize::from(packet[0] & 0x1f);
    let (sender, blocks) = match packet[1] {
        SENDER_REPORT => {
            let info = packet.get(8..28)?;
            let sender = Sender {
                ntp: (u64::from(word(info, 0)?) << 32) | u64::from(word(info, 4)?),
                timestamp: word(info, 8)?,
                packets: word(info, 12)?,
                octets: word(info, 16)?,
            };
            (Some(sender), packet.get(28..)?)
        }
        RECEIVER_REPORT => (None, packet.get(8..)?),
        _ => return None,
    };
    let blocks = blocks.get(..count * 24)?;
    let block = blocks.chunks_exact(24).filter_map(block).find(|block| block.ssrc == ours);
    Some(Report { from: word(packet, 4)?, sender, block })
}

fn block(bytes: &[u8]) -> Option<Block> {
    let lost = word(bytes, 4)?;
    Some(Block {
        ssrc: word(bytes, 0)?,
        fraction: (lost >> 24) as u8,
        // 24 bits with sign.
        lost: ((lost << 8) as i32) >> 8,
        highest: word(bytes, 8)?,
        jitter: word(bytes, 12)?,
        last_report: word(bytes, 16)?,
        delay: word(bytes, 20)?,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*word))
}

/// A compound packet being written.
#[derive(Debug)]
pub(in crate::rtp) struct Compound {
    bytes: [u8; COMPOUND_MAX],
    length: usize,
}

impl Compound {
    /// A report, sender's or receiver's, and who we are.
    pub(in crate::rtp) fn new(
        ssrc: u32,
        sender: Option<Sender>,
        block: Option<Block>,
        cname: &[u8; CNAME_BYTES],
    ) -> Self {
        let mut compound = Self { bytes: [0; COMPOUND_MAX], length: 0 };
        let kind = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let words = 1 + if sender.is_some() { 5 } else { 0 } + if block.is_some() { 6 } else { 0 };
        compound.head(u8::from(block.is_some()), kind, words);
        compound.words(&[ssrc]);
        if let Some(sender) = sender {
            let ntp = [(sender.ntp >> 32) as u32, sender.ntp as u32];
            compound.words(&ntp);
            compound.words(&[sender.timestamp, sender.packets, sender.octets]);
        }
        if let Some(block) = block {
            let lost = (u32::from(block.fraction) << 24) | (block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff);
            compound.words(&[block.ssrc, lost, block.highest, block.jitter, block.last_report, block.delay]);
        }
        // One item, CNAME, and its end: up to two bytes of zeros.
        compound.head(1, DESCRIPTION, 1 + (2 + CNAME_BYTES as u16 + 2) / 4);
        compound.words(&[ssrc]);
        compound.bytes(&[1, CNAME_BYTES as u8]);
        compound.bytes(cname);
        compound.bytes(&[0, 0]);
        compound
    }

    /// And goodbye (section 6.6).
    pub(in crate::rtp) fn bye(mut self, ssrc: u32) -> Self {
        self.head(1, BYE, 1);
        self.words(&[ssrc]);
        self
    }

    /// As it is sent.
    pub(in crate::rtp) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn head(&mut self, count: u8, kind: u8, words: u16) {
        let [high, low] = words.to_be_bytes();
        self.bytes(&[VERSION | count, kind, high, low]);
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.bytes(&word.to_be_bytes());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CNAME: &[u8; CNAME_BYTES] = b"0123456789abcdef";
    const SENDER: Sender = Sender { ntp: 0xe8b1_0203_4000_0001, timestamp: 77, packets: 500, octets: 80_000 };
    const BLOCK: Block = Block {
        ssrc: 7,
        fraction: 12,
        lost: -3,
        highest: 0x1_0005,
        jitter: 40,
        last_report: 0xabcd_1234,
        delay: 65_536,
    };

    fn reports(bytes: &[u8], ours: u32) -> Option<Vec<Report>> {
        let mut all = Vec::new();
        read(bytes, ours, |report| all.push(report)).map(|()| all)
    }

    #[test]
    fn what_we_write_we_read_and_so_does_another() {
        let compound = Compound::new(9, Some(SENDER), Some(BLOCK), CNAME).bye(9);
        let bytes = compound.as_bytes();
        assert_eq!(bytes.len(), COMPOUND_MAX);
        let report = Report { from: 9, sender: Some(SENDER), block: Some(BLOCK) };
        assert_eq!(reports(bytes, 7), Some(vec![report]));
        assert_eq!(reports(bytes, 8), Some(vec![Report { block: None, ..report }]), "a block about somebody else");

        let packets: Vec<rtcp_types::Packet<'_>> =
            rtcp_types::Compound::parse(bytes).unwrap().collect::<Result<_, _>>().unwrap();
        let [rtcp_types::Packet::Sr(report), rtcp_types::Packet::Sdes(words), rtcp_types::Packet::Bye(bye)] =
            &packets[..]
        else {
            panic!("{packets:?}")
        };
        assert_eq!((report.ssrc(), report.ntp_timestamp(), report.rtp_timestamp()), (9, SENDER.ntp, 77));
        assert_eq!((report.packet_count(), report.octet_count()), (500, 80_000));
        let block = report.report_blocks().next().unwrap();
        assert_eq!((block.ssrc(), block.fraction_lost(), block.cumulative_lost()), (7, 12, 0xff_fffd));
        assert_eq!((block.extended_sequence_number(), block.interarrival_jitter()), (0x1_0005, 40));
        assert_eq!(block.last_sender_report_timestamp(), 0xabcd_1234);
        assert_eq!(block.delay_since_last_sender_report_timestamp(), 65_536);
        let item = words.chunks().next().unwrap().items().next().unwrap();
        assert_eq!((item.type_(), item.value()), (1, &CNAME[..]));
        assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn a_receiver_without_a_source_writes_an_empty_report() {
        let compound = Compound::new(3, None, None, CNAME);
        assert_eq!(compound.as_bytes()[..8], [0x80, 201, 0, 1, 0, 0, 0, 3]);
        assert_eq!(reports(compound.as_bytes(), 7), Some(vec![Report { from: 3, sender: None, block: None }]));
    }

    #[test]
    fn nothing_of_a_broken_packet_is_believed() {
        let whole = Compound::new(9, Some(SENDER), Some(BLOCK), CNAME);
        let whole = whole.as_bytes();
        for length in 1..whole.len() {
            // A whole report and nothing behind it is fine with us, though no CNAME follows.
            assert_eq!(reports(&whole[..length], 7).is_some(), length == 52, "{length} bytes");
        }
        for (at, byte, what) in [
            (0, 0x41, "version 1"),
            (0, 0xa1, "padding in the middle"),
            (1, 202, "begins with a description"),
            (3, 200, "longer than the datagram"),
            (55, 0, "a description's length that leaves a rest of text"),
        ] {
            let mut broken = whole.to_vec();
            broken[at] = byte;
            assert_eq!(reports(&broken, 7), None, "{what}");
        }
        let mut many = whole.to_vec();
        many[0] = 0x80 | 31;
        assert_eq!(reports(&many, 7), Some(vec![]), "31 blocks announced, one there");
    }

    #[test]
    fn rtcp_on_the_media_port_is_told_from_rtp() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]) && is_rtcp(&[0x81, 201]) && is_rtcp(&[0xa1, 206, 0]));
        assert!(!is_rtcp(&[0x80, 0x88, 0, 1]) && !is_rtcp(&[0x80, 101]) && !is_rtcp(&[0x40, 200]) && !is_rtcp(&[0x80]));
    }

    /// The same functions as in `fuzz/`, for a moment.
    #[test]
    fn changed_packets_never_panic() {
        let whole = Compound::new(9, Some(SENDER), Some(BLOCK), CNAME).bye(9).as_bytes().to_vec();
        let mut state = 1_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize
        };
        for _ in 0..50_000 {
            let mut bytes = whole.clone();
            for _ in 0..=next() % 4 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            bytes.truncate(next() % (bytes.len() + 1));
            let mut told = 0;
            if read(&bytes, 7, |_| told += 1).is_none() {
                assert_eq!(told, 0);
            }
        }
    }
}
