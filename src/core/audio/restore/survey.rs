//! The first look at a segment: which streams each channel has, and how their clocks run against ours.

use super::warp::{Curve, Floor};
use crate::audio::segment::{Channel, Frame, Place, SAMPLES_MAX};

/// The delays of so much time give one floor (5 s), samples.
const WINDOW: i64 = 40_000;
/// A packet this much later than the floor may be the first of a stream that stopped its clock (100 ms).
const JUMP: i64 = 800;
/// It is, if none came back to the floor for so long (1 s).
const SURE: i64 = 8_000;
/// A stream that has just begun may have begun with packets that were late (1 s).
const YOUNG: i64 = 8_000;
/// A stream whose own time leaps by this against its packets' coming counts anew at once (2 s).
pub(super) const LEAP: i64 = 16_000;
/// Runs of a channel at most: a clock that stops each quarter of a second for four hours. Who has more is no phone, and what
/// would be another one is not heard.
const RUNS_MAX: usize = 65_536;

/// Which stream a packet is of. A codec with another clock counts as another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    source: u8,
    clock: u32,
}

impl Key {
    /// Of a packet.
    pub const fn of(place: Place) -> Self {
        Self { source: place.source, clock: place.codec.clock_ratio() }
    }
}

/// Counts a stream's 32-bit time on without end.
#[derive(Debug, Clone, Copy)]
pub struct Unwrap {
    key: Key,
    last: u32,
    /// In the codec's clock.
    time: i64,
}

impl Unwrap {
    /// The packet's time in samples at 8 kHz, by the counter of its stream. Both passes count the same way.
    pub fn count(all: &mut Vec<Self>, place: Place) -> i64 {
        let key = Key::of(place);
        let known = all.iter_mut().find(|known| known.key == key);
        let Some(known) = known else {
            all.push(Self { key, last: place.rtp, time: 0 });
            return 0;
        };
        known.time += i64::from(place.rtp.wrapping_sub(known.last) as i32);
        known.last = place.rtp;
        known.time / i64::from(key.clock)
    }
}

/// A stretch of a stream with one relation between its clock and ours.
#[derive(Debug, Clone)]
pub struct Run {
    /// Which stream.
    pub key: Key,
    /// Number of its first packet, counted in its channel.
    pub first: u64,
    /// Where it stands.
    pub curve: Curve,
}

/// What is known of a channel after the first look.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they began.
    pub runs: Vec<Run>,
    /// Those of each stream: the number of their first packet, and which they are.
    streams: Vec<(Key, Vec<(u64, usize)>)>,
}

impl Plan {
    fn new(mut runs: Vec<Run>) -> Self {
        runs.sort_by_key(|run| run.first);
        let mut streams: Vec<(Key, Vec<(u64, usize)>)> = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            match streams.iter_mut().find(|(key, _)| *key == run.key) {
                Some((_, own)) => own.push((run.first, index)),
                None => streams.push((run.key, vec![(run.first, index)])),
            }
        }
        Self { runs, streams }
    }

    /// The run that a packet belongs to.
    pub fn run(&self, key: Key, number: u64) -> Option<usize> {
        let (_, own) = self.streams.iter().find(|(known, _)| *known == key)?;
        let begun = own.partition_point(|(first, _)| *first <= number);
        Some(own[begun.checked_sub(1)?].1)
    }
}

/// The first look.
#[derive(Debug, Default)]
pub struct Survey {
    channels: [Scan; 2],
    /// Packets that we received and could not keep.
    pub dropped: u64,
}

impl Survey {
    /// The next frame of the file.
    pub fn take(&mut self, frame: Frame<'_>) {
        match frame {
            Frame::Audio(place, _) if place.arrived <= SAMPLES_MAX => self.channels[place.channel.index()].take(place),
            Frame::Dropped(_, packets) => self.dropped += u64::from(packets),
            Frame::Audio(..) | Frame::Unknown => {}
        }
    }

    /// What is known of a channel.
    pub fn plan(&self, channel: Channel) -> Plan {
        let runs = self.channels[channel.index()].streams.iter().flat_map(|stream| &stream.runs);
        Plan::new(runs.map(|run| Run { key: run.key, first: run.first, curve: Curve::fit(&run.floors()) }).collect())
    }
}

#[derive(Debug, Default)]
struct Scan {
    number: u64,
    clocks: Vec<Unwrap>,
    /// Each with its runs as they began; whoever sends can make many of those, but no more than 256 streams a clock.
    streams: Vec<Stream>,
    runs: usize,
}

#[derive(Debug)]
struct Stream {
    key: Key,
    runs: Vec<Seen>,
}

/// A run as it is being looked at.
#[derive(Debug)]
struct Seen {
    key: Key,
    first: u64,
    began: i64,
    /// The floors of the windows so far, and that of the last one.
    done: Vec<(i64, i64)>,
    window: i64,
    lowest: (i64, i64),
    /// Packets later than the floor by a jump, none between them: since when, and what a run of them would begin with.
    late: Option<Late>,
}

#[derive(Debug, Clone, Copy)]
struct Late {
    first: u64,
    since: i64,
    lowest: (i64, i64),
}

