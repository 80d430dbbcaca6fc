//! A room: two to four legs of a call that hear each other by a matrix (who listens in, who whispers), on one lane.
//!
//! Every 20 ms the room takes a frame from each member's jitter buffer, sums for each member what it may hear, and
//! sends it in its codec. What a member holds for that lies in its [`Seat`]. A fault over one member takes out that
//! member only. Two legs that merely hear each other need no room: they are bridged, and nothing is decoded.
//!
//! Who is heard by more people than before is heard by them from then on: what was whispered and still waits in a
//! buffer stays between those for whom it was said. Voices come and go within a frame, without an edge.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use hotline_core::audio::jitter::{Jitter, Mark, Stamp};
use hotline_core::audio::{Codec, g711};

use super::leg::{LegState, Moment};
use super::wheel::LegKey;
use crate::codec::{Decoder, Encoder, SAMPLES_MAX};

/// Members of a room at most.
pub(super) const MEMBERS: usize = 4;
/// Samples of a turn.
pub(super) const FRAME: usize = 160;
/// Samples of the longest packet that we send, 60 ms.
const PACKET: usize = 480;
/// Samples of the shortest frame of Opus that we send, 10 ms.
const STEP: usize = 80;
/// Keys of rooms on the wheel have this bit, keys of legs never.
const ROOM_BIT: LegKey = 1 << 63;
/// A sum of voices is left as it is up to here.
const LOUD: i32 = 24_576;
/// Loudest sample.
const LOUDEST: i32 = 32_767;

/// Ticks of a room's turn.
pub(super) const TURN_TICKS: u64 = 10;

/// Names the room that a leg is the first of.
pub(super) const fn room_key(first: LegKey) -> LegKey {
    first | ROOM_BIT
}

/// Whether a key of the wheel is a room's.
pub(super) const fn is_room(key: LegKey) -> bool {
    key & ROOM_BIT != 0
}

/// What a member of a room holds beyond its leg. Made by whoever gives the order.
#[derive(Debug)]
pub(super) struct Seat {
    /// Its room.
    pub(super) room: LegKey,
    jitter: Jitter,
    decoder: Decoder,
    encoder: Encoder,
    pcm: [i16; SAMPLES_MAX],
    /// Mixed for this member and not sent yet: its packets may be longer than a turn.
    out: [i16; PACKET + FRAME],
    out_len: usize,
    /// The stream that we send goes on without a gap.
    pub(super) flowing: bool,
}

impl Seat {
    pub(super) fn new(room: LegKey, codec: Codec) -> Box<Self> {
        Box::new(Self {
            room,
            jitter: Jitter::default(),
            decoder: Decoder::new(codec),
            encoder: Encoder::new(codec),
            pcm: [0; SAMPLES_MAX],
            out: [0; PACKET + FRAME],
            out_len: 0,
            flowing: false,
        })
    }

    /// What this member said last, so that its voice goes on where the bridge ended.
    pub(super) fn prime(&mut self, codec: Codec, payload: &[u8]) {
        // What was said before in a codec with a memory can't be decoded from the middle. The two laws can, and it is the
        // other side's: the bridge has turned one into the other.
        let Some(law) = codec.law() else { return };
        let length = payload.len().min(self.pcm.len());
        for (sample, byte) in self.pcm.iter_mut().zip(payload) {
            *sample = g711::decode(law, *byte);
        }
        self.jitter.prime(&mut self.pcm[..length]);
    }

    /// A packet of this member.
    pub(super) fn hear(&mut self, codec: Codec, (ssrc, timestamp): (u32, u32), payload: &[u8], now: Instant) {
        if codec != self.decoder.codec() {
            // The other side has just changed its codec: the coders are on their way.
            return;
        }
        let length = self.decoder.decode(payload, &mut self.pcm);
        let stamp = Stamp { ssrc, timestamp, clock_hz: codec.clock_hz() };
        self.jitter.push(stamp, &self.pcm[..length], now);
    }

    /// The other side changed its codec while it sits here (a re-INVITE).
    pub(super) fn speaks(&mut self, decoder: Decoder, encoder: Encoder) {
        self.decoder = decoder;
        self.encoder = encoder;
    }

    /// Its background while it sends nothing.
    pub(super) fn background(&mut self, dbov: u8) {
        self.jitter.background(dbov);
    }

