//! Reports between two sides, with made-up time.

use super::*;
use hotline_core::audio::Codec;

const HERE: &str = "192.0.2.1:4001";
const OURS: u32 = 0x0102_0304;
const THEIRS: u32 = 0xa0b0_c0d0;

struct Bench {
    rtcp: Rtcp,
    stats: Stats,
    start: Instant,
    packets: u32,
}

fn wall(ms: u64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms as i64).unwrap()
}

fn received(expected: u32, came: u32) -> Received {
    Received { ssrc: THEIRS, highest: 70_000, expected, came, jitter: 24 }
}

impl Bench {
    fn new() -> Self {
        let start = crate::clock::now().mono;
        Self { rtcp: Rtcp::new(0x1234_5678_9abc_def0_1122), stats: Stats::default(), start, packets: 0 }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn report(&mut self, received: Option<Received>, ms: u64) -> Report {
        self.packets += 250;
        let sent = Sent { ssrc: OURS, packets: self.packets, octets: self.packets * 160, timestamp: 8 * ms as u32 };
        let now = (self.at(ms), wall(ms));
        let compound = self.rtcp.report(sent, received, now);
        let mut told = None;
        packet::read(compound.as_bytes(), THEIRS, |report| told = Some(report)).unwrap();
        told.unwrap()
    }

    /// The other side reports.
    fn hear(&mut self, block: Option<Block>, ms: u64) -> Verdict {
        self.hear_from(HERE, THEIRS, block, ms)
    }

    fn hear_from(&mut self, from: &str, ssrc: u32, block: Option<Block>, ms: u64) -> Verdict {
        let sender = Sender { ntp: ntp(wall(ms)), timestamp: 1, packets: 1, octets: 1 };
        let compound = Compound::new(ssrc, Some(sender), block, b"abcdefghijklmnop");
        self.datagram(compound.as_bytes(), from, ms)
    }

    fn datagram(&mut self, datagram: &[u8], from: &str, ms: u64) -> Verdict {
        let heard = Heard { host: "192.0.2.1".parse().unwrap(), ssrc: Some(THEIRS), clock_hz: 8_000 };
        let now = self.at(ms);
        self.rtcp.hear(datagram, from.parse().unwrap(), OURS, heard, now, &self.stats)
    }
}

fn block(last_report: u32, delay_ms: u64) -> Block {
    let delay = units(Duration::from_millis(delay_ms));
    Block { ssrc: OURS, fraction: 0, lost: 5, highest: 9, jitter: 80, last_report, delay }
}

#[test]
fn the_interval_is_five_seconds_made_uneven_and_the_first_is_half() {
    let mut bench = Bench::new();
    bench.rtcp.connect(bench.start);
    assert!(!bench.rtcp.is_due(bench.at(1_020)) && bench.rtcp.is_due(bench.at(3_100)));
    let (mut sum, mut least, mut most) = (0.0, f64::MAX, 0.0_f64);
    for _ in 0..2_000 {
        let seconds = bench.rtcp.interval(INTERVAL).as_secs_f64();
        (sum, least, most) = (sum + seconds, least.min(seconds), most.max(seconds));
    }
    assert!((sum / 2_000.0 - 5.0 / COMPENSATION).abs() < 0.1, "{sum}");
    assert!(least > 2.05 && least < 2.1 && most < 6.16 && most > 6.1, "{least} {most}");
}

#[test]
fn loss_is_told_for_the_interval_and_for_the_whole() {
    let mut bench = Bench::new();
    let first = bench.report(Some(received(250, 250)), 0).block.unwrap();
    assert_eq!((first.fraction, first.lost, first.last_report, first.delay), (0, 0, 0, 0));
    let second = bench.report(Some(received(500, 475)), 5_000).block.unwrap();
    assert_eq!((second.fraction, second.lost), (25, 25), "25 of 250 are 25 of 256");
    let third = bench.report(Some(received(750, 730)), 10_000).block.unwrap();
    assert_eq!((third.fraction, third.lost), (0, 20), "late ones came after all");
    let anew = bench.report(Some(received(10, 5)), 15_000).block.unwrap();
    assert_eq!((anew.fraction, anew.lost), (128, 5), "the stream began anew");
    let all = bench.report(Some(received(20, 5)), 20_000).block.unwrap();
    assert_eq!((all.fraction, all.lost), (255, 15));
}

#[test]
fn who_sends_nothing_any_more_is_a_receiver() {
    let mut bench = Bench::new();
    assert!(bench.report(None, 0).sender.is_some());
    let sent = Sent { ssrc: OURS, packets: 250, octets: 1, timestamp: 0 };
    let mut senders = Vec::new();
    for n in 1..4_u64 {
        let compound = bench.rtcp.report(sent, None, (bench.at(n * 5_000), wall(n * 5_000)));
        senders.push(compound.as_bytes()[1]);
    }
    assert_eq!(senders, [200, 201, 201], "two intervals later");
}

#[test]
fn the_round_trip_is_worked_out_of_both_sides_reports() {
    let mut bench = Bench::new();
    let ours = bench.report(None, 1_000).sender.unwrap();
    assert!(f64::from_bits(bench.stats.round_trip.load(Ordering::Relaxed)).is_nan());
    // It takes 30 ms there, they wait 2,000 ms, 50 ms back.
    assert_eq!(bench.hear(Some(block(ours.middle(), 2_000)), 3_080), Verdict::Believed);
    let quality = bench.stats.quality();
    assert!((quality.round_trip_ms.unwrap() - 80.0).abs() < 0.1, "{quality:?}");
    let told = quality.told.unwrap();
    assert_eq!((told.lost, told.jitter_ms), (0, 10.0), "no more is lost than was sent");
    // And they can work theirs out of ours.
    let answer = bench.report(Some(received(1, 1)), 4_080).block.unwrap();
    assert_eq!(answer.last_report, (ntp(wall(3_080)) >> 16) as u32);
    assert_eq!(answer.delay, 65_536);
}

#[test]
fn a_round_trip_that_cannot_be_is_left_out() {
    let mut bench = Bench::new();
    let ours = bench.report(None, 1_000).sender.unwrap();
    for (last_report, delay_ms, ms) in
        [(0, 0, 1_100), (ours.middle() ^ 1, 0, 1_100), (ours.middle(), 5_000, 1_100), (ours.middle(), 0, 12_000)]
    {
        bench.hear(Some(block(last_report, delay_ms)), ms);
        assert_eq!(bench.stats.quality().round_trip_ms, None);
    }
}

#[test]
fn strangers_and_wrong_streams_are_not_believed() {
    let mut bench = Bench::new();
    let ours = bench.report(None, 1_000).sender.unwrap();
    let spoofed = block(ours.middle(), 0);
    assert_eq!(bench.hear_from("198.51.100.9:4001", THEIRS, Some(spoofed), 1_500), Verdict::Stranger);
    assert_eq!(bench.hear_from(HERE, THEIRS ^ 1, Some(spoofed), 1_500), Verdict::Stranger);
    assert_eq!(bench.datagram(b"hello, hotline", HERE, 1_500), Verdict::Malformed);
    let quality = bench.stats.quality();
    assert_eq!((quality.told, quality.round_trip_ms), (None, None));
    assert_eq!(bench.rtcp.source, None);
    let answer = bench.report(Some(received(1, 1)), 2_000).block.unwrap();
    assert_eq!(answer.last_report, 0, "nor is their sender report");
    // A block about somebody else's stream says nothing of ours.
    assert_eq!(bench.hear(Some(Block { ssrc: OURS ^ 1, ..spoofed }), 2_100), Verdict::Believed);
    assert_eq!(bench.stats.quality().told, None);
}

#[test]
fn where_reports_go() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let mut remote = Remote {
        address: at("192.0.2.1:4000"),
        codec: Codec::Pcma,
        payload_type: 8,
        receive_payload_type: 8,
        events: None,
        events_hz: 8_000,
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp: sdp::Rtcp::NextPort,
    };
    let mut bench = Bench::new();
    let to = |bench: &Bench, remote: &Remote, learned: Option<&str>| {
        bench.rtcp.destination(remote, learned.map(at)).map(|to| to.to_string())
    };
    assert_eq!(to(&bench, &remote, None).unwrap(), "192.0.2.1:4001");
    assert_eq!(to(&bench, &remote, Some("198.51.100.7:6000")).unwrap(), "198.51.100.7:6001");
    remote.rtcp = sdp::Rtcp::At(at("192.0.2.1:5005"));
    assert_eq!(to(&bench, &remote, None).unwrap(), "192.0.2.1:5005");
    assert_eq!(to(&bench, &remote, Some("198.51.100.7:6000")).unwrap(), "198.51.100.7:6001", "behind translation");
    bench.hear_from("192.0.2.1:5999", THEIRS, None, 0);
    assert_eq!(to(&bench, &remote, None).unwrap(), "192.0.2.1:5999", "where theirs come from");
    remote.rtcp = sdp::Rtcp::Mux;
    assert_eq!(to(&bench, &remote, Some("198.51.100.7:6000")).unwrap(), "198.51.100.7:6000");
    remote.address = at("0.0.0.0:4000");
    assert_eq!(to(&bench, &remote, None), None);
    remote.rtcp = sdp::Rtcp::NextPort;
    remote.address = at("192.0.2.1:65535");
    bench.rtcp.connect(bench.start);
    assert_eq!(to(&bench, &remote, None), None);
}

#[test]
fn the_wall_clock_is_that_of_ntp() {
    let at = Timestamp::from_millisecond(500).unwrap();
    assert_eq!(ntp(at), (2_208_988_800 << 32) | 0x8000_0000);
    assert_eq!(units(Duration::from_millis(1_500)), 98_304);
}

#[test]
fn names_are_random_letters() {
    let (one, other) = (Rtcp::new(1).cname, Rtcp::new(u128::MAX / 7).cname);
    assert_ne!(one, other);
    assert!(one.iter().chain(&other).all(u8::is_ascii_graphic));
}