impl Scan {
    fn take(&mut self, place: Place) {
        let number = self.number;
        self.number += 1;
        let key = Key::of(place);
        let at = Unwrap::count(&mut self.clocks, place);
        let arrived = i64::from(place.arrived);
        let point = (at, arrived - at);
        let known = self.streams.iter().position(|stream| stream.key == key);
        let index = known.unwrap_or(self.streams.len());
        if known.is_none() {
            self.streams.push(Stream { key, runs: Vec::new() });
        }
        let fresh = match self.streams[index].runs.last_mut() {
            Some(run) => run.take(number, arrived, point),
            None => Some(Seen::new(key, number, arrived, point)),
        };
        if let Some(fresh) = fresh
            && self.runs < RUNS_MAX
        {
            self.runs += 1;
            self.streams[index].runs.push(fresh);
        }
    }
}

impl Seen {
    fn new(key: Key, first: u64, arrived: i64, point: (i64, i64)) -> Self {
        Self { key, first, began: arrived, done: Vec::new(), window: arrived / WINDOW, lowest: point, late: None }
    }

    /// The floor that packets are compared with: of this window and the one before.
    fn floor(&self) -> i64 {
        self.done.last().map_or(self.lowest.1, |before| before.1.min(self.lowest.1))
    }

    /// `Some`: another run of the same stream begins.
    fn take(&mut self, number: u64, arrived: i64, point: (i64, i64)) -> Option<Self> {
        let above = point.1 - self.floor();
        let young = arrived - self.began < YOUNG;
        if above.abs() >= LEAP || (above < -JUMP && !young) {
            return Some(Self::new(self.key, number, arrived, point));
        }
        if above > JUMP {
            let late = self.late.get_or_insert(Late { first: number, since: arrived, lowest: point });
            if point.1 < late.lowest.1 {
                late.lowest = point;
            }
            let late = *late;
            if arrived - late.since < SURE {
                return None;
            }
            self.late = None;
            return Some(Self { began: late.since, ..Self::new(self.key, late.first, arrived, late.lowest) });
        }
        self.late = None;
        let window = arrived / WINDOW;
        if window != self.window {
            self.done.push(self.lowest);
            (self.window, self.lowest) = (window, point);
        } else if point.1 < self.lowest.1 {
            self.lowest = point;
        }
        None
    }

    fn floors(&self) -> Vec<Floor> {
        let floor = |(at, offset): &(i64, i64)| Floor { at: *at as f64, offset: *offset as f64 };
        self.done.iter().chain([&self.lowest]).map(floor).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::segment::tests::place;
    use super::*;

    /// Packets of 20 ms by time of arrival: (own time, arrived).
    fn plan(packets: impl IntoIterator<Item = (i64, i64)>) -> Plan {
        let mut survey = Survey::default();
        for (rtp, arrived) in packets {
            survey.take(Frame::Audio(place(rtp as u32, arrived as u32), &[]));
        }
        survey.plan(Channel::Received)
    }

    fn begins(plan: &Plan) -> Vec<(u64, i64)> {
        plan.runs.iter().map(|run| (run.first, run.curve.offset(0.0) as i64)).collect()
    }

    #[test]
    fn a_steady_stream_is_one_run_whatever_its_first_number() {
        let found = plan((0..500).map(|n| (4_294_900_000 + n * 160, 80 + n * 160 + (n % 7) * 40)));
        assert_eq!(begins(&found), [(0, 80)]);
    }

    #[test]
    fn a_stream_that_begins_late_is_still_one_run() {
        let found = plan((0..500).map(|n| (n * 160, 80 + n * 160 + if n < 10 { 1_200 } else { 0 })));
        assert_eq!(begins(&found), [(0, 80)]);
    }

    #[test]
    fn a_clock_that_stops_in_a_pause_is_placed_anew_where_it_went_on() {
        let found = plan((0..500).map(|n| (n * 160, n * 160 + if n < 200 { 0 } else { 12_000 })));
        assert_eq!(begins(&found), [(0, 0), (200, 12_000)]);
        assert_eq!(found.run(found.runs[0].key, 199), Some(0));
        assert_eq!(found.run(found.runs[0].key, 200), Some(1));
    }

    #[test]
    fn a_stall_of_the_network_is_no_new_run() {
        // Half a second is held up and comes at once.
        let found =
            plan((0..500).map(|n| (n * 160, (n * 160).max(if (200..225).contains(&n) { 225 * 160 } else { 0 }))));
        assert_eq!(begins(&found), [(0, 0)]);
    }

    #[test]
    fn a_leap_and_a_new_source_begin_anew_at_once() {
        let found = plan((0..500).map(|n| (n * 160 + if n < 200 { 0 } else { 800_000 }, n * 160)));
        assert_eq!(begins(&found), [(0, 0), (200, -800_000)]);
        let mut survey = Survey::default();
        for n in 0..100_u32 {
            let source = u8::from(n >= 50 && n != 51);
            survey.take(Frame::Audio(Place { source, ..place(n * 160 + u32::from(source) * 7, n * 160) }, &[]));
        }
        let found = survey.plan(Channel::Received);
        assert_eq!(found.runs.iter().map(|run| run.first).collect::<Vec<_>>(), [0, 50]);
        assert_eq!(found.run(found.runs[0].key, 51), Some(0), "a late one of the old source is not of the new");
    }
}