    /// Its frame of this turn; false: it sends nothing.
    pub(super) fn frame(&mut self, out: &mut [i16; FRAME], now: Instant) -> bool {
        self.jitter.pull(out, now);
        self.jitter.is_live()
    }

    /// This moment of what it says.
    pub(super) fn mark(&self) -> Mark {
        self.jitter.mark()
    }

    /// Nothing that it said before is to be heard any more.
    pub(super) fn is_past(&self, mark: Mark) -> bool {
        self.jitter.is_past(mark)
    }

    /// What it said and nobody heard yet.
    pub(super) fn rest(&mut self, out: &mut [i16]) -> usize {
        self.jitter.drain(out)
    }

    /// Adds what it hears.
    pub(super) fn mixed(&mut self, samples: &[i16]) {
        let length = samples.len().min(self.out.len() - self.out_len);
        self.out[self.out_len..self.out_len + length].copy_from_slice(&samples[..length]);
        self.out_len += length;
    }

    /// Takes a packet of what it hears, encoded: its bytes and samples. `None`: not enough is there; with `all` a short one will do.
    pub(super) fn packet(
        &mut self,
        codec: Codec,
        samples: usize,
        all: bool,
        body: &mut [u8],
    ) -> Option<(usize, usize)> {
        if codec != self.encoder.codec() {
            self.out_len = 0;
        }
        let length = if all { self.out_len.min(samples) } else { samples };
        // A packet of Opus holds whole tens of milliseconds; what is less is not heard.
        let length = if codec == Codec::Opus { length / STEP * STEP } else { length };
        if length == 0 || self.out_len < length {
            return None;
        }
        let bytes = self.encoder.encode(&self.out[..length], body);
        self.out.copy_within(length..self.out_len, 0);
        self.out_len -= length;
        Some((bytes, length))
    }

    /// Something else is sent to this member: what it did not hear is dropped.
    pub(super) fn silence(&mut self) {
        self.out_len = 0;
        self.flowing = false;
    }
}

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    members: [Option<Member>; MEMBERS],
    frames: [[i16; FRAME]; MEMBERS],
    mixed: [i16; FRAME],
}

/// Somebody in a room.
#[derive(Debug, Clone, Copy)]
struct Member {
    leg: LegKey,
    /// Whom it hears, by place: bit 0 is the first member.
    hears: u8,
    /// Whom it heard in the last turn.
    heard: u8,
    /// Who hears nothing of what this one said before the mark.
    later: u8,
    from: Mark,
}

impl Member {
    const fn hears_place(self, place: usize) -> bool {
        self.hears & (1 << place) != 0
    }
}

/// Who sends something to a member of a room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    /// Somebody whom it hears.
    pub(super) sends: bool,
    /// Somebody whom it hears and who holds the call: music of their own.
    pub(super) holder_sends: bool,
}

/// Who sits in a room and hears whom; seats for those who have none yet. Prepared by whoever gives the order.
#[derive(Debug)]
pub(super) struct RoomOrder {
    pub(super) key: LegKey,
    pub(super) parts: Vec<(LegKey, u8, Box<Seat>)>,
    /// Taken if the room is a new one.
    pub(super) room: Box<Room>,
}

impl RoomOrder {
    /// The room that it is about, once that is known.
    pub(super) fn sits_in(&mut self, key: LegKey) {
        self.key = key;
        for (_, _, seat) in &mut self.parts {
            seat.room = key;
        }
    }
}

/// Legs of a lane, as rooms see them.
pub(super) trait Legs {
    /// The leg, unless it is closed or out of service.
    fn leg(&mut self, key: LegKey) -> Option<&mut LegState>;
}

impl Default for Room {
    fn default() -> Self {
        Self { members: [None; MEMBERS], frames: [[0; FRAME]; MEMBERS], mixed: [0; FRAME] }
    }
}

