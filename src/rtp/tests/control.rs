//! RTCP against plain sockets: what a phone gets, what it is believed.

use super::*;
use crate::rtp::rtcp::packet::{Block, Compound, Report, Sender, read};
use hotline_core::sdp;

/// A phone with its RTCP port.
struct Reporter {
    phone: Phone,
    control: UdpSocket,
}

/// The stream that phones of these tests send.
const THEIRS: u32 = 0x1234_5678;

impl Reporter {
    fn new() -> Self {
        let control = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        control.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { phone: Phone::new(Codec::Pcma), control }
    }

    fn remote(&self) -> Remote {
        Remote { rtcp: sdp::Rtcp::At(self.control.local_addr().unwrap()), ..self.phone.remote() }
    }

    /// The next compound packet, with what it says about our stream.
    fn report(&self) -> (Vec<u8>, Report) {
        let mut buffer = [0; 512];
        let length = self.control.recv(&mut buffer).expect("a report in time");
        let mut told = None;
        read(&buffer[..length], THEIRS, |report| told = Some(report)).expect("RTCP");
        (buffer[..length].to_vec(), told.expect("a report"))
    }

    /// Sends a report from this socket to the leg's RTCP port.
    fn tell(socket: &UdpSocket, leg: &Leg, from: u32, block: Block) {
        let sender = Sender { ntp: 77 << 32, timestamp: 1, packets: 1, octets: 1 };
        let compound = Compound::new(from, Some(sender), Some(block), b"abcdefghijklmnop");
        let to = SocketAddr::new(leg.local().ip(), leg.local().port() + 1);
        socket.send_to(compound.as_bytes(), to).unwrap();
    }
}

fn about(ours: u32, last_report: u32, lost: i32) -> Block {
    Block { ssrc: ours, fraction: 0, lost, highest: 100, jitter: 80, last_report, delay: 0 }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let done = (0..4_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        done()
    });
    assert!(done, "{what}");
}

#[test]
fn a_phone_gets_reports_on_what_it_sent_and_a_goodbye() {
    let media = media(2, 1);
    let (line, mut reporter) = (Line::open(&media), Reporter::new());
    line.leg.connect(reporter.remote());
    let heard = reporter.phone.hear();
    for n in 0..20 {
        if n == 7 {
            reporter.phone.sequence = reporter.phone.sequence.wrapping_add(1);
        } else {
            reporter.phone.say(&line.leg, &frame(n));
        }
    }
    let (bytes, report) = reporter.report();
    assert_eq!(report.from, heard.ssrc, "the source of what it hears");
    let (sender, block) = (report.sender.unwrap(), report.block.unwrap());
    assert!(sender.packets > 20 && sender.octets == sender.packets * 160, "{sender:?}");
    assert_eq!((block.ssrc, block.lost), (THEIRS, 1));
    assert!(bytes.len() > 52 && bytes[53] == 202, "a description follows");
    // It answers; the round trip is known.
    Reporter::tell(&reporter.control, &line.leg, THEIRS, about(heard.ssrc, sender.middle(), 3));
    until("a report that is believed", || line.leg.quality().told.is_some());
    let quality = line.leg.quality();
    assert_eq!((quality.told.unwrap().lost, quality.told.unwrap().jitter_ms), (3, 10.0));
    assert!(quality.round_trip_ms.is_some());
    drop(line);
    let (bytes, _) = (0..20).map(|_| reporter.report()).find(|(bytes, _)| bytes[bytes.len() - 7] == 203).unwrap();
    assert_eq!(bytes[bytes.len() - 4..], heard.ssrc.to_be_bytes());
}

#[test]
fn with_one_port_for_both_reports_come_and_go_there() {
    let media = media(2, 1);
    let (line, mut phone) = (Line::open(&media), Phone::new(Codec::Pcma));
    line.leg.connect(Remote { rtcp: sdp::Rtcp::Mux, ..phone.remote() });
    let ours = phone.hear().ssrc;
    phone.say(&line.leg, &frame(1));
    let compound = Compound::new(THEIRS, None, Some(about(ours, 0, 2)), b"abcdefghijklmnop");
    phone.socket.send_to(compound.as_bytes(), line.leg.local()).unwrap();
    until("it is believed", || line.leg.quality().told.is_some());
    let mut buffer = [0; 512];
    let report = (0..1_000).any(|_| {
        let length = phone.socket.recv(&mut buffer).unwrap();
        read(&buffer[..length], THEIRS, |_| {}).is_some()
    });
    assert!(report, "reports come to the media port");
    let quality = line.leg.quality();
    assert_eq!((quality.received, quality.lost, media.counters().malformed), (1, 0, 0), "it is no media");
}

#[test]
fn spoofed_and_broken_reports_change_nothing_and_are_counted() {
    let media = media(2, 1);
    let (mut line, mut reporter) = (Line::open(&media), Reporter::new());
    line.leg.connect(reporter.remote());
    let ours = reporter.phone.hear().ssrc;
    reporter.phone.say(&line.leg, &frame(1));
    until("it is heard", || line.leg.quality().received == 1);
    let (_, report) = reporter.report();
    let spoofed = about(ours, report.sender.unwrap().middle(), 200);
    // Another host of the loopback net, then the right one with another stream.
    let stranger = UdpSocket::bind(("127.0.0.9", 0)).unwrap();
    Reporter::tell(&stranger, &line.leg, THEIRS, spoofed);
    Reporter::tell(&reporter.control, &line.leg, THEIRS ^ 1, spoofed);
    let to = SocketAddr::new(line.leg.local().ip(), line.leg.local().port() + 1);
    for piece in [&b""[..], b"\x80\xc8", &[0x80, 200, 0xff, 0xff, 1, 2, 3, 4], &[0xff; 300]] {
        reporter.control.send_to(piece, to).unwrap();
    }
    until("all are counted", || (media.counters().rtcp_strangers, media.counters().rtcp_malformed) == (2, 4));
    let quality = line.leg.quality();
    assert_eq!((quality.told, quality.round_trip_ms, quality.received), (None, None, 1));
    // Reports go on to where they were agreed, not to the stranger.
    assert!(reporter.report().1.sender.is_some());
    line.no_event();
    assert_eq!(media.counters().faults, 0);
}