impl Room {
    /// Takes the members as ordered. Whoever sits there already stays where the sound is; whoever is not named leaves.
    pub(super) fn arrange(&mut self, order: RoomOrder, legs: &mut impl Legs) {
        let before = self.members;
        let named = |key: LegKey| order.parts.iter().any(|(leg, ..)| *leg == key);
        for gone in before.iter().flatten().filter(|member| !named(member.leg)) {
            if let Some(leg) = legs.leg(gone.leg) {
                leg.rise();
            }
        }
        self.members = [None; MEMBERS];
        for (place, (key, hears, seat)) in order.parts.into_iter().take(MEMBERS).enumerate() {
            self.members[place] = Some(Member { leg: key, hears, heard: 0, later: 0, from: Mark::default() });
            let said = legs.leg(key).and_then(|leg| leg.bridged_here()).and_then(|peer| {
                let (mut last, mut length) = ([0; PACKET], 0);
                let codec = legs.leg(peer)?.last_relayed(&mut last, &mut length)?;
                Some((codec, last, length))
            });
            if let Some(leg) = legs.leg(key) {
                leg.sit(seat, said.as_ref().map(|(codec, last, length)| (*codec, &last[..*length])));
            }
        }
        self.go_on(&before, legs);
    }

    /// What was before goes over into what is now: who has heard whom, and who must not hear what was said before.
    fn go_on(&mut self, before: &[Option<Member>; MEMBERS], legs: &mut impl Legs) {
        let after = self.members;
        let place_in = |members: &[Option<Member>; MEMBERS], key: LegKey| {
            members.iter().position(|member| member.is_some_and(|member| member.leg == key))
        };
        // Who was meant by places of before, by places of now.
        let moved = |bits: u8| {
            let named = before.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
            named.filter_map(|(_, member)| place_in(&after, (*member)?.leg)).fold(0_u8, |all, place| all | 1 << place)
        };
        let listeners = |members: &[Option<Member>; MEMBERS], place: usize| {
            let hear = members.iter().enumerate().filter(|(_, who)| who.is_some_and(|who| who.hears_place(place)));
            hear.fold(0_u8, |all, (listener, _)| all | 1 << listener)
        };
        let fresh = |member: &Option<Member>| member.is_some_and(|member| place_in(before, member.leg).is_none());
        let fresh = after.iter().enumerate().filter(|(_, member)| fresh(member));
        let fresh = fresh.fold(0_u8, |all, (place, _)| all | 1 << place);
        for (place, member) in self.members.iter_mut().enumerate() {
            let Some(member) = member else { continue };
            let was_at = place_in(before, member.leg);
            let Some((was_at, was)) = was_at.and_then(|at| Some((at, before[at]?))) else {
                // From a bridge to the room: the two have heard each other all the time.
                member.heard = member.hears & fresh;
                continue;
            };
            member.heard = moved(was.heard);
            let hear_now = listeners(&after, place);
            let newly = hear_now & !moved(listeners(before, was_at));
            member.later = (moved(was.later) | newly) & hear_now;
            member.from = was.from;
            if newly != 0
                && let Some(leg) = legs.leg(member.leg)
            {
                member.from = leg.mark();
            }
        }
    }

    /// The room's turn. Legs that failed in it are pushed to `faults`.
    pub(super) fn turn(&mut self, legs: &mut impl Legs, at: Moment, faults: &mut Vec<LegKey>) {
        let (frames, mixed) = (&mut self.frames, &mut self.mixed);
        let (mut live, mut holders, mut withheld) = (0_u8, 0_u8, [0_u8; MEMBERS]);
        for (place, (member, frame)) in self.members.iter_mut().zip(frames.iter_mut()).enumerate() {
            frame.fill(0);
            let Some((leg, mark)) = (*member).and_then(|member| Some((legs.leg(member.leg)?, member.from))) else {
                *member = None;
                continue;
            };
            let said = catch_unwind(AssertUnwindSafe(|| (leg.is_past(mark), leg.say(frame, at.now))));
            let (Ok((past, sends)), Some(who)) = (said, member.as_mut()) else {
                frame.fill(0);
                faults.push(leg.key);
                *member = None;
                continue;
            };
            live |= u8::from(sends) << place;
            holders |= u8::from(leg.holds()) << place;
            who.later = if past { 0 } else { who.later };
            for (listener, withheld) in withheld.iter_mut().enumerate() {
                *withheld |= ((who.later >> listener) & 1) << place;
            }
        }
        for (member, withheld) in self.members.iter_mut().zip(withheld) {
            let Some(who) = member else { continue };
            let hears = who.hears & !withheld;
            sum(frames, hears, mixed);
            if hears != who.heard {
                let mut before = [0; FRAME];
                sum(frames, who.heard, &mut before);
                blend(&before, mixed);
                who.heard = hears;
            }
            let key = who.leg;
            let sends = Live { sends: hears & live != 0, holder_sends: hears & live & holders != 0 };
            let Some(leg) = legs.leg(key) else { continue };
            if catch_unwind(AssertUnwindSafe(|| leg.hear_mixed(mixed, sends, at))).is_err() {
                faults.push(key);
                *member = None;
            }
        }
    }

    /// Takes a member out.
    pub(super) fn leave(&mut self, key: LegKey) {
        for member in &mut self.members {
            if member.is_some_and(|member| member.leg == key) {
                *member = None;
            }
        }
    }

    /// Nobody is left who could be heard by somebody.
    pub(super) fn is_over(&self) -> bool {
        self.members.iter().flatten().count() < 2
    }
}

/// From a room to a bridge: what either said and the other did not hear yet goes out at once, so that what is relayed
/// next joins on to it; then both have left.
pub(super) fn part_for_bridge(one: LegKey, other: LegKey, legs: &mut impl Legs, at: Moment) {
    for (from, to) in [(one, other), (other, one)] {
        let mut rest = [0; FRAME];
        while let Some(speaker) = legs.leg(from) {
            let length = speaker.rest(&mut rest);
            let Some(listener) = legs.leg(to) else { break };
            listener.hear_rest(&rest[..length], at);
            if length < rest.len() {
                break;
            }
        }
    }
    for key in [one, other] {
        if let Some(leg) = legs.leg(key) {
            leg.rise();
        }
    }
}

/// The sum of the frames named in `hears`; loud sums are bent and never cut off.
fn sum(frames: &[[i16; FRAME]; MEMBERS], hears: u8, out: &mut [i16; FRAME]) {
    let mut voices = (0..MEMBERS).filter(|place| hears & (1 << place) != 0);
    match (voices.next(), hears.count_ones()) {
        (Some(only), 1) => *out = frames[only],
        (None, _) => out.fill(0),
        (Some(_), _) => {
            for (n, sample) in out.iter_mut().enumerate() {
                let places = (0..MEMBERS).filter(|place| hears & (1 << place) != 0);
                *sample = limit(places.map(|place| i32::from(frames[place][n])).sum());
            }
        }
    }
}

/// From what was heard to what is heard now, within the frame.
fn blend(before: &[i16; FRAME], now: &mut [i16; FRAME]) {
    for (n, (sample, before)) in now.iter_mut().zip(before).enumerate() {
        let (n, whole) = (n as i32, FRAME as i32);
        *sample = ((i32::from(*sample) * n + i32::from(*before) * (whole - n)) / whole) as i16;
    }
}

/// Bends what is too loud: the slope is 1 up to `LOUD` and falls to 0 at the end of the scale.
pub(super) fn limit(sum: i32) -> i16 {
    let size = sum.abs();
    if size <= LOUD {
        return sum as i16;
    }
    let room = LOUDEST - LOUD;
    let over = size - LOUD;
    let bent = (LOUD + over * room / (over + room)) as i16;
    if sum < 0 { -bent } else { bent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loud_sum_is_bent_and_never_turns_over() {
        let mut before = i16::MIN;
        for sum in (-140_000..=140_000).step_by(7) {
            let bent = limit(sum);
            assert!(bent >= before, "{sum}");
            before = bent;
        }
        assert_eq!((limit(20_000), limit(-24_576), limit(0)), (20_000, -24_576, 0));
        assert!(limit(131_068) < 32_767 && limit(131_068) > 31_000);
    }

    #[test]
    fn each_hears_what_the_matrix_says() {
        let mut frames = [[0; FRAME]; MEMBERS];
        for (place, frame) in frames.iter_mut().enumerate() {
            frame.fill(1 << place);
        }
        let mut out = [9; FRAME];
        for (hears, value) in [(0b0000, 0), (0b0001, 1), (0b1000, 8), (0b0110, 6), (0b1111, 15)] {
            sum(&frames, hears, &mut out);
            assert!(out.iter().all(|sample| *sample == value), "{hears:b}");
        }
    }
}
